package activities

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"pgregory.net/rapid"

	"github.com/seed-3652815f/sluice/domain"
)

// inBubble hides from rapid that it runs in a bubble, where a test has no
// deadline to ask for.
type inBubble struct{ testing.TB }

func TestWhateverFailsAndStopsEveryTargetIsDoneAndEveryPriorValueKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(inBubble{t}, func(t *rapid.T) {
			s := drawScene(t)
			for attempt := 1; ; attempt++ {
				require.Less(t, attempt, 100, "it comes to no end")
				if attempt > 12 {
					s.step = slowly // no more trouble, so that it has to succeed
				} else {
					s.trouble(t)
				}
				e := s.again()
				requireNothingTwice(t, s)
				if e.kind == "success" {
					requireAllDone(t, s, e)
					return
				}
				requireHandedOver(t, s, e)
				s.calm()
			}
		})
	})
}

// slowly is a step that takes long enough for pulses in between.
func slowly(context.Context, string, string) error { elapse(pulseInterval / 3); return nil }

func drawScene(t *rapid.T) *scene {
	s := newScene(t, rapid.IntRange(1, 12).Draw(t, "targets"))
	s.request.MaxRetries = 1000
	s.request.FailuresAllowed = rapid.IntRange(0, 3).Draw(t, "tolerated")
	s.request.Parallel = rapid.IntRange(1, 4).Draw(t, "parallel")
	s.work.BatchSize = rapid.IntRange(0, 3).Draw(t, "batch size")
	s.work.PriorBatch = rapid.IntRange(0, 6).Draw(t, "prior batch")
	if rapid.Bool().Draw(t, "two steps") {
		s.work.Steps = append(s.work.Steps, s.doing("VERIFY"))
	}
	return s
}

// trouble lets something go wrong at the n-th call of a step in the attempt
// that follows.
func (s *scene) trouble(t *rapid.T) {
	what := rapid.SampledFrom([]string{"nothing", "failure", "panic", "cancel", "worker", "outage", "closed", "held"}).Draw(t, "trouble")
	after := rapid.IntRange(1, 12).Draw(t, "after")
	var mu sync.Mutex
	calls := 0
	s.step = func(ctx context.Context, step, target string) error {
		_ = slowly(ctx, step, target)
		mu.Lock()
		calls++
		now := calls == after
		mu.Unlock()
		if !now {
			return nil
		}
		switch what {
		case "failure":
			return errLater
		case "panic":
			panic("oh")
		case "worker":
			close(s.stops)
		case "cancel":
			s.answers(errCanceled)
		case "outage":
			s.answers(errUnavailable)
		case "closed":
			s.answers(errNotFound)
		case "held":
			s.answers(activity.ErrActivityPaused)
		}
		elapse(pulseInterval)
		return nil
	}
}

// calm ends the trouble of an attempt.
func (s *scene) calm() {
	s.answers(nil)
	s.stops = make(chan struct{})
}

// requireNothingTwice requires that no target was changed after a save that
// had it as done, and none before one that had
// its prior value.
func requireNothingTwice(t *rapid.T, s *scene) {
	var cp domain.Checkpoint
	for _, e := range s.events {
		if e.kind == "save" {
			cp = e.cp
		}
		for _, target := range e.targets {
			prior, known := cp.Prior.Get(index(target))
			switch e.kind {
			case "read":
				require.False(t, known, "%s was read again", target)
			case "do":
				require.True(t, known, "%s was changed before its prior value was saved", target)
				require.Equal(t, strconv.Quote(s.initial[target]), string(prior.Value))
				require.False(t, cp.Done.Contains(index(target)), "%s was changed again", target)
			}
		}
	}
}

func requireAllDone(t *rapid.T, s *scene, e end) {
	require.Equal(t, len(s.request.Targets), e.result.Done)
	for _, target := range s.request.Targets {
		require.True(t, e.cp.Done.Contains(index(target)))
		require.Equal(t, "new", s.values[target])
	}
	s.requirePriors(e.cp, s.request.Targets...)
}

// requireHandedOver requires that the checkpoint of an attempt's end has all
// that the server keeps.
func requireHandedOver(t *rapid.T, s *scene, e end) {
	require.True(t, e.kind == "canceled" || e.retryable, "%s %+v", e.kind, e.failure)
	for _, did := range s.of("do") {
		if did.attempt != s.attempts {
			continue // where no save of it came through, this attempt cannot know
		}
		for _, target := range did.targets {
			i := index(target)
			require.True(t, e.cp.Done.Contains(i) || e.cp.Failed.Contains(i) || e.cp.Batch.Contains(i), "the checkpoint does not say that %s may be changed", target)
		}
	}
	if saved := s.saved(); saved != nil {
		missing := saved.Done.Without(e.cp.Done)
		require.True(t, missing.Empty(), "done is lost: %v", missing)
		require.GreaterOrEqual(t, e.cp.Prior.Count(), saved.Prior.Count())
	}
	switch e.failure.ErrorCode {
	case domain.CodeWorkerStopping, domain.CodeConnectionLost, domain.CodeHeld:
		require.Equal(t, 100*time.Millisecond, e.delay)
	}
}
