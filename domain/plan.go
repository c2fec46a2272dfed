package domain

import (
	"fmt"
	"slices"
	"time"
)

// Phase says what a plan is about beside its state. The zero value is none.
type Phase string

const (
	// PhasePausing is a RUNNING plan that was asked to pause and whose tasks
	// have not all stopped yet.
	PhasePausing Phase = "PAUSING"
	// PhaseRollingBack is a RUNNING plan of which a task, or all that it has
	// changed, is being put back. It starts nothing else.
	PhaseRollingBack Phase = "ROLLING_BACK"
)

// ReasonKind is the kind of a Reason.
type ReasonKind string

// Why a plan is paused or failed.
const (
	ReasonOperator   ReasonKind = "OPERATOR"
	ReasonFailure    ReasonKind = "FAILURE"
	ReasonBreakpoint ReasonKind = "BREAKPOINT"
)

// Reason says why a plan is PAUSED or FAILED, or on the way there.
type Reason struct {
	Kind    ReasonKind `json:"kind"`
	Message string     `json:"message,omitempty"`
	Task    string     `json:"task,omitempty"`
	Actor   string     `json:"actor,omitempty"` // as claimed by whoever sent the command
	At      time.Time  `json:"at"`
}

// intent is where a plan goes once none of its tasks runs any more.
type intent string

const (
	intentNone    intent = ""
	intentPause   intent = "pause"
	intentFail    intent = "fail"
	intentAbort   intent = "abort"
	intentUndo    intent = "undo"    // PAUSED again, once the task's rollback has ended
	intentReverse intent = "reverse" // where its Reversal leads, once the reverse plan has ended
)

// PlanRecord is a Plan as it is carried from run to run: over
// continue-as-new, and into the runs that take up a closed one.
type PlanRecord struct {
	ID           string       `json:"id"`
	Generation   string       `json:"generation"` // new for a plan that is run anew
	Document     Document     `json:"document"`
	State        PlanState    `json:"state"`
	Intent       intent       `json:"intent,omitempty"`
	Reason       *Reason      `json:"reason,omitempty"`
	Version      int64        `json:"version"`
	CreatedAt    time.Time    `json:"createdAt"`
	StartedAt    time.Time    `json:"startedAt,omitzero"`
	EndedAt      time.Time    `json:"endedAt,omitzero"`
	Fence        int64        `json:"fence,omitempty"` // of the last execution; goes on from the second in which the plan was started
	Tasks        []TaskRecord `json:"tasks"`
	Audit        []AuditEntry `json:"audit,omitempty"`
	AuditDropped int          `json:"auditDropped,omitempty"`
	Seen         []SeenID     `json:"seen,omitempty"`     // what came of the newest commandIds, oldest first
	Reverses     string       `json:"reverses,omitempty"` // the id of the plan that this one puts back
	Reversal     *Reversal    `json:"reversal,omitempty"` // its rollback as a whole
	Redrives     int          `json:"redrives,omitempty"` // runs that took up one that had ended
}

// Plan is the aggregate: a plan and its tasks. Every change of a state is one
// of its methods; a method that refuses has changed nothing.
type Plan struct {
	rec    PlanRecord
	tasks  []*Task
	byName map[string]*Task
	seenAt map[string]int // hash of a commandId → index in rec.Seen, plus what was dropped before it

	auditBytes int // of rec.Audit

	actor   string       // of the command that is being carried out
	changes []Transition // since Transitions was called last
}

// Transition is one change of a state, for whoever keeps a log.
type Transition struct {
	Task     string // empty: the plan's own state
	From, To string
	Version  int64  // of the plan afterwards
	Actor    string // whose command it was; empty where none was
}

// Transitions returns the changes of states since it was called last, oldest
// first.
func (p *Plan) Transitions() []Transition {
	changes := p.changes
	p.changes = nil
	return changes
}

