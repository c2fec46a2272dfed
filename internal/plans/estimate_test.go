package plans

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed-3652815f/sluice/domain"
)

// counted is the progress of a task.
func counted(done, total int) domain.Progress { return domain.Progress{Done: done, Total: total} }

func TestTheEstimateGoesByThePaceOfTheAttemptUnderWay(t *testing.T) {
	t.Parallel()
	// 20 targets were done before a pause; the attempt has done 30 more in 15 s.
	s := &server{status: runningStatus, snapshot: underWay(), input: document(t), pending: beating(enumspb.PENDING_ACTIVITY_STATE_STARTED, domain.NewRangeSet(0, 49))}
	at := time.Now().Add(-time.Minute)
	s.pending[0].LastStartedTime, s.pending[0].LastHeartbeatTime = timestamppb.New(at), timestamppb.New(at.Add(15*time.Second))
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.NotNil(t, view.Estimate)
	require.Equal(t, "1m15s", view.Estimate.Remaining.String(), "150 targets at 2 a second")
	require.Equal(t, "1m15s", view.InFlight[0].Remaining.String())
	require.WithinDuration(t, view.AsOf.Add(75*time.Second), view.Estimate.EndsAt, time.Second)
}

func TestTheEstimateCountsTasksThatAreToCome(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	tasks := []domain.TaskSnapshot{
		{Name: "a", State: domain.TaskCompleted, Progress: counted(100, 100), StartedAt: ago(200 * time.Second), EndedAt: ago(100 * time.Second)},
		{Name: "b", State: domain.TaskRunning, Progress: counted(50, 100), StartedAt: ago(50 * time.Second)},
		{Name: "c", State: domain.TaskCreated, Progress: counted(0, 100)},
		{Name: "waived", State: domain.TaskCreated, Progress: counted(0, 100), Waiver: &domain.Waiver{}},
	}
	v := &View{Snapshot: domain.Snapshot{State: domain.PlanRunning, Progress: counted(150, 400), Tasks: tasks, AsOf: now}}
	v.estimate(v.Snapshot)
	require.Equal(t, "2m30s", v.Estimate.Remaining.String(), "50 s for the rest of b, 100 s for c")
}

func TestThereIsNoEstimateWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fresh := domain.TaskSnapshot{Name: "a", State: domain.TaskRunning, Progress: counted(0, 100), StartedAt: now.Add(-time.Second)}
	begun := domain.TaskSnapshot{Name: "a", State: domain.TaskRunning, Progress: counted(10, 100), StartedAt: now.Add(-time.Second)}
	for name, s := range map[string]domain.Snapshot{
		"no target is done":    {State: domain.PlanRunning, Tasks: []domain.TaskSnapshot{fresh}},
		"the plan is paused":   {State: domain.PlanPaused, Tasks: []domain.TaskSnapshot{begun}},
		"the plan is to pause": {State: domain.PlanRunning, Phase: domain.PhasePausing, Tasks: []domain.TaskSnapshot{begun}},
	} {
		s.AsOf, s.Progress = now, s.Tasks[0].Progress
		v := &View{Snapshot: s}
		v.estimate(s)
		require.Nil(t, v.Estimate, name)
	}
}

func TestAClosedPlanSaysUntilWhenItIsKept(t *testing.T) {
	t.Parallel()
	s := &server{status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, result: domain.Snapshot{State: domain.PlanCompleted}}
	view, err := newClient(s).View(context.Background(), "green")
	require.NoError(t, err)
	require.Equal(t, closedAt.Add(24*time.Hour), view.KeptUntil)
}
