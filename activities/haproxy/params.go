package haproxy

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/placeholder"
)

// Defaults and bounds of the parameters.
const (
	DefaultBatchSize = 500
	MaxBatchSize     = 5000
	MaxSettle        = time.Minute
	DefaultTimeout   = 10 * time.Second
	MaxTimeout       = 5 * time.Minute
	maxTextBytes     = 1024 // of each text; HAProxy takes commands of 16 KiB
)

// tcpScheme begins a Socket that is no path.
const tcpScheme = "tcp://"

// Params are the parameters of the executor gateway.haproxy.
type Params struct {
	// Socket is where HAProxy's Runtime API listens (stats socket in its
	// configuration, level admin): the path of a unix socket such as
	// /run/haproxy/admin.sock, or an address such as tcp://127.0.0.1:9999.
	// The API asks for no password, so keep an address to the host. Required.
	Socket string `json:"socket"`

	// Map is the path of the map file as it stands in HAProxy's configuration,
	// by which HAProxy knows the map. Required.
	Map string `json:"map"`

	// To is the value that each target's entry is given: the name of a backend.
	// Required.
	To string `json:"to"`

	// Key is the key of a target's entry; {{target}} stands for the target's
	// name, as in {{target}}.example.com. Empty: the target's name.
	Key string `json:"key,omitempty"`

	// Create adds an entry for a target that has none, and rollback removes it
	// again. False: such a target is refused with UNKNOWN_TARGET.
	Create bool `json:"create,omitempty"`

	// AnyValue says that the map's values are something else than backends.
	// False: a value that is no backend is refused with UNKNOWN_BACKEND, for
	// HAProxy would take it and answer 503.
	AnyValue bool `json:"anyValue,omitempty"`

	// File is the path at which this worker finds the map file, where it is
	// another one than the parameter map. Empty: the same.
	File string `json:"file,omitempty"`

	// RuntimeOnly leaves the map file as it is, so that the change ends with
	// the next reload or restart of HAProxy. False: the file is made to agree
	// after each batch.
	RuntimeOnly bool `json:"runtimeOnly,omitempty"`

	// BatchSize is the most targets that are changed before the map file is
	// written, from 1 to 5000. 0: 500.
	BatchSize int `json:"batchSize,omitempty"`

	// Settle is how long to wait after each change before it is verified, and
	// before this worker changes the same HAProxy again. 0: not at all. At most
	// 1m.
	Settle domain.Duration `json:"settle,omitempty"`

	// Probe is a request that is made for each target through the gateway, to
	// see that its route has changed. Absent: the running map is read back, and
	// no request is made.
	Probe *Probe `json:"probe,omitempty"`

	// Timeout is how long HAProxy may take to answer, and a request of the probe
	// with its answer; from 1ms to 5m. 0: 10s.
	Timeout domain.Duration `json:"timeout,omitempty"`
}

// Probe is a request through the gateway.
type Probe = gateway.Probe

// Validate returns everything that is wrong with the parameters.
func (p Params) Validate() error {
	return errors.Join(
		checkSocket(p.Socket),
		checkWord("map", p.Map, true),
		checkMapName(p.Map),
		checkWord("to", p.To, true),
		checkKey(p.Key),
		checkFile(p),
		checkBounds(p),
		p.Probe.Check(),
	)
}

func checkSocket(socket string) error {
	const example = "has to be the path of a unix socket such as /run/haproxy/admin.sock, or an address such as tcp://127.0.0.1:9999"
	if address, ok := strings.CutPrefix(socket, tcpScheme); ok {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return activities.BadParam("socket", example)
		}
		return nil
	}
	if !filepath.IsAbs(socket) || strings.ContainsFunc(socket, unicode.IsControl) {
		return activities.BadParam("socket", example)
	}
	return nil
}

// checkWord returns what keeps a text from being one word of a command.
func checkWord(name, text string, required bool) error {
	switch {
	case text == "" && required:
		return activities.BadParam(name, "is missing")
	case text == "":
		return nil
	case len(text) > maxTextBytes:
		return activities.BadParam(name, "has %d bytes, but may have %d at most", len(text), maxTextBytes)
	}
	if err := notOneWord(text); err != nil {
		return activities.BadParam(name, "%w", err)
	}
	return nil
}

