// Package report renders a plan's status as text for people. It is the same
// text in the command line and in the workflow's query, so it depends on
// nothing but the snapshot.
package report

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/seed-3652815f/sluice/domain"
)

// Text returns the status as aligned plain text.
func Text(s domain.Snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Plan %s: %s", s.PlanID, s.State)
	if s.Phase != "" {
		fmt.Fprintf(&b, " (%s)", s.Phase)
	}
	fmt.Fprintf(&b, ", %s, version %d\n", Progress(s.Progress), s.Version)
	if s.Reason != nil {
		fmt.Fprintf(&b, "Reason: %s\n", reason(*s.Reason))
	}
	if s.Reverses != "" {
		fmt.Fprintf(&b, "Puts back what plan %s has changed; done means put back\n", s.Reverses)
	}
	if s.Reversal != nil {
		fmt.Fprintf(&b, "Rollback: %s\n", reversal(*s.Reversal))
	}
	if s.Exceptions > 0 {
		fmt.Fprintf(&b, "Exceptions: %d (waived tasks and tolerated failures of targets)\n", s.Exceptions)
	}
	fmt.Fprintf(&b, "Created %s%s%s\n\n", stamp(s.CreatedAt), since(", started ", s.StartedAt), since(", ended ", s.EndedAt))
	writeTasks(&b, s)
	writeFailures(&b, s)
	legal := "nothing until it has ended"
	if s.State.Closed() {
		legal = "nothing; the plan is closed"
	}
	if len(s.Legal) > 0 {
		names := make([]string, len(s.Legal))
		for i, name := range s.Legal {
			names[i] = string(name)
		}
		legal = strings.Join(names, ", ")
	}
	fmt.Fprintf(&b, "\nLegal now: %s\n", legal)
	return b.String()
}

// Progress returns a progress as in "103 of 200 targets done (51 %), 2 failed".
func Progress(p domain.Progress) string {
	text := fmt.Sprintf("%d of %d targets done (%d %%)", p.Done, p.Total, int(p.Ratio*100))
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d failed", p.Failed)
	}
	return text
}

func reason(r domain.Reason) string {
	text := string(r.Kind)
	if r.Task != "" {
		text += ", task " + r.Task
	}
	if r.Message != "" {
		text += ": " + Clean(r.Message)
	}
	if r.Actor != "" {
		text += " (claims to be " + Clean(r.Actor) + ")"
	}
	return text + ", " + stamp(r.At)
}

// reversal says what came of a plan's rollback as a whole.
func reversal(rv domain.Reversal) string {
	switch {
	case rv.EndedAt.IsZero():
		return "plan " + rv.PlanID + " puts back what was changed; look at it for how far it is"
	case rv.State == "":
		return "plan " + rv.PlanID + " ended without an account: " + Clean(rv.Note)
	}
	text := fmt.Sprintf("plan %s is %s", rv.PlanID, rv.State)
	for _, t := range rv.Tasks {
		text += fmt.Sprintf("; task %s: %d of %d put back", t.Name, t.Progress.Done, t.Progress.Total)
		if t.Progress.Failed > 0 {
			text += fmt.Sprintf(", %d could not be", t.Progress.Failed)
		}
	}
	return text
}

// rollback says how far the rollback of one task is.
func rollback(r domain.RollbackView) string {
	text := fmt.Sprintf("%d of %d targets put back", r.Progress.Done, r.Progress.Total)
	if r.Progress.Failed > 0 {
		text += fmt.Sprintf(", %d could not be", r.Progress.Failed)
	}
	if r.Running {
		text += ", still at it"
	}
	if r.Failure != nil {
		text += "; it failed: " + failure(*r.Failure)
	}
	return text
}

func writeTasks(b *strings.Builder, s domain.Snapshot) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TASK\tEXECUTOR\tSTATE\tDONE\tFAILED\tSTEP\tCURRENT TARGET")
	for _, t := range s.Tasks {
		state := string(t.State)
		if t.Phase != "" {
			state += " (" + string(t.Phase) + ")"
		}
		if t.Waiver != nil {
			state += " (waived)"
		}
		step, current := "-", "-"
		if t.Checkpoint != nil {
			step, current = dash(t.Checkpoint.Step), dash(t.Checkpoint.Data.CurrentTarget)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%d\t%s\t%s\n", t.Name, t.Executor, state, t.Progress.Done, t.Progress.Total, t.Progress.Failed, step, current)
	}
	_ = w.Flush() // a strings.Builder takes everything
	if more := s.TaskCount - len(s.Tasks); more > 0 {
		fmt.Fprintf(b, "and %d further tasks\n", more)
	}
}

func writeFailures(b *strings.Builder, s domain.Snapshot) {
	for _, t := range s.Tasks {
		if t.Failure != nil {
			fmt.Fprintf(b, "\nTask %s failed at %s: %s\n", t.Name, stamp(t.Failure.Timestamp), failure(*t.Failure))
		}
		if t.Rollback != nil {
			fmt.Fprintf(b, "\nTask %s is rolled back by command: %s\n", t.Name, rollback(*t.Rollback))
		}
		if t.Waiver != nil {
			fmt.Fprintf(b, "\nTask %s was waived at %s: %s\n", t.Name, stamp(t.Waiver.At), Clean(t.Waiver.Reason))
		}
	}
}

func failure(f domain.FailureInfo) string {
	text := fmt.Sprintf("%s %s", f.Category, f.ErrorCode)
	if f.Target != "" {
		text += " at " + f.Target
	}
	return text + ": " + Clean(f.Reason)
}

// Clean returns a text on one line and without the control characters that
// would steer a terminal: reasons and answers come from anywhere.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '\uFFFD'
		}
		return r
	}, text)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func since(prefix string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return prefix + stamp(t)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
