package docs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/paramschema"
)

var update = flag.Bool("update", false, "write docs/schemas anew")

// schemas are the types that executors in other languages read and write.
var schemas = map[string]struct {
	value any
	title string
}{
	"task-request":      {domain.TaskRequest{}, "The one argument of an executor's activity"},
	"checkpoint":        {domain.Checkpoint{}, "How far an execution has come: the details of heartbeats and of a cancel"},
	"task-result":       {domain.TaskResult{}, "What an executor's activity returns"},
	"execution-failure": {domain.ExecutionFailure{}, "The one detail of the ApplicationFailure with which an execution ends"},
}

const rangesPattern = `^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$`

// form is the schema of a type that writes a form of its own.
func form(of reflect.Type) *jsonschema.Schema {
	switch of {
	case reflect.TypeFor[domain.RangeSet]():
		return &jsonschema.Schema{Type: "string", Pattern: rangesPattern, Examples: []any{"0-119,121"}}
	case reflect.TypeFor[domain.Priors]():
		group := jsonschema.NewProperties()
		group.Set("value", &jsonschema.Schema{Description: "what stood at the targets, in the executor's form"})
		group.Set("absent", &jsonschema.Schema{Type: "boolean", Description: "true: nothing stood at them; then there is no value"})
		group.Set("targets", &jsonschema.Schema{Type: "string", Pattern: rangesPattern, Description: "at which it stood"})
		return &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{
			Type: "object", Properties: group, Required: []string{"targets"},
			OneOf: []*jsonschema.Schema{{Required: []string{"value"}}, {Required: []string{"absent"}}},
		}}
	case reflect.TypeFor[domain.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: paramschema.DurationPattern, Examples: []any{"1.5s"}}
	case reflect.TypeFor[domain.Mode]():
		return &jsonschema.Schema{Type: "string", Enum: []any{domain.ModeApply, domain.ModeRollback}}
	case reflect.TypeFor[domain.Category]():
		return &jsonschema.Schema{Type: "string", Enum: []any{domain.CategoryBusiness, domain.CategoryTechnical, domain.CategoryExecutor}}
	}
	return nil
}

// generate makes the schema of a value from its type and its comments. Fields
// may be added, so those that are not known are let pass.
func generate(t *testing.T, value any, name, title string) []byte {
	t.Helper()
	r := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, AllowAdditionalProperties: true, Mapper: form}
	require.NoError(t, r.AddGoComments("github.com/seed-3652815f/sluice/docs", "../domain", jsonschema.WithFullComment()))
	root := r.Reflect(value)
	root.ID = jsonschema.ID("https://github.com/seed-3652815f/sluice/raw/main/docs/schemas/" + name + ".schema.json")
	root.Title = title
	unwrap(root)
	for _, definition := range root.Definitions {
		unwrap(definition)
	}
	if format, ok := root.Properties.Get("format"); ok && name == "checkpoint" {
		format.Const = domain.CheckpointFormat
	}
	data, err := json.MarshalIndent(root, "", "  ")
	require.NoError(t, err)
	return append(data, '\n')
}

// unwrap joins what comments wrap.
func unwrap(s *jsonschema.Schema) {
	s.Description = strings.ReplaceAll(s.Description, "\n", " ")
	for field := s.Properties.Oldest(); field != nil; field = field.Next() {
		field.Value.Description = strings.ReplaceAll(field.Value.Description, "\n", " ")
	}
}

func TestTheSchemasOfExecutorsAreThoseOfTheGoTypes(t *testing.T) {
	t.Parallel()
	for name, s := range schemas {
		path := filepath.Join("schemas", name+".schema.json")
		want := generate(t, s.value, name, s.title)
		if *update {
			require.NoError(t, os.WriteFile(path, want, 0o644))
		}
		have, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "a type has changed; write the schemas anew with: go test ./docs -run Schemas -update")
	}
}

// faults holds a document against a schema that is checked in.
func faults(t *testing.T, name string, document []byte) error {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join("schemas", name+".schema.json"))
	require.NoError(t, err)
	parsed, err := validator.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	compiler := validator.NewCompiler()
	require.NoError(t, compiler.AddResource("urn:schema", parsed))
	compiled, err := compiler.Compile("urn:schema")
	require.NoError(t, err)
	value, err := validator.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err)
	return compiled.Validate(value)
}

// full returns a checkpoint in which everything is given.
func full() domain.Checkpoint {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cp := domain.Checkpoint{
		Format: 1, Step: "SWITCH", Wave: 2, First: 10, Last: 19, Done: domain.NewRangeSet(10, 14), Failed: domain.NewRangeSet(15, 15),
		Batch: domain.NewRangeSet(16, 16), FailedAttempts: 1, Spent: domain.Duration(1500 * time.Millisecond), CreatedAt: now,
		Failures: []domain.FailureInfo{{Category: domain.CategoryBusiness, ErrorCode: "NO", Reason: "no", Target: "t", Attempt: 1, Timestamp: now}},
	}
	cp.Prior.Record(10, domain.Prior{Value: []byte(`"blue"`)})
	cp.Prior.Record(11, domain.Prior{Absent: true})
	return cp
}

func TestTheSchemasTakeWhatSluiceWrites(t *testing.T) {
	t.Parallel()
	cp := full()
	request := domain.TaskRequest{
		Plan: "p", Task: "t", Executor: "e", Mode: domain.ModeRollback, Params: []byte(`{}`), EarlierParams: []json.RawMessage{[]byte(`{}`)},
		Targets: []string{"a"}, Checkpoint: &cp, Prior: cp.Prior, Generation: "g", Parallel: 1,
	}
	for name, values := range map[string][]any{
		"task-request":      {request, domain.TaskRequest{Mode: domain.ModeApply, Targets: []string{"a"}}},
		"checkpoint":        {cp, domain.Checkpoint{Format: 1}},
		"task-result":       {domain.TaskResult{Done: 5, Checkpoint: cp}},
		"execution-failure": {domain.ExecutionFailure{Failure: cp.Failures[0], Checkpoint: cp}},
	} {
		for _, value := range values {
			data, err := json.Marshal(value)
			require.NoError(t, err)
			require.NoError(t, faults(t, name, data), "%s %s", name, data)
		}
	}
}

func TestTheSchemasRefuseWhatSluiceDoesNotRead(t *testing.T) {
	t.Parallel()
	for name, documents := range map[string][]string{
		"task-request":      {`{}`, `{"mode": "explode"}`},
		"checkpoint":        {`{}`, change(t, "done", `"a-b"`), change(t, "done", `[10]`), change(t, "format", `2`), change(t, "prior", `[{"targets": "1"}]`), change(t, "spent", `5`)},
		"task-result":       {`{"done": 1, "failed": 0}`},
		"execution-failure": {`{"failure": {"category": "OTHER"}}`},
	} {
		for _, document := range documents {
			require.Error(t, faults(t, name, []byte(document)), "%s %s", name, document)
		}
	}
}

// change returns a full checkpoint with another value in one field.
func change(t *testing.T, field, value string) string {
	t.Helper()
	data, err := json.Marshal(full())
	require.NoError(t, err)
	tree := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(data, &tree))
	tree[field] = json.RawMessage(value)
	data, err = json.Marshal(tree)
	require.NoError(t, err)
	return string(data)
}

func TestTheExamplesInTheDocumentationAreAsTheSchemasHaveThem(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("executors.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1)
	require.Len(t, blocks, 2)
	require.NoError(t, faults(t, "task-request", blocks[0][1]))
	require.NoError(t, faults(t, "checkpoint", blocks[1][1]))
}
