package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// fleet are open plans in some states.
func fleet(states ...domain.PlanState) plans.Listing {
	var l plans.Listing
	for i, state := range states {
		l.Plans = append(l.Plans, plans.Summary{PlanID: "p" + string(rune('1'+i)), State: state, Status: running})
	}
	return l
}

func sentTo(f *fake) []string {
	var ids []string
	for _, s := range f.sent {
		ids = append(ids, s.id)
	}
	slices.Sort(ids)
	return ids
}

func TestACommandGoesToAllPlansWithALabelThatMayTakeIt(t *testing.T) {
	t.Parallel()
	f := &fake{listing: fleet(domain.PlanPaused, domain.PlanRunning, domain.PlanPaused), outcome: plans.Outcome{State: domain.PlanRunning, Version: 9}}
	r := sluice(f, "resume --selector team=edge,kind=cutover --yes --reason go")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, plans.Filter{States: openStates, Labels: map[string]string{"team": "edge", "kind": "cutover"}}, f.filter)
	require.Equal(t, []string{"p1", "p3"}, sentTo(f))
	require.Equal(t, "go", f.sent[0].command.Reason)
	require.Equal(t, "sluice: resume 2 of 3 open plans with the labels team=edge,kind=cutover: p1, p3\n", r.err)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	slices.Sort(lines)
	require.Equal(t, []string{"p1: resume accepted; the plan is RUNNING, version 9", "p3: resume accepted; the plan is RUNNING, version 9"}, lines)
}

func TestNothingIsSentToManyUnlessItIsConfirmed(t *testing.T) {
	t.Parallel()
	f := &fake{listing: fleet(domain.PlanRunning, domain.PlanRunning)}
	r := sluice(f, "abort --selector team=edge")
	require.Equal(t, exitUsage, r.code)
	require.Equal(t, "sluice: abort 2 of 2 open plans with the labels team=edge: p1, p2\n"+
		"sluice: this acts on many plans, and there is nobody to ask; give --yes.\n", r.err)
	require.Empty(t, f.sent)

	ask := func(answer string) result {
		return sluiceOn(context.Background(), f, streams{in: strings.NewReader(answer), asks: true}, "abort --selector team=edge")
	}
	for _, no := range []string{"", "n\n", "maybe\n"} {
		r = ask(no)
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, r.err, "Go on? [y/N] sluice: nothing was done.\n")
		require.Empty(t, f.sent)
	}
	require.Equal(t, exitOK, ask("Y\n").code)
	require.Equal(t, []string{"p1", "p2"}, sentTo(f))
}

func TestTheWorstOutcomeOfManyIsTheExitCode(t *testing.T) {
	t.Parallel()
	f := &fake{
		listing: fleet(domain.PlanRunning, domain.PlanRunning, domain.PlanRunning), views: []any{in(domain.PlanPaused)},
		sendErrs: map[string]error{"p1": &plans.RefusedError{Why: "not now"}, "p3": &plans.TimeoutError{What: "too late"}},
	}
	r := sluice(f, "pause --selector team=edge --yes")
	require.Equal(t, exitRefused, r.code)
	require.Equal(t, "p2: PAUSED, 103 of 200 targets done (51 %)\n", r.out)
	require.Contains(t, r.err, "sluice: p1: not now.\nsluice: p3: too late.\n")

	var got []map[string]any
	require.NoError(t, json.Unmarshal([]byte(sluice(f, "pause --selector team=edge -y -o json").out), &got))
	require.Len(t, got, 3)
	require.Equal(t, map[string]any{"planId": "p1", "state": "", "phase": "", "version": 0.0, "error": "not now"}, got[0])
	require.Equal(t, "PAUSED", got[1]["state"])
}

func TestASelectorThatChoosesNothingSaysSo(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{listing: plans.Listing{Unknown: 1}}, "pause --selector team=egde --yes")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "the labels of 1 open plan are not known here")
	require.Contains(t, r.err, "no open plan has the labels team=egde")

	f := &fake{listing: fleet(domain.PlanPaused)}
	r = sluice(f, "pause --selector team=edge --yes")
	require.Equal(t, result{err: "sluice: 0 of 1 open plan with the labels team=edge can take pause, so nothing is done.\n"}, r)
	require.Empty(t, f.sent)
}

func TestWatchOfSeveralPlansEndsWithTheLastAndTheWorst(t *testing.T) {
	t.Parallel()
	of := func(id string, v plans.View) plans.View {
		v.PlanID = id
		return v
	}
	f := &fake{viewsOf: map[string][]any{
		"a": {of("a", in(domain.PlanRunning)), of("a", in(domain.PlanCompleted))},
		"b": {of("b", in(domain.PlanPaused))},
		"c": {of("c", in(domain.PlanRunning)), of("c", in(domain.PlanRunning)), of("c", in(domain.PlanFailed))},
	}}
	r := sluice(f, "watch c a b a")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.out, "2026-01-02T03:04:05Z a COMPLETED")
	require.Contains(t, r.out, "2026-01-02T03:04:05Z c FAILED")
	require.Equal(t, "sluice: plan \"b\" is PAUSED; legal now: pause, abort.\nsluice: plan \"c\" is FAILED.\n", r.err)
}

func TestBarsShowSeveralPlansWithOneEach(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	b := newBars(&out, 24, true)
	b.say("hello")
	first, second := in(domain.PlanRunning), in(domain.PlanCompleted)
	second.PlanID = "blue"
	b.update(first)
	b.update(second)
	require.Len(t, b.plans, 2)
	require.Empty(t, b.tasks)
	require.Equal(t, "RUNNING; switch RUNNING CALL", b.plans["green"].state)
	b.close()
	require.NotRegexp(t, "\x1b\\[[0-9;]*m", out.String(), "no colors, so there are none to turn off by NO_COLOR")
}
