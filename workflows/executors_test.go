package workflows

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/seed-3652815f/sluice/domain"
)

// listExecutors runs the workflow on a worker that answers so.
func listExecutors(answer func(context.Context) (domain.Catalog, error)) (domain.Catalog, error) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	RegisterExecutors(env)
	env.RegisterActivityWithOptions(answer, activity.RegisterOptions{Name: domain.ExecutorsActivity})
	env.ExecuteWorkflow(ExecutorsType)
	if err := env.GetWorkflowError(); err != nil {
		return domain.Catalog{}, err
	}
	var catalog domain.Catalog
	return catalog, env.GetWorkflowResult(&catalog)
}

func TestExecutorsReturnsWhatTheWorkerServes(t *testing.T) {
	t.Parallel()
	want := domain.Catalog{TaskQueue: "sluice", Executors: []domain.ExecutorInfo{{Name: "http", Params: []byte(`{"type":"object"}`)}}}
	catalog, err := listExecutors(func(context.Context) (domain.Catalog, error) { return want, nil })
	require.NoError(t, err)
	require.Equal(t, want, catalog)
}

func TestExecutorsEndsWhereTheWorkerCannotAnswer(t *testing.T) {
	t.Parallel()
	_, err := listExecutors(func(context.Context) (domain.Catalog, error) { return domain.Catalog{}, errors.New("oh") })
	require.ErrorContains(t, err, "oh")
}
