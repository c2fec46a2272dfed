package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/internal/plans"
)

func (a *app) startCommand() *cobra.Command {
	var file, id string
	var watch bool
	var opts *commandFlags
	cmd := &cobra.Command{
		Use:   "start FILE|ID",
		Short: "Start a plan from its file, or one that is held",
		Long: "Starts the plan of a file, in YAML or JSON, and prints its id; FILE - reads stdin. Where the\n" +
			"argument is the id of a plan that is held (spec.hold), the plan begins.",
		Args: fileOrArgument(&file),
	}
	cmd.RunE = a.body(func(ctx context.Context, args []string) error {
		name := argument(file, args)
		if file == "" && !isFile(name) {
			return a.steer(ctx, domain.CommandStart, name, opts)
		}
		plan, err := a.load(name)
		if err != nil {
			return err
		}
		if id == "" {
			id = plan.Document.Metadata.Name
		}
		s, leave, err := a.connect(ctx)
		if err != nil {
			return err
		}
		defer leave()
		if err := a.begin(ctx, s, id, plan); err != nil || !watch {
			return err
		}
		return a.watch(ctx, s, id, a.display(formTable))
	})
	cmd.Flags().StringVarP(&file, "file", "f", "", "the plan file, in the place of the argument; - reads stdin")
	cmd.Flags().StringVar(&id, "id", "", "id of the plan (default the name in its file)")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "watch the plan until it ends or is paused")
	opts = addCommandFlags(cmd, false)
	return cmd
}

// begin starts a plan and prints its id.
func (a *app) begin(ctx context.Context, s service, id string, plan planfile.Plan) error {
	if err := s.Start(ctx, id, plan); err != nil {
		return err
	}
	fmt.Fprintln(a.out, id)
	var none *plans.NoWorkerError
	if err := s.Served(ctx); errors.As(err, &none) {
		fmt.Fprintf(a.err, "sluice: the plan is started, but %s.\n", none)
	}
	return nil
}

// isFile reports whether an argument means a plan file: there is one, or it
// looks like one.
func isFile(name string) bool {
	if info, err := os.Stat(name); err == nil {
		return !info.IsDir()
	}
	looks := slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name)))
	return name == planfile.Stdin || looks || strings.ContainsRune(name, os.PathSeparator)
}
