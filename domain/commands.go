package domain

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// CommandName names a command, and the Signal that carries it.
type CommandName string

// The commands.
const (
	CommandStart    CommandName = "start"
	CommandPause    CommandName = "pause"
	CommandResume   CommandName = "resume"
	CommandRetry    CommandName = "retry"
	CommandRollback CommandName = "rollback"
	CommandSkip     CommandName = "skip"
	CommandAbort    CommandName = "abort"
)

// Commands lists every command in the order in which users meet them.
var Commands = []CommandName{CommandStart, CommandPause, CommandResume, CommandRetry, CommandRollback, CommandSkip, CommandAbort}

// Command is the one argument of every command; every field may be left out.
type Command struct {
	CommandID  string `json:"commandId,omitempty"`  // one that was seen before makes the command a repeat
	Actor      string `json:"actor,omitempty"`      // who asks, as they claim
	Reason     string `json:"reason,omitempty"`     // why, in the actor's words
	Task       string `json:"task,omitempty"`       // the task that is meant; empty means those to which it applies
	From       From   `json:"from,omitempty"`       // retry: where to go on; empty means checkpoint
	MaxRetries int    `json:"maxRetries,omitempty"` // retry: raise the task's limit to it; 0 leaves it

	// Set is for retry: new values of parameters, by task.param. Null takes a
	// parameter away.
	Set map[string]json.RawMessage `json:"set,omitempty"`

	IfVersion int64 `json:"ifVersion,omitempty"` // refuse unless the plan has this version; 0 means any
}

// From is where a retry goes on.
type From string

// Where a retry goes on.
const (
	FromCheckpoint From = "checkpoint" // only the targets that are not done
	FromScratch    From = "scratch"    // all targets
)

// ErrReasonNeeded says that a command acts on a person's judgement, which has
// to be written down.
var ErrReasonNeeded = errors.New("give a reason; it is kept beside the task for whoever looks later")

// ErrUnknownTask says that a command names a task that the plan does not have.
var ErrUnknownTask = errors.New("the plan has no task of that name")

// ErrRetryLimit says that a task was retried as often as it may be.
var ErrRetryLimit = errors.New("the task was retried as often as it may be; raise the limit with maxRetries")

// ErrUnknownCommand says that a Signal has the name of no command.
var ErrUnknownCommand = errors.New("there is no command of that name")

// Apply carries out a command, notes it in the audit trail, and returns what
// became of it. A refused command changes nothing else.
func (p *Plan) Apply(name CommandName, c Command, now time.Time) AuditEntry {
	c.Actor, c.Reason = truncate(c.Actor, maxActorBytes), truncate(c.Reason, maxReasonBytes)
	p.actor = c.Actor
	defer func() { p.actor = "" }()
	if first, ok := p.seen(c.CommandID); ok {
		return p.note(AuditEntry{At: now, Command: name, CommandID: c.CommandID, Actor: c.Actor, Reason: c.Reason,
			Accepted: first.Accepted, Repeat: true, Refusal: first.Refusal, Conflict: first.Conflict})
	}
	entry := AuditEntry{At: now, Command: name, CommandID: c.CommandID, Actor: c.Actor, Reason: c.Reason, Task: c.Task}
	changes, err := p.carryOut(name, c, now)
	if err != nil {
		entry.Refusal = truncate(err.Error(), maxReasonBytes)
		entry.Conflict = IsConflict(err)
	} else {
		entry.Accepted, entry.Changes = true, changes
		p.rec.Version++
		p.settle(now)
	}
	return p.note(entry)
}

// Check returns why a command would be refused now, and changes nothing; nil
// where it would be accepted or is a repeat.
func (p *Plan) Check(name CommandName, c Command, now time.Time) error {
	if _, ok := p.seen(c.CommandID); ok {
		return nil
	}
	_, err := p.clone().carryOut(name, c, now)
	return err
}

// Refuse notes a command that could not even be read.
func (p *Plan) Refuse(name CommandName, why error, now time.Time) AuditEntry {
	return p.note(AuditEntry{At: now, Command: CommandName(truncate(string(name), 100)), Refusal: truncate(why.Error(), maxReasonBytes)})
}

