// Package sqlmigrate is the executor sql.migrate: it runs a script, or the
// migrations of a goose directory, once in the schema or database of each
// target on PostgreSQL, and undoes them.
package sqlmigrate

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/secret"
)

// Name is what a plan file names as executor.
const Name = "sql.migrate"

// StepMigrate is the only step.
const StepMigrate = "MIGRATE"

// priorBatch is how many targets one durable save covers.
const priorBatch = 250

// Settings are the worker's.
type Settings struct {
	Secrets   secret.Allow
	Allow     egress.Allow // what a DSN in a plan may reach; a secret's may reach any host
	Directory string       // above the directories that plans may name; empty: none may
}

//go:embed params.go
var paramsSource string

// Executor returns the executor sql.migrate.
func Executor(settings Settings) activities.Executor {
	return activities.Define(Name, func(ctx context.Context, p Params) (*activities.Work, error) {
		r, err := open(ctx, p, activities.EarlierParams[Params](ctx), settings)
		if err != nil {
			return nil, err
		}
		return r.work(), nil
	}).Describe(activities.About{
		Summary: "run a script or a goose directory once in each target's schema or database on PostgreSQL",
		Steps:   []string{StepMigrate}, RecordsPrior: true, Reversible: true,
		Source: paramsSource,
	})
}

// runner does the work of one attempt.
type runner struct {
	params     Params // with defaults
	connector  *connector
	script     *migration   // nil where there is a directory
	earlier    []*migration // scripts that a retry has replaced, newest first
	versions   versions     // of the directory, up to the one that is wanted
	all        versions     // of the directory
	commitTime time.Duration
}

// open makes the work of one attempt. It connects to nothing yet.
func open(ctx context.Context, p Params, earlier []Params, settings Settings) (*runner, error) {
	r := &runner{params: p.withDefaults(), commitTime: commitTime}
	var err error
	if p.Directory != "" {
		err = r.readDirectory(settings.Directory)
	} else {
		err = r.readScripts(earlier)
	}
	if err != nil {
		return nil, err
	}
	r.connector, err = newConnector(ctx, r.params, settings)
	return r, err
}

// readScripts reads the script, and those that the task had before.
func (r *runner) readScripts(earlier []Params) (err error) {
	if r.script, err = scriptMigration(r.params); err != nil {
		return activities.Refused(domain.CodeBadParams, "script: %w", err)
	}
	for _, before := range earlier {
		if before.Name != r.params.Name {
			return activities.Refused(domain.CodeBadParams, "name was %q before the retry and is %q now, so that what was done under the old name would be lost sight of; keep it, or make a plan of its own", before.Name, r.params.Name)
		}
		m, err := scriptMigration(before)
		if err != nil {
			return activities.Refused(domain.CodeBadParams, "script, as it was before the retry: %w", err)
		}
		r.earlier = append([]*migration{m}, r.earlier...)
	}
	return nil
}

// readDirectory reads the directory below the one that plans may use, which
// it cannot leave, by symbolic links neither.
func (r *runner) readDirectory(folder string) (err error) {
	if folder == "" {
		return activities.Refused(CodeBadMigration, "this worker has no directories of migrations; name the folder above them in its SLUICE_SQL_DIRECTORY")
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return activities.Refused(CodeBadMigration, "opening the folder that SLUICE_SQL_DIRECTORY names: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	within, err := root.OpenRoot(r.params.Directory)
	if err != nil {
		return activities.Refused(CodeBadMigration, "opening the directory %q below SLUICE_SQL_DIRECTORY: %w", r.params.Directory, err)
	}
	defer func() { err = errors.Join(err, within.Close()) }()
	if r.all, err = parseGoose(within.FS()); err != nil {
		return activities.Refused(CodeBadMigration, "the directory %q: %w", r.params.Directory, err)
	}
	if r.versions, err = r.all.upTo(r.params.ToVersion); err != nil {
		return activities.Refused(CodeBadMigration, "the directory %q: %w", r.params.Directory, err)
	}
	return nil
}

func (r *runner) work() *activities.Work {
	work := &activities.Work{
		Prior: r.priors, PriorBatch: priorBatch,
		Steps: []activities.Step{{Name: StepMigrate, Do: r.each(r.migrate)}},
		Close: r.connector.close,
	}
	if r.reversible() {
		work.Rollback = r.each(r.rollback)
	}
	return work
}

// reversible reports whether there is anything that says how to undo.
func (r *runner) reversible() bool {
	says := func(m *migration) bool { return len(m.down) > 0 }
	return r.script == nil || says(r.script) || slices.ContainsFunc(r.earlier, says)
}

// each does the same for each target of a batch.
func (r *runner) each(do func(context.Context, activities.Target) error) func(context.Context, []activities.Target) error {
	return func(ctx context.Context, batch []activities.Target) error {
		failed := activities.TargetErrors{}
		for _, target := range batch {
			if err := do(ctx, target); err != nil {
				failed[target.Name] = err
			}
			if ctx.Err() != nil {
				return fmt.Errorf("migrating %s: %w", target.Name, ctx.Err())
			}
		}
		if len(failed) == 0 {
			return nil
		}
		return failed
	}
}

// names are those of the migrations in the marker table.
func (r *runner) names() []string {
	if r.script != nil {
		return []string{r.script.name}
	}
	names := make([]string, len(r.versions))
	for i, m := range r.versions {
		names[i] = m.name
	}
	return names
}

func (r *runner) lockTimeout() time.Duration      { return time.Duration(r.params.LockTimeout) }
func (r *runner) statementTimeout() time.Duration { return time.Duration(r.params.StatementTimeout) }
