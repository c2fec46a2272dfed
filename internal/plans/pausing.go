package plans

import (
	"context"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/seed-3652815f/sluice/domain"
)

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
