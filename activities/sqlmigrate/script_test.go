package sqlmigrate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-3652815f/sluice/domain"
)

func TestAScriptIsRunOnceInEachSchema(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 3)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, tenants(2)...)
	for _, target := range targets {
		require.True(t, target.Prior.Absent)
	}
	require.NoError(t, apply(t.Context(), r, targets))
	require.NoError(t, apply(t.Context(), r, again(targets)), "a step may be done again")
	for _, tenant := range tenants(2) {
		require.Equal(t, "id color", d.columns(tenant, "item"))
		require.Equal(t, "up", d.journal(tenant))
		require.Equal(t, "applied 0 f 1048576", d.marker(tenant, "add-color"))
	}
	require.Equal(t, "id", d.columns("tenant-0003", "item"), "it is no target")
	require.Empty(t, d.marker("tenant-0003", "add-color"))
	require.Empty(t, d.list("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"), "nothing is left elsewhere")
}

func TestARollbackLeavesTheSchemaAsItWasWithATombstone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, tenants(1)...)
	require.NoError(t, apply(t.Context(), r, targets))
	later := again(targets)
	require.NoError(t, rollback(t, r, later))
	require.NoError(t, rollback(t, r, later), "a rollback may be done again")
	require.Equal(t, "id", d.columns("tenant-0001", "item"))
	require.Equal(t, "up down", d.journal("tenant-0001"))
	require.Equal(t, "rolled_back 0 f 1048577", d.marker("tenant-0001", "add-color"))

	err := apply(t.Context(), r, targets)
	requireKind(t, err, "tenant-0001", domain.CategoryBusiness, CodeSuperseded, false)
	require.Equal(t, "id", d.columns("tenant-0001", "item"), "a late attempt does not win")

	require.NoError(t, apply(t.Context(), r, again(later)), "but a later one does")
	require.Equal(t, "up down up", d.journal("tenant-0001"))
}

func TestARollbackBeforeAnythingWasAppliedKeepsALateAttemptOut(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, tenants(1)...)
	require.NoError(t, rollback(t, r, again(targets)))
	err := apply(t.Context(), r, targets)
	requireKind(t, err, "tenant-0001", domain.CategoryBusiness, CodeSuperseded, false)
	require.Empty(t, d.journal("tenant-0001"))
}

func TestWhatWasAppliedBeforeTheTaskIsNotRolledBack(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	earlier := openRunner(t, d.params())
	require.NoError(t, apply(t.Context(), earlier, recorded(t, earlier, fence, tenants(1)...)))

	r := openRunner(t, d.params())
	targets := recorded(t, r, 9*fence, tenants(1)...)
	require.JSONEq(t, `{"checksum": "`+r.script.checksum+`"}`, string(targets[0].Prior.Value))
	require.NoError(t, apply(t.Context(), r, targets))
	require.NoError(t, rollback(t, r, targets))
	require.Equal(t, "up", d.journal("tenant-0001"))
	require.Equal(t, "applied 0 f 1048576", d.marker("tenant-0001", "add-color"))
}

func TestWhatWasNotRecordedIsNotRolledBack(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, tenants(1)...)
	require.NoError(t, apply(t.Context(), r, targets))
	targets[0].Prior = domain.Prior{}
	requireKind(t, rollback(t, r, targets), "tenant-0001", domain.CategoryBusiness, CodeDrift, false)
	require.Equal(t, "up", d.journal("tenant-0001"))
}

func TestAnEditedScriptUnderTheSameNameIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 2)
	before := d.params()
	r := openRunner(t, before)
	targets := recorded(t, r, fence, tenants(2)...)
	require.NoError(t, apply(t.Context(), r, targets[:1]))

	after := before
	after.Script += "\nINSERT INTO journal VALUES ('edited');"
	after.RollbackScript = "INSERT INTO journal VALUES ('down of the edited one');"
	edited := openRunner(t, after, before)
	said := requireKind(t, apply(t.Context(), edited, again(targets[:1])), "tenant-0001", domain.CategoryBusiness, CodeChecksum, false)
	require.Contains(t, said, "give the edited script a name of its own")
	require.NoError(t, apply(t.Context(), edited, again(targets[1:])), "where nothing was done it is run")
	require.Equal(t, "up", d.journal("tenant-0001"))
	require.Equal(t, "up edited", d.journal("tenant-0002"))

	require.NoError(t, rollback(t, edited, again(again(targets))), "each is undone by what belongs to it")
	require.Equal(t, "up down", d.journal("tenant-0001"))
	require.Equal(t, "up edited down of the edited one", d.journal("tenant-0002"))
}

func TestAScriptThatSomebodyElseAppliedUnderTheNameIsNotRolledBack(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, tenants(1)...)
	other := d.params()
	other.Script = "INSERT INTO journal VALUES ('another')"
	another := openRunner(t, other)
	require.NoError(t, apply(t.Context(), another, targets))
	requireKind(t, rollback(t, r, again(targets)), "tenant-0001", domain.CategoryBusiness, CodeDrift, false)
	require.Equal(t, "another", d.journal("tenant-0001"))
}

func TestLineEndsDoNotMakeAnotherScript(t *testing.T) {
	t.Parallel()
	require.Equal(t, checksum("a;\nb;\n"), checksum("a;\r\nb;"))
	require.NotEqual(t, checksum("a;\nb;"), checksum("a; b;"))
}

