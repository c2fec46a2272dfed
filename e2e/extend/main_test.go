// Package extend tests what others build on Sluice: executors in programs of
// their own, in Go and in other languages, as docs/executors.md and examples/
// show them.
package extend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

// programs is where the two programs are.
var programs string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "sluice-extend")
	if err != nil {
		return 1, fmt.Errorf("making a folder for the programs: %w", err)
	}
	defer os.RemoveAll(folder)
	programs = folder
	for name, source := range map[string]string{"sluice": "../../starter", "sluice-worker": "../../worker"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(folder, name), source).CombinedOutput(); err != nil {
			return 1, fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return m.Run(), nil
}

// fast are the settings of a server whose steps do not wait for its polling.
var fast = []string{
	"--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000",
	"--dynamic-config-value", "history.timerProcessorMaxPollRPS=5000",
	"--dynamic-config-value", `history.timerProcessorMaxTimeShift="10ms"`,
}

// place is a folder in which a reader follows what is written, beside a server.
type place struct {
	t      *testing.T
	folder string
	env    []string
}

// newPlace starts a server for a reader. Everything but the programs, Go's
// caches and npm's is as on a machine that knows nothing of Sluice.
func newPlace(t *testing.T) *place {
	t.Helper()
	server := producttest.StartTemporal(t, fast...)
	p := &place{t: t, folder: t.TempDir()}
	for _, kept := range os.Environ() {
		if name, _, _ := strings.Cut(kept, "="); !strings.HasPrefix(name, "TEMPORAL_") && !strings.HasPrefix(name, "SLUICE_") && name != "PATH" {
			p.env = append(p.env, kept)
		}
	}
	p.env = append(p.env, "TEMPORAL_ADDRESS="+server.Address,
		"PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	return p
}

func (p *place) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.folder, name)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(p.t, os.WriteFile(path, []byte(text), 0o600))
}

func (p *place) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = p.folder, p.env
	return cmd
}

// sh carries out lines of a shell and returns what they print.
func (p *place) sh(lines string) (output string, code int) {
	p.t.Helper()
	cmd := p.command("bash", "-euo", "pipefail", "-c", lines)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(p.t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must is sh for lines that succeed.
func (p *place) must(lines string) string {
	p.t.Helper()
	out, code := p.sh(lines)
	require.Zero(p.t, code, "%s\n%s", lines, out)
	return out
}

// start runs lines of a shell until the test ends.
func (p *place) start(line string) *producttest.Process {
	p.t.Helper()
	return producttest.Start(p.t, line, p.command("bash", "-c", "exec "+line))
}
