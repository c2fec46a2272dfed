package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

func TestRollbackOfAPlanNamesTheOneThatPutsItBack(t *testing.T) {
	t.Parallel()
	f := &fake{outcome: plans.Outcome{State: domain.PlanRunning, Phase: domain.PhaseRollingBack, Version: 8}}
	r := sluice(f, "rollback green --actor a --reason x")
	require.Equal(t, result{out: "green: rollback accepted; the plan is RUNNING (ROLLING_BACK), version 8; watch it with: sluice watch green.rollback\n"}, r)
	require.Equal(t, []sentCommand{{"green", domain.CommandRollback, domain.Command{Actor: "a", Reason: "x"}}}, f.sent)

	f.ended = true
	r = sluice(f, "rollback green")
	require.Equal(t, "green: rollback accepted; plan green.rollback puts back what was changed, watch it with: sluice watch green.rollback\n", r.out)
}

func TestRollbackOfATaskIsForAPlanThatRuns(t *testing.T) {
	t.Parallel()
	f := &fake{outcome: plans.Outcome{State: domain.PlanRunning, Phase: domain.PhaseRollingBack, Version: 8}}
	require.Equal(t, "green: rollback accepted; the plan is RUNNING (ROLLING_BACK), version 8\n", sluice(f, "rollback green --task t").out)
	require.Equal(t, "t", f.sent[0].command.Task)

	r := sluice(&fake{ended: true}, "rollback green --task t")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "has ended, so that it is rolled back as a whole only")
}

func TestRollbackPreviewChangesNothing(t *testing.T) {
	t.Parallel()
	value := func(text string, n int) plans.ReverseValue {
		return plans.ReverseValue{Prior: domain.Prior{Value: json.RawMessage(text)}, Targets: n}
	}
	f := &fake{reverse: plans.ReversePreview{
		PlanID: "green.rollback", Records: 9,
		Tasks: []plans.ReverseTask{
			{Name: "verify", Executor: "http", Targets: 9},
			{Name: "switch", Executor: "gateway.caddy", Targets: 9, Values: []plans.ReverseValue{
				value(`"blue"`, 6), {Prior: domain.Prior{Absent: true}, Targets: 1}, value(`"red"`, 1), value(`"teal"`, 1)}},
		},
		Left: []domain.Irreversible{{Task: "tell", Why: "the plan file says reversible: false", Targets: 1}},
	}}
	r := sluice(f, "rollback green --preview")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, ""+
		"A rollback of green would be plan green.rollback and put back, in this order:\n\n"+
		"TASK    EXECUTOR       TARGETS  TO WHAT STOOD BEFORE\n"+
		"verify  http           9        nothing was recorded\n"+
		"switch  gateway.caddy  9        \"blue\" (6), nothing (1), \"red\" (1), …\n"+
		"\nTask tell stays as it is at 1 target: the plan file says reversible: false\n", r.out)
	require.Empty(t, f.sent)
	require.Contains(t, sluice(f, "rollback green --preview -o json").out, `"planId": "green.rollback"`)
	require.Equal(t, exitUsage, sluice(f, "rollback green --preview --task t").code)
	require.Equal(t, exitRefused, sluice(&fake{sendErr: &plans.RefusedError{Why: "nothing to put back"}}, "rollback green --preview").code)
}

func TestRecordsShowWhatStoodBeforeEachChangePageByPage(t *testing.T) {
	t.Parallel()
	f := &fake{records: map[int]domain.RecordsPage{
		0: {Items: []domain.RecordItem{{Task: "switch", Target: "a", Value: json.RawMessage(`"blue"`), State: domain.TargetDone}}, Next: 1},
		1: {Items: []domain.RecordItem{{Task: "switch", Target: "b", Absent: true, State: domain.TargetFailed}}},
	}}
	r := sluice(f, "records green --task switch")
	require.Equal(t, ""+
		"TASK    TARGET  NOW   BEFORE\n"+
		"switch  a       DONE  \"blue\"\n"+
		"switch  b  FAILED  nothing\n", r.out)
	require.Equal(t, []domain.PageQuery{{Task: "switch"}, {Task: "switch", Offset: 1}}, f.pages)
	require.Equal(t, "{\"task\":\"switch\",\"target\":\"a\",\"value\":\"blue\",\"state\":\"DONE\"}\n{\"task\":\"switch\",\"target\":\"b\",\"absent\":true,\"state\":\"FAILED\"}\n",
		sluice(f, "records green -o json").out)
	require.Contains(t, sluice(&fake{}, "records green").err, "nothing was recorded")
}

