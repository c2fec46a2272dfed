package caddy

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// How Caddy writes a plain mapping: it orders the fields and adds no blanks.
const (
	plainBegin  = `{"input":"`
	plainMiddle = `","outputs":[`
	plainEnd    = `]}`
)

// parsePlain reads a list of mappings of which each has a literal input without
// escapes, one text as output, and nothing else. It reports false, and has
// read nothing, where one has more to it. The list is valid JSON. Most maps are
// so, and reading them mapping by mapping takes several times as long, which
// shows at each reload of a map of thousands.
func (h *handler) parsePlain(list json.RawMessage) bool {
	if h.width != 1 || len(list) == 0 || list[0] != '[' || !utf8.Valid(list) {
		return false
	}
	text := string(list)
	n := strings.Count(text, plainBegin)
	mappings, outputs := make([]mapping, n), make([]json.RawMessage, n)
	byInput := make(map[string][]int, n)
	places := make([]int, n)
	at := 1
	for i := range n {
		input, output, end, ok := plainMapping(text, at)
		if !ok {
			return false
		}
		outputs[i] = list[output : end-len(plainEnd)]
		mappings[i] = mapping{raw: list[at:end], input: input, outputs: outputs[i : i+1 : i+1]}
		if places[i] = i; byInput[input] == nil {
			byInput[input] = places[i : i+1 : i+1]
		} else {
			byInput[input] = append(byInput[input], i)
		}
		at = end + 1 // behind the comma or the end of the list
	}
	if at != len(text) {
		return false
	}
	h.byInput, h.mappings = byInput, make([]*mapping, n)
	for i := range mappings {
		h.mappings[i] = &mappings[i]
	}
	return true
}

// plainMapping reads the plain mapping that begins at a place of a list: its
// input, where its output begins, and where the mapping ends.
func plainMapping(text string, at int) (input string, output, end int, ok bool) {
	if !strings.HasPrefix(text[at:], plainBegin) {
		return "", 0, 0, false
	}
	first := at + len(plainBegin)
	last, ok := plainText(text, first)
	if !ok || !strings.HasPrefix(text[last:], plainMiddle) {
		return "", 0, 0, false
	}
	output = last + len(plainMiddle)
	if output >= len(text) || text[output] != '"' {
		return "", 0, 0, false
	}
	quote, ok := plainText(text, output+1)
	if !ok || !strings.HasPrefix(text[quote+1:], plainEnd) {
		return "", 0, 0, false
	}
	end = quote + 1 + len(plainEnd)
	if end >= len(text) || text[end] != ',' && text[end] != ']' {
		return "", 0, 0, false
	}
	return text[first:last], output, end, true
}

// plainText returns where the quote stands that ends a text without escapes.
func plainText(text string, at int) (end int, ok bool) {
	length := strings.IndexByte(text[at:], '"')
	return at + length, length >= 0 && strings.IndexByte(text[at:at+length], '\\') < 0
}
