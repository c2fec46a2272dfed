package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
)

// requireAborted fails unless a task ended as an abort ends a running one.
func requireAborted(t *testing.T, s domain.TaskSnapshot, done int) {
	t.Helper()
	require.Equal(t, domain.TaskFailed, s.State)
	require.Equal(t, domain.CodeAborted, s.Failure.ErrorCode)
	require.Equal(t, done, s.Progress.Done)
}

func TestAnAbortOfACreatedPlanStartsNoTask(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.at(time.Minute, func() {
		p.send(domain.CommandAbort, domain.Command{Actor: "ann", Reason: "not today"})
	})
	final := p.failed(held(task("a")))
	require.Empty(t, p.order())
	require.Equal(t, domain.TaskCreated, final.Tasks[0].State)
	require.Equal(t, domain.ReasonOperator, final.Reason.Kind)
	require.Equal(t, "not today", final.Reason.Message)
	require.Equal(t, "ann", final.Reason.Actor)
	// The abort, and by the matrix CREATED to RUNNING to FAILED.
	require.Equal(t, int64(4), final.Version)
}

func TestAnAbortOfARunningPlanStopsItsTasksAtTheirSafePoint(t *testing.T) {
	t.Parallel()
	var p *planTest
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		return p.underWay(ctx, after(r, 2), func() { p.send(domain.CommandAbort, domain.Command{}) })
	})
	final := p.failed(document(task("a"), task("b")))
	require.Equal(t, []string{"a"}, p.order())
	requireAborted(t, final.Tasks[0], 2)
	require.Equal(t, domain.TaskCreated, final.Tasks[1].State)
	require.Equal(t, domain.ReasonOperator, final.Reason.Kind)
}

func TestAnAbortOfAPausedPlanStartsNothingAndKeepsTheCheckpoints(t *testing.T) {
	t.Parallel()
	var p *planTest
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		return p.underWay(ctx, after(r, 1), func() { p.send(domain.CommandPause, domain.Command{}) })
	})
	p.at(time.Hour, func() {
		require.Equal(t, domain.PlanPaused, p.status().State)
		p.send(domain.CommandAbort, domain.Command{})
	})
	final := p.failed(document(task("a"), task("b")))
	require.Equal(t, []string{"a"}, p.order())
	require.Equal(t, domain.TaskPaused, final.Tasks[0].State, "it did not run, so that the abort did not stop it")
	require.Equal(t, 1, final.Tasks[0].Progress.Done)
	require.Equal(t, domain.TaskCreated, final.Tasks[1].State)
}

func TestAnAbortWhilePausingGoesBeforeThePause(t *testing.T) {
	t.Parallel()
	var p *planTest
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		return p.underWay(ctx, after(r, 1), func() { p.sendAll(domain.CommandPause, domain.CommandAbort) })
	})
	final := p.failed(document(task("a")))
	requireAborted(t, final.Tasks[0], 1)
}

func TestAfterAnAbortNoOtherCommandIsLegal(t *testing.T) {
	t.Parallel()
	var p *planTest
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		return p.underWay(ctx, after(r, 1), func() {
			p.sendAll(domain.CommandAbort, domain.CommandAbort, domain.CommandPause, domain.CommandResume, domain.CommandRetry)
		})
	})
	p.failed(document(task("a")))
	for _, e := range p.audit() {
		require.Equal(t, e.Command == domain.CommandAbort, e.Accepted, "%s", e.Command)
	}
}

func TestTemporalsOwnCancelIsAnAbortAndEndsAsCanceled(t *testing.T) {
	t.Parallel()
	var p *planTest
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		return p.underWay(ctx, after(r, 2), func() { p.at(0, p.env.CancelWorkflow) })
	})
	var canceled *temporal.CanceledError
	require.ErrorAs(t, p.run(document(task("a"), task("b"))), &canceled)
	var final domain.Snapshot
	require.NoError(t, canceled.Details(&final))
	require.Equal(t, domain.PlanFailed, final.State)
	requireAborted(t, final.Tasks[0], 2)
	require.Equal(t, domain.TaskCreated, final.Tasks[1].State)
	require.Equal(t, "temporal", final.Reason.Actor)
	require.Equal(t, domain.CommandAbort, p.audit()[0].Command)
}

func TestTemporalsOwnCancelOfAPlanThatDoesNotRunEndsAsCanceled(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.at(time.Minute, p.env.CancelWorkflow)
	var canceled *temporal.CanceledError
	require.ErrorAs(t, p.run(held(task("a"))), &canceled)
	require.Empty(t, p.order())
}
