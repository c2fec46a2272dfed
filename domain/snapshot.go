package domain

import (
	"encoding/json"
	"slices"
	"time"
)

// Bounds of a snapshot (contract, sections 2 and 4).
const (
	MaxSnapshotBytes = 256 << 10
	MaxSnapshotTasks = 100  // further tasks are counted
	MaxListedDone    = 1000 // more targets done than that: the last 100 are listed
	listedWhenMore   = 100
)

// Snapshot is the status of a plan: what the query status returns.
type Snapshot struct {
	PlanID     string            `json:"planId"`
	RunID      string            `json:"runId"`
	Name       string            `json:"name"`
	Labels     map[string]string `json:"labels,omitempty"`
	State      PlanState         `json:"state"`
	Phase      Phase             `json:"phase"`
	Reason     *Reason           `json:"reason,omitempty"`
	Version    int64             `json:"version"`
	Exceptions int               `json:"exceptions"`
	Reverses   string            `json:"reverses,omitempty"` // the id of the plan that this one puts back
	Reversal   *Reversal         `json:"reversal,omitempty"` // the plan's rollback as a whole
	Redrives   int               `json:"redrives,omitempty"` // runs that took up one that had ended
	Progress   Progress          `json:"progress"`
	CreatedAt  time.Time         `json:"createdAt"`
	StartedAt  time.Time         `json:"startedAt,omitzero"`
	EndedAt    time.Time         `json:"endedAt,omitzero"`
	AsOf       time.Time         `json:"asOf"` // running tasks may have done more since
	Tasks      []TaskSnapshot    `json:"tasks"`
	TaskCount  int               `json:"taskCount"`            // more than len(Tasks) where they do not fit
	TaskOffset int               `json:"taskOffset,omitempty"` // index of the first task listed, where a page was asked for
	Legal      []CommandName     `json:"legal"`                // the commands that would be accepted now
}

// TaskSnapshot is the status of one task.
type TaskSnapshot struct {
	Name        string          `json:"name"`
	Executor    string          `json:"executor"`
	State       TaskState       `json:"state"`
	Phase       Phase           `json:"phase"`   // PAUSING: told to stop, and still at work
	Attempt     int             `json:"attempt"` // times it was set going
	Retries     int             `json:"retries"` // retry commands used up
	MaxRetries  int             `json:"maxRetries"`
	Progress    Progress        `json:"progress"`
	SliceDone   int             `json:"sliceDone,omitempty"`   // what progress.done already counts of the slice under way
	SliceFailed int             `json:"sliceFailed,omitempty"` // what progress.failed already counts of it
	SliceOthers int             `json:"sliceOthers,omitempty"` // targets of it that are not meant, which its heartbeats count as done
	Checkpoint  *CheckpointView `json:"checkpoint,omitempty"`
	Failure     *FailureInfo    `json:"failure,omitempty"`
	Failures    []FailureInfo   `json:"failures,omitempty"` // of single targets, the first 20
	Waiver      *Waiver         `json:"waiver,omitempty"`
	Mode        Mode            `json:"mode,omitempty"`     // rollback in a reverse plan
	Rollback    *RollbackView   `json:"rollback,omitempty"` // the task's rollback by command
	StartedAt   time.Time       `json:"startedAt,omitzero"`
	EndedAt     time.Time       `json:"endedAt,omitzero"`
}

// RollbackView is the status of a task's rollback: what is done is put back.
type RollbackView struct {
	Running    bool            `json:"running"`
	Progress   Progress        `json:"progress"`
	Checkpoint *CheckpointView `json:"checkpoint,omitempty"`
	Failure    *FailureInfo    `json:"failure,omitempty"`
	Failures   []FailureInfo   `json:"failures,omitempty"` // of single targets, the first 20
	Actor      string          `json:"actor,omitempty"`    // who asked for it, as claimed
	StartedAt  time.Time       `json:"startedAt"`
	EndedAt    time.Time       `json:"endedAt,omitzero"`
}

// CheckpointView is a checkpoint as users see it: the seed's form, with the
// targets by their names.
type CheckpointView struct {
	Step      string         `json:"step"`
	Data      CheckpointData `json:"data"`
	CreatedAt time.Time      `json:"createdAt"`
}

// CheckpointData lists a checkpoint's targets. Beyond 1,000 done targets
// CompletedTargets holds the last 100 and CompletedCount says how many.
type CheckpointData struct {
	CompletedTargets []string                   `json:"completedTargets"`
	CompletedCount   int                        `json:"completedCount"`
	CurrentTarget    string                     `json:"currentTarget,omitempty"`
	FailedTargets    []string                   `json:"failedTargets"`
	FailedCount      int                        `json:"failedCount"`
	RollbackInfo     map[string]json.RawMessage `json:"rollbackInfo,omitempty"` // what stood before, of the listed targets; null: nothing
}

