package domain

import (
	"fmt"
	"slices"
	"time"
)

// maxLostInARow is how many attempts may be lost in a row without progress
// before the task fails (contract, section 2).
const maxLostInARow = 10

// Next returns the tasks to execute now, in the order of the plan file: not
// yet executed, with every dependency settled, and no more than may run at
// once. A breakpoint pauses the plan instead.
func (p *Plan) Next(now time.Time) []*Task {
	if p.rec.State != PlanRunning || p.Stopping() || p.anyTask((*Task).unresolved) {
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
	if p.rec.State != PlanRunning || p.Stopping() {
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
		Plan: p.rec.ID, Task: t.rec.Name, Executor: t.spec.Executor, Mode: ModeApply, Params: t.spec.Params,
		Targets: t.all[s.First : s.Last+1], Offset: s.First,
		Generation: p.rec.Generation, Revision: t.rec.Revision, FencingBase: p.rec.Fence * FencingStep,
		MaxRetries: max(0, t.spec.Retry.MaxRetriesOrDefault()-used), Parallel: t.spec.Parallel(),
		FailuresAllowed: t.spec.FailureThreshold.Of(len(t.all)), PriorBytes: p.priorBytesLeft(),
	}
	if cp := t.rec.Checkpoint; cp != nil {
		part := cp.Within(s.First, s.Last)
		request.FailuresAllowed -= cp.Failed.Count() - part.Failed.Count()
		request.PriorBytes += part.Prior.Size()
		request.Checkpoint = &part
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
	t.rec.Spent += cp.Spent
	return t.absorb(*cp)
}

// TimeLeft returns how much of the timeout the execution still has.
func (t *Task) TimeLeft() time.Duration {
	return t.spec.TimeoutOrDefault() - time.Duration(t.rec.Spent)
}

// LoseAttempts notes attempts that ended with their worker, without progress.
func (t *Task) LoseAttempts(n int) { t.rec.Lost += n }

// LossesLeft returns how many further attempts may be lost in a row before
// the task fails; 0 means that it fails now.
func (t *Task) LossesLeft() int { return max(0, maxLostInARow-t.rec.Lost) }

// Succeed completes a RUNNING task.
func (p *Plan) Succeed(t *Task, now time.Time) error {
	if err := p.fireTask(t, TaskSucceed); err != nil {
		return err
	}
	t.rec.EndedAt = now
	p.settle(now)
	return nil
}

// Stop pauses a RUNNING task that stopped at a safe point; its checkpoint is
// what Advance noted last. A task that stopped for an abort has failed.
func (p *Plan) Stop(t *Task, now time.Time) error {
	if p.rec.Intent == intentAbort {
		return p.Fail(t, FailureInfo{Category: CategoryBusiness, ErrorCode: CodeAborted, Reason: "the plan was aborted", Timestamp: now}, now)
	}
	if err := p.fireTask(t, TaskPause); err != nil {
		return err
	}
	p.settle(now)
	return nil
}

// Fail ends a RUNNING task as FAILED, and lets the plan's policy decide what
// comes of it.
func (p *Plan) Fail(t *Task, why FailureInfo, now time.Time) error {
	if err := p.fireTask(t, TaskFail); err != nil {
		return err
	}
	why = why.Bounded()
	t.rec.Failure, t.rec.EndedAt = &why, now
	if p.rec.Intent != intentAbort && p.rec.Intent != intentFail {
		p.blame(t, why, now)
	}
	p.settle(now)
	return nil
}

// blame makes a failed task the reason of what its plan does next. A pause
// that somebody asked for is kept: FAILED could not be taken back.
func (p *Plan) blame(t *Task, why FailureInfo, now time.Time) {
	message := why.Reason
	if why.Target != "" {
		message = why.Target + ": " + message
	}
	if p.rec.Intent == intentNone && p.rec.Document.Spec.FailurePolicy() == OnFailureFail {
		p.rec.Intent = intentFail
	} else {
		p.rec.Intent = intentPause
	}
	p.rec.Reason = &Reason{Kind: ReasonFailure, Message: truncate(message, maxReasonBytes), Task: t.rec.Name, At: now}
}

// settle moves a RUNNING plan on once none of its tasks runs: to where it was
// asked to go, or to COMPLETED where all tasks are settled.
func (p *Plan) settle(now time.Time) {
	if p.rec.State != PlanRunning || len(p.Running()) > 0 {
		return
	}
	event := PlanEvent("")
	switch settled := !p.anyTask(func(t *Task) bool { return !t.Settled() }); {
	case p.rec.Intent == intentAbort, p.rec.Intent == intentFail:
		event = PlanFail
	case settled:
		event, p.rec.Reason = PlanComplete, nil
	case p.rec.Intent == intentPause:
		event = PlanPause
	case p.anyTask((*Task).unresolved):
		// A retry of one failed task has ended, and another one is still failed.
		t := p.tasks[slices.IndexFunc(p.tasks, (*Task).unresolved)]
		p.blame(t, *t.rec.Failure, now)
		p.rec.Intent = intentPause
		event = PlanPause
	default:
		return
	}
	if err := p.fire(event); err != nil {
		panic(fmt.Sprintf("domain: a RUNNING plan refused %s: %v", event, err)) // the matrix allows all three
	}
	p.rec.Intent = intentNone
	if p.rec.State.Closed() {
		p.rec.EndedAt = now
	}
}
