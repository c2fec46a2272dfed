package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
)

func (a *app) skipCommand() *cobra.Command {
	cmd, st := a.steeringCommand(domain.CommandSkip,
		"Pass over a task that does not run",
		"Waives a task: the plan goes past it, and its state stays what it truly is. It takes --task and\n--reason, which is kept for whoever looks later.", true, openStates...)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if st.command.Task == "" || st.command.Reason == "" {
			return errors.New("skip takes --task and --reason")
		}
		return nil
	}
	return cmd
}
