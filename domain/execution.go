package domain

import (
	"fmt"
	"slices"
	"time"
)

// maxLostInARow is how many attempts may be lost in a row without progress
// before the task fails (contract, section 2).
const maxLostInARow = 10

// systemActor is who has done what nobody asked for.
const systemActor = "sluice"

// Next returns the tasks to execute now, in the order of the plan file: not
// yet executed, with every dependency settled, and no more than may run at
// once. A breakpoint pauses the plan instead.
func (p *Plan) Next(now time.Time) []*Task {
	if p.rec.State != PlanRunning || p.rec.Intent != intentNone || p.anyTask((*Task).unresolved) {
		return nil
	}
	free := p.rec.Document.Spec.Parallel() - len(p.Running())
	var next []*Task
	for _, t := range p.tasks {
		if len(next) >= free {
			break
		}
		if t.rec.State != TaskCreated || t.Settled() || !p.dependenciesSettled(t) {
			continue
		}
		if t.spec.PauseBefore && !t.rec.PassedStop {
			if len(next) == 0 {
				p.stopBefore(t, now)
			}
			break
		}
		next = append(next, t)
	}
	return next
}

// stopBefore pauses the plan at a task's breakpoint.
func (p *Plan) stopBefore(t *Task, now time.Time) {
	p.rec.Intent = intentPause
	p.rec.Reason = &Reason{Kind: ReasonBreakpoint, Task: t.rec.Name, At: now,
		Message: fmt.Sprintf("the plan stops before task %q, as its pauseBefore says", t.rec.Name)}
	p.settle(now)
}

func (p *Plan) dependenciesSettled(t *Task) bool {
	for _, name := range t.spec.DependsOn {
		if other, ok := p.Task(name); ok && !other.Settled() {
			return false
		}
	}
	return true
}

// Execute sets a CREATED task of a RUNNING plan going.
func (p *Plan) Execute(t *Task, now time.Time) error {
	if p.rec.State != PlanRunning || p.rec.Intent != intentNone {
		return p.refuse("execute task " + t.rec.Name)
	}
	if err := p.fireTask(t, TaskExecute); err != nil {
		return err
	}
	t.rec.Attempt++
	t.rec.StartedAt = now
	return nil
}

// Dispatch numbers a new execution of a slice and returns the request for it.
// The slice is one that Pending returned; used is how many of the automatic
// retries were used up before a worker was lost.
func (p *Plan) Dispatch(t *Task, s Slice, used int) TaskRequest {
	t.rec.Executions++
	p.rec.Fence++
	request := TaskRequest{
		Plan: p.rec.ID, Task: t.rec.Name, Executor: t.spec.Executor, Mode: t.Mode(),
		Params: t.spec.Params, EarlierParams: t.rec.Earlier,
		Targets: t.all[s.First : s.Last+1], Offset: s.First,
		Generation: p.rec.Generation, Revision: t.rec.Revision, FencingBase: p.rec.Fence * FencingStep,
		MaxRetries: max(0, t.spec.Retry.MaxRetriesOrDefault()-used), Parallel: t.spec.Parallel(),
		FailuresAllowed: t.spec.FailureThreshold.Of(len(t.all)), PriorBytes: p.priorBytesLeft(),
	}
	if request.Mode == ModeRollback {
		// What can be put back is put back; Succeed holds the threshold against
		// what could not.
		request.FailuresAllowed = len(t.all)
		request.Prior = t.restore().Within(s.First, s.Last)
	}
	leg := t.leg()
	if cp := leg.Checkpoint; cp != nil {
		part := cp.Within(s.First, s.Last)
		request.FailuresAllowed -= cp.Failed.Count() - part.Failed.Count()
		request.PriorBytes += part.Prior.Size()
		request.Checkpoint = &part
	}
	if others := leg.without(s.First, s.Last); !others.Empty() {
		if request.Checkpoint == nil {
			request.Checkpoint = &Checkpoint{Format: CheckpointFormat, First: s.First, Last: s.Last}
		}
		request.Checkpoint.Done.Union(others) // nothing is to be done there
	}
	t.underWay = &s
	return request
}

// priorBytesLeft returns how many bytes further prior values may take.
func (p *Plan) priorBytesLeft() int {
	left := MaxPriorBytes
	for _, t := range p.tasks {
		if t.rec.Checkpoint != nil {
			left -= t.rec.Checkpoint.Prior.Size()
		}
	}
	return max(0, left)
}

// Advance notes how far the slice under way has come; nil means that nothing
// is known beyond what was. It reports whether further targets are done.
func (p *Plan) Advance(t *Task, cp *Checkpoint) (progress bool) {
	t.underWay = nil
	if cp == nil {
		return false
	}
	leg := t.leg()
	leg.Spent += cp.Spent
	progress = leg.absorb(*cp, len(t.all))
	if t.undoing() {
		t.takeBack(leg.Checkpoint.Done)
	}
	return progress
}

// TimeLeft returns how much of the timeout the execution still has.
func (t *Task) TimeLeft() time.Duration {
	return t.spec.TimeoutOrDefault() - time.Duration(t.leg().Spent)
}

// LoseAttempts notes attempts that ended with their worker, without progress.
func (t *Task) LoseAttempts(n int) { t.leg().Lost += n }

// LossesLeft returns how many further attempts may be lost in a row before
// the task fails; 0 means that it fails now.
func (t *Task) LossesLeft() int { return max(0, maxLostInARow-t.leg().Lost) }

