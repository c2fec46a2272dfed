package domain

import (
	"time"
)

// Waiver says that an operator let a task be passed over; the task's state
// stays what it is.
type Waiver struct {
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// TaskRecord is a Task as it is carried from run to run.
type TaskRecord struct {
	Name       string       `json:"name"`
	State      TaskState    `json:"state"`
	Executions int          `json:"executions,omitempty"` // activities scheduled so far; the newest one's number
	Attempt    int          `json:"attempt,omitempty"`    // times it was set going: execute, and each retry
	Retries    int          `json:"retries,omitempty"`    // retry commands used up
	MaxRetries int          `json:"maxRetries"`           // retry commands allowed
	Revision   int          `json:"revision,omitempty"`   // grows with each retry from scratch
	Spent      Duration     `json:"spent,omitempty"`      // of the timeout, without pauses
	Lost       int          `json:"lost,omitempty"`       // attempts lost in a row without progress
	PassedStop bool         `json:"passedStop,omitempty"` // its breakpoint was reached before
	Checkpoint *Checkpoint  `json:"checkpoint,omitempty"`
	Failure    *FailureInfo `json:"failure,omitempty"`
	Waiver     *Waiver      `json:"waiver,omitempty"`
	StartedAt  time.Time    `json:"startedAt,omitzero"`
	EndedAt    time.Time    `json:"endedAt,omitzero"`
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

// unresolved reports whether the task failed and nobody has dealt with it.
func (t *Task) unresolved() bool { return t.rec.State == TaskFailed && t.rec.Waiver == nil }

// Progress counts the task's targets.
func (t *Task) Progress() Progress {
	p := Progress{Total: len(t.all)}
	if cp := t.rec.Checkpoint; cp != nil {
		p.Done, p.Failed = cp.Done.Count(), cp.Failed.Count()
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
// or false where all has been worked off.
func (t *Task) Pending() (Slice, bool) {
	for _, s := range t.slots {
		if t.Left(s) > 0 {
			return s, true
		}
	}
	return Slice{}, false
}

// Left returns how many targets of the slice are neither done nor given up.
func (t *Task) Left(s Slice) int {
	left := s.Last - s.First + 1
	if cp := t.rec.Checkpoint; cp != nil {
		done, failed := cp.Done.Within(s.First, s.Last), cp.Failed.Within(s.First, s.Last)
		left -= done.Count() + failed.Count()
	}
	return left
}

// absorb takes over what an execution has reported of one slice, and reports
// whether further targets are done.
func (t *Task) absorb(cp Checkpoint) (progress bool) {
	if t.rec.Checkpoint == nil {
		t.rec.Checkpoint = &Checkpoint{Format: CheckpointFormat, First: 0, Last: len(t.all) - 1}
	}
	before := t.rec.Checkpoint.Done.Count()
	t.rec.Checkpoint.Absorb(cp)
	progress = t.rec.Checkpoint.Done.Count() > before
	if progress {
		t.rec.Lost = 0
	}
	return progress
}

// forget clears what a new execution does again: the failed targets, or with
// scratch also the done ones. Prior values stay: a new read would find our
// own change.
func (t *Task) forget(scratch bool) {
	t.rec.Failure, t.rec.EndedAt, t.rec.Spent, t.rec.Lost = nil, time.Time{}, 0, 0
	if t.rec.Checkpoint != nil {
		t.rec.Checkpoint.Failed, t.rec.Checkpoint.Failures = RangeSet{}, nil
	}
	if scratch {
		t.rec.Revision++
		if t.rec.Checkpoint != nil {
			t.rec.Checkpoint.Done, t.rec.Checkpoint.Step = RangeSet{}, ""
		}
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
