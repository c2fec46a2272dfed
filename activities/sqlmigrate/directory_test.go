package sqlmigrate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

// migrations are three versions of a directory.
func migrations() map[string]string {
	return map[string]string{
		"app/00001_journal.sql": `-- +goose Up
INSERT INTO journal VALUES ('up1');
-- +goose Down
INSERT INTO journal VALUES ('down1');
`,
		"app/00002_function.sql": `-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION noted() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO journal VALUES ('noted;');
	RETURN 'x';
END;
$$;
-- +goose StatementEnd
INSERT INTO journal VALUES ('up2');
-- +goose Down
DROP FUNCTION noted();
INSERT INTO journal VALUES ('down2');
`,
		"app/00003_color.sql": `-- +goose Up
ALTER TABLE item ADD COLUMN color text;
INSERT INTO journal VALUES ('up3');
-- +goose Down
ALTER TABLE item DROP COLUMN color;
INSERT INTO journal VALUES ('down3');
`,
		"app/README.md": "not a migration",
	}
}

// directoryParams are those of the migrations of a directory.
func (d *database) directoryParams() Params {
	return Params{SecretRef: secretOf(d.t, d.dsn), Schema: "{{target}}", Directory: "app"}
}

// gooseFor returns goose itself for a tenant's schema.
func (d *database) gooseFor(tenant, root string) *goose.Provider {
	d.t.Helper()
	config := d.pool.Config().ConnConfig.Copy()
	config.RuntimeParams["search_path"] = quote(tenant)
	db := stdlib.OpenDB(*config)
	d.t.Cleanup(func() { require.NoError(d.t, db.Close()) })
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS(filepath.Join(root, "app")), goose.WithDisableGlobalRegistry(true))
	require.NoError(d.t, err)
	return provider
}

// requireAgreed asserts that goose itself finds the versions applied, and no
// others.
func (d *database) requireAgreed(tenant, root string, applied ...int64) {
	d.t.Helper()
	statuses, err := d.gooseFor(tenant, root).Status(d.t.Context())
	require.NoError(d.t, err)
	var found []int64
	for _, s := range statuses {
		if s.State == goose.StateApplied {
			found = append(found, s.Source.Version)
		}
	}
	require.Equal(d.t, applied, found)
}

func TestADirectoryIsAppliedInOrderAndGooseAgrees(t *testing.T) {
	t.Parallel()
	d, root := newDatabase(t, 2), directory(t, migrations())
	r := openWith(t, d.directoryParams(), Settings{Directory: root})
	targets := recorded(t, r, fence, tenants(2)...)
	require.True(t, targets[0].Prior.Absent)
	require.NoError(t, apply(t.Context(), r, targets))
	require.NoError(t, apply(t.Context(), r, again(targets)), "a step may be done again")
	for _, tenant := range tenants(2) {
		require.Equal(t, "up1 up2 up3", d.journal(tenant))
		d.requireAgreed(tenant, root, 1, 2, 3)
		results, err := d.gooseFor(tenant, root).Up(t.Context())
		require.NoError(t, err)
		require.Empty(t, results, "goose finds nothing left to do")
	}
	require.NoError(t, rollback(t, r, again(targets)))
	require.Equal(t, "up1 up2 up3 down3 down2 down1", d.journal("tenant-0001"))
	d.requireAgreed("tenant-0001", root)
	_, err := d.gooseFor("tenant-0001", root).Up(t.Context())
	require.NoError(t, err, "and goose can go on from there")
}

func TestASchemaThatGooseHasManagedIsTakenUpWhereItStands(t *testing.T) {
	t.Parallel()
	d, root := newDatabase(t, 1), directory(t, migrations())
	_, err := d.gooseFor("tenant-0001", root).UpTo(t.Context(), 2)
	require.NoError(t, err)
	r := openWith(t, d.directoryParams(), Settings{Directory: root})
	targets := recorded(t, r, fence, "tenant-0001")
	require.JSONEq(t, `{"version": 2}`, string(targets[0].Prior.Value))
	require.NoError(t, apply(t.Context(), r, targets))
	require.Equal(t, "up1 up2 up3", d.journal("tenant-0001"))
	require.NoError(t, rollback(t, r, again(targets)))
	require.Equal(t, "up1 up2 up3 down3", d.journal("tenant-0001"), "only what the task has applied")
	d.requireAgreed("tenant-0001", root, 1, 2)
}

