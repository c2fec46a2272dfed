package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// display shows a plan while it is watched.
type display interface {
	update(view plans.View)
	say(text string) // beside the plan, for people
	close()
}

func (a *app) watchCommand() *cobra.Command {
	var form *output
	cmd := &cobra.Command{
		Use:   "watch ID",
		Short: "Follow a plan until it ends or is paused",
		Long: "Follows a plan: with a bar for each task on a terminal, with a line for each change elsewhere,\n" +
			"and with one JSON object a line for -o json. It ends when the plan is COMPLETED (exit code 0),\n" +
			"FAILED (3) or PAUSED (5), and goes on by itself when the server or the worker is away for a while.",
		Args: cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, s service, args []string) error {
			return a.watch(ctx, s, args[0], a.display(form.form))
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
func (a *app) display(form string) display {
	switch {
	case form == formJSON:
		return &jsonDisplay{out: a.out, err: a.err}
	case a.terminal:
		return newBars(a.out, a.height)
	}
	return &lines{out: a.out, err: a.err}
}

// watch shows a plan until it has ended or is paused. The error says which.
func (a *app) watch(ctx context.Context, s service, id string, show display) error {
	view, err := a.follow(ctx, s, id, show)
	show.close()
	if err != nil {
		return err
	}
	switch view.State {
	case domain.PlanCompleted:
		return nil
	case domain.PlanFailed:
		return &plans.PlanFailedError{View: view}
	case domain.PlanPaused:
		return &pausedError{text: pausedText(view)}
	}
	return &endedError{id: id, status: view.Status}
}

// follow shows a plan until there is nothing more to see.
func (a *app) follow(ctx context.Context, s service, id string, show display) (plans.View, error) {
	trouble := &trouble{show: show}
	for {
		view, err := s.View(ctx, id)
		switch {
		case ctx.Err() != nil:
			return view, ctx.Err()
		case err == nil:
			trouble.over(view.Warnings)
			show.update(view)
			if settled(view) {
				return view, nil
			}
		case !plans.Passing(err):
			return view, err
		case view.Status != "" && view.Status != running:
			return view, nil // ended, and nobody there to ask for more
		default:
			trouble.now(err)
		}
		select {
		case <-ctx.Done():
			return plans.View{}, ctx.Err()
		case <-time.After(a.pollEvery):
		}
	}
}

// running is the status of a workflow that has not ended.
const running plans.Status = "Running"

func settled(view plans.View) bool {
	return view.State.Closed() || view.State == domain.PlanPaused || view.Status != running
}

// trouble says once what keeps a plan from being watched, and once that it is
// over.
type trouble struct {
	show   display
	said   string
	warned map[string]bool
}

func (t *trouble) now(err error) {
	kind := "the plan"
	var server *plans.ServerError
	if errors.As(err, &server) {
		kind = "the server"
	}
	if t.said != kind {
		t.said = kind
		t.show.say(fmt.Sprintf("sluice: %s; still watching.", err))
	}
}

func (t *trouble) over(warnings []string) {
	if t.said != "" {
		t.show.say(fmt.Sprintf("sluice: %s answers again.", t.said))
		t.said = ""
	}
	now := map[string]bool{}
	for _, warning := range warnings {
		if now[warning] = true; !t.warned[warning] {
			t.show.say("sluice: " + warning)
		}
	}
	t.warned = now
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
