package domain

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// failedAndWaived returns a plan of two tasks of which the first has failed at
// its second target and was skipped; the second one has not begun, or was
// skipped as well.
func failedAndWaived(t *testing.T, allSettled bool) (*Plan, *Task) {
	t.Helper()
	p := NewPlan("p1", "g1", document(names(2), TaskSpec{Name: "a"}, TaskSpec{Name: "b"}), noon)
	require.NoError(t, p.Start(noon))
	a := p.Tasks()[0]
	require.NoError(t, p.Execute(a, noon))
	cp := Checkpoint{Format: CheckpointFormat, Last: 1, Done: NewRangeSet(0, 0)}
	cp.Prior.put(0, Prior{Value: []byte(`"blue"`)})
	p.Advance(a, &cp)
	require.NoError(t, p.Fail(a, FailureInfo{Category: CategoryBusiness, ErrorCode: "NO"}, noon))
	require.True(t, p.Apply(CommandSkip, Command{Task: "a", Reason: "by hand"}, noon).Accepted)
	if allSettled {
		require.True(t, p.Apply(CommandSkip, Command{Task: "b", Reason: "by hand"}, noon).Accepted)
	}
	return p, a
}

func TestATaskThatWasSkippedIsRolledBackAndThePlanIsPausedAfterIt(t *testing.T) {
	t.Parallel()
	for name, allSettled := range map[string]bool{"with a task to come": false, "with nothing left": true} {
		for end, finish := range map[string]struct {
			do    func(*Plan, *Task) error
			state TaskState
		}{
			"put back": {func(p *Plan, a *Task) error { return p.Succeed(a, noon) }, TaskRolledBack},
			"failed":   {func(p *Plan, a *Task) error { return p.Fail(a, FailureInfo{ErrorCode: "NO", Reason: "no"}, noon) }, TaskFailed},
			"paused": {func(p *Plan, a *Task) error {
				_ = p.Pause(Reason{Kind: ReasonOperator, At: noon})
				return p.Stop(a, noon)
			}, TaskFailed},
			"just ended": {func(p *Plan, a *Task) error {
				_ = p.Pause(Reason{Kind: ReasonOperator, At: noon})
				return p.Succeed(a, noon)
			}, TaskRolledBack},
		} {
			t.Run(name+", "+end, func(t *testing.T) {
				t.Parallel()
				p, a := failedAndWaived(t, allSettled)
				require.True(t, p.Apply(CommandRollback, Command{Task: "a"}, noon).Accepted)
				require.Equal(t, PhaseRollingBack, p.Phase())
				require.NoError(t, finish.do(p, a))
				require.Equal(t, finish.state, a.State())
				require.Equal(t, PlanPaused, p.State(), "what came of a rollback is looked at before the plan goes on")
				require.NotNil(t, p.Reason())
				require.True(t, p.Apply(CommandResume, Command{}, noon).Accepted, "the task is waived")
				if allSettled {
					require.Equal(t, PlanCompleted, p.State())
				}
			})
		}
	}
}
