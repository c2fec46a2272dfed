package haproxy

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/executortest"
)

func TestEditChangesNothingButTheValuesThatAreWanted(t *testing.T) {
	t.Parallel()
	green, spaced := "green", "two words"
	cases := map[string]struct {
		text  string
		lines []line
		want  string
	}{
		"one of several":              {"a blue\nb blue\n", []line{{"b", &green}}, "a blue\nb green\n"},
		"comments, blanks and order":  {"# a blue\n\n  a\t blue \t\r\n#\n", []line{{"a", &green}}, "# a blue\n\n  a\t green \t\r\n#\n"},
		"a hash sign behind a blank":  {" #a blue\n", []line{{"#a", &green}}, " #a green\n"},
		"a value of several words":    {"a one  two\n", []line{{"a", &spaced}}, "a two words\n"},
		"a key without a value":       {"a\nb \n", []line{{"a", &green}, {"b", &green}}, "a green\nb green \n"},
		"a new key":                   {"a blue\n", []line{{"b", &green}}, "a blue\nb green\n"},
		"a new key behind no newline": {"a blue", []line{{"b", &green}}, "a blue\nb green\n"},
		"a new key in an empty file":  {"", []line{{"c", &green}, {"b", &green}}, "c green\nb green\n"},
		"a key that goes":             {"a blue\nb blue\nc blue", []line{{"b", nil}}, "a blue\nc blue"},
		"a key that is not there":     {"a blue\n", []line{{"b", nil}}, "a blue\n"},
		"a key that stands twice":     {"a blue\na red\n", []line{{"a", &green}}, "a green\na green\n"},
		"a key that begins another":   {"ab blue\na blue\n", []line{{"a", &green}}, "ab blue\na green\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, string(edit([]byte(c.text), c.lines)))
		})
	}
}

func TestFileKeepsItsModeItsOwnerAndTheLinkToIt(t *testing.T) {
	t.Parallel()
	names := executortest.Names(3)
	g := startGateway(t, names)
	target := filepath.Join(t.TempDir(), "generated.map")
	require.NoError(t, os.WriteFile(target, []byte(mapOf(names, "blue")), 0o600))
	require.NoError(t, os.Chmod(target, 0o664))
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(target, 65534, 65534))
	}
	require.NoError(t, os.Remove(g.Map))
	require.NoError(t, os.Symlink(target, g.Map))
	before, err := os.Stat(target)
	require.NoError(t, err)

	work := openWork(t, toGreen(g))
	require.NoError(t, executortest.Apply(t.Context(), work, executortest.Record(t, work, names)))
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
	after, err := os.Stat(target)
	require.NoError(t, err)
	require.False(t, os.SameFile(before, after), "the file was replaced as a whole")
	require.Equal(t, before.Mode(), after.Mode())
	require.Equal(t, before.Sys().(*syscall.Stat_t).Uid, after.Sys().(*syscall.Stat_t).Uid)
	require.Equal(t, before.Sys().(*syscall.Stat_t).Gid, after.Sys().(*syscall.Stat_t).Gid)
	link, err := os.Lstat(g.Map)
	require.NoError(t, err)
	require.NotZero(t, link.Mode()&os.ModeSymlink)
	left, err := os.ReadDir(filepath.Dir(target))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing else is left there")
}

func TestFileThatCouldNotBeSavedIsRefusedBeforeAnythingIsChanged(t *testing.T) {
	t.Parallel()
	names := executortest.Names(2)
	cases := map[string]struct {
		spoil func(t *testing.T, p *Params)
		code  string
	}{
		"missing":           {func(t *testing.T, p *Params) { require.NoError(t, os.Remove(p.Map)) }, CodeBadFile},
		"a folder":          {func(t *testing.T, p *Params) { p.File = t.TempDir() }, CodeBadFile},
		"another map's":     {func(t *testing.T, p *Params) { require.NoError(t, os.WriteFile(p.Map, []byte("host1 www\n"), 0o600)) }, CodeBadFile},
		"not to be read":    {func(t *testing.T, p *Params) { require.NoError(t, os.Chmod(p.Map, 0)) }, CodeBadFile},
		"not to be written": {func(t *testing.T, p *Params) { require.NoError(t, os.Chmod(filepath.Dir(p.Map), 0o555)) }, CodeNotWritten},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, names)
			require.NoError(t, os.Chmod(g.Socket, 0o666))
			require.NoError(t, os.Chmod(filepath.Dir(g.Map), 0o755))
			p := toGreen(g)
			c.spoil(t, &p)
			work := openWork(t, p)
			err := asNobody(func() error {
				_, err := work.Prior(t.Context(), names)
				return err
			})
			executortest.RequireKind(t, err, domain.CategoryBusiness, c.code, false)
			require.Equal(t, all(names, "blue"), g.Entries())
		})
	}
}

func TestWorkersThatSaveTheSameFileLoseNoChangeOfEachOther(t *testing.T) {
	t.Parallel()
	names := executortest.Names(120)
	g := startGateway(t, names)
	var workers sync.WaitGroup
	for share := range slices.Chunk(names, 40) { // three workers
		work := openWork(t, toGreen(g))
		recorded := executortest.Record(t, work, share)
		workers.Go(func() {
			for batch := range slices.Chunk(recorded, 2) {
				assert.NoError(t, executortest.Apply(t.Context(), work, batch))
			}
		})
	}
	workers.Wait()
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
}

func TestFileThatCannotBeSavedAnyMoreFailsTheStepAndARetryMendsIt(t *testing.T) {
	t.Parallel()
	names := executortest.Names(2)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Step(t, work, StepSwitch, recorded))
	require.NoError(t, os.Rename(g.Map, g.Map+"~"))
	err := executortest.Step(t, work, StepPersist, recorded)
	executortest.RequireKind(t, err, domain.CategoryBusiness, CodeBadFile, false)
	require.NoError(t, os.Rename(g.Map+"~", g.Map))
	require.NoError(t, executortest.Apply(t.Context(), work, recorded))
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
}

func TestFileUnderAnotherNameIsTheOneThatIsSaved(t *testing.T) {
	t.Parallel()
	names := executortest.Names(2)
	g := startGateway(t, names)
	p := toGreen(g)
	p.File = filepath.Join(t.TempDir(), "mounted.map")
	require.NoError(t, os.WriteFile(p.File, []byte(mapOf(names, "blue")), 0o600))
	work := openWork(t, p)
	require.NoError(t, executortest.Apply(t.Context(), work, executortest.Record(t, work, names)))
	text, err := os.ReadFile(p.File)
	require.NoError(t, err)
	require.Equal(t, mapOf(names, "green"), string(text))
	require.Equal(t, mapOf(names, "blue"), fileOf(t, g))
}
