package plans

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// maxStateBytes is the most that the state of a plan may take for a run of its
// own (contract, section 2).
const maxStateBytes = 1536 << 10

// endedRun is a plan whose run has ended, as its worker has it.
type endedRun struct {
	state       workflows.RunState
	queue       string
	status      enumspb.WorkflowExecutionStatus
	checkpoints map[string]*domain.Checkpoint // of tasks that were worked on when the run was ended from outside
	began       time.Time
}

// Running reports whether a plan has a run that has not ended.
func (c *Client) Running(ctx context.Context, id string) (bool, error) {
	description, err := c.describe(ctx, id)
	if err != nil {
		return false, err
	}
	return description.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// Redrive takes up a plan that has ended and is not COMPLETED, with a run of
// its own under the same id: it keeps what is done and goes on from the
// checkpoints. It takes a worker, which reads the run that has ended.
func (c *Client) Redrive(ctx context.Context, id string, command domain.Command) (Outcome, error) {
	e, err := c.ended(ctx, id)
	if err != nil {
		return Outcome{}, err
	}
	if err := c.notReversed(ctx, id, e, domain.CommandRetry); err != nil {
		return Outcome{}, err
	}
	rec, err := domain.Redrive(e.state.Plan, command, e.interruption(), time.Now().UTC())
	if err != nil {
		return Outcome{}, &RefusedError{Why: err.Error()}
	}
	if err := c.runState(ctx, e, rec, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY); err != nil {
		return Outcome{}, err
	}
	return Outcome{State: rec.State, Version: rec.Version}, nil
}

// runState starts a run that goes on from a plan record.
func (c *Client) runState(ctx context.Context, e endedRun, rec domain.PlanRecord, reuse enumspb.WorkflowIdReusePolicy) error {
	input, err := payload.Encode(workflows.RunState{APIVersion: domain.APIVersion, Kind: workflows.CarryKind, Plan: rec, Settings: e.state.Settings})
	if err != nil {
		return fmt.Errorf("encoding the plan %q: %w", rec.ID, err)
	}
	if size := len(input.Payload().GetData()); size > maxStateBytes {
		return &RefusedError{Why: fmt.Sprintf("the plan %q takes %d bytes with all that it knows, and at most %d can be sent; run what is left as smaller plans", rec.ID, size, maxStateBytes)}
	}
	_, err = c.run(ctx, client.StartWorkflowOptions{
		ID: rec.ID, TaskQueue: e.queue, WorkflowIDReusePolicy: reuse,
		StaticSummary: summary(rec.Document), StaticDetails: rec.Document.Spec.Description,
	}, input)
	return err
}

// ended reads a plan whose run has ended. One that has not gives a
// *RefusedError, and so does a run whose input was no plan.
func (c *Client) ended(ctx context.Context, id string) (endedRun, error) {
	description, err := c.describe(ctx, id)
	if err != nil {
		return endedRun{}, err
	}
	info := description.GetWorkflowExecutionInfo()
	e := endedRun{
		status: info.GetStatus(), began: info.GetStartTime().AsTime(),
		queue: description.GetExecutionConfig().GetTaskQueue().GetName(), checkpoints: map[string]*domain.Checkpoint{},
	}
	if e.status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return e, &RefusedError{Why: fmt.Sprintf("the plan %q has not ended; look at it with: sluice get %s", id, id)}
	}
	var invalid *domain.InvalidPlanError
	if _, err := c.final(ctx, id, &domain.Snapshot{}); errors.As(err, &invalid) {
		return e, &RefusedError{Why: fmt.Sprintf("the run of %q has ended because its input was no plan, so that there is nothing to go on from: %v", id, invalid)}
	}
	if err := c.query(ctx, id, workflows.QueryRecord, &e.state); err != nil {
		return e, err
	}
	if e.cutOff() {
		e.readHeartbeats(c.flights(description))
	}
	return e, nil
}

// cutOff reports whether something else than the plan has ended the run.
func (e endedRun) cutOff() bool {
	return e.status == enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED || e.status == enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT
}

// readHeartbeats keeps the last checkpoints of what was in flight: the workflow
// itself never learned of them.
func (e endedRun) readHeartbeats(flights []Flight) {
	for _, f := range flights {
		if f.checkpoint != nil {
			e.checkpoints[f.Task] = f.checkpoint
		}
	}
}

func (e endedRun) interruption() domain.Interruption {
	how := domain.Interruption{Code: domain.CodeTerminated, Checkpoints: e.checkpoints}
	if e.status == enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT {
		how.Code = domain.CodeRunTimeout
	}
	return how
}

// notReversed refuses a command where a reverse plan of this run exists that
// was started after the run's end, of which the run itself knows nothing.
func (c *Client) notReversed(ctx context.Context, id string, e endedRun, name domain.CommandName) error {
	reverse, err := c.reversePlan(ctx, id, e.began)
	if err != nil || reverse == nil {
		return err
	}
	state := domain.PlanState("")
	attributesOf(reverse.GetWorkflowExecutionInfo())(workflows.AttributeState.GetName(), &state)
	if reverse.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED {
		state = domain.PlanCompleted
	}
	return &RefusedError{Why: (&domain.TakenBackError{Plan: id, Reverse: domain.ReverseID(id), Event: string(name), State: state}).Error()}
}

// reversePlan returns what the server has of a plan's reverse plan; nil where
// there is none that began after a time.
func (c *Client) reversePlan(ctx context.Context, id string, after time.Time) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	description, err := c.describe(ctx, domain.ReverseID(id))
	var none *NotFoundError
	switch {
	case errors.As(err, &none):
		return nil, nil
	case err != nil:
		return nil, err
	case description.GetWorkflowExecutionInfo().GetStartTime().AsTime().Before(after):
		return nil, nil // of an earlier generation
	}
	return description, nil
}
