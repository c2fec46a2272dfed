package workflows

import (
	"errors"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// Register registers the workflow Plan. The worker also needs
// NewInboxInterceptor, and the activity domain.InspectActivity.
func Register(registry worker.WorkflowRegistry, settings Settings) {
	registry.RegisterWorkflowWithOptions(Workflow{settings}.Plan, workflow.RegisterOptions{Name: PlanType})
}

// Workflow is the workflow Plan with the settings for the runs that begin.
type Workflow struct{ Settings Settings }

// Plan runs a plan to its end. Its input is a plan document, or the RunState of
// the run before; it is taken as it comes, so that a bad one is answered with
// every fault instead of blocking the run.
func (w Workflow) Plan(ctx workflow.Context, input converter.RawValue) (*domain.Snapshot, error) {
	r, err := open(ctx, input, w.Settings)
	if err != nil {
		return nil, invalidPlan(err)
	}
	if err := r.setHandlers(ctx); err != nil {
		return nil, err
	}
	if err := r.check(ctx); err != nil {
		return nil, invalidPlan(err)
	}
	return r.loop(ctx)
}

// maxListedFaults bounds the details of an InvalidPlan error.
const maxListedFaults = 100

// invalidPlan words why an input cannot be run.
func invalidPlan(err error) error {
	var invalid *domain.InvalidPlanError
	if !errors.As(err, &invalid) {
		return temporal.NewNonRetryableApplicationError(err.Error(), ErrorInvalidPlan, err)
	}
	faults := invalid.Faults[:min(len(invalid.Faults), maxListedFaults)]
	message := (&domain.InvalidPlanError{Faults: faults}).Error()
	return temporal.NewNonRetryableApplicationError(message, ErrorInvalidPlan, nil, faults)
}

// setHandlers answers queries and lists the commands, before anything blocks.
func (r *run) setHandlers(ctx workflow.Context) error {
	for _, name := range domain.Commands {
		// Signals arrive in the inbox; this makes the Web UI offer them.
		workflow.GetSignalChannelWithOptions(ctx, string(name), workflow.SignalChannelOptions{Description: commandDescriptions[name]})
	}
	if err := r.setUpdates(ctx); err != nil {
		return err
	}
	if err := r.setPages(ctx); err != nil {
		return err
	}
	status := func(args converter.RawValue) (domain.Snapshot, error) { return r.page(ctx, args) }
	if err := workflow.SetQueryHandlerWithOptions(ctx, QueryStatus, status,
		workflow.QueryHandlerOptions{Description: "The plan's status: states, phase, reason, progress, checkpoints, legal commands."}); err != nil {
		return err
	}
	text := func() (string, error) { return r.report(ctx), nil }
	if err := workflow.SetQueryHandlerWithOptions(ctx, QueryReport, text,
		workflow.QueryHandlerOptions{Description: "The status as text for people."}); err != nil {
		return err
	}
	audit := func() (AuditTrail, error) {
		entries, dropped := r.plan.Audit()
		return AuditTrail{Entries: entries, Dropped: dropped}, nil
	}
	return workflow.SetQueryHandlerWithOptions(ctx, QueryAudit, audit,
		workflow.QueryHandlerOptions{Description: "Who asked what, when and why, and what came of it."})
}
