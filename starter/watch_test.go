package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

func TestWatchWritesALineForEachChange(t *testing.T) {
	t.Parallel()
	half, waiting := view(domain.PlanRunning, domain.TaskRunning), view(domain.PlanRunning, domain.TaskRunning)
	waiting.InFlight[0].State, waiting.InFlight[0].Attempt = plans.FlightWaitingForWorker, 2
	done := view(domain.PlanCompleted, domain.TaskCompleted)
	done.Progress = domain.Progress{Done: 200, Total: 200, Ratio: 1}
	r := sluice(&fake{views: []any{half, half, waiting, waiting, done}}, "watch green")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, `2026-01-02T03:04:05Z RUNNING, 103 of 200 targets done (51 %); switch RUNNING CALL
2026-01-02T03:04:05Z RUNNING, 103 of 200 targets done (51 %); switch RUNNING CALL, attempt 2 of 4: waiting for a worker
2026-01-02T03:04:05Z COMPLETED, 200 of 200 targets done (100 %)
`, r.out)
}

func TestWatchEndsAsThePlanDoes(t *testing.T) {
	t.Parallel()
	paused := view(domain.PlanPaused, domain.TaskFailed)
	paused.Reason = &domain.Reason{Kind: domain.ReasonFailure, Task: "switch", Message: "503"}
	failed := view(domain.PlanFailed, domain.TaskFailed)
	failed.Reason = paused.Reason
	terminated := view(domain.PlanRunning, domain.TaskRunning)
	terminated.Status = "Terminated"
	for name, test := range map[string]struct {
		view plans.View
		code int
		want string
	}{
		"completed":  {view(domain.PlanCompleted, domain.TaskCompleted), exitOK, ""},
		"paused":     {paused, exitPaused, "sluice: plan \"green\" is PAUSED (FAILURE), task switch: 503; legal now: pause, abort.\n"},
		"failed":     {failed, exitFailed, "sluice: plan \"green\" is FAILED, task switch: 503.\n"},
		"terminated": {terminated, exitFailed, "sluice: the workflow of plan \"green\" has ended (Terminated) before the plan did.\n"},
	} {
		r := sluice(&fake{views: []any{test.view}}, "watch green")
		require.Equal(t, test.code, r.code, name)
		require.Equal(t, test.want, r.err, name)
	}
}

func TestWatchSurvivesAServerThatRestarts(t *testing.T) {
	t.Parallel()
	away := &plans.ServerError{Address: "here:7233", Err: context.DeadlineExceeded}
	r := sluice(&fake{views: []any{
		view(domain.PlanRunning, domain.TaskRunning), away, away, away,
		&plans.NoWorkerError{TaskQueue: "sluice"}, &plans.NoWorkerError{TaskQueue: "sluice"},
		view(domain.PlanCompleted, domain.TaskCompleted),
	}}, "watch green")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, 1, strings.Count(r.err, "the Temporal server at here:7233 does not answer"), r.err)
	require.Equal(t, 1, strings.Count(r.err, "no worker serves the task queue"), r.err)
	require.Equal(t, 1, strings.Count(r.err, "the server answers again"), r.err)
	require.Equal(t, 1, strings.Count(r.err, `plan "green" answers again`), r.err)
}

func TestWatchSaysAWarningOnce(t *testing.T) {
	t.Parallel()
	warned := view(domain.PlanRunning, domain.TaskRunning)
	warned.Warnings = []string{"Nobody takes it."}
	r := sluice(&fake{views: []any{warned, warned, view(domain.PlanCompleted, domain.TaskCompleted)}}, "watch green")
	require.Equal(t, "sluice: Nobody takes it.\n", r.err)
}

func TestWatchStopsWhereWaitingDoesNotHelp(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{views: []any{&plans.NotFoundError{ID: "green"}}}, "watch green")
	require.Equal(t, exitInternal, r.code)

	ended := view("", "")
	ended.Status = "Terminated"
	r = sluice(&fake{views: []any{viewAndError{ended, &plans.NoWorkerError{TaskQueue: "sluice"}}}}, "watch green")
	require.Equal(t, exitFailed, r.code)
}

func TestWatchWritesJSONLines(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{views: []any{view(domain.PlanRunning, domain.TaskRunning), view(domain.PlanCompleted, domain.TaskCompleted)}}, "watch green -o json")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 2)
	var last plans.View
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &last))
	require.Equal(t, domain.PlanCompleted, last.State)
}

func TestBarsGiveRoomToTasksThatMatter(t *testing.T) {
	t.Parallel()
	b := newBars(&bytes.Buffer{}, 10, false)
	defer b.close()
	require.Equal(t, 6, b.rows)
	require.True(t, b.fits(domain.TaskSnapshot{State: domain.TaskCreated}, 6))
	require.False(t, b.fits(domain.TaskSnapshot{State: domain.TaskCreated}, 7))
	require.True(t, b.fits(domain.TaskSnapshot{State: domain.TaskFailed}, 7))
}

func TestBarsFollowAPlanBothWays(t *testing.T) {
	t.Parallel()
	b := newBars(&bytes.Buffer{}, 24, false)
	all, some := view(domain.PlanRunning, domain.TaskRunning), view(domain.PlanRunning, domain.TaskRunning)
	all.Tasks[0].Progress = domain.Progress{Done: 200, Failed: 1, Total: 200}
	b.update(all)
	require.EqualValues(t, 200, b.tasks["switch"].Current())
	require.Equal(t, "200/200 (1 failed)", b.tasks["switch"].counts)
	b.update(some) // a retry from scratch
	require.EqualValues(t, 103, b.tasks["switch"].Current())
	require.Equal(t, "RUNNING CALL", b.tasks["switch"].state)
	b.close()
}
