package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

// BenchmarkRunner is what the runner itself takes for a target, where the
// executor does nothing and the server takes every save at once.
func BenchmarkRunner(b *testing.B) {
	nothing := func(context.Context, []Target) error { return nil }
	different := func(_ context.Context, targets []string) ([]domain.Prior, error) {
		priors := make([]domain.Prior, len(targets))
		for i, target := range targets {
			priors[i].Value = json.RawMessage(`"` + target[len(target)-4:] + `"`)
		}
		return priors, nil
	}
	for _, c := range []struct {
		name     string
		targets  int
		parallel int
		work     Work
	}{
		{"one at a time", domain.MaxSliceTargets, 1, Work{}},
		{"eight at a time", domain.MaxSliceTargets, 8, Work{}},
		{"batches of 100", domain.MaxSliceTargets, 1, Work{BatchSize: 100}},
		{"one batch", domain.MaxSliceTargets, 1, Work{BatchSize: domain.MaxSliceTargets}},
		{"prior values, all read at once", 4000, 1, Work{Prior: different, PriorBatch: domain.MaxSliceTargets}},
		{"prior values, 100 read at once", 4000, 1, Work{Prior: different, PriorBatch: 100}},
		{"prior values, each saved, 400 targets", 400, 1, Work{Prior: different}},
		{"prior values, each saved, 4000 targets", 4000, 1, Work{Prior: different}},
	} {
		c.work.Steps = []Step{{Name: "NOOP", Do: nothing}}
		e := Define("bench", func(context.Context, struct{}) (*Work, error) { return &c.work, nil })
		request := domain.TaskRequest{
			Plan: "p", Task: "t", Executor: "bench", Mode: domain.ModeApply, Generation: "g",
			MaxRetries: 3, Parallel: c.parallel, PriorBytes: domain.MaxPriorBytes,
		}
		for i := range c.targets {
			request.Targets = append(request.Targets, fmt.Sprintf("tenant-%06d", i))
		}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				a := &attempt{
					request: request, namespace: "default", number: 1, heartbeatTimeout: 10 * time.Second,
					save: func(context.Context, encodedCheckpoint) error { return nil }, now: time.Now,
				}
				result, err := a.run(b.Context(), e)
				require.NoError(b, err)
				require.Equal(b, c.targets, result.Done)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.targets), "ns/target")
		})
	}
}
