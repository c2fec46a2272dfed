package workflows_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

func TestAFailurePausesThePlanAndARetryGoesOnWithWhatIsNotDone(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if r.Task == "b" && !mended.Load() {
			return refused(r, 1)
		}
		return done(r)
	})
	p.at(time.Hour, func() {
		s := p.status()
		require.Equal(t, domain.PlanPaused, s.State)
		require.Equal(t, domain.ReasonFailure, s.Reason.Kind)
		require.Equal(t, "b", s.Reason.Task)
		require.Contains(t, s.Reason.Message, "t2")
		failed := s.Tasks[1]
		require.Equal(t, domain.TaskFailed, failed.State)
		require.Equal(t, "REFUSED", failed.Failure.ErrorCode)
		require.Equal(t, domain.CategoryBusiness, failed.Failure.Category)
		require.Equal(t, "t2", failed.Failure.Target)
		require.False(t, failed.Failure.Timestamp.IsZero())
		require.Equal(t, []string{"t1"}, failed.Checkpoint.Data.CompletedTargets)
		require.NotContains(t, s.Legal, domain.CommandResume, "a failure is unresolved")
		require.Contains(t, s.Legal, domain.CommandRetry)
		mended.Store(true)
		p.send(domain.CommandRetry, domain.Command{Task: "b"})
	})
	final := p.completed(document(task("a"), task("b"), task("c")))
	require.Equal(t, []string{"a", "b", "b", "c"}, p.order())
	again := p.request(2)
	require.Equal(t, "0", again.Checkpoint.Done.String())
	require.Zero(t, again.Revision)
	require.Equal(t, 1, final.Tasks[1].Retries)
	require.Equal(t, 2, final.Tasks[1].Attempt)
	require.Nil(t, final.Tasks[1].Failure)
	require.Nil(t, final.Reason)
}

func TestARetryFromScratchDoesEveryTargetAgainUnderANewRevision(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if !mended.Load() {
			return refused(r, 2)
		}
		return done(r)
	})
	p.at(time.Hour, func() {
		mended.Store(true)
		p.send(domain.CommandRetry, domain.Command{From: domain.FromScratch})
	})
	p.completed(document(task("a")))
	again := p.request(1)
	require.Empty(t, again.Checkpoint.Done.String())
	require.Equal(t, 1, again.Revision)
}

func TestRetriesBeyondTheLimitAreRefusedUnlessMaxRetriesRaisesIt(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) { return refused(r, 0) })
	limit := 1
	failing := task("a")
	failing.Retry.MaxRetries = &limit
	p.at(1*time.Hour, func() { p.send(domain.CommandRetry, domain.Command{}) })
	p.at(2*time.Hour, func() {
		require.NotContains(t, p.status().Legal, domain.CommandRetry)
		p.send(domain.CommandRetry, domain.Command{})
	})
	p.at(3*time.Hour, func() { p.send(domain.CommandRetry, domain.Command{MaxRetries: 2}) })
	p.at(4*time.Hour, func() { p.send(domain.CommandAbort, domain.Command{}) })
	final := p.failed(document(failing))
	require.Equal(t, 2, final.Tasks[0].Retries)
	require.Equal(t, 2, final.Tasks[0].MaxRetries)
	require.Len(t, p.order(), 3)
	audit := p.audit()
	require.Equal(t, []bool{true, false, true, true}, []bool{audit[0].Accepted, audit[1].Accepted, audit[2].Accepted, audit[3].Accepted})
	require.Contains(t, audit[1].Refusal, domain.ErrRetryLimit.Error())
}

func TestASuccessThatDoesNotSayWhatWasDoneFailsTheTaskInsteadOfRunningItForEver(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]func(domain.TaskRequest) *domain.TaskResult{
		"no result":                   func(domain.TaskRequest) *domain.TaskResult { return nil },
		"counts alone":                func(r domain.TaskRequest) *domain.TaskResult { return &domain.TaskResult{Done: len(r.Targets)} },
		"a checkpoint that says none": func(r domain.TaskRequest) *domain.TaskResult { return &domain.TaskResult{Checkpoint: after(r, 0)} },
		"a checkpoint of other format": func(r domain.TaskRequest) *domain.TaskResult {
			cp := after(r, 3)
			cp.Format++
			return &domain.TaskResult{Checkpoint: cp}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) { return result(r), nil })
			doc := document(task("a"))
			doc.Spec.OnFailure = domain.OnFailureFail
			final := p.failed(doc)
			require.Equal(t, domain.CodeBadResult, final.Tasks[0].Failure.ErrorCode)
			require.Equal(t, domain.CategoryExecutor, final.Tasks[0].Failure.Category)
			require.Len(t, p.order(), 1)
		})
	}
}