// Snapshot returns the plan's status as of now, in at most 256 KiB.
func (p *Plan) Snapshot(runID string, now time.Time) Snapshot {
	return p.snapshotOf(runID, p.listed(), now).fit()
}

// SnapshotFrom returns the plan's status with the page of tasks that begins at
// an index of the plan file; an index that is out of range gives no tasks.
func (p *Plan) SnapshotFrom(runID string, offset int, now time.Time) Snapshot {
	offset = max(0, min(offset, len(p.tasks)))
	s := p.snapshotOf(runID, p.tasks[offset:min(offset+MaxSnapshotTasks, len(p.tasks))], now)
	s.TaskOffset = offset
	return s.fit()
}

func (p *Plan) snapshotOf(runID string, tasks []*Task, now time.Time) Snapshot {
	s := Snapshot{
		PlanID: p.rec.ID, RunID: runID, Name: p.rec.Document.Metadata.Name, Labels: p.rec.Document.Metadata.Labels,
		State: p.rec.State, Phase: p.Phase(), Reason: utc(p.rec.Reason, func(r *Reason) *time.Time { return &r.At }), Version: p.rec.Version,
		Exceptions: p.Exceptions(), Progress: p.Progress(), Reverses: p.rec.Reverses, Redrives: p.rec.Redrives,
		Reversal:  p.rec.Reversal.view(),
		CreatedAt: p.rec.CreatedAt.UTC(), StartedAt: p.rec.StartedAt.UTC(), EndedAt: p.rec.EndedAt.UTC(), AsOf: now.UTC(),
		Tasks: []TaskSnapshot{}, TaskCount: len(p.tasks), Legal: p.Legal(),
	}
	for _, t := range tasks {
		s.Tasks = append(s.Tasks, t.snapshot(p.Phase()))
	}
	return s
}

// view returns the reversal with its times in UTC and, of a long list, the
// tasks of which something was left.
func (rv *Reversal) view() *Reversal {
	if rv == nil {
		return nil
	}
	v := *rv
	v.At, v.EndedAt = v.At.UTC(), v.EndedAt.UTC()
	if len(v.Tasks) > MaxSnapshotTasks {
		v.Tasks = slices.DeleteFunc(slices.Clone(v.Tasks), func(t ReversedTask) bool { return t.State == TaskCompleted })
		v.Tasks = v.Tasks[:min(len(v.Tasks), MaxSnapshotTasks)]
	}
	return &v
}

