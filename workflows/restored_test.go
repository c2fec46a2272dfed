package workflows_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// inTheMiddle returns a plan of which a is done, b is RUNNING with two of its
// targets done, and c has not begun, as a run hands it over.
func inTheMiddle() workflows.RunState {
	at := time.Date(2025, 11, 22, 10, 30, 0, 0, time.UTC)
	all, two := domain.NewRangeSet(0, 2), domain.NewRangeSet(0, 1)
	priors := domain.Priors{}
	priors.Record(0, domain.Prior{Value: json.RawMessage(`"blue"`)})
	return workflows.RunState{
		APIVersion: domain.APIVersion, Kind: workflows.CarryKind,
		Settings: workflows.Settings{SearchAttributes: true},
		Plan: domain.PlanRecord{
			ID: "the-plan", Generation: "g-1", Document: document(task("a"), task("b"), task("c", "b")),
			State: domain.PlanRunning, Version: 40, CreatedAt: at, StartedAt: at, Fence: 7,
			Audit: []domain.AuditEntry{{At: at, Command: domain.CommandStart, CommandID: "c-1", Accepted: true, State: domain.PlanRunning, Version: 2}},
			Tasks: []domain.TaskRecord{
				{Name: "a", State: domain.TaskCompleted, Executions: 1, Attempt: 1, MaxRetries: 3, StartedAt: at, EndedAt: at,
					Leg: domain.Leg{Checkpoint: &domain.Checkpoint{Format: 1, Last: 2, Done: all}}},
				{Name: "b", State: domain.TaskRunning, Executions: 4, Attempt: 2, Retries: 1, MaxRetries: 3, Revision: 1, StartedAt: at,
					Leg: domain.Leg{Checkpoint: &domain.Checkpoint{Format: 1, Step: "APPLY", Last: 2, Done: two, Prior: priors}}},
				{Name: "c", State: domain.TaskCreated, MaxRetries: 3},
			},
		},
	}
}

func TestARunThatTakesOverGoesOnWithWhatIsNotDone(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	state := inTheMiddle()
	final := p.completed(state)
	require.Equal(t, []string{"b", "c"}, p.order(), "a COMPLETED task is not executed")
	request := p.request(0)
	require.Equal(t, "the-plan", request.Plan)
	require.Equal(t, "0-1", request.Checkpoint.Done.String())
	prior, ok := request.Checkpoint.Prior.Get(0)
	require.True(t, ok)
	require.JSONEq(t, `"blue"`, string(prior.Value))
	require.Equal(t, "g-1", request.Generation, "the key of an effect stays the same")
	require.Equal(t, 1, request.Revision)
	require.Equal(t, int64(8*domain.FencingStep), request.FencingBase, "the fencing base goes on")
	// b COMPLETED, c RUNNING and COMPLETED, and the plan COMPLETED.
	require.Equal(t, int64(44), final.Version)
	require.Equal(t, state.Plan.CreatedAt, final.CreatedAt)
	require.Equal(t, 2, final.Tasks[1].Attempt)
	require.Equal(t, 1, final.Tasks[1].Retries)
	require.Len(t, p.audit(), 1)
}

func TestACommandIDOfARunBeforeIsStillARepeat(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	state := inTheMiddle()
	state.Plan.State, state.Plan.Tasks[1].State = domain.PlanPaused, domain.TaskPaused
	state.Plan.Audit[0].Command, state.Plan.Audit[0].Accepted = domain.CommandResume, false
	p.at(time.Minute, func() { p.send(domain.CommandResume, domain.Command{CommandID: "c-1"}) })
	p.at(time.Hour, func() {
		require.Equal(t, domain.PlanPaused, p.status().State)
		p.send(domain.CommandResume, domain.Command{CommandID: "c-2"})
	})
	p.completed(state)
	require.True(t, p.audit()[1].Repeat)
}

func TestAPlanThatWasPausingIsPausedByTheRunThatTakesOver(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(inTheMiddle())
	require.NoError(t, err)
	var state map[string]any
	require.NoError(t, json.Unmarshal(data, &state))
	state["plan"].(map[string]any)["intent"] = "pause"
	p := newPlanTest(t, nil)
	p.at(time.Hour, func() {
		require.Equal(t, domain.PlanPaused, p.status().State)
		require.Equal(t, domain.TaskPaused, p.status().Tasks[1].State)
		require.Empty(t, p.order())
		p.send(domain.CommandResume, domain.Command{})
	})
	p.completed(state)
	require.Equal(t, []string{"b", "c"}, p.order())
}

func TestAStateThatDoesNotFitItsDocumentIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	state := inTheMiddle()
	state.Plan.Tasks = state.Plan.Tasks[:1]
	require.ErrorContains(t, p.run(state), "the record has 1 tasks, its document 3")
}

// TestALongRunHandsOverBetweenTwoSlicesAndTheNextOneGoesOn runs a plan over
// several runs, each of which is told after its first execution that its
// history is long, and gives each run's input to the next as the server does.
func TestALongRunHandsOverBetweenTwoSlicesAndTheNextOneGoesOn(t *testing.T) {
	t.Parallel()
	var input any = document(task("a"), task("b"), task("c"))
	var executed []string
	version := int64(0)
	for runs := 1; ; runs++ {
		var p *planTest
		p = newPlanTest(t, func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
			// Commands that arrive in the last moments of a run belong to the plan.
			p.at(0, func() { p.env.SetContinueAsNewSuggested(true) })
			p.send(domain.CommandSkip, domain.Command{CommandID: r.Task, Task: "zz", Reason: "x"})
			return done(r)
		})
		err := p.run(input)
		executed = append(executed, p.order()...)
		s := p.status()
		require.Greater(t, s.Version, version)
		version = s.Version
		if err == nil {
			require.Greater(t, runs, 1)
			require.Equal(t, domain.PlanCompleted, s.State)
			require.Equal(t, []string{"a", "b", "c"}, executed)
			require.Len(t, p.audit(), 3, "no command is lost")
			require.Equal(t, int64(9), version)
			return
		}
		input = converter.NewRawValue(p.continued(err))
	}
}
