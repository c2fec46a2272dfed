package domain

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// The seed's two matrices (process-view.md), typed from its tables: a row a
// state, a column an event, "" where the seed has a cross.
var (
	seedPlanEvents = []PlanEvent{"start", "pause", "resume", "complete", "fail"}
	seedPlanMatrix = map[PlanState][5]PlanState{
		"CREATED":   {"RUNNING", "", "", "", ""},
		"RUNNING":   {"", "PAUSED", "", "COMPLETED", "FAILED"},
		"PAUSED":    {"", "", "RUNNING", "", ""},
		"COMPLETED": {"", "", "", "", ""},
		"FAILED":    {"", "", "", "", ""},
	}

	// The last two columns are the outcomes of an execution (seed, "Task
	// execution flow", step 4): they are how a task leaves RUNNING.
	seedTaskEvents = []TaskEvent{"execute", "pause", "resume", "retry", "rollback", "succeed", "fail"}
	seedTaskMatrix = map[TaskState][7]TaskState{
		"CREATED":     {"RUNNING", "", "", "", "", "", ""},
		"RUNNING":     {"", "PAUSED", "", "", "", "COMPLETED", "FAILED"},
		"PAUSED":      {"", "", "RUNNING", "RUNNING", "", "", ""},
		"COMPLETED":   {"", "", "", "", "", "", ""},
		"FAILED":      {"", "", "", "RUNNING", "ROLLED_BACK", "", ""},
		"ROLLED_BACK": {"", "", "", "", "", "", ""},
	}
)

// What a refusal lists as legal, for a plan with one CREATED task: commands,
// since complete and fail are nobody's to ask for.
var legalInPlanState = map[PlanState][]string{
	"CREATED":   {"start", "skip", "abort"},
	"RUNNING":   {"pause", "skip", "abort"},
	"PAUSED":    {"resume", "skip", "abort"},
	"COMPLETED": {},
	"FAILED":    {},
}

var legalInTaskState = map[TaskState][]string{
	"CREATED":     {"execute"},
	"RUNNING":     {"pause", "succeed", "fail"},
	"PAUSED":      {"resume", "retry"},
	"COMPLETED":   {},
	"FAILED":      {"retry", "rollback"},
	"ROLLED_BACK": {},
}

// planIn returns a plan in a state with one task in a state.
func planIn(t *testing.T, plan PlanState, task TaskState) *Plan {
	t.Helper()
	rec := NewPlan("green-cutover", "g1", document(names(3), TaskSpec{Name: "switch"}), noon).Record()
	rec.State, rec.Version, rec.Tasks[0].State = plan, 7, task
	return restore(t, rec)
}

func TestEveryCellOfThePlanMatrixIsTheSeeds(t *testing.T) {
	t.Parallel()
	require.Len(t, seedPlanMatrix, len(planStates))
	require.Equal(t, seedPlanEvents, planEvents)
	for state, row := range seedPlanMatrix {
		for column, want := range row {
			event := seedPlanEvents[column]
			t.Run(string(state)+" "+string(event), func(t *testing.T) {
				t.Parallel()
				p := planIn(t, state, TaskCreated)
				before := p.Record()
				err := p.fire(event)
				if want != "" {
					require.NoError(t, err)
					before.State, before.Version = want, 8
					require.JSONEq(t, encode(t, before), encode(t, p.Record()), "only the state and the version change")
					return
				}
				requireRefused(t, err, TransitionError{
					Entity: "plan", Name: "green-cutover", State: string(state), Event: string(event), Legal: legalInPlanState[state],
				})
				require.JSONEq(t, encode(t, before), encode(t, p.Record()), "a refused event changes nothing")
			})
		}
	}
}

func TestEveryCellOfTheTaskMatrixAndBothOutcomesAreTheSeeds(t *testing.T) {
	t.Parallel()
	require.Len(t, seedTaskMatrix, len(taskStates))
	require.Equal(t, seedTaskEvents, append(append([]TaskEvent{}, taskEvents...), taskOutcomes...))
	for state, row := range seedTaskMatrix {
		for column, want := range row {
			event := seedTaskEvents[column]
			t.Run(string(state)+" "+string(event), func(t *testing.T) {
				t.Parallel()
				p := planIn(t, PlanRunning, state)
				before := p.Record()
				err := p.fireTask(p.Tasks()[0], event)
				if want != "" {
					require.NoError(t, err)
					before.Tasks[0].State, before.Version = want, 8
					require.JSONEq(t, encode(t, before), encode(t, p.Record()), "only the state and the version change")
					return
				}
				requireRefused(t, err, TransitionError{
					Entity: "task", Name: "switch", State: string(state), Event: string(event), Legal: legalInTaskState[state],
				})
				require.JSONEq(t, encode(t, before), encode(t, p.Record()), "a refused event changes nothing")
			})
		}
	}
}

func TestAnEventThatNoMatrixHasIsRefusedInEveryState(t *testing.T) {
	t.Parallel()
	for state := range seedPlanMatrix {
		p := planIn(t, state, TaskCreated)
		before := encode(t, p.Record())
		require.Error(t, p.fire("explode"), state)
		require.Equal(t, before, encode(t, p.Record()))
	}
	for state := range seedTaskMatrix {
		p := planIn(t, PlanRunning, state)
		before := encode(t, p.Record())
		require.Error(t, p.fireTask(p.Tasks()[0], "explode"), state)
		require.Equal(t, before, encode(t, p.Record()))
	}
}

func requireRefused(t *testing.T, err error, want TransitionError) {
	t.Helper()
	var refusal *TransitionError
	require.True(t, errors.As(err, &refusal), "want a *TransitionError, got %v", err)
	require.Equal(t, want, *refusal)
	for _, part := range append([]string{want.Entity, want.Name, want.State, want.Event}, want.Legal...) {
		require.Contains(t, err.Error(), part)
	}
}

func TestARefusalNamesThePhaseOfAPlanThatIsPausing(t *testing.T) {
	t.Parallel()
	p := planIn(t, PlanRunning, TaskRunning)
	require.True(t, p.Apply(CommandPause, Command{}, noon).Accepted)
	err := p.Resume()
	requireRefused(t, err, TransitionError{
		Entity: "plan", Name: "green-cutover", State: "RUNNING", Phase: "PAUSING", Event: "resume", Legal: []string{"pause", "rollback", "abort"},
	})
	require.Contains(t, err.Error(), "RUNNING (PAUSING)")
}

func TestARefusalInAClosedPlanSaysThatNothingIsLegalAnyMore(t *testing.T) {
	t.Parallel()
	for _, state := range []PlanState{PlanCompleted, PlanFailed} {
		require.True(t, state.Closed())
		for _, name := range Commands {
			entry := planIn(t, state, TaskFailed).Apply(name, Command{Task: "switch", Reason: "because"}, noon)
			require.False(t, entry.Accepted, name)
			require.Contains(t, entry.Refusal, "nothing is legal any more", name)
		}
	}
	for _, state := range []PlanState{PlanCreated, PlanRunning, PlanPaused} {
		require.False(t, state.Closed())
	}
}

func TestARecordThatDoesNotFitItsDocumentIsRefused(t *testing.T) {
	t.Parallel()
	rec := planIn(t, PlanPaused, TaskPaused).Record()
	rec.Tasks = nil
	_, err := RestorePlan(rec)
	require.ErrorContains(t, err, "the record has 0 tasks, its document 1")
}
