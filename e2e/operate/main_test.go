// Package operate tests both programs as an operator runs them: their
// connection, what doctor finds, and what a worker shows of itself.
package operate

import (
	"errors"
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
	folder, err := os.MkdirTemp("", "sluice-operate")
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

// environment is the variables that a program is given, beside what it needs
// to run at all.
type environment map[string]string

// program is a call of one of the two, with nothing of the machine's own
// configuration.
func program(t *testing.T, name string, env environment, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(programs, name), args...)
	home := t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// result is what a call came to.
type result struct {
	code     int
	out, err string
}

// run carries out a call of the command line that ends by itself.
func run(t *testing.T, name string, env environment, args ...string) result {
	t.Helper()
	cmd := program(t, name, env, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// startWorker starts a worker and returns once it is ready.
func startWorker(t *testing.T, env environment, args ...string) *producttest.Process {
	t.Helper()
	p := producttest.Start(t, "sluice-worker", program(t, "sluice-worker", env, args...))
	p.Await("become ready", func() bool { return strings.Contains(p.Output(), `"worker ready"`) })
	return p
}
