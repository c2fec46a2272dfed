package domain

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Irreversible is a task of which something stays that was changed.
type Irreversible struct {
	Task    string `json:"task"`
	Why     string `json:"why"`
	Targets int    `json:"targets"` // that may have been changed
}

// Irreversible lists what a reverse plan leaves as it is.
func (p *Plan) Irreversible() []Irreversible {
	var left []Irreversible
	for _, t := range p.tasks {
		if changed := t.changed(); !t.reversible() && !changed.Empty() {
			left = append(left, Irreversible{Task: t.rec.Name, Why: "the plan file says reversible: false", Targets: changed.Count()})
		}
	}
	return left
}

// Reverse derives the plan that puts back what this one has changed: for each
// task that may have changed something one task of the same executor in mode
// rollback, newest first, with exactly those targets and their prior values.
// The error is ErrNothingChanged or ErrReverse.
func (p *Plan) Reverse(now time.Time) (PlanRecord, error) {
	switch {
	case p.rec.Reverses != "":
		return PlanRecord{}, ErrReverse
	case !p.changedAnything():
		return PlanRecord{}, fmt.Errorf("rolling back plan %q: %w", p.rec.ID, ErrNothingChanged)
	}
	id := ReverseID(p.rec.ID)
	doc := p.rec.Document
	doc.Metadata.Name = id
	doc.Spec.Description = fmt.Sprintf("Puts back what plan %s has changed.", p.rec.ID)
	doc.Spec.Hold, doc.Spec.OnFailure, doc.Spec.Tasks = false, OnFailurePause, nil
	rec := PlanRecord{ID: id, Generation: p.rec.Generation, Reverses: p.rec.ID, State: PlanCreated, Version: 1, CreatedAt: now}
	for _, t := range p.newestFirst() {
		spec := t.spec
		spec.DependsOn, spec.PauseBefore = p.dependents(t), false
		doc.Spec.Tasks = append(doc.Spec.Tasks, spec)
		rec.Tasks = append(rec.Tasks, t.reverse())
	}
	rec.Document = doc
	return rec, nil
}

// reverse returns the task's record in a reverse plan.
func (t *Task) reverse() TaskRecord {
	changed := t.changed()
	rec := TaskRecord{
		Name: t.rec.Name, State: TaskCreated, MaxRetries: t.spec.Retry.MaxRetriesOrDefault(),
		Revision: t.rec.Revision, Earlier: t.rec.Earlier, Mode: ModeRollback, Leg: Leg{Select: &changed},
	}
	for target := range changed.All() {
		if prior, ok := t.rec.Checkpoint.Prior.Get(target); ok {
			rec.Restore.put(target, prior)
		}
	}
	return rec
}

// newestFirst returns the tasks that a reverse plan has, the one that began
// last first, and of those that began together the last of the plan file first.
func (p *Plan) newestFirst() []*Task {
	var chosen []*Task
	for _, t := range slices.Backward(p.tasks) {
		if changed := t.changed(); t.reversible() && !changed.Empty() {
			chosen = append(chosen, t)
		}
	}
	slices.SortStableFunc(chosen, func(a, b *Task) int { return cmp.Compare(b.rec.StartedAt.UnixNano(), a.rec.StartedAt.UnixNano()) })
	return chosen
}

// dependents lists the tasks of the reverse plan for which the reverse of t
// has to wait: those that depend on t, directly or over tasks that are left out.
func (p *Plan) dependents(t *Task) []string {
	var names []string
	seen := map[string]bool{t.rec.Name: true}
	open := []string{t.rec.Name}
	for len(open) > 0 {
		name := open[0]
		open = open[1:]
		for _, other := range p.tasks {
			if seen[other.rec.Name] || !slices.Contains(other.spec.DependsOn, name) {
				continue
			}
			seen[other.rec.Name] = true
			if changed := other.changed(); other.reversible() && !changed.Empty() {
				names = append(names, other.rec.Name)
			} else {
				open = append(open, other.rec.Name)
			}
		}
	}
	return names
}
