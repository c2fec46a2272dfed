package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

// lines shows plans as a line for each change, for logs and pipes.
type lines struct {
	out, err io.Writer
	several  bool // each line begins with the plan's id
	changes
}

func (l *lines) update(view plans.View) {
	if !l.changed(view) {
		return
	}
	id := ""
	if l.several {
		id = report.Clean(view.PlanID) + " "
	}
	fmt.Fprintf(l.out, "%s %s%s\n", view.AsOf.UTC().Format(time.RFC3339), id, line(view))
}

func (l *lines) say(text string) { fmt.Fprintln(l.err, text) }
func (l *lines) close()          {}

// changes knows what was shown last of each plan.
type changes map[string]string

// changed reports whether there is something new to show of a plan.
func (c changes) changed(view plans.View) bool {
	key := changeOf(view)
	if c[view.PlanID] == key {
		return false
	}
	c[view.PlanID] = key
	return true
}

// changeOf is equal for two views between which nothing worth a line has
// happened: progress counts in steps of 5 %.
func changeOf(view plans.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %d", view.Status, view.State, view.Phase, int(view.Progress.Ratio*20))
	for _, t := range view.Tasks {
		fmt.Fprintf(&b, " %s %t", t.State, t.Waiver != nil)
	}
	for _, f := range view.InFlight {
		fmt.Fprintf(&b, " %s %d %s", f.Task, f.Attempt, f.State)
	}
	return b.String()
}

// line is a plan on one line.
func line(view plans.View) string {
	text := string(view.State)
	if view.Phase != "" {
		text += " (" + string(view.Phase) + ")"
	}
	text += ", " + report.Progress(view.Progress) + remaining(view)
	for _, t := range view.Tasks {
		if t.State == domain.TaskRunning || t.State == domain.TaskFailed {
			text += "; " + t.Name + " " + taskText(t, view.InFlight)
		}
	}
	return text
}

// remaining says how much longer a plan will take; nothing where that is not
// known.
func remaining(view plans.View) string {
	if view.Estimate == nil {
		return ""
	}
	return ", " + about(time.Duration(view.Estimate.Remaining)) + " left"
}

// taskText says in a few words what a task is about.
func taskText(t domain.TaskSnapshot, flights []plans.Flight) string {
	text := string(t.State)
	switch {
	case t.Waiver != nil:
		text += " (waived)"
	case t.Phase != "":
		text += " (" + string(t.Phase) + ")"
	case t.State == domain.TaskFailed && t.Failure != nil:
		text += " " + t.Failure.ErrorCode
	}
	if t.State == domain.TaskRunning && t.Checkpoint != nil && t.Checkpoint.Step != "" {
		text += " " + t.Checkpoint.Step
	}
	for _, f := range flights {
		if f.Task == t.Name && t.State == domain.TaskRunning && (f.Attempt > 1 || f.State != plans.FlightWorking) {
			text += fmt.Sprintf(", attempt %s: %s", attemptText(f), flightText(f))
		}
	}
	return text
}

func joinCommands(names []domain.CommandName) string {
	if len(names) == 0 {
		return "nothing"
	}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}

// jsonDisplay shows plans as a JSON object a line, for each change.
type jsonDisplay struct {
	out, err io.Writer
	changes
}

func (d *jsonDisplay) update(view plans.View) {
	if !d.changed(view) {
		return
	}
	if err := jsonLine(d.out, view); err != nil {
		d.say("sluice: " + err.Error())
	}
}

func (d *jsonDisplay) say(text string) { fmt.Fprintln(d.err, text) }
func (d *jsonDisplay) close()          {}
