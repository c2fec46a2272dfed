package planfile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/seed-3652815f/sluice/docs"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/planfile"
)

var update = flag.Bool("update", false, "write docs/plan.schema.json anew")

const schemaFile = "../../docs/plan.schema.json"

// TestTheSchemaIsThatOfTheGoTypes compares the schema that is checked in with
// the one that the types, their comments and their bounds give.
func TestTheSchemaIsThatOfTheGoTypes(t *testing.T) {
	t.Parallel()
	data, err := json.MarshalIndent(generate(t), "", "  ")
	require.NoError(t, err)
	data = append(data, '\n')
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, data, 0o644))
		return
	}
	require.Equal(t, string(data), string(docs.PlanSchema), "a plan has changed; write its schema anew with: go test ./internal/planfile -run Schema -update")
}

// schema is the one that is checked in, ready to hold values against.
func schema(t *testing.T) *validator.Schema {
	t.Helper()
	parsed, err := validator.UnmarshalJSON(bytes.NewReader(docs.PlanSchema))
	require.NoError(t, err)
	compiler := validator.NewCompiler()
	require.NoError(t, compiler.AddResource("plan.schema.json", parsed))
	compiled, err := compiler.Compile("plan.schema.json")
	require.NoError(t, err)
	return compiled
}

// value reads YAML as an editor does before it holds it against a schema.
func value(t *testing.T, data []byte) any {
	t.Helper()
	var tree any
	require.NoError(t, yaml.Unmarshal(data, &tree))
	plain, err := json.Marshal(tree)
	require.NoError(t, err)
	parsed, err := validator.UnmarshalJSON(bytes.NewReader(plain))
	require.NoError(t, err)
	return parsed
}

func TestEveryExampleIsValidAndNamesTheSchema(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, schema(t).Validate(value(t, data)), file)
		require.True(t, strings.HasPrefix(string(data), "# yaml-language-server: $schema=../docs/plan.schema.json\n"), "%s names no schema for editors", file)
		_, err = planfile.Load(file, nil)
		require.NoError(t, err, file)
	}
}

// with is a valid plan in which a line is put in the place of a marker.
func with(spec, task string) []byte {
	return fmt.Appendf(nil, "apiVersion: sluice/v1\nkind: Plan\nmetadata: {name: green}\nspec:\n  targets: [a]\n%s\n  tasks:\n    - name: switch\n      executor: http\n%s\n", indent(spec, 2), indent(task, 6))
}

func indent(line string, by int) string { return strings.Repeat(" ", by) + line }

// TestTheSchemaAndSluiceAgreeOnBounds tries the last value that is allowed and
// the first that is not.
func TestTheSchemaAndSluiceAgreeOnBounds(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, bound := range []struct {
		spec, task string
		ok         bool
	}{
		{spec: "maxParallel: 500", ok: true}, {spec: "maxParallel: 501"}, {spec: "maxParallel: -1"}, {spec: "maxParallel: 1.5"}, {spec: "maxParallel: many"},
		{spec: "onFailure: fail", ok: true}, {spec: "onFailure: rollback", ok: true}, {spec: "onFailure: explode"},
		{spec: "description: " + long(4096), ok: true}, {spec: "description: " + long(4097)},
		{spec: "hold: true", ok: true}, {spec: "hold: 1"}, {spec: "holt: true"},
		{spec: "targetsFrom: {file: x}"},
		{task: "targets: [" + long(256) + "]", ok: true}, {task: "targets: [" + long(257) + "]"}, {task: `targets: [""]`}, {task: "targets: [a, a]"}, {task: `targets: ["a\u0007"]`},
		{task: "parallelTargets: 1000", ok: true}, {task: "parallelTargets: 1001"},
		{task: "timeout: 90s", ok: true}, {task: "timeout: 1h30m", ok: true}, {task: "timeout: soon"}, {task: "timeout: 90"},
		{task: "failureThreshold: 5", ok: true}, {task: `failureThreshold: "100%"`, ok: true}, {task: `failureThreshold: "5"`, ok: true}, {task: `failureThreshold: "101%"`}, {task: "failureThreshold: -1"}, {task: "failureThreshold: some"},
		{task: "retry: {maxRetries: 1000}", ok: true}, {task: "retry: {maxRetries: 0}", ok: true}, {task: "retry: {maxRetries: 1001}"}, {task: "retry: {maxRetries: -1}"}, {task: "retry: {max: 1}"},
		{task: "retry: {backoffCoefficient: 100}", ok: true}, {task: "retry: {backoffCoefficient: 1.5}", ok: true}, {task: "retry: {backoffCoefficient: 101}"},
		{task: "params: {a: {b: [1]}}", ok: true}, {task: "params: [1]"},
		{task: "dependsOn: [b]\n    - {name: b, executor: http}", ok: true}, {task: "dependsOn: [b, b]\n    - {name: b, executor: http}"},
		{task: "taskQueue: " + long(200), ok: true}, {task: "taskQueue: " + long(201)},
		{task: "reversible: false", ok: true}, {task: "reversible: maybe"}, {task: "pauseBefore: true", ok: true}, {task: `pauseBefore: "no"`},
	} {
		plan := with(bound.spec, bound.task)
		bySchema := schema(t).Validate(value(t, plan))
		_, bySluice := planfile.Load(write(t, "plan.yaml", string(plan)), nil)
		require.Equal(t, bound.ok, bySchema == nil, "by the schema: %s%s: %v", bound.spec, bound.task, bySchema)
		require.Equal(t, bound.ok, bySluice == nil, "by Sluice: %s%s: %v", bound.spec, bound.task, bySluice)
	}
}

func TestTheDefaultsOfTheSchemaAreThoseOfSluice(t *testing.T) {
	t.Parallel()
	s := generate(t)
	task, retry := s.Definitions["TaskSpec"].Properties, s.Definitions["Retry"].Properties
	text := func(fields interface {
		Get(string) (*jsonschema.Schema, bool)
	}, name string) string {
		field, ok := fields.Get(name)
		require.True(t, ok, name)
		return fmt.Sprint(field.Default)
	}
	plan, err := planfile.Load(write(t, "plan.yaml", string(with("", fmt.Sprintf(
		"timeout: %s\n      heartbeatTimeout: %s\n      retry: {maxRetries: %s, initialInterval: %s, maxInterval: %s, backoffCoefficient: %s}",
		text(task, "timeout"), text(task, "heartbeatTimeout"), text(retry, "maxRetries"), text(retry, "initialInterval"), text(retry, "maxInterval"), text(retry, "backoffCoefficient"))))), nil)
	require.NoError(t, err)
	given, left := plan.Document.Spec.Tasks[0], domain.TaskSpec{}
	require.Equal(t, time.Duration(given.Timeout), left.TimeoutOrDefault())
	require.Equal(t, time.Duration(given.HeartbeatTimeout), left.HeartbeatTimeoutOrDefault())
	require.Equal(t, *given.Retry.MaxRetries, left.Retry.MaxRetriesOrDefault())
	require.Equal(t, time.Duration(given.Retry.InitialInterval), left.Retry.Interval())
	require.Equal(t, time.Duration(given.Retry.MaxInterval), left.Retry.LongestInterval())
	require.InDelta(t, given.Retry.BackoffCoefficient, left.Retry.Backoff(), 0)
}
