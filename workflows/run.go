package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// abortGrace is how long an abort waits for running tasks before it closes the
// plan anyway (contract, section 3).
const abortGrace = 30 * time.Second

// run is one run of the workflow Plan: one scheduler, and one coroutine for
// each task that runs. It decides when domain's methods are called; what they
// change is domain's.
type run struct {
	plan      *domain.Plan
	settings  Settings
	published published
	inbox     *inbox

	// tasks is what the coroutines work in: the workflow's context without its
	// cancel, which is a command like any other.
	tasks workflow.Context

	working    map[string]bool // the tasks that have a coroutine
	changed    bool            // a coroutine has changed something since the scheduler looked
	canceled   bool            // Temporal's own cancel was asked for
	handOver   bool            // no further slice begins; the next run goes on
	overweight bool            // the state does not fit into a next run
	abandon    bool            // an abort has waited long enough
	aborting   bool            // the timer of an abort is set
}

func newRun(ctx workflow.Context, plan *domain.Plan) *run {
	tasks, _ := workflow.NewDisconnectedContext(ctx)
	return &run{plan: plan, inbox: inboxOf(ctx), tasks: tasks, working: map[string]bool{}}
}

// loop is the scheduler: it carries out commands, sets tasks going, and waits
// for what comes next, until the plan is closed or handed to the next run.
func (r *run) loop(ctx workflow.Context) (*domain.Snapshot, error) {
	if r.plan.State() == domain.PlanCreated && !r.plan.Document().Spec.Hold {
		if err := r.plan.Start(workflow.Now(ctx)); err != nil {
			return nil, err
		}
	}
	for {
		r.changed = false
		r.takeCommands(ctx)
		if err := r.schedule(ctx); err != nil {
			return nil, err
		}
		if err := r.publish(ctx); err != nil {
			return nil, err
		}
		idle := len(r.working) == 0
		if idle && r.plan.State().Closed() {
			return r.end(ctx)
		}
		if idle && r.handOver && len(r.inbox.letters) == 0 {
			next, err := r.carry()
			if err == nil {
				return nil, workflow.NewContinueAsNewError(ctx, PlanType, next)
			}
			workflow.GetLogger(ctx).Error("the plan goes on in a run that is too long", "error", err)
			r.handOver, r.overweight = false, true
			continue
		}
		r.wait(ctx)
	}
}

// wait blocks until a command, a coroutine, a cancel or the history's length
// gives the scheduler something to do.
func (r *run) wait(ctx workflow.Context) {
	waiting := ctx
	if r.canceled {
		waiting = r.tasks
	}
	err := workflow.Await(waiting, func() bool {
		return r.changed || len(r.inbox.letters) > 0 || r.tooLong(ctx) && !r.handOver
	})
	if temporal.IsCanceledError(err) {
		r.canceled = true
		r.plan.Apply(domain.CommandAbort, domain.Command{Actor: "temporal", Reason: "the workflow was cancelled"}, workflow.Now(ctx))
	}
	r.handOver = r.handOver || r.tooLong(ctx)
}

// tooLong reports whether the server suggests that a new run goes on.
func (r *run) tooLong(ctx workflow.Context) bool {
	return !r.overweight && workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// takeCommands carries out what is in the inbox, in the order of arrival.
func (r *run) takeCommands(ctx workflow.Context) {
	for l, ok := r.inbox.take(); ok; l, ok = r.inbox.take() {
		now := workflow.Now(ctx)
		command, err := l.command()
		var entry domain.AuditEntry
		if err != nil {
			entry = r.plan.Refuse(l.name, err, now)
		} else {
			entry = r.plan.Apply(l.name, command, now)
		}
		workflow.GetLogger(ctx).Info("command", "command", entry.Command, "accepted", entry.Accepted,
			"actor", entry.Actor, "refusal", entry.Refusal, "state", entry.State, "version", entry.Version)
	}
}

// schedule gives every task that is to run a coroutine, and stops what is to
// stop without one.
func (r *run) schedule(ctx workflow.Context) error {
	now := workflow.Now(ctx)
	for _, t := range r.plan.Running() {
		switch {
		case r.working[t.Name()]:
		case r.plan.Stopping():
			if err := r.plan.Stop(t, now); err != nil {
				return err
			}
		case !r.handOver:
			r.launch(t)
		}
	}
	if !r.handOver {
		for _, t := range r.plan.Next(now) {
			if err := r.plan.Execute(t, now); err != nil {
				return err
			}
			r.launch(t)
		}
	}
	r.setAbortTimer()
	return nil
}

// launch gives a task the coroutine that works it off.
func (r *run) launch(t *domain.Task) {
	r.working[t.Name()] = true
	workflow.GoNamed(r.tasks, t.Name(), func(ctx workflow.Context) {
		r.work(ctx, t)
		delete(r.working, t.Name())
		r.changed = true
	})
}

// setAbortTimer bounds how long an abort waits for the tasks that still run.
func (r *run) setAbortTimer() {
	if r.aborting || !r.plan.Aborting() || len(r.working) == 0 {
		return
	}
	r.aborting = true
	workflow.GoNamed(r.tasks, "abort grace", func(ctx workflow.Context) {
		if err := workflow.Sleep(ctx, abortGrace); err == nil {
			r.abandon = true
		}
	})
}

// end closes the run with the plan's final snapshot.
func (r *run) end(ctx workflow.Context) (*domain.Snapshot, error) {
	final := r.snapshot(ctx)
	switch {
	case r.canceled:
		return nil, temporal.NewCanceledError(final)
	case final.State == domain.PlanFailed:
		message := fmt.Sprintf("plan %q failed", final.PlanID)
		if final.Reason != nil {
			message += ": " + final.Reason.Message
		}
		return nil, temporal.NewNonRetryableApplicationError(message, ErrorPlanFailed, nil, final)
	}
	return &final, nil
}
