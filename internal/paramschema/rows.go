package paramschema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// Row is one parameter as people read it.
type Row struct {
	Name        string // with those around it: probe.url, rules[].port
	Type        string // in words
	Required    bool
	Default     string // empty: none is said
	Description string
}

// maxDepth ends parameters that hold themselves.
const maxDepth = 5

// Rows returns the parameters that a JSON Schema describes, in its order, with
// those within them behind each.
func Rows(schema json.RawMessage) ([]Row, error) {
	var root jsonschema.Schema
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, fmt.Errorf("reading a JSON Schema: %w", err)
	}
	r := rows{definitions: root.Definitions}
	r.add("", &root, 0)
	return r.all, nil
}

type rows struct {
	definitions jsonschema.Definitions
	all         []Row
}

func (r *rows) add(path string, object *jsonschema.Schema, depth int) {
	object = r.resolve(object)
	if object.Properties == nil || depth > maxDepth {
		return
	}
	for field := object.Properties.Oldest(); field != nil; field = field.Next() {
		is := r.resolve(field.Value)
		row := Row{
			Name: join(path, field.Key), Type: r.typeOf(is, 0), Required: slices.Contains(object.Required, field.Key),
			Description: field.Value.Description,
		}
		if field.Value.Default != nil {
			row.Default = short(field.Value.Default)
		}
		r.all = append(r.all, row)
		r.add(row.Name, is, depth+1)
		if is.Items != nil {
			r.add(row.Name+"[]", is.Items, depth+1)
		}
	}
}

// resolve follows references within the schema.
func (r *rows) resolve(s *jsonschema.Schema) *jsonschema.Schema {
	for range maxDepth {
		name, ok := strings.CutPrefix(s.Ref, "#/$defs/")
		if !ok || r.definitions[name] == nil {
			break
		}
		s = r.definitions[name]
	}
	return s
}

func (r *rows) typeOf(s *jsonschema.Schema, depth int) string {
	switch {
	case len(s.Enum) > 0:
		return "one of " + list(s.Enum)
	case s.Pattern == DurationPattern:
		return "duration"
	case s.Type == "array" && s.Items != nil && depth < maxDepth:
		return "list of " + r.typeOf(r.resolve(s.Items), depth+1)
	case s.Type == "object" && s.AdditionalProperties != nil && s.Properties.Len() == 0 && depth < maxDepth:
		return "object of " + r.typeOf(r.resolve(s.AdditionalProperties), depth+1)
	}
	switch s.Type {
	case "":
		return "anything"
	case "string":
		return "text"
	case "integer":
		return "whole number"
	case "boolean":
		return "true or false"
	}
	return s.Type
}
