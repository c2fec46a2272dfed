package domain

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ReverseSuffix ends the id of every reverse plan; other plans may not have
// such a name.
const ReverseSuffix = ".rollback"

// ReverseID returns the id of the plan that puts back what a plan has changed.
func ReverseID(id string) string { return id + ReverseSuffix }

// Reversal is the rollback of a plan as a whole: a plan of its own, which runs
// beside it, and what came of that.
type Reversal struct {
	PlanID    string         `json:"planId"` // of the reverse plan
	OnFailure bool           `json:"onFailure,omitempty"`
	Actor     string         `json:"actor,omitempty"` // who asked for it, as claimed
	At        time.Time      `json:"at"`
	RunID     string         `json:"runId,omitempty"`  // of the reverse plan; empty until it has begun
	State     PlanState      `json:"state,omitempty"`  // in which the reverse plan ended; empty until it has, or where it gave no account
	EndedAt   time.Time      `json:"endedAt,omitzero"` // zero while it is under way
	Note      string         `json:"note,omitempty"`   // how it ended, where it gave no account
	Tasks     []ReversedTask `json:"tasks,omitempty"`  // what was and was not put back
}

// ReversedTask is what was put back of one task.
type ReversedTask struct {
	Name     string    `json:"name"`
	State    TaskState `json:"state"` // of the task in the reverse plan
	Waived   bool      `json:"waived,omitempty"`
	Progress Progress  `json:"progress"`
}

// ReversalOutcome is what a reverse plan tells the plan that it puts back.
type ReversalOutcome struct {
	Generation string         `json:"generation"` // of both plans
	PlanID     string         `json:"planId"`     // of the reverse plan
	State      PlanState      `json:"state,omitempty"`
	Note       string         `json:"note,omitempty"`
	Tasks      []ReversedTask `json:"tasks,omitempty"`
}

// ErrNothingChanged says that there is nothing to put back.
var ErrNothingChanged = errors.New("the plan has changed nothing that could be put back")

// TakenBackError says that a plan was rolled back as a whole, so that it cannot
// go on.
type TakenBackError struct {
	Plan, Reverse, Event string
	State                PlanState // of the reverse plan; empty where it gave no account or is under way
}

func (e *TakenBackError) Error() string {
	switch {
	case e.State == PlanCompleted && e.Event == string(CommandRollback):
		return fmt.Sprintf("plan %q was rolled back already, by plan %q; there is nothing left to put back", e.Plan, e.Reverse)
	case e.Event == string(CommandRollback):
		return fmt.Sprintf("the rollback of plan %q is plan %q, which did not put back everything; go on with that one: sluice retry %s", e.Plan, e.Reverse, e.Reverse)
	}
	return fmt.Sprintf("plan %q was rolled back by plan %q, so %s would go on from what is not there any more; abort it, and run it anew with: sluice start FILE --again", e.Plan, e.Reverse, e.Event)
}

// Reversal returns the plan's rollback as a whole; nil where there is none.
func (p *Plan) Reversal() *Reversal { return p.rec.Reversal }

// Reverses returns the id of the plan that this one puts back; empty where it
// is no reverse plan.
func (p *Plan) Reverses() string { return p.rec.Reverses }

// Generation returns what tells the plan from others that ran under its id.
func (p *Plan) Generation() string { return p.rec.Generation }

// takenBack reports whether the plan's changes, or some of them, were put back.
func (p *Plan) takenBack() bool {
	rv := p.rec.Reversal
	if rv == nil || rv.EndedAt.IsZero() {
		return false
	}
	return rv.State == "" || slices.ContainsFunc(rv.Tasks, func(t ReversedTask) bool { return t.Progress.Done > 0 })
}

func (p *Plan) refuseTakenBack(name CommandName) error {
	return &TakenBackError{Plan: p.rec.ID, Reverse: p.rec.Reversal.PlanID, Event: string(name), State: p.rec.Reversal.State}
}

// changedAnything reports whether a reverse plan would have something to do.
func (p *Plan) changedAnything() bool {
	return p.anyTask(func(t *Task) bool {
		changed := t.changed()
		return t.reversible() && !changed.Empty()
	})
}

// canReverse returns why the plan cannot be rolled back as a whole now; nil
// where it can.
func (p *Plan) canReverse() error {
	stopped := p.rec.State == PlanPaused
	goesOn := p.rec.State == PlanRunning &&
		(p.rec.Intent == intentNone || p.rec.Intent == intentPause || p.rec.Intent == intentUndo) // a task's own rollback is stopped first
	switch {
	case !stopped && !goesOn:
		return errIllegal
	case p.rec.Reverses != "":
		return ErrReverse
	case p.rec.Reversal != nil && (p.takenBack() || p.rec.Reversal.State == PlanCompleted):
		return p.refuseTakenBack(CommandRollback)
	case !p.changedAnything() && len(p.Working()) == 0:
		return ErrNothingChanged
	}
	return nil
}

