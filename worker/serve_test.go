package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/executortest"
)

func TestTheExamplesAreTakenByTheExecutorsThatAWorkerServes(t *testing.T) {
	t.Parallel()
	served, err := executors(&config.Worker{})
	require.NoError(t, err)
	files, err := filepath.Glob("../examples/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		executortest.RequireTaken(t, text, served...)
	}
}
