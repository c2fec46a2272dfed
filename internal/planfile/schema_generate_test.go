package planfile_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

// generate makes the schema of a plan file: its form and its descriptions from
// the types and their comments, its bounds from the constants that the
// validation uses.
func generate(t *testing.T) *jsonschema.Schema {
	t.Helper()
	r := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, Mapper: ownForms}
	require.NoError(t, r.AddGoComments("github.com/seed-3652815f/sluice/internal/planfile", "../../domain", jsonschema.WithFullComment()))
	root := r.Reflect(&domain.Document{})
	root.ID = "https://github.com/seed-3652815f/sluice/raw/main/docs/plan.schema.json"
	root.Title = "Sluice plan"
	bound(t, root)
	for _, def := range root.Definitions {
		unwrap(def)
	}
	unwrap(root)
	return root
}

// unwrap joins what the comments wrap: an editor wraps for itself.
func unwrap(s *jsonschema.Schema) {
	s.Description = strings.ReplaceAll(s.Description, "\n", " ")
	for field := s.Properties.Oldest(); field != nil; field = field.Next() {
		field.Value.Description = strings.ReplaceAll(field.Value.Description, "\n", " ")
	}
}

// A duration is any that Go reads; a threshold a number or a percentage.
const (
	durationPattern  = `^[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
	thresholdPattern = `^\+?(0*[0-9]+|0*([0-9]|[1-9][0-9]|100)%)$`
)

// ownForms are the schemas of types that read a form of their own.
func ownForms(of reflect.Type) *jsonschema.Schema {
	switch of {
	case reflect.TypeFor[domain.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern, Examples: []any{"90s", "5m", "1h30m"}}
	case reflect.TypeFor[domain.Threshold]():
		return &jsonschema.Schema{
			OneOf: []*jsonschema.Schema{
				{Type: "integer", Minimum: "0"},
				{Type: "string", Pattern: thresholdPattern},
			},
			Default: 0, Examples: []any{5, "10%"},
		}
	case reflect.TypeFor[json.RawMessage]():
		return &jsonschema.Schema{Type: "object"}
	}
	return nil
}

// bound adds the rules that stand in no type. A number that may be left out
// may be 0 as well, and lengths are in characters here and in bytes there: the
// schema never refuses what Sluice takes.
func bound(t *testing.T, root *jsonschema.Schema) {
	t.Helper()
	of := func(def, name string) *jsonschema.Schema {
		holder := root
		if def != "" {
			holder = root.Definitions[def]
			require.NotNil(t, holder, "the schema has no definition %s", def)
		}
		field, ok := holder.Properties.Get(name)
		require.True(t, ok, "%s has no field %s", def, name)
		return field
	}
	of("", "apiVersion").Const = domain.APIVersion
	of("", "kind").Const = domain.KindPlan

	named(of("Metadata", "name"))
	labels := of("Metadata", "labels")
	labels.MaxProperties = count(domain.MaxLabels)
	labels.PropertyNames = &jsonschema.Schema{Pattern: printablePattern("="), MinLength: count(1), MaxLength: count(domain.MaxLabelBytes)}
	labels.AdditionalProperties = text(&jsonschema.Schema{Type: "string"}, domain.MaxLabelBytes)

	between(of("Spec", "maxParallel"), 1, domain.MaxParallelTasks)
	of("Spec", "onFailure").Enum = onFailure()
	of("Spec", "onFailure").Default = domain.OnFailurePause
	of("Spec", "description").MaxLength = count(domain.MaxDescription)
	targets(of("Spec", "targets"))
	of("Spec", "tasks").MinItems, of("Spec", "tasks").MaxItems = count(1), count(domain.MaxTasks)
	root.Definitions["Spec"].Not = &jsonschema.Schema{Required: []string{"targets", "targetsFrom"}}
	of("TargetsFrom", "file").MinLength = count(1)

	named(of("TaskSpec", "name"))
	text(of("TaskSpec", "executor"), domain.MaxNameBytes).MinLength = count(1)
	text(of("TaskSpec", "taskQueue"), domain.MaxNameBytes)
	targets(of("TaskSpec", "targets"))
	of("TaskSpec", "dependsOn").UniqueItems = true
	lasting(of("TaskSpec", "timeout"), domain.DefaultTimeout, time.Second, domain.MaxTaskTimeout)
	lasting(of("TaskSpec", "heartbeatTimeout"), domain.DefaultHeartbeatTimeout, domain.MinHeartbeat, domain.MaxHeartbeat)
	of("TaskSpec", "reversible").Default = true
	between(of("TaskSpec", "parallelTargets"), 1, domain.MaxParallelTargets)

	between(of("Retry", "maxRetries"), domain.DefaultMaxRetries, domain.MaxRetriesLimit)
	between(of("Retry", "backoffCoefficient"), int(domain.DefaultBackoffCoefficient), domain.MaxBackoff)
	lasting(of("Retry", "initialInterval"), domain.DefaultInitialInterval, domain.MinInterval, domain.MaxInterval)
	lasting(of("Retry", "maxInterval"), domain.DefaultMaxInterval, domain.MinInterval, domain.MaxInterval)
}

func onFailure() (policies []any) {
	for _, policy := range []domain.OnFailure{domain.OnFailurePause, domain.OnFailureFail, domain.OnFailureRollback} {
		policies = append(policies, policy)
	}
	return policies
}

func named(s *jsonschema.Schema) {
	s.Pattern = "^[a-z0-9._-]+$"
	s.MaxLength = count(domain.MaxNameBytes)
}

func targets(s *jsonschema.Schema) {
	s.UniqueItems = true
	s.Items = text(&jsonschema.Schema{Type: "string"}, domain.MaxTargetBytes)
	s.Items.MinLength = count(1)
}

// text bounds a printable text.
func text(s *jsonschema.Schema, most uint64) *jsonschema.Schema {
	s.Pattern, s.MaxLength = printablePattern(""), count(most)
	return s
}

// printablePattern is a text without control characters, and without others.
func printablePattern(without string) string { return `^[^\x00-\x1f\x7f` + without + `]*$` }

func between(s *jsonschema.Schema, byDefault, most int) {
	s.Minimum, s.Maximum, s.Default = "0", json.Number(strconv.Itoa(most)), byDefault
}

// lasting says the bounds of a duration, which no schema can check.
func lasting(s *jsonschema.Schema, byDefault, least, most time.Duration) {
	s.Default = short(byDefault)
	s.Description += "; from " + short(least) + " to " + short(most)
}

func count(n uint64) *uint64 { return &n }

// short is a duration as people write it.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
