package program

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// runWorker runs a command line and returns its exit code, stdout and stderr.
func runWorker(args ...string) (int, string, string) {
	var out, errs bytes.Buffer
	p := Program{Name: "sluice-worker", Executors: func(s *config.Worker) ([]activities.Executor, error) {
		_, err := egress.Parse(s.HTTPAllow)
		return nil, err
	}}
	code := p.run(context.Background(), args, &out, &errs, false)
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
		`"10.0.0.0/99" is neither`:             {"--http-allow", "10.0.0.0/99"},
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

func TestAProgramOfItsOwnLeavesOutTheSettingsOfOtherExecutors(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	p := Program{Name: "flags", Own: true}
	require.Equal(t, exitOK, p.run(context.Background(), []string{"--help"}, &out, &errs, false))
	require.Contains(t, out.String(), "flags [flags]")
	require.Contains(t, out.String(), "--metrics-address")
	require.NotContains(t, out.String(), "--http-allow")
	require.NotContains(t, out.String(), "What executors may do")
}