// Succeed ends a task of which every target is done or given up: a RUNNING one
// is COMPLETED, and one that was rolled back is ROLLED_BACK. A rollback that
// had to leave more targets than the task tolerates has failed.
func (p *Plan) Succeed(t *Task, now time.Time) error {
	if t.Mode() == ModeRollback {
		if why, left := t.leftBehind(now); left {
			return p.Fail(t, why, now)
		}
	}
	event := TaskSucceed
	if t.undoing() {
		event = TaskRollback
	}
	if err := p.fireTask(t, event); err != nil {
		return err
	}
	t.rec.EndedAt = now
	t.endUndo(nil, now)
	p.settle(now)
	return nil
}

// Stop ends the work on a task that stopped at a safe point; its checkpoint is
// what Advance noted last. A RUNNING task is PAUSED, or has failed where it
// stopped for an abort; one that is being rolled back stays FAILED.
func (p *Plan) Stop(t *Task, now time.Time) error {
	switch {
	case t.undoing():
		t.endUndo(nil, now)
	case p.rec.Intent == intentAbort:
		return p.Fail(t, FailureInfo{Category: CategoryBusiness, ErrorCode: CodeAborted, Reason: "the plan was aborted", Timestamp: now}, now)
	default:
		if err := p.fireTask(t, TaskPause); err != nil {
			return err
		}
	}
	p.settle(now)
	return nil
}

// Fail ends a RUNNING task as FAILED, and lets the plan's policy decide what
// comes of it. A task whose rollback fails is FAILED already.
func (p *Plan) Fail(t *Task, why FailureInfo, now time.Time) error {
	why = why.Bounded()
	if t.undoing() {
		t.endUndo(&why, now)
	} else {
		if err := p.fireTask(t, TaskFail); err != nil {
			return err
		}
		t.rec.Failure, t.rec.EndedAt = &why, now
		switch {
		case t.rec.Mode == ModeRollback && why.ErrorCode == CodeNotReversible:
			// Nobody can do anything about it, and what else was changed is still
			// to be put back.
			t.rec.Waiver = &Waiver{Actor: systemActor, Reason: "the executor cannot put back what the task did", At: now}
		case p.rec.Intent != intentAbort && p.rec.Intent != intentFail:
			p.blame(t, why, now)
		}
	}
	p.settle(now)
	return nil
}

// blame makes a failed task the reason of what its plan does next. A pause
// that somebody asked for is kept: FAILED could not be taken back.
func (p *Plan) blame(t *Task, why FailureInfo, now time.Time) {
	if p.rec.Intent == intentReverse {
		return // all that was changed is put back, whatever else fails
	}
	intent := intentPause
	if p.rec.Intent == intentNone {
		switch p.rec.Document.Spec.FailurePolicy() {
		case OnFailureFail:
			intent = intentFail
		case OnFailureRollback:
			intent = intentFail
			if p.changedAnything() {
				p.reverse(Reversal{OnFailure: true, At: now})
				intent = intentReverse
			}
		}
	}
	p.rec.Intent = intent
	p.rec.Reason = failureReason(t, why, now)
}

// failureReason says that a task has failed.
func failureReason(t *Task, why FailureInfo, now time.Time) *Reason {
	message := why.Reason
	if why.Target != "" {
		message = why.Target + ": " + message
	}
	return &Reason{Kind: ReasonFailure, Message: truncate(message, maxReasonBytes), Task: t.rec.Name, At: now}
}

// settle moves a RUNNING plan on once none of its tasks is worked on: to where
// it was asked to go, or to COMPLETED where all tasks are settled.
func (p *Plan) settle(now time.Time) {
	if p.rec.State != PlanRunning || p.anyTask((*Task).Working) {
		return
	}
	event := PlanEvent("")
	switch settled := !p.anyTask(func(t *Task) bool { return !t.Settled() }); {
	case p.rec.Intent == intentAbort, p.rec.Intent == intentFail:
		event = PlanFail
	case p.rec.Intent == intentReverse:
		return // until the reverse plan has ended
	case p.rec.Intent == intentUndo:
		event, p.rec.Reason = PlanPause, p.afterUndo(now)
	case settled && (p.rec.Intent != intentPause || !p.anyTask((*Task).undone)):
		event, p.rec.Reason = PlanComplete, nil
	case p.rec.Intent == intentPause:
		event = PlanPause
	case p.anyTask((*Task).unresolved):
		// A retry of one failed task has ended, and another one is still failed.
		event, p.rec.Reason = PlanPause, p.unresolvedReason(now)
	default:
		return
	}
	p.arrive(event, now)
}

// arrive moves a RUNNING plan to where settle or a reversal leads it.
func (p *Plan) arrive(event PlanEvent, now time.Time) {
	if err := p.fire(event); err != nil {
		panic(fmt.Sprintf("domain: a RUNNING plan refused %s: %v", event, err)) // the matrix allows all three
	}
	p.rec.Intent = intentNone
	if p.rec.State.Closed() {
		p.rec.EndedAt = now
	}
}

// unresolvedReason says which task nobody has dealt with.
func (p *Plan) unresolvedReason(now time.Time) *Reason {
	t := p.tasks[slices.IndexFunc(p.tasks, (*Task).unresolved)]
	if t.rec.State == TaskRolledBack {
		return &Reason{Kind: ReasonOperator, Task: t.rec.Name, At: now,
			Message: fmt.Sprintf("task %q was rolled back; skip it to go on without it, or abort", t.rec.Name)}
	}
	return failureReason(t, *t.rec.Failure, now)
}
