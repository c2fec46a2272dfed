package domain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// DecodeDocument reads a plan document from JSON and validates it. The error
// is an *InvalidPlanError that lists every fault at once: fields that are not
// known, values of the wrong type, and rules that are broken.
func DecodeDocument(data []byte) (Document, error) {
	tree, err := decodeTree(data)
	if err != nil {
		return Document{}, &InvalidPlanError{Faults: []Fault{{Message: err.Error()}}}
	}
	faults := checkShape(tree, reflect.TypeFor[Document](), "")
	if len(faults) > 0 {
		return Document{}, &InvalidPlanError{Faults: faults}
	}
	var doc Document
	if err := json.Unmarshal(data, &doc); err != nil {
		return Document{}, &InvalidPlanError{Faults: []Fault{{Message: err.Error()}}}
	}
	if faults := doc.Validate(); len(faults) > 0 {
		return doc, &InvalidPlanError{Faults: faults}
	}
	return doc, nil
}

// decodeTree reads exactly one JSON value, with numbers as they are written.
func decodeTree(data []byte) (any, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("there is no plan: give the plan document as the workflow's input, for instance with --input-file plan.json")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("this is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document; a plan is one document")
	}
	return tree, nil
}

// checkShape compares a decoded JSON value with the Go type that it is for
// and returns a fault for each unknown field and each value of a wrong type.
func checkShape(value any, want reflect.Type, path string) []Fault {
	if value == nil {
		return nil // null is the same as a field left out
	}
	if reflect.PointerTo(want).Implements(reflect.TypeFor[json.Unmarshaler]()) && want != reflect.TypeFor[json.RawMessage]() {
		return checkOwnForm(value, want, path)
	}
	switch want.Kind() {
	case reflect.Pointer:
		return checkShape(value, want.Elem(), path)
	case reflect.Struct:
		return checkStruct(value, want, path)
	case reflect.Map:
		return checkMap(value, want, path)
	case reflect.Slice:
		if want == reflect.TypeFor[json.RawMessage]() {
			return nil // Validate says what it has to be
		}
		return checkSlice(value, want, path)
	default:
		return checkScalar(value, want, path)
	}
}

// checkOwnForm lets a type that reads its own text form judge the value.
func checkOwnForm(value any, want reflect.Type, path string) []Fault {
	data, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(data, reflect.New(want).Interface())
	}
	if err != nil {
		return []Fault{{Path: path, Message: err.Error()}}
	}
	return nil
}

func checkStruct(value any, want reflect.Type, path string) []Fault {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType(value, "an object", path)
	}
	known := map[string]reflect.Type{}
	for i := range want.NumField() {
		name, _, _ := strings.Cut(want.Field(i).Tag.Get("json"), ",")
		known[name] = want.Field(i).Type
	}
	var faults []Fault
	for _, name := range sortedKeys(object) {
		fieldType, ok := known[name]
		if !ok {
			faults = append(faults, Fault{Path: join(path, name), Message: unknownField(name, sortedKeys(known))})
			continue
		}
		faults = append(faults, checkShape(object[name], fieldType, join(path, name))...)
	}
	return faults
}

func checkMap(value any, want reflect.Type, path string) []Fault {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType(value, "an object", path)
	}
	var faults []Fault
	for _, name := range sortedKeys(object) {
		faults = append(faults, checkShape(object[name], want.Elem(), join(path, name))...)
	}
	return faults
}

func checkSlice(value any, want reflect.Type, path string) []Fault {
	list, ok := value.([]any)
	if !ok {
		return wrongType(value, "a list", path)
	}
	var faults []Fault
	for i, element := range list {
		faults = append(faults, checkShape(element, want.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
	}
	return faults
}

func checkScalar(value any, want reflect.Type, path string) []Fault {
	switch want.Kind() {
	case reflect.String:
		if _, ok := value.(string); !ok {
			return wrongType(value, "a text", path)
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return wrongType(value, "true or false", path)
		}
	case reflect.Int:
		number, ok := value.(json.Number)
		if !ok {
			return wrongType(value, "a whole number", path)
		}
		if _, err := number.Int64(); err != nil {
			return wrongType(value, "a whole number", path)
		}
	case reflect.Float64:
		if _, ok := value.(json.Number); !ok {
			return wrongType(value, "a number", path)
		}
	default:
		panic(fmt.Sprintf("domain: a plan document has a field of kind %s, which checkShape does not know", want.Kind()))
	}
	return nil
}

func wrongType(value any, want, path string) []Fault {
	data, err := json.Marshal(value)
	if err != nil {
		data = fmt.Append(nil, value)
	}
	return []Fault{{Path: path, Message: fmt.Sprintf("is %s, but has to be %s", truncate(string(data), 60), want)}}
}

// unknownField words the refusal of a field, with the known name that is
// nearest where one is near.
func unknownField(name string, known []string) string {
	best, distance := "", 3
	for _, candidate := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return fmt.Sprintf("there is no field %q; did you mean %q?", name, best)
	}
	return fmt.Sprintf("there is no field %q; known here: %s", name, strings.Join(known, ", "))
}

// editDistance is the Levenshtein distance of a and b in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// sortedKeys returns the keys of a map in ascending order.
//
//workflowcheck:ignore the order in which the map is read does not matter
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