// listed returns the tasks that a snapshot has room for: all, or else those
// that a reader looks for first, in the order of the plan file.
func (p *Plan) listed() []*Task {
	if len(p.tasks) <= MaxSnapshotTasks {
		return p.tasks
	}
	chosen := map[*Task]bool{}
	for _, wanted := range []func(*Task) bool{
		func(t *Task) bool { return t.rec.State == TaskRunning || t.rec.State == TaskFailed },
		func(t *Task) bool { return t.rec.State == TaskPaused },
		func(*Task) bool { return true },
	} {
		for _, t := range p.tasks {
			if len(chosen) < MaxSnapshotTasks && wanted(t) {
				chosen[t] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(p.tasks), func(t *Task) bool { return !chosen[t] })
}

// utc returns a copy of v whose time is in UTC; nil for nil.
func utc[T any](v *T, at func(*T) *time.Time) *T {
	if v == nil {
		return nil
	}
	c := *v
	*at(&c) = at(&c).UTC()
	return &c
}

func (t *Task) snapshot(plan Phase) TaskSnapshot {
	s := TaskSnapshot{
		Name: t.rec.Name, Executor: t.spec.Executor, State: t.rec.State,
		Attempt: t.rec.Attempt, Retries: t.rec.Retries, MaxRetries: t.rec.MaxRetries,
		Progress:  t.Progress(),
		Failure:   utc(t.rec.Failure, func(f *FailureInfo) *time.Time { return &f.Timestamp }),
		Waiver:    utc(t.rec.Waiver, func(w *Waiver) *time.Time { return &w.At }),
		StartedAt: t.rec.StartedAt.UTC(), EndedAt: t.rec.EndedAt.UTC(),
	}
	s.Mode, s.Rollback = t.rec.Mode, t.rollbackView()
	if t.Working() {
		s.Phase = plan
	}
	if cp := t.rec.Checkpoint; cp != nil {
		view := cp.View(t.all)
		s.Checkpoint, s.Failures = &view, cp.Failures
	}
	if t.underWay != nil {
		s.sliceOf(t.leg(), *t.underWay)
	}
	return s
}

// sliceOf notes what is known of the slice under way, so that its heartbeats
// can be put in the place of it.
func (s *TaskSnapshot) sliceOf(leg *Leg, slice Slice) {
	others := leg.without(slice.First, slice.Last)
	s.SliceOthers = others.Count()
	if cp := leg.Checkpoint; cp != nil {
		part := cp.Within(slice.First, slice.Last)
		s.SliceDone, s.SliceFailed = part.Done.Count(), part.Failed.Count()
	}
}

func (t *Task) rollbackView() *RollbackView {
	undo := t.rec.Undo
	if undo == nil {
		return nil
	}
	v := &RollbackView{
		Running: undo.Running, Progress: undo.progress(len(t.all)), Actor: undo.Actor,
		Failure:   utc(undo.Failure, func(f *FailureInfo) *time.Time { return &f.Timestamp }),
		StartedAt: undo.StartedAt.UTC(), EndedAt: undo.EndedAt.UTC(),
	}
	if cp := undo.Checkpoint; cp != nil {
		view := cp.View(t.all)
		v.Checkpoint, v.Failures = &view, cp.Failures
	}
	return v
}

// View returns the checkpoint as users see it. The targets are all those of
// the task, whose indices the checkpoint uses.
func (c *Checkpoint) View(targets []string) CheckpointView {
	data := CheckpointData{
		CompletedCount: c.Done.Count(), FailedCount: c.Failed.Count(),
		CompletedTargets: lastNames(c.Done, targets, MaxListedDone),
		FailedTargets:    lastNames(c.Failed, targets, MaxListedFailures),
	}
	if len(data.CompletedTargets) < data.CompletedCount {
		data.CompletedTargets = data.CompletedTargets[max(0, len(data.CompletedTargets)-listedWhenMore):]
	}
	for i := range c.Batch.All() {
		if i < len(targets) {
			data.CurrentTarget = targets[i]
		}
		break
	}
	data.RollbackInfo = c.rollbackInfo(data, targets)
	return CheckpointView{Step: c.Step, Data: data, CreatedAt: c.CreatedAt.UTC()}
}

// lastNames returns the names of the last targets of a set, most at the end.
func lastNames(set RangeSet, targets []string, most int) []string {
	names := []string{}
	for i := range set.Backward() {
		if len(names) == most {
			break
		}
		if i < len(targets) {
			names = append(names, targets[i])
		}
	}
	slices.Reverse(names)
	return names
}

func (c *Checkpoint) rollbackInfo(data CheckpointData, targets []string) map[string]json.RawMessage {
	info := map[string]json.RawMessage{}
	listed := map[string]bool{data.CurrentTarget: true}
	for _, name := range data.CompletedTargets {
		listed[name] = true
	}
	for _, name := range data.FailedTargets {
		listed[name] = true // it may have been changed half
	}
	for i := range c.Prior.targets() {
		if i < len(targets) && listed[targets[i]] {
			prior, _ := c.Prior.Get(i)
			info[targets[i]] = prior.Value
		}
	}
	if len(info) == 0 {
		return nil
	}
	return info
}

// fit makes a snapshot smaller until it keeps within its bound: what can be
// asked for elsewhere goes first, and counts stay in any case.
func (s Snapshot) fit() Snapshot {
	for _, trim := range []func(*TaskSnapshot){
		func(*TaskSnapshot) {},
		(*TaskSnapshot).trimSettled,
		(*TaskSnapshot).trimLists,
		func(t *TaskSnapshot) {
			t.Checkpoint, t.Failures = nil, nil
			if t.Rollback != nil {
				t.Rollback.Checkpoint, t.Rollback.Failures = nil, nil
			}
		},
	} {
		for i := range s.Tasks {
			trim(&s.Tasks[i])
		}
		if s.size() <= MaxSnapshotBytes {
			return s
		}
	}
	for len(s.Tasks) > 0 && s.size() > MaxSnapshotBytes {
		s.Tasks = s.Tasks[:len(s.Tasks)/2] // TaskCount says how many there are
	}
	return s
}

func (t *TaskSnapshot) trimSettled() {
	if t.State == TaskCompleted {
		t.Checkpoint = nil
	}
}

func (t *TaskSnapshot) trimLists() {
	if t.Checkpoint != nil {
		t.Checkpoint.Data.CompletedTargets = []string{}
		t.Checkpoint.Data.RollbackInfo = nil
	}
	if t.Rollback != nil && t.Rollback.Checkpoint != nil {
		t.Rollback.Checkpoint.Data.CompletedTargets = []string{}
	}
}

func (s *Snapshot) size() int {
	data, err := json.Marshal(s)
	if err != nil {
		return MaxSnapshotBytes + 1 // a value that cannot be shown is trimmed
	}
	return len(data)
}
