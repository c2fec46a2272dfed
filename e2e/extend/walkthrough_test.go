package extend

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	namedFile    = regexp.MustCompile("(?s)```(?:go|yaml)\n(?://|#) ([a-z_]+\\.(?:go|yaml))\n(.*?)```")
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")
	ownTerminal  = regexp.MustCompile("(?s)```sh\n(.*?)\n```")
)

// TestTheWalkThroughIsTrue does what docs/executors.md says, word by word: it
// writes the files, runs the worker, and carries out the sessions in their
// order. Only the version of Sluice is this one.
func TestTheWalkThroughIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "executors.md"))
	require.NoError(t, err)
	text := string(page)
	p := newPlace(t)
	lines := map[string]int{}
	for _, file := range namedFile.FindAllStringSubmatch(text, -1) {
		p.write(file[1], file[2])
		lines[file[1]] = strings.Count(file[0], "\n") - 1 // without the fences
	}
	sum := lines["flags.go"] + lines["main.go"]
	require.Less(t, sum, 60, "lines of Go")
	require.True(t, strings.Contains(text, fmt.Sprintf("%d lines of Go", sum)), "the page should say that they are %d", sum)
	require.Contains(t, lines, "flags_test.go")
	require.Contains(t, lines, "flags.yaml")

	terminal := ownTerminal.FindStringSubmatchIndex(text)
	require.NotNil(t, terminal)
	for _, block := range consoleBlock.FindAllStringSubmatch(text[:terminal[0]], -1) {
		p.session(block[1])
	}
	require.Equal(t, "go run .", text[terminal[2]:terminal[3]])
	p.must("go build -o worker .") // what go run does, as a process that a test can end
	worker := p.start("./worker")
	worker.Await("serve the task queue", func() bool {
		_, code := p.sh("sluice executors") // it may be a moment until it has its first poll
		return code == 0
	})
	blocks := consoleBlock.FindAllStringSubmatch(text[terminal[1]:], -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		p.session(block[1])
	}
	require.Zero(t, worker.Stop(), "a worker that is told to end ends well")
}

// session carries out the lines of a session and compares what they print: …
// stands for anything.
func (p *place) session(session string) {
	p.t.Helper()
	for _, step := range strings.Split("\n"+session, "\n$ ")[1:] {
		line, want, _ := strings.Cut(step, "\n")
		if strings.HasPrefix(line, "go get github.com/seed-3652815f/sluice@") {
			p.useThisVersion()
			continue
		}
		out, code := p.sh(line)
		require.Zero(p.t, code, "%s\n%s", line, out)
		require.Regexp(p.t, pattern(want), strings.TrimSpace(out), line)
	}
}

func pattern(want string) string {
	return "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), "…", ".*") + "$"
}

// useThisVersion makes the module of the place depend on this working copy, and
// on the versions that it depends on.
func (p *place) useThisVersion() {
	p.t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(p.t, err)
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(p.t, err)
	p.write("go.sum", string(sums))
	own, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(p.t, err)
	module, err := os.ReadFile(filepath.Join(p.folder, "go.mod"))
	require.NoError(p.t, err)
	_, required, _ := strings.Cut(string(own), "\nrequire (")
	p.write("go.mod", string(module)+"\nrequire github.com/seed-3652815f/sluice v0.0.0\n\nrequire ("+required+
		"\nreplace github.com/seed-3652815f/sluice => "+root+"\n")
}