// carryOut does what a command asks for, or refuses it and has changed
// nothing. It returns the parameters that were changed.
func (p *Plan) carryOut(name CommandName, c Command, now time.Time) ([]ParamChange, error) {
	if len(c.CommandID) > maxCommandIDBytes {
		return nil, fmt.Errorf("the commandId has %d bytes, but at most %d are allowed", len(c.CommandID), maxCommandIDBytes)
	}
	if c.IfVersion != 0 && c.IfVersion != p.rec.Version {
		return nil, &ConflictError{Plan: p.rec.ID, Want: c.IfVersion, Have: p.rec.Version}
	}
	if len(c.Set) > 0 && name != CommandRetry {
		return nil, fmt.Errorf("set is for retry only, which runs a task again with other parameters; %s takes none", name)
	}
	switch name {
	case CommandStart:
		return nil, p.Start(now)
	case CommandPause:
		return nil, p.Pause(Reason{Kind: ReasonOperator, Message: c.Reason, Actor: c.Actor, At: now})
	case CommandResume:
		return nil, p.Resume()
	case CommandRetry:
		return p.Retry(c)
	case CommandRollback:
		return nil, p.Rollback(c, now)
	case CommandSkip:
		return nil, p.Skip(c, now)
	case CommandAbort:
		return nil, p.Abort(c, now)
	}
	return nil, fmt.Errorf("%w: %q; the commands are %v", ErrUnknownCommand, name, Commands)
}

// Legal lists the commands that would be accepted now, in the order of
// Commands.
func (p *Plan) Legal() []CommandName {
	legal := []CommandName{}
	for _, name := range Commands {
		if p.allows(name) {
			legal = append(legal, name)
		}
	}
	return legal
}

func (p *Plan) allows(name CommandName) bool {
	_, can := planMatrix.next(p.rec.State, PlanEvent(name))
	switch name {
	case CommandStart:
		return can
	case CommandPause:
		return can && p.rec.Intent != intentFail && p.rec.Intent != intentAbort && p.rec.Intent != intentReverse
	case CommandResume:
		return can && !p.anyTask((*Task).unresolved) && !p.takenBack()
	case CommandRetry:
		return p.rec.State == PlanPaused && !p.takenBack() &&
			p.anyTask(func(t *Task) bool { return t.retriable() && t.rec.Retries < t.rec.MaxRetries })
	case CommandRollback:
		return p.canReverse() == nil || p.anyTask(func(t *Task) bool { return p.canUndo(t) == nil })
	case CommandSkip:
		return p.skippable() && p.anyTask((*Task).waivable)
	case CommandAbort:
		return !p.rec.State.Closed()
	}
	return false
}

func (p *Plan) anyTask(is func(*Task) bool) bool {
	for _, t := range p.tasks {
		if is(t) {
			return true
		}
	}
	return false
}

func (p *Plan) skippable() bool {
	return !p.rec.State.Closed() && p.rec.Intent != intentAbort && p.rec.Intent != intentReverse
}

// retriable reports whether the task can be set going again.
func (t *Task) retriable() bool {
	_, ok := taskMatrix.next(t.rec.State, TaskRetry)
	return ok && t.rec.Waiver == nil
}

// waivable reports whether the task can be passed over.
func (t *Task) waivable() bool {
	return t.rec.Waiver == nil && !t.Working() && t.rec.State != TaskCompleted
}

// Start sets a CREATED plan going.
func (p *Plan) Start(now time.Time) error {
	if err := p.fire(PlanStart); err != nil {
		return err
	}
	p.rec.StartedAt = now
	// Products remember fencing tokens for longer than one run: those of a later
	// run have to be higher than those of an earlier one.
	p.rec.Fence = max(p.rec.Fence, now.Unix())
	return p.startAgain()
}

// Pause asks a RUNNING plan to pause: its tasks stop at their next safe point,
// and once none runs the plan is PAUSED. Asking again changes nothing.
func (p *Plan) Pause(why Reason) error {
	if !p.allows(CommandPause) {
		return p.refuse(string(PlanPause))
	}
	if p.rec.Intent == intentNone || p.rec.Intent == intentUndo {
		p.rec.Intent, p.rec.Reason = intentPause, &why
	}
	return nil
}

// Resume lets a PAUSED plan and its PAUSED tasks go on from their checkpoints.
func (p *Plan) Resume() error {
	if p.rec.State == PlanPaused && p.takenBack() {
		return p.refuseTakenBack(CommandResume)
	}
	if !p.allows(CommandResume) {
		return p.refuse(string(PlanResume))
	}
	return p.goOn()
}

// goOn takes a plan and its tasks from PAUSED to RUNNING.
func (p *Plan) goOn() error {
	if err := p.fire(PlanResume); err != nil {
		return err
	}
	for _, t := range p.tasks {
		if p.rec.Reason != nil && p.rec.Reason.Kind == ReasonBreakpoint && p.rec.Reason.Task == t.rec.Name {
			t.rec.PassedStop = true
		}
		if t.rec.State == TaskPaused && t.rec.Waiver == nil {
			if err := p.fireTask(t, TaskResume); err != nil {
				return err
			}
		}
	}
	p.rec.Intent, p.rec.Reason = intentNone, nil
	return nil
}

