package sqlmigrate

import (
	"context"
	"slices"

	"github.com/seed-3652815f/sluice/activities"
)

// rollback puts one target back to where it stood before the task.
func (r *runner) rollback(ctx context.Context, target activities.Target) error {
	stood, recorded, err := decodePrior(target.Prior)
	if err != nil {
		return err
	}
	if r.script != nil {
		if stood.Checksum != "" {
			return nil // it was applied before the task, which has changed nothing
		}
		return r.do(ctx, target.Name, r.script, recordedOnly(recorded, r.script, backward(r.script, r.earlier, target.Fence)))
	}
	found, err := r.surveyOne(ctx, target.Name)
	if err == nil {
		err = r.mayRollBack(found, stood, target.Fence)
	}
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(r.versions) {
		if stood.had(m.version) {
			continue
		}
		if err := r.do(ctx, target.Name, m, recordedOnly(recorded, m, backward(m, nil, target.Fence))); err != nil {
			return err
		}
	}
	return nil
}

// mayRollBack refuses a target where one of the versions cannot be undone,
// before any of them is.
func (r *runner) mayRollBack(at surveyed, stood standing, fence int64) error {
	for _, version := range at.applied {
		if !stood.had(version) && !slices.ContainsFunc(r.versions, func(m *migration) bool { return m.version == version }) {
			return activities.Refused(CodeDrift, "version %d, which is not this task's, was applied since; it is left as it is, and so are the older ones; roll that one back first", version)
		}
	}
	for _, m := range r.versions {
		if stood.had(m.version) || !slices.Contains(at.applied, m.version) {
			continue
		}
		f := found{applied: true}
		if known, marked := at.checksums[m.name]; marked {
			f.marker = marker{checksum: known, state: stateApplied}
		}
		if _, err := mayUndo(f, m, nil, fence); err != nil {
			return err
		}
	}
	return nil
}

// recordedOnly refuses to undo where it was not recorded that the task has done
// it: it may have stood there before.
func recordedOnly(recorded bool, m *migration, undo decide) decide {
	if recorded {
		return undo
	}
	return func(f found) (*change, error) {
		if f.done(m) {
			return nil, activities.Refused(CodeDrift, "the migration %s is applied, but it was not recorded whether it was so before the task; it is left as it is", m.name)
		}
		return undo(f)
	}
}
