package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/internal/planfile"
)

func (a *app) validateCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a plan file and print every fault with its position",
		Long:  "Checks a plan file, in YAML or JSON, without a server. FILE - reads stdin.",
		Args:  fileOrArgument(&file),
		RunE: a.body(func(_ context.Context, args []string) error {
			plan, err := a.load(argument(file, args))
			if err != nil {
				return err
			}
			targets := 0
			for _, t := range plan.Document.Spec.Tasks {
				targets += len(plan.Document.Spec.TargetsOf(t))
			}
			_, err = fmt.Fprintf(a.out, "%s is valid: plan %s, %s, %s to work off, %d bytes encoded\n", argument(file, args),
				plan.Document.Metadata.Name, plural(len(plan.Document.Spec.Tasks), "task"), plural(targets, "target"), plan.Size)
			return err
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the plan `file`, in the place of the argument; - reads stdin")
	return cmd
}

// fileOrArgument takes exactly one of the flag --file and an argument.
func fileOrArgument(file *string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if (*file == "") == (len(args) == 0) || len(args) > 1 {
			return fmt.Errorf("%s takes one file or id, as its argument or by --file", cmd.Name())
		}
		return nil
	}
}

func argument(file string, args []string) string {
	if file != "" {
		return file
	}
	return args[0]
}

// load reads a plan file.
func (a *app) load(path string) (planfile.Plan, error) {
	plan, err := planfile.Load(path, a.in)
	if err != nil {
		return plan, &fileError{err}
	}
	return plan, nil
}
