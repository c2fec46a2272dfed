package domain

import (
	"errors"
	"fmt"
	"time"
)

// Undo is the rollback of a FAILED task by command: what was recorded before
// each change is put back, newest first. It is kept until the task is retried,
// so that it can be paused, fail and go on.
type Undo struct {
	Leg
	Running   bool         `json:"running,omitempty"` // false: it was stopped, has failed or has ended
	Failure   *FailureInfo `json:"failure,omitempty"` // why it failed last
	Actor     string       `json:"actor,omitempty"`   // who asked for it, as claimed
	StartedAt time.Time    `json:"startedAt"`
	EndedAt   time.Time    `json:"endedAt,omitzero"`
}

// CodeNotRestored is the error code of a rollback that had to leave targets as
// they are.
const CodeNotRestored = "NOT_RESTORED"

// ErrIrreversible says that a task's changes cannot be put back.
var ErrIrreversible = errors.New("the plan file says reversible: false, so what the task did cannot be put back")

// errIllegal says that the plan's state does not allow a command. The error for
// users lists what is legal, which is found by asking for each command.
var errIllegal = errors.New("not legal now")

// orRefuse words errIllegal, and returns every other error as it is.
func (p *Plan) orRefuse(err error, name CommandName) error {
	if errors.Is(err, errIllegal) {
		return p.refuse(string(name))
	}
	return err
}

// ErrReverse says that a plan puts back what another one has changed.
var ErrReverse = errors.New("the plan is itself a rollback, and a rollback is not rolled back; run the original plan anew instead")

// undoing reports whether the task is being rolled back.
func (t *Task) undoing() bool { return t.rec.Undo != nil && t.rec.Undo.Running }

// undone reports whether a rollback of the task was begun. It may have been
// stopped half-way, which is looked at before a plan completes that was paused.
func (t *Task) undone() bool { return t.rec.Undo != nil }

// restore returns what a rollback of the task puts back.
func (t *Task) restore() *Priors {
	if t.rec.Mode == ModeRollback {
		return &t.rec.Restore
	}
	if t.rec.Checkpoint == nil {
		return &Priors{}
	}
	return &t.rec.Checkpoint.Prior
}

// changed returns the targets at which the task may have changed something
// that is not put back yet. Prior values are saved before the first change, so
// that where they are recorded they tell.
func (t *Task) changed() RangeSet {
	cp := t.rec.Checkpoint
	if cp == nil || t.rec.Mode == ModeRollback {
		return RangeSet{}
	}
	var changed RangeSet
	for _, group := range cp.Prior.Groups() {
		changed.Union(group.Targets)
	}
	changed.Union(cp.Done)
	if cp.Prior.Count() == 0 {
		changed.Union(cp.Failed)
		changed.Union(cp.Batch)
	}
	if undo := t.rec.Undo; undo != nil && undo.Checkpoint != nil {
		changed = changed.Without(undo.Checkpoint.Done)
	}
	return changed
}

// reversible reports whether the plan file lets the task be rolled back.
func (t *Task) reversible() bool { return t.spec.Reversible == nil || *t.spec.Reversible }

// takeBack notes that targets stand again at what they were before: they are
// not done any more.
func (t *Task) takeBack(targets RangeSet) {
	if cp := t.rec.Checkpoint; cp != nil {
		cp.Done, cp.Failed, cp.Batch = cp.Done.Without(targets), cp.Failed.Without(targets), cp.Batch.Without(targets)
	}
}

// canUndo returns why a rollback of the task is not possible now; nil where it
// is.
func (p *Plan) canUndo(t *Task) error {
	_, matrix := taskMatrix.next(t.rec.State, TaskRollback)
	switch {
	case p.rec.Reverses != "":
		return fmt.Errorf("rolling back task %q: %w", t.rec.Name, ErrReverse)
	case !matrix:
		return p.refuseTask(t, CommandRollback)
	case p.rec.State != PlanPaused:
		return errIllegal
	case !t.reversible():
		return fmt.Errorf("rolling back task %q: %w", t.rec.Name, ErrIrreversible)
	}
	return nil
}

// rollbackTask begins, or goes on with, the rollback of a FAILED task. The plan
// is RUNNING meanwhile and starts nothing else.
func (p *Plan) rollbackTask(c Command, now time.Time) error {
	t, ok := p.Task(c.Task)
	if !ok {
		return fmt.Errorf("rolling back task %q: %w", c.Task, ErrUnknownTask)
	}
	if err := p.canUndo(t); err != nil {
		return p.orRefuse(err, CommandRollback)
	}
	if err := p.fire(PlanResume); err != nil {
		return err
	}
	if t.rec.Undo == nil {
		changed := t.changed()
		t.rec.Undo = &Undo{Leg: Leg{Select: &changed}}
	}
	undo := t.rec.Undo
	undo.again()
	undo.Running, undo.Failure, undo.Actor, undo.StartedAt, undo.EndedAt = true, nil, c.Actor, now, time.Time{}
	p.rec.Intent = intentUndo
	p.rec.Reason = &Reason{Kind: ReasonOperator, Task: t.rec.Name, Actor: c.Actor, At: now,
		Message: orDefault(c.Reason, fmt.Sprintf("task %q is being rolled back", t.rec.Name))}
	return nil
}

// endUndo notes that a task is not being rolled back any more, and why where
// that failed.
func (t *Task) endUndo(why *FailureInfo, now time.Time) {
	if t.undoing() {
		t.rec.Undo.Running, t.rec.Undo.Failure, t.rec.Undo.EndedAt = false, why, now
	}
}

// leftBehind words that more targets could not be put back than the task
// tolerates.
func (t *Task) leftBehind(now time.Time) (FailureInfo, bool) {
	progress, cp := t.leg().progress(len(t.all)), t.leg().Checkpoint
	if progress.Failed <= t.spec.FailureThreshold.Of(len(t.all)) {
		return FailureInfo{}, false
	}
	why := FailureInfo{Category: CategoryExecutor, ErrorCode: CodeNotRestored}
	if len(cp.Failures) > 0 {
		first := cp.Failures[0]
		why.Category, why.Target, why.Reason, why.Attempt = first.Category, first.Target, "; the first: "+first.Reason, first.Attempt
	}
	why.Reason = fmt.Sprintf("%d of %d targets could not be put back, %d were%s", progress.Failed, progress.Total, progress.Done, why.Reason)
	why.Timestamp = now
	return why, true
}

// afterUndo says why a plan is PAUSED after the rollback of a task, which is the
// one that its reason has named meanwhile.
func (p *Plan) afterUndo(now time.Time) *Reason {
	t, ok := p.Task(p.rec.Reason.Task)
	switch {
	case ok && t.rec.Undo.Failure != nil:
		reason := failureReason(t, *t.rec.Undo.Failure, now)
		reason.Message = truncate("the rollback failed: "+reason.Message, maxReasonBytes)
		return reason
	case ok && t.rec.Waiver != nil: // it was skipped before, so that the plan can go on
		return &Reason{Kind: ReasonOperator, Task: t.rec.Name, Actor: t.rec.Undo.Actor, At: now,
			Message: fmt.Sprintf("task %q was rolled back; it is skipped, so resume goes on without it", t.rec.Name)}
	}
	return p.unresolvedReason(now)
}
