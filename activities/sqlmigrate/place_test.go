package sqlmigrate

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/placeholder"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

func TestATargetMayBeADatabase(t *testing.T) {
	t.Parallel()
	one, two := newDatabase(t, 0), newDatabase(t, 0)
	for _, d := range []*database{one, two} {
		d.exec("CREATE TABLE item (id bigint)")
		d.exec("CREATE TABLE journal (line text)")
	}
	inDSN := strings.Replace(server.DSN("X"), "/X?", "/{{target}}?", 1)
	for name, p := range map[string]Params{
		"by the parameter database": {SecretRef: secretOf(t, server.DSN("postgres")), Database: "{{target}}", Name: "a"},
		"by the DSN":                {SecretRef: secretOf(t, inDSN), Name: "b"},
		"by a secret of its own":    {SecretRef: "file:" + secrets + "/of-{{target}}", Name: "c"},
	} {
		for _, d := range []*database{one, two} {
			writeFile(t, secrets+"/of-"+d.name, d.dsn)
		}
		p.Script, p.RollbackScript = "INSERT INTO journal VALUES ('"+p.Name+"')", "DELETE FROM journal WHERE line = '"+p.Name+"'"
		r := openRunner(t, p)
		targets := recorded(t, r, fence, one.name, two.name)
		require.NoError(t, apply(t.Context(), r, targets), name)
		require.NoError(t, apply(t.Context(), r, again(targets)), name)
		for _, d := range []*database{one, two} {
			require.Equal(t, p.Name, d.journal("public"), name)
			require.Equal(t, "applied 0 f 1048576", d.marker("public", p.Name), name)
		}
		require.NoError(t, rollback(t, r, again(targets)), name)
		require.Empty(t, one.journal("public"))

		err := apply(t.Context(), r, []activities.Target{{Name: "test_0", Fence: fence}})
		code := CodeUnknownTarget
		if strings.Contains(p.SecretRef, placeholder.Target) {
			code = CodeSecret
		}
		requireKind(t, err, "test_0", domain.CategoryBusiness, code, false)
	}
}

