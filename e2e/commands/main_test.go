// Package commands tests the command line as its users meet it: the real
// programs against a real server.
package commands

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	folder, err := os.MkdirTemp("", "sluice-commands")
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
	"--dynamic-config-value", "history.visibilityProcessorMaxPollRPS=5000",
	"--dynamic-config-value", `history.timerProcessorMaxTimeShift="10ms"`,
}

// environment is what a program is given: the server's address, and nothing
// of the machine's own configuration.
func environment(home, address string) []string {
	return []string{
		"PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "TEMPORAL_ADDRESS=" + address,
	}
}

// startWorker starts a worker and returns once it is ready.
func startWorker(t testing.TB, address string, args ...string) *producttest.Process {
	t.Helper()
	cmd := exec.Command(filepath.Join(programs, "sluice-worker"), args...)
	cmd.Env = environment(t.TempDir(), address)
	p := producttest.Start(t, "sluice-worker", cmd)
	p.Await("become ready", func() bool { return strings.Contains(p.Output(), `"worker ready"`) })
	return p
}
