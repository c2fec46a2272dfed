package workflows

import (
	"encoding/json"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// maxWaitingPauses is how many Updates may wait until the plan is PAUSED. The
// server takes 10 Updates in flight, and an abort has to find room.
const maxWaitingPauses = 8

// takeCommands carries out what is in the inbox, in the order of arrival.
func (r *run) takeCommands(ctx workflow.Context) {
	for l, ok := r.inbox.take(); ok; l, ok = r.inbox.take() {
		if l.name == SignalReversed {
			r.hearReversed(ctx, l)
			continue
		}
		now := workflow.Now(ctx)
		command, err := l.command()
		var entry domain.AuditEntry
		if err != nil {
			entry = r.plan.Refuse(l.name, err, now)
		} else {
			entry = r.plan.Apply(l.name, command, now)
		}
		r.notePause(entry)
		workflow.GetLogger(ctx).Info("command", "plan", r.plan.ID(), "command", entry.Command, "accepted", entry.Accepted,
			"actor", entry.Actor, "refusal", entry.Refusal, "state", entry.State, "version", entry.Version)
		if l.answer != nil {
			l.answer.given, l.answer.entry = true, entry
		}
	}
}

// setUpdates offers each command as an Update of the same name and argument.
func (r *run) setUpdates(ctx workflow.Context) error {
	for _, name := range domain.Commands {
		handle := func(ctx workflow.Context, args converter.RawValue) (domain.Outcome, error) {
			return r.update(ctx, name, args)
		}
		validate := func(ctx workflow.Context, args converter.RawValue) error { return r.validate(ctx, name, args) }
		if err := workflow.SetUpdateHandlerWithOptions(ctx, string(name), handle, workflow.UpdateHandlerOptions{
			Validator: validate, Description: commandDescriptions[name],
		}); err != nil {
			return fmt.Errorf("offering the Update %s: %w", name, err)
		}
	}
	return nil
}

// letterOf puts an Update's argument into the form of a Signal's.
func letterOf(name domain.CommandName, args converter.RawValue) letter {
	l := letter{name: name}
	if args.Payload() != nil {
		l.args = &commonpb.Payloads{Payloads: []*commonpb.Payload{args.Payload()}}
	}
	return l
}

// validate refuses an Update that is malformed, or whose command is not
// possible now; it then leaves no event. With commands before it in the inbox
// it is their outcome that decides, so that the handler answers.
func (r *run) validate(ctx workflow.Context, name domain.CommandName, args converter.RawValue) error {
	command, err := letterOf(name, args).command()
	if err == nil && len(r.inbox.letters) == 0 {
		err = r.plan.Check(name, command, workflow.Now(ctx))
	}
	if err == nil {
		return nil
	}
	workflow.GetLogger(ctx).Info("command refused by the validator", "plan", r.plan.ID(), "command", name,
		"actor", command.Actor, "refusal", err.Error(), "state", r.plan.State(), "version", r.plan.Version())
	return refused(err.Error(), domain.IsConflict(err))
}

// refused is the error with which an Update is answered whose command is
// refused.
func refused(why string, conflict bool) error {
	kind := ErrorRefused
	if conflict {
		kind = ErrorConflict
	}
	return temporal.NewNonRetryableApplicationError(why, kind, nil)
}

// update puts a command into the inbox and answers with what became of it; a
// pause is answered once the plan is PAUSED, or has come to something else.
func (r *run) update(ctx workflow.Context, name domain.CommandName, args converter.RawValue) (domain.Outcome, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a cancel of the plan is no reason to drop an answer
	l := letterOf(name, args)
	l.answer = &answer{}
	r.inbox.letters = append(r.inbox.letters, l)
	if err := workflow.Await(ctx, func() bool { return l.answer.given }); err != nil {
		return domain.Outcome{}, fmt.Errorf("waiting for the command's turn: %w", err)
	}
	entry := l.answer.entry
	if !entry.Accepted {
		return domain.Outcome{}, refused(entry.Refusal, entry.Conflict)
	}
	outcome := domain.Outcome{State: entry.State, Phase: entry.Phase, Version: entry.Version, Repeat: entry.Repeat}
	if name != domain.CommandPause || r.pauses >= maxWaitingPauses {
		return outcome, nil
	}
	r.pauses++
	defer func() { r.pauses-- }()
	if err := workflow.Await(ctx, func() bool { return r.plan.Phase() != domain.PhasePausing }); err != nil {
		return domain.Outcome{}, fmt.Errorf("waiting until the plan is PAUSED: %w", err)
	}
	state := r.plan.State()
	return domain.Outcome{State: state, Phase: r.plan.Phase(), Version: r.plan.Version(), Repeat: entry.Repeat,
		Superseded: state != domain.PlanPaused}, nil
}

// check lets the worker look at the tasks before a new plan begins: executors
// that nobody serves, and parameters that they refuse. It is one event.
func (r *run) check(ctx workflow.Context) error {
	if !r.fresh || !r.settings.Checks {
		return nil
	}
	var tasks []domain.TaskCheck
	for i, t := range r.plan.Document().Spec.Tasks {
		tasks = append(tasks, domain.TaskCheck{Index: i, Task: t.Name, Executor: t.Executor, Params: t.Params, TaskQueue: t.TaskQueue})
	}
	var faults []domain.Fault
	checking := workflow.WithLocalActivityOptions(ctx, checkOptions)
	if err := workflow.ExecuteLocalActivity(checking, domain.CheckActivity, tasks).Get(ctx, &faults); err != nil {
		// Each task is checked again when it begins.
		workflow.GetLogger(ctx).Warn("the tasks could not be checked before the plan begins", "plan", r.plan.ID(), "error", err)
		return nil
	}
	if len(faults) > 0 {
		return &domain.InvalidPlanError{Faults: faults}
	}
	return nil
}

// hearReversed takes what the reverse plan tells.
func (r *run) hearReversed(ctx workflow.Context, l letter) {
	var outcome domain.ReversalOutcome
	for _, p := range l.args.GetPayloads() {
		if err := json.Unmarshal(p.GetData(), &outcome); err != nil {
			workflow.GetLogger(ctx).Warn("what a reverse plan tells cannot be read", "plan", r.plan.ID(), "error", err)
			return
		}
	}
	r.plan.Reversed(outcome, workflow.Now(ctx))
}
