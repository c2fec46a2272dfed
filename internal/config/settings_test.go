package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/config"
)

// worker returns a worker's settings for flags and an environment.
func worker(t *testing.T, env environment, args ...string) (*config.Worker, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings := config.NewWorker(flags)
	require.NoError(t, flags.Parse(args))
	return settings, config.FromEnvironment(flags, env.LookupEnv)
}

func TestWorkerHasDefaults(t *testing.T) {
	t.Parallel()
	w, err := worker(t, environment{"SLUICE_TASK_QUEUE": ""})
	require.NoError(t, err)
	require.Equal(t, "sluice", *w.TaskQueue)
	require.True(t, bool(w.SearchAttributes))
	require.Empty(t, w.HTTPAllow)
	require.Equal(t, 30*time.Second, w.StopTimeout)
	require.Equal(t, "info", w.LogLevel)
	require.Equal(t, 200, w.MaxConcurrentTasks)
	require.Equal(t, 1000, w.MaxCachedPlans)
}

func TestWorkerTakesTheEnvironmentUnlessAFlagIsGiven(t *testing.T) {
	t.Parallel()
	env := environment{
		"SLUICE_TASK_QUEUE": "env-queue", "SLUICE_SEARCH_ATTRIBUTES": "off",
		"SLUICE_HTTP_ALLOW": "10.0.0.0/8", "SLUICE_STOP_TIMEOUT": "5s", "SLUICE_LOG_LEVEL": "debug",
	}
	w, err := worker(t, env)
	require.NoError(t, err)
	require.Equal(t, "env-queue", *w.TaskQueue)
	require.False(t, bool(w.SearchAttributes))
	require.Equal(t, "10.0.0.0/8", w.HTTPAllow)
	require.Equal(t, 5*time.Second, w.StopTimeout)
	require.Equal(t, "debug", w.LogLevel)

	w, err = worker(t, env, "--task-queue", "flag-queue", "--search-attributes", "on")
	require.NoError(t, err)
	require.Equal(t, "flag-queue", *w.TaskQueue)
	require.True(t, bool(w.SearchAttributes))
}

func TestWorkerNamesTheVariableWithAWrongValue(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"SLUICE_STOP_TIMEOUT": "soon", "SLUICE_SEARCH_ATTRIBUTES": "maybe", "SLUICE_MAX_CONCURRENT_TASKS": "0", "SLUICE_MAX_CACHED_PLANS": "many"} {
		_, err := worker(t, environment{name: value})
		var setting *config.SettingError
		require.ErrorAs(t, err, &setting)
		require.ErrorContains(t, err, "the environment variable "+name+` is "`+value+`"`)
	}
}

func TestEverySettingIsInAGroupOfTheHelpWithItsVariableAndDefault(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.NewConnection(flags)
	config.NewWorker(flags)
	settings := config.Settings(flags)
	declared := 0
	flags.VisitAll(func(*pflag.Flag) { declared++ })
	require.Len(t, settings, declared)
	for _, s := range settings {
		require.NotEmpty(t, s.Text, s.Flag)
		require.NotEmpty(t, s.Default, s.Flag)
		require.Regexp(t, `^(TEMPORAL|SLUICE)_[A-Z_]+$`, s.Env, s.Flag)
	}
}

func TestTheHelpFitsAHundredColumns(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.NewConnection(flags)
	config.NewWorker(flags)
	help := config.Usage(flags)
	for line := range strings.Lines(help) {
		require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 100, line)
		require.Equal(t, strings.TrimRight(line, " \n")+"\n", line, "no blanks at the end")
	}
	require.Contains(t, help, "Connection to Temporal:\n  --address host:port")
}
