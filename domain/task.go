package domain

import (
	"encoding/json"
	"time"
)

// Waiver says that an operator let a task be passed over; the task's state
// stays what it is.
type Waiver struct {
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Leg is how far a task has come in one direction: forward, or back. The zero
// value has not begun and means all targets.
type Leg struct {
	Select     *RangeSet   `json:"select,omitempty"` // the targets that are meant; nil: all
	Spent      Duration    `json:"spent,omitempty"`  // of the timeout, without pauses
	Lost       int         `json:"lost,omitempty"`   // attempts lost in a row without progress
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
}

// TaskRecord is a Task as it is carried from run to run.
type TaskRecord struct {
	Name       string    `json:"name"`
	State      TaskState `json:"state"`
	Executions int       `json:"executions,omitempty"` // activities scheduled so far; the newest one's number
	Attempt    int       `json:"attempt,omitempty"`    // times it was set going: execute, and each retry
	Retries    int       `json:"retries,omitempty"`    // retry commands used up
	MaxRetries int       `json:"maxRetries"`           // retry commands allowed
	Revision   int       `json:"revision,omitempty"`   // grows with each retry that does something anew
	PassedStop bool      `json:"passedStop,omitempty"` // its breakpoint was reached before
	Leg
	Failure *FailureInfo `json:"failure,omitempty"`
	Waiver  *Waiver      `json:"waiver,omitempty"`

	Earlier []json.RawMessage `json:"earlier,omitempty"` // parameters that retries have replaced, oldest first
	Mode    Mode              `json:"mode,omitempty"`    // empty means apply; rollback in a reverse plan
	Restore Priors            `json:"restore,omitzero"`  // mode rollback: what to put back
	Undo    *Undo             `json:"undo,omitempty"`    // its rollback by command; nil: none was asked for
	Again   From              `json:"again,omitempty"`   // in a redrive: from where start sets it going again; empty: it does not

	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
}

// Task is one task of a plan. Its state changes only by the methods of Plan.
type Task struct {
	rec   TaskRecord
	spec  TaskSpec
	all   []string // its targets
	slots []Slice  // how the targets are cut

	underWay *Slice // the slice that an activity works off now; nil: none
}

// Slice is a run of a task's targets that one activity works off.
type Slice struct {
	Index int // of the slice in the task, from 0
	First int // index of its first target
	Last  int // index of its last target
}

// Name returns the task's name.
func (t *Task) Name() string { return t.rec.Name }

// State returns the task's state.
func (t *Task) State() TaskState { return t.rec.State }

// Spec returns the task as the plan file has it.
func (t *Task) Spec() TaskSpec { return t.spec }

// Targets returns the targets in the order in which they are worked off.
func (t *Task) Targets() []string { return t.all }

// Executions returns how many activities were scheduled for the task.
func (t *Task) Executions() int { return t.rec.Executions }

// Failure returns why the task failed last; nil where it did not.
func (t *Task) Failure() *FailureInfo { return t.rec.Failure }

// Checkpoint returns how far the task has come. Do not change it.
func (t *Task) Checkpoint() *Checkpoint { return t.rec.Checkpoint }

// Settled reports whether nothing is left to do: completed, or waived.
func (t *Task) Settled() bool { return t.rec.State == TaskCompleted || t.rec.Waiver != nil }

// unresolved reports whether the task cannot complete any more as it is, and
// nobody has dealt with that: it failed, or its failure was rolled back.
func (t *Task) unresolved() bool {
	return (t.rec.State == TaskFailed || t.rec.State == TaskRolledBack) && t.rec.Waiver == nil
}

// leg returns the direction in which the task goes, or went last.
func (t *Task) leg() *Leg {
	if t.undoing() {
		return &t.rec.Undo.Leg
	}
	return &t.rec.Leg
}

// Mode returns what an execution of the task does now.
func (t *Task) Mode() Mode {
	if t.undoing() {
		return ModeRollback
	}
	return orDefault(t.rec.Mode, ModeApply)
}

// Working reports whether the task is to be worked on: it is RUNNING, or it is
// being rolled back.
func (t *Task) Working() bool { return t.rec.State == TaskRunning || t.undoing() }

// Progress counts the task's targets.
func (t *Task) Progress() Progress { return t.rec.progress(len(t.all)) }

// progress counts the targets of a leg, of a task that has all targets.
func (l *Leg) progress(all int) Progress {
	p := Progress{Total: all}
	if l.Select != nil {
		p.Total = l.Select.Count()
	}
	if l.Checkpoint != nil {
		p.Done, p.Failed = l.Checkpoint.Done.Count(), l.Checkpoint.Failed.Count()
	}
	return p.withRatio()
}

// fire moves the task along the matrix, or refuses and changes nothing.
func (t *Task) fire(event TaskEvent) error {
	to, ok := taskMatrix.next(t.rec.State, event)
	if !ok {
		to, ok = taskOutcomeMatrix.next(t.rec.State, event)
	}
	if !ok {
		legal := append(taskMatrix.legal(t.rec.State, taskEvents), taskOutcomeMatrix.legal(t.rec.State, taskOutcomes)...)
		return &TransitionError{Entity: "task", Name: t.rec.Name, State: string(t.rec.State), Event: string(event), Legal: legal}
	}
	t.rec.State = to
	return nil
}

// Pending returns the next slice that has targets neither done nor given up,
// or false where all has been worked off. What is put back is put back newest
// first.
func (t *Task) Pending() (Slice, bool) {
	for i := range t.slots {
		s := t.slots[i]
		if t.Mode() == ModeRollback {
			s = t.slots[len(t.slots)-1-i]
		}
		if t.Left(s) > 0 {
			return s, true
		}
	}
	return Slice{}, false
}

// Left returns how many targets of the slice are neither done nor given up.
func (t *Task) Left(s Slice) int {
	leg := t.leg()
	left := s.Last - s.First + 1
	if leg.Select != nil {
		meant := leg.Select.Within(s.First, s.Last)
		left = meant.Count()
	}
	if cp := leg.Checkpoint; cp != nil {
		done, failed := cp.Done.Within(s.First, s.Last), cp.Failed.Within(s.First, s.Last)
		left -= done.Count() + failed.Count()
	}
	return left
}

// absorb takes over what an execution has reported of one slice, and reports
// whether further targets are done.
func (l *Leg) absorb(cp Checkpoint, all int) (progress bool) {
	if l.Checkpoint == nil {
		l.Checkpoint = &Checkpoint{Format: CheckpointFormat, First: 0, Last: all - 1}
	}
	if l.Select != nil {
		cp.Done = cp.Done.Within(cp.First, cp.Last)
		cp.Done = cp.Done.Without(l.without(cp.First, cp.Last))
	}
	before := l.Checkpoint.Done.Count()
	l.Checkpoint.Absorb(cp)
	progress = l.Checkpoint.Done.Count() > before
	if progress {
		l.Lost = 0
	}
	return progress
}

// without returns the targets from first to last that are not meant.
func (l *Leg) without(first, last int) RangeSet {
	if l.Select == nil {
		return RangeSet{}
	}
	all := NewRangeSet(first, last)
	return all.Without(*l.Select)
}

// again readies a leg for another execution: what was given up is tried anew.
func (l *Leg) again() {
	l.Spent, l.Lost = 0, 0
	if l.Checkpoint != nil {
		l.Checkpoint.Failed, l.Checkpoint.Failures = RangeSet{}, nil
	}
}

// forget clears what a new execution does again: the failed targets, or with
// scratch also the done ones. Prior values stay: a new read would find our
// own change. What a rollback has put back is done anew, under new keys: a
// product that remembers the old ones would do nothing.
func (t *Task) forget(scratch bool) {
	t.rec.Failure, t.rec.EndedAt = nil, time.Time{}
	t.rec.again()
	if scratch || t.rec.Undo != nil {
		t.rec.Revision++
	}
	t.rec.Undo = nil
	if scratch && t.rec.Checkpoint != nil {
		t.rec.Checkpoint.Done, t.rec.Checkpoint.Step = RangeSet{}, ""
	}
}

// cut cuts targets into slices of at most 5,000 targets and 128 KiB of names.
// Recorded histories rest on these borders: they are the same for ever.
func cut(targets []string) []Slice {
	var slots []Slice
	first, size := 0, 0
	for i, target := range targets {
		if i > first && (i-first == MaxSliceTargets || size+len(target) > MaxSliceBytes) {
			slots = append(slots, Slice{Index: len(slots), First: first, Last: i - 1})
			first, size = i, 0
		}
		size += len(target)
	}
	return append(slots, Slice{Index: len(slots), First: first, Last: len(targets) - 1})
}

// Progress counts targets.
type Progress struct {
	Done   int     `json:"done"`
	Failed int     `json:"failed"`
	Total  int     `json:"total"`
	Ratio  float64 `json:"ratio"` // done of total, 0 to 1
}

func (p Progress) withRatio() Progress {
	if p.Total > 0 {
		p.Ratio = float64(p.Done) / float64(p.Total)
	}
	return p
}
