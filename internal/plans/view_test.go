package plans

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

const runningStatus = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING

// underWay is the snapshot of a plan whose task has worked off 20 targets
// before the slice was dispatched again.
func underWay() domain.Snapshot {
	progress := domain.Progress{Done: 20, Total: 200, Ratio: 0.1}
	return domain.Snapshot{
		PlanID: "green", RunID: "run-1", State: domain.PlanRunning, Version: 5, Progress: progress,
		Tasks: []domain.TaskSnapshot{{Name: "switch", State: domain.TaskRunning, Progress: progress, SliceDone: 20}},
		Legal: []domain.CommandName{domain.CommandPause},
	}
}

func beating(state enumspb.PendingActivityState, done domain.RangeSet) []*workflowpb.PendingActivityInfo {
	cp := domain.Checkpoint{Format: domain.CheckpointFormat, Step: "CALL", Last: 199, Done: done, Batch: domain.NewRangeSet(done.Count(), done.Count())}
	return []*workflowpb.PendingActivityInfo{{
		ActivityId: "switch/2/0", ActivityType: &commonpb.ActivityType{Name: "http"}, State: state, Attempt: 1, HeartbeatDetails: toPayloads(cp),
	}}
}

func TestViewBringsTheSnapshotUpToDateWithHeartbeats(t *testing.T) {
	t.Parallel()
	doc := document(t)
	s := &server{
		status: runningStatus, snapshot: underWay(), input: doc,
		pending: beating(enumspb.PENDING_ACTIVITY_STATE_STARTED, domain.NewRangeSet(0, 99)),
	}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, 100, view.Progress.Done)
	require.InDelta(t, 0.5, view.Progress.Ratio, 1e-9)
	task := view.Tasks[0]
	require.Equal(t, 100, task.Progress.Done)
	require.Equal(t, "CALL", task.Checkpoint.Step)
	require.Equal(t, doc.Spec.Targets[100], task.Checkpoint.Data.CurrentTarget)
	require.Equal(t, 100, task.Checkpoint.Data.CompletedCount)
	require.Len(t, view.InFlight, 1)
	require.Equal(t, "sluice", view.InFlight[0].TaskQueue)
	require.False(t, view.Partial)
}

func TestViewOfAPlanThatEndsWhileItIsReadIsThatOfTheClosedPlan(t *testing.T) {
	t.Parallel()
	final := underWay()
	final.State, final.Progress = domain.PlanCompleted, domain.Progress{Done: 200, Total: 200, Ratio: 1}
	s := &server{status: runningStatus, snapshot: underWay(), ends: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, result: final}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, domain.PlanCompleted, view.State)
	require.Equal(t, Status("Completed"), view.Status)
	require.Equal(t, 200, view.Progress.Done)
}

func TestViewReadsTheTargetsOfARunThatWasCarriedOver(t *testing.T) {
	t.Parallel()
	doc := document(t)
	s := &server{
		status: runningStatus, snapshot: underWay(),
		input:   workflows.RunState{APIVersion: domain.APIVersion, Kind: workflows.CarryKind, Plan: domain.PlanRecord{Document: doc}},
		pending: beating(enumspb.PENDING_ACTIVITY_STATE_STARTED, domain.NewRangeSet(0, 99)),
	}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, doc.Spec.Targets[100], view.Tasks[0].Checkpoint.Data.CurrentTarget)
}

func TestViewCountsWhereTheTargetsCannotBeRead(t *testing.T) {
	t.Parallel()
	s := &server{status: runningStatus, snapshot: underWay(), pending: beating(enumspb.PENDING_ACTIVITY_STATE_STARTED, domain.NewRangeSet(0, 99))}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, 100, view.Progress.Done)
	require.Empty(t, view.Tasks[0].Checkpoint.Data.CurrentTarget)
}

func TestViewLeavesATaskAloneThatHasStopped(t *testing.T) {
	t.Parallel()
	snapshot := underWay()
	snapshot.Tasks[0].State = domain.TaskPaused
	s := &server{status: runningStatus, snapshot: snapshot, pending: beating(enumspb.PENDING_ACTIVITY_STATE_STARTED, domain.NewRangeSet(0, 99))}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, 20, view.Progress.Done)
}

func TestViewWarnsOfATaskThatNobodyTakes(t *testing.T) {
	t.Parallel()
	s := &server{status: runningStatus, snapshot: underWay(), pending: beating(enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, domain.RangeSet{})}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, []string{`Task switch waits for a worker, and none serves the task queue "sluice"; start one there that has the executor http.`}, view.Warnings)

	s.polls = []time.Time{time.Now()}
	view, err = newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Empty(t, view.Warnings)
}

