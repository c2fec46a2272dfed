package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/report"
)

func (a *app) auditCommand() *cobra.Command {
	var form *output
	cmd := &cobra.Command{
		Use:               "audit ID",
		Short:             "Show who asked what of a plan, when, why, and what came of it",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(),
		RunE: a.online(func(ctx context.Context, s service, args []string) error {
			trail, err := s.Audit(ctx, args[0])
			if err != nil {
				return err
			}
			if trail.Dropped > 0 {
				fmt.Fprintf(a.err, "sluice: older entries (%d) stand only in the histories of the plan's earlier runs.\n", trail.Dropped)
			}
			if form.form != formTable {
				return writeValue(a.out, form.form, trail)
			}
			return writeAudit(a.out, trail.Entries)
		}),
	}
	form = addOutput(cmd, formTable, formJSON, formYAML)
	return cmd
}

func writeAudit(out io.Writer, entries []domain.AuditEntry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tCOMMAND\tACTOR\tTASK\tPLAN\tVERSION\tREASON\tOUTCOME")
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", e.At.UTC().Format(time.RFC3339), report.Clean(string(e.Command)),
			dash(report.Clean(e.Actor)), dash(report.Clean(e.Task)), e.State, e.Version, dash(report.Clean(e.Reason)), report.Clean(outcomeOf(e)))
	}
	return w.Flush()
}

// outcomeOf words what came of a command.
func outcomeOf(e domain.AuditEntry) string {
	text := "accepted"
	if !e.Accepted {
		text = "refused: " + e.Refusal
	}
	if e.Repeat {
		text = "repeat, nothing done (first: " + text + ")"
	}
	return text
}
