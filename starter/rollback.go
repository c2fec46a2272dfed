package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

func (a *app) rollbackCommand() *cobra.Command {
	var preview bool
	cmd, st := a.steeringCommand(domain.CommandRollback,
		"Put back what was recorded before each change",
		"Puts back what stood before each change, newest first: with --task of one failed task, and without\n"+
			"it of the whole plan, by a plan of its own that is watched and steered like any other. Of a plan\n"+
			"that has ended as well. --preview shows what would be put back and what would not, and changes\n"+
			"nothing.", true)
	cmd.Flags().BoolVar(&preview, "preview", false, "show what would be put back, and change nothing")
	st.deed = st.rollback
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if preview && st.command.Task != "" {
			return errors.New("--preview is of the whole plan; records --task shows what stood before the changes of one task")
		}
		return nil
	}
	send := cmd.RunE
	look := a.online(func(ctx context.Context, s service, args []string) error {
		p, err := s.PreviewReverse(ctx, args[0])
		if err != nil {
			return err
		}
		return writeReverse(a.out, st.output.form, args[0], p)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if preview {
			return look(cmd, args)
		}
		return send(cmd, args)
	}
	return cmd
}

// rollback sends the command to a plan that runs, and starts the reverse plan
// of one that has ended.
func (st *steering) rollback(ctx context.Context, s service, id string) (done, error) {
	running, err := s.Running(ctx, id)
	if err != nil {
		return done{}, err
	}
	if running {
		d, err := st.send(ctx, s, id)
		if err == nil && st.command.Task == "" {
			d.text += "; watch it with: sluice watch " + domain.ReverseID(id)
		}
		return d, err
	}
	if st.command.Task != "" {
		return done{}, &plans.RefusedError{Why: fmt.Sprintf("plan %q has ended, so that it is rolled back as a whole only; leave --task out", id)}
	}
	reverse, err := s.Reverse(ctx, id, st.command)
	if err != nil {
		return done{}, err
	}
	text := fmt.Sprintf("rollback accepted; plan %s puts back what was changed, watch it with: sluice watch %s", reverse, reverse)
	return done{plans.Outcome{State: domain.PlanCreated, Version: 1}, text}, nil
}

func writeReverse(out io.Writer, form, id string, p plans.ReversePreview) error {
	switch form {
	case formName:
		_, err := fmt.Fprintln(out, p.PlanID)
		return err
	case formJSON, formYAML:
		return writeValue(out, form, p)
	}
	fmt.Fprintf(out, "A rollback of %s would be plan %s and put back, in this order:\n\n", id, p.PlanID)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TASK\tEXECUTOR\tTARGETS\tTO WHAT STOOD BEFORE")
	for _, t := range p.Tasks {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", t.Name, t.Executor, t.Targets, valuesText(t))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, left := range p.Left {
		fmt.Fprintf(out, "\nTask %s stays as it is at %s: %s\n", left.Task, plural(left.Targets, "target"), report.Clean(left.Why))
	}
	return nil
}

// shownValues is how many prior values of a task are named.
const shownValues = 3

func valuesText(t plans.ReverseTask) string {
	var texts []string
	for _, v := range t.Values[:min(len(t.Values), shownValues)] {
		texts = append(texts, fmt.Sprintf("%s (%d)", priorText(v.Absent, v.Value), v.Targets))
	}
	if len(t.Values) > shownValues {
		texts = append(texts, "…")
	}
	if len(texts) == 0 {
		return "nothing was recorded"
	}
	return strings.Join(texts, ", ")
}

// priorText is a value that stood before a change.
func priorText(absent bool, value []byte) string {
	if absent {
		return "nothing"
	}
	return shorten(report.Clean(string(value)), 60)
}
