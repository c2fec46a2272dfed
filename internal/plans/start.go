package plans

import (
	"context"
	"errors"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/workflows"
)

// Start starts a plan under an id and returns the id of its run. An id that is
// taken gives a *RefusedError.
func (c *Client) Start(ctx context.Context, id string, plan planfile.Plan) (runID string, err error) {
	return c.startPlan(ctx, id, plan, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
}

// StartAgain is Start for a plan that has run before under the id: it does
// everything anew, as a new generation. One that has not ended, or that is being
// put back, gives a *RefusedError.
func (c *Client) StartAgain(ctx context.Context, id string, plan planfile.Plan) (runID string, err error) {
	reversing, err := c.Running(ctx, domain.ReverseID(id))
	var none *NotFoundError
	switch {
	case reversing:
		return "", &RefusedError{Why: fmt.Sprintf("the plan %q is being put back by the plan %s; wait for that one, or abort it, first", id, domain.ReverseID(id))}
	case err != nil && !errors.As(err, &none):
		return "", err
	}
	return c.startPlan(ctx, id, plan, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
}

func (c *Client) startPlan(ctx context.Context, id string, plan planfile.Plan, reuse enumspb.WorkflowIdReusePolicy) (string, error) {
	if strings.HasSuffix(id, domain.ReverseSuffix) {
		return "", &RefusedError{Why: fmt.Sprintf("the id %q ends in %q, which only the plans may that put back another one; give another with --id", id, domain.ReverseSuffix)}
	}
	return c.run(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: c.TaskQueue, WorkflowIDReusePolicy: reuse,
		StaticSummary: summary(plan.Document), StaticDetails: plan.Document.Spec.Description,
	}, plan.Input)
}

// run starts a run of the workflow Plan and returns its id.
func (c *Client) run(ctx context.Context, options client.StartWorkflowOptions, input converter.RawValue) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	run, err := c.Temporal.ExecuteWorkflow(ctx, options, workflows.PlanType, input)
	var taken *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &taken):
		return "", c.taken(ctx, options.ID)
	case err != nil:
		return "", c.wrap(err, "")
	}
	return run.GetRunID(), nil
}

// taken words why an id cannot be used again.
func (c *Client) taken(ctx context.Context, id string) error {
	description, err := c.describe(ctx, id)
	if err != nil {
		return err
	}
	status := description.GetWorkflowExecutionInfo().GetStatus()
	if status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return &RefusedError{Why: fmt.Sprintf("the plan %q is there already and has not ended; look at it with: sluice get %s, or start this one under another id with --id", id, id)}
	}
	return &RefusedError{Why: fmt.Sprintf("the plan %q has run before (%s); run it anew with --again, take up what is left with: sluice retry %s, or start this one under another id with --id", id, statusName(status).word(), id)}
}

// summary is the line that the Web UI shows beside the workflow's name. With
// a name of at most 200 bytes it keeps within the server's 400.
func summary(doc domain.Document) string {
	targets := map[string]bool{}
	for _, t := range doc.Spec.Tasks {
		for _, target := range doc.Spec.TargetsOf(t) {
			targets[target] = true
		}
	}
	return fmt.Sprintf("%s: %s for %s", doc.Metadata.Name, count(len(doc.Spec.Tasks), "task"), count(len(targets), "target"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Served reports whether a worker serves the task queue of new plans; where
// none does, the error is a *NoWorkerError.
func (c *Client) Served(ctx context.Context) error {
	workers, err := c.workersOf(ctx, c.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return err
	}
	if workers.alive == 0 {
		return &NoWorkerError{TaskQueue: c.TaskQueue, LastSeen: workers.lastSeen}
	}
	return nil
}
