package domain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rolledBack lets a plan stop and be rolled back, and returns its reverse plan
// as a run of its own.
func rolledBack(t *testing.T, p *Plan, c Command) *Plan {
	t.Helper()
	require.True(t, p.Apply(CommandRollback, c, noon).Accepted)
	for _, task := range p.Working() {
		require.NoError(t, p.Stop(task, noon))
	}
	require.True(t, p.ReversalDue())
	rec, err := p.Reverse(noon)
	require.NoError(t, err)
	p.ReversalBegun("r2")
	require.True(t, p.ReversalUnderWay())
	return restore(t, rec)
}

// succeedAll lets a plan run to its end.
func succeedAll(t *testing.T, p *Plan) {
	t.Helper()
	if p.State() == PlanCreated {
		require.NoError(t, p.Start(noon))
	}
	for p.State() == PlanRunning {
		for _, task := range p.Next(noon) {
			require.NoError(t, p.Execute(task, noon))
		}
		for _, task := range p.Working() {
			for slice, left := task.Pending(); left; slice, left = task.Pending() {
				p.Dispatch(task, slice, 0)
				p.Advance(task, (&Checkpoint{Format: CheckpointFormat, Done: NewRangeSet(slice.First, slice.Last)}).Of(slice))
			}
			require.NoError(t, p.Succeed(task, noon))
		}
	}
}

func TestAReversePlanTakesTheTasksNewestFirstAndAgainstTheirDependencies(t *testing.T) {
	t.Parallel()
	no := false
	p := NewPlan("p1", "g1", document(names(6),
		TaskSpec{Name: "a"}, TaskSpec{Name: "between", DependsOn: []string{"a"}, Reversible: &no},
		TaskSpec{Name: "b", DependsOn: []string{"between"}}, TaskSpec{Name: "never", DependsOn: []string{"b"}}), noon)
	require.NoError(t, p.Start(noon))
	for i := range 3 {
		task := p.Next(noon)[0]
		require.NoError(t, p.Execute(task, noon.Add(time.Duration(i)*time.Minute)))
		slice, _ := task.Pending()
		p.Dispatch(task, slice, 0)
		p.Advance(task, after(6, 6))
		require.NoError(t, p.Succeed(task, noon))
	}
	require.Equal(t, []Irreversible{{Task: "between", Why: "the plan file says reversible: false", Targets: 6}}, p.Irreversible())
	reverse := rolledBack(t, p, Command{Actor: "ann"})
	require.Equal(t, "p1.rollback", reverse.ID())
	require.Equal(t, "p1", reverse.Reverses())
	require.Len(t, reverse.Tasks(), 2)
	require.Equal(t, []string{"b", "a"}, []string{reverse.Tasks()[0].Name(), reverse.Tasks()[1].Name()})
	require.Equal(t, []string{"b"}, reverse.Tasks()[1].Spec().DependsOn, "a waits for what depended on it, over what is left out")
	require.Empty(t, reverse.Document().Validate()[1:], "but for its reserved name it is an ordinary plan")

	succeedAll(t, reverse)
	require.Equal(t, PlanCompleted, reverse.State())
	p.Reversed(reverse.Outcome(), noon)
	require.Equal(t, PlanPaused, p.State())
	require.Equal(t, "rolled back by plan p1.rollback, which is COMPLETED: 12 of 12 targets were put back", p.Reason().Message)
	require.Equal(t, TaskCompleted, p.Tasks()[0].State(), "a COMPLETED task stays what it is")
	require.Equal(t, []CommandName{CommandSkip, CommandAbort}, p.Legal())
	require.ErrorContains(t, p.Check(CommandResume, Command{}, noon), "was rolled back by plan")
	require.ErrorContains(t, p.Check(CommandRollback, Command{}, noon), "was rolled back already")
}

func TestAnOutcomeOfAnotherGenerationIsNotHeard(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"})
	reverse := rolledBack(t, p, Command{})
	o := reverse.Outcome()
	o.Generation = "g0"
	p.Reversed(o, noon)
	require.True(t, p.ReversalUnderWay())
}

func TestOnFailureRollbackFailsWithTheOriginalFailureOnceAllIsPutBack(t *testing.T) {
	t.Parallel()
	doc := document(names(6), TaskSpec{Name: "a"})
	doc.Spec.OnFailure = OnFailureRollback
	p := NewPlan("p1", "g1", doc, noon)
	require.NoError(t, p.Start(noon))
	failTask(t, p, p.Next(noon)[0])
	require.Equal(t, PhaseRollingBack, p.Phase())
	require.True(t, p.ReversalDue())
	require.ErrorContains(t, p.Check(CommandPause, Command{}, noon), "ROLLING_BACK")
	rec, err := p.Reverse(noon)
	require.NoError(t, err)
	p.ReversalBegun("r2")
	p = restore(t, p.Record())
	reverse := restore(t, rec)
	succeedAll(t, reverse)
	p.Reversed(reverse.Outcome(), noon)
	require.Equal(t, PlanFailed, p.State())
	require.Equal(t, ReasonFailure, p.Reason().Kind)
	require.Equal(t, TaskRolledBack, p.Tasks()[0].State())
}

func TestAPlanWhoseReversePlanCannotBeginSaysSo(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"})
	require.True(t, p.Apply(CommandRollback, Command{}, noon).Accepted)
	p.ReversalRefused("it is there already", noon)
	require.Equal(t, PlanPaused, p.State())
	require.Contains(t, p.Reason().Message, "it is there already")
	require.Nil(t, p.Reversal())
	require.Contains(t, p.Legal(), CommandRetry)
}

func TestAReversePlanIsNotReversed(t *testing.T) {
	t.Parallel()
	reverse := rolledBack(t, failedPlan(t, TaskSpec{Name: "a"}), Command{})
	require.NoError(t, reverse.Start(noon))
	require.ErrorIs(t, reverse.Check(CommandRollback, Command{}, noon), ErrReverse)
	_, err := reverse.Reverse(noon)
	require.ErrorIs(t, err, ErrReverse)
}

func TestATaskThatNobodyCanPutBackDoesNotKeepTheOthersFromIt(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"}, TaskSpec{Name: "b"})
	require.True(t, p.Apply(CommandSkip, Command{Task: "a", Reason: "fine"}, noon).Accepted)
	require.True(t, p.Apply(CommandResume, Command{}, noon).Accepted)
	failTask(t, p, p.Next(noon)[0])
	reverse := rolledBack(t, p, Command{})
	require.NoError(t, reverse.Start(noon))
	first := reverse.Next(noon)[0]
	require.Equal(t, "b", first.Name())
	require.NoError(t, reverse.Execute(first, noon))
	require.NoError(t, reverse.Fail(first, FailureInfo{Category: CategoryBusiness, ErrorCode: CodeNotReversible, Reason: "it cannot"}, noon))
	require.Equal(t, PlanRunning, reverse.State())
	succeedAll(t, reverse)
	require.Equal(t, PlanCompleted, reverse.State())
	require.Equal(t, 1, reverse.Exceptions())
	p.Reversed(reverse.Outcome(), noon)
	require.Equal(t, TaskRolledBack, p.Tasks()[0].State())
	require.Equal(t, TaskFailed, p.Tasks()[1].State(), "what was not put back is not said to be")
}
