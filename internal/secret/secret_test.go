package secret_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/secret"
)

func allow(t *testing.T, text string) secret.Allow {
	t.Helper()
	a, err := secret.ParseAllow(text)
	require.NoError(t, err)
	return a
}

// requireDenied asserts that a reference is refused, and that nothing of what
// it names is in the refusal.
func requireDenied(t *testing.T, a secret.Allow, ref string) {
	t.Helper()
	_, err := a.Resolve(ref)
	var denied *secret.DeniedError
	require.ErrorAs(t, err, &denied, ref)
	require.Equal(t, ref, denied.Ref)
	require.ErrorContains(t, err, "SLUICE_SECRET_ALLOW")
	require.NotContains(t, err.Error(), "hush-hush")
}

func TestWithoutASettingOnlyVariablesMadeForItMayBeReferenced(t *testing.T) {
	t.Setenv("SLUICE_SECRET_DSN", "hush-hush")
	t.Setenv("OTHER", "hush-hush")
	value, err := secret.Allow{}.Resolve("env:SLUICE_SECRET_DSN")
	require.NoError(t, err)
	require.Equal(t, "hush-hush", value)
	requireDenied(t, secret.Allow{}, "env:OTHER")
	requireDenied(t, secret.Allow{}, "file:/etc/passwd")
	requireDenied(t, allow(t, "  "), "env:OTHER")
}

func TestASettingListsWhatMayBeReferenced(t *testing.T) {
	t.Setenv("SLUICE_SECRET_DSN", "hush-hush")
	t.Setenv("DB_ONE", "one")
	t.Setenv("TOKEN", "two\n")
	a := allow(t, "env:DB_*, env:TOKEN")
	for ref, want := range map[string]string{"env:DB_ONE": "one", "env:TOKEN": "two"} {
		value, err := a.Resolve(ref)
		require.NoError(t, err)
		require.Equal(t, want, value)
	}
	requireDenied(t, a, "env:SLUICE_SECRET_DSN")
	requireDenied(t, a, "env:TOKENS")
}

func TestAFileMayBeReferencedWhereItReallyIs(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	link := func(to, name string) string {
		path := filepath.Join(root, name)
		require.NoError(t, os.Symlink(to, path))
		return path
	}
	inside, beside := write("open/..data/dsn", "hush\n"), write("openings/dsn", "hush-hush")
	mounted := link("..data/dsn", "open/dsn") // as Kubernetes mounts secrets
	out := link(beside, "open/out")
	single := write("single", "alone")
	a := allow(t, "file:"+root+"/open/,file:"+single)
	for path, want := range map[string]string{inside: "hush", mounted: "hush", single: "alone"} {
		value, err := a.Resolve("file:" + path)
		require.NoError(t, err)
		require.Equal(t, want, value)
	}
	requireDenied(t, a, "file:"+beside)
	requireDenied(t, a, "file:"+out)
	requireDenied(t, a, "file:"+root+"/nothing")
	_, err := a.Resolve("file:" + root + "/open/nothing")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = a.Resolve("file:" + root + "/open/..data")
	require.ErrorContains(t, err, "no regular file")
	_, err = a.Resolve("file:" + write("open/empty", "\n"))
	require.ErrorContains(t, err, "is empty")
	_, err = a.Resolve("file:" + write("open/large", strings.Repeat("x", secret.MaxBytes+1)))
	require.ErrorContains(t, err, "more than 65536 bytes")
}

func TestAnUnsetVariableIsNamed(t *testing.T) {
	t.Parallel()
	_, err := secret.Allow{}.Resolve("env:SLUICE_SECRET_NOT_SET_AT_ALL")
	require.ErrorContains(t, err, "env:SLUICE_SECRET_NOT_SET_AT_ALL does not exist")
}

func TestOtherReferencesAndSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"", "DSN", "env:", "env:A-B", "env:*", "file:", "file:x", "file:/a/../b", "file:/a/", "vault:x"} {
		require.Error(t, secret.CheckRef(ref), ref)
		_, err := allow(t, "file:/a/").Resolve(ref)
		require.Error(t, err, ref)
	}
	for _, text := range []string{"*", "env:*", "env:", "DB_*", "file:x", "file:/", "file://", "env:A,,env:B", "env:A B"} {
		_, err := secret.ParseAllow(text)
		require.Error(t, err, text)
	}
}

func TestARedactedErrorKeepsItsKindAndLosesItsSecret(t *testing.T) {
	t.Parallel()
	var r secret.Redactor
	r.Add("hush", "hush-hush", "")
	cause := fmt.Errorf("at me:hush-hush@db, or hush: %w", fs.ErrNotExist)
	err := fmt.Errorf("reading: %w", r.Error(&fs.PathError{Op: "open", Path: "hush", Err: cause}))
	require.EqualError(t, err, "reading: open ***: at me:***@db, or ***: file does not exist")
	require.ErrorIs(t, err, fs.ErrNotExist)
	var path *fs.PathError
	require.ErrorAs(t, err, &path)
	for e := err; e != nil; e = errors.Unwrap(e) {
		require.NotContains(t, e.Error(), "hush", "Temporal records every error of the chain")
	}
	require.NoError(t, r.Error(nil))
	require.Equal(t, "plain", new(secret.Redactor).Text("plain"))
}
