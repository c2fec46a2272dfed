package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/report"
)

// The search attributes of a plan (contract, section 3).
var (
	AttributeState      = temporal.NewSearchAttributeKeyKeyword("SluicePlanState")
	AttributeReason     = temporal.NewSearchAttributeKeyKeyword("SluiceReason")
	AttributeFailedTask = temporal.NewSearchAttributeKeyKeyword("SluiceFailedTask")
	AttributeReverses   = temporal.NewSearchAttributeKeyKeyword("SluiceReverses")
	AttributeLabels     = temporal.NewSearchAttributeKeyKeywordList("SluiceLabels")
	AttributeProgress   = temporal.NewSearchAttributeKeyFloat64("SluiceProgress")
)

// progressSteps is how many steps the progress is written in at most: each is
// an event.
const progressSteps = 20

// published is what the search attributes say.
type published struct {
	State      domain.PlanState  `json:"state,omitempty"`
	Reason     domain.ReasonKind `json:"reason,omitempty"`
	FailedTask string            `json:"failedTask,omitempty"`
	Step       int               `json:"step,omitempty"` // of the progress, 0 to progressSteps
}

// publish brings the search attributes up to date where they say something
// else by now, in one event, and logs each change of a state.
func (r *run) publish(ctx workflow.Context) error {
	r.logTransitions(ctx)
	progress := r.plan.Progress()
	current := published{State: r.plan.State(), Step: int(progress.Ratio * progressSteps)}
	if reason := r.plan.Reason(); reason != nil {
		current.Reason = reason.Kind
		if reason.Kind == domain.ReasonFailure {
			current.FailedTask = reason.Task
		}
	}
	before := r.published
	if current == before {
		return nil
	}
	r.published = current
	if !r.settings.SearchAttributes {
		return nil
	}
	updates := []temporal.SearchAttributeUpdate{
		AttributeState.ValueSet(string(current.State)),
		AttributeProgress.ValueSet(progress.Ratio),
	}
	if labels := r.plan.Document().Metadata.LabelList(); before.State == "" && len(labels) > 0 {
		updates = append(updates, AttributeLabels.ValueSet(labels))
	}
	if reverses := r.plan.Reverses(); before.State == "" && reverses != "" {
		updates = append(updates, AttributeReverses.ValueSet(reverses))
	}
	updates = append(updates, keyword(AttributeReason, string(before.Reason), string(current.Reason))...)
	updates = append(updates, keyword(AttributeFailedTask, before.FailedTask, current.FailedTask)...)
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		return fmt.Errorf("writing search attributes: %w", err)
	}
	return nil
}

// keyword is the update of an attribute that has changed; none otherwise.
func keyword(key temporal.SearchAttributeKeyKeyword, before, current string) []temporal.SearchAttributeUpdate {
	switch {
	case before == current:
		return nil
	case current == "":
		return []temporal.SearchAttributeUpdate{key.ValueUnset()}
	}
	return []temporal.SearchAttributeUpdate{key.ValueSet(current)}
}

// logTransitions logs the changes of states since it was called last. The
// logger is silent at replay.
func (r *run) logTransitions(ctx workflow.Context) {
	for _, t := range r.plan.Transitions() {
		if reason := r.plan.Reason(); t.Actor == "" && t.Task == "" && reason != nil {
			t.Actor = reason.Actor // who asked for the pause or the abort that has come now
		}
		workflow.GetLogger(ctx).Info("state", "plan", r.plan.ID(), "task", t.Task, "from", t.From, "to", t.To, "version", t.Version, "actor", t.Actor)
		r.countTransition(ctx, t)
	}
}

func (r *run) snapshot(ctx workflow.Context) domain.Snapshot {
	return r.plan.Snapshot(workflow.GetInfo(ctx).WorkflowExecution.RunID, workflow.Now(ctx))
}

func (r *run) report(ctx workflow.Context) string { return report.Text(r.snapshot(ctx)) }
