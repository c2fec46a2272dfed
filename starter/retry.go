package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
)

func (a *app) retryCommand() *cobra.Command {
	cmd, st := a.steeringCommand(domain.CommandRetry,
		"Run a failed or paused task again, and let the plan go on",
		"Runs a failed or paused task again: by default only its targets that are not done. Without\n--task every failed task is meant.", true, domain.PlanPaused)
	var from string
	cmd.Flags().StringVar(&from, "from", string(domain.FromCheckpoint), "`where` to go on: checkpoint (what is not done) or scratch (all targets)")
	cmd.Flags().IntVar(&st.command.MaxRetries, "max-retries", 0, "raise the `number` of retry commands that the task may have; 0 leaves it")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		st.command.From = domain.From(from)
		if st.command.From != domain.FromCheckpoint && st.command.From != domain.FromScratch {
			return fmt.Errorf("--from is %q, but has to be %s or %s", from, domain.FromCheckpoint, domain.FromScratch)
		}
		return nil
	}
	a.allowMany(cmd, st)
	return cmd
}