// notOneWord says why HAProxy would not take a text as one word that stands for
// itself: it ends commands at a semicolon and words at a blank, takes the word
// behind a backslash for something else, and << for the beginning of a payload.
func notOneWord(text string) error {
	switch {
	case !utf8.ValidString(text):
		return fmt.Errorf("%q is no valid UTF-8", text)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fmt.Errorf("%q has blanks or control characters", text)
	case strings.ContainsAny(text, `;\`), strings.Contains(text, "<<"):
		return fmt.Errorf("%q has a semicolon, a backslash or <<", text)
	}
	return nil
}

func checkMapName(name string) error {
	if strings.HasPrefix(name, "#") || strings.HasPrefix(name, "@") {
		return activities.BadParam("map", "is %q, but has to be the path of the map file as it stands in HAProxy's configuration, for numbers change with it", name)
	}
	return nil
}

func checkKey(key string) error {
	switch {
	case key == "":
		return nil
	case !strings.Contains(key, placeholder.Target):
		return activities.BadParam("key", "is %q, which is the same for every target; it has to contain %s", key, placeholder.Target)
	case strings.HasPrefix(key, "#"):
		return activities.BadParam("key", "begins with #, which HAProxy takes for the number of an entry")
	}
	return checkWord("key", key, false)
}

func checkFile(p Params) error {
	switch {
	case p.RuntimeOnly && p.File != "":
		return activities.BadParam("file", "and runtimeOnly do not go together")
	case p.RuntimeOnly:
		return nil
	case p.File == "" && p.Map != "" && !filepath.IsAbs(p.Map):
		return activities.BadParam("file", "is missing: the parameter map is a relative path, which this worker would look for in another folder than HAProxy does; name the file, or set runtimeOnly")
	case p.File != "" && (!filepath.IsAbs(p.File) || strings.ContainsFunc(p.File, unicode.IsControl)):
		return activities.BadParam("file", "is %q, but has to be an absolute path", p.File)
	}
	return nil
}

func checkBounds(p Params) error {
	var faults []error
	if p.BatchSize < 0 || p.BatchSize > MaxBatchSize {
		faults = append(faults, activities.BadParam("batchSize", "is %d, but has to be from 1 to %d", p.BatchSize, MaxBatchSize))
	}
	if settle := time.Duration(p.Settle); settle < 0 || settle > MaxSettle {
		faults = append(faults, activities.BadParam("settle", "is %s, but has to be from 0s to %s", settle, MaxSettle))
	}
	if timeout := time.Duration(p.Timeout); timeout != 0 && (timeout < time.Millisecond || timeout > MaxTimeout) {
		faults = append(faults, activities.BadParam("timeout", "is %s, but has to be from 1ms to %s", timeout, MaxTimeout))
	}
	return errors.Join(faults...)
}

// withDefaults returns the parameters with what was left out filled in.
func (p Params) withDefaults() Params {
	if p.Key == "" {
		p.Key = placeholder.Target
	}
	if p.File == "" {
		p.File = p.Map
	}
	if p.BatchSize == 0 {
		p.BatchSize = DefaultBatchSize
	}
	if p.Timeout == 0 {
		p.Timeout = domain.Duration(DefaultTimeout)
	}
	return p
}

// key returns the key of a target's entry. It refuses one that HAProxy would
// read as something else.
func (p Params) key(target string) (string, error) {
	key := placeholder.Text(p.Key, target)
	if err := notOneWord(key); err != nil {
		return "", activities.Refused(CodeBadTarget, "the key of the target's entry cannot be used: %w", err)
	}
	if strings.HasPrefix(key, "#") {
		return "", activities.Refused(CodeBadTarget, "the key of the target's entry cannot be used: %q begins with #, which HAProxy takes for the number of an entry", key)
	}
	return key, nil
}
