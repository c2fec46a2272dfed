package sqlmigrate

import (
	"time"

	"github.com/seed-3652815f/sluice/domain"
)

// Defaults and bounds of the parameters.
const (
	DefaultVersionTable     = "goose_db_version"
	DefaultLockTimeout      = 5 * time.Second
	MaxLockTimeout          = 10 * time.Minute
	DefaultStatementTimeout = 5 * time.Minute
	MaxStatementTimeout     = 24 * time.Hour
	MaxScriptBytes          = 512 << 10 // of script and of rollbackScript, each
	maxNameBytes            = 200       // of name, as in the marker table
	maxIdentifierBytes      = 63        // PostgreSQL cuts longer names off, so that two could become one
	maxSearchPath           = 20
	minTimeout              = time.Millisecond
)

// Params are the parameters of the executor sql.migrate. In dsn, secretRef,
// database and schema, {{target}} stands for the target's name; in one of them
// at least it has to, or in the DSN that secretRef names.
type Params struct {
	// DSN is where the database is, as a URL without a password:
	// postgres://deploy@db.example.com/app?sslmode=verify-full. The worker
	// reaches it where SLUICE_HTTP_ALLOW lets it. Either dsn or secretRef is
	// required.
	DSN string `json:"dsn,omitempty"`

	// SecretRef names a secret on the worker that holds the DSN, with the
	// password: env:SLUICE_SECRET_TENANTS, or file:/etc/sluice/tenants.dsn.
	// SLUICE_SECRET_ALLOW of the worker says which secrets may be named.
	SecretRef string `json:"secretRef,omitempty"`

	// Database is used instead of the one that the DSN names. Empty: that one.
	Database string `json:"database,omitempty"`

	// Schema is where the migration takes place, and where its marker table
	// is. It has to exist. Empty: the connection's current schema, mostly
	// public.
	Schema string `json:"schema,omitempty"`

	// SearchPath lists schemas that are searched after Schema, at most 20;
	// public, where extensions are installed there. Empty: Schema only, or
	// where that is empty, the connection's own search path.
	SearchPath []string `json:"searchPath,omitempty"`

	// Name names the migration in the marker table: what has once been done
	// under a name is not done again at that target, by whichever plan. At
	// most 200 bytes. Required with script, and not allowed with directory.
	Name string `json:"name,omitempty"`

	// Script is what is to be done, at most 512 KiB: SQL that runs in one
	// transaction, or SQL with goose's annotations (-- +goose Up). Either
	// script or directory is required.
	Script string `json:"script,omitempty"`

	// RollbackScript undoes Script, at most 512 KiB, also in one transaction.
	// Empty: rollback is refused, unless script has a -- +goose Down.
	RollbackScript string `json:"rollbackScript,omitempty"`

	// Directory is a folder of goose migrations (00001_name.sql) on the
	// worker, relative to the one that SLUICE_SQL_DIRECTORY of the worker
	// names; "." is that one itself.
	Directory string `json:"directory,omitempty"`

	// ToVersion is the last version of Directory that is applied. 0: all.
	ToVersion int64 `json:"toVersion,omitempty"`

	// AllowMissing applies versions of Directory that are older than one that
	// was applied already, as goose's -allow-missing does. False: they are
	// refused with OUT_OF_ORDER.
	AllowMissing bool `json:"allowMissing,omitempty"`

	// VersionTable is the table in which goose records versions, in Schema.
	// Empty: goose_db_version.
	VersionTable string `json:"versionTable,omitempty"`

	// LockTimeout is how long to wait for any one lock, from 1ms to 10m; a
	// migration that waits makes others wait behind it. 0: 5s.
	LockTimeout domain.Duration `json:"lockTimeout,omitempty"`

	// StatementTimeout is how long one statement may take, a script as a whole
	// being one; from 1ms to 24h. 0: 5m.
	StatementTimeout domain.Duration `json:"statementTimeout,omitempty"`

	// RerunUnknown runs a statement of a -- +goose NO TRANSACTION migration
	// again where a crash has left open whether it was done. False: such a
	// target is refused with OUTCOME_UNKNOWN, for a person to look at.
	RerunUnknown bool `json:"rerunUnknown,omitempty"`
}

// withDefaults returns the parameters with what was left out filled in.
func (p Params) withDefaults() Params {
	if p.VersionTable == "" {
		p.VersionTable = DefaultVersionTable
	}
	if p.LockTimeout == 0 {
		p.LockTimeout = domain.Duration(DefaultLockTimeout)
	}
	if p.StatementTimeout == 0 {
		p.StatementTimeout = domain.Duration(DefaultStatementTimeout)
	}
	return p
}
