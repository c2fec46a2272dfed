package activities

import (
	_ "embed"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/seed-3652815f/sluice/domain"
)

//go:embed catalog_test.go
var thisFile string

// described are parameters with comments.
type described struct {
	// To is where each target goes.
	To string `json:"to"`
}

func TestTheCatalogListsTheExecutorsOfAWorkerByName(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	RegisterCatalog(env, Define("second", unopened[struct{}]), Define("first", unopened[described]).Describe(About{
		Summary: "move targets", Steps: []string{"MOVE", "VERIFY"}, RecordsPrior: true, BatchSize: 7, Source: thisFile,
	}))
	value, err := env.ExecuteActivity(domain.ExecutorsActivity)
	require.NoError(t, err)
	var listed json.RawMessage
	require.NoError(t, value.Get(&listed))
	require.JSONEq(t, `{"taskQueue": "default-test-taskqueue", "executors": [
		{"name": "first", "summary": "move targets", "steps": ["MOVE", "VERIFY"], "recordsPrior": true, "reversible": false, "batchSize": 7, "params": {
			"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "description": "described are parameters with comments.",
			"properties": {"to": {"type": "string", "description": "to is where each target goes."}},
			"required": ["to"], "additionalProperties": false
		}},
		{"name": "second", "params": {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {}, "type": "object", "additionalProperties": false}}
	]}`, string(listed))
}

func TestAWorkerWithoutExecutorsListsNone(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	RegisterCatalog(env)
	value, err := env.ExecuteActivity(domain.ExecutorsActivity)
	require.NoError(t, err)
	var listed json.RawMessage
	require.NoError(t, value.Get(&listed))
	require.JSONEq(t, `{"taskQueue": "default-test-taskqueue", "executors": []}`, string(listed))
}

func TestAnExecutorThatCannotBeDescribedIsAFaultOfItsAuthor(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "activities: describing the parameters of the executor odd: the type chan int cannot be described by JSON Schema: unsupported type chan int",
		func() { Define("odd", unopened[chan int]) })
	require.PanicsWithValue(t, "activities: describing the parameters of the executor odd: the source of the parameters does not declare the type activities.described",
		func() { Define("odd", unopened[described]).Describe(About{Source: "package other"}) })
}
