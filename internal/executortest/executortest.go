// Package executortest drives the work of an executor as the runner does, for
// the tests of executors.
package executortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// Names returns n targets' names.
func Names(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%03d", i+1)
	}
	return names
}

// Record reads what the targets stand at, as the runner does before the
// first step; the values go through JSON, as they do in a checkpoint.
func Record(t testing.TB, work *activities.Work, names []string) []activities.Target {
	t.Helper()
	values, err := work.Prior(t.Context(), names)
	require.NoError(t, err)
	require.Len(t, values, len(names))
	targets := make([]activities.Target, len(names))
	for i, value := range values {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		var prior domain.Prior
		require.NoError(t, json.Unmarshal(text, &prior))
		targets[i] = activities.Target{Name: names[i], Prior: prior}
	}
	return targets
}

// Apply does all steps for all targets, batch by batch.
func Apply(ctx context.Context, work *activities.Work, targets []activities.Target) error {
	for batch := range slices.Chunk(targets, max(1, work.BatchSize)) {
		for _, step := range work.Steps {
			if err := step.Do(ctx, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// Step does the step with a name alone.
func Step(t testing.TB, work *activities.Work, name string, batch []activities.Target) error {
	t.Helper()
	i := slices.IndexFunc(work.Steps, func(s activities.Step) bool { return s.Name == name })
	require.GreaterOrEqual(t, i, 0, "there is no step %s", name)
	return work.Steps[i].Do(t.Context(), batch)
}

// Rollback puts back all targets, newest batch first.
func Rollback(ctx context.Context, work *activities.Work, targets []activities.Target) error {
	batches := slices.Collect(slices.Chunk(targets, max(1, work.BatchSize)))
	for _, batch := range slices.Backward(batches) {
		if err := work.Rollback(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// RequireKind asserts what kind of error err is.
func RequireKind(t testing.TB, err error, category domain.Category, code string, retryable bool) {
	t.Helper()
	var kind *activities.Error
	require.ErrorAs(t, err, &kind)
	require.Equal(t, code, kind.Code, err)
	require.Equal(t, category, kind.Category, err)
	require.Equal(t, retryable, kind.Retryable, err)
}

// RequireTargets asserts that err is about exactly the named targets, and
// returns their errors.
func RequireTargets(t testing.TB, err error, names ...string) activities.TargetErrors {
	t.Helper()
	var failed activities.TargetErrors
	require.True(t, errors.As(err, &failed), "the error is %v, but should name targets", err)
	got := make([]string, 0, len(failed))
	for name := range failed {
		got = append(got, name)
	}
	require.ElementsMatch(t, names, got)
	return failed
}