// NewPlan returns a CREATED plan. The document must be valid. The generation
// tells a plan that is run anew under the same id from its forerunner.
func NewPlan(id, generation string, doc Document, now time.Time) *Plan {
	rec := PlanRecord{ID: id, Generation: generation, Document: doc, State: PlanCreated, Version: 1, CreatedAt: now}
	for _, t := range doc.Spec.Tasks {
		rec.Tasks = append(rec.Tasks, TaskRecord{Name: t.Name, State: TaskCreated, MaxRetries: t.Retry.MaxRetriesOrDefault()})
	}
	p, err := RestorePlan(rec)
	if err != nil {
		panic(fmt.Sprintf("domain: a new plan cannot be restored: %v", err)) // the record was made above
	}
	return p
}

// RestorePlan returns the plan that a record describes.
func RestorePlan(rec PlanRecord) (*Plan, error) {
	if len(rec.Tasks) != len(rec.Document.Spec.Tasks) {
		return nil, fmt.Errorf("restoring plan %q: the record has %d tasks, its document %d", rec.ID, len(rec.Tasks), len(rec.Document.Spec.Tasks))
	}
	p := &Plan{rec: rec, byName: map[string]*Task{}}
	for i, spec := range rec.Document.Spec.Tasks {
		targets := rec.Document.Spec.TargetsOf(spec)
		t := &Task{rec: rec.Tasks[i], spec: spec, all: targets, slots: cut(targets)}
		p.tasks, p.byName[spec.Name] = append(p.tasks, t), t
	}
	p.rec.Tasks = nil
	p.indexSeen()
	for i := range p.rec.Audit {
		p.auditBytes += p.rec.Audit[i].size()
	}
	return p, nil
}

// clone returns a copy on which a command can be tried.
func (p *Plan) clone() *Plan {
	c := &Plan{rec: p.rec, byName: make(map[string]*Task, len(p.tasks)), tasks: make([]*Task, len(p.tasks)), seenAt: p.seenAt}
	c.rec.Document.Spec.Tasks = slices.Clone(p.rec.Document.Spec.Tasks)
	for i, t := range p.tasks {
		twin := *t
		if cp := t.rec.Checkpoint; cp != nil {
			// A command replaces fields of a checkpoint, and changes none in place.
			kept := *cp
			twin.rec.Checkpoint = &kept
		}
		if undo := t.rec.Undo; undo != nil {
			kept := *undo
			if undo.Checkpoint != nil {
				cp := *undo.Checkpoint
				kept.Checkpoint = &cp
			}
			twin.rec.Undo = &kept
		}
		c.tasks[i], c.byName[t.rec.Name] = &twin, &twin
	}
	return c
}

// Record returns what RestorePlan makes the same plan of.
func (p *Plan) Record() PlanRecord {
	rec := p.rec
	for _, t := range p.tasks {
		rec.Tasks = append(rec.Tasks, t.rec)
	}
	return rec
}

// ID returns the plan's id, which is also its workflow id.
func (p *Plan) ID() string { return p.rec.ID }

// State returns the plan's state.
func (p *Plan) State() PlanState { return p.rec.State }

// Version returns a number that grows with every accepted command and every
// change of a state, from 1.
func (p *Plan) Version() int64 { return p.rec.Version }

// Reason returns why the plan is PAUSED or FAILED; nil where it is neither.
func (p *Plan) Reason() *Reason { return p.rec.Reason }

// Document returns the plan as its user wrote it.
func (p *Plan) Document() Document { return p.rec.Document }

// Tasks returns the tasks in the order of the plan file.
func (p *Plan) Tasks() []*Task { return p.tasks }

// Phase returns what the plan is about beside its state.
func (p *Plan) Phase() Phase {
	switch {
	case p.rec.State != PlanRunning:
	case p.rec.Intent == intentPause:
		return PhasePausing
	case p.rec.Intent == intentUndo, p.rec.Intent == intentReverse:
		return PhaseRollingBack
	}
	return ""
}

