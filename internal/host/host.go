// Package host puts a worker of Sluice together: the same one in production
// and in tests.
package host

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// DefaultStopTimeout is how long a worker that is being stopped lets targets
// under way come to their end. The attempts then go on elsewhere.
const DefaultStopTimeout = 30 * time.Second

// DefaultMaxConcurrentTasks bounds what a worker works on at once: each
// execution holds its targets and up to 256 KiB of checkpoint.
const DefaultMaxConcurrentTasks = 200

// Options are what differs between workers. The zero value serves plans on the
// default task queue without executors and without search attributes.
type Options struct {
	TaskQueue   string        // empty means workflows.DefaultTaskQueue
	StopTimeout time.Duration // 0 means DefaultStopTimeout
	Settings    workflows.Settings
	Executors   []activities.Executor

	// MaxConcurrentTasks is how many executions of tasks this worker works on at
	// once; further ones wait for it or for another worker. 0 means
	// DefaultMaxConcurrentTasks.
	MaxConcurrentTasks int

	Observer activities.Observer // is told what attempts come to; nil: nobody is

	FailOnPanic bool // a fault of workflow code fails the run, for tests; in production it blocks the run until a mended worker comes
}

// workflowPollers is how many polls for workflow tasks are open at once. With
// the SDK's 2 both may wait for plans that are in memory, and a plan that is
// not then waits until one of them ends, after a minute.
const workflowPollers = 10

// NewWorker returns a worker that is not started yet.
func NewWorker(c client.Client, o Options) worker.Worker {
	if o.TaskQueue == "" {
		o.TaskQueue = workflows.DefaultTaskQueue
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = DefaultStopTimeout
	}
	if o.MaxConcurrentTasks == 0 {
		o.MaxConcurrentTasks = DefaultMaxConcurrentTasks
	}
	policy := worker.BlockWorkflow
	if o.FailOnPanic {
		policy = worker.FailWorkflow
	}
	background := context.Background()
	if o.Observer != nil {
		background = activities.WithObserver(background, o.Observer)
	}
	w := worker.New(c, o.TaskQueue, worker.Options{
		Interceptors:                       []interceptor.WorkerInterceptor{workflows.NewInboxInterceptor()},
		BackgroundActivityContext:          background,
		WorkerStopTimeout:                  o.StopTimeout,
		WorkflowPanicPolicy:                policy,
		DisableRegistrationAliasing:        true,
		MaxConcurrentActivityExecutionSize: o.MaxConcurrentTasks,
		MaxConcurrentWorkflowTaskPollers:   workflowPollers,
		MaxHeartbeatThrottleInterval:       250 * time.Millisecond, // of executors that use the SDK's own heartbeat
	})
	workflows.Register(w, o.Settings)
	workflows.RegisterExecutors(w)
	activities.RegisterInspect(w, payload.NewDataConverter())
	activities.RegisterCatalog(w, o.Executors...)
	activities.Register(w, o.Executors...)
	return w
}