func TestGetListsTargets(t *testing.T) {
	t.Parallel()
	f := &fake{targets: map[int]domain.TargetsPage{0: {Items: []domain.TargetItem{
		{Task: "switch", Target: "a", State: domain.TargetDone},
		{Task: "switch", Target: "b", State: domain.TargetFailed, Failure: &domain.FailureInfo{Category: domain.CategoryTechnical, ErrorCode: "HTTP_503", Reason: "the gateway\nsaid no"}},
	}}}}
	r := sluice(f, "get green --targets --task switch --state failed")
	require.Equal(t, ""+
		"TASK    TARGET  STATE   FAILURE\n"+
		"switch  a       DONE    -\n"+
		"switch  b       FAILED  TECHNICAL HTTP_503: the gateway said no\n", r.out)
	require.Equal(t, []domain.PageQuery{{Task: "switch", State: domain.TargetFailed}}, f.pages)
	for line, want := range map[string]string{
		"get green --state DONE":           "give --targets with them",
		"get green --targets --state GONE": `"GONE" is no state of a target; the states are OPEN`,
		"get green --targets -o yaml":      "--targets knows the forms table and json",
	} {
		r = sluice(f, line)
		require.Equal(t, exitUsage, r.code, line)
		require.Contains(t, r.err, want)
	}
}

func TestRetryTakesUpAPlanThatHasEnded(t *testing.T) {
	t.Parallel()
	f := &fake{ended: true, outcome: plans.Outcome{State: domain.PlanCreated, Version: 21}}
	r := sluice(f, "retry green --task t --reason again")
	require.Equal(t, "green: retry accepted; a run of its own takes the plan up, version 21\n", r.out)
	require.True(t, f.redriven)
	require.Equal(t, "again", f.sent[0].command.Reason)
}

func TestRetrySetsParametersToWhatTheirYAMLSays(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := sluice(f, `retry green --set switch.to=teal --set switch.batchSize=10 --set a.b.list=[1,x] --set switch.url=http://h:1/?a=b --set t.gone=null --set t.empty= --set t.text="10"`)
	require.Equal(t, exitOK, r.code, r.err)
	got := map[string]string{}
	for key, value := range f.sent[0].command.Set {
		got[key] = string(value)
	}
	require.Equal(t, map[string]string{
		"switch.to": `"teal"`, "switch.batchSize": "10", "a.b.list": `[1,"x"]`, "switch.url": `"http://h:1/?a=b"`, "t.gone": "null", "t.empty": `""`, "t.text": `"10"`,
	}, got)
	for line, want := range map[string]string{
		"retry green --set to=teal":                       "write it as task.param=value",
		"retry green --set switch.to":                     "write it as task.param=value",
		"retry green --set switch.to=a --set switch.to=b": "gives switch.to twice",
		"retry green --set switch.to=[":                   "cannot be read",
	} {
		r = sluice(f, line)
		require.Equal(t, exitUsage, r.code, line)
		require.Contains(t, r.err, want, line)
	}
}

func TestStartAgainIsForAPlanFile(t *testing.T) {
	t.Parallel()
	f := &fake{}
	require.Equal(t, exitOK, sluice(f, "start --again "+planFile(t, planText)).code)
	require.True(t, f.again)
	require.Contains(t, sluice(f, "start green --again").err, "--again is for a plan file")
}
