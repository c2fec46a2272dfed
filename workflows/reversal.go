package workflows

import (
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
)

// startReversal starts the plan that puts back what this one has changed, and
// waits for it in a coroutine of its own. It tells its outcome by signal, since
// it may outlive this run; only where it ends without doing so the coroutine
// says so.
func (r *run) startReversal(ctx workflow.Context) {
	reverse, err := r.plan.Reverse(workflow.Now(ctx))
	if err != nil {
		r.plan.ReversalRefused(err.Error(), workflow.Now(ctx))
		r.changed = true
		return
	}
	r.beginning = true
	workflow.GoNamed(r.tasks, "rollback", func(ctx workflow.Context) {
		why, began := r.reversal(ctx, reverse)
		r.beginning, r.changed = false, true
		if !began {
			r.plan.ReversalRefused(why, workflow.Now(ctx))
			return
		}
		// What it has told stands before its end in history, and is taken first.
		r.must(workflow.Await(ctx, func() bool { return len(r.inbox.letters) == 0 }))
		if r.plan.ReversalUnderWay() {
			r.plan.Reversed(domain.ReversalOutcome{Generation: r.plan.Generation(), PlanID: reverse.ID, Note: why}, workflow.Now(ctx))
			r.changed = true
		}
	})
}

// reversal runs the reverse plan. It reports whether that began, and how it
// ended.
func (r *run) reversal(ctx workflow.Context, reverse domain.PlanRecord) (why string, began bool) {
	input, err := payload.Encode(RunState{APIVersion: domain.APIVersion, Kind: CarryKind, Plan: reverse, Settings: r.settings})
	if err == nil && len(input.Payload().GetData()) > maxCarryBytes {
		err = fmt.Errorf("the reverse plan takes %d bytes, and at most %d can be sent; roll its tasks back one by one", len(input.Payload().GetData()), maxCarryBytes)
	}
	if err != nil {
		return err.Error(), false
	}
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            reverse.ID,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, // of an earlier generation
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,              // it goes on when this plan is aborted or goes on in a new run
		StaticSummary:         truncateSummary(fmt.Sprintf("puts back what %s has changed", reverse.Reverses)),
	}), PlanType, input)
	var execution workflow.Execution
	if err := child.GetChildWorkflowExecution().Get(ctx, &execution); err != nil {
		return err.Error(), false
	}
	r.plan.ReversalBegun(execution.RunID)
	r.beginning, r.changed = false, true
	if err := child.Get(ctx, nil); err != nil {
		return err.Error(), true
	}
	return "it ended without telling what it has put back", true
}

// tellOriginal tells the plan that this one has put back what came of it. An
// original that has ended does not hear it.
func (r *run) tellOriginal(ctx workflow.Context) {
	original := r.plan.Reverses()
	if original == "" {
		return
	}
	if err := workflow.SignalExternalWorkflow(r.tasks, original, "", SignalReversed, r.plan.Outcome()).Get(r.tasks, nil); err != nil {
		workflow.GetLogger(ctx).Info("the plan that was rolled back does not run any more", "plan", original, "error", err)
	}
}
