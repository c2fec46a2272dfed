package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// listed are three plans as a server lists them.
func listed() []plans.Summary {
	third, since := 1.0/3, time.Now().Add(-90*time.Minute)
	return []plans.Summary{
		{PlanID: "green", RunID: "r1", State: domain.PlanPaused, Status: running, Progress: &third, Reason: domain.ReasonFailure, FailedTask: "switch", Labels: map[string]string{"team": "edge"}, StartedAt: since},
		{PlanID: "blue", RunID: "r2", State: domain.PlanRunning, Status: "Terminated", StartedAt: since.Add(-72 * time.Hour), EndedAt: since},
		{PlanID: "bare", RunID: "r3", Status: running, StartedAt: since},
	}
}

func TestListShowsPlansInColumns(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{listing: plans.Listing{Plans: listed()}}, "list")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, ""+
		"ID     STATE                 PROGRESS  REASON                AGE\n"+
		"green  PAUSED                33 %      FAILURE, task switch  1h\n"+
		"blue   RUNNING (Terminated)  -         -                     3d\n"+
		"bare   -                     -         -                     1h\n", r.out)
	require.Equal(t, "sluice: 1 plan without a state: the search attributes are off (SLUICE_SEARCH_ATTRIBUTES of the worker); sluice get shows it.\n", r.err)
}

func TestListHasFormsForPrograms(t *testing.T) {
	t.Parallel()
	f := &fake{listing: plans.Listing{Plans: listed()}}
	require.Equal(t, "green\nblue\nbare\n", sluice(f, "list -o name").out)
	var got []map[string]any
	require.NoError(t, json.Unmarshal([]byte(sluice(f, "list -o json").out), &got))
	require.Len(t, got, 3)
	require.Equal(t, "PAUSED", got[0]["state"])
	require.Equal(t, map[string]any{"team": "edge"}, got[0]["labels"])
	require.Contains(t, sluice(f, "list -o yaml").out, "- planId: green\n")

	none := sluice(&fake{}, "list -o json")
	require.Equal(t, result{out: "[]\n", err: "sluice: no plan matches.\n"}, none)
}

func TestListFiltersAsItsFlagsSay(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := sluice(f, "list --state paused,RUNNING --label team=edge -l kind=cutover --name green- --reason failure --limit 7")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, plans.Filter{
		States: []domain.PlanState{domain.PlanPaused, domain.PlanRunning}, Labels: map[string]string{"team": "edge", "kind": "cutover"},
		Prefix: "green-", Reason: domain.ReasonFailure, Limit: 7,
	}, f.filter)
}

func TestListRefusesFiltersThatCannotMatch(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"list --state DONE":                   `"DONE" is no state of a plan; the states are CREATED, RUNNING, PAUSED, COMPLETED, FAILED`,
		"list --label edge":                   `"edge" is no label; write it as key=value`,
		`list --label a=b"c`:                  `holds a quotation mark or a backslash`,
		"list --label a=1 --label a=2":        `asked for as "1" and as "2"`,
		"list --reason boredom":               "has to be one of OPERATOR, FAILURE, BREAKPOINT",
		"list --limit -1":                     "--limit is -1",
		"list green":                          "unknown command",
		"wait green --for SOON":               `"SOON" is no state of a plan`,
		"wait green --timeout -1s":            "--timeout is -1s",
		"pause --selector team":               `"team" is no label`,
		"pause":                               "pause takes one id, or --selector",
		"pause green --selector a=b":          "pause takes one id, or --selector",
		"pause --selector a=b --if-version 3": "--if-version is for one plan",
		"start plan.yaml --reason x":          "--reason is for a plan that is held",
		"start green --id blue":               "--id is for a plan file",
	} {
		r := sluice(&fake{}, line)
		require.Equal(t, exitUsage, r.code, line)
		require.Contains(t, r.err, want, line)
	}
}

func TestListSaysWhatItDoesNotShow(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{listing: plans.Listing{Plans: listed()[:1], More: true, Unknown: 2}}, "list --limit 1 --label team=edge")
	require.Equal(t, exitOK, r.code)
	require.Contains(t, r.err, "sluice: there are more than 1 plan; --limit 0 lists all.\n")
	require.Contains(t, r.err, "sluice: 2 open plans more may match: the search attributes are off in them")
}

func TestAgesAreRoundedDownToTheirLargestUnit(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s": -time.Second, "59s": 59 * time.Second, "1m": 119 * time.Second, "1h": 119 * time.Minute, "47h": 47*time.Hour + 59*time.Minute, "2d": 71 * time.Hour,
	} {
		require.Equal(t, want, age(d))
	}
}

func TestAShellCompletesTheIdsOfPlansThatTakeTheCommand(t *testing.T) {
	t.Parallel()
	f := &fake{listing: plans.Listing{Plans: listed()}}
	r := sluice(f, "__complete resume g")
	require.Contains(t, r.out, "green\tPAUSED\n")
	require.Equal(t, []domain.PlanState{domain.PlanPaused}, f.filter.States)
	require.Equal(t, "g", f.filter.Prefix)

	r = sluice(f, "__complete watch green b")
	require.NotContains(t, r.out, "green")
	require.Contains(t, r.out, "blue\t")

	require.Contains(t, sluice(f, "__complete list --state ").out, "PAUSED")
	require.Contains(t, sluice(f, "__complete get -o ").out, "yaml")
	require.NotContains(t, sluice(&fake{listErr: context.DeadlineExceeded}, "__complete get g").out, "green")
}
