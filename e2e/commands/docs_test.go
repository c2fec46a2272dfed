package commands

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

var (
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")
	namedFile    = regexp.MustCompile("(?s)```yaml\n# ([a-z-]+\\.yaml)\n(.*?)```")
	planFile     = regexp.MustCompile("(?s)```yaml\n((?:# yaml-language-server[^\n]*\n)?apiVersion: .*?)```")
)

// TestSessionsInTheDocumentationAreTrue runs the sessions of the pages in
// their order, with the plan files of the page, and compares what is printed:
// numbers and times may differ, and … stands for anything.
func TestSessionsInTheDocumentationAreTrue(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"commands.md", "plan-file.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
			require.NoError(t, err)
			s := newSession(t, string(text))
			blocks := consoleBlock.FindAllStringSubmatch(string(text), -1)
			require.NotEmpty(t, blocks)
			for _, block := range blocks {
				for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
					line, want, _ := strings.Cut(step, "\n")
					s.run(line, want)
				}
			}
		})
	}
}

// session is a shell of a reader who tries a page out.
type session struct {
	t      *testing.T
	folder string
	env    []string
}

func newSession(t *testing.T, page string) *session {
	t.Helper()
	server, g := producttest.StartTemporal(t, fast...), startGateway(t)
	startWorker(t, server.Address)
	g.slow(250 * time.Millisecond) // there is time for a pause
	s := &session{t: t, folder: t.TempDir(), env: environment(t.TempDir(), server.Address)}
	var tenants strings.Builder
	for i := range 40 {
		fmt.Fprintf(&tenants, "tenant-%03d\n", i+1)
	}
	s.write("tenants.txt", tenants.String())
	if first := planFile.FindStringSubmatch(page); first != nil {
		s.write("green-cutover.yaml", first[1])
	}
	for _, file := range namedFile.FindAllStringSubmatch(page, -1) {
		s.write(file[1], strings.ReplaceAll(file[2], "https://gateway.example", g.server.URL))
	}
	return s
}

func (s *session) write(name, text string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600))
}

// run carries out a line in a shell and compares what it prints.
func (s *session) run(line, want string) {
	s.t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = s.folder, s.env
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s\n%s", line, out)
	require.Regexp(s.t, pattern(want), same(string(out)), "%s\nprinted\n%s", line, out)
}

var (
	moment = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z`)
	digits = regexp.MustCompile(`\d+`)
	blanks = regexp.MustCompile(`[ \t]+`)
)

// same replaces what differs from run to run.
func same(text string) string {
	text = digits.ReplaceAllString(moment.ReplaceAllString(text, "TIME"), "N")
	return strings.TrimSpace(blanks.ReplaceAllString(text, " "))
}

// pattern matches what the page shows.
func pattern(want string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(same(want)), "…", ".*") + "$"
}
