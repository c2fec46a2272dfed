package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/paramschema"
	"github.com/seed-3652815f/sluice/internal/report"
)

// textWidth is where the descriptions of parameters are wrapped, in columns.
const textWidth = 90

func (a *app) executorsCommand() *cobra.Command {
	var form *output
	cmd := &cobra.Command{
		Use:   "executors [NAME]",
		Short: "List the executors that the running workers serve, or show one with its parameters",
		Long: "Asks a running worker of the task queue which executors it serves. With a name it shows that one\n" +
			"with its parameters; -o json has their JSON Schema.",
		Args: cobra.MaximumNArgs(1),
		RunE: a.online(func(ctx context.Context, s service, args []string) error {
			catalog, err := s.Executors(ctx)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return writeExecutors(a.out, form.form, catalog)
			}
			executor, err := find(catalog, args[0])
			if err != nil {
				return err
			}
			return writeExecutor(a.out, form.form, executor)
		}),
	}
	form = addOutput(cmd, formTable, formJSON, formYAML, formName)
	return cmd
}

// find returns the executor of a name.
func find(catalog domain.Catalog, name string) (domain.ExecutorInfo, error) {
	known := make([]string, len(catalog.Executors))
	for i, e := range catalog.Executors {
		if e.Name == name {
			return e, nil
		}
		known[i] = e.Name
	}
	text := fmt.Sprintf("the workers of the task queue %q serve no executor %q", catalog.TaskQueue, name)
	if near := domain.Nearest(name, known); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return domain.ExecutorInfo{}, &usageError{fmt.Errorf("%s; they serve %s", text, dash(strings.Join(known, ", ")))}
}

func writeExecutors(out io.Writer, form string, catalog domain.Catalog) error {
	switch form {
	case formName:
		for _, e := range catalog.Executors {
			fmt.Fprintln(out, e.Name)
		}
		return nil
	case formTable:
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tSTEPS\tAT ONCE\tRECORDS\tUNDO\tSUMMARY")
		for _, e := range catalog.Executors {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", report.Clean(e.Name), dash(report.Clean(strings.Join(e.Steps, ", "))), batchText(e.BatchSize),
				undoText(e.RecordsPrior), undoText(e.Reversible), dash(report.Clean(e.Summary)))
		}
		return w.Flush()
	}
	return writeValue(out, form, catalog)
}

func batchText(n int) string {
	if n == 0 {
		return "unknown"
	}
	return fmt.Sprint(n)
}

func writeExecutor(out io.Writer, form string, e domain.ExecutorInfo) error {
	switch form {
	case formName:
		_, err := fmt.Fprintln(out, e.Name)
		return err
	case formTable:
		return describeExecutor(out, e)
	}
	return writeValue(out, form, e)
}

// describeExecutor writes what a person needs who writes a plan.
func describeExecutor(out io.Writer, e domain.ExecutorInfo) error {
	rows, err := paramschema.Rows(e.Params)
	if err != nil {
		return fmt.Errorf("the parameters of the executor %s cannot be shown: %w", e.Name, err)
	}
	fmt.Fprintf(out, "%s: %s\n\n", report.Clean(e.Name), dash(report.Clean(e.Summary)))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Steps\t%s\n", dash(report.Clean(strings.Join(e.Steps, ", "))))
	fmt.Fprintf(w, "Targets at once\t%s\n", batchText(e.BatchSize))
	fmt.Fprintf(w, "Records what stood before\t%s\n", undoText(e.RecordsPrior))
	fmt.Fprintf(w, "Can be rolled back\t%s\n", undoText(e.Reversible))
	if err := w.Flush(); err != nil {
		return err
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "\nIt has no parameters.")
		return err
	}
	fmt.Fprintln(out, "\nParameters")
	for _, row := range rows {
		fmt.Fprintf(out, "  %s  (%s)\n", report.Clean(row.Name), report.Clean(strings.Join(facts(row), ", ")))
		for _, line := range wrapped(row.Description, textWidth-6) {
			fmt.Fprintf(out, "      %s\n", line)
		}
	}
	return nil
}

func facts(row paramschema.Row) []string {
	facts := []string{row.Type}
	if row.Required {
		facts = append(facts, "required")
	}
	if row.Default != "" {
		facts = append(facts, "default "+row.Default)
	}
	return facts
}

// wrapped breaks a text into lines of at most width characters, at blanks.
func wrapped(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		word = report.Clean(word)
		last := len(lines) - 1
		if last < 0 || len([]rune(lines[last]))+1+len([]rune(word)) > width {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return slices.Clip(lines)
}
