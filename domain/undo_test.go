package domain

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// after returns a checkpoint of all targets of a task, of which done are done,
// the next has failed, and each was blue before.
func after(all, done int) *Checkpoint {
	cp := &Checkpoint{Format: CheckpointFormat, Last: all - 1, Done: NewRangeSet(0, done-1), CreatedAt: noon}
	if done < all {
		cp.Failed.Add(done)
	}
	for target := range min(all, done+1) {
		cp.Prior.Record(target, value(`"blue"`))
	}
	return cp
}

// failedPlan returns a PAUSED plan whose first task has failed at its fourth
// target of six.
func failedPlan(t *testing.T, tasks ...TaskSpec) *Plan {
	t.Helper()
	p := NewPlan("p1", "g1", document(names(6), tasks...), noon)
	require.True(t, p.Apply(CommandStart, Command{}, noon).Accepted)
	failTask(t, p, p.Next(noon)[0])
	return p
}

// failTask lets a task that is CREATED fail at its fourth target.
func failTask(t *testing.T, p *Plan, task *Task) {
	t.Helper()
	require.NoError(t, p.Execute(task, noon))
	slice, _ := task.Pending()
	p.Dispatch(task, slice, 0)
	p.Advance(task, after(6, 3))
	require.NoError(t, p.Fail(task, FailureInfo{Category: CategoryBusiness, ErrorCode: "NO", Reason: "no", Target: names(6)[3]}, noon))
}

// putBack reports that targets of the slice under way are put back.
func putBack(p *Plan, task *Task, targets RangeSet, failed ...FailureInfo) TaskRequest {
	slice, _ := task.Pending()
	request := p.Dispatch(task, slice, 0)
	cp := Checkpoint{Format: CheckpointFormat, First: slice.First, Last: slice.Last, CreatedAt: noon, Failures: failed}
	if request.Checkpoint != nil {
		cp = *request.Checkpoint
		cp.Failures, cp.Done = failed, cp.Done.Clone()
	}
	cp.Done.Union(targets)
	left := cp.Done
	if len(failed) > 0 {
		all := NewRangeSet(slice.First, slice.Last)
		cp.Failed = all.Without(left)
	}
	p.Advance(task, cp.Of(slice))
	return request
}

func TestARollbackPutsBackExactlyWhatWasTouchedAndThenTheTaskIsRolledBack(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"}, TaskSpec{Name: "b"})
	require.True(t, p.Apply(CommandRollback, Command{Task: "a", Actor: "ann"}, noon).Accepted)
	require.Equal(t, PlanRunning, p.State())
	require.Equal(t, PhaseRollingBack, p.Phase())
	require.Empty(t, p.Next(noon), "nothing else is started meanwhile")
	require.False(t, p.Stopping())
	task := p.Tasks()[0]
	require.Equal(t, TaskFailed, task.State())
	request := putBack(p, task, NewRangeSet(0, 3))
	require.Equal(t, ModeRollback, request.Mode)
	require.Equal(t, "4-5", request.Checkpoint.Done.String(), "nothing is to be done at targets that were not touched")
	require.Equal(t, 4, request.Prior.Count())
	require.Equal(t, 0, task.Progress().Done, "what is put back is not done")
	require.NoError(t, p.Succeed(task, noon))
	require.Equal(t, TaskRolledBack, task.State())
	require.Equal(t, PlanPaused, p.State())
	require.Contains(t, p.Reason().Message, "skip it")
	require.Equal(t, []CommandName{CommandSkip, CommandAbort}, p.Legal(), "there is nothing left to put back")
}

func TestARollbackThatHadToLeaveATargetFailsAndGoesOnWithThatOneOnly(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"})
	require.True(t, p.Apply(CommandRollback, Command{Task: "a"}, noon).Accepted)
	task := p.Tasks()[0]
	putBack(p, task, NewRangeSet(1, 5), FailureInfo{Category: CategoryBusiness, ErrorCode: "DRIFT", Reason: "somebody else's", Target: names(1)[0]})
	require.NoError(t, p.Succeed(task, noon))
	require.Equal(t, TaskFailed, task.State())
	require.Equal(t, PlanPaused, p.State())
	require.Equal(t, "the rollback failed: tenant-000000: 1 of 4 targets could not be put back, 3 were; the first: somebody else's", p.Reason().Message)
	require.Equal(t, CodeNotRestored, p.Snapshot("r", noon).Tasks[0].Rollback.Failure.ErrorCode)

	require.True(t, p.Apply(CommandRollback, Command{Task: "a"}, noon).Accepted)
	request := putBack(p, task, NewRangeSet(0, 5))
	require.Equal(t, "1-5", request.Checkpoint.Done.String())
	require.NoError(t, p.Succeed(task, noon))
	require.Equal(t, TaskRolledBack, task.State())
}

func TestARetryAfterHalfARollbackDoesWhatWasPutBackAnewUnderNewKeys(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"})
	require.True(t, p.Apply(CommandRollback, Command{Task: "a"}, noon).Accepted)
	task := p.Tasks()[0]
	putBack(p, task, NewRangeSet(2, 5))
	require.True(t, p.Apply(CommandPause, Command{}, noon).Accepted)
	require.NoError(t, p.Stop(task, noon))
	require.Equal(t, PlanPaused, p.State())
	require.Equal(t, TaskFailed, task.State(), "a rollback that is paused leaves its task FAILED")
	require.True(t, p.Apply(CommandRetry, Command{Task: "a"}, noon).Accepted)
	slice, _ := task.Pending()
	request := p.Dispatch(task, slice, 0)
	require.Equal(t, ModeApply, request.Mode)
	require.Equal(t, "0-1", request.Checkpoint.Done.String())
	require.Equal(t, 1, request.Revision)
	require.Equal(t, 4, request.Checkpoint.Prior.Count(), "what stood there is still known")
}

func TestARollbackOfATaskIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	no := false
	p := failedPlan(t, TaskSpec{Name: "a", Reversible: &no}, TaskSpec{Name: "b"})
	for want, c := range map[string]Command{
		"reversible: false":                            {Task: "a"},
		`task "b" is CREATED`:                          {Task: "b"},
		"the plan has no task of that name":            {Task: "c"},
		"the plan has changed nothing that could be":   {},
		"set is for retry only":                        {Task: "a", Set: map[string]json.RawMessage{"a.x": []byte("1")}},
		"but the command was meant for version 99; lo": {Task: "a", IfVersion: 99},
	} {
		require.ErrorContains(t, p.Check(CommandRollback, c, noon), want)
		require.Contains(t, p.Apply(CommandRollback, c, noon).Refusal, want)
	}
}
