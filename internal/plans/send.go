package plans

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// acceptTime is how long a worker may take to accept an Update before the
// command goes as a Signal too. A worker that has gone away may seem to be
// there for longer than it takes to accept.
const acceptTime = 10 * time.Second

// Outcome is what became of an accepted command.
type Outcome = domain.Outcome

// Send sends a command to a plan and waits for what becomes of it, as long as
// ctx lasts: for a pause until the plan is PAUSED, and otherwise until the plan
// has carried it out. A command that is not possible gives a *RefusedError, and
// one that nobody took in time a *TimeoutError.
//
// The command goes as an Update, whose answer is exact and whose refusal leaves
// no trace in history. An Update needs a worker that accepts it: where none is
// there, or none accepts it within 10 seconds, the command goes as a Signal,
// which waits in history for the next worker. Both carry the same commandId, so
// that a plan which gets both carries it out once.
func (c *Client) Send(ctx context.Context, id string, name domain.CommandName, command domain.Command) (Outcome, error) {
	command = identified(command)
	description, err := c.describe(ctx, id)
	if err != nil {
		return Outcome{}, err
	}
	if description.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return Outcome{}, c.whyNotTaken(ctx, id, name)
	}
	serving, err := c.workersOf(ctx, description.GetExecutionConfig().GetTaskQueue().GetName(), enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && serving.alive == 0 {
		return c.post(ctx, id, name, command)
	}
	outcome, taken, err := c.update(ctx, id, name, command)
	if !taken {
		return c.post(ctx, id, name, command)
	}
	return outcome, err
}

// identified gives a command the id by which a repeat is known.
func identified(command domain.Command) domain.Command {
	if command.CommandID == "" {
		command.CommandID = uuid.NewString()
	}
	return command
}

// update sends a command as an Update. It reports false where the plan may not
// have taken it.
func (c *Client) update(ctx context.Context, id string, name domain.CommandName, command domain.Command) (outcome Outcome, taken bool, err error) {
	accepting, cancel := context.WithTimeout(ctx, patience(ctx))
	defer cancel()
	handle, err := c.Temporal.UpdateWorkflow(accepting, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateID: command.CommandID, UpdateName: string(name), Args: []any{command},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err == nil {
		answering, cancel := answerTime(ctx, name)
		defer cancel()
		err = handle.Get(answering, &outcome)
	}
	var refusal *temporal.ApplicationError
	var gone *serviceerror.NotFound
	switch {
	case err == nil:
		return outcome, true, nil
	case errors.As(err, &refusal) && (refusal.Type() == workflows.ErrorRefused || refusal.Type() == workflows.ErrorConflict):
		return Outcome{}, true, &RefusedError{Why: refusal.Message()}
	case errors.As(err, &refusal): // the worker is of a version that takes Signals only
		return Outcome{}, false, err
	case errors.As(err, &gone):
		return Outcome{}, true, c.whyNotTaken(ctx, id, name)
	case handle == nil:
		return Outcome{}, false, err
	case ctx.Err() != nil:
		return Outcome{}, true, c.late(ctx, id, name)
	}
	outcome, err = c.told(ctx, id, name, command.CommandID)
	return outcome, true, err
}

// patience is how long an Update may wait to be accepted: it leaves time for
// the Signal after it.
func patience(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(acceptTime, time.Until(deadline)/2)
	}
	return acceptTime
}

// answerTime bounds how long an accepted Update may take to be answered. A
// server that has more Updates than it takes at once loses answers; the audit
// trail then has them. A pause is answered when the plan is PAUSED, which may
// take as long as the caller waits.
func answerTime(ctx context.Context, name domain.CommandName) (context.Context, context.CancelFunc) {
	if name == domain.CommandPause {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience(ctx))
}

// late words that the time is over for a command that the plan has accepted.
func (c *Client) late(ctx context.Context, id string, name domain.CommandName) error {
	if name == domain.CommandPause {
		looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*callTimeout)
		defer cancel()
		view, _ := c.View(looking, id) // without it the tasks are not named
		return stillPausing(id, view)
	}
	return &TimeoutError{What: fmt.Sprintf("plan %q has accepted %s and not answered in time; see what becomes of it with: sluice audit %s", id, name, id)}
}
