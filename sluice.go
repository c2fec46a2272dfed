// Package sluice is for programs that run plans with executors of their own:
// a worker main, beside what package activities is for, the executors
// themselves.
//
//	func main() {
//		err := sluice.Run(sluice.Options{Executors: []activities.Executor{flags.Executor()}})
//		…
//	}
//
// NewWorker and ClientOptions are for programs that want more of the worker or
// of its connection in their own hands.
//
// docs/executors.md walks through such a program. What is internal is internal:
// only the packages activities, activities/conformance, domain, workflows and
// this one are for other modules.
package sluice

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/attributes"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// Options are what differs between workers. The zero value serves plans on the
// default task queue without executors and without search attributes.
type Options struct {
	// TaskQueue is where the worker takes plans and tasks from. Empty means
	// workflows.DefaultTaskQueue.
	TaskQueue string

	// StopTimeout is how long a worker that is being stopped lets targets under
	// way come to their end. 0 means 30 seconds.
	StopTimeout time.Duration

	// Settings are for the plans that begin on this worker. Where plans are to
	// write search attributes, call EnsureSearchAttributes first.
	Settings workflows.Settings

	// Executors are those that the worker serves, each of another name.
	Executors []activities.Executor

	// MaxConcurrentTasks is how many executions of tasks the worker works on at
	// once; further ones wait for it or for another worker. 0 means 200.
	MaxConcurrentTasks int

	// Observer is told what attempts at tasks come to, for metrics; nil: nobody
	// is.
	Observer activities.Observer

	// FailOnPanic lets a fault of workflow code fail the run, for tests. In
	// production it blocks the run until a mended worker comes.
	FailOnPanic bool
}

// Run connects as ClientOptions says, and works until the process is told to end
// by SIGINT or SIGTERM; then it lets targets under way come to their end. Where
// plans are to write search attributes, it registers what the namespace lacks.
func Run(o Options) error {
	ctx := context.Background()
	options, err := ClientOptions()
	if err != nil {
		return err
	}
	c, err := config.Dial(ctx, options)
	if err != nil {
		return err
	}
	defer c.Close()
	if o.Settings.SearchAttributes {
		if err := EnsureSearchAttributes(ctx, c, options); err != nil {
			return err
		}
	}
	if err := NewWorker(c, o).Run(worker.InterruptCh()); err != nil {
		return fmt.Errorf("running the worker: %w", err)
	}
	return nil
}

// NewWorker returns a worker that is not started yet. The client has to have
// the data converter of Sluice, as one made of ClientOptions has.
func NewWorker(c client.Client, o Options) worker.Worker { return host.NewWorker(c, host.Options(o)) }

// ClientOptions returns options for client.Dial: the connection that the
// TEMPORAL_* variables and the profile of Temporal's configuration file name,
// and Sluice's data converter.
func ClientOptions() (client.Options, error) {
	return config.NewConnection(pflag.NewFlagSet("sluice", pflag.ContinueOnError)).Options()
}

// DataConverter returns the data converter that clients and workers of Sluice
// need, for programs that make their client options themselves. It reads the
// plans that sluice has compressed, and leaves everything else as it is.
func DataConverter() converter.DataConverter { return payload.NewDataConverter() }

// EnsureSearchAttributes registers the search attributes of plans where the
// client's namespace lacks them, and waits until they can be used. A plan that
// writes one that is not known would be stuck.
func EnsureSearchAttributes(ctx context.Context, c client.Client, options client.Options) error {
	registry := &attributes.Registry{
		Operator: c.OperatorService(), Visibility: c, Namespace: options.Namespace, Address: options.HostPort,
	}
	if err := registry.Ensure(ctx, zap.NewNop()); err != nil {
		return fmt.Errorf("making the namespace ready for plans: %w", err)
	}
	return nil
}
