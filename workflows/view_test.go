package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

func TestSearchAttributesFollowThePlanInOneEventForEachChange(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if r.Checkpoint == nil {
			return refused(r, 1)
		}
		return done(r)
	})
	p.at(time.Hour, func() { p.send(domain.CommandRetry, domain.Command{}) })
	doc := document(task("a"))
	doc.Metadata.Labels = map[string]string{"team": "edge", "env": "prod"}
	p.completed(doc)

	type view struct {
		state, reason, failedTask string
		progress                  float64
	}
	var views []view
	for _, u := range p.upserts {
		var v view
		v.state, _ = u.GetKeyword(workflows.AttributeState)
		v.reason, _ = u.GetKeyword(workflows.AttributeReason)
		v.failedTask, _ = u.GetKeyword(workflows.AttributeFailedTask)
		v.progress, _ = u.GetFloat64(workflows.AttributeProgress)
		views = append(views, v)
	}
	require.Equal(t, []view{
		{"RUNNING", "", "", 0},
		{"PAUSED", "FAILURE", "a", 1.0 / 3},
		{"RUNNING", "", "", 1.0 / 3},
		{"COMPLETED", "", "", 1},
	}, views)
	require.False(t, p.found.ContainsKey(workflows.AttributeReason), "a reason that has gone is taken out")
	require.False(t, p.found.ContainsKey(workflows.AttributeFailedTask))
	labels, _ := p.upserts[0].GetKeywordList(workflows.AttributeLabels)
	require.Equal(t, []string{"env=prod", "team=edge"}, labels)
	for _, u := range p.upserts[1:] {
		require.False(t, u.ContainsKey(workflows.AttributeLabels), "labels are written once")
	}
}

func TestProgressIsWrittenInAtMost20Steps(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	var tasks []domain.TaskSpec
	for i := range 200 {
		tasks = append(tasks, task(fmt.Sprintf("t-%03d", i)))
	}
	doc := document(tasks...)
	doc.Spec.Targets = []string{"t1"}
	p.completed(doc)
	// The beginning at 0, and 20 steps, the last one together with COMPLETED.
	require.Len(t, p.upserts, 21)
	last := -1.0
	for _, u := range p.upserts {
		progress, _ := u.GetFloat64(workflows.AttributeProgress)
		require.Greater(t, progress, last)
		last = progress
	}
	require.InDelta(t, 1.0, last, 0)
}

func TestARunWithoutSearchAttributesWritesNone(t *testing.T) {
	t.Parallel()
	p := newPlanTestWith(t, workflows.Settings{}, nil)
	p.completed(document(task("a")))
	require.Empty(t, p.upserts)
}

func TestARunKeepsTheSettingsOfTheRunBeforeWhateverItsWorkerHas(t *testing.T) {
	t.Parallel()
	p := newPlanTestWith(t, workflows.Settings{SearchAttributes: false}, nil)
	p.completed(inTheMiddle())
	require.NotEmpty(t, p.upserts)
}

func TestTheStatusHasTheFieldsOfTheContract(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) { return refused(r, 1) })
	p.at(time.Hour, func() {
		p.send(domain.CommandSkip, domain.Command{Task: "b", Reason: "x"})
		p.at(0, func() {
			status := query[map[string]any](p, "status")
			for _, field := range []string{"planId", "runId", "name", "labels", "state", "phase", "reason", "version", "exceptions", "progress",
				"createdAt", "startedAt", "asOf", "tasks", "legal"} {
				require.Contains(t, status, field)
			}
			a, b := status["tasks"].([]any)[0].(map[string]any), status["tasks"].([]any)[1].(map[string]any)
			for _, field := range []string{"name", "executor", "state", "phase", "attempt", "retries", "maxRetries", "progress", "checkpoint", "failure", "startedAt", "endedAt"} {
				require.Contains(t, a, field)
			}
			require.Contains(t, b, "waiver")
			for _, name := range []string{"createdAt", "startedAt", "asOf"} {
				at, err := time.Parse(time.RFC3339, status[name].(string))
				require.NoError(t, err)
				require.Equal(t, time.UTC, at.Location(), name)
			}
			failure, err := json.Marshal(a["failure"])
			require.NoError(t, err)
			require.Contains(t, string(failure), `"errorCode":"REFUSED"`)
			p.send(domain.CommandAbort, domain.Command{})
		})
	})
	doc := document(task("a"), task("b"))
	doc.Metadata.Labels = map[string]string{"team": "edge"}
	p.failed(doc)
}

func TestTheReportIsTextThatSaysTheSameAsTheStatus(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.completed(document(task("a"), task("b")))
	text := query[string](p, "report")
	require.Contains(t, text, "COMPLETED, 6 of 6 targets done (100 %)")
	require.Regexp(t, `(?m)^a +fake +COMPLETED +3/3`, text)
	require.Contains(t, text, "Legal now: nothing; the plan is closed")
}
