package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

func TestGetShowsThePlanAndWhatIsInFlight(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{views: []any{view(domain.PlanRunning, domain.TaskRunning)}}, "get green")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, `Plan green: RUNNING, 103 of 200 targets done (51 %), version 7
Created 2026-01-02T03:04:05Z

TASK    EXECUTOR  STATE    DONE     FAILED  STEP  CURRENT TARGET
switch  http      RUNNING  103/200  0       CALL  tenant-104

Legal now: pause, abort

IN FLIGHT  EXECUTION  ATTEMPT  STATE    HEARTBEAT  WORKER       LAST FAILURE
switch     2/0        1 of 4   working  03:04:05Z  root@host/1  -
`, r.out)
	require.Empty(t, r.err)
}

func TestGetWritesTheSameNamesInJSONAndYAML(t *testing.T) {
	t.Parallel()
	f := &fake{views: []any{view(domain.PlanRunning, domain.TaskRunning)}}
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(sluice(f, "get green -o json").out), &got))
	require.Equal(t, "RUNNING", got["state"])
	require.Equal(t, "Running", got["workflowStatus"])
	require.Len(t, got["inFlight"], 1)
	yaml := sluice(f, "get green -o yaml").out
	require.Contains(t, yaml, "planId: green\n")
	require.Contains(t, yaml, "progress:\n  done: 103\n")
	require.Equal(t, "green\n", sluice(f, "get green -o name").out)
}

func TestGetWithoutAWorkerShowsWhatTheServerKnows(t *testing.T) {
	t.Parallel()
	partial := view(domain.PlanPaused, "")
	partial.Partial, partial.Tasks = true, nil
	partial.Reason = &domain.Reason{Kind: domain.ReasonFailure, Task: "switch"}
	r := sluice(&fake{views: []any{viewAndError{partial, &plans.NoWorkerError{TaskQueue: "sluice"}}}}, "get green")
	require.Equal(t, exitInternal, r.code)
	require.Contains(t, r.out, "Plan green: PAUSED, as the server's record says\nProgress: 51 % when it was written last\nReason: FAILURE switch\n")
	require.Contains(t, r.err, `no worker serves the task queue "sluice"`)

	partial.State = ""
	require.Contains(t, partialText(partial), "in a state that only its worker knows")
}

func TestGetSaysItsWarningsOnStderr(t *testing.T) {
	t.Parallel()
	v := view(domain.PlanRunning, domain.TaskRunning)
	v.Warnings = []string{"Nobody takes it."}
	r := sluice(&fake{views: []any{v}}, "get green")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, "sluice: Nobody takes it.\n", r.err)
}

func TestGetOfNoPlanSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{views: []any{&plans.NotFoundError{ID: "green", Namespace: "ns"}}}, "get green")
	require.Equal(t, exitInternal, r.code)
	require.Contains(t, r.err, `sluice: there is no plan "green" in the namespace "ns"`)
	require.Empty(t, r.out)
}

func TestFlightTextSaysWhatAnExecutionWaitsFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, f := range map[string]plans.Flight{
		"working":                         {State: plans.FlightWorking},
		"stopping at its next safe point": {State: plans.FlightStopping},
		"next attempt at 03:04:05Z":       {State: plans.FlightBackingOff, NextAttempt: at},
		"waiting for a worker":            {State: plans.FlightWaitingForWorker},
	} {
		require.Equal(t, want, flightText(f))
	}
	require.Equal(t, "3", attemptText(plans.Flight{Attempt: 3}))
	require.Equal(t, "3 of 4", attemptText(plans.Flight{Attempt: 3, MaxAttempts: 4}))
}

func TestGetSaysHowLongThePlanTakesAndIsKept(t *testing.T) {
	t.Parallel()
	v := view(domain.PlanRunning, domain.TaskRunning)
	v.Estimate = &plans.Estimate{Remaining: domain.Duration(250 * time.Second), EndsAt: v.AsOf.Add(250 * time.Second)}
	require.Contains(t, sluice(&fake{views: []any{v}}, "get green").out, "\nRemaining: about 4m10s, so until 2026-01-02T03:08:15Z\n")
	require.Contains(t, sluice(&fake{views: []any{v, in(domain.PlanCompleted)}}, "watch green").out, "(51 %), about 4m10s left; switch")

	v = in(domain.PlanCompleted)
	v.KeptUntil = v.AsOf.Add(24 * time.Hour)
	require.Contains(t, sluice(&fake{views: []any{v}}, "get green").out, "\nThe server keeps this plan until 2026-01-03T03:04:05Z; until then it can be rolled back.\n")
	v.Progress.Done = 0
	require.Contains(t, sluice(&fake{views: []any{v}}, "get green").out, "\nThe server keeps this plan until 2026-01-03T03:04:05Z.\n")
}

func TestEstimatesAreNoFinerThanTheyDeserve(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"about 1s": 0, "about 42s": 42*time.Second + 300*time.Millisecond, "about 1m30s": 93 * time.Second, "about 2m": 118 * time.Second,
		"about 12m": 11*time.Minute + 40*time.Second, "about 2h10m": 2*time.Hour + 11*time.Minute,
	} {
		require.Equal(t, want, about(d))
	}
}
