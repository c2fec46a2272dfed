// Package sluice is for programs that run plans with executors of their own:
// a worker main, beside what package activities is for, the executors
// themselves.
//
//	func main() { sluice.Main(flags.Executor()) }
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
	"os"
	"path/filepath"
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
	"github.com/seed-3652815f/sluice/internal/program"
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

	// SearchAttributes lets the plans that begin on this worker write search
	// attributes, by which sluice list finds them. Call EnsureSearchAttributes
	// before, or such a plan is stuck where the namespace does not know them.
	SearchAttributes bool

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

// Main is the whole program of a worker with executors of its own. It has the
// settings of sluice-worker, as flags and environment variables (--help lists
// them): the connection, the task queue, what it shows of itself. It works until
// the process is told to end, lets targets under way come to their end, and ends
// the process.
func Main(executors ...activities.Executor) {
	program.Program{
		Name: filepath.Base(os.Args[0]), Own: true,
		Executors: func(*config.Worker) ([]activities.Executor, error) { return executors, nil },
	}.Main()
}

// NewWorker returns a worker that is not started yet. The client has to have
// the data converter of Sluice, as one made of ClientOptions has.
func NewWorker(c client.Client, o Options) worker.Worker {
	return host.NewWorker(c, host.Options{
		TaskQueue: o.TaskQueue, StopTimeout: o.StopTimeout, Executors: o.Executors,
		Settings:           workflows.Settings{SearchAttributes: o.SearchAttributes, Checks: true},
		MaxConcurrentTasks: o.MaxConcurrentTasks, Observer: o.Observer, FailOnPanic: o.FailOnPanic,
	})
}

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
