package paramschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/seed-3652815f/sluice/domain"
)

// Faults returns everything in parameters that their schema does not allow,
// each with the parameter's path, in the order of the paths. No parameters at
// all are the same as an empty object, and null the same as one left out.
func (s *Schema) Faults(raw json.RawMessage) []domain.Fault {
	faults, _ := s.Check(raw)
	return faults
}

// Check is Faults, and returns the parameters without those that are faulty, so
// that further rules can be held against the rest; nil where there is no rest.
func (s *Schema) Check(raw json.RawMessage) (faults []domain.Fault, rest json.RawMessage) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		raw = json.RawMessage("{}")
	}
	tree, err := validator.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return []domain.Fault{{Message: "the parameters are no JSON: " + err.Error()}}, nil
	}
	tree = withoutNulls(tree)
	var invalid *validator.ValidationError
	if err := s.compiled.Validate(tree); err == nil {
		return nil, raw
	} else if !errors.As(err, &invalid) {
		return []domain.Fault{{Message: err.Error()}}, nil
	}
	var wrong []*validator.ValidationError
	for leaf := range leaves(invalid) {
		faults = append(faults, s.describe(leaf, tree)...)
		wrong = append(wrong, leaf)
	}
	slices.SortStableFunc(faults, func(a, b domain.Fault) int { return strings.Compare(a.Path, b.Path) })
	for _, leaf := range wrong {
		leaveOut(tree, leaf)
	}
	if rest, err = json.Marshal(tree); err != nil {
		return faults, nil
	}
	return faults, rest
}

// leaveOut takes what is wrong out of the tree.
func leaveOut(tree any, err *validator.ValidationError) {
	location := err.InstanceLocation
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		return
	case *kind.AdditionalProperties:
		if holder, ok := valueAt(tree, location).(map[string]any); ok {
			for _, name := range k.Properties {
				delete(holder, name)
			}
		}
		return
	}
	// Of a list no item can go without moving those behind it: the whole goes.
	for len(location) > 0 {
		last := len(location) - 1
		if holder, ok := valueAt(tree, location[:last]).(map[string]any); ok {
			delete(holder, location[last])
			return
		}
		location = location[:last]
	}
}

func withoutNulls(value any) any {
	switch value := value.(type) {
	case map[string]any:
		maps.DeleteFunc(value, func(_ string, inner any) bool { return inner == nil })
		for name, inner := range value {
			value[name] = withoutNulls(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = withoutNulls(inner)
		}
	}
	return value
}

// leaves yields the errors that say something themselves. What lies below a
// choice of forms would say why each of them does not fit.
func leaves(err *validator.ValidationError) func(yield func(*validator.ValidationError) bool) {
	return func(yield func(*validator.ValidationError) bool) {
		switch err.ErrorKind.(type) {
		case *kind.AnyOf, *kind.OneOf:
			yield(err)
			return
		}
		if len(err.Causes) == 0 {
			yield(err)
			return
		}
		for _, cause := range err.Causes {
			for leaf := range leaves(cause) {
				if !yield(leaf) {
					return
				}
			}
		}
	}
}

// describe words one error; a value with unknown or missing parameters has a
// fault for each.
func (s *Schema) describe(err *validator.ValidationError, tree any) []domain.Fault {
	at := place(tree, err.InstanceLocation)
	var faults []domain.Fault
	switch k := err.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			faults = append(faults, domain.Fault{Path: join(at, name), Message: "is missing"})
		}
	case *kind.AdditionalProperties:
		known := s.known(err.InstanceLocation)
		for _, name := range k.Properties {
			faults = append(faults, domain.Fault{Path: join(at, name), Message: unknown(name, known)})
		}
	default:
		given := have(valueAt(tree, err.InstanceLocation), err)
		faults = append(faults, domain.Fault{Path: at, Message: fmt.Sprintf("is %s, but has to %s", given, s.want(err))})
	}
	return faults
}

// known returns the names of the parameters at a place.
func (s *Schema) known(location []string) []string {
	here := s.at(location)
	if here == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(here.Properties))
}

// at returns the schema of the value at a place; nil where it is not known.
func (s *Schema) at(location []string) *validator.Schema {
	here := resolve(s.compiled)
	for _, token := range location {
		if here == nil {
			return nil
		}
		next := here.Properties[token]
		if next == nil {
			next, _ = here.AdditionalProperties.(*validator.Schema)
		}
		if next == nil {
			next = here.Items2020
		}
		here = resolve(next)
	}
	return here
}

func resolve(s *validator.Schema) *validator.Schema {
	for s != nil && s.Ref != nil {
		s = s.Ref
	}
	return s
}

// place writes a place as plan files have it: probe.headers, ports[2].
func place(tree any, location []string) string {
	at := ""
	for _, token := range location {
		switch inner := tree.(type) {
		case []any:
			at += "[" + token + "]"
			tree = item(inner, token)
		case map[string]any:
			at = join(at, token)
			tree = inner[token]
		}
	}
	return at
}

func valueAt(tree any, location []string) any {
	for _, token := range location {
		switch inner := tree.(type) {
		case []any:
			tree = item(inner, token)
		case map[string]any:
			tree = inner[token]
		}
	}
	return tree
}

func item(list []any, token string) any {
	if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(list) {
		return list[i]
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
