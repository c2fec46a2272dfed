package sqlmigrate

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

func TestALostCommitIsFoundOutByItsMarker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		moment producttest.Moment
		fate   producttest.Fate
	}{
		"the answer is cut off":   {producttest.CommitAnswered, producttest.Cut},
		"the answer is swallowed": {producttest.CommitAnswered, producttest.Swallow},
		"the server never got it": {producttest.CommitAsked, producttest.Cut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, 1)
			proxy := producttest.StartPostgresProxy(t, server, func(m producttest.Moment, n int) producttest.Fate {
				if m == c.moment && n == 1 {
					return c.fate
				}
				return producttest.Pass
			})
			d.dsn = producttest.PostgresDSN(proxy.Address, d.name)
			r := openRunner(t, d.params())
			r.commitTime = time.Second
			targets := recorded(t, r, fence, "tenant-0001")
			require.NoError(t, apply(t.Context(), r, targets))
			require.Equal(t, "up", d.journal("tenant-0001"))
			want := map[producttest.Moment]int{producttest.CommitAnswered: 1, producttest.CommitAsked: 2} // found done, or done anew
			require.Equal(t, want[c.moment], proxy.Commits(producttest.CommitAsked))
			require.NoError(t, rollback(t, r, again(targets)))
			require.Equal(t, "up down", d.journal("tenant-0001"))
		})
	}
}

func TestACommitThatNeverArrivesHoldsTheLockForTenSecondsAtMost(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	proxy := producttest.StartPostgresProxy(t, server, func(m producttest.Moment, n int) producttest.Fate {
		if m == producttest.CommitAsked && n == 1 {
			return producttest.Swallow
		}
		return producttest.Pass
	})
	p := d.params()
	p.SecretRef, p.LockTimeout = secretOf(t, producttest.PostgresDSN(proxy.Address, d.name)), domain.Duration(time.Second)
	r := openRunner(t, p)
	r.commitTime = time.Second
	targets := recorded(t, r, fence, "tenant-0001")
	requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryTechnical, "SQL_55P03", true)
	require.Empty(t, d.journal("tenant-0001"))
	patient := d.params()
	patient.LockTimeout = domain.Duration(2 * idleTimeout)
	require.NoError(t, apply(t.Context(), openRunner(t, patient), again(targets)))
	require.Equal(t, "up", d.journal("tenant-0001"))
}

func TestACommitThatIsLostAgainAndAgainIsLeftToTheNextAttempt(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	var lossy atomic.Bool
	lossy.Store(true)
	proxy := producttest.StartPostgresProxy(t, server, func(m producttest.Moment, _ int) producttest.Fate {
		if m == producttest.CommitAsked && lossy.Load() {
			return producttest.Cut
		}
		return producttest.Pass
	})
	d.dsn = producttest.PostgresDSN(proxy.Address, d.name)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, "tenant-0001")
	requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryTechnical, CodeOutcomeUnknown, true)
	require.Empty(t, d.journal("tenant-0001"))
	lossy.Store(false)
	require.NoError(t, apply(t.Context(), r, again(targets)))
	require.Equal(t, "up", d.journal("tenant-0001"))
}

func TestTheStatementOfAKilledWorkerEndsAndIsRunOnceByTheNext(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	proxy := producttest.StartPostgresProxy(t, server, nil)
	slow := d.params()
	slow.SecretRef = secretOf(t, producttest.PostgresDSN(proxy.Address, d.name))
	slow.Script = "INSERT INTO journal VALUES ('up'); SELECT pg_sleep(30);"
	killed := openRunner(t, slow)
	targets := recorded(t, killed, fence, "tenant-0001")
	ended := make(chan error, 1)
	go func() { ended <- apply(t.Context(), killed, targets) }()
	sleeping := func() bool {
		return len(d.list("SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")) > 0
	}
	producttest.Eventually(t, "the script runs", sleeping)
	proxy.CutAll()
	requireKind(t, <-ended, "tenant-0001", domain.CategoryTechnical, CodeUnreachable, true)

	fast := d.params()
	fast.Script = slow.Script
	began := time.Now()
	next := openRunner(t, fast)
	next.script.up = []string{addColumn} // under the same checksum, but quick
	require.NoError(t, apply(t.Context(), next, again(targets)))
	require.Less(t, time.Since(began), 4*time.Second, "the server notices that the client has gone")
	require.False(t, sleeping())
	require.Equal(t, "up", d.journal("tenant-0001"))
}

func TestAMigrationThatIsBlockedGivesUpInTimeAndSucceedsLater(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 2)
	blocker, err := d.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = blocker.Exec(t.Context(), `SELECT count(*) FROM "tenant-0001".item`)
	require.NoError(t, err, "a reader is enough to block an ALTER TABLE")

	p := d.params()
	p.LockTimeout = domain.Duration(300 * time.Millisecond)
	r := openRunner(t, p)
	targets := recorded(t, r, fence, tenants(2)...)
	requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryTechnical, "SQL_55P03", true)
	require.Equal(t, "up", d.journal("tenant-0002"), "the others are not held up")
	require.Empty(t, d.journal("tenant-0001"))

	require.NoError(t, blocker.Rollback(t.Context()))
	require.NoError(t, apply(t.Context(), r, again(targets)))
	require.Equal(t, "up", d.journal("tenant-0001"))
	require.Equal(t, "up", d.journal("tenant-0002"))
}

func TestAServerThatWasKilledIsTriedAgain(t *testing.T) {
	t.Parallel()
	own := producttest.StartPostgres(t)
	d := &database{t: t, name: "app", dsn: own.DSN("app")}
	maintenance := connect(t, own.DSN("postgres"))
	_, err := maintenance.Exec(t.Context(), "CREATE DATABASE app")
	require.NoError(t, err)
	d.pool = connect(t, d.dsn)
	d.exec(`CREATE SCHEMA "tenant-0001"`)
	d.exec(`CREATE TABLE "tenant-0001".item (id bigint)`)
	d.exec(`CREATE TABLE "tenant-0001".journal (line text)`)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, "tenant-0001")
	own.Kill()
	requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryTechnical, "SQL_57P01", true)
	requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryTechnical, CodeUnreachable, true)
	_, err = r.priors(t.Context(), tenants(1))
	require.ErrorContains(t, err, "connecting to the database")
	require.NotContains(t, err.Error(), producttest.PostgresPassword)

	require.NoError(t, own.Start())
	producttest.Eventually(t, "the pool has noticed", func() bool { return d.pool.Ping(t.Context()) == nil })
	require.NoError(t, apply(t.Context(), r, again(targets)))
	require.Equal(t, "up", d.journal("tenant-0001"))
}

func TestWhatAScriptLeavesInItsSessionDoesNotReachTheNextTarget(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 30)
	p := d.params()
	p.Script = `CREATE TEMP TABLE once (id int); SET search_path = pg_catalog; SET lock_timeout = 0; SET ROLE pg_monitor; RESET ROLE;
		SET client_min_messages = error; INSERT INTO "` + `tenant-0001".journal VALUES (current_setting('sluice.target'))`
	r := openRunner(t, p)
	require.NoError(t, apply(t.Context(), r, recorded(t, r, fence, tenants(30)...)))
	require.Len(t, d.list(`SELECT line FROM "tenant-0001".journal`), 30)
	require.Equal(t, "applied 0 f 1048576", d.marker("tenant-0030", "add-color"))
}
