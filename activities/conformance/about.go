package conformance

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-3652815f/sluice/activities"
)

// describesItself: what the author says of the executor is what a worker finds.
func (k *kit) describesItself() {
	info := k.Executor.Info()
	if info.Reversible == nil || info.RecordsPrior == nil {
		k.failf("the executor says nothing of itself; use Describe")
		return
	}
	if info.Summary == "" || strings.ContainsFunc(info.Summary, unicode.IsControl) {
		k.failf("the summary is %q, but has to be one line", info.Summary)
	}
	for _, name := range k.schema().undescribed("") {
		k.failf("the parameter %s has no description; comment its field and give About.Source, or use the tag jsonschema_description", name)
	}
	p := k.begin()
	p.hooks.opened = func(work *activities.Work) {
		var steps []string
		for _, step := range work.Steps {
			steps = append(steps, step.Name)
			if step.Name == "" || strings.ContainsFunc(step.Name, func(r rune) bool { return unicode.IsLower(r) || unicode.IsSpace(r) }) {
				k.failf("a step is called %q, but names of steps are words in capitals, as in SWITCH_GATEWAY", step.Name)
			}
		}
		if !slices.Equal(steps, info.Steps) {
			k.failf("its steps are %v, but it says %v", steps, info.Steps)
		}
		if recorded := work.Prior != nil; recorded != *info.RecordsPrior {
			k.failf("that it records prior values is %t, but it says %t", recorded, *info.RecordsPrior)
		}
		if reversible := work.Rollback != nil; reversible != *info.Reversible {
			k.failf("that it is reversible is %t, but it says %t", reversible, *info.Reversible)
		}
		if several := work.BatchSize > 1; several && info.BatchSize <= 1 {
			k.failf("a step is given up to %d targets at once, but it says one", work.BatchSize)
		}
	}
	p.apply()
}

// schema is what the kit reads of the JSON Schema of parameters.
type schema struct {
	Ref         string                     `json:"$ref"`
	Description string                     `json:"description"`
	Required    []string                   `json:"required"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Definitions map[string]json.RawMessage `json:"$defs"`
}

func (k *kit) schema() schema {
	var s schema
	if err := json.Unmarshal(k.Executor.Info().Params, &s); err != nil {
		k.t.Fatalf("reading the schema of the parameters: %v", err)
	}
	if root, ok := s.Definitions[strings.TrimPrefix(s.Ref, "#/$defs/")]; ok { // of a type that holds itself
		definitions := s.Definitions
		if err := json.Unmarshal(root, &s); err != nil {
			k.t.Fatalf("reading the schema of the parameters: %v", err)
		}
		s.Definitions = definitions
	}
	return s
}

// undescribed returns the parameters that have no description, in order.
func (s schema) undescribed(path string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		var property schema
		if json.Unmarshal(s.Properties[name], &property) != nil || property.Description == "" {
			names = append(names, path+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Definitions)) {
		var definition schema
		if json.Unmarshal(s.Definitions[name], &definition) == nil {
			names = append(names, definition.undescribed(name+".")...)
		}
	}
	return names
}
