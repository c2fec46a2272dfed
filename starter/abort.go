package main

import (
	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
)

func (a *app) abortCommand() *cobra.Command {
	cmd, st := a.steeringCommand(domain.CommandAbort,
		"Stop the running tasks at their next safe point and end the plan as FAILED",
		"Ends a plan as FAILED. Running tasks stop at their next safe point; after 30 s the plan closes\nanyway. What was changed stays changed.", false, openStates...)
	a.allowMany(cmd, st)
	return cmd
}
