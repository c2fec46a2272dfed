package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/temporalproto"

	"github.com/seed-3652815f/sluice/activities/sqlmigrate"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/internal/producttest"
	"github.com/seed-3652815f/sluice/internal/report"
)

// dsnVariable is where the workers of these tests have their DSN from.
const dsnVariable = "SLUICE_SECRET_TENANTS"

// tenantDatabase is a PostgreSQL with a schema for each tenant.
type tenantDatabase struct {
	t      *testing.T
	server *producttest.Postgres
	conn   *pgx.Conn
}

// startDatabase starts a PostgreSQL with n schemas, in each of which a journal
// counts how often a script was run.
func startDatabase(t *testing.T, n int) *tenantDatabase {
	t.Helper()
	d := &tenantDatabase{t: t, server: producttest.StartPostgres(t)}
	var err error
	d.conn, err = pgx.Connect(t.Context(), d.server.DSN("postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.conn.Close(t.Context()) })
	for _, name := range names(n) {
		schema := pgx.Identifier{name}.Sanitize()
		_, err := d.conn.Exec(t.Context(), fmt.Sprintf("CREATE SCHEMA %s; CREATE TABLE %s.journal (line text)", schema, schema))
		require.NoError(t, err)
	}
	return d
}

// journals returns how many lines each of n tenants has, as "1 1 0".
func (d *tenantDatabase) journals(n int) string {
	d.t.Helper()
	parts := make([]string, n)
	for i, name := range names(n) {
		parts[i] = fmt.Sprintf("SELECT %d AS i, count(*) AS n FROM %s.journal", i, pgx.Identifier{name}.Sanitize())
	}
	var counts string
	err := d.conn.QueryRow(d.t.Context(), "SELECT string_agg(n::text, ' ' ORDER BY i) FROM ("+strings.Join(parts, " UNION ALL ")+") AS each").Scan(&counts)
	require.NoError(d.t, err)
	return counts
}

// migration returns a plan that runs a script in n schemas.
func (d *tenantDatabase) migration(n, parallel int) domain.Document {
	doc := document(d.t, n, ledger.Params{})
	doc.Spec.Tasks[0].Executor, doc.Spec.Tasks[0].ParallelTargets = sqlmigrate.Name, parallel
	doc.Spec.Tasks[0].HeartbeatTimeout = domain.Duration(time.Second)
	doc.Spec.Tasks[0].Params = asJSON(d.t, sqlmigrate.Params{
		SecretRef: "env:" + dsnVariable, Schema: "{{target}}", Name: "count",
		Script: "INSERT INTO journal VALUES ('up'); CREATE TABLE item (id bigint PRIMARY KEY);", RollbackScript: "DROP TABLE item",
	})
	return doc
}

// startSQLWorker starts a worker with a DSN.
func startSQLWorker(t *testing.T, dsn string) *producttest.Process {
	t.Helper()
	cmd := exec.Command(shared.testworker)
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+shared.address, "SLUICE_TASK_QUEUE="+queueOf(t), dsnVariable+"="+dsn)
	return producttest.Start(t, "the worker", cmd)
}

func TestAWorkerKilledBetweenACommitAndItsCheckpointRunsNoScriptTwice(t *testing.T) {
	t.Parallel()
	const tenants = 40
	d := startDatabase(t, tenants)
	var w atomic.Pointer[producttest.Process]
	killed := make(chan struct{})
	middle := producttest.StartPostgresProxy(t, d.server, func(m producttest.Moment, n int) producttest.Fate {
		if m == producttest.CommitAnswered && n == 17 {
			w.Load().Kill()
			close(killed)
		}
		return producttest.Pass
	})
	p := start(t, d.migration(tenants, 1))
	w.Store(startSQLWorker(t, producttest.PostgresDSN(middle.Address, "postgres")))
	<-killed
	require.Equal(t, strings.TrimSpace(strings.Repeat("1 ", 17)+strings.Repeat("0 ", 23)), d.journals(tenants), "the effect is there, its checkpoint is not")
	startSQLWorker(t, d.server.DSN("postgres"))
	final := p.completed()
	require.Equal(t, tenants, final.Progress.Done)
	require.Equal(t, strings.TrimSpace(strings.Repeat("1 ", tenants)), d.journals(tenants))
	for _, name := range names(tenants) {
		require.JSONEq(t, "null", string(final.Tasks[0].Checkpoint.Data.RollbackInfo[name]), "nothing stood at %s before", name)
	}
}

func TestAThousandSchemasAreMigratedSeveralAtOnce(t *testing.T) {
	t.Parallel()
	const tenants = 1000
	d := startDatabase(t, tenants)
	startSQLWorker(t, d.server.DSN("postgres"))
	p := start(t, d.migration(tenants, 4))
	began := time.Now()
	final := p.completed()
	t.Logf("%d schemas in %s", tenants, time.Since(began))
	require.Equal(t, tenants, final.Progress.Done)
	require.Equal(t, strings.TrimSpace(strings.Repeat("1 ", tenants)), d.journals(tenants))
}

func TestTheDSNOfASecretStandsNowhereButInTheWorker(t *testing.T) {
	t.Parallel()
	d := startDatabase(t, 3)
	for _, c := range []struct {
		name, dsn string
		prepare   string
	}{
		{"a plan that succeeds", d.server.DSN("postgres"), "SELECT 1"},
		{"a script that fails", d.server.DSN("postgres"), "DROP TABLE \"tenant-000002\".item; DROP TABLE \"tenant-000002\".sluice_migration; DROP TABLE \"tenant-000002\".journal"},
		{"a password that is wrong", strings.Replace(d.server.DSN("postgres"), "staple", "hush-hush", 1), "SELECT 1"},
		{"a host that does not answer", strings.Replace(d.server.DSN("postgres"), d.server.Address, producttest.FreeAddress(t), 1), "SELECT 1"},
	} {
		_, err := d.conn.Exec(t.Context(), c.prepare)
		require.NoError(t, err)
		w := startSQLWorker(t, c.dsn)
		doc := d.migration(3, 1)
		none := 0
		doc.Spec.Tasks[0].Retry.MaxRetries = &none
		p := start(t, doc)
		end := p.await("the plan has ended or paused", func(s domain.Snapshot) bool { return s.State != domain.PlanRunning && s.State != domain.PlanCreated })
		require.Equal(t, c.name == "a plan that succeeds", end.State == domain.PlanCompleted, report.Text(end))
		everything := p.everything() + report.Text(end) + w.Output()
		require.Contains(t, everything, "env:"+dsnVariable, "the reference is there")
		for _, secret := range []string{producttest.PostgresPassword, "battery", "hush-hush", c.dsn} {
			require.NotContains(t, everything, secret, c.name)
		}
		w.Kill()
	}
}

// everything returns all that the plan's history says, payloads in clear text.
func (p *planRun) everything() string {
	p.t.Helper()
	history := historyOf(p.t, shared.client, p.id, "")
	var text strings.Builder
	err := proxy.VisitPayloads(p.t.Context(), history, proxy.VisitPayloadsOptions{
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, one := range payloads {
				text.WriteString(payload.NewDataConverter().ToString(one))
				text.Write(one.GetData())
			}
			return payloads, nil
		},
	})
	require.NoError(p.t, err)
	raw, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(history)
	require.NoError(p.t, err)
	return text.String() + string(raw)
}