func TestASuccessWithSomeTargetsLeftIsFollowedByAnExecutionForThem(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if r.Checkpoint == nil {
			return &domain.TaskResult{Done: 2, Checkpoint: after(r, 2)}, nil
		}
		return done(r)
	})
	p.completed(document(task("a")))
	require.Equal(t, "0-1", p.request(1).Checkpoint.Done.String())
}

func TestOnFailureFailEndsThePlanWithItsFinalSnapshotOnceTheOtherTasksHaveStopped(t *testing.T) {
	t.Parallel()
	var p *planTest
	other := make(chan struct{})
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if r.Task == "b" {
			<-other
			return refused(r, 1)
		}
		return p.underWay(ctx, after(r, 2), func() { close(other) })
	})
	doc := document(task("a"), task("b"), task("c"))
	doc.Spec.OnFailure, doc.Spec.MaxParallel = domain.OnFailureFail, 2
	final := p.failed(doc)
	require.Equal(t, domain.ReasonFailure, final.Reason.Kind)
	require.Equal(t, "b", final.Reason.Task)
	require.Equal(t, domain.TaskPaused, final.Tasks[0].State)
	require.Equal(t, 2, final.Tasks[0].Progress.Done)
	require.Equal(t, domain.TaskFailed, final.Tasks[1].State)
	require.Equal(t, domain.TaskCreated, final.Tasks[2].State)
	require.Empty(t, final.Legal)
	require.Empty(t, final.Phase)
	require.False(t, final.EndedAt.IsZero())
}

func TestAnInvalidInputFailsAtOnceAsInvalidPlanWithEveryFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		input  any
		faults []string // the paths, each once
		says   string
	}{
		"none":             {input: nil, faults: []string{""}, says: "there is no plan"},
		"an empty object":  {input: struct{}{}, faults: []string{"apiVersion", "kind", "metadata.name", "spec.tasks"}},
		"a text":           {input: "plan.json", faults: []string{""}, says: "has to be an object"},
		"bytes":            {input: []byte("apiVersion: sluice/v1"), faults: []string{""}, says: "not JSON"},
		"two documents":    {input: []byte(`{} {}`), faults: []string{""}, says: "more than one document"},
		"another version":  {input: raw(`{"apiVersion":"sluice/v9","kind":"Plan","metadata":{"name":"x"},"spec":{"targets":["t"],"tasks":[{"name":"a","executor":"fake"}]}}`), faults: []string{"apiVersion"}, says: `"sluice/v9"`},
		"an unknown field": {input: raw(`{"apiVersion":"sluice/v1","kind":"Plan","metadata":{"name":"x"},"spec":{"target":[],"targets":["t"],"tasks":[{"name":"a","executor":"fake","executer":"fake"}]}}`), faults: []string{"spec.target", "spec.tasks[0].executer"}, says: `did you mean "targets"?`},
		"many faults": {
			input: raw(`{"apiVersion":"sluice/v1","kind":"Plan","metadata":{"name":"X"},"spec":{"maxParallel":-1,"onFailure":"panic","targets":["t","t"],
				"tasks":[{"name":"a","executor":"fake","dependsOn":["b"]},{"name":"b","executor":"fake","dependsOn":["a","zz"]},{"name":"a","executor":""}]}}`),
			faults: []string{"metadata.name", "spec.maxParallel", "spec.onFailure", "spec.targets[1]", "spec.tasks[2].executor", "spec.tasks[2].name",
				"spec.tasks[1].dependsOn[1]", "spec.tasks[1].dependsOn"},
			says: "the plan is invalid in",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlanTest(t, nil)
			var failure *temporal.ApplicationError
			require.ErrorAs(t, p.run(c.input), &failure)
			require.Equal(t, workflows.ErrorInvalidPlan, failure.Type())
			require.True(t, failure.NonRetryable())
			require.Contains(t, failure.Error(), c.says)
			var faults []domain.Fault
			require.NoError(t, failure.Details(&faults))
			var paths []string
			for _, f := range faults {
				paths = append(paths, f.Path)
				require.Contains(t, failure.Error(), f.Message)
			}
			require.ElementsMatch(t, c.faults, paths)
			require.Empty(t, p.order())
		})
	}
}

// raw is JSON that is sent as it is.
func raw(text string) json.RawMessage { return json.RawMessage(text) }
