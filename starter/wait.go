package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

// waiting is what the command wait waits for.
type waiting struct {
	states     []domain.PlanState
	timeout    time.Duration // 0: as long as it takes
	pastPauses bool
	output     *output
}

func (a *app) waitCommand() *cobra.Command {
	var states []string
	w := &waiting{}
	cmd := &cobra.Command{
		Use:   "wait ID",
		Short: "Wait until a plan is in a state",
		Long: "Waits until a plan is in one of the states of --for, and prints it. It ends early when that can no\n" +
			"longer come: with exit code 3 when the plan has failed, 5 when it is PAUSED, for it then waits for\n" +
			"somebody, and 6 when it has ended otherwise. When the time is over the exit code is 4.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(domain.PlanCreated, domain.PlanRunning, domain.PlanPaused),
		PreRunE: func(*cobra.Command, []string) (err error) {
			if w.timeout < 0 {
				return fmt.Errorf("--timeout is %s, but has to be 0 or more", w.timeout)
			}
			w.states, err = parseStates(states)
			return err
		},
		RunE: a.online(func(ctx context.Context, s service, args []string) error { return a.wait(ctx, s, args[0], w) }),
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&states, "for", []string{string(domain.PlanCompleted)}, "the `states` to wait for, separated by commas: "+strings.Join(namesOf(planStates), ", "))
	flags.DurationVar(&w.timeout, "timeout", 0, "how long to wait; a duration such as 90s; 0: as long as it takes")
	flags.BoolVar(&w.pastPauses, "past-pauses", false, "go on waiting while the plan is PAUSED")
	w.output = addOutput(cmd, formTable, formJSON, formYAML, formName)
	complete(cmd, "for", namesOf(planStates))
	return cmd
}

// wait returns once the plan is in a state that is waited for, or can no
// longer come to one.
func (a *app) wait(ctx context.Context, s service, id string, w *waiting) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if w.timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, w.timeout)
	}
	defer cancel()
	f := &follower{service: s, every: a.pollEvery, show: quietly{a}}
	view, err := f.follow(limited, id, func(view plans.View) bool { return w.reached(view) || w.hopeless(id, view) != nil })
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return w.late(id, view)
	case err != nil:
		return err
	case !w.reached(view):
		return w.hopeless(id, view)
	}
	if w.output.form == formTable {
		_, err := fmt.Fprintf(a.out, "%s: %s, %s\n", id, view.State, report.Progress(view.Progress))
		return err
	}
	return writeView(a.out, w.output.form, view)
}

func (w *waiting) reached(view plans.View) bool {
	return slices.Contains(w.states, view.State) && (view.State.Closed() || view.Status == running)
}

// hopeless is the error for a plan that comes to none of the states any more,
// or not by itself; nil where it may.
func (w *waiting) hopeless(id string, view plans.View) error {
	switch {
	case view.State == domain.PlanCompleted, !ended(view) && view.State != domain.PlanCreated && slices.Equal(w.states, []domain.PlanState{domain.PlanCreated}):
		return &plans.RefusedError{Why: fmt.Sprintf("plan %q is %s, so it can no longer be %s", id, view.State, w.names())}
	case ended(view), view.State == domain.PlanPaused && !w.pastPauses:
		return endOf(id, view)
	}
	return nil
}

func (w *waiting) names() string { return strings.Join(namesOf(w.states), " or ") }

func (w *waiting) late(id string, view plans.View) error {
	state := "has not been heard of"
	if view.State != "" {
		state = "is " + string(view.State)
		if view.Phase != "" {
			state += " (" + string(view.Phase) + ")"
		}
	}
	return &plans.TimeoutError{What: fmt.Sprintf("plan %q %s after %s of waiting for %s; it goes on without this command", id, state, w.timeout, w.names())}
}

// quietly shows nothing but what keeps a plan from being looked at.
type quietly struct{ app *app }

func (q quietly) update(plans.View) {}
func (q quietly) say(text string)   { fmt.Fprintln(q.app.err, text) }
func (q quietly) close()            {}
