package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/report"
)

// targetFlags choose the targets that get lists.
type targetFlags struct {
	all         bool
	task, state string
}

// query returns what is asked for, or a fault of the command line.
func (f *targetFlags) query() (domain.PageQuery, error) {
	q := domain.PageQuery{Task: f.task, State: domain.TargetState(strings.ToUpper(f.state))}
	switch {
	case !f.all && (f.task != "" || f.state != ""):
		return q, fmt.Errorf("--task and --state choose targets; give --targets with them")
	case q.State != "" && !slices.Contains(domain.TargetStates, q.State):
		return q, fmt.Errorf("%q is no state of a target; the states are %s", f.state, strings.Join(namesOf(domain.TargetStates), ", "))
	}
	return q, nil
}

// listTargets prints targets with how far each is.
func (a *app) listTargets(ctx context.Context, s service, id, form string, q domain.PageQuery) error {
	write := newRowsWriter(a.out, form, "TASK\tTARGET\tSTATE\tFAILURE", func(t domain.TargetItem) string {
		failure := "-"
		if t.Failure != nil {
			failure = fmt.Sprintf("%s %s: %s", t.Failure.Category, t.Failure.ErrorCode, shorten(report.Clean(t.Failure.Reason), 100))
		}
		return fmt.Sprintf("%s\t%s\t%s\t%s", t.Task, report.Clean(t.Target), t.State, failure)
	})
	total, err := eachPage(q, write, func(q domain.PageQuery) ([]domain.TargetItem, int, error) {
		page, err := s.Targets(ctx, id, q)
		return page.Items, page.Next, err
	})
	if err == nil && total == 0 {
		fmt.Fprintln(a.err, "sluice: no target matches.")
	}
	return err
}
