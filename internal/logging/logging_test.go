package logging_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/seed-3652815f/sluice/internal/logging"
)

func TestNewWritesJSONWhereNobodyLooks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := logging.New(&out, false, "info")
	require.NoError(t, err)
	logger.Debug("hidden")
	logger.Info("worker ready", zap.String("taskQueue", "sluice"))
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "worker ready", line["msg"])
	require.Equal(t, "sluice", line["taskQueue"])
	require.NotEmpty(t, line["time"])
}

func TestNewWritesLinesForATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := logging.New(&out, true, "debug")
	require.NoError(t, err)
	logger.Debug("seen")
	require.Contains(t, out.String(), "DEBUG\tseen")
}

func TestNewRefusesALevelThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := logging.New(&bytes.Buffer{}, false, "loud")
	require.ErrorContains(t, err, `the log level is "loud", but has to be debug, info, warn or error`)
}

func TestForSDKWritesToTheSamePlace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := logging.New(&out, false, "warn")
	require.NoError(t, err)
	sdk := logging.ForSDK(logger)
	sdk.Info("hidden")
	sdk.Warn("seen", "WorkflowID", "green")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "seen", line["msg"])
	require.Equal(t, "green", line["WorkflowID"])

	out.Reset()
	sdk.Error("seen", "Error", "it is so")
	require.NotContains(t, out.String(), "stacktrace")
}

func TestSilentSaysNothing(t *testing.T) {
	t.Parallel()
	logging.Silent().Error("nothing to see")
}
