package sqlmigrate

import (
	"errors"
	"io/fs"
	"strings"
	"time"
	"unicode"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/placeholder"
	"github.com/seed-3652815f/sluice/internal/secret"
)

// Validate returns everything that is wrong with the parameters.
func (p Params) Validate() error {
	return errors.Join(
		p.checkConnection(),
		p.checkPlace(),
		p.checkSource(),
		checkTimeout("lockTimeout", p.LockTimeout, MaxLockTimeout),
		checkTimeout("statementTimeout", p.StatementTimeout, MaxStatementTimeout),
	)
}

func (p Params) checkConnection() error {
	switch {
	case p.DSN == "" && p.SecretRef == "":
		return activities.BadParam("secretRef", "is missing; name the secret that holds the DSN, or give a dsn without a password")
	case p.DSN != "" && p.SecretRef != "":
		return activities.BadParam("secretRef", "cannot be given beside dsn")
	case p.DSN != "":
		if _, err := parseDSN(p.DSN); err != nil {
			return activities.BadParam("dsn", "cannot be used: %w", err)
		}
		return nil
	}
	if err := secret.CheckRef(placeholder.Text(p.SecretRef, "t")); err != nil {
		return activities.BadParam("secretRef", "cannot be used: %w", err)
	}
	return nil
}

func (p Params) checkPlace() error {
	faults := []error{
		checkIdentifier("database", p.Database), checkIdentifier("schema", p.Schema), checkIdentifier("versionTable", p.VersionTable),
	}
	if strings.Contains(p.VersionTable, placeholder.Target) {
		faults = append(faults, activities.BadParam("versionTable", "cannot have %s; it is the same in each schema", placeholder.Target))
	}
	if len(p.SearchPath) > maxSearchPath {
		faults = append(faults, activities.BadParam("searchPath", "has %d schemas, but may have %d at most", len(p.SearchPath), maxSearchPath))
	}
	for _, schema := range p.SearchPath {
		if schema == "" {
			faults = append(faults, activities.BadParam("searchPath", "has an empty name"))
		}
		faults = append(faults, checkIdentifier("searchPath", schema))
	}
	if len(p.SearchPath) > 0 && p.Schema == "" {
		faults = append(faults, activities.BadParam("searchPath", "needs schema, which is searched first"))
	}
	return errors.Join(faults...)
}

// checkIdentifier looks at a name with the shortest target in it; with the
// others it is looked at when their turn comes.
func checkIdentifier(param, name string) error {
	name = placeholder.Text(name, "t")
	switch {
	case len(name) > maxIdentifierBytes:
		return activities.BadParam(param, "has %d bytes, but a name may have %d at most", len(name), maxIdentifierBytes)
	case strings.ContainsFunc(name, unicode.IsControl):
		return activities.BadParam(param, "has control characters")
	case strings.Contains(name, "{{"):
		return activities.BadParam(param, "has a placeholder other than %s", placeholder.Target)
	}
	return nil
}

// checkSource looks at what is to be done.
func (p Params) checkSource() error {
	switch {
	case p.Script == "" && p.Directory == "":
		return activities.BadParam("script", "is missing; give the SQL that is to be run, or the directory of goose migrations on the worker")
	case p.Script != "" && p.Directory != "":
		return activities.BadParam("directory", "cannot be given beside script")
	case p.Directory != "":
		return p.checkDirectory()
	}
	return p.checkScripts()
}

func (p Params) checkDirectory() error {
	var faults []error
	if p.Name != "" {
		faults = append(faults, activities.BadParam("name", "cannot be given beside directory, whose files are named by their versions"))
	}
	if p.RollbackScript != "" {
		faults = append(faults, activities.BadParam("rollbackScript", "cannot be given beside directory, whose files have a -- +goose Down"))
	}
	if !fs.ValidPath(p.Directory) {
		faults = append(faults, activities.BadParam("directory", "is %q, but has to be a path like app/migrations, relative to SLUICE_SQL_DIRECTORY of the worker, without . and ..", p.Directory))
	}
	if p.ToVersion < 0 {
		faults = append(faults, activities.BadParam("toVersion", "is %d, but has to be at least 0", p.ToVersion))
	}
	return errors.Join(faults...)
}

func (p Params) checkScripts() error {
	faults := []error{checkScript("script", p.Script), checkScript("rollbackScript", p.RollbackScript)}
	switch {
	case p.Name == "":
		faults = append(faults, activities.BadParam("name", "is missing; name the migration, so that it is done once at each target"))
	case len(p.Name) > maxNameBytes:
		faults = append(faults, activities.BadParam("name", "has %d bytes, but may have %d at most", len(p.Name), maxNameBytes))
	case strings.ContainsFunc(p.Name, unicode.IsControl):
		faults = append(faults, activities.BadParam("name", "has control characters"))
	}
	if p.ToVersion != 0 || p.AllowMissing || p.VersionTable != "" {
		faults = append(faults, activities.BadParam("script", "has no versions, so toVersion, allowMissing and versionTable cannot be given beside it"))
	}
	if errors.Join(faults...) == nil {
		if _, err := scriptMigration(p); err != nil {
			faults = append(faults, activities.BadParam("script", "cannot be used: %w", err))
		}
	}
	return errors.Join(faults...)
}

// checkScript refuses the placeholder: a name within SQL could become SQL.
func checkScript(param, script string) error {
	switch {
	case len(script) > MaxScriptBytes:
		return activities.BadParam(param, "has %d bytes, but may have %d at most; larger ones fit into a directory on the worker", len(script), MaxScriptBytes)
	case strings.Contains(script, placeholder.Target):
		return activities.BadParam(param, "has %s, which is not filled in within SQL; use current_schema(), or current_setting('%s')", placeholder.Target, targetSetting)
	case strings.ContainsRune(script, 0):
		return activities.BadParam(param, "has a NUL character, which PostgreSQL does not take")
	}
	return nil
}

func checkTimeout(param string, given domain.Duration, most time.Duration) error {
	if d := time.Duration(given); d != 0 && (d < minTimeout || d > most) {
		return activities.BadParam(param, "is %s, but has to be from %s to %s", d, minTimeout, most)
	}
	return nil
}
