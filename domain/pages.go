package domain

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Bounds of a page of targets or records.
const (
	MaxPageItems = 1000
	maxPageBytes = 256 << 10
)

// PageQuery asks for a page of a plan's targets, or of what stood before each
// change.
type PageQuery struct {
	Task   string      `json:"task,omitempty"`   // empty: all tasks, in the order of the plan file
	State  TargetState `json:"state,omitempty"`  // of targets; empty: any
	Offset int         `json:"offset,omitempty"` // items to pass over; the page before says it as next
	Limit  int         `json:"limit,omitempty"`  // items at most; 0 means 1,000, which is the most
}

// limit returns the most items of the page.
func (q PageQuery) limit() int {
	if q.Limit <= 0 || q.Limit > MaxPageItems {
		return MaxPageItems
	}
	return q.Limit
}

// TargetState is how far a task has come with one target.
type TargetState string

// How far a task has come with a target.
const (
	TargetOpen     TargetState = "OPEN"
	TargetUnderWay TargetState = "UNDER_WAY" // begun, and its outcome is unknown
	TargetDone     TargetState = "DONE"      // in a reverse plan: put back
	TargetFailed   TargetState = "FAILED"    // given up
	TargetPutBack  TargetState = "PUT_BACK"  // by the rollback of its task
)

// TargetStates lists the states in the order in which a target goes through
// them.
var TargetStates = []TargetState{TargetOpen, TargetUnderWay, TargetDone, TargetFailed, TargetPutBack}

// TargetItem is one target of one task.
type TargetItem struct {
	Task    string       `json:"task"`
	Target  string       `json:"target"`
	State   TargetState  `json:"state"`
	Failure *FailureInfo `json:"failure,omitempty"` // of the first 20 failed ones of a task
}

// TargetsPage is a page of targets.
type TargetsPage struct {
	Total int          `json:"total"` // of all pages
	Items []TargetItem `json:"items"`
	Next  int          `json:"next,omitempty"` // offset of the next page; 0: this is the last one
}

// RecordItem is what stood at one target before a task changed it.
type RecordItem struct {
	Task   string          `json:"task"`
	Target string          `json:"target"`
	Value  json.RawMessage `json:"value,omitempty"`  // the executor's form
	Absent bool            `json:"absent,omitempty"` // nothing stood there
	State  TargetState     `json:"state"`            // of the target now
}

// RecordsPage is a page of records.
type RecordsPage struct {
	Total int          `json:"total"` // of all pages
	Items []RecordItem `json:"items"`
	Next  int          `json:"next,omitempty"` // offset of the next page; 0: this is the last one
}

// pager takes the items of one page out of all.
type pager struct {
	query            PageQuery
	total, kept, end int // items seen, items on the page, offset behind the last of them
	bytes            int
	full             bool
}

// take reports whether the next item, of about so many bytes, is on the page.
func (p *pager) take(bytes int) bool {
	at := p.total
	p.total++
	if at < p.query.Offset || p.full {
		return false
	}
	if p.kept == p.query.limit() || p.kept > 0 && p.bytes+bytes > maxPageBytes {
		p.full = true
		return false
	}
	p.kept++
	p.bytes += bytes
	p.end = at + 1
	return true
}

// next returns the offset of the next page; 0 where there is none.
func (p *pager) next() int {
	if p.full {
		return p.end
	}
	return 0
}

// ofTask returns the tasks that a page is about.
func (p *Plan) ofTask(q PageQuery) ([]*Task, error) {
	if q.Task == "" {
		return p.tasks, nil
	}
	t, ok := p.Task(q.Task)
	if !ok {
		return nil, fmt.Errorf("reading the targets of task %q: %w", q.Task, ErrUnknownTask)
	}
	return []*Task{t}, nil
}

// Targets returns a page of the targets of all tasks, or of one.
func (p *Plan) Targets(q PageQuery) (TargetsPage, error) {
	page := TargetsPage{Items: []TargetItem{}}
	if q.State != "" && !slices.Contains(TargetStates, q.State) {
		return page, fmt.Errorf("the state of a target is one of %v, and not %q", TargetStates, q.State)
	}
	tasks, err := p.ofTask(q)
	if err != nil {
		return page, err
	}
	pages := pager{query: q}
	for _, t := range tasks {
		for i, name := range t.all {
			if t.rec.Select != nil && !t.rec.Select.Contains(i) {
				continue
			}
			state := t.targetState(i)
			if q.State != "" && q.State != state || !pages.take(len(t.rec.Name)+len(name)+100) {
				continue
			}
			page.Items = append(page.Items, TargetItem{Task: t.rec.Name, Target: name, State: state, Failure: t.failureOf(name, state)})
		}
	}
	page.Total, page.Next = pages.total, pages.next()
	return page, nil
}

// targetState returns how far the task has come with a target.
func (t *Task) targetState(i int) TargetState {
	if undo := t.rec.Undo; undo != nil && undo.Checkpoint != nil && undo.Checkpoint.Done.Contains(i) {
		return TargetPutBack
	}
	cp := t.rec.Checkpoint
	switch {
	case cp == nil:
		return TargetOpen
	case cp.Done.Contains(i):
		return TargetDone
	case cp.Failed.Contains(i):
		return TargetFailed
	case cp.Batch.Contains(i):
		return TargetUnderWay
	}
	return TargetOpen
}

func (t *Task) failureOf(name string, state TargetState) *FailureInfo {
	if state != TargetFailed {
		return nil
	}
	i := slices.IndexFunc(t.rec.Checkpoint.Failures, func(f FailureInfo) bool { return f.Target == name })
	if i < 0 {
		return nil
	}
	found := t.rec.Checkpoint.Failures[i]
	return &found
}

// Records returns a page of what stood before each change, of all tasks or of
// one, by the order of the targets. In a reverse plan it is what is put back.
func (p *Plan) Records(q PageQuery) (RecordsPage, error) {
	page := RecordsPage{Items: []RecordItem{}}
	tasks, err := p.ofTask(q)
	if err != nil {
		return page, err
	}
	pages := pager{query: q}
	for _, t := range tasks {
		priors := t.restore()
		for i, name := range t.all {
			prior, ok := priors.Get(i)
			if !ok || !pages.take(len(t.rec.Name)+len(name)+len(prior.Value)+80) {
				continue
			}
			page.Items = append(page.Items, RecordItem{Task: t.rec.Name, Target: name, Value: prior.Value, Absent: prior.Absent, State: t.targetState(i)})
		}
	}
	page.Total, page.Next = pages.total, pages.next()
	return page, nil
}