func TestOnlyVersionsUpToTheOneThatIsWantedAreApplied(t *testing.T) {
	t.Parallel()
	d, root := newDatabase(t, 1), directory(t, migrations())
	p := d.directoryParams()
	p.ToVersion = 2
	r := openWith(t, p, Settings{Directory: root})
	targets := recorded(t, r, fence, "tenant-0001")
	require.NoError(t, apply(t.Context(), r, targets))
	d.requireAgreed("tenant-0001", root, 1, 2)

	p.ToVersion = 7
	_, err := open(t.Context(), p, nil, Settings{Directory: root})
	require.ErrorContains(t, err, "toVersion is 7, but the directory has no such version; it has 1 to 3")
}

func TestAVersionThatFailsLeavesTheOnesBeforeIt(t *testing.T) {
	t.Parallel()
	files := migrations()
	files["app/00002_function.sql"] = "-- +goose Up\nINSERT INTO journal VALUES ('half');\nSELEC 1;\n"
	d, root := newDatabase(t, 1), directory(t, files)
	r := openWith(t, d.directoryParams(), Settings{Directory: root})
	targets := recorded(t, r, fence, "tenant-0001")
	said := requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryExecutor, "SQL_42601", false)
	require.Contains(t, said, "the migration goose/2, statement 2 of 2: syntax error")
	require.Equal(t, "up1", d.journal("tenant-0001"))
	d.requireAgreed("tenant-0001", root, 1)

	root = directory(t, migrations())
	r = openWith(t, d.directoryParams(), Settings{Directory: root})
	require.NoError(t, apply(t.Context(), r, again(targets)), "a file that was never applied may be mended")
	require.NoError(t, rollback(t, r, again(again(targets))))
	require.Equal(t, "up1 up2 up3 down3 down2 down1", d.journal("tenant-0001"))
}

func TestAnEditedFileIsRefused(t *testing.T) {
	t.Parallel()
	d, root := newDatabase(t, 1), directory(t, migrations())
	r := openWith(t, d.directoryParams(), Settings{Directory: root})
	targets := recorded(t, r, fence, "tenant-0001")
	require.NoError(t, apply(t.Context(), r, targets))
	files := migrations()
	files["app/00002_function.sql"] += "-- edited\n"
	edited := openWith(t, d.directoryParams(), Settings{Directory: directory(t, files)})
	requireKind(t, apply(t.Context(), edited, again(targets)), "tenant-0001", domain.CategoryBusiness, CodeChecksum, false)
	requireKind(t, rollback(t, edited, again(targets)), "tenant-0001", domain.CategoryBusiness, CodeDrift, false)
	require.Equal(t, "up1 up2 up3", d.journal("tenant-0001"), "nothing is undone where not all can be")
}

func TestAnOlderVersionThatIsMissingIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	d, root := newDatabase(t, 1), directory(t, migrations())
	_, err := d.gooseFor("tenant-0001", root).ApplyVersion(t.Context(), 2, true)
	require.NoError(t, err)
	r := openWith(t, d.directoryParams(), Settings{Directory: root})
	targets := recorded(t, r, fence, "tenant-0001")
	require.JSONEq(t, `{"version": 2, "missing": [1]}`, string(targets[0].Prior.Value))
	requireKind(t, apply(t.Context(), r, targets), "tenant-0001", domain.CategoryBusiness, CodeOutOfOrder, false)

	p := d.directoryParams()
	p.AllowMissing = true
	r = openWith(t, p, Settings{Directory: root})
	require.NoError(t, apply(t.Context(), r, again(targets)))
	require.Equal(t, "up2 up1 up3", d.journal("tenant-0001"))
	require.NoError(t, rollback(t, r, again(again(targets))))
	require.Equal(t, "up2 up1 up3 down3 down1", d.journal("tenant-0001"))
}

