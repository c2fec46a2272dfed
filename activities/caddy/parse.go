package caddy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"github.com/seed-3652815f/sluice/activities"
)

// parseHandler reads a map handler. The destination may be empty where there
// is exactly one.
func parseHandler(object []byte, destination string) (*handler, error) {
	h := &handler{}
	var kind string
	var destinations []string
	for _, err := range []error{
		json.Unmarshal(object, &h.fields), h.field("handler", &kind), h.field("destinations", &destinations),
	} {
		if err != nil {
			return nil, activities.Refused(CodeBadMap, "the object with the @id is no map handler: %w", err)
		}
	}
	if kind != "map" {
		return nil, activities.Refused(CodeBadMap, "the object with the @id is no map handler, but has the handler %q; give the @id to the map handler itself", kind)
	}
	if err := h.chooseColumn(destinations, destination); err != nil {
		return nil, err
	}
	if h.parsePlain(h.fields["mappings"]) {
		return h, nil
	}
	return h, h.parseEach(h.fields["mappings"])
}

// field reads a field of the handler; one that it lacks is left as it is.
func (h *handler) field(name string, into any) error {
	raw, found := h.fields[name]
	if !found {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// parseEach reads a list of mappings of any kind; an empty text is an empty
// list.
func (h *handler) parseEach(list json.RawMessage) error {
	var mappings []json.RawMessage
	if len(list) > 0 {
		if err := json.Unmarshal(list, &mappings); err != nil {
			return activities.Refused(CodeBadMap, "the object with the @id is no map handler: %w", err)
		}
	}
	h.byInput = make(map[string][]int, len(mappings))
	for i, raw := range mappings {
		if err := h.parseMapping(i, raw); err != nil {
			return activities.Refused(CodeBadMap, "reading mapping %d of the map: %w", i, err)
		}
	}
	return nil
}

func (h *handler) chooseColumn(destinations []string, destination string) error {
	h.width = len(destinations)
	if destination == "" && h.width == 1 {
		return nil
	}
	h.column = slices.Index(destinations, destination)
	switch {
	case h.column >= 0:
		return nil
	case destination == "":
		return activities.Refused(CodeBadMap, "the map has the destinations %q; name the one that is meant in the parameter destination", destinations)
	}
	return activities.Refused(CodeBadMap, "the map has no destination %q, but %q", destination, destinations)
}

func (h *handler) parseMapping(index int, raw json.RawMessage) error {
	var known struct {
		Input   string            `json:"input"`
		Pattern string            `json:"input_regexp"`
		Outputs []json.RawMessage `json:"outputs"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return err
	}
	if len(known.Outputs) != h.width {
		return fmt.Errorf("it has %d outputs, but the map has %d destinations", len(known.Outputs), h.width)
	}
	h.mappings = append(h.mappings, &mapping{raw: raw, input: known.Input, outputs: known.Outputs})
	if known.Pattern == "" {
		h.byInput[known.Input] = append(h.byInput[known.Input], index)
		return nil
	}
	re, err := regexp.Compile(known.Pattern)
	if err != nil {
		return err
	}
	h.patterns = append(h.patterns, pattern{index: index, re: re})
	return nil
}

// sameJSON reports whether both texts are the same value; nil is none.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	left, okLeft := decode(a)
	right, okRight := decode(b)
	return okLeft && okRight && reflect.DeepEqual(left, right)
}

func decode(text json.RawMessage) (value any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return value, decoder.Decode(&value) == nil
}
