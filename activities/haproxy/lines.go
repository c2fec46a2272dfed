package haproxy

import "bytes"

// line is what a map file has to say of one key; nil: nothing.
type line struct {
	key   string
	value *string
}

// place is where a line's key and value stand in it. HAProxy ends the key at
// the first blank, and the value before the blanks at the line's end.
type place struct{ keyStart, keyEnd, valueStart, valueEnd int }

// edit returns a map file's text with other values for some keys. Whatever else
// it says, comments, order, blanks, stays as it is, so that putting a value back
// puts the file back. New keys come last.
func edit(text []byte, lines []line) []byte {
	wanted := make(map[string]*string, len(lines))
	for _, l := range lines {
		wanted[l.key] = l.value
	}
	seen := map[string]bool{}
	next := make([]byte, 0, len(text)+64)
	for raw := range bytes.Lines(text) {
		p, ok := parseLine(raw)
		if !ok {
			next = append(next, raw...)
			continue
		}
		key := string(raw[p.keyStart:p.keyEnd])
		value, change := wanted[key]
		seen[key] = true
		switch {
		case !change:
			next = append(next, raw...)
		case value != nil:
			next = append(next, raw[:p.valueStart]...)
			if p.valueStart == p.keyEnd {
				next = append(next, ' ')
			}
			next = append(next, *value...)
			next = append(next, raw[p.valueEnd:]...)
		}
	}
	for _, l := range lines {
		if l.value == nil || seen[l.key] {
			continue
		}
		if len(next) > 0 && next[len(next)-1] != '\n' {
			next = append(next, '\n')
		}
		next = append(next, l.key+" "+*l.value+"\n"...)
	}
	return next
}

// keysOf returns the keys of a map file.
func keysOf(text []byte) map[string]bool {
	keys := map[string]bool{}
	for raw := range bytes.Lines(text) {
		if p, ok := parseLine(raw); ok {
			keys[string(raw[p.keyStart:p.keyEnd])] = true
		}
	}
	return keys
}

// parseLine finds the key and the value of a line; ok is false for one that
// HAProxy skips: empty, or beginning with a hash sign.
func parseLine(raw []byte) (p place, ok bool) {
	end := len(bytes.TrimRight(raw, "\r\n"))
	if end > 0 && raw[0] == '#' {
		return p, false
	}
	p.keyStart = skip(raw, 0, end, true)
	p.keyEnd = skip(raw, p.keyStart, end, false)
	p.valueStart = skip(raw, p.keyEnd, end, true)
	p.valueEnd = max(p.valueStart, len(bytes.TrimRight(raw[:end], " \t")))
	if p.valueStart == end { // no value; blanks at the end are none
		p.valueStart, p.valueEnd = p.keyEnd, p.keyEnd
	}
	return p, p.keyStart < p.keyEnd
}

// skip returns where blanks, or what is none, end.
func skip(raw []byte, from, end int, blanks bool) int {
	for from < end && (raw[from] == ' ' || raw[from] == '\t') == blanks {
		from++
	}
	return from
}
