package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
)

func (a *app) skipCommand() *cobra.Command {
	cmd, st := a.steeringCommand(domain.CommandSkip,
		"Pass over a task that does not run",
		"Waives a task: the plan goes past it, and its state stays what it truly is. It takes --task and\n--reason, which is kept for whoever looks later.", true, openStates...)
	st.deed = func(ctx context.Context, s service, id string) (done, error) {
		d, err := st.send(ctx, s, id)
		if err == nil && d.State == domain.PlanPaused {
			d.text += "; go on with: sluice resume " + id
		}
		return d, err
	}
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if st.command.Task == "" || st.command.Reason == "" {
			return errors.New("skip takes --task and --reason")
		}
		return nil
	}
	return cmd
}
