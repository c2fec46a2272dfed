// Package paramschema describes an executor's parameters by JSON Schema, made
// from their Go type, and holds parameters against it.
package paramschema

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seed-3652815f/sluice/domain"
)

// DurationPattern is what time.ParseDuration reads.
const DurationPattern = `^[+-]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`

// Schema describes the parameters of one type.
type Schema struct {
	JSON     json.RawMessage // draft 2020-12
	compiled *validator.Schema
}

// Of makes the schema of a type. Its descriptions are the comments in source,
// the Go file that declares the type; empty: only what struct tags say. A field
// without omitempty or omitzero is required.
func Of(of reflect.Type, source string) (schema *Schema, err error) {
	defer func() {
		if p := recover(); p != nil { // the reflector has no other way to say it
			err = fmt.Errorf("the type %s cannot be described by JSON Schema: %v", of, p)
		}
	}()
	comments, err := readComments(of, source)
	if err != nil {
		return nil, err
	}
	reflector := &jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: !holdsItself(of), Mapper: OwnForm, LookupComment: comments.lookup,
		Namer: func(t reflect.Type) string { return definitionName(of, t) },
	}
	data, err := json.Marshal(reflector.ReflectFromType(of))
	if err != nil {
		return nil, fmt.Errorf("writing the schema of %s: %w", of, err)
	}
	compiled, err := compile(data)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of %s: %w", of, err)
	}
	return &Schema{JSON: data, compiled: compiled}, nil
}

// definitionName keeps types of the same name in several packages apart.
func definitionName(root, of reflect.Type) string {
	if of.Name() == "" || of.PkgPath() == "" || of.PkgPath() == root.PkgPath() {
		return of.Name()
	}
	return path.Base(of.PkgPath()) + "." + of.Name()
}

// holdsItself reports whether a value of the type may hold another one: then
// the schema has to refer to its own root.
func holdsItself(root reflect.Type) bool {
	for root.Kind() == reflect.Pointer {
		root = root.Elem()
	}
	seen := map[reflect.Type]bool{}
	var holds func(of reflect.Type) bool
	holds = func(of reflect.Type) bool {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			return holds(of.Elem())
		case reflect.Struct:
		default:
			return false
		}
		if seen[of] {
			return of == root
		}
		seen[of] = true
		for i := range of.NumField() {
			if holds(of.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return holds(root)
}

func compile(data []byte) (*validator.Schema, error) {
	const location = "urn:sluice:params"
	tree, err := validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource(location, tree); err != nil {
		return nil, err
	}
	return compiler.Compile(location)
}

var (
	ownJSON = reflect.TypeFor[json.Unmarshaler]()
	ownText = reflect.TypeFor[encoding.TextUnmarshaler]()
	byHand  = reflect.TypeFor[interface{ JSONSchema() *jsonschema.Schema }]()
)

// OwnForm returns the schema of a type that reads a form of its own, and nil
// for every other one. A type says what that form is by a method JSONSchema; of
// one that does not nothing is known.
func OwnForm(of reflect.Type) *jsonschema.Schema {
	pointer := reflect.PointerTo(of)
	switch {
	case of == reflect.TypeFor[domain.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: DurationPattern, Examples: []any{"90s", "5m", "1h30m"}}
	case of == reflect.TypeFor[time.Time](), of == reflect.TypeFor[json.RawMessage](), of.Implements(byHand):
		return nil
	case pointer.Implements(ownJSON):
		return &jsonschema.Schema{}
	case pointer.Implements(ownText):
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}
