package e2e

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/workflows"
)

// update sends a command as an Update and waits for its answer.
func (p *planRun) update(name domain.CommandName, c domain.Command) (domain.Outcome, error) {
	p.t.Helper()
	handle, err := shared.client.UpdateWorkflow(p.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: p.id, UpdateName: string(name), Args: []any{c}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(p.t, err)
	var outcome domain.Outcome
	err = handle.Get(p.t.Context(), &outcome)
	return outcome, err
}

// accepted sends a command as an Update, which has to be accepted.
func (p *planRun) accepted(name domain.CommandName, c domain.Command) domain.Outcome {
	p.t.Helper()
	outcome, err := p.update(name, c)
	require.NoError(p.t, err)
	return outcome
}

// refused sends a command as an Update, which has to be refused with an error
// of a type.
func (p *planRun) refused(name domain.CommandName, c domain.Command, kind string) string {
	p.t.Helper()
	_, err := p.update(name, c)
	var refusal *temporal.ApplicationError
	require.ErrorAs(p.t, err, &refusal)
	require.Equal(p.t, kind, refusal.Type())
	return refusal.Message()
}

// query asks a plan and decodes what it answers.
func query[T any](p *planRun, name string, args ...any) T {
	p.t.Helper()
	var answer T
	value, err := shared.client.QueryWorkflow(p.t.Context(), p.id, "", name, args...)
	require.NoError(p.t, err)
	require.NoError(p.t, value.Get(&answer))
	return answer
}

// refusing answers 400 at one target while it is told to.
func refusing(target string, on *atomic.Bool) func(ledger.Effect) int {
	return func(e ledger.Effect) int {
		if e.Target == target && on.Load() {
			return http.StatusBadRequest
		}
		return 0
	}
}

func TestAFailedTaskIsRolledBackFromWhatWasRecordedAndCanBePausedMeanwhile(t *testing.T) {
	t.Parallel()
	inProcess(t)
	var refuse, hold atomic.Bool
	refuse.Store(true)
	held, release := make(chan struct{}), make(chan struct{})
	sink := sinkThat(t, func(e ledger.Effect) int {
		if e.Value == "blue" && e.Target == "tenant-000005" && hold.Load() {
			hold.Store(false)
			close(held)
			<-release
		}
		return refusing("tenant-000010", &refuse)(e)
	})
	p := start(t, small(t, 12, sink))
	paused := p.awaitState(domain.PlanPaused)
	require.Equal(t, domain.TaskFailed, paused.Tasks[0].State)
	require.Equal(t, 9, paused.Tasks[0].Progress.Done)
	require.Contains(t, p.refused(domain.CommandResume, domain.Command{}, workflows.ErrorRefused), "legal now: retry, rollback, skip, abort")

	hold.Store(true)
	refuse.Store(false)
	out := p.accepted(domain.CommandRollback, domain.Command{Task: "switch", Actor: "ann"})
	require.Equal(t, domain.PhaseRollingBack, out.Phase)
	<-held
	pausing := make(chan domain.Outcome, 1)
	go func() { pausing <- p.accepted(domain.CommandPause, domain.Command{}) }()
	p.await("the plan is pausing", func(s domain.Snapshot) bool { return s.Phase == domain.PhasePausing })
	p.awaitHeard()
	close(release)
	require.Equal(t, domain.PlanPaused, (<-pausing).State)
	half := p.status()
	require.Equal(t, domain.TaskFailed, half.Tasks[0].State)
	require.False(t, half.Tasks[0].Rollback.Running)
	require.Equal(t, 4, half.Tasks[0].Progress.Done, "what was put back is not done any more")

	p.accepted(domain.CommandRollback, domain.Command{Task: "switch"})
	back := p.awaitState(domain.PlanPaused)
	require.Equal(t, domain.TaskRolledBack, back.Tasks[0].State)
	for _, name := range names(9) {
		require.Equal(t, "blue", sink.Value(name))
	}
	require.Contains(t, p.refused(domain.CommandResume, domain.Command{}, workflows.ErrorRefused), "skip")
	p.accepted(domain.CommandSkip, domain.Command{Task: "switch", Reason: "not needed"})
	p.accepted(domain.CommandResume, domain.Command{})
	require.Equal(t, 1, p.completed().Exceptions)
}

func TestAWholePlanIsRolledBackByAPlanOfItsOwn(t *testing.T) {
	t.Parallel()
	inProcess(t)
	var refuse atomic.Bool
	refuse.Store(true)
	sink := sinkThat(t, refusing("tenant-000006", &refuse))
	doc := small(t, 8, sink)
	doc.Spec.Tasks = append(doc.Spec.Tasks, doc.Spec.Tasks[0])
	doc.Spec.Tasks[0].Name, doc.Spec.Tasks[0].Targets = "first", names(3)
	p := start(t, doc)
	p.awaitState(domain.PlanPaused)
	require.Equal(t, 3+5, query[domain.RecordsPage](p, workflows.QueryRecords).Total-1, "the value at the refused target was recorded as well")

	refuse.Store(false)
	p.accepted(domain.CommandRollback, domain.Command{Actor: "ann", Reason: "enough"})
	back := p.awaitState(domain.PlanPaused)
	require.Equal(t, domain.TaskCompleted, back.Tasks[0].State, "a COMPLETED task stays what it is")
	require.Equal(t, domain.TaskRolledBack, back.Tasks[1].State)
	require.Equal(t, domain.PlanCompleted, back.Reversal.State)
	for _, name := range names(8) {
		require.Equal(t, "blue", sink.Value(name))
	}
	require.Contains(t, p.refused(domain.CommandRollback, domain.Command{}, workflows.ErrorRefused), "rolled back already")
	require.Contains(t, p.refused(domain.CommandRetry, domain.Command{MaxRetries: 9}, workflows.ErrorRefused), "rolled back by plan")

	reverse := &planRun{t: t, id: domain.ReverseID(p.id)}
	order := reverse.status()
	require.Equal(t, p.id, order.Reverses)
	require.Equal(t, []string{doc.Spec.Tasks[1].Name, "first"}, []string{order.Tasks[0].Name, order.Tasks[1].Name}, "newest first")
	description, err := shared.client.DescribeWorkflowExecution(t.Context(), reverse.id, "")
	require.NoError(t, err)
	require.Contains(t, description.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields(), "SluiceReverses")
	p.accepted(domain.CommandAbort, domain.Command{})
	p.failed()
}

func TestOnFailureRollbackPutsEverythingBackAndThenFailsWithTheOriginalFailure(t *testing.T) {
	t.Parallel()
	inProcess(t)
	sink := sinkThat(t, func(e ledger.Effect) int {
		if e.Target == "tenant-000004" && e.Value == "green" {
			return http.StatusBadRequest
		}
		return 0
	})
	doc := small(t, 8, sink)
	doc.Spec.OnFailure = domain.OnFailureRollback
	p := start(t, doc)
	final := p.failed()
	require.Equal(t, domain.ReasonFailure, final.Reason.Kind)
	require.Contains(t, final.Reason.Message, "tenant-000004")
	require.Equal(t, domain.TaskRolledBack, final.Tasks[0].State)
	require.Equal(t, domain.PlanCompleted, final.Reversal.State)
	for _, name := range names(8) {
		require.Equal(t, "blue", sink.Value(name))
	}
}

func TestAReversePlanThatIsTerminatedIsToldByItsEnd(t *testing.T) {
	t.Parallel()
	inProcess(t)
	hold := make(chan struct{})
	sink := sinkThat(t, func(e ledger.Effect) int {
		if e.Value == "blue" {
			<-hold
		}
		if e.Target == "tenant-000004" {
			return http.StatusBadRequest
		}
		return 0
	})
	defer close(hold)
	p := start(t, small(t, 8, sink))
	p.awaitState(domain.PlanPaused)
	p.accepted(domain.CommandRollback, domain.Command{})
	p.await("the reverse plan runs", func(s domain.Snapshot) bool { return s.Reversal != nil && s.Reversal.RunID != "" })
	require.NoError(t, shared.client.TerminateWorkflow(t.Context(), domain.ReverseID(p.id), "", "by the test"))
	back := p.awaitState(domain.PlanPaused)
	require.Contains(t, back.Reason.Message, "ended without an account")
	description, err := shared.client.DescribeWorkflowExecution(t.Context(), p.id, "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, description.GetWorkflowExecutionInfo().GetStatus())
}

func TestCorrectedParametersAreUsedForWhatIsNotDone(t *testing.T) {
	t.Parallel()
	inProcess(t)
	sink := sinkThat(t, func(e ledger.Effect) int {
		if e.Target == "tenant-000004" && e.Value == "green" {
			return http.StatusBadRequest
		}
		return 0
	})
	p := start(t, small(t, 6, sink))
	p.awaitState(domain.PlanPaused)
	require.Contains(t, p.refused(domain.CommandRetry, domain.Command{Set: map[string]json.RawMessage{"nobody.to": []byte(`"x"`)}}, workflows.ErrorRefused), "task.param")
	p.accepted(domain.CommandRetry, domain.Command{Set: map[string]json.RawMessage{"switch.to": []byte(`"teal"`)}, Actor: "ann"})
	p.completed()
	require.Equal(t, "green", sink.Value("tenant-000003"), "what is done is not repeated")
	require.Equal(t, "teal", sink.Value("tenant-000004"))
	trail := query[workflows.AuditTrail](p, workflows.QueryAudit)
	require.Equal(t, []domain.ParamChange{{Task: "switch", Param: "to", Old: `"green"`, New: `"teal"`}}, trail.Entries[len(trail.Entries)-1].Changes)
}