func TestAScriptCannotEndItsTransaction(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	d.exec(`CREATE PROCEDURE "tenant-0001".escape() LANGUAGE plpgsql AS 'BEGIN INSERT INTO journal VALUES (''escaped''); COMMIT; END'`)
	for name, script := range map[string]string{
		"COMMIT":                      "INSERT INTO journal VALUES ('escaped'); COMMIT; SELECT 1;",
		"COMMIT in lower case":        "INSERT INTO journal VALUES ('escaped'); /* x */ commit work;",
		"END":                         "INSERT INTO journal VALUES ('escaped'); END;",
		"ROLLBACK":                    "INSERT INTO journal VALUES ('escaped'); ROLLBACK; INSERT INTO journal VALUES ('escaped');",
		"COMMIT AND CHAIN":            "INSERT INTO journal VALUES ('escaped'); COMMIT AND CHAIN;",
		"PREPARE TRANSACTION":         "INSERT INTO journal VALUES ('escaped'); PREPARE TRANSACTION 'x';",
		"COMMIT in a block":           "DO $x$ BEGIN INSERT INTO journal VALUES ('escaped'); COMMIT; END $x$;",
		"COMMIT in a procedure":       "CALL escape();",
		"COMMIT after the quote":      "INSERT INTO journal VALUES ('escaped'); $sluice0$; COMMIT; $sluice1$",
		"COMMIT that closes the text": "INSERT INTO journal VALUES ('escaped');\n$sluice0$; END $sluice1$; COMMIT; DO $sluice1$ BEGIN EXECUTE $sluice0$",
	} {
		p := d.params()
		p.Script = script
		r := openRunner(t, p)
		err := apply(t.Context(), r, recorded(t, r, fence, "tenant-0001"))
		require.Error(t, err, name)
		if !strings.Contains(name, "quote") && !strings.Contains(name, "text") { // those are faults of syntax
			requireKind(t, err, "tenant-0001", domain.CategoryBusiness, CodeNotAllowed, false)
		}
		require.Empty(t, d.journal("tenant-0001"), name)
		require.Empty(t, d.marker("tenant-0001", "add-color"), name)
	}
}

func TestAScriptMayHoldWhatDelimitsIt(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	p := d.params()
	p.Script = "INSERT INTO journal VALUES ($sluice0$it's $sluice1$ here$sluice0$); INSERT INTO journal VALUES ($$x$$) -- no end"
	r := openRunner(t, p)
	require.NoError(t, apply(t.Context(), r, recorded(t, r, fence, "tenant-0001")))
	require.Equal(t, "it's $sluice1$ here x", d.journal("tenant-0001"))
}

func TestAFailedScriptChangesNothingAndSaysWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	const before = "INSERT INTO journal VALUES ('half');\n"
	for script, want := range map[string]struct {
		code      string
		category  domain.Category
		retryable bool
	}{
		"INSERT INTO item VALUES (1);\nSELEC 1":                              {"SQL_42601", domain.CategoryExecutor, false},
		"ALTER TABLE items ADD COLUMN x int":                                 {"SQL_42P01", domain.CategoryExecutor, false},
		"INSERT INTO item VALUES ('many')":                                   {"SQL_22P02", domain.CategoryExecutor, false},
		"CREATE UNIQUE INDEX ON item (id); INSERT INTO item VALUES (1), (1)": {"SQL_23505", domain.CategoryExecutor, false},
		"CREATE INDEX CONCURRENTLY i ON item (id)":                           {"SQL_25001", domain.CategoryBusiness, false},
		"DO $$ BEGIN RAISE EXCEPTION 'not yet'; END $$":                      {"SQL_P0001", domain.CategoryExecutor, true},
		"DO $$ BEGIN RAISE serialization_failure; END $$":                    {"SQL_40001", domain.CategoryTechnical, true},
		"DO $$ BEGIN RAISE deadlock_detected; END $$":                        {"SQL_40P01", domain.CategoryTechnical, true},
		"SELECT pg_terminate_backend(pg_backend_pid())":                      {"SQL_57P01", domain.CategoryTechnical, true},
		"SELECT pg_sleep(60)":                                                {"SQL_57014", domain.CategoryExecutor, true},
		"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED); INSERT INTO b VALUES (1)": {"SQL_23503", domain.CategoryExecutor, false},
	} {
		p := d.params()
		p.Script, p.StatementTimeout = before+script, domain.Duration(2*time.Second)
		r := openRunner(t, p)
		err := apply(t.Context(), r, recorded(t, r, fence, "tenant-0001"))
		requireKind(t, err, "tenant-0001", want.category, want.code, want.retryable)
		require.Empty(t, d.journal("tenant-0001"), script)
		require.Empty(t, d.marker("tenant-0001", "add-color"), script)
	}
}

func TestAFaultNamesTheLineAndRepeatsNoData(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	p := d.params()
	p.Script = "INSERT INTO item VALUES (1);\n\nALTER TABEL item ADD COLUMN x int;"
	r := openRunner(t, p)
	err := apply(t.Context(), r, recorded(t, r, fence, "tenant-0001"))
	require.ErrorContains(t, err, `the migration add-color: syntax error at or near "TABEL" (SQLSTATE 42601); at line 3`)

	p.Script = "CREATE TABLE mail (address text UNIQUE); INSERT INTO mail VALUES ('jane@example.com'), ('jane@example.com');"
	r = openRunner(t, p)
	err = apply(t.Context(), r, recorded(t, r, fence, "tenant-0001"))
	require.ErrorContains(t, err, "duplicate key value")
	require.NotContains(t, err.Error(), "jane")
}

func TestOnlyOneOfManyAttemptsAtOnceRunsTheScript(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	r := openRunner(t, d.params())
	targets := recorded(t, r, fence, "tenant-0001")
	var group errgroup.Group
	for range 12 {
		group.Go(func() error { return apply(t.Context(), r, targets) })
	}
	require.NoError(t, group.Wait())
	require.Equal(t, "up", d.journal("tenant-0001"))
}