// Rollback puts back what was recorded before each change: of a FAILED task, or
// of the whole plan where the command names none.
func (p *Plan) Rollback(c Command, now time.Time) error {
	if c.Task != "" {
		return p.rollbackTask(c, now)
	}
	if err := p.canReverse(); err != nil {
		return p.orRefuse(err, CommandRollback)
	}
	if p.rec.State == PlanPaused {
		if err := p.fire(PlanResume); err != nil {
			return err
		}
	}
	p.reverse(Reversal{Actor: c.Actor, At: now})
	p.rec.Reason = &Reason{Kind: ReasonOperator, Actor: c.Actor, At: now, Message: orDefault(c.Reason, "the plan is being rolled back")}
	return nil
}

// reverse lets a RUNNING plan stop its tasks and be rolled back.
func (p *Plan) reverse(rv Reversal) {
	rv.PlanID = ReverseID(p.rec.ID)
	p.rec.Intent, p.rec.Reversal = intentReverse, &rv
}

// ReversalDue reports whether the reverse plan is to be started now.
func (p *Plan) ReversalDue() bool {
	return p.rec.State == PlanRunning && p.rec.Intent == intentReverse && p.rec.Reversal.RunID == "" && len(p.Working()) == 0
}

// ReversalBegun notes that the reverse plan runs.
func (p *Plan) ReversalBegun(runID string) {
	if p.rec.Reversal != nil {
		p.rec.Reversal.RunID = runID
	}
}

// ReversalUnderWay reports whether the plan waits for its reverse plan.
func (p *Plan) ReversalUnderWay() bool {
	return p.rec.State == PlanRunning && p.rec.Intent == intentReverse && p.rec.Reversal.RunID != ""
}

// ReversalRefused notes that the reverse plan could not be started.
func (p *Plan) ReversalRefused(why string, now time.Time) {
	if p.rec.State != PlanRunning || p.rec.Intent != intentReverse {
		return
	}
	message := truncate(fmt.Sprintf("the rollback could not begin: %s", why), maxReasonBytes)
	if p.rec.Reversal.OnFailure {
		p.rec.Reversal.EndedAt, p.rec.Reversal.Note = now, message
		p.arrive(PlanFail, now)
		return
	}
	p.rec.Reversal = nil
	p.rec.Reason = &Reason{Kind: ReasonOperator, At: now, Message: message}
	p.arrive(PlanPause, now)
}

// Reversed notes what came of the reverse plan: FAILED tasks of which all was
// put back are ROLLED_BACK, and the plan goes where the rollback leads it. An
// outcome that is not this plan's changes nothing.
func (p *Plan) Reversed(o ReversalOutcome, now time.Time) {
	rv := p.rec.Reversal
	if rv == nil || p.rec.State.Closed() || o.Generation != p.rec.Generation || o.PlanID != rv.PlanID {
		return
	}
	rv.State, rv.Note, rv.Tasks, rv.EndedAt = o.State, truncate(o.Note, maxReasonBytes), o.Tasks, now
	for _, reversed := range o.Tasks {
		if t, ok := p.Task(reversed.Name); ok && t.rec.State == TaskFailed && reversed.State == TaskCompleted {
			if err := p.fireTask(t, TaskRollback); err != nil {
				panic(fmt.Sprintf("domain: a FAILED task refused its rollback: %v", err)) // the matrix allows it
			}
		}
	}
	if p.rec.Intent != intentReverse {
		return
	}
	if rv.OnFailure {
		p.arrive(PlanFail, now)
		return
	}
	p.rec.Reason = &Reason{Kind: ReasonOperator, Actor: rv.Actor, At: now, Message: rv.account()}
	p.arrive(PlanPause, now)
}

// account words what a reversal has put back.
func (rv *Reversal) account() string {
	if rv.State == "" {
		return fmt.Sprintf("the rollback, plan %s, ended without an account: %s", rv.PlanID, rv.Note)
	}
	var sum Progress
	for _, t := range rv.Tasks {
		sum.Done += t.Progress.Done
		sum.Total += t.Progress.Total
	}
	return fmt.Sprintf("rolled back by plan %s, which is %s: %d of %d targets were put back", rv.PlanID, rv.State, sum.Done, sum.Total)
}

// Outcome returns what a reverse plan that has ended tells the original.
func (p *Plan) Outcome() ReversalOutcome {
	o := ReversalOutcome{Generation: p.rec.Generation, PlanID: p.rec.ID, State: p.rec.State}
	for _, t := range p.tasks {
		o.Tasks = append(o.Tasks, ReversedTask{Name: t.rec.Name, State: t.rec.State, Waived: t.rec.Waiver != nil, Progress: t.Progress()})
	}
	return o
}