func TestTheNameOfATargetIsNeverReadAsSQL(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 0)
	odd := []string{`a"; DROP SCHEMA public; --`, `it's`, `$sluice0$`, `ä ö`, `\`, `{{target}}`}
	for _, name := range odd {
		d.exec("CREATE SCHEMA " + quote(name))
		d.exec("CREATE TABLE " + quote(name) + ".journal (line text)")
	}
	p := d.params()
	p.Script, p.RollbackScript = "INSERT INTO journal VALUES (current_setting('sluice.target') || current_schema())", ""
	r := openRunner(t, p)
	require.NoError(t, apply(t.Context(), r, recorded(t, r, fence, odd...)))
	for _, name := range odd {
		require.Equal(t, name+name, d.journal(name))
	}
}

func TestTargetsThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 2)
	long := strings.Repeat("x", 64)
	r := openRunner(t, d.params())
	values, err := r.priors(t.Context(), []string{"tenant-0001", "nobody", long, "tenant-0002"})
	var failed activities.TargetErrors
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed, 2)
	require.ErrorContains(t, failed["nobody"], `there is no schema "nobody"`)
	require.ErrorContains(t, failed[long], "64 bytes")
	require.Len(t, values, 4)
	require.True(t, values[3].Absent)

	absent := domain.Prior{Absent: true}
	err = apply(t.Context(), r, []activities.Target{{Name: "nobody", Fence: fence, Prior: absent}})
	requireKind(t, err, "nobody", domain.CategoryBusiness, CodeUnknownTarget, false)
	err = apply(t.Context(), r, []activities.Target{{Name: long, Fence: fence, Prior: absent}})
	requireKind(t, err, long, domain.CategoryBusiness, CodeBadTarget, false)
}

func TestFurtherSchemasAreSearched(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	d.exec("CREATE FUNCTION public.shared() RETURNS text LANGUAGE sql AS $$ SELECT 'shared' $$")
	p := d.params()
	p.Script, p.RollbackScript = "INSERT INTO journal VALUES (shared())", ""
	r := openRunner(t, p)
	err := apply(t.Context(), r, recorded(t, r, fence, "tenant-0001"))
	requireKind(t, err, "tenant-0001", domain.CategoryExecutor, "SQL_42883", false)
	p.SearchPath = []string{"public"}
	r = openRunner(t, p)
	require.NoError(t, apply(t.Context(), r, recorded(t, r, fence, "tenant-0001")))
	require.Equal(t, "shared", d.journal("tenant-0001"))
}

func TestARoleNeedsNoMoreThanTheRightsOfItsSchema(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 2)
	role := d.name + "_deploy"
	d.exec("CREATE ROLE " + role + " LOGIN PASSWORD 'deploy'")
	d.exec(`GRANT USAGE, CREATE ON SCHEMA "tenant-0001" TO ` + role)
	d.exec(`ALTER TABLE "tenant-0001".item OWNER TO ` + role)
	d.exec(`GRANT INSERT ON "tenant-0001".journal TO ` + role)
	p := d.params()
	p.SecretRef = secretOf(t, "postgres://"+role+":deploy@"+server.Address+"/"+d.name)
	r := openRunner(t, p)
	targets := recorded(t, r, fence, tenants(2)...)
	requireKind(t, apply(t.Context(), r, targets), "tenant-0002", domain.CategoryExecutor, "SQL_42501", false)
	require.Equal(t, "up", d.journal("tenant-0001"))
	d.exec(`REVOKE CREATE ON SCHEMA "tenant-0001" FROM ` + role)
	p.Name, p.Script = "once more", "INSERT INTO journal VALUES ('more')"
	r = openRunner(t, p)
	require.NoError(t, apply(t.Context(), r, targets[:1]), "where the marker table is there already")
}

func TestAServerThatDoesNotLetInIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	for name, dsn := range map[string]string{
		"a wrong password":               strings.Replace(d.dsn, "correct", "wrong", 1),
		"a wrong password on the socket": "host=" + server.Socket + " port=" + port(t) + " user=sluice password='wrong one' dbname=" + d.name,
		"no password":                    "host=" + server.Socket + " port=" + port(t) + " user=sluice dbname=" + d.name,
		"an unknown user":                "postgres://nobody:x@" + server.Address + "/" + d.name,
	} {
		p := d.params()
		p.SecretRef = secretOf(t, dsn)
		r := openRunner(t, p)
		err := apply(t.Context(), r, []activities.Target{{Name: "tenant-0001", Fence: fence}})
		said := requireKind(t, err, "tenant-0001", domain.CategoryBusiness, CodeDenied, false)
		require.NotContains(t, said, "wrong one", name)
	}
}

// port returns the port of the shared server, which its socket is named by.
func port(t *testing.T) string {
	t.Helper()
	address, err := url.Parse("tcp://" + server.Address)
	require.NoError(t, err)
	return address.Port()
}

func TestTheSocketIsUsedWhereItMayBe(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, 1)
	p := d.params()
	p.SecretRef = secretOf(t, "host="+server.Socket+" port="+port(t)+" user=sluice password='"+producttest.PostgresPassword+"' dbname="+d.name)
	r := openRunner(t, p)
	require.NoError(t, apply(t.Context(), r, recorded(t, r, fence, "tenant-0001")))
	require.Equal(t, "up", d.journal("tenant-0001"))
}

func TestASecretThatMayNotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	require.NoError(t, os.Symlink("/etc/passwd", secrets+"/linked"))
	notDSN := secretOf(t, "postgres://me:hush-hush@[::bad")
	for ref, want := range map[string]string{
		"env:PATH":                     "SLUICE_SECRET_ALLOW",
		"file:/etc/passwd":             "SLUICE_SECRET_ALLOW",
		"file:" + secrets + "/linked":  "SLUICE_SECRET_ALLOW",
		"file:" + secrets + "/nothing": "no such file",
		notDSN:                         "is no DSN",
	} {
		_, err := open(t.Context(), Params{SecretRef: ref, Schema: "{{target}}", Name: "x", Script: "SELECT 1"}, nil, Settings{Secrets: allowed(t)})
		var kind *activities.Error
		require.ErrorAs(t, err, &kind, ref)
		require.Equal(t, CodeSecret, kind.Code)
		require.False(t, kind.Retryable)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hush-hush")
	}
}

func TestTargetsThatWouldAllBeOneAreRefused(t *testing.T) {
	t.Parallel()
	_, err := open(t.Context(), Params{DSN: "postgres://x/y", Schema: "app", Name: "x", Script: "SELECT 1"}, nil, Settings{})
	require.ErrorContains(t, err, "all targets would be one and the same")
}

func TestANameMayNotChangeWithARetry(t *testing.T) {
	t.Parallel()
	p := Params{DSN: "postgres://x/y", Schema: "{{target}}", Name: "x", Script: "SELECT 1"}
	renamed := p
	renamed.Name = "y"
	_, err := open(t.Context(), renamed, []Params{p}, Settings{})
	require.ErrorContains(t, err, `name was "x" before the retry and is "y" now`)
}

func TestASocketWithoutPermissionIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o000)) // to others than root this is enough
	socket := map[bool]string{true: server.Socket, false: closed}[os.Geteuid() == 0]
	p := Params{
		SecretRef: secretOf(t, "host="+socket+" port="+port(t)+" user=sluice password=x"), Database: "{{target}}",
		Name: "x", Script: "SELECT 1",
	}
	r := openRunner(t, p)
	asNobody(t, func() {
		err := apply(t.Context(), r, []activities.Target{{Name: "postgres", Fence: fence}})
		said := requireKind(t, err, "postgres", domain.CategoryBusiness, CodeDenied, false)
		require.Contains(t, said, "permission denied")
	})
}

// asNobody runs f in a thread to which files of others are closed, where the
// test runs as root, to whom they are all open.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		require.NoError(t, syscall.Setfsuid(65534))
		defer func() { require.NoError(t, syscall.Setfsuid(0)) }()
	}
	f()
}
