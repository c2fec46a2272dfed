package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runWorker runs a command line and returns its exit code, stdout and stderr.
func runWorker(args ...string) (int, string, string) {
	var out, errs bytes.Buffer
	code := run(context.Background(), args, &out, &errs, false)
	return code, out.String(), errs.String()
}

func TestHelpListsEverySettingWithItsVariableAndDefault(t *testing.T) {
	t.Parallel()
	code, out, _ := runWorker("--help")
	require.Equal(t, exitOK, code)
	out = strings.Join(strings.Fields(out), " ") // without the line breaks
	for _, want := range []string{
		"--task-queue name", "(SLUICE_TASK_QUEUE; default sluice)",
		"--search-attributes on|off", "SLUICE_SEARCH_ATTRIBUTES; default on",
		"--stop-timeout duration", "(SLUICE_STOP_TIMEOUT; default 30s)",
		"--address host:port", "(TEMPORAL_ADDRESS; default localhost:7233)",
		"Connection to Temporal:", "What executors may do:", "Only in the environment:",
	} {
		require.Contains(t, out, want)
	}
}

func TestFaultsOfTheCommandLineAreUsageErrors(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`unknown flag: --frob`:                 {"--frob"},
		`"plan.yaml" is one argument too many`: {"plan.yaml"},
		`it is on or off`:                      {"--search-attributes", "maybe"},
		`the log level is "loud"`:              {"--log-level", "loud"},
		`--http-allow (SLUICE_HTTP_ALLOW)`:     {"--http-allow", "10.0.0.0/99"},
	} {
		code, _, errs := runWorker(args...)
		require.Equal(t, exitUsage, code, want)
		require.Contains(t, errs, want)
	}
}

func TestAServerThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	code, _, errs := runWorker("--address", address)
	require.Equal(t, exitInternal, code)
	require.Contains(t, errs, "sluice-worker: no Temporal server answers at "+address)
}
