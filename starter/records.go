package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/report"
)

func (a *app) recordsCommand() *cobra.Command {
	var task string
	var form *output
	cmd := &cobra.Command{
		Use:   "records ID",
		Short: "Show what stood before each change",
		Long: "Shows what stood at each target before a task changed it: what a rollback puts back. It takes a\n" +
			"worker. -o json has one JSON object a line.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(),
		RunE: a.online(func(ctx context.Context, s service, args []string) error {
			total, err := eachPage(domain.PageQuery{Task: task}, newRecordsWriter(a.out, form.form),
				func(q domain.PageQuery) ([]domain.RecordItem, int, error) {
					page, err := s.Records(ctx, args[0], q)
					return page.Items, page.Next, err
				})
			if err == nil && total == 0 {
				fmt.Fprintln(a.err, "sluice: nothing was recorded; no task has begun to change anything, or its executor records nothing.")
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&task, "task", "", "only of the task of this `name`")
	form = addOutput(cmd, formTable, formJSON)
	return cmd
}

// eachPage hands items on, page by page, and returns how many there were.
func eachPage[T any](q domain.PageQuery, write func([]T) error, page func(domain.PageQuery) (items []T, next int, err error)) (int, error) {
	total := 0
	for {
		items, next, err := page(q)
		if err != nil {
			return total, err
		}
		total += len(items)
		if err := write(items); err != nil {
			return total, err
		}
		if next == 0 {
			return total, nil
		}
		q.Offset = next
	}
}

// newRecordsWriter returns what writes pages of records.
func newRecordsWriter(out io.Writer, form string) func([]domain.RecordItem) error {
	return newRowsWriter(out, form, "TASK\tTARGET\tNOW\tBEFORE", func(r domain.RecordItem) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s", r.Task, report.Clean(r.Target), r.State, priorText(r.Absent, r.Value))
	})
}

// newRowsWriter returns what writes pages of items: as a table, or as a JSON
// object a line.
func newRowsWriter[T any](out io.Writer, form, head string, row func(T) string) func([]T) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	begun := false
	return func(items []T) error {
		if form == formTable && !begun {
			fmt.Fprintln(w, head)
		}
		begun = true
		for _, item := range items {
			if form == formTable {
				fmt.Fprintln(w, row(item))
			} else if err := jsonLine(out, item); err != nil {
				return err
			}
		}
		return w.Flush() // each page has columns of its own, so that none waits for the last
	}
}
