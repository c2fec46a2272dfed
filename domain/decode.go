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
	faults := repeatedFields(json.NewDecoder(bytes.NewReader(data)), "")
	shape := checkShape(&tree, reflect.TypeFor[Document](), "")
	faults = append(faults, shape...)
	if len(faults) > 0 {
		// Faulty values are null in the tree by now: the rules are held against
		// the rest, so that everything wrong is listed at once.
		if data, err = json.Marshal(tree); err != nil {
			return Document{}, &InvalidPlanError{Faults: faults}
		}
	}
	var doc Document
	if err := json.Unmarshal(data, &doc); err != nil {
		return Document{}, &InvalidPlanError{Faults: append(faults, Fault{Message: err.Error()})}
	}
	for _, fault := range doc.Validate() {
		if !slices.ContainsFunc(shape, func(f Fault) bool { return follows(fault, f) }) {
			faults = append(faults, fault)
		}
	}
	if len(faults) > 0 {
		return doc, &InvalidPlanError{Faults: faults}
	}
	return doc, nil
}

// follows reports whether a broken rule is only the consequence of a value of
// a wrong type: of one at the same place, around it, or in the place of the
// plan's targets, which its tasks then lack.
func follows(rule, wrong Fault) bool {
	if wrong.Path == "spec.targets" && strings.HasSuffix(rule.Path, "].targets") {
		return true
	}
	rest, ok := strings.CutPrefix(rule.Path, wrong.Path)
	return ok && (wrong.Path == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// repeatedFields returns a fault for each field that an object has twice:
// only one of them could count. The decoder holds valid JSON.
func repeatedFields(decoder *json.Decoder, path string) []Fault {
	var faults []Fault
	token, err := decoder.Token()
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for i := 0; (token == json.Delim('{') || token == json.Delim('[')) && decoder.More(); i++ {
		at := fmt.Sprintf("%s[%d]", path, i)
		if token == json.Delim('{') {
			key, _ := decoder.Token()
			name, _ := key.(string)
			at = join(path, name)
			if seen[name] {
				faults = append(faults, Fault{Path: at, Message: "is given twice"})
			}
			seen[name] = true
		}
		faults = append(faults, repeatedFields(decoder, at)...)
	}
	if _, opened := token.(json.Delim); opened {
		_, _ = decoder.Token() // the end of the object or list
	}
	return faults
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
// It puts null in the place of the latter.
func checkShape(value *any, want reflect.Type, path string) []Fault {
	if *value == nil {
		return nil // null is the same as a field left out
	}
	faults, sound := checkValue(*value, want, path)
	if !sound {
		*value = nil
	}
	return faults
}

// checkValue is checkShape for a value that is given. It reports whether the
// value itself is of the right type, whatever is wrong within it.
func checkValue(value any, want reflect.Type, path string) (faults []Fault, sound bool) {
	if want == reflect.TypeFor[json.RawMessage]() {
		return nil, true // Validate says what it has to be
	}
	if reflect.PointerTo(want).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		faults = checkOwnForm(value, want, path)
		return faults, len(faults) == 0
	}
	switch want.Kind() {
	case reflect.Pointer:
		return checkValue(value, want.Elem(), path)
	case reflect.Struct, reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			return wrongType(value, "an object", path), false
		}
		return checkObject(object, want, path), true
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			return wrongType(value, "a list", path), false
		}
		for i := range list {
			faults = append(faults, checkShape(&list[i], want.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return faults, true
	default:
		faults = checkScalar(value, want, path)
		return faults, len(faults) == 0
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

// checkObject checks the fields of an object that is for a struct or a map.
func checkObject(object map[string]any, want reflect.Type, path string) []Fault {
	known := map[string]reflect.Type{}
	if want.Kind() == reflect.Struct {
		for i := range want.NumField() {
			name, _, _ := strings.Cut(want.Field(i).Tag.Get("json"), ",")
			known[name] = want.Field(i).Type
		}
	}
	var faults []Fault
	for _, name := range sortedKeys(object) {
		fieldType, ok := known[name]
		switch {
		case want.Kind() == reflect.Map:
			fieldType = want.Elem()
		case !ok:
			faults = append(faults, Fault{Path: join(path, name), Message: unknownField(name, sortedKeys(known))})
			delete(object, name) // it could be taken for a known one in other letters
			continue
		}
		field := object[name]
		faults = append(faults, checkShape(&field, fieldType, join(path, name))...)
		object[name] = field
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
		number, ok := value.(json.Number)
		if !ok {
			return wrongType(value, "a number", path)
		}
		if _, err := number.Float64(); err != nil {
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
	if best := Nearest(name, known); best != "" {
		return fmt.Sprintf("there is no field %q; did you mean %q?", name, best)
	}
	return fmt.Sprintf("there is no field %q; known here: %s", name, strings.Join(known, ", "))
}

// Nearest returns the known name that somebody who wrote another one probably
// meant; empty where none is near.
func Nearest(name string, known []string) string {
	best, distance := "", 3
	for _, candidate := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
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
