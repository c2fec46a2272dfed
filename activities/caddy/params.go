package caddy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/domain"
)

// Defaults and bounds of the parameters.
const (
	DefaultID        = "tenants"
	DefaultBatchSize = 100
	MaxBatchSize     = 5000
	MaxSettle        = time.Minute
	DefaultTimeout   = 10 * time.Second
	MaxTimeout       = 5 * time.Minute
	maxTextBytes     = 1024 // of id, to and destination
)

// Params are the parameters of the executor gateway.caddy.
type Params struct {
	// Admin is the URL of Caddy's admin API, such as http://127.0.0.1:2019.
	// Required.
	Admin string `json:"admin"`

	// To is the value that each target's mapping is given: the name of a pool.
	// Required.
	To string `json:"to"`

	// ID is the @id of the map handler in Caddy's configuration. Empty:
	// tenants.
	ID string `json:"id,omitempty"`

	// Destination is the one of the handler's destinations that is changed,
	// as it stands there: {pool}. May be empty where the handler has exactly
	// one.
	Destination string `json:"destination,omitempty"`

	// Create adds a mapping for a target that has none, and rollback removes
	// it again. False: such a target is refused with UNKNOWN_TARGET.
	Create bool `json:"create,omitempty"`

	// BatchSize is the most targets that are changed by one reload of the
	// gateway, from 1 to 5000. 0: 100.
	BatchSize int `json:"batchSize,omitempty"`

	// Settle is how long to wait after each change, before it is verified and
	// before this worker changes the same gateway again: connections drain,
	// and reloads are paced. 0: not at all. At most 1m.
	Settle domain.Duration `json:"settle,omitempty"`

	// Probe is a request that is made for each target through the gateway,
	// to see that its route has changed. Absent: the configuration is read
	// back, and no request is made.
	Probe *Probe `json:"probe,omitempty"`

	// Timeout is how long one request may take, its answer included; from 1ms
	// to 5m. 0: 10s.
	Timeout domain.Duration `json:"timeout,omitempty"`
}

// Probe is a request through the gateway.
type Probe = gateway.Probe

// Validate returns everything that is wrong with the parameters.
func (p Params) Validate() error {
	return errors.Join(
		checkAdmin(p.Admin),
		checkText("to", p.To, true),
		checkText("destination", p.Destination, false),
		checkID(p.ID),
		checkBounds(p),
		p.Probe.Check(),
	)
}

func checkAdmin(text string) error {
	const example = "has to be the URL of Caddy's admin API, such as http://127.0.0.1:2019"
	admin, err := url.Parse(text)
	switch {
	case err != nil:
		var fault *url.Error // its text would repeat a password
		if errors.As(err, &fault) {
			err = fault.Err
		}
		return activities.BadParam("admin", "%s: %w", example, err)
	case admin.Scheme != "http" && admin.Scheme != "https" || admin.Hostname() == "":
		return activities.BadParam("admin", example)
	case admin.RawQuery != "" || admin.Fragment != "":
		return activities.BadParam("admin", "%s, without a query or a fragment", example)
	}
	return nil
}

func checkID(id string) error {
	if strings.ContainsAny(id, "/?#%") || id == "." || id == ".." {
		return activities.BadParam("id", "is %q, but Caddy's admin API cannot find an @id with a slash, a question mark, a hash sign, a per cent sign or only dots", id)
	}
	return checkText("id", id, false)
}

func checkText(name, text string, required bool) error {
	switch {
	case text == "" && required:
		return activities.BadParam(name, "is missing")
	case len(text) > maxTextBytes:
		return activities.BadParam(name, "has %d bytes, but may have %d at most", len(text), maxTextBytes)
	case strings.ContainsFunc(text, unicode.IsControl):
		return activities.BadParam(name, "has control characters")
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
	if p.ID == "" {
		p.ID = DefaultID
	}
	if p.BatchSize == 0 {
		p.BatchSize = DefaultBatchSize
	}
	if p.Timeout == 0 {
		p.Timeout = domain.Duration(DefaultTimeout)
	}
	return p
}

// value returns the mapping's output that To stands for.
func (p Params) value() (json.RawMessage, error) {
	value, err := json.Marshal(p.To)
	if err != nil {
		return nil, fmt.Errorf("writing the value %q as JSON: %w", p.To, err)
	}
	return value, nil
}
