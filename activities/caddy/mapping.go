package caddy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/seed-3652815f/sluice/activities"
)

// handler is a map handler of Caddy's configuration, of which one destination
// is looked at. What it does not know of the handler and of its mappings is
// kept as it is.
type handler struct {
	text     []byte // what it was read from or written to; nil where it is more than that says
	fields   map[string]json.RawMessage
	width    int // destinations
	column   int // the destination that is looked at
	mappings []*mapping
	byInput  map[string][]int // literal input → mappings
	patterns []pattern        // the mappings with a regular expression, in order
	created  []*mapping
}

// mapping is one line of the map.
type mapping struct {
	raw     json.RawMessage
	input   string
	outputs []json.RawMessage // as many as the handler has destinations
	changed bool              // outputs differ from raw
	removed bool
}

// pattern is a mapping that matches by a regular expression.
type pattern struct {
	index int
	re    *regexp.Regexp
}

var null = json.RawMessage("null")

// find returns the output of the target's own mapping; nil where it has none.
// An output null stands for itself. It refuses a target whose mapping is not
// the one that decides.
func (h *handler) find(target string) (json.RawMessage, error) {
	places := h.byInput[target]
	switch len(places) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, activities.Refused(CodeDuplicate, "the target has %d mappings, the %s, so that it is not clear which one is meant; remove all but one", len(places), ordinals(places))
	}
	for _, p := range h.patterns {
		if p.index < places[0] && !sameJSON(h.mappings[p.index].outputs[h.column], null) && p.re.MatchString(target) {
			return nil, activities.Refused(CodeShadowed, "the mapping of the target is the %s, but the regular expression %q in the %s matches it before; move the target's mapping before that one",
				ordinals(places), p.re, ordinals([]int{p.index}))
		}
	}
	return h.mappings[places[0]].outputs[h.column], nil
}

// set gives the target's mapping an output, and the target a mapping where it
// has none. Other destinations of a new mapping are null, which is to Caddy as
// if they had no mapping.
func (h *handler) set(target string, output json.RawMessage) error {
	if places := h.byInput[target]; len(places) > 0 {
		m := h.mappings[places[0]]
		m.outputs[h.column], m.changed = output, true
		return nil
	}
	raw, err := json.Marshal(map[string]string{"input": target})
	if err != nil {
		return fmt.Errorf("writing a mapping for %q: %w", target, err)
	}
	m := &mapping{raw: raw, input: target, outputs: slices.Repeat([]json.RawMessage{null}, h.width), changed: true}
	m.outputs[h.column] = output
	h.created = append(h.created, m)
	return nil
}

// unset takes away what set has given to a target that had no mapping. The
// mapping stays where it says something for other destinations.
func (h *handler) unset(target string) {
	for _, place := range h.byInput[target] {
		m := h.mappings[place]
		m.outputs[h.column], m.changed = null, true
		m.removed = !slices.ContainsFunc(m.outputs, func(o json.RawMessage) bool { return !sameJSON(o, null) })
	}
}

// encode returns the whole handler, which is what its text says from then on,
// unless mappings have come or gone: their places are those of before. New
// mappings stand before the first one with a regular expression, which would
// otherwise decide for them. A map without any mapping has no list of them.
func (h *handler) encode() ([]byte, error) {
	h.text = nil
	place := len(h.mappings)
	if len(h.patterns) > 0 {
		place = h.patterns[0].index
	}
	list, moved := []byte{'['}, len(h.created) > 0
	for _, m := range slices.Concat(h.mappings[:place], h.created, h.mappings[place:]) {
		if m.removed {
			moved = true
			continue
		}
		raw, err := m.encode()
		if err != nil {
			return nil, err
		}
		list = append(append(list, raw...), ',')
	}
	h.putMappings(list)
	object, err := json.Marshal(h.fields)
	if err != nil {
		return nil, fmt.Errorf("writing the map: %w", err)
	}
	if !moved {
		h.text = object
	}
	return object, nil
}

// putMappings puts a list, of which only the end is missing, in the place of
// the mappings.
func (h *handler) putMappings(list []byte) {
	if len(list) == 1 {
		delete(h.fields, "mappings")
		return
	}
	list[len(list)-1] = ']' // in the place of the last comma
	h.fields["mappings"] = list
}

func (m *mapping) encode() (json.RawMessage, error) {
	if !m.changed {
		return m.raw, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(m.raw, &fields); err != nil {
		return nil, fmt.Errorf("reading the mapping of %q: %w", m.input, err)
	}
	outputs, err := json.Marshal(m.outputs)
	if err != nil {
		return nil, fmt.Errorf("writing the outputs of %q: %w", m.input, err)
	}
	fields["outputs"] = outputs
	raw, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("writing the mapping of %q: %w", m.input, err)
	}
	m.raw, m.changed = raw, false
	return raw, nil
}

// ordinals names places in the list of mappings as people count them.
func ordinals(places []int) string {
	var text bytes.Buffer
	for i, place := range places {
		if i > 0 {
			text.WriteString(" and ")
		}
		fmt.Fprintf(&text, "%d.", place+1)
	}
	return text.String()
}
