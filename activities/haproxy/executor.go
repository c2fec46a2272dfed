// Package haproxy is the executor gateway.haproxy: it gives the entry of each
// target in a map of HAProxy another value, through the Runtime API, and makes
// the map file agree, a batch of targets at a time.
package haproxy

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// Name is what a plan file names as executor.
const Name = "gateway.haproxy"

// The steps. With runtimeOnly there is no PERSIST_MAP.
const (
	StepSwitch  = "SWITCH_GATEWAY"
	StepPersist = "PERSIST_MAP"
	StepVerify  = "VERIFY_ROUTE"
)

//go:embed params.go
var paramsSource string

// Executor returns the executor gateway.haproxy. The attempts of one executor
// change the same HAProxy one after the other. Probes, and sockets that are
// addresses, reach what allow says.
func Executor(allow egress.Allow) activities.Executor {
	writers := gateway.NewLanes()
	return activities.Define(Name, func(ctx context.Context, p Params) (*activities.Work, error) {
		return open(p, activities.EarlierParams[Params](ctx), allow, writers), nil
	}).Describe(activities.About{
		Summary:      "give each target's entry in a map of HAProxy another backend, through the Runtime API, and save the map file",
		Steps:        []string{StepSwitch, StepPersist, StepVerify},
		RecordsPrior: true, Reversible: true, BatchSize: DefaultBatchSize,
		Source: paramsSource,
	})
}

// open makes the work of one attempt.
func open(p Params, earlier []Params, allow egress.Allow, writers *gateway.Lanes) *activities.Work {
	p = p.withDefaults()
	m := &runtimeMap{api: newAPI(p, allow), params: p, ours: []string{p.To}, lane: writers.Of(p.Socket), held: map[string]activities.Target{}}
	for _, before := range earlier {
		m.ours = append(m.ours, before.To)
	}
	if p.Probe != nil {
		m.prober = gateway.NewProber(allow, *p.Probe, p.To, time.Duration(p.Timeout))
	}
	work := &activities.Work{
		BatchSize:  p.BatchSize,
		PriorBatch: MaxBatchSize, // one read tells them all
		Prior:      m.prior,
		Steps:      []activities.Step{{Name: StepSwitch, Do: m.switchBatch}},
		Rollback:   m.rollback,
	}
	if !p.RuntimeOnly {
		m.file = &mapFile{path: p.File}
		work.Steps = append(work.Steps, activities.Step{Name: StepPersist, Do: m.persist})
	}
	work.Steps = append(work.Steps, activities.Step{Name: StepVerify, Do: m.verify})
	return work
}

// runtimeMap is one map of a running HAProxy, and what is wanted of it. What
// changes in it is guarded by the lane.
type runtimeMap struct {
	api    *api
	params Params
	ours   []string // the value that targets are given, and those of the task's earlier parameters
	lane   gateway.Lane
	file   *mapFile        // nil: the file is left as it is
	prober *gateway.Prober // nil: no request is made

	process  *process                     // which answered last
	held     map[string]activities.Target // what this attempt has brought to where it is wanted
	suspects []activities.Target          // of held, where a reload may have undone it
}

// prior reads what each target's entry is. Where targets are unknown it returns
// the values of the others as well. It refuses a map file that could not be
// written later, before anything is changed.
func (m *runtimeMap) prior(ctx context.Context, targets []string) ([]domain.Prior, error) {
	batch := make([]activities.Target, len(targets))
	for i, target := range targets {
		batch[i].Name = target
	}
	entries, _, err := m.look(ctx, batch)
	if err != nil {
		return nil, err
	}
	if m.file != nil {
		if err := m.file.check(entries); err != nil {
			return nil, err
		}
	}
	values, failed := make([]domain.Prior, len(targets)), activities.TargetErrors{}
	for i, target := range targets {
		if values[i], err = m.priorOf(entries, target); err != nil {
			failed[target] = err
		}
	}
	return values, gateway.OrNil(failed)
}

