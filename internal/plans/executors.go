package plans

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// catalogTime bounds how long a worker may take to say what it serves.
const catalogTime = 10 * time.Second

// NoCatalogError says that no worker of a task queue tells its executors.
type NoCatalogError struct {
	TaskQueue string
	Why       string
	Err       error
}

func (e *NoCatalogError) Error() string {
	return fmt.Sprintf("no worker of the task queue %q says which executors it serves: %s", e.TaskQueue, e.Why)
}

// Unwrap gives the cause.
func (e *NoCatalogError) Unwrap() error { return e.Err }

// Executors asks a worker of the client's task queue what it serves. Where none
// answers within 10 seconds the error is a *NoCatalogError.
func (c *Client) Executors(ctx context.Context) (domain.Catalog, error) {
	serving, err := c.workersOf(ctx, c.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return domain.Catalog{}, err
	}
	if serving.alive == 0 {
		return domain.Catalog{}, &NoCatalogError{
			TaskQueue: c.TaskQueue,
			Why:       fmt.Sprintf("none is there; start one with: sluice-worker --task-queue %s, or name another task queue with --task-queue", c.TaskQueue),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, catalogTime+callTimeout)
	defer cancel()
	run, err := c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       "sluice-executors-" + c.TaskQueue,
		TaskQueue:                c.TaskQueue,
		WorkflowExecutionTimeout: catalogTime,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, // somebody asks the same
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            "which executors a worker serves",
	}, workflows.ExecutorsType)
	if err != nil {
		return domain.Catalog{}, c.wrap(err, "")
	}
	var catalog domain.Catalog
	err = run.Get(ctx, &catalog)
	var late *temporal.TimeoutError
	var failed *temporal.WorkflowExecutionError
	switch {
	case errors.As(err, &late):
		return domain.Catalog{}, &NoCatalogError{TaskQueue: c.TaskQueue, Why: fmt.Sprintf("none has answered within %s; look at their logs, they may be of an older version", catalogTime), Err: err}
	case errors.As(err, &failed):
		return domain.Catalog{}, &NoCatalogError{TaskQueue: c.TaskQueue, Why: "it failed to, see the workflow sluice-executors-" + c.TaskQueue, Err: err}
	}
	return catalog, c.wrap(err, "")
}
