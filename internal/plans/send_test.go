package plans

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/workflows"
)

// answering lets a server note each command as a plan would.
func answering(s *server, entry domain.AuditEntry) *[]domain.Command {
	var sent []domain.Command
	s.audit = workflows.AuditTrail{}
	s.signal = func(name string, command domain.Command) error {
		sent = append(sent, command)
		entry.Command, entry.CommandID = domain.CommandName(name), command.CommandID
		s.audit = workflows.AuditTrail{Entries: []domain.AuditEntry{{Command: "pause", CommandID: "other", Accepted: true}, entry}}
		return nil
	}
	return &sent
}

func TestSendWithoutAWorkerLeavesASignalAndReturnsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	s := &server{status: runningStatus}
	sent := answering(s, domain.AuditEntry{Accepted: true, State: domain.PlanRunning, Phase: domain.PhasePausing, Version: 8})
	outcome, err := newClient(s).Send(context.Background(), "green", domain.CommandPause, domain.Command{Actor: "alice", Reason: "lunch"})
	require.NoError(t, err)
	require.Equal(t, Outcome{State: domain.PlanRunning, Phase: domain.PhasePausing, Version: 8}, outcome)
	require.Len(t, *sent, 1)
	require.Equal(t, "alice", (*sent)[0].Actor)
	require.NotEmpty(t, (*sent)[0].CommandID)
}

func TestSendGivesEachCommandAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	s := &server{status: runningStatus, snapshot: domain.Snapshot{}}
	sent := answering(s, domain.AuditEntry{Accepted: true})
	for range 2 {
		_, err := newClient(s).Send(context.Background(), "green", domain.CommandPause, domain.Command{})
		require.NoError(t, err)
	}
	require.NotEqual(t, (*sent)[0].CommandID, (*sent)[1].CommandID)
}

func TestSendReturnsARefusal(t *testing.T) {
	t.Parallel()
	s := &server{status: runningStatus}
	answering(s, domain.AuditEntry{Refusal: `plan "green" is PAUSED, so pause is not possible`})
	_, err := newClient(s).Send(context.Background(), "green", domain.CommandPause, domain.Command{})
	require.Equal(t, &RefusedError{Why: `plan "green" is PAUSED, so pause is not possible`}, err)
}

func TestSendToAPlanThatHasEndedIsRefused(t *testing.T) {
	t.Parallel()
	ended := func(string, domain.Command) error {
		return serviceerror.NewNotFound("workflow execution already completed")
	}
	s := &server{status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, result: domain.Snapshot{State: domain.PlanCompleted}, signal: ended}
	_, err := newClient(s).Send(context.Background(), "green", domain.CommandPause, domain.Command{})
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, `plan "green" is COMPLETED, so pause is not possible; nothing is legal any more`)

	s = &server{status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, result: &temporal.WorkflowExecutionError{}, signal: ended}
	_, err = newClient(s).Send(context.Background(), "green", domain.CommandPause, domain.Command{})
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "it was terminated")

	_, err = newClient(&server{missing: serviceerror.NewNotFound(""), signal: ended}).Send(context.Background(), "green", domain.CommandPause, domain.Command{})
	var missing *NotFoundError
	require.ErrorAs(t, err, &missing)
}

func TestSendSaysThatNobodyTookTheCommandInTime(t *testing.T) {
	t.Parallel()
	s := &server{status: runningStatus, audit: serviceerror.NewFailedPrecondition("no poller"), signal: func(string, domain.Command) error { return nil }}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := newClient(s).Send(ctx, "green", domain.CommandPause, domain.Command{})
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	require.ErrorContains(t, err, "stays on the way")
	require.ErrorContains(t, err, `no worker serves the task queue "sluice"`)
}

func TestPauseSettledSaysWhatAPauseCameTo(t *testing.T) {
	t.Parallel()
	view := func(state domain.PlanState, phase domain.Phase, status Status) View {
		return View{Snapshot: domain.Snapshot{PlanID: "green", State: state, Phase: phase, Version: 4}, Status: status}
	}
	for name, test := range map[string]struct {
		view    View
		settled bool
		want    string // in the error; empty: none
	}{
		"still pausing":      {view(domain.PlanRunning, domain.PhasePausing, "Running"), false, ""},
		"paused":             {view(domain.PlanPaused, "", "Running"), true, ""},
		"failed":             {view(domain.PlanFailed, "", "Failed"), true, `plan "green" is FAILED`},
		"completed":          {view(domain.PlanCompleted, "", "Completed"), true, "COMPLETED before it could pause; nothing is in flight"},
		"terminated":         {view(domain.PlanRunning, domain.PhasePausing, "Terminated"), true, "it was terminated"},
		"resumed or aborted": {view(domain.PlanRunning, "", "Running"), true, "another command came after the pause"},
	} {
		settled, err := pauseSettled(test.view)
		require.Equal(t, test.settled, settled, name)
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestAwaitPausedNamesTheTasksThatStillRun(t *testing.T) {
	t.Parallel()
	snapshot := underWay()
	snapshot.Phase = domain.PhasePausing
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := newClient(&server{status: runningStatus, snapshot: snapshot}).AwaitPaused(ctx, "green")
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	require.ErrorContains(t, err, "not stopped yet: switch; the pause stands")
}

func TestStartNeverTakesAnIDTwice(t *testing.T) {
	t.Parallel()
	plan := planfile.Plan{Document: document(t)}
	plan.Document.Spec.Description = "Move **all**."
	s := &server{}
	runID, err := newClient(s).Start(context.Background(), "green", plan)
	require.NoError(t, err)
	require.Equal(t, "run-1", runID)
	require.Equal(t, "sluice", s.options.TaskQueue)
	require.Equal(t, enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, s.options.WorkflowIDConflictPolicy)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, s.options.WorkflowIDReusePolicy)
	require.Equal(t, "green: 1 task for 200 targets", s.options.StaticSummary)
	require.Equal(t, "Move **all**.", s.options.StaticDetails)

	for status, want := range map[enumspb.WorkflowExecutionStatus]string{
		runningStatus:                            "is there already and has not ended; look at it with: sluice get green",
		enumspb.WORKFLOW_EXECUTION_STATUS_FAILED: "has run before (it failed); run it anew with --again",
	} {
		_, err := newClient(&server{status: status, started: serviceerror.NewWorkflowExecutionAlreadyStarted("", "", "")}).Start(context.Background(), "green", plan)
		var refused *RefusedError
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, want)
	}
}

func TestServedTellsWhetherAWorkerIsThere(t *testing.T) {
	t.Parallel()
	require.NoError(t, newClient(&server{polls: []time.Time{time.Now()}}).Served(context.Background()))
	var none *NoWorkerError
	require.ErrorAs(t, newClient(&server{}).Served(context.Background()), &none)
	require.ErrorAs(t, newClient(&server{polls: []time.Time{time.Now().Add(-time.Hour)}}).Served(context.Background()), &none)
}
