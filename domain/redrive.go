package domain

import (
	"errors"
	"fmt"
	"time"
)

// Error codes of tasks that were RUNNING when their plan's run ended without
// the plan's doing.
const (
	CodeTerminated = "TERMINATED"  // the run was terminated
	CodeRunTimeout = "RUN_TIMEOUT" // the run's own time-out ended it
)

// ErrCompleted says that a plan has nothing left to do.
var ErrCompleted = errors.New("the plan is COMPLETED, so that nothing is left to do; run it anew with: sluice start FILE --again")

// ErrReversing says that a plan is being rolled back.
var ErrReversing = errors.New("the plan is being rolled back; wait for the rollback, or abort it, first")

// Interruption is how a run has ended.
type Interruption struct {
	Code        string                 // of the failure that RUNNING tasks get: CodeTerminated or CodeRunTimeout; empty where none can be RUNNING
	Checkpoints map[string]*Checkpoint // of tasks that were worked on, by name, from the server's record of the run
}

// Redrive returns the record with which a run of its own takes up a plan whose
// run has ended and which is not COMPLETED: CREATED, with its version going on,
// and with the tasks that the command retry means set to go again once it is
// started. What is COMPLETED, waived or done stays so. The record that was
// given is not changed.
func Redrive(rec PlanRecord, c Command, how Interruption, now time.Time) (PlanRecord, error) {
	p, err := Ended(rec, how, now)
	if err != nil {
		return PlanRecord{}, err
	}
	switch {
	case p.rec.State == PlanCompleted:
		return PlanRecord{}, fmt.Errorf("retrying plan %q: %w", rec.ID, ErrCompleted)
	case p.rec.Reversal != nil && p.rec.Reversal.RunID != "" && p.rec.Reversal.EndedAt.IsZero():
		return PlanRecord{}, fmt.Errorf("retrying plan %q: %w", rec.ID, ErrReversing)
	case p.takenBack():
		return PlanRecord{}, p.refuseTakenBack(CommandRetry)
	case c.IfVersion != 0 && c.IfVersion != rec.Version:
		return PlanRecord{}, &ConflictError{Plan: rec.ID, Want: c.IfVersion, Have: rec.Version}
	}
	if err := p.setAgain(c); err != nil {
		return PlanRecord{}, err
	}
	p.rec.State, p.rec.Intent, p.rec.Reason, p.rec.Reversal = PlanCreated, intentNone, nil, nil
	p.rec.StartedAt, p.rec.EndedAt = time.Time{}, time.Time{}
	p.rec.Document.Spec.Hold = false
	p.rec.Version++
	p.rec.Redrives++
	p.note(AuditEntry{At: now, Command: CommandRetry, CommandID: c.CommandID, Actor: c.Actor, Reason: c.Reason, Task: c.Task, Accepted: true})
	return p.Record(), nil
}

// Ended returns the plan of a run that has ended: where that was not the plan's
// own doing, the tasks that were worked on are FAILED, with what the server's
// record says of them. The record that was given is not changed.
func Ended(rec PlanRecord, how Interruption, now time.Time) (*Plan, error) {
	p, err := RestorePlan(rec)
	if err != nil {
		return nil, err
	}
	p = p.clone()
	return p, p.interrupt(how, now)
}

// interrupt makes the tasks that were worked on when the run ended FAILED, with
// what the server's record says of them.
func (p *Plan) interrupt(how Interruption, now time.Time) error {
	for _, t := range p.tasks {
		if !t.Working() {
			continue
		}
		if cp := how.Checkpoints[t.rec.Name]; cp != nil && cp.Check() == nil {
			p.Advance(t, cp.Of(Slice{First: cp.First, Last: min(cp.Last, len(t.all)-1)}))
		}
		why := FailureInfo{Category: CategoryTechnical, ErrorCode: orDefault(how.Code, CodeTerminated),
			Reason: "the plan's run ended while the task was worked on; targets under way may have been changed", Timestamp: now}
		if t.undoing() {
			t.endUndo(&why, now)
			continue
		}
		if err := p.fireTask(t, TaskFail); err != nil {
			return err
		}
		t.rec.Failure, t.rec.EndedAt = &why, now
	}
	return nil
}

// setAgain marks the tasks that the command means, for the start.
func (p *Plan) setAgain(c Command) error {
	if c.Task == "" && !p.anyTask(func(t *Task) bool { return t.unresolved() && t.rec.State == TaskFailed }) {
		changes, err := p.checkSet(c.Set)
		p.applySet(changes)
		return err // aborted before anything failed
	}
	chosen, changes, err := p.planRetry(c)
	if err != nil {
		return err
	}
	for _, t := range chosen {
		t.rec.MaxRetries = max(t.rec.MaxRetries, c.MaxRetries)
		t.rec.Again = orDefault(c.From, FromCheckpoint)
	}
	p.applySet(changes)
	return nil
}

// startAgain sets going, in a redrive, what the run before has left.
func (p *Plan) startAgain() error {
	for _, t := range p.tasks {
		switch {
		case t.rec.Again != "":
			if err := p.fireTask(t, TaskRetry); err != nil {
				return err
			}
			t.retried(Command{From: t.rec.Again})
			t.rec.Again = ""
		case t.rec.State == TaskPaused && t.rec.Waiver == nil:
			if err := p.fireTask(t, TaskResume); err != nil {
				return err
			}
		}
	}
	return nil
}