func TestVersionsThatSomebodyElseAppliedStopARollback(t *testing.T) {
	t.Parallel()
	d, root := newDatabase(t, 2), directory(t, migrations())
	p := d.directoryParams()
	p.ToVersion = 2
	r := openWith(t, p, Settings{Directory: root})
	targets := recorded(t, r, fence, tenants(2)...)
	require.NoError(t, apply(t.Context(), r, targets[:1]))
	_, err := d.gooseFor("tenant-0001", root).Up(t.Context())
	require.NoError(t, err)
	said := requireKind(t, rollback(t, r, again(targets[:1])), "tenant-0001", domain.CategoryBusiness, CodeDrift, false)
	require.Contains(t, said, "version 3, which is not this task's, was applied since")

	_, err = d.gooseFor("tenant-0002", root).UpTo(t.Context(), 1)
	require.NoError(t, err)
	said = requireKind(t, rollback(t, r, again(targets[1:])), "tenant-0002", domain.CategoryBusiness, CodeDrift, false)
	require.Contains(t, said, "somebody else has applied the migration goose/1 since")
	require.Equal(t, "up1", d.journal("tenant-0002"))
}

func TestAVersionWithoutDownIsNotRolledBack(t *testing.T) {
	t.Parallel()
	d, root := newDatabase(t, 1), directory(t, map[string]string{"app/1_x.sql": "-- +goose Up\nINSERT INTO journal VALUES ('up');\n"})
	r := openWith(t, d.directoryParams(), Settings{Directory: root})
	targets := recorded(t, r, fence, "tenant-0001")
	require.NoError(t, apply(t.Context(), r, targets))
	requireKind(t, rollback(t, r, again(targets)), "tenant-0001", domain.CategoryBusiness, CodeNoDown, false)
	d.requireAgreed("tenant-0001", root, 1)
}

func TestDirectoriesThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	outside := directory(t, migrations())
	linked := directory(t, map[string]string{"README.md": ""})
	require.NoError(t, os.Symlink(filepath.Join(outside, "app"), filepath.Join(linked, "app")))
	stolen := directory(t, map[string]string{"app/README.md": ""})
	require.NoError(t, os.Symlink(filepath.Join(outside, "app", "00001_journal.sql"), filepath.Join(stolen, "app", "1_stolen.sql")))
	for name, c := range map[string]struct{ root, want string }{
		"no setting":              {"", "SLUICE_SQL_DIRECTORY"},
		"a setting for nothing":   {filepath.Join(outside, "none"), "no such file"},
		"no such directory":       {directory(t, map[string]string{"other/1_x.sql": ""}), "no such file"},
		"a link that leads out":   {linked, "escapes"},
		"a file that is a link":   {stolen, "escapes"},
		"no migrations":           {directory(t, map[string]string{"app/README.md": ""}), "00001_name.sql"},
		"a migration in Go":       {directory(t, map[string]string{"app/00001_x.go": "package x"}), ".go"},
		"two of one version":      {directory(t, map[string]string{"app/1_x.sql": "-- +goose Up\nSELECT 1;\n", "app/01_y.sql": "-- +goose Up\nSELECT 1;\n"}), "duplicate"},
		"no annotation":           {directory(t, map[string]string{"app/1_x.sql": "SELECT 1;"}), "failed to parse 1_x.sql"},
		"an unfinished statement": {directory(t, map[string]string{"app/1_x.sql": "-- +goose Up\nSELECT 1"}), "missing semicolon"},
		"environment variables":   {directory(t, map[string]string{"app/1_x.sql": "-- +goose Up\n-- +goose envsub on\nSELECT '$HOME';\n"}), "ENVSUB"},
	} {
		_, err := open(t.Context(), Params{DSN: "postgres://x", Schema: "{{target}}", Directory: "app"}, nil, Settings{Directory: c.root})
		require.ErrorContains(t, err, c.want, name)
	}
}
