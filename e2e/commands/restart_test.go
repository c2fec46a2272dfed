package commands

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

// TestWatchSurvivesARestartOfTheServer kills the server with kill -9 while a
// plan is watched, and starts it again on its database.
func TestWatchSurvivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t, append(fast, "--db-filename", filepath.Join(t.TempDir(), "temporal.db"))...)
	startWorker(t, server.Address)
	g := startGateway(t)
	g.hold("t3")
	file := filepath.Join(t.TempDir(), "plan.yaml")
	plan := `{apiVersion: sluice/v1, kind: Plan, metadata: {name: green}, spec: {targets: [t1, t2, t3, t4],
  tasks: [{name: move, executor: http, heartbeatTimeout: 2s, params: {url: "` + g.server.URL + `/move/{{target}}"}}]}}`
	require.NoError(t, os.WriteFile(file, []byte(plan), 0o600))

	cmd := exec.Command(filepath.Join(programs, "sluice"), "start", file, "--watch", "-o", "json")
	cmd.Env = environment(t.TempDir(), server.Address)
	errs := &output{}
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	var last plans.View
	next := func() bool {
		if !lines.Scan() {
			return false
		}
		last = plans.View{}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &last), "each line is one JSON object")
		return true
	}
	for last.Progress.Done < 2 {
		require.True(t, next(), errs.String())
	}
	server.Kill()
	// What the command says on stderr shows that it has missed the server.
	producttest.Eventually(t, "watch says that the server is away", func() bool { return strings.Contains(errs.String(), "still watching") })
	server.Again()
	g.release()
	for next() {
	}
	require.NoError(t, cmd.Wait(), errs.String())
	require.Equal(t, 4, last.Progress.Done)
	require.Contains(t, errs.String(), "sluice: the Temporal server at "+server.Address+" does not answer")
	require.Contains(t, errs.String(), "sluice: the server answers again.")
}

// output is what a program has written so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
