package sqlmigrate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

const concurrently = `-- +goose NO TRANSACTION
-- +goose Up
INSERT INTO journal VALUES ('up');
CREATE INDEX CONCURRENTLY item_id ON item (id);
-- +goose Down
DROP INDEX CONCURRENTLY item_id;
INSERT INTO journal VALUES ('down');
`

// indexes returns the indexes of a tenant's table item.
func (d *database) indexes(tenant string) []string {
	d.t.Helper()
	return d.list("SELECT indexname::text FROM pg_indexes WHERE schemaname = $1 AND tablename = 'item'", tenant)
}

func TestWhatCannotBeInATransactionIsDoneWithoutOne(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]func(d *database) (Params, string){
		"as a script": func(d *database) (Params, string) {
			p := d.params()
			p.Script, p.RollbackScript = concurrently, ""
			return p, "add-color"
		},
		"in a directory": func(d *database) (Params, string) { return d.directoryParams(), "goose/7" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, root := newDatabase(t, 2), directory(t, map[string]string{"app/7_index.sql": concurrently})
			p, marker := params(d)
			r := openWith(t, p, Settings{Directory: root})
			targets := recorded(t, r, fence, tenants(2)...)
			require.NoError(t, apply(t.Context(), r, targets))
			require.NoError(t, apply(t.Context(), r, again(targets)))
			require.Equal(t, []string{"item_id"}, d.indexes("tenant-0002"))
			require.Equal(t, "up", d.journal("tenant-0002"))
			require.Equal(t, "applied 0 f 1048576", d.marker("tenant-0002", marker))
			require.NoError(t, rollback(t, r, again(targets)))
			require.NoError(t, rollback(t, r, again(targets)))
			require.Empty(t, d.indexes("tenant-0002"))
			require.Equal(t, "up down", d.journal("tenant-0002"))
			requireKind(t, apply(t.Context(), r, targets[:1]), "tenant-0001", domain.CategoryBusiness, CodeSuperseded, false)
		})
	}
}

func TestAStatementThatFailedIsTheFirstOfTheNextAttempt(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	p := d.params()
	p.RollbackScript, p.Script = "", `-- +goose NO TRANSACTION
-- +goose Up
INSERT INTO journal VALUES ('one');
INSERT INTO late VALUES (1);
INSERT INTO journal VALUES ('three');
`
	r := openRunner(t, p)
	targets := recorded(t, r, fence, "tenant-0001")
	said := requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryExecutor, "SQL_42P01", false)
	require.Contains(t, said, "statement 2 of 3")
	require.Equal(t, "applying 1 f 1048576", d.marker("tenant-0001", "add-color"))
	d.exec(`CREATE TABLE "tenant-0001".late (id int)`)
	require.NoError(t, apply(t.Context(), r, again(targets)))
	require.Equal(t, "one three", d.journal("tenant-0001"))
	require.Equal(t, "applied 0 f 1048577", d.marker("tenant-0001", "add-color"))
}

func TestAStatementThatWasBrokenOffIsNotGuessedAt(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	proxy := producttest.StartPostgresProxy(t, server, nil)
	p := d.params()
	p.SecretRef, p.RollbackScript = secretOf(t, producttest.PostgresDSN(proxy.Address, d.name)), ""
	p.Script = `-- +goose NO TRANSACTION
-- +goose Up
INSERT INTO journal VALUES ('one');
SELECT pg_sleep(1.5);
-- +goose Down
INSERT INTO journal VALUES ('down');
`
	r := openRunner(t, p)
	targets := recorded(t, r, fence, "tenant-0001")
	ended := make(chan error, 1)
	go func() { ended <- apply(t.Context(), r, targets) }()
	producttest.Eventually(t, "the second statement runs", func() bool {
		return d.marker("tenant-0001", "add-color") == "applying 1 t 1048576"
	})
	proxy.CutAll()
	requireKind(t, <-ended, "tenant-0001", domain.CategoryTechnical, CodeUnreachable, true)

	r = openRunner(t, p)
	said := requireKind(t, apply(t.Context(), r, again(targets)), "tenant-0001", domain.CategoryBusiness, CodeOutcomeUnknown, false)
	require.Contains(t, said, "statement 2 of 2")
	requireKind(t, rollback(t, r, again(targets)), "tenant-0001", domain.CategoryBusiness, CodeOutcomeUnknown, false)
	p.RerunUnknown = true
	sure := openRunner(t, p)
	require.NoError(t, apply(t.Context(), sure, again(targets)))
	require.Equal(t, "one", d.journal("tenant-0001"), "what is known to be done is not done again")
	require.Equal(t, "applied 0 f 1048577", d.marker("tenant-0001", "add-color"))
}

func TestAStatementThatLeavesATransactionOpenIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	p := d.params()
	p.RollbackScript, p.Script = "", "-- +goose NO TRANSACTION\n-- +goose Up\nBEGIN;\nINSERT INTO journal VALUES ('escaped');\n"
	r := openRunner(t, p)
	targets := recorded(t, r, fence, "tenant-0001")
	requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryBusiness, CodeNotAllowed, false)
	require.Empty(t, d.journal("tenant-0001"))
}
