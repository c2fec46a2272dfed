package sqlmigrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/producttest"
	"github.com/seed-3652815f/sluice/internal/secret"
)

// What the tests migrate, and back.
const (
	addColumn  = "ALTER TABLE item ADD COLUMN color text; INSERT INTO journal (line) VALUES ('up');"
	dropColumn = "ALTER TABLE item DROP COLUMN color; INSERT INTO journal (line) VALUES ('down');"
)

// fence is one that the tests' first attempts have.
const fence = 1 << 20

var databases atomic.Int64

// database is a database with a schema for each tenant.
type database struct {
	t    *testing.T
	name string
	dsn  string
	pool *pgxpool.Pool
}

// newDatabase makes a database with n tenants, each with an empty table item
// and a journal that scripts write into.
func newDatabase(t *testing.T, n int) *database {
	t.Helper()
	d := &database{t: t, name: fmt.Sprintf("test_%d", databases.Add(1))}
	d.create()
	d.pool = connect(t, server.DSN(d.name))
	for _, tenant := range tenants(n) {
		d.addTenant(tenant)
	}
	d.dsn = server.DSN(d.name)
	return d
}

func (d *database) addTenant(tenant string) {
	d.t.Helper()
	d.exec("CREATE SCHEMA " + quote(tenant))
	d.exec("CREATE TABLE " + quote(tenant) + ".item (id bigint)")
	d.exec("CREATE TABLE " + quote(tenant) + ".journal (line text)")
}

func (d *database) create() {
	d.t.Helper()
	maintenance := connect(d.t, server.DSN("postgres"))
	_, err := maintenance.Exec(d.t.Context(), "CREATE DATABASE "+quote(d.name))
	require.NoError(d.t, err)
}

func connect(t *testing.T, dsn string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	config.MaxConns = 4
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// exec runs a statement as somebody else than the executor.
func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.pool.Exec(d.t.Context(), sql, args...)
	require.NoError(d.t, err, sql)
}

// list returns the first column of a query as text.
func (d *database) list(sql string, args ...any) []string {
	d.t.Helper()
	rows, err := d.pool.Query(d.t.Context(), sql, args...)
	require.NoError(d.t, err, sql)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(d.t, err, sql)
	return list
}

// journal returns what scripts have written into a tenant's journal.
func (d *database) journal(tenant string) string {
	d.t.Helper()
	return strings.Join(d.list("SELECT line FROM "+quote(tenant)+".journal ORDER BY ctid"), " ")
}

// columns returns the columns of a tenant's table.
func (d *database) columns(tenant, table string) string {
	d.t.Helper()
	return strings.Join(d.list(`SELECT column_name::text FROM information_schema.columns
		WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position`, tenant, table), " ")
}

// marker returns a tenant's marker as "state step uncertain fence"; empty where
// there is none.
func (d *database) marker(tenant, name string) string {
	d.t.Helper()
	if len(d.list("SELECT 'there' WHERE to_regclass($1) IS NOT NULL", quote(tenant)+"."+markerTable)) == 0 {
		return ""
	}
	return strings.Join(d.list(fmt.Sprintf("SELECT format('%%s %%s %%s %%s', state, step, uncertain, fence) FROM %s.%s WHERE name = $1", quote(tenant), markerTable), name), " ")
}

func tenants(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%04d", i+1)
	}
	return names
}

// params are those of a migration with a script in each tenant's schema. The
// DSN with its password is in a secret.
func (d *database) params() Params {
	return Params{
		SecretRef: secretOf(d.t, d.dsn), Schema: "{{target}}", Name: "add-color", Script: addColumn, RollbackScript: dropColumn,
		LockTimeout: domain.Duration(DefaultLockTimeout),
	}
}

var secretCount atomic.Int64

// secretOf puts a text into a file that may be referenced, and returns the
// reference.
func secretOf(t *testing.T, text string) string {
	t.Helper()
	path := fmt.Sprintf("%s/%d", secrets, secretCount.Add(1))
	writeFile(t, path, text+"\n")
	return "file:" + path
}

// openRunner makes the work of one attempt.
func openRunner(t *testing.T, p Params, earlier ...Params) *runner {
	t.Helper()
	return openWith(t, p, Settings{}, earlier...)
}

// allowed are the secrets that the tests' plans may reference.
func allowed(t *testing.T) secret.Allow {
	t.Helper()
	allow, err := secret.ParseAllow("file:" + secrets + "/")
	require.NoError(t, err)
	return allow
}

func openWith(t *testing.T, p Params, settings Settings, earlier ...Params) *runner {
	t.Helper()
	require.NoError(t, p.Validate())
	settings.Secrets = allowed(t)
	r, err := open(t.Context(), p, earlier, settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.connector.close()) })
	return r
}

// recorded reads what stands at the targets, as the runner of package
// activities does before the first step; the values go through JSON, as they do
// in a checkpoint.
func recorded(t *testing.T, r *runner, fence int64, names ...string) []activities.Target {
	t.Helper()
	values, err := r.priors(t.Context(), names)
	require.NoError(t, err)
	require.Len(t, values, len(names))
	targets := make([]activities.Target, len(names))
	for i, value := range values {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		targets[i] = activities.Target{Name: names[i], Fence: fence}
		require.NoError(t, json.Unmarshal(text, &targets[i].Prior))
	}
	return targets
}

// apply does the step for each target, as one attempt.
func apply(ctx context.Context, r *runner, targets []activities.Target) error {
	return r.work().Steps[0].Do(ctx, targets)
}

// again returns the targets as a later attempt has them.
func again(targets []activities.Target) []activities.Target {
	later := make([]activities.Target, len(targets))
	for i, target := range targets {
		target.Fence++
		later[i] = target
	}
	return later
}

// requireKind asserts that err is about exactly one target, and of what kind,
// and returns what it says.
func requireKind(t *testing.T, err error, target string, category domain.Category, code string, retryable bool) string {
	t.Helper()
	var failed activities.TargetErrors
	require.True(t, errors.As(err, &failed), "the error is %v, but should name targets", err)
	require.Len(t, failed, 1)
	require.Contains(t, failed, target)
	var kind *activities.Error
	require.ErrorAs(t, failed[target], &kind)
	require.Equal(t, code, kind.Code, err)
	require.Equal(t, category, kind.Category, err)
	require.Equal(t, retryable, kind.Retryable, err)
	require.NotContains(t, failed[target].Error(), producttest.PostgresPassword)
	return failed[target].Error()
}

// rollback puts the targets back, as one attempt.
func rollback(t *testing.T, r *runner, targets []activities.Target) error {
	t.Helper()
	work := r.work()
	require.NotNil(t, work.Rollback)
	return work.Rollback(t.Context(), targets)
}
