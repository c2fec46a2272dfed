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
	fresh      bool            // this run begins its plan rather than going on with it
	beginning  bool            // the reverse plan is being started
	pauses     int             // Updates that wait until the plan is PAUSED
	pauseAsked time.Time       // when a pause was asked for that has not come yet
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
		if r.idle(ctx) && r.plan.State().Closed() {
			return r.end(ctx)
		}
		if r.idle(ctx) && r.handOver {
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

// idle reports whether nothing of this run is left to be done: no task is
// worked on, and every command has its answer.
func (r *run) idle(ctx workflow.Context) bool {
	return len(r.working) == 0 && !r.beginning && len(r.inbox.letters) == 0 && workflow.AllHandlersFinished(ctx)
}

// wait blocks until a command, a coroutine, a cancel or the history's length
// gives the scheduler something to do.
func (r *run) wait(ctx workflow.Context) {
	waiting := ctx
	if r.canceled {
		waiting = r.tasks
	}
	err := workflow.Await(waiting, func() bool {
		leaving := r.handOver || r.plan.State().Closed()
		return r.changed || len(r.inbox.letters) > 0 || r.tooLong(ctx) && !r.handOver || leaving && r.idle(ctx) || r.overlong(ctx)
	})
	if temporal.IsCanceledError(err) {
		r.canceled = true
		r.plan.Apply(domain.CommandAbort, domain.Command{Actor: "temporal", Reason: "the workflow was cancelled"}, workflow.Now(ctx))
	}
	if r.overlong(ctx) {
		r.plan.Apply(domain.CommandAbort, domain.Command{Actor: "sluice", Reason: fmt.Sprintf(
			"the plan's state takes more than the %d bytes that can be carried to a new run, and this run's history is near the server's limit; run what is left as smaller plans", maxCarryBytes)}, workflow.Now(ctx))
	}
	r.handOver = r.handOver || r.tooLong(ctx)
}

// Near the server's limits of 51,200 events and 50 MB a run is aborted that
// cannot hand over: the server would terminate it without a word.
const (
	maxHistoryEvents = 45_000
	maxHistoryBytes  = 45 << 20
)

// overlong reports whether a run that cannot hand over has to end.
func (r *run) overlong(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.overweight && !r.plan.Aborting() && !r.plan.State().Closed() &&
		(info.GetCurrentHistoryLength() > maxHistoryEvents || info.GetCurrentHistorySize() > maxHistoryBytes)
}

// tooLong reports whether the server suggests that a new run goes on.
func (r *run) tooLong(ctx workflow.Context) bool {
	return !r.overweight && workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// schedule gives every task that is to run a coroutine, and stops what is to
// stop without one.
func (r *run) schedule(ctx workflow.Context) error {
	now := workflow.Now(ctx)
	for _, t := range r.plan.Working() {
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
	if r.plan.ReversalDue() && !r.beginning && !r.handOver {
		r.startReversal(ctx)
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
	r.tellOriginal(ctx)
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
