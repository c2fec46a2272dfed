package haproxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
)

// maxWrites bounds how often one batch is written while answers are lost or
// others add and remove the same entries.
const maxWrites = 10

// decide says what the target's entry has to become; nil is absent. Where
// changed is false it stays as it is. An error is that target's only.
type decide func(now entry, target activities.Target) (want *string, changed bool, err error)

// change brings a batch of targets to where decide wants them. It reads and
// writes until HAProxy has confirmed every change, or a read shows that nothing
// is left to do; that is how a change whose answer was lost is found to have been
// made. The step after it reads on a connection of its own.
func (m *runtimeMap) change(ctx context.Context, batch []activities.Target, decide decide) error {
	if err := m.lane.Enter(ctx); err != nil {
		return fmt.Errorf("waiting for other changes at HAProxy %s: %w", m.api.address, err)
	}
	defer m.lane.Leave()

	for writes := 0; ; writes++ {
		var p *plan
		var unsure error // why the outcome of the write is not known
		err := m.api.converse(ctx, func(c *conversation) (err error) {
			if p, err = m.plan(c, batch, decide); err == nil && !p.done() {
				unsure, err = p.write(c)
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case unsure == nil:
			return m.settled(ctx, batch, p.failed, !p.done() || writes > 0)
		case writes == maxWrites:
			return m.busy(unsure)
		}
		// A short wait lets a change arrive that is late.
		if err := gateway.Wait(ctx, time.Duration(1+rand.IntN(20*(writes+1)))*time.Millisecond); err != nil {
			return err
		}
	}
}

// settled notes what a change has done and waits for the gateway to settle.
func (m *runtimeMap) settled(ctx context.Context, batch []activities.Target, failed activities.TargetErrors, changed bool) error {
	m.suspects = nil
	for _, target := range batch {
		if failed[target.Name] == nil {
			m.held[target.Name] = target
		}
	}
	if changed {
		if err := gateway.Wait(ctx, time.Duration(m.params.Settle)); err != nil {
			return err
		}
	}
	return gateway.OrNil(failed)
}

func (m *runtimeMap) busy(unsure error) error {
	var refusal *refusalError
	if errors.As(unsure, &refusal) {
		return activities.Refused(CodeRefused, "changing the map %s of HAProxy at %s: %w", m.params.Map, m.api.address, unsure)
	}
	return activities.Unavailable(CodeBusy, "changing the map %s of HAProxy at %s, %d times: %w", m.params.Map, m.api.address, maxWrites, unsure)
}

// plan is what has to be written to bring a batch to where it is wanted.
type plan struct {
	commands []string
	targets  []string // by command
	failed   activities.TargetErrors
}

// plan reads what stands there and decides what to write. Where another process
// than before answers, a reload has loaded the map file as it was some moments
// ago: what this attempt had changed until then is looked at once more.
func (m *runtimeMap) plan(c *conversation, batch []activities.Target, decide decide) (*plan, error) {
	if m.process != nil && *m.process != c.process {
		m.suspects = make([]activities.Target, 0, len(m.held))
		for _, target := range m.held {
			m.suspects = append(m.suspects, target)
		}
	}
	m.process = &c.process
	entries, err := m.read(c, batch, m.suspects)
	if err != nil {
		return nil, err
	}
	p := &plan{failed: activities.TargetErrors{}}
	backends := map[string]bool{}
	if !m.params.AnyValue {
		if backends, err = c.backends(); err != nil {
			return nil, err
		}
	}
	for _, target := range batch {
		if err := m.add(p, target, entries, backends, decide); err != nil {
			p.failed[target.Name] = err
		}
	}
	for _, target := range m.suspects {
		// What somebody else has made of a target that was done is theirs.
		_ = m.add(p, target, entries, backends, decide)
	}
	return p, nil
}

// add decides about one target and adds the command that it takes.
func (m *runtimeMap) add(p *plan, target activities.Target, entries map[string]entry, backends map[string]bool, decide decide) error {
	key, now, err := m.find(entries, target.Name)
	if err != nil {
		return err
	}
	want, changed, err := decide(now, target)
	if err != nil || !changed {
		return err
	}
	if want != nil && !m.params.AnyValue && !backends[*want] {
		return activities.Refused(CodeUnknownBackend, "HAProxy at %s has no backend %q, so that it would answer 503 for the target; name another one, or set anyValue where the map's values are no backends", m.api.address, *want)
	}
	p.commands = append(p.commands, command(m.params.Map, key, now, want))
	p.targets = append(p.targets, target.Name)
	return nil
}

// done reports whether nothing is left to be written.
func (p *plan) done() bool { return len(p.commands) == 0 }

// write carries the plan out. Where another read has to tell what came of it,
// unsure says why.
func (p *plan) write(c *conversation) (unsure, err error) {
	said, err := c.change(p.commands)
	var unknown *outcomeUnknownError
	switch {
	case c.ctx.Err() != nil:
		return nil, c.ctx.Err()
	case errors.As(err, &unknown):
		return unknown, nil
	}
	for i, text := range said {
		if text != "" { // of an entry that somebody has removed or added since it was read
			unsure = fmt.Errorf("changing the entry of %s: %w", p.targets[i], &refusalError{said: text})
		}
	}
	return unsure, err
}
