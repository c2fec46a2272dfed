package plans

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// worked is a server with a running plan and a worker.
func worked(update func(client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)) *server {
	return &server{
		status: runningStatus, polls: []time.Time{time.Now()},
		update: func(_ context.Context, options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
			return update(options)
		},
		signal: func(string, domain.Command) error { return errUnexpected },
	}
}

func pauseGreen(s *server) (Outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	return newClient(s).Send(ctx, "green", domain.CommandPause, domain.Command{Actor: "alice"})
}

func TestSendAsksByAnUpdateOfTheCommandsName(t *testing.T) {
	t.Parallel()
	var got client.UpdateWorkflowOptions
	want := Outcome{State: domain.PlanPaused, Version: 8}
	outcome, err := pauseGreen(worked(func(options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
		got = options
		return answered{outcome: want}, nil
	}))
	require.NoError(t, err)
	require.Equal(t, want, outcome)
	require.Equal(t, "green", got.WorkflowID)
	require.Equal(t, "pause", got.UpdateName)
	command := got.Args[0].(domain.Command)
	require.Equal(t, "alice", command.Actor)
	require.NotEmpty(t, command.CommandID)
	require.Equal(t, command.CommandID, got.UpdateID, "the server knows a repeat by the same id as the plan")
}

func TestSendReturnsTheRefusalOfAnUpdate(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{workflows.ErrorRefused, workflows.ErrorConflict} {
		refused := temporal.NewNonRetryableApplicationError("not now", kind, nil)
		for _, late := range []bool{true, false} { // by the validator, and by the handler
			_, err := pauseGreen(worked(func(client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
				if late {
					return answered{err: refused}, nil
				}
				return nil, refused
			}))
			require.Equal(t, &RefusedError{Why: "not now"}, err)
		}
	}
}

func TestSendFallsBackToASignalWithTheSameID(t *testing.T) {
	t.Parallel()
	for name, failed := range map[string]error{
		"no worker accepts it":   client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded),
		"too many are under way": serviceerror.NewResourceExhausted(0, "limit on number of concurrent in-flight updates has been reached"),
		"the worker is older":    temporal.NewApplicationError("unknown update pause", ""),
	} {
		var id string
		s := worked(func(options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
			id = options.UpdateID
			return nil, failed
		})
		sent := answering(s, domain.AuditEntry{Accepted: true, State: domain.PlanRunning, Phase: domain.PhasePausing, Version: 8})
		outcome, err := pauseGreen(s)
		require.NoError(t, err, name)
		require.Equal(t, Outcome{State: domain.PlanRunning, Phase: domain.PhasePausing, Version: 8}, outcome)
		require.Equal(t, id, (*sent)[0].CommandID, name)
	}
}

func TestSendLooksUpAnAcceptedUpdateWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	s := worked(nil)
	s.update = func(_ context.Context, options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
		s.audit = workflows.AuditTrail{Entries: []domain.AuditEntry{{CommandID: options.UpdateID, Accepted: true, State: domain.PlanFailed, Version: 9}}}
		return answered{err: serviceerror.NewUnavailable("the plan has ended meanwhile")}, nil
	}
	outcome, err := pauseGreen(s)
	require.NoError(t, err)
	require.Equal(t, domain.PlanFailed, outcome.State)
}

func TestAPauseThatTakesLongerNamesTheTasksThatStillRun(t *testing.T) {
	t.Parallel()
	s := worked(func(client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
		return answered{err: context.DeadlineExceeded}, nil
	})
	snapshot := underWay()
	snapshot.Phase = domain.PhasePausing
	s.snapshot = snapshot
	_, err := pauseGreen(s)
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	require.ErrorContains(t, err, "not stopped yet: switch; the pause stands")
}

func TestAnUpdateLeavesTimeForTheSignal(t *testing.T) {
	t.Parallel()
	require.Equal(t, acceptTime, patience(context.Background()))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	require.InDelta(t, time.Second, patience(ctx), float64(100*time.Millisecond))
}
