package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// ExecutorsType is the workflow type that asks a worker which executors it
// serves. It takes no input and returns a domain.Catalog within seconds.
const ExecutorsType = "Executors"

// RegisterExecutors registers the workflow Executors, for workers that have the
// activity domain.ExecutorsActivity.
func RegisterExecutors(registry worker.WorkflowRegistry) {
	registry.RegisterWorkflowWithOptions(Executors, workflow.RegisterOptions{Name: ExecutorsType})
}

// Executors returns what the worker serves that happens to take it up. The
// activity is a local one, so that no other worker can answer for it.
func Executors(ctx workflow.Context) (*domain.Catalog, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 10 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 3},
	})
	var catalog domain.Catalog
	err := workflow.ExecuteLocalActivity(ctx, domain.ExecutorsActivity).Get(ctx, &catalog)
	if err != nil {
		return nil, err
	}
	return &catalog, nil
}
