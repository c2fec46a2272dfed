package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/doctor"
	"github.com/seed-3652815f/sluice/internal/logging"
)

// unwellError says that doctor has found something wrong.
type unwellError struct{ report doctor.Report }

func (e *unwellError) Error() string {
	return fmt.Sprintf("%s of %d found something wrong", plural(e.report.WrongCount(), "check"), len(e.report.Checks))
}

func (a *app) doctorCommand() *cobra.Command {
	var form *output
	attributes := config.OnOff(true)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the connection, the server and the workers, and say what to do",
		Long: "Looks at the connection, the server's version, the namespace and its retention, the search\n" +
			"attributes, the clocks, and who serves the task queue. It says of each what is wrong and what to\n" +
			"do about it, and changes nothing. The exit code is 0 where all is well, and 1 otherwise.",
		Args: cobra.NoArgs,
		RunE: a.body(func(ctx context.Context, _ []string) error {
			report := doctor.Doctor{
				Connection: quietConnection{a.connection}, TaskQueue: *a.taskQueue, SearchAttributes: bool(attributes),
			}.Examine(ctx)
			if err := writeReport(a.out, form.form, report); err != nil {
				return err
			}
			if !report.OK {
				return &unwellError{report}
			}
			return nil
		}),
	}
	config.SearchAttributesFlag(cmd.Flags(), &attributes)
	form = addOutput(cmd, formTable, formJSON, formYAML)
	return cmd
}

// quietConnection is a connection without the SDK's own log.
type quietConnection struct{ doctor.Connection }

func (q quietConnection) Options() (client.Options, error) {
	options, err := q.Connection.Options()
	options.Logger = logging.Silent()
	return options, err
}

func writeReport(out io.Writer, form string, report doctor.Report) error {
	if form != formTable {
		return writeValue(out, form, report)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range report.Checks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Status, c.Name, c.Found)
		if c.Remedy != "" {
			fmt.Fprintf(w, "\t\t  to do: %s\n", c.Remedy)
		}
	}
	return w.Flush()
}
