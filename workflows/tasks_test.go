package workflows_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

func TestTasksRunInTheOrderOfTheFileAndAfterWhatTheyDependOnAlsoWhereThatStandsLater(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	final := p.completed(document(task("last", "third"), task("first"), task("third", "first"), task("fourth")))
	require.Equal(t, []string{"first", "third", "last", "fourth"}, p.order())
	require.Equal(t, domain.Progress{Done: 12, Total: 12, Ratio: 1}, final.Progress)
	require.Zero(t, final.Exceptions)
}

func TestEachExecutionHasItsOwnFencingBaseAboveAllEarlierOnes(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.completed(document(task("a"), task("b")))
	first, second := p.request(0), p.request(1)
	require.GreaterOrEqual(t, second.FencingBase-first.FencingBase, int64(domain.FencingStep))
	require.Equal(t, first.Generation, second.Generation)
}

func TestMaxParallel2RunsTwoTasksAtOnceAndNeverThree(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	running, most := 0, 0
	meet := make(chan struct{}) // an execution passes only together with another one
	p := newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		select {
		case meet <- struct{}{}:
		case <-meet:
		}
		mu.Lock()
		running--
		mu.Unlock()
		return done(r)
	})
	doc := document(task("a"), task("b"), task("c"), task("d"), task("e"), task("f"))
	doc.Spec.MaxParallel = 2
	p.completed(doc)
	require.Equal(t, 2, most)
}

func TestAHeldPlanStaysCreatedUntilItIsStarted(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.at(time.Hour, func() {
		s := p.status()
		require.Equal(t, domain.PlanCreated, s.State)
		require.Equal(t, domain.TaskCreated, s.Tasks[0].State)
		require.Equal(t, int64(1), s.Version)
		require.Equal(t, []domain.CommandName{domain.CommandStart, domain.CommandSkip, domain.CommandAbort}, s.Legal)
		require.Empty(t, p.order())
		p.send(domain.CommandStart, domain.Command{Actor: "ann"})
	})
	doc := document(task("a"))
	doc.Spec.Hold = true
	final := p.completed(doc)
	require.GreaterOrEqual(t, final.StartedAt.Sub(final.CreatedAt), time.Hour)
	// start, and the states RUNNING, RUNNING, COMPLETED and COMPLETED.
	require.Equal(t, int64(6), final.Version)
}

func TestABreakpointPausesThePlanBeforeItsTaskOnce(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.at(time.Hour, func() {
		s := p.status()
		require.Equal(t, domain.PlanPaused, s.State)
		require.Equal(t, domain.ReasonBreakpoint, s.Reason.Kind)
		require.Equal(t, "b", s.Reason.Task)
		require.Equal(t, domain.TaskCompleted, s.Tasks[0].State)
		require.Equal(t, domain.TaskCreated, s.Tasks[1].State)
		p.send(domain.CommandResume, domain.Command{})
	})
	stop := task("b")
	stop.PauseBefore = true
	p.completed(document(task("a"), stop, task("c")))
	require.Equal(t, []string{"a", "b", "c"}, p.order())
}

func TestASkippedTaskIsNotExecutedAndLetsThoseThatDependOnItRun(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.at(time.Minute, func() {
		p.send(domain.CommandSkip, domain.Command{Task: "a", Actor: "ann"}) // no reason
		p.send(domain.CommandSkip, domain.Command{Task: "a", Actor: "ann", Reason: "done by hand"})
		p.send(domain.CommandStart, domain.Command{})
	})
	doc := document(task("a"), task("b", "a"))
	doc.Spec.Hold = true
	final := p.completed(doc)
	require.Equal(t, []string{"b"}, p.order())
	require.Equal(t, domain.TaskCreated, final.Tasks[0].State, "a waived task's state stays what it is")
	require.Equal(t, "done by hand", final.Tasks[0].Waiver.Reason)
	require.Equal(t, 1, final.Exceptions)
	audit := p.audit()
	require.False(t, audit[0].Accepted)
	require.Contains(t, audit[0].Refusal, domain.ErrReasonNeeded.Error())
	require.True(t, audit[1].Accepted)
}
