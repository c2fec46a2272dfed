package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

func (a *app) getCommand() *cobra.Command {
	var form *output
	chosen := &targetFlags{}
	var query domain.PageQuery
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show a plan's status, with what is in flight",
		Long: "Shows a plan's status. What is in flight (attempts, heartbeats, who has it) comes from the\n" +
			"server's own record, so it is true also between two events of the plan. With --targets it lists\n" +
			"the targets with how far each is, by the plan's last event; -o json has one JSON object a line.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(),
		PreRunE: func(*cobra.Command, []string) (err error) {
			if query, err = chosen.query(); err == nil && chosen.all && form.form != formTable && form.form != formJSON {
				return fmt.Errorf("--targets knows the forms %s and %s", formTable, formJSON)
			}
			return err
		},
		RunE: a.online(func(ctx context.Context, s service, args []string) error {
			if chosen.all {
				return a.listTargets(ctx, s, args[0], form.form, query)
			}
			view, err := s.View(ctx, args[0])
			var none *plans.NoWorkerError
			if err != nil && !errors.As(err, &none) {
				return err
			}
			if err := writeView(a.out, form.form, view); err != nil {
				return err
			}
			for _, warning := range view.Warnings {
				fmt.Fprintf(a.err, "sluice: %s\n", report.Clean(warning))
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&chosen.all, "targets", false, "list the targets, in the place of the status")
	cmd.Flags().StringVar(&chosen.task, "task", "", "with --targets: only those of the task of this `name`")
	cmd.Flags().StringVar(&chosen.state, "state", "", "with --targets: only those in this `state`: "+strings.Join(namesOf(domain.TargetStates), ", "))
	complete(cmd, "state", namesOf(domain.TargetStates))
	form = addOutput(cmd, formTable, formJSON, formYAML, formName)
	return cmd
}

func writeView(out io.Writer, form string, view plans.View) error {
	switch form {
	case formName:
		_, err := fmt.Fprintln(out, view.PlanID)
		return err
	case formTable:
		return writeTable(out, view)
	}
	return writeValue(out, form, view)
}

func writeTable(out io.Writer, view plans.View) error {
	if view.Partial {
		fmt.Fprint(out, partialText(view))
	} else {
		fmt.Fprint(out, report.Text(view.Snapshot))
	}
	if text := outlook(view); text != "" {
		fmt.Fprintf(out, "\n%s\n", text)
	}
	if len(view.InFlight) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "IN FLIGHT\tEXECUTION\tATTEMPT\tSTATE\tHEARTBEAT\tWORKER\tLAST FAILURE")
	for _, f := range view.InFlight {
		fmt.Fprintf(w, "%s\t%d/%d\t%s\t%s\t%s\t%s\t%s\n", f.Task, f.Execution, f.Slice, attemptText(f), flightText(f),
			clock(f.Heartbeat), dash(report.Clean(f.Worker)), dash(shorten(report.Clean(f.LastFailure), 100)))
	}
	return w.Flush()
}

// outlook says how long the plan will take, or how long it is kept.
func outlook(view plans.View) string {
	switch {
	case view.Estimate != nil:
		return fmt.Sprintf("Remaining: %s, so until %s", about(time.Duration(view.Estimate.Remaining)), view.Estimate.EndsAt.UTC().Format(time.RFC3339))
	case view.KeptUntil.IsZero():
		return ""
	case view.Progress.Done == 0:
		return fmt.Sprintf("The server keeps this plan until %s.", view.KeptUntil.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("The server keeps this plan until %s; until then it can be rolled back.", view.KeptUntil.UTC().Format(time.RFC3339))
}

// about is an estimated time, no finer than it deserves.
func about(d time.Duration) string {
	unit := time.Second
	switch {
	case d >= time.Hour:
		unit = 5 * time.Minute
	case d >= 5*time.Minute:
		unit = time.Minute
	case d >= time.Minute:
		unit = 10 * time.Second
	}
	text := max(d.Round(unit), time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return "about " + text
}

// partialText is what is known of a plan while no worker answers.
func partialText(view plans.View) string {
	state := string(view.State)
	if state == "" {
		state = "in a state that only its worker knows"
	}
	text := fmt.Sprintf("Plan %s: %s, as the server's record says\n", view.PlanID, state)
	if view.Progress.Ratio > 0 {
		text += fmt.Sprintf("Progress: %d %% when it was written last\n", int(view.Progress.Ratio*100))
	}
	if view.Reason != nil {
		text += fmt.Sprintf("Reason: %s %s\n", view.Reason.Kind, view.Reason.Task)
	}
	return text + fmt.Sprintf("Run began %s\n", view.CreatedAt.UTC().Format(time.RFC3339))
}

func attemptText(f plans.Flight) string {
	if f.MaxAttempts == 0 {
		return fmt.Sprint(f.Attempt)
	}
	return fmt.Sprintf("%d of %d", f.Attempt, f.MaxAttempts)
}

// flightText says what an execution in flight is about.
func flightText(f plans.Flight) string {
	switch f.State {
	case plans.FlightWorking:
		return "working"
	case plans.FlightStopping:
		return "stopping at its next safe point"
	case plans.FlightBackingOff:
		return "next attempt at " + clock(f.NextAttempt)
	case plans.FlightWaitingForWorker:
		return "waiting for a worker"
	}
	return string(f.State)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("15:04:05Z")
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// shorten cuts a text to n characters and marks the cut.
func shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// jsonLine writes a value as one line.
func jsonLine(out io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", data)
	return err
}
