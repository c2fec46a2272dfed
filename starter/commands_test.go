package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/docs"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/workflows"
)

func TestValidateSaysWhatAPlanIs(t *testing.T) {
	t.Parallel()
	path := planFile(t, planText)
	r := sluice(&fake{}, "validate "+path)
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `plan.yaml is valid: plan green, 1 task, 2 targets to work off, \d+ bytes encoded\n$`, r.out)
	require.Empty(t, r.err)

	r = sluiceWith(context.Background(), &fake{}, planText, "validate -f -")
	require.Equal(t, exitOK, r.code, r.err)
}

func TestValidatePrintsEveryFaultOnStderr(t *testing.T) {
	t.Parallel()
	r := sluiceWith(context.Background(), &fake{}, "kind: Pla\nspec: {}\n", "validate -")
	require.Equal(t, exitUsage, r.code)
	require.Empty(t, r.out)
	require.Contains(t, r.err, "stdin:1:1: kind: is \"Pla\", but has to be \"Plan\"\n")
	require.Contains(t, r.err, "sluice: stdin has 4 faults.\n")
}

func TestStartPrintsThePlansID(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := sluice(f, "start "+planFile(t, planText))
	require.Equal(t, result{out: "green\n"}, r)
	require.Equal(t, "green", f.started)

	r = sluice(f, "start --id other -f "+planFile(t, planText))
	require.Equal(t, result{out: "other\n"}, r)
	require.Equal(t, "other", f.started)
}

func TestStartSaysThatNoWorkerServesThePlan(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{servedErr: &plans.NoWorkerError{TaskQueue: "sluice"}}, "start "+planFile(t, planText))
	require.Equal(t, exitOK, r.code)
	require.Equal(t, "green\n", r.out)
	require.Contains(t, r.err, `the plan is there, but no worker serves the task queue "sluice"`)
}

func TestStartOfAnIDThatIsTakenIsRefused(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{startErr: &plans.RefusedError{Why: "it is there already"}}, "start "+planFile(t, planText))
	require.Equal(t, result{code: exitRefused, err: "sluice: it is there already.\n"}, r)
}

func TestStartOfAnIDBeginsAHeldPlan(t *testing.T) {
	t.Parallel()
	f := &fake{outcome: plans.Outcome{State: domain.PlanRunning, Version: 3}}
	r := sluice(f, "start green --reason go --actor alice")
	require.Equal(t, result{out: "green: start accepted; the plan is RUNNING, version 3\n"}, r)
	require.Equal(t, []sentCommand{{"green", domain.CommandStart, domain.Command{Actor: "alice", Reason: "go"}}}, f.sent)
}

func TestStartOfAMissingFileIsAUsageError(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nowhere/plan", "plan.yaml", "PLAN.JSON"} {
		r := sluice(&fake{}, "start "+name)
		require.Equal(t, exitUsage, r.code, name)
		require.Contains(t, r.err, "the plan file cannot be read", name)
	}
}

func TestStartWatchesWhereItIsAsked(t *testing.T) {
	t.Parallel()
	f := &fake{views: []any{view(domain.PlanRunning, domain.TaskRunning), view(domain.PlanCompleted, domain.TaskCompleted)}}
	r := sluice(f, "start --watch "+planFile(t, planText))
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "green\n2026-01-02T03:04:05Z RUNNING")
}

func TestCommandsSendWhatTheirFlagsSay(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]sentCommand{
		"resume green --actor a --if-version 7":             {"green", domain.CommandResume, domain.Command{Actor: "a", IfVersion: 7}},
		"pause green --no-wait --actor a":                   {"green", domain.CommandPause, domain.Command{Actor: "a"}},
		"abort green --actor a --reason x":                  {"green", domain.CommandAbort, domain.Command{Actor: "a", Reason: "x"}},
		"skip green --actor a --task t --reason x":          {"green", domain.CommandSkip, domain.Command{Actor: "a", Task: "t", Reason: "x"}},
		"retry green --actor a --task t --max-retries 5":    {"green", domain.CommandRetry, domain.Command{Actor: "a", Task: "t", From: domain.FromCheckpoint, MaxRetries: 5}},
		"retry green --actor a --from scratch --timeout 1s": {"green", domain.CommandRetry, domain.Command{Actor: "a", From: domain.FromScratch}},
	} {
		f := &fake{outcome: plans.Outcome{State: domain.PlanRunning, Phase: domain.PhasePausing, Version: 8}}
		r := sluice(f, line)
		require.Equal(t, exitOK, r.code, line)
		require.Equal(t, []sentCommand{want}, f.sent, line)
		require.Equal(t, "green: "+string(want.name)+" accepted; the plan is RUNNING (PAUSING), version 8\n", r.out)
	}
}

func TestCommandsNameTheLoginAsActor(t *testing.T) {
	t.Parallel()
	f := &fake{}
	require.Equal(t, exitOK, sluice(f, "resume green").code)
	require.NotEmpty(t, f.sent[0].command.Actor)
}

func TestCommandsAnswerInTheFormThatIsAsked(t *testing.T) {
	t.Parallel()
	f := &fake{outcome: plans.Outcome{State: domain.PlanRunning, Version: 8}}
	require.JSONEq(t, `{"state": "RUNNING", "phase": "", "version": 8}`, sluice(f, "resume green -o json").out)
	require.Equal(t, "state: RUNNING\nphase: \"\"\nversion: 8\n", sluice(f, "resume green -o yaml").out)
	require.Equal(t, "green\n", sluice(f, "resume green -o name").out)
}

