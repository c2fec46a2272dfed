package plans

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// pollEvery is how often a plan is asked for what became of a command.
const pollEvery = 150 * time.Millisecond

// Outcome is what became of an accepted command.
type Outcome struct {
	State   domain.PlanState `json:"state"`
	Phase   domain.Phase     `json:"phase"`
	Version int64            `json:"version"`
}

// Send sends a command to a plan and waits until the plan has taken it, as
// long as ctx lasts. A command that is not possible gives a *RefusedError, and
// one that nobody took in time a *TimeoutError.
func (c *Client) Send(ctx context.Context, id string, name domain.CommandName, command domain.Command) (Outcome, error) {
	command.CommandID = uuid.NewString()
	if err := c.signal(ctx, id, name, command); err != nil {
		return Outcome{}, err
	}
	entry, err := c.await(ctx, id, name, command.CommandID)
	switch {
	case err != nil:
		return Outcome{}, err
	case !entry.Accepted:
		return Outcome{}, &RefusedError{Why: entry.Refusal}
	}
	outcome := Outcome{State: entry.State, Version: entry.Version}
	if snapshot, err := c.Snapshot(ctx, id); err == nil {
		outcome = outcomeOf(snapshot)
	}
	return outcome, nil
}

func outcomeOf(s domain.Snapshot) Outcome {
	return Outcome{State: s.State, Phase: s.Phase, Version: s.Version}
}

func (c *Client) signal(ctx context.Context, id string, name domain.CommandName, command domain.Command) error {
	calling, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	err := c.Temporal.SignalWorkflow(calling, id, "", string(name), command)
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return c.whyNotTaken(ctx, id, name)
	}
	return c.wrap(err, id)
}

// whyNotTaken finds out why no workflow takes a command: there is none, or it
// has ended.
func (c *Client) whyNotTaken(ctx context.Context, id string, name domain.CommandName) error {
	description, err := c.describe(ctx, id)
	if err != nil {
		return err
	}
	var snapshot domain.Snapshot
	if found, err := c.final(ctx, id, &snapshot); err == nil && found {
		return &RefusedError{Why: (&domain.TransitionError{Entity: "plan", Name: id, State: string(snapshot.State), Event: string(name)}).Error()}
	}
	return &RefusedError{Why: fmt.Sprintf("the workflow of plan %q has ended (%s), so %s is not possible", id, statusOf(description).word(), name)}
}

// await polls the audit trail until it tells what became of a command.
func (c *Client) await(ctx context.Context, id string, name domain.CommandName, commandID string) (domain.AuditEntry, error) {
	var last error
	for {
		trail, err := c.Audit(ctx, id)
		if entry, found := entryOf(trail, commandID); found {
			return entry, nil
		}
		if err != nil && !Passing(err) && ctx.Err() == nil {
			return domain.AuditEntry{}, err
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		if !pause(ctx, pollEvery) {
			return domain.AuditEntry{}, &TimeoutError{What: fmt.Sprintf(
				"%s was sent to plan %q and stays on the way, but nobody has taken it in time%s; see what becomes of it with: sluice audit %s", name, id, because(last), id)}
		}
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func entryOf(trail workflows.AuditTrail, commandID string) (domain.AuditEntry, bool) {
	for _, entry := range trail.Entries {
		if entry.CommandID == commandID {
			return entry, true
		}
	}
	return domain.AuditEntry{}, false
}

// pause waits, and reports whether ctx lasted that long.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// AwaitPaused waits until a plan that was asked to pause is PAUSED, as long as
// ctx lasts. A plan that came to something else gives a *RefusedError, or a
// *PlanFailedError.
func (c *Client) AwaitPaused(ctx context.Context, id string) (View, error) {
	var view View
	for {
		current, err := c.View(ctx, id)
		switch {
		case err == nil:
			view = current
			if settled, err := pauseSettled(view); settled {
				return view, err
			}
		case !Passing(err) && ctx.Err() == nil:
			return view, err
		}
		if !pause(ctx, pollEvery) {
			return view, stillPausing(id, view)
		}
	}
}

// pauseSettled reports whether a pause that was accepted has come to its end,
// and what stood in its way.
func pauseSettled(view View) (bool, error) {
	switch {
	case view.State == domain.PlanPaused:
		return true, nil
	case view.State == domain.PlanFailed:
		return true, &PlanFailedError{View: view}
	case view.State == domain.PlanCompleted:
		return true, &RefusedError{Why: fmt.Sprintf("plan %q was COMPLETED before it could pause; nothing is in flight", view.PlanID)}
	case view.Status != statusName(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING):
		return true, &RefusedError{Why: fmt.Sprintf("the workflow of plan %q ended before the plan could pause (%s)", view.PlanID, view.Status.word())}
	case view.Phase != domain.PhasePausing:
		return true, &RefusedError{Why: fmt.Sprintf("another command came after the pause: plan %q is %s, version %d; see who sent it with: sluice audit %s", view.PlanID, view.State, view.Version, view.PlanID)}
	}
	return false, nil
}

func stillPausing(id string, view View) error {
	var tasks []string
	for _, t := range view.Tasks {
		if t.State == domain.TaskRunning {
			tasks = append(tasks, t.Name)
		}
	}
	what := fmt.Sprintf("plan %q was asked to pause and still is at it", id)
	if len(tasks) > 0 {
		what += "; not stopped yet: " + strings.Join(tasks, ", ")
	}
	return &TimeoutError{What: what + "; the pause stands, see when it is PAUSED with: sluice watch " + id}
}

// PlanFailedError says that a plan is FAILED.
type PlanFailedError struct{ View View }

func (e *PlanFailedError) Error() string {
	text := fmt.Sprintf("plan %q is FAILED", e.View.PlanID)
	if reason := e.View.Reason; reason != nil {
		if reason.Task != "" {
			text += ", task " + reason.Task
		}
		if reason.Message != "" {
			text += ": " + reason.Message
		}
	}
	return text
}
