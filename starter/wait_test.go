package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// in is a plan in a state, whose workflow has ended where the state says so.
func in(state domain.PlanState) plans.View {
	v := view(state, domain.TaskRunning)
	switch state {
	case domain.PlanCompleted:
		v.Status = "Completed"
	case domain.PlanFailed:
		v.Status = "Failed"
	}
	return v
}

func TestWaitEndsWhenTheStateIsThereOrCanNoLongerCome(t *testing.T) {
	t.Parallel()
	terminated := in(domain.PlanRunning)
	terminated.Status = "Terminated"
	for name, test := range map[string]struct {
		flags string
		views []any
		code  int
		err   string
	}{
		"it comes":                    {"", []any{in(domain.PlanRunning), in(domain.PlanCompleted)}, exitOK, ""},
		"it is there":                 {"--for RUNNING,paused", []any{in(domain.PlanPaused)}, exitOK, ""},
		"a failure that is awaited":   {"--for FAILED", []any{in(domain.PlanFailed)}, exitOK, ""},
		"the plan fails":              {"", []any{in(domain.PlanRunning), in(domain.PlanFailed)}, exitFailed, `plan "green" is FAILED`},
		"the plan pauses":             {"", []any{in(domain.PlanRunning), in(domain.PlanPaused)}, exitPaused, `plan "green" is PAUSED`},
		"the plan pauses and goes on": {"--past-pauses", []any{in(domain.PlanPaused), in(domain.PlanRunning), in(domain.PlanCompleted)}, exitOK, ""},
		"it completes instead":        {"--for FAILED,PAUSED", []any{in(domain.PlanCompleted)}, exitRefused, `plan "green" is COMPLETED, so it can no longer be FAILED or PAUSED`},
		"it has begun":                {"--for CREATED", []any{in(domain.PlanRunning)}, exitRefused, "is RUNNING, so it can no longer be CREATED"},
		"it was terminated":           {"--for RUNNING", []any{terminated}, exitFailed, "has ended (Terminated) before the plan did"},
		"the time is over":            {"--timeout 20ms", []any{in(domain.PlanRunning)}, exitTimedOut, `plan "green" is RUNNING after 20ms of waiting for COMPLETED; it goes on without this command`},
		"nobody answers":              {"--timeout 20ms", []any{&plans.NoWorkerError{TaskQueue: "sluice"}}, exitTimedOut, `plan "green" has not been heard of after 20ms`},
		"there is no plan":            {"", []any{&plans.NotFoundError{ID: "green"}}, exitInternal, "there is no plan"},
	} {
		r := sluice(&fake{views: test.views}, "wait green "+test.flags)
		require.Equal(t, test.code, r.code, "%s: %s", name, r.err)
		require.Contains(t, r.err, test.err, name)
	}
}

func TestWaitPrintsWhatItHasWaitedFor(t *testing.T) {
	t.Parallel()
	f := &fake{views: []any{in(domain.PlanCompleted)}}
	require.Equal(t, result{out: "green: COMPLETED, 103 of 200 targets done (51 %)\n"}, sluice(f, "wait green"))
	require.Equal(t, "green\n", sluice(f, "wait green -o name").out)
	require.Contains(t, sluice(f, "wait green -o json").out, `"state": "COMPLETED"`)
}