func TestPauseWaitsUntilThePlanIsPaused(t *testing.T) {
	t.Parallel()
	f := &fake{views: []any{view(domain.PlanPaused, domain.TaskPaused)}}
	require.Equal(t, result{out: "green: PAUSED, 103 of 200 targets done (51 %)\n"}, sluice(f, "pause green"))
	require.JSONEq(t, `{"state": "PAUSED", "phase": "", "version": 7}`, sluice(f, "pause green -o json").out)
}

func TestErrorsHaveTheirExitCodes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"refused":     {&plans.RefusedError{Why: "x"}, exitRefused},
		"late":        {&plans.TimeoutError{What: "x"}, exitTimedOut},
		"failed":      {&plans.PlanFailedError{}, exitFailed},
		"no plan":     {&domain.InvalidPlanError{Faults: []domain.Fault{{Message: "x"}}}, exitFailed},
		"not found":   {&plans.NotFoundError{}, exitInternal},
		"no server":   {&plans.ServerError{Err: context.DeadlineExceeded}, exitInternal},
		"no worker":   {&plans.NoWorkerError{}, exitInternal},
		"interrupted": {context.Canceled, exitInternal},
	} {
		r := sluice(&fake{sendErr: test.err}, "resume green")
		require.Equal(t, test.want, r.code, name)
		require.Regexp(t, `(?s)^sluice: .+\.\n$`, r.err, name)
		require.Empty(t, r.out, name)
	}
}

func TestFaultsOfTheCommandLineAreUsageErrors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"valdate x":               `there is no command "valdate"; did you mean validate`,
		"frobnicate":              `there is no command "frobnicate"`,
		"validate":                "validate takes one file or id",
		"validate a b":            "validate takes one file or id",
		"get":                     "accepts 1 arg(s), received 0",
		"get x --frob":            "unknown flag: --frob",
		"get x -o xml":            "it is one of table, json, yaml, name",
		"resume x --timeout soon": "invalid argument",
		"retry x --from nowhere":  `--from is "nowhere", but has to be checkpoint or scratch`,
		"skip x --task t":         "skip takes --task and --reason",
	} {
		r := sluice(&fake{}, line)
		require.Equal(t, exitUsage, r.code, line)
		require.Contains(t, r.err, want, line)
		require.Contains(t, r.err, "; see sluice --help.\n", line)
	}
}

func TestAnInterruptLeavesThePlanAlone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := sluiceWith(ctx, &fake{views: []any{view(domain.PlanRunning, domain.TaskRunning)}}, "", "watch green")
	require.Equal(t, exitInterrupted, r.code)
	require.Equal(t, "sluice: interrupted; what was started goes on without this command.\n", r.err)
}

func TestAuditShowsWhoAskedWhat(t *testing.T) {
	t.Parallel()
	at := view("", "").AsOf
	f := &fake{trail: workflows.AuditTrail{Dropped: 2, Entries: []domain.AuditEntry{
		{At: at, Command: "pause", Actor: "alice", Reason: "lunch\x1b[2J", Accepted: true, State: domain.PlanRunning, Version: 5},
		{At: at, Command: "resume", Actor: "bob", Refusal: "not now", State: domain.PlanRunning, Version: 5},
		{At: at, Command: "pause", Task: "t", Accepted: true, Repeat: true, State: domain.PlanPaused, Version: 6},
	}}}
	r := sluice(f, "audit green")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, ""+
		"AT                    COMMAND  ACTOR  TASK  PLAN     VERSION  REASON     OUTCOME\n"+
		"2026-01-02T03:04:05Z  pause    alice  -     RUNNING  5        lunch\uFFFD[2J  accepted\n"+
		"2026-01-02T03:04:05Z  resume   bob    -     RUNNING  5        -          refused: not now\n"+
		"2026-01-02T03:04:05Z  pause    -      t     PAUSED   6        -          repeat, nothing done (first: accepted)\n", r.out)
	require.Equal(t, "sluice: older entries (2) stand only in the histories of the plan's earlier runs.\n", r.err)
	require.Contains(t, sluice(f, "audit green -o json").out, `"dropped": 2`)
}

func TestSchemaPrintsTheSchemaOfPlanFiles(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{}, "schema")
	require.Equal(t, exitOK, r.code, r.err)
	require.JSONEq(t, string(docs.PlanSchema), r.out)
}

func TestCreateHoldsThePlan(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := sluice(f, "create "+planFile(t, planText))
	require.Equal(t, result{out: "green\n", err: "sluice: the plan is held; begin it with: sluice start green\n"}, r)
	require.True(t, f.plan.Document.Spec.Hold)
	require.Contains(t, string(f.plan.Input.Payload().GetData()), `"hold":true`)

	r = sluiceWith(context.Background(), f, planText, "create -f - --id other -o json")
	require.JSONEq(t, `{"planId": "other", "runId": "run-1"}`, r.out)
	require.Contains(t, sluice(f, "start -o yaml "+planFile(t, planText)).out, "planId: green\nrunId: run-1\n")
}

func TestSkipSaysHowAPausedPlanGoesOn(t *testing.T) {
	t.Parallel()
	f := &fake{outcome: plans.Outcome{State: domain.PlanPaused, Version: 8}}
	r := sluice(f, "skip green --task t --reason x")
	require.Equal(t, "green: skip accepted; the plan is PAUSED, version 8; go on with: sluice resume green\n", r.out)
}

func TestWhatOthersSayCannotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{sendErr: &plans.RefusedError{Why: "the gateway said\n\x1b[2Jno"}}, "resume green")
	require.Equal(t, "sluice: the gateway said \uFFFD[2Jno.\n", r.err)
}