func TestViewFallsBackToTheServersRecordWithoutAWorker(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{
		"a time-out": context.DeadlineExceeded, "the server's time-out": serviceerror.NewDeadlineExceeded("late"),
		"no poller": serviceerror.NewFailedPrecondition("no poller"), "not ready": serviceerror.NewWorkflowNotReady("not yet"),
	} {
		s := &server{
			status: runningStatus, snapshot: answer,
			pending: beating(enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, domain.RangeSet{}),
			fields:  map[string]any{"SluicePlanState": "PAUSED", "SluiceReason": "FAILURE", "SluiceFailedTask": "switch", "SluiceProgress": 0.25},
		}
		view, err := newClient(s).View(context.Background(), "green")
		var none *NoWorkerError
		require.ErrorAs(t, err, &none, name)
		require.ErrorContains(t, err, `no worker serves the task queue "sluice"`)
		require.ErrorContains(t, err, "sluice-worker --task-queue sluice")
		require.True(t, Passing(err))
		require.True(t, view.Partial)
		require.Equal(t, domain.PlanPaused, view.State)
		require.Equal(t, &domain.Reason{Kind: domain.ReasonFailure, Task: "switch"}, view.Reason)
		require.InDelta(t, 0.25, view.Progress.Ratio, 1e-9)
		require.Len(t, view.InFlight, 1)
	}
}

func TestViewSaysWhenAWorkerWasSeenLast(t *testing.T) {
	t.Parallel()
	s := &server{status: runningStatus, snapshot: context.DeadlineExceeded, polls: []time.Time{time.Now().Add(-5 * time.Second)}}
	_, err := newClient(s).View(context.Background(), "green")
	require.ErrorContains(t, err, `no worker of the task queue "sluice" answers, though one asked for work 5s ago`)
}

func TestViewNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := newClient(&server{missing: serviceerror.NewNotFound("gone")}).View(context.Background(), "green")
	require.Equal(t, &NotFoundError{ID: "green", Namespace: "ns"}, err)
	_, err = newClient(&server{missing: serviceerror.NewNamespaceNotFound("ns")}).View(context.Background(), "green")
	require.ErrorContains(t, err, `the server at here:7233 has no namespace "ns"`)
	_, err = newClient(&server{missing: serviceerror.NewUnavailable("refused")}).View(context.Background(), "green")
	require.ErrorContains(t, err, "the Temporal server at here:7233 does not answer (refused)")
	require.True(t, Passing(err))
}

func TestViewReadsAClosedPlanWithoutAWorker(t *testing.T) {
	t.Parallel()
	final := domain.Snapshot{PlanID: "green", State: domain.PlanFailed, Version: 9}
	for name, test := range map[string]struct {
		status enumspb.WorkflowExecutionStatus
		result any
	}{
		"completed": {enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, final},
		"failed": {enumspb.WORKFLOW_EXECUTION_STATUS_FAILED,
			temporal.NewNonRetryableApplicationError("failed", workflows.ErrorPlanFailed, nil, final)},
		"canceled": {enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, temporal.NewCanceledError(final)},
	} {
		view, err := newClient(&server{status: test.status, result: test.result}).View(context.Background(), "green")
		require.NoError(t, err, name)
		require.Equal(t, final, view.Snapshot, name)
		require.Empty(t, view.Warnings, name)
	}
}

func TestViewListsTheFaultsOfAnInputThatWasNoPlan(t *testing.T) {
	t.Parallel()
	faults := []domain.Fault{{Path: "kind", Message: "is wrong"}}
	for _, result := range []error{
		temporal.NewNonRetryableApplicationError("m", workflows.ErrorInvalidPlan, nil, faults),
		temporal.NewNonRetryableApplicationError("kind: is wrong", workflows.ErrorInvalidPlan, nil),
	} {
		_, err := newClient(&server{status: enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, result: result}).View(context.Background(), "green")
		var invalid *domain.InvalidPlanError
		require.ErrorAs(t, err, &invalid)
		require.ErrorContains(t, err, "kind: is wrong")
	}
}

func TestViewOfATerminatedPlanShowsWhatWasKnownLast(t *testing.T) {
	t.Parallel()
	s := &server{
		status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, result: &temporal.WorkflowExecutionError{},
		snapshot: underWay(), pending: beating(enumspb.PENDING_ACTIVITY_STATE_STARTED, domain.NewRangeSet(0, 99)),
	}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, Status("Terminated"), view.Status)
	require.Equal(t, 100, view.Progress.Done, "the last heartbeat counts")
	require.Empty(t, view.InFlight)
	require.Empty(t, view.Legal)
	require.Len(t, view.Warnings, 1)
	require.Contains(t, view.Warnings[0], "it was terminated")

	s.snapshot = context.DeadlineExceeded
	view, err = newClient(s).View(context.Background(), "green")
	var none *NoWorkerError
	require.True(t, errors.As(err, &none))
	require.True(t, view.Partial)
	require.Equal(t, Status("Terminated"), view.Status)
}
