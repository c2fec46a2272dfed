package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

const previewPlan = `apiVersion: sluice/v1
kind: Plan
metadata: {name: green}
spec:
  description: Move everything.
  hold: true
  maxParallel: 2
  onFailure: fail
  targets: [t1, t2, t3, t4, t5, t6, t7, t8, t9, t10]
  tasks:
    - {name: c, executor: http, dependsOn: [a, b], failureThreshold: 25%}
    - {name: a, executor: http, parallelTargets: 4}
    - {name: b, executor: gateway.caddy, targets: [x], retry: {maxRetries: 0}}
    - {name: d, executor: http, pauseBefore: true}
`

func TestPreviewShowsTheOrderInWhichAPlanRuns(t *testing.T) {
	t.Parallel()
	r := sluiceWith(context.Background(), &fake{}, previewPlan, "preview - --offline")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, ""+
		"Plan green: 4 tasks, 31 targets to work off, 2 tasks at once; when a task fails: fail\n"+
		"Move everything.\n"+
		"It is held until the command start.\n\n"+
		"STEP  TASK  EXECUTOR       TARGETS  FIRST  LAST  AFTER  AT ONCE  MAY FAIL  RETRIES  UNDO     STOPS\n"+
		"1     a     http           10       t1     t10   -      4        0         3        unknown  -\n"+
		"1     b     gateway.caddy  1        x      x     -      1        0         0        unknown  -\n"+
		"2     c     http           10       t1     t10   a, b   1        2         3        unknown  -\n"+
		"3     d     http           10       t1     t10   -      1        0         3        unknown  before it\n", r.out)
}

func TestPreviewAsksAWorkerWhatCanBeUndone(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	f := &fake{catalog: domain.Catalog{TaskQueue: "sluice", Executors: []domain.ExecutorInfo{{Name: "http", Reversible: &no}, {Name: "gateway.caddy", Reversible: &yes}}}}
	r := sluiceWith(context.Background(), f, previewPlan, "preview -")
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `(?m)^1 +b +gateway.caddy .* yes +-$`, r.out)
	require.Contains(t, r.out, "\nWhat is done by these tasks cannot be undone: a, c, d\n")

	var p preview
	require.NoError(t, json.Unmarshal([]byte(sluiceWith(context.Background(), f, previewPlan, "preview - -o json").out), &p))
	require.Equal(t, "a", p.Tasks[0].Name)
	require.False(t, *p.Tasks[0].Undo)
	require.True(t, *p.Tasks[1].Undo)
	require.Equal(t, "1h0m0s", p.Tasks[0].Timeout.String())
}

func TestPreviewDoesWithoutAWorker(t *testing.T) {
	t.Parallel()
	f := &fake{catalogErr: &plans.NoCatalogError{TaskQueue: "sluice", Why: "none is there"}}
	r := sluiceWith(context.Background(), f, previewPlan, "preview -")
	require.Equal(t, exitOK, r.code)
	require.Contains(t, r.out, " unknown ")
	require.Equal(t, "sluice: what can be undone is not known here: no worker of the task queue \"sluice\" says which executors it serves: none is there.\n", r.err)
	require.Empty(t, sluiceWith(context.Background(), f, previewPlan, "preview - --offline").err)

	r = sluiceWith(context.Background(), f, strings.ReplaceAll(previewPlan, "executor: gateway.caddy,", "executor: gateway.caddy, reversible: false,"), "preview - --offline")
	require.Contains(t, r.out, "cannot be undone: b\n")

	// Workers of another task queue were not asked.
	yes := true
	f = &fake{catalog: domain.Catalog{TaskQueue: "sluice", Executors: []domain.ExecutorInfo{{Name: "http", Reversible: &yes}}}}
	r = sluiceWith(context.Background(), f, strings.ReplaceAll(previewPlan, "executor: http,", "executor: http, taskQueue: other,"), "preview -")
	require.NotContains(t, r.out, "yes")
}

func TestPreviewOfAFileWithFaultsListsThem(t *testing.T) {
	t.Parallel()
	r := sluiceWith(context.Background(), &fake{}, "kind: Plan\n", "preview -")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "stdin has 3 faults")
}
