package haproxy

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
)

// entry is what the running map says of one key. The zero value is that of a
// key that it does not have.
type entry struct {
	value string
	count int // how often the key stands there
}

// readMap reads the entries of the keys. It reads the whole map, which takes
// 4 ms for 10,000 entries: less than asking for a hundred keys one by one, and
// the only way to see that a key stands there twice.
func (c *conversation) readMap(name string, keys map[string]entry) error {
	for key := range keys {
		keys[key] = entry{}
	}
	var refused strings.Builder
	err := c.askLines("show map "+name, func(line []byte) error {
		rest, isEntry := bytes.CutPrefix(line, []byte("0x"))
		if !isEntry {
			refused.Write(line[:min(len(line), maxMessageBytes)])
			return nil
		}
		_, rest, _ = bytes.Cut(bytes.TrimSuffix(rest, []byte("\n")), []byte(" "))
		key, value, _ := bytes.Cut(rest, []byte(" "))
		if known, wanted := keys[string(key)]; wanted {
			if known.count == 0 { // the first one is what HAProxy goes by
				known.value = string(value)
			}
			known.count++
			keys[string(key)] = known
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("reading the map %s: %w", name, err)
	case refused.Len() > 0:
		return c.noMap(name, &refusalError{said: refused.String()})
	}
	return nil
}

// noMap says why a map cannot be read, and which maps there are.
func (c *conversation) noMap(name string, refusal error) error {
	listed, err := c.ask("show map")
	if err != nil {
		return fmt.Errorf("listing the maps: %w", err)
	}
	var known []string
	for line := range strings.Lines(listed) {
		if _, rest, found := strings.Cut(line, "("); found {
			file, _, _ := strings.Cut(rest, ")")
			known = append(known, file)
		}
	}
	for _, file := range known {
		if file == name {
			return activities.Refused(CodeRefused, "reading the map %s: %w", name, refusal)
		}
	}
	return activities.Refused(CodeUnknownMap, "HAProxy has no map %s, but %s; name one of them in the parameter map, as it stands in HAProxy's configuration: %w",
		name, gateway.OneLine(strings.Join(known, ", "), maxMessageBytes), refusal)
}

// backends returns the names of the backends.
func (c *conversation) backends() (map[string]bool, error) {
	listed, err := c.ask("show backend")
	if err != nil {
		return nil, fmt.Errorf("listing the backends: %w", err)
	}
	names := map[string]bool{}
	for line := range strings.Lines(listed) {
		if name := strings.TrimSpace(line); !strings.HasPrefix(name, "#") {
			names[name] = true
		}
	}
	return names, nil
}

// command returns the command that makes an entry what is wanted; nil is
// absent.
func command(name, key string, now entry, want *string) string {
	switch {
	case want == nil:
		return "del map " + name + " " + key
	case now.count == 0: // where the key is there, this would add another entry
		return "add map " + name + " " + key + " " + escape(*want)
	}
	return "set map " + name + " " + key + " " + escape(*want)
}

// escape writes a value so that HAProxy takes it as one word: values that come
// from a map file may have blanks.
func escape(value string) string { return escaper.Replace(value) }

var escaper = strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", ";", `\;`)
