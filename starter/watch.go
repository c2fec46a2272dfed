package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// display shows plans while they are watched.
type display interface {
	update(view plans.View)
	say(text string) // beside the plans, for people
	close()
}

func (a *app) watchCommand() *cobra.Command {
	var form *output
	cmd := &cobra.Command{
		Use:   "watch ID...",
		Short: "Follow plans until they end or are paused",
		Long: "Follows a plan: with a bar for each task on a terminal, with a line for each change elsewhere,\n" +
			"and with one JSON object a line for -o json. Of several plans each has a bar, or lines that\n" +
			"begin with its id. It ends when the plan is COMPLETED (exit code 0), FAILED (3) or PAUSED (5), of\n" +
			"several plans with the last of them and the worst code, and goes on by itself when the server or\n" +
			"the worker is away for a while.",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeIDs(domain.PlanCreated, domain.PlanRunning, domain.PlanPaused),
		RunE: a.online(func(ctx context.Context, s service, args []string) error {
			return a.watch(ctx, s, args, form.form)
		}),
	}
	form = addOutput(cmd, formTable, formJSON)
	return cmd
}

// watchInterval is how often a plan is asked: what people look at moves more
// smoothly than what is logged.
func watchInterval(s streams) time.Duration {
	if s.terminal {
		return 250 * time.Millisecond
	}
	return 500 * time.Millisecond
}

// display returns what suits the output.
func (a *app) display(form string, several bool) display {
	switch {
	case form == formJSON:
		return &jsonDisplay{out: a.out, err: a.err, changes: changes{}}
	case form == formTable && a.terminal:
		return newBars(a.out, a.height, several)
	}
	return &lines{out: a.out, err: a.err, several: several, changes: changes{}}
}

// watch shows plans until each has ended or is paused. The error says which.
func (a *app) watch(ctx context.Context, s service, ids []string, form string) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	show := &guarded{display: a.display(form, len(ids) > 1)}
	f := &follower{service: s, every: a.pollEvery, show: show}
	errs := make([]error, len(ids))
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() {
			view, err := f.follow(ctx, id, settled)
			if err == nil {
				err = endOf(id, view)
			}
			errs[i] = err
		})
	}
	group.Wait()
	show.close()
	return together(errs)
}

// running is the status of a workflow that has not ended.
const running plans.Status = "Running"

func settled(view plans.View) bool {
	return ended(view) || view.State == domain.PlanPaused
}

func ended(view plans.View) bool { return view.State.Closed() || view.Status != running }

// endOf is the error for a plan that there is nothing more to see of; nil
// where it is COMPLETED.
func endOf(id string, view plans.View) error {
	switch view.State {
	case domain.PlanCompleted:
		return nil
	case domain.PlanFailed:
		return &plans.PlanFailedError{View: view}
	case domain.PlanPaused:
		if view.Status == running {
			return &pausedError{text: pausedText(view)}
		}
	}
	return &endedError{id: id, status: view.Status}
}

// endedError says that a plan's workflow ended without the plan's doing.
type endedError struct {
	id     string
	status plans.Status
}

func (e *endedError) Error() string {
	return fmt.Sprintf("the workflow of plan %q has ended (%s) before the plan did", e.id, e.status)
}

func pausedText(view plans.View) string {
	text := fmt.Sprintf("plan %q is PAUSED", view.PlanID)
	if reason := view.Reason; reason != nil {
		text += " (" + string(reason.Kind) + ")"
		if reason.Task != "" {
			text += ", task " + reason.Task
		}
		if reason.Message != "" {
			text += ": " + reason.Message
		}
	}
	return text + "; legal now: " + joinCommands(view.Legal)
}