// Stopping reports whether the running tasks are to stop at their next safe
// point.
func (p *Plan) Stopping() bool {
	return p.rec.State == PlanRunning && p.rec.Intent != intentNone && p.rec.Intent != intentUndo
}

// Aborting reports whether the plan ends as soon as its tasks have stopped
// because somebody aborted it.
func (p *Plan) Aborting() bool { return p.rec.State == PlanRunning && p.rec.Intent == intentAbort }

// Running returns the tasks that are RUNNING, in the order of the plan file.
func (p *Plan) Running() []*Task {
	var running []*Task
	for _, t := range p.tasks {
		if t.rec.State == TaskRunning {
			running = append(running, t)
		}
	}
	return running
}

// Working returns the tasks that are to be worked on, in the order of the plan
// file: those that are RUNNING, and those that are being rolled back.
func (p *Plan) Working() []*Task {
	var working []*Task
	for _, t := range p.tasks {
		if t.Working() {
			working = append(working, t)
		}
	}
	return working
}

// Progress counts the targets of all tasks.
func (p *Plan) Progress() Progress {
	var sum Progress
	for _, t := range p.tasks {
		progress := t.Progress()
		sum.Done += progress.Done
		sum.Failed += progress.Failed
		sum.Total += progress.Total
	}
	return sum.withRatio()
}

// Exceptions counts what a plan that completes has put up with: waived tasks,
// and failed targets that thresholds tolerated.
func (p *Plan) Exceptions() int {
	n := 0
	for _, t := range p.tasks {
		switch {
		case t.rec.Waiver != nil:
			n++
		case t.rec.State == TaskCompleted:
			n += t.Progress().Failed
		}
	}
	return n
}

// Task returns the task of a name, or false where the plan has none.
func (p *Plan) Task(name string) (*Task, bool) {
	t, ok := p.byName[name]
	return t, ok
}

// fire moves the plan along the matrix, or refuses and changes nothing.
func (p *Plan) fire(event PlanEvent) error {
	to, ok := planMatrix.next(p.rec.State, event)
	if !ok {
		return p.refuse(string(event))
	}
	p.rec.Version++
	p.changes = append(p.changes, Transition{From: string(p.rec.State), To: string(to), Version: p.rec.Version, Actor: p.actor})
	p.rec.State = to
	return nil
}

// fireTask moves a task along its matrix, or refuses and changes nothing.
func (p *Plan) fireTask(t *Task, event TaskEvent) error {
	from := t.rec.State
	if err := t.fire(event); err != nil {
		return err
	}
	p.rec.Version++
	p.changes = append(p.changes, Transition{Task: t.rec.Name, From: string(from), To: string(t.rec.State), Version: p.rec.Version, Actor: p.actor})
	return nil
}

// refuseTask is the error for a command that a task's state does not allow.
func (p *Plan) refuseTask(t *Task, name CommandName) error {
	return &TransitionError{Entity: "task", Name: t.rec.Name, State: string(t.rec.State), Event: string(name), Legal: p.legalFor(t)}
}

// legalFor lists the commands that the task's own state allows, if the plan's
// does.
func (p *Plan) legalFor(t *Task) []string {
	legal := []string{}
	if t.retriable() {
		legal = append(legal, string(CommandRetry))
	}
	if t.rec.State == TaskFailed && p.rec.Reverses == "" {
		legal = append(legal, string(CommandRollback))
	}
	if t.waivable() {
		legal = append(legal, string(CommandSkip))
	}
	return legal
}

// refuse is the error for an event that is not possible now.
func (p *Plan) refuse(event string) error {
	legal := []string{}
	for _, c := range p.Legal() {
		legal = append(legal, string(c))
	}
	return &TransitionError{
		Entity: "plan", Name: p.rec.ID, State: string(p.rec.State), Phase: string(p.Phase()), Event: event, Legal: legal,
	}
}
