package sqlmigrate

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// surveysAtOnce is how many databases are looked at at once.
const surveysAtOnce = 8

// priors reads what stands at the targets. Where some cannot be read it
// returns the values of the others as well.
func (r *runner) priors(ctx context.Context, targets []string) ([]domain.Prior, error) {
	values, failed := make([]domain.Prior, len(targets)), activities.TargetErrors{}
	all, err := r.surveys(ctx, targets, failed)
	if err != nil {
		return nil, err
	}
	for i, target := range targets {
		if failed[target] != nil {
			continue
		}
		if values[i], err = r.prior(all[i]); err != nil {
			failed[target] = err
		}
	}
	return values, orNil(failed)
}

// surveys surveys all targets: at once where they share a database, else one
// by one. What is a single target's it puts into failed.
func (r *runner) surveys(ctx context.Context, targets []string, failed activities.TargetErrors) ([]surveyed, error) {
	if r.connector.pool != nil {
		return r.surveyShared(ctx, targets, failed)
	}
	all := make([]surveyed, len(targets))
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(surveysAtOnce)
	for i, target := range targets {
		group.Go(func() error {
			found, err := r.surveyOne(ctx, target)
			mu.Lock()
			defer mu.Unlock()
			if all[i] = found; err != nil {
				failed[target] = err
			}
			return nil
		})
	}
	return all, group.Wait()
}

func (r *runner) surveyShared(ctx context.Context, targets []string, failed activities.TargetErrors) ([]surveyed, error) {
	var places []place
	var which []int
	for i, target := range targets {
		schema, err := identifier(r.params.Schema, target)
		if err != nil {
			failed[target] = err
			continue
		}
		places, which = append(places, r.place(target, schema)), append(which, i)
	}
	all := make([]surveyed, len(targets))
	return all, r.connector.use(ctx, "", func(conn *pgx.Conn) error {
		found, err := r.survey(ctx, conn, places)
		if err != nil {
			return err
		}
		for k, i := range which {
			if all[i] = found[k]; !found[k].exists {
				failed[targets[i]] = unknownSchema(strconv.Quote(places[k].schema))
			}
		}
		return nil
	})
}

// surveyOne surveys one target.
func (r *runner) surveyOne(ctx context.Context, target string) (found surveyed, err error) {
	err = r.connector.use(ctx, target, func(conn *pgx.Conn) error {
		p, err := r.placeOf(ctx, conn, target)
		if err != nil {
			return err
		}
		all, err := r.survey(ctx, conn, []place{p})
		if err != nil {
			return err
		}
		if found = all[0]; !found.exists {
			return unknownSchema(strconv.Quote(p.schema))
		}
		return nil
	})
	return found, err
}

// place is a schema with the tables that the task needs there.
func (r *runner) place(target, schema string) place {
	if r.script != nil {
		return newPlace(target, schema, "")
	}
	return newPlace(target, schema, r.params.VersionTable)
}

// placeOf finds the schema of a target, by asking where the parameters name
// none.
func (r *runner) placeOf(ctx context.Context, conn *pgx.Conn, target string) (place, error) {
	schema, err := identifier(r.params.Schema, target)
	if err == nil && schema == "" {
		schema, err = currentSchema(ctx, conn)
	}
	return r.place(target, schema), err
}

func (r *runner) searchPath(p place) string {
	path := pgx.Identifier{p.schema}.Sanitize()
	for _, schema := range r.params.SearchPath {
		path += ", " + pgx.Identifier{schema}.Sanitize()
	}
	return path
}

// migrate brings one target to where the task wants it.
func (r *runner) migrate(ctx context.Context, target activities.Target) error {
	if r.script != nil {
		return r.do(ctx, target.Name, r.script, forward(r.script, target.Fence))
	}
	found, err := r.surveyOne(ctx, target.Name)
	if err != nil {
		return err
	}
	pending, err := r.pending(found)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if err := r.do(ctx, target.Name, m, forward(m, target.Fence)); err != nil {
			return err
		}
	}
	return nil
}

// pending returns the versions that are still to be applied.
func (r *runner) pending(found surveyed) (pending versions, err error) {
	for _, m := range r.versions {
		known, marked := found.checksums[m.name]
		applied := slices.Contains(found.applied, m.version)
		switch {
		case applied && marked && known != m.checksum:
			return nil, activities.Refused(CodeChecksum, "version %d was applied already, but from another file (checksum %.12s, now %.12s); put the edit into a version of its own", m.version, known, m.checksum)
		case !applied:
			pending = append(pending, m)
		}
	}
	if len(pending) == 0 || len(found.applied) == 0 {
		return pending, nil
	}
	if newest := slices.Max(found.applied); pending[0].version < newest && !r.params.AllowMissing {
		return nil, activities.Refused(CodeOutOfOrder, "version %d was not applied, but the newer version %d was; set allowMissing, or give the file a newer version", pending[0].version, newest)
	}
	return pending, nil
}

// do applies or undoes a migration at a target.
func (r *runner) do(ctx context.Context, target string, m *migration, decide decide) error {
	if !m.useTx {
		return r.outside(ctx, target, m, decide)
	}
	return r.transact(ctx, target, m, decide)
}

// orNil keeps an empty table from being taken for an error.
func orNil(failed activities.TargetErrors) error {
	if len(failed) == 0 {
		return nil
	}
	return failed
}
