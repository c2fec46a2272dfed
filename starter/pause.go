package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

func (a *app) pauseCommand() *cobra.Command {
	var noWait bool
	cmd, st := a.steeringCommand(domain.CommandPause,
		"Stop every running task at its next safe point, and keep its checkpoint",
		"Asks a running plan to pause, and waits until nothing of it is in flight any more.", false, domain.PlanRunning)
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return once the plan has accepted the command, before it is PAUSED")
	st.deed = func(ctx context.Context, s service, id string) (done, error) {
		if noWait {
			return st.tell(s.Post(ctx, id, domain.CommandPause, st.command))
		}
		return st.pause(ctx, s, id)
	}
	a.allowMany(cmd, st)
	return cmd
}

// pause sends the command and waits until the plan is PAUSED.
func (st *steering) pause(ctx context.Context, s service, id string) (done, error) {
	if _, err := s.Send(ctx, id, domain.CommandPause, st.command); err != nil {
		return done{}, err
	}
	view, err := s.AwaitPaused(ctx, id)
	if err != nil {
		return done{}, err
	}
	outcome := plans.Outcome{State: view.State, Phase: view.Phase, Version: view.Version}
	return done{outcome, string(view.State) + ", " + report.Progress(view.Progress)}, nil
}