func (m *runtimeMap) priorOf(entries map[string]entry, target string) (domain.Prior, error) {
	_, now, err := m.find(entries, target)
	switch {
	case err != nil:
		return domain.Prior{}, err
	case now.count == 0 && !m.params.Create:
		return domain.Prior{}, m.unknown()
	case now.count == 0:
		return domain.Prior{Absent: true}, nil
	case !restorable(now.value):
		return domain.Prior{}, activities.Refused(CodeNotRestorable, "the target's entry is %q, which the Runtime API could not put back, because it is empty or has control characters or <<; change it by hand, or take the target out of the plan", now.value)
	}
	value, err := json.Marshal(now.value)
	return domain.Prior{Value: value}, err
}

// restorable reports whether the Runtime API can set a value.
func restorable(value string) bool {
	isOdd := func(r rune) bool { return r != '\t' && unicode.IsControl(r) }
	return value != "" && utf8.ValidString(value) && !strings.ContainsFunc(value, isOdd) && !strings.Contains(value, "<<")
}

// switchBatch gives the targets' entries the value that is wanted.
func (m *runtimeMap) switchBatch(ctx context.Context, batch []activities.Target) error {
	return m.change(ctx, batch, m.switchTarget)
}

// switchTarget gives a target's entry the value that is wanted, and leaves alone
// one that has it already. An entry that is something else than it was before
// the task was changed by somebody else.
func (m *runtimeMap) switchTarget(now entry, target activities.Target) (want *string, changed bool, err error) {
	prior, err := before(target)
	switch {
	case err != nil:
		return nil, false, err
	case now.is(&m.params.To):
		return nil, false, nil
	case !now.is(prior) && !m.isOurs(now):
		return nil, false, drift(now, describe(prior)+" was recorded before the change")
	case now.count == 0 && !m.params.Create:
		return nil, false, m.unknown()
	}
	return &m.params.To, true, nil
}

// putBack gives a target's entry the value that was recorded, or removes it
// where there was none. It touches only what the task has made of it.
func (m *runtimeMap) putBack(now entry, target activities.Target) (want *string, changed bool, err error) {
	prior, err := before(target)
	switch {
	case err != nil:
		return nil, false, err
	case now.is(prior):
		return nil, false, nil
	case !m.isOurs(now):
		return nil, false, drift(now, fmt.Sprintf("this task has made it %q, and %s was recorded before", m.params.To, describe(prior)))
	}
	return prior, true, nil
}

// isOurs reports whether the task has made an entry what it is.
func (m *runtimeMap) isOurs(now entry) bool {
	return now.count > 0 && slices.Contains(m.ours, now.value)
}

func (m *runtimeMap) unknown() error {
	return activities.Refused(CodeUnknownTarget, "the map %s of HAProxy at %s has no entry for the target; add one, take the target out of the plan, or set create", m.params.Map, m.api.address)
}

// is reports whether an entry has a value; nil is absent.
func (e entry) is(value *string) bool {
	if value == nil {
		return e.count == 0
	}
	return e.count > 0 && e.value == *value
}

// before returns what was recorded of a target; nil is absent.
func before(target activities.Target) (*string, error) {
	if target.Prior.Absent {
		return nil, nil
	}
	var value *string
	if err := json.Unmarshal(target.Prior.Value, &value); err != nil || value == nil {
		return nil, activities.Refused(CodeDrift, "what was recorded of the target before the change is %q, which is no value of a map; the entry is left as it is", target.Prior.Value)
	}
	return value, nil
}

func drift(now entry, expected string) error {
	return activities.Refused(CodeDrift, "the entry is %s, but %s; somebody else has changed it, so it is left as it is", now, expected)
}

func (e entry) String() string {
	if e.count == 0 {
		return describe(nil)
	}
	return describe(&e.value)
}

// describe says what an entry is.
func describe(value *string) string {
	if value == nil {
		return "absent"
	}
	return fmt.Sprintf("%q", *value)
}
