package haproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
)

// read reads the entries of targets from the running map.
func (m *runtimeMap) read(c *conversation, batches ...[]activities.Target) (map[string]entry, error) {
	entries := map[string]entry{}
	for _, batch := range batches {
		for _, target := range batch {
			if key, err := m.params.key(target.Name); err == nil {
				entries[key] = entry{}
			}
		}
	}
	return entries, c.readMap(m.params.Map, entries)
}

// look is read in a conversation of its own. It reports whether another process
// answers than before, which a reload has started.
func (m *runtimeMap) look(ctx context.Context, batch []activities.Target) (entries map[string]entry, reloaded bool, err error) {
	err = m.inLane(ctx, func() error {
		return m.api.converse(ctx, func(c *conversation) (err error) {
			reloaded = m.process != nil && *m.process != c.process
			entries, err = m.read(c, batch)
			return err
		})
	})
	return entries, reloaded, err
}

func (m *runtimeMap) inLane(ctx context.Context, do func() error) error {
	if err := m.lane.Enter(ctx); err != nil {
		return fmt.Errorf("waiting for others at HAProxy %s: %w", m.api.address, err)
	}
	defer m.lane.Leave()
	return do()
}

// find returns a target's key and entry. It refuses one that stands in the map
// several times.
func (m *runtimeMap) find(entries map[string]entry, target string) (string, entry, error) {
	key, err := m.params.key(target)
	if err != nil {
		return "", entry{}, err
	}
	now := entries[key]
	if now.count > 1 {
		return "", entry{}, activities.Refused(CodeDuplicate, "the key %q stands in the map %s of HAProxy at %s %d times, so that it is not clear which entry is meant; remove all but one", key, m.params.Map, m.api.address, now.count)
	}
	return key, now, nil
}

// confirm reads the targets' entries back, on a connection of its own. What a
// reload has undone since the change is done again. The targets that are not
// what is wanted are put into failed.
func (m *runtimeMap) confirm(ctx context.Context, batch []activities.Target, decide decide, wanted wanted, failed activities.TargetErrors) error {
	entries, reloaded, err := m.look(ctx, batch)
	if err == nil && reloaded {
		if err = collect(m.change(ctx, batch, decide), failed); err == nil {
			entries, _, err = m.look(ctx, batch)
		}
	}
	if err != nil {
		return err
	}
	for _, target := range without(batch, failed) {
		_, now, err := m.find(entries, target.Name)
		if err == nil {
			var want *string
			if want, err = wanted(target); err == nil && !now.is(want) {
				err = activities.Broken(CodeNotSwitched, "the entry is %s after it was changed to %s; somebody else changes it, or HAProxy was started again", now, describe(want))
			}
		}
		if err != nil {
			failed[target.Name] = err
		}
	}
	return nil
}

// wanted returns what a target's entry has to be; nil is absent.
type wanted func(activities.Target) (*string, error)

func (m *runtimeMap) switched(activities.Target) (*string, error) { return &m.params.To, nil }

// persist makes the map file agree with the running map, for the targets whose
// entry there is what is wanted.
func (m *runtimeMap) persist(ctx context.Context, batch []activities.Target) error {
	failed := activities.TargetErrors{}
	if err := m.save(ctx, batch, m.switchTarget, m.switched, failed); err != nil {
		return err
	}
	return gateway.OrNil(failed)
}

func (m *runtimeMap) save(ctx context.Context, batch []activities.Target, decide decide, wanted wanted, failed activities.TargetErrors) error {
	if err := m.confirm(ctx, batch, decide, wanted, failed); err != nil {
		return err
	}
	var lines []line
	for _, target := range without(batch, failed) {
		key, err := m.params.key(target.Name)
		if err != nil {
			return err
		}
		value, err := wanted(target)
		if err != nil {
			return err
		}
		lines = append(lines, line{key: key, value: value})
	}
	return m.inLane(ctx, func() error { return m.file.write(ctx, lines) })
}

// verify sees that the targets' entries are what is wanted, and where a probe is
// given that requests go there.
func (m *runtimeMap) verify(ctx context.Context, batch []activities.Target) error {
	failed := activities.TargetErrors{}
	if err := m.confirm(ctx, batch, m.switchTarget, m.switched, failed); err != nil {
		return err
	}
	if m.prober != nil {
		var names []string
		for _, target := range without(batch, failed) {
			names = append(names, target.Name)
		}
		if err := m.prober.All(ctx, names, failed); err != nil {
			return err
		}
	}
	return gateway.OrNil(failed)
}

// rollback gives the targets' entries what was recorded, in the running map and
// in the file.
func (m *runtimeMap) rollback(ctx context.Context, batch []activities.Target) error {
	failed := activities.TargetErrors{}
	if err := collect(m.change(ctx, batch, m.putBack), failed); err != nil {
		return err
	}
	finish := m.confirm
	if m.file != nil {
		finish = m.save
	}
	if err := finish(ctx, without(batch, failed), m.putBack, before, failed); err != nil {
		return err
	}
	return gateway.OrNil(failed)
}

// collect puts the errors of single targets into failed, and returns any other
// error.
func collect(err error, failed activities.TargetErrors) error {
	var single activities.TargetErrors
	if !errors.As(err, &single) {
		return err
	}
	maps.Copy(failed, single)
	return nil
}

// without returns the targets of a batch that have not failed.
func without(batch []activities.Target, failed activities.TargetErrors) []activities.Target {
	return slices.DeleteFunc(slices.Clone(batch), func(t activities.Target) bool { return failed[t.Name] != nil })
}
