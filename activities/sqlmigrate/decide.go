package sqlmigrate

import (
	"slices"

	"github.com/seed-3652815f/sluice/activities"
)

// forward decides what applying a migration takes.
func forward(m *migration, fence int64) decide {
	return func(f found) (*change, error) {
		if err := mayApply(f, m, fence); err != nil || f.done(m) {
			return nil, err
		}
		return &change{
			statements: m.up, marker: marker{checksum: m.checksum, state: stateApplied, fence: fence},
			record: m.isVersion(), applied: true,
		}, nil
	}
}

// mayApply refuses a migration that is not what was done under its name, or
// that somebody has gone past.
func mayApply(f found, m *migration, fence int64) error {
	known := f.marker
	begun := known.state == stateApplying || known.state == stateUndoing
	switch {
	case (f.done(m) && known.state == stateApplied || known.state == stateApplying) && known.checksum != m.checksum:
		return activities.Refused(CodeChecksum, "the migration %s was applied already, but from another script (checksum %.12s, now %.12s); give the edited script a name of its own", m.name, known.checksum, m.checksum)
	case f.done(m):
		return nil
	case known.state != stateNone && known.fence > fence:
		return activities.Refused(CodeSuperseded, "a later attempt was here before this one (fence %d, now %d), and the migration %s is %s", known.fence, fence, m.name, known.state)
	case known.state == stateUndoing:
		return activities.Refused(CodeOutcomeUnknown, "the rollback of the migration %s was begun and has not come to its end; roll it back once more before it is applied again", m.name)
	case begun && m.useTx:
		return activities.Refused(CodeOutcomeUnknown, "the migration %s was begun without a transaction, and is one with a transaction now; look what was done, and then delete its row in %s", m.name, markerTable)
	}
	return nil
}

// backward decides what undoing a migration takes. Earlier are those that the
// task had under the same name before a retry replaced them. A tombstone is
// left also where nothing was applied, so that a late attempt does not apply
// it after all.
func backward(m *migration, earlier []*migration, fence int64) decide {
	return func(f found) (*change, error) {
		done, err := mayUndo(f, m, earlier, fence)
		if err != nil {
			return nil, err
		}
		tombstone := &change{marker: marker{checksum: m.checksum, state: stateRolledBack, fence: max(fence, f.marker.fence)}}
		if done != nil {
			tombstone.statements, tombstone.marker.checksum = done.down, done.checksum
			tombstone.record = m.isVersion()
		}
		return tombstone, nil
	}
}

// mayUndo returns the migration that is to be undone: the one that was
// applied; nil where none was. It refuses what is not the task's own.
func mayUndo(f found, m *migration, earlier []*migration, fence int64) (*migration, error) {
	known := f.marker
	begun := known.state == stateApplying || known.state == stateUndoing
	if !f.done(m) && !begun {
		return nil, nil
	}
	own := slices.IndexFunc(earlier, func(e *migration) bool { return e.checksum == known.checksum })
	done := m
	switch {
	case m.isVersion() && f.applied && known.state != stateApplied && !begun:
		return nil, activities.Refused(CodeDrift, "somebody else has applied the migration %s since, so it is left as it is", m.name)
	case known.fence > fence:
		return nil, activities.Refused(CodeSuperseded, "a later attempt was here before this one (fence %d, now %d), and the migration %s is %s", known.fence, fence, m.name, known.state)
	case known.checksum == m.checksum:
	case own >= 0:
		done = earlier[own]
	default:
		return nil, activities.Refused(CodeDrift, "the migration %s was applied from another script (checksum %.12s, now %.12s), so what undoes it is not known; it is left as it is", m.name, known.checksum, m.checksum)
	}
	if len(done.down) == 0 {
		return nil, activities.Refused(CodeNoDown, "nothing says how to undo the migration %s; add a -- +goose Down, or undo it by hand", m.name)
	}
	return done, nil
}
