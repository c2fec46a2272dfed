package report_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/report"
)

func at(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }

func snapshot() domain.Snapshot {
	return domain.Snapshot{
		PlanID: "green-cutover", State: domain.PlanPaused, Version: 12, Exceptions: 1,
		Reason:    &domain.Reason{Kind: domain.ReasonFailure, Task: "verify", Message: "tenant-003: the gateway said\n503 \x1b[2J", Actor: "alice", At: at(9)},
		Progress:  domain.Progress{Done: 201, Failed: 1, Total: 600, Ratio: 0.335},
		CreatedAt: at(0), StartedAt: at(1),
		Tasks: []domain.TaskSnapshot{
			{Name: "switch", Executor: "gateway.caddy", State: domain.TaskCompleted, Progress: domain.Progress{Done: 200, Total: 200, Ratio: 1}},
			{
				Name: "verify", Executor: "http", State: domain.TaskFailed, Progress: domain.Progress{Done: 1, Failed: 1, Total: 200},
				Checkpoint: &domain.CheckpointView{Step: "CALL", Data: domain.CheckpointData{CurrentTarget: "tenant-003"}},
				Failure:    &domain.FailureInfo{Category: domain.CategoryTechnical, ErrorCode: "HTTP_503", Reason: "the gateway said 503", Target: "tenant-003", Timestamp: at(9)},
			},
			{
				Name: "notify", Executor: "http", State: domain.TaskCreated, Progress: domain.Progress{Total: 200},
				Waiver: &domain.Waiver{Actor: "bob", Reason: "told by telephone", At: at(10)},
			},
		},
		TaskCount: 5,
		Legal:     []domain.CommandName{domain.CommandRetry, domain.CommandSkip, domain.CommandAbort},
	}
}

func TestTextIsTheGoldenOne(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/paused.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), report.Text(snapshot()))
}

func TestTextIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	first := report.Text(snapshot())
	for range 20 {
		require.Equal(t, first, report.Text(snapshot()))
	}
}

func TestTextOfAClosedPlanSaysThatNothingIsLegal(t *testing.T) {
	t.Parallel()
	require.Contains(t, report.Text(domain.Snapshot{State: domain.PlanCompleted}), "Legal now: nothing; the plan is closed\n")
}

func TestCleanTakesControlCharactersOut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c \uFFFD[2Jä", report.Clean("a\nb\tc\r\x1b[2Jä"))
}

func TestTextTellsAPlanThatIsEndingFromOneThatHasEnded(t *testing.T) {
	t.Parallel()
	require.Contains(t, report.Text(domain.Snapshot{State: domain.PlanRunning}), "Legal now: nothing until it has ended\n")
	require.Contains(t, report.Text(domain.Snapshot{State: domain.PlanFailed}), "Legal now: nothing; the plan is closed\n")
}

func TestTextSaysWhatWasPutBackAndWhatWasNot(t *testing.T) {
	t.Parallel()
	s := snapshot()
	s.Reversal = &domain.Reversal{PlanID: "green-cutover.rollback", At: at(10)}
	require.Contains(t, report.Text(s), "Rollback: plan green-cutover.rollback puts back what was changed")
	s.Reversal.State, s.Reversal.EndedAt = domain.PlanFailed, at(11)
	s.Reversal.Tasks = []domain.ReversedTask{{Name: "switch", Progress: domain.Progress{Done: 3, Failed: 1, Total: 4}}}
	require.Contains(t, report.Text(s), "Rollback: plan green-cutover.rollback is FAILED; task switch: 3 of 4 put back, 1 could not be\n")
	s.Tasks[1].Rollback = &domain.RollbackView{Running: true, Progress: domain.Progress{Done: 2, Total: 5}}
	require.Contains(t, report.Text(s), "Task verify is rolled back by command: 2 of 5 targets put back, still at it\n")
	s.Reverses = "green-cutover"
	require.Contains(t, report.Text(s), "Puts back what plan green-cutover has changed")
}
