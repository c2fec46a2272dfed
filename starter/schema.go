package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/docs"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of plan files, for editors",
		Long: "Prints the JSON Schema of plan files. With it an editor completes and checks them: save it\n" +
			"beside the plan file and begin that with: # yaml-language-server: $schema=plan.schema.json",
		Args: cobra.NoArgs,
		RunE: a.body(func(context.Context, []string) error {
			_, err := a.out.Write(docs.PlanSchema)
			return err
		}),
	}
}
