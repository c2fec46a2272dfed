package activities

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

func TestAPulseEncodesTheCheckpointOnlyWhereItHasChanged(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.step = func(context.Context, string, string) error { elapse(4900 * time.Millisecond); return nil }
		require.Equal(t, "success", s.run().kind)
		encodings := map[*byte]string{}
		saves := s.of("save")
		for _, save := range saves {
			encodings[&save.raw[0]] = string(save.raw)
		}
		require.Greater(t, len(saves), 50, "four pulses a second")
		require.Len(t, encodings, 6, "for each target its prior value, and that it is under way")
	})
}

func TestPulsesSendTheWholeCheckpointSoThatNoneWipesIt(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.work.PriorBatch = 4
		s.step = func(context.Context, string, string) error { elapse(900 * time.Millisecond); return nil }
		require.Equal(t, "success", s.run().kind)
		done := 0
		for _, save := range s.of("save") {
			s.requirePriors(save.cp, s.request.Targets...)
			require.GreaterOrEqual(t, save.cp.Done.Count(), done)
			done = save.cp.Done.Count()
		}
		require.Equal(t, 3, done)
	})
}

func TestAnAttemptIsNeverSilentForLongWhileAStepTakesItsTime(t *testing.T) {
	t.Parallel()
	for _, heartbeat := range []time.Duration{0, 200 * time.Millisecond, time.Second, time.Minute} {
		t.Run(heartbeat.String(), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 1)
				s.heartbeat = heartbeat
				s.step = func(context.Context, string, string) error { elapse(10 * time.Second); return nil }
				require.Equal(t, "success", s.run().kind)
				saves := s.of("save")
				for k := 1; k < len(saves); k++ {
					gap := saves[k].at.Sub(saves[k-1].at)
					require.LessOrEqual(t, gap, pulseInterval)
					if heartbeat > 0 {
						require.Less(t, gap, heartbeat/4)
					}
				}
			})
		})
	}
}

func TestWithoutAHeartbeatTimeoutAnOutageStopsNothing(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.heartbeat, s.work.Prior = 0, nil
		s.answers(errUnavailable)
		s.step = func(context.Context, string, string) error { elapse(time.Hour); return nil }
		require.Equal(t, "success", s.run().kind)
	})
}

func TestNoOlderCheckpointOvertakesANewerOne(t *testing.T) {
	t.Parallel()
	const targets, writers = 200, 4
	var saved []int
	a := &attempt{
		request:          domain.TaskRequest{Targets: make([]string, targets)},
		heartbeatTimeout: time.Minute, now: time.Now,
		save: func(_ context.Context, raw encodedCheckpoint) error {
			var cp domain.Checkpoint
			if err := json.Unmarshal(raw, &cp); err != nil {
				return err
			}
			saved = append(saved, cp.Done.Count()) // the race detector tells two saves at once
			return nil
		},
	}
	require.NoError(t, a.begin())
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w; i < targets; i += writers {
				a.finish([]int{i})
				if i%2 == 0 {
					a.beat(t.Context())
				} else if err := a.saveNow(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Len(t, saved, targets)
	require.IsNonDecreasing(t, saved)
	require.Equal(t, targets, saved[len(saved)-1])
}
