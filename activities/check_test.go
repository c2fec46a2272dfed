package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/seed-3652815f/sluice/domain"
)

// checked are parameters with rules of their own.
type checked struct {
	To    string `json:"to"`
	Count int    `json:"count,omitempty"`
}

func (c checked) Validate() error {
	var faults []error
	if c.To == "" {
		faults = append(faults, BadParam("to", "is missing"))
	}
	if c.Count > 9 {
		faults = append(faults, fmt.Errorf("looking at it: %w", BadParam("count", "is %d, but has to be at most 9", c.Count)))
	}
	if c.To == "odd" {
		faults = append(faults, errors.New("to and count do not go together"))
	}
	return errors.Join(errors.Join(faults...))
}

type panicking struct{}

func (panicking) Validate() error { panic("oh") }

func unopened[P any](context.Context, P) (*Work, error) {
	return nil, errors.New("a check opens nothing")
}

// check runs the activity on the task queue that the test environment has.
func check(t *testing.T, tasks ...domain.TaskCheck) []domain.Fault {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	RegisterCatalog(env, Define("gateway.one", unopened[checked]), Define("plain", unopened[struct{}]), Define("panicking", unopened[panicking]))
	value, err := env.ExecuteActivity(domain.CheckActivity, tasks)
	require.NoError(t, err)
	var faults []domain.Fault
	require.NoError(t, value.Get(&faults))
	require.NotNil(t, faults, "an empty list, also for workers in other languages")
	return faults
}

func TestACheckFindsNothingWrongWithTasksThatCanBeCarriedOut(t *testing.T) {
	t.Parallel()
	require.Empty(t, check(t))
	require.Empty(t, check(t,
		domain.TaskCheck{Executor: "gateway.one", Params: json.RawMessage(`{"to": "green", "count": 9}`)},
		domain.TaskCheck{Executor: "plain"},
		domain.TaskCheck{Executor: "plain", Params: json.RawMessage(`null`)},
	))
}

func TestACheckNamesEachFaultAndItsParameter(t *testing.T) {
	t.Parallel()
	for params, want := range map[string][]domain.Fault{
		`{"to": "", "count": 12}`:   {{Path: "spec.tasks[7].params.to", Message: "is missing"}, {Path: "spec.tasks[7].params.count", Message: "is 12, but has to be at most 9"}},
		`{"to": "odd"}`:             {{Path: "spec.tasks[7].params", Message: "to and count do not go together"}},
		`{"to": "green", "tow": 1}`: {{Path: "spec.tasks[7].params.tow", Message: `there is no parameter "tow"; did you mean "to"?`}},
		`{"count": 12, "tow": "green"}`: {
			{Path: "spec.tasks[7].params.to", Message: "is missing"}, {Path: "spec.tasks[7].params.tow", Message: `there is no parameter "tow"; did you mean "to"?`},
			{Path: "spec.tasks[7].params.count", Message: "is 12, but has to be at most 9"},
		},
		`{"count": "many"}`: {{Path: "spec.tasks[7].params.count", Message: `is "many", but has to be a whole number`}, {Path: "spec.tasks[7].params.to", Message: "is missing"}},
	} {
		require.Equal(t, want, check(t, domain.TaskCheck{Index: 7, Executor: "gateway.one", Params: json.RawMessage(params)}), params)
	}
}

func TestACheckListsWhatIsKnownWhereAnExecutorIsNot(t *testing.T) {
	t.Parallel()
	queue := "default-test-taskqueue"
	for name, want := range map[string]string{
		"gateway.on": `is "gateway.on", which the workers of the task queue "` + queue + `" do not serve; did you mean "gateway.one"?; they serve gateway.one, panicking, plain; an executor of other workers needs their taskQueue`,
		"else":       `is "else", which the workers of the task queue "` + queue + `" do not serve; they serve gateway.one, panicking, plain; an executor of other workers needs their taskQueue`,
	} {
		require.Equal(t, []domain.Fault{{Path: "spec.tasks[0].executor", Message: want}}, check(t, domain.TaskCheck{Executor: name}))
		require.Len(t, check(t, domain.TaskCheck{Executor: name, TaskQueue: queue}), 1, "the own queue by its name")
	}
}

func TestACheckLeavesTasksOfOtherQueuesToTheirWorkers(t *testing.T) {
	t.Parallel()
	require.Empty(t, check(t,
		domain.TaskCheck{Executor: "else", TaskQueue: "other"},
		domain.TaskCheck{Executor: "gateway.one", TaskQueue: "other"},
	))
}

func TestACheckSurvivesAPanicOfAnExecutor(t *testing.T) {
	t.Parallel()
	faults := check(t, domain.TaskCheck{Executor: "panicking"})
	require.Len(t, faults, 1)
	require.Equal(t, "spec.tasks[0].params", faults[0].Path)
	require.Contains(t, faults[0].Message, "the executor panicked: oh")
	require.LessOrEqual(t, len(faults[0].Message), 500)
}

func TestACheckListsTheFirstHundredFaults(t *testing.T) {
	t.Parallel()
	tasks := make([]domain.TaskCheck, 2000)
	for i := range tasks {
		tasks[i] = domain.TaskCheck{Index: i, Executor: "else"}
	}
	require.Len(t, check(t, tasks...), 100)
}
