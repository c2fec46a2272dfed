package plans

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// ReversePreview is what a rollback of a plan would do.
type ReversePreview struct {
	PlanID  string                `json:"planId"`  // of the reverse plan
	Tasks   []ReverseTask         `json:"tasks"`   // in the order in which they would be put back
	Left    []domain.Irreversible `json:"left"`    // what stays as it is
	Records int                   `json:"records"` // prior values that would be put back
}

// ReverseTask is one task of a ReversePreview.
type ReverseTask struct {
	Name     string         `json:"name"`
	Executor string         `json:"executor"`
	Targets  int            `json:"targets"` // that would be put back
	Values   []ReverseValue `json:"values"`  // the prior values, the most frequent first, 20 at most
}

// ReverseValue is a prior value and at how many targets it would be put back.
type ReverseValue struct {
	domain.Prior
	Targets int `json:"targets"`
}

// Reverse starts the reverse plan of a plan that has ended, and returns its id.
// A plan that has not ended takes the command rollback instead. It takes a
// worker, which reads the run that has ended.
func (c *Client) Reverse(ctx context.Context, id string, command domain.Command) (string, error) {
	e, err := c.ended(ctx, id)
	if err != nil {
		return "", err
	}
	if err := c.notReversed(ctx, id, e, domain.CommandRollback); err != nil {
		return "", err
	}
	now := time.Now().UTC()
	rec, err := e.reverse(now)
	if err != nil {
		return "", err
	}
	if command.IfVersion != 0 && command.IfVersion != e.state.Plan.Version {
		return "", &RefusedError{Why: (&domain.ConflictError{Plan: id, Want: command.IfVersion, Have: e.state.Plan.Version}).Error()}
	}
	rec.Audit = []domain.AuditEntry{{At: now, Command: domain.CommandRollback, Actor: command.Actor, Reason: command.Reason, Accepted: true, State: rec.State, Version: rec.Version}}
	return rec.ID, c.runState(ctx, e, rec, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
}

// reverse derives the reverse plan.
func (e endedRun) reverse(now time.Time) (domain.PlanRecord, error) {
	p, err := domain.Ended(e.state.Plan, e.interruption(), now)
	if err != nil {
		return domain.PlanRecord{}, fmt.Errorf("reading the record of plan %q: %w", e.state.Plan.ID, err)
	}
	if rv := p.Reversal(); rv != nil && rv.RunID != "" {
		return domain.PlanRecord{}, &RefusedError{Why: (&domain.TakenBackError{Plan: p.ID(), Reverse: rv.PlanID, Event: string(domain.CommandRollback), State: rv.State}).Error()}
	}
	rec, err := p.Reverse(now)
	if err != nil {
		return domain.PlanRecord{}, &RefusedError{Why: err.Error()}
	}
	return rec, nil
}

// PreviewReverse says what a rollback of a plan would do, and changes nothing.
// Of a plan that runs it says what is known by its last event.
func (c *Client) PreviewReverse(ctx context.Context, id string) (ReversePreview, error) {
	var state workflows.RunState
	if err := c.query(ctx, id, workflows.QueryRecord, &state); err != nil {
		return ReversePreview{}, err
	}
	p, err := domain.RestorePlan(state.Plan)
	if err != nil {
		return ReversePreview{}, fmt.Errorf("reading the record of plan %q: %w", id, err)
	}
	rec, err := p.Reverse(time.Now().UTC())
	if err != nil {
		return ReversePreview{}, &RefusedError{Why: err.Error()}
	}
	preview := ReversePreview{PlanID: rec.ID, Tasks: []ReverseTask{}, Left: append([]domain.Irreversible{}, p.Irreversible()...)}
	for i, t := range rec.Tasks {
		task := ReverseTask{Name: t.Name, Executor: rec.Document.Spec.Tasks[i].Executor, Targets: t.Select.Count(), Values: valuesOf(t.Restore.Groups())}
		preview.Records += t.Restore.Count()
		preview.Tasks = append(preview.Tasks, task)
	}
	return preview, nil
}

// maxValues bounds the values that a preview lists of a task.
const maxValues = 20

// valuesOf lists prior values with the number of their targets.
func valuesOf(groups []domain.PriorGroup) []ReverseValue {
	values := []ReverseValue{}
	for _, g := range groups {
		values = append(values, ReverseValue{Prior: g.Prior, Targets: g.Targets.Count()})
	}
	slices.SortStableFunc(values, func(a, b ReverseValue) int { return cmp.Compare(b.Targets, a.Targets) })
	return values[:min(len(values), maxValues)]
}

// Records returns a page of what stood before each change. It takes a worker.
func (c *Client) Records(ctx context.Context, id string, page domain.PageQuery) (domain.RecordsPage, error) {
	var records domain.RecordsPage
	err := c.query(ctx, id, workflows.QueryRecords, &records, page)
	return records, err
}

// Targets returns a page of a plan's targets. It takes a worker.
func (c *Client) Targets(ctx context.Context, id string, page domain.PageQuery) (domain.TargetsPage, error) {
	var targets domain.TargetsPage
	err := c.query(ctx, id, workflows.QueryTargets, &targets, page)
	return targets, err
}
