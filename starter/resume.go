package main

import (
	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
)

func (a *app) resumeCommand() *cobra.Command {
	cmd, st := a.steeringCommand(domain.CommandResume,
		"Go on from the checkpoints of a paused plan",
		"Lets a paused plan go on from its checkpoints. Where a task has failed, retry or skip it instead.", false, domain.PlanPaused)
	a.allowMany(cmd, st)
	return cmd
}
