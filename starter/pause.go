package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

func (a *app) pauseCommand() *cobra.Command {
	var noWait bool
	cmd, opts := a.steering(domain.CommandPause,
		"Stop every running task at its next safe point, and keep its checkpoint",
		"Asks a running plan to pause, and waits until nothing of it is in flight any more.", false)
	cmd.RunE = a.body(func(ctx context.Context, args []string) error {
		if noWait {
			return a.steer(ctx, domain.CommandPause, args[0], opts)
		}
		return a.pause(ctx, args[0], opts)
	})
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return once the plan has accepted the command, before it is PAUSED")
	return cmd
}

// pause sends the command and waits until the plan is PAUSED.
func (a *app) pause(ctx context.Context, id string, opts *commandFlags) error {
	return a.connected(ctx, opts, func(ctx context.Context, s service) error {
		if _, err := s.Send(ctx, id, domain.CommandPause, opts.command); err != nil {
			return err
		}
		view, err := s.AwaitPaused(ctx, id)
		if err != nil {
			return err
		}
		if opts.output.form == formTable {
			fmt.Fprintf(a.out, "paused: %s\n", report.Progress(view.Progress))
			return nil
		}
		return a.printOutcome(domain.CommandPause, id, plans.Outcome{State: view.State, Phase: view.Phase, Version: view.Version}, opts)
	})
}