// Retry sets a FAILED or PAUSED task of a PAUSED plan going again, or every
// FAILED one where the command names none, and lets the plan go on. It returns
// the parameters that the command has changed.
func (p *Plan) Retry(c Command) ([]ParamChange, error) {
	switch {
	case p.rec.State != PlanPaused:
		return nil, p.refuse(string(CommandRetry))
	case p.takenBack():
		return nil, p.refuseTakenBack(CommandRetry)
	}
	chosen, changes, err := p.planRetry(c)
	if err != nil {
		return nil, err
	}
	for _, t := range chosen {
		if err := p.fireTask(t, TaskRetry); err != nil {
			return nil, err
		}
		t.retried(c)
	}
	p.applySet(changes)
	return paramChanges(changes), p.goOn()
}

// planRetry returns the tasks that a retry means and the parameters that it
// changes, or why it is refused. It changes nothing.
func (p *Plan) planRetry(c Command) ([]*Task, []newParams, error) {
	if c.From != "" && c.From != FromCheckpoint && c.From != FromScratch {
		return nil, nil, fmt.Errorf("from is %q, but has to be %q or %q", c.From, FromCheckpoint, FromScratch)
	}
	chosen, err := p.toRetry(c)
	if err != nil {
		return nil, nil, err
	}
	changes, err := p.checkSet(c.Set)
	return chosen, changes, err
}

// retried notes that a task was set going again.
func (t *Task) retried(c Command) {
	t.rec.MaxRetries = max(t.rec.MaxRetries, c.MaxRetries)
	t.rec.Retries++
	t.rec.Attempt++
	t.forget(c.From == FromScratch)
}

// toRetry returns the tasks that a retry means, or why it is refused.
func (p *Plan) toRetry(c Command) ([]*Task, error) {
	var chosen []*Task
	for _, t := range p.tasks {
		if c.Task == t.rec.Name || c.Task == "" && t.unresolved() && t.rec.State == TaskFailed {
			chosen = append(chosen, t)
		}
	}
	switch {
	case len(chosen) == 0 && c.Task != "":
		return nil, fmt.Errorf("retrying task %q: %w", c.Task, ErrUnknownTask)
	case len(chosen) == 0:
		return nil, p.refuse(string(CommandRetry))
	}
	for _, t := range chosen {
		if !t.retriable() {
			return nil, p.refuseTask(t, CommandRetry)
		}
		if t.rec.Retries >= max(t.rec.MaxRetries, c.MaxRetries) {
			return nil, fmt.Errorf("retrying task %q (%d of %d retries used): %w", t.rec.Name, t.rec.Retries, t.rec.MaxRetries, ErrRetryLimit)
		}
	}
	return chosen, nil
}

// Skip waives a task that does not run: it counts as settled, and its state
// stays what it is.
func (p *Plan) Skip(c Command, now time.Time) error {
	if !p.skippable() {
		return p.refuse(string(CommandSkip))
	}
	if c.Reason == "" {
		return fmt.Errorf("skipping task %q: %w", c.Task, ErrReasonNeeded)
	}
	t, ok := p.Task(c.Task)
	if !ok {
		return fmt.Errorf("skipping task %q: %w", c.Task, ErrUnknownTask)
	}
	if !t.waivable() {
		return p.refuseTask(t, CommandSkip)
	}
	t.rec.Waiver = &Waiver{Actor: c.Actor, Reason: c.Reason, At: now}
	return nil
}

// Abort ends the plan as FAILED once its running tasks have stopped. It walks
// the matrix: CREATED by start, PAUSED by resume, without starting any task.
// Asking again changes nothing.
func (p *Plan) Abort(c Command, now time.Time) error {
	switch {
	case !p.allows(CommandAbort):
		return p.refuse(string(CommandAbort))
	case p.rec.Intent == intentAbort:
		return nil
	}
	if p.rec.State == PlanCreated {
		if err := p.Start(now); err != nil {
			return err
		}
	}
	if p.rec.State == PlanPaused {
		if err := p.fire(PlanResume); err != nil {
			return err
		}
	}
	p.rec.Intent = intentAbort
	p.rec.Reason = &Reason{Kind: ReasonOperator, Message: orDefault(c.Reason, "aborted"), Actor: c.Actor, At: now}
	return nil
}
