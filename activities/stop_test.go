package activities

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"github.com/seed-3652815f/sluice/domain"
)

func TestACancelStopsBetweenTwoTargetsAndHandsOverTheCheckpoint(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.work.PriorBatch = 4
		s.work.Steps = []Step{s.doing("SWITCH"), s.doing("VERIFY")}
		s.step = at("12", func(ctx context.Context) error {
			s.answers(errCanceled)
			elapse(3 * time.Second)
			return ctx.Err() // the target under way is not broken off
		})
		e := s.run()
		require.Equal(t, "canceled", e.kind)
		require.Equal(t, "10-12", e.cp.Done.String())
		require.True(t, e.cp.Batch.Empty(), "nothing is under way")
		require.Zero(t, e.cp.Failed.Count())
		require.Zero(t, e.cp.FailedAttempts)
		require.Equal(t, "SWITCH:10 VERIFY:10 SWITCH:11 VERIFY:11 SWITCH:12 VERIFY:12", s.done(1))
		s.requirePriors(e.cp, "10", "11", "12", "13")
		require.Equal(t, domain.Duration(6*time.Second), e.cp.Spent)
	})
}

func TestTheEndOfTheActivitysContextDoesNotBreakOffAStep(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		ctx, cancel := context.WithCancel(t.Context())
		s.ctx = ctx
		s.step = at("11", func(ctx context.Context) error { cancel(); elapse(time.Second); return ctx.Err() })
		require.Equal(t, "success", s.run().kind)
		require.Greater(t, len(s.of("save")), 4, "nor the heartbeats")
	})
}

func TestACancelLetsEveryTargetUnderWayComeToItsEnd(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 12)
		s.request.Parallel = 4
		s.step = func(ctx context.Context, _, target string) error {
			if target == "15" {
				s.answers(errCanceled)
			}
			elapse(time.Second)
			return ctx.Err()
		}
		e := s.run()
		require.Equal(t, "canceled", e.kind)
		require.Equal(t, "10-17", e.cp.Done.String())
		require.Len(t, s.of("do"), 8)
	})
}

func TestACancelLeavesTheRestToAnExecutionThatGoesOnFromItsCheckpoint(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 5)
		s.step = at("11", func(context.Context) error { s.answers(errCanceled); elapse(time.Second); return nil })
		e := s.run()
		require.Equal(t, "canceled", e.kind)
		s.answers(nil)
		s.request.Checkpoint = &e.cp
		e = s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "12 13 14", s.done(2))
		s.requirePriors(e.cp, s.request.Targets...)
	})
}

func TestACancelAfterTheLastTargetIsASuccess(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.step = at("11", func(context.Context) error { s.answers(errCanceled); elapse(time.Second); return nil })
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, 2, e.result.Done)
	})
}

func TestACancelThatAnswersTheSaveOfPriorValuesStopsBeforeAnyEffect(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.answers(errCanceled)
		e := s.run()
		require.Equal(t, "canceled", e.kind)
		require.Empty(t, s.of("do"))
		require.Equal(t, 1, e.cp.Prior.Count())
		require.Zero(t, e.cp.FailedAttempts, "a stop is no failure")
	})
}

func TestACancelDuringTheHandOverOfAFailureTakesTheCheckpointAlong(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, handOverMoment / 2} {
		t.Run(fmt.Sprintf("%v after the failure", after), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 3)
				s.step = at("11", func(context.Context) error {
					began := time.Now()
					s.answer = func(context.Context, domain.Checkpoint) error {
						if time.Since(began) < after {
							return nil
						}
						return errCanceled
					}
					return errLater
				})
				e := s.run()
				require.Equal(t, "canceled", e.kind)
				require.Equal(t, "10", e.cp.Done.String())
				require.Equal(t, 1, e.cp.FailedAttempts)
				s.requirePriors(e.cp, "10", "11")
			})
		})
	}
}

func TestACancelMakesAFailureThatWouldBeRetriedAPauseAndLeavesAnotherAFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{{errLater, "canceled"}, {errNever, "failed"}} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 3)
				s.step = at("11", func(context.Context) error { s.answers(errCanceled); elapse(time.Second); return c.err })
				e := s.run()
				require.Equal(t, c.want, e.kind)
				require.Equal(t, "10", e.cp.Done.String())
				require.Equal(t, 1, e.cp.FailedAttempts)
				require.False(t, e.retryable)
			})
		})
	}
}

func TestAStopOfTheWorkerHandsTheRestToAnotherAttemptWithoutCountingOne(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.step = at("11", func(ctx context.Context) error { close(s.stops); elapse(time.Second); return ctx.Err() })
		e := s.run()
		require.Equal(t, "failed", e.kind)
		require.True(t, e.retryable)
		require.Equal(t, domain.CodeWorkerStopping, e.failure.ErrorCode)
		require.Equal(t, handOverDelay, e.delay)
		require.Zero(t, e.cp.FailedAttempts)
		require.Equal(t, "10-11", e.cp.Done.String())
		require.Equal(t, "10-11", s.saved().Done.String(), "the next attempt sees what was saved")
		s.stops, s.step = make(chan struct{}), nil
		e = s.again()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "12 13", s.done(2))
		s.requirePriors(e.cp, s.request.Targets...)
	})
}

func TestAFailureAtAWorkersStopStillCounts(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.step = at("10", func(context.Context) error { close(s.stops); elapse(time.Second); return errLater })
		e := s.run()
		require.Equal(t, "BUSY", e.failure.ErrorCode)
		require.True(t, e.retryable)
		require.Equal(t, 1, e.cp.FailedAttempts)
	})
}

func TestAnAttemptThatLosesTheServerStopsBeforeAnotherOneBegins(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ domain.Checkpoint) error { <-ctx.Done(); return ctx.Err() }
	refuse := func(context.Context, domain.Checkpoint) error { return errUnavailable }
	for _, heartbeat := range []time.Duration{time.Second, 2 * time.Second, 10 * time.Second, time.Minute} {
		for name, answer := range map[string]func(context.Context, domain.Checkpoint) error{"refuses": refuse, "hangs": hang} {
			t.Run(fmt.Sprintf("a server that %s, heartbeats within %v", name, heartbeat), func(t *testing.T) {
				t.Parallel()
				during(t, func(t *testing.T) {
					s := newScene(t, 2000)
					s.heartbeat, s.work.PriorBatch = heartbeat, 2000
					s.step = func(_ context.Context, _, target string) error {
						elapse(heartbeat / 50)
						if target == "20" {
							s.mu.Lock()
							defer s.mu.Unlock()
							s.answer = answer
						}
						return nil
					}
					e := s.run()
					require.Equal(t, "failed", e.kind)
					require.Equal(t, domain.CodeConnectionLost, e.failure.ErrorCode)
					require.True(t, e.retryable)
					require.Equal(t, handOverDelay, e.delay)
					require.Zero(t, e.cp.FailedAttempts)
					require.Greater(t, e.cp.Done.Count(), 10, "it goes on for a while")
					saves, dos := s.of("save"), s.of("do")
					silence := dos[len(dos)-1].at.Sub(saves[len(saves)-1].at)
					require.Less(t, silence, heartbeat, "since the last save")
				})
			})
		}
	}
}

func TestTheSilenceOfAServerThatAnswersLateCountsFromWhatItHeardLast(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 400)
		s.work.Prior = nil // so that only pulses save
		var heard time.Time
		s.answer = func(context.Context, domain.Checkpoint) error {
			if !heard.IsZero() {
				return errUnavailable
			}
			heard = time.Now()
			elapse(4 * time.Second)
			return nil
		}
		s.step = func(context.Context, string, string) error { elapse(s.heartbeat / 100); return nil }
		require.Equal(t, domain.CodeConnectionLost, s.run().failure.ErrorCode)
		dos := s.of("do")
		require.Less(t, dos[len(dos)-1].at.Sub(heard), s.heartbeat)
	})
}

func TestAFailureOfAnAttemptThatLostTheServerIsNotCounted(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.step = at("11", func(context.Context) error { s.answers(errUnavailable); elapse(20 * time.Second); return errNever })
		e := s.run()
		require.Equal(t, domain.CodeConnectionLost, e.failure.ErrorCode)
		require.True(t, e.retryable)
		require.Zero(t, e.cp.FailedAttempts)
		require.Zero(t, e.cp.Failed.Count())
	})
}

func TestAShortOutageOfTheServerStopsNothing(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.step = at("11", func(context.Context) error {
			s.answers(errUnavailable)
			elapse(5 * time.Second)
			s.answers(nil)
			return nil
		})
		require.Equal(t, "success", s.run().kind)
	})
}

func TestPriorValuesAreSavedAgainAndAgainUntilTheServerHasThem(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		calls := 0
		s.answer = func(context.Context, domain.Checkpoint) error {
			if calls++; calls <= 4 {
				return errUnavailable
			}
			return nil
		}
		require.Equal(t, "success", s.run().kind)
		requireSavedFirst(t, s)
		require.Len(t, s.of("read"), 2, "the value is not read again")
	})
}

func TestNothingIsChangedWherePriorValuesCannotBeSaved(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"the server is away": errUnavailable, "the server has closed the attempt": errNotFound} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.answers(err)
				e := s.run()
				require.Equal(t, domain.CodeConnectionLost, e.failure.ErrorCode)
				require.True(t, e.retryable)
				require.Zero(t, e.cp.FailedAttempts)
				require.Empty(t, s.of("do"))
			})
		})
	}
}

func TestAnAttemptThatTheServerHasClosedStopsAtOnce(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.step = at("11", func(context.Context) error { s.answers(errNotFound); elapse(pulseInterval * 2); return nil })
		e := s.run()
		require.Equal(t, domain.CodeConnectionLost, e.failure.ErrorCode)
		require.True(t, e.retryable)
		require.Equal(t, "10 11", s.done(1))
		require.Equal(t, "10-11", e.cp.Done.String())
	})
}

func TestAnActivityThatIsHeldOnTheServerStopsWithoutCountingAnAttempt(t *testing.T) {
	t.Parallel()
	for _, err := range []error{activity.ErrActivityPaused, activity.ErrActivityReset} {
		t.Run(err.Error(), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 4)
				s.step = at("11", func(context.Context) error { s.answers(err); elapse(time.Second); return nil })
				e := s.run()
				require.Equal(t, domain.CodeHeld, e.failure.ErrorCode)
				require.True(t, e.retryable)
				require.Zero(t, e.cp.FailedAttempts)
				require.Equal(t, "10 11", s.done(1))
				require.Equal(t, "10-11", s.saved().Done.String(), "the next attempt sees what was saved")
			})
		})
	}
}

func TestAStepThatHangsUntilItsContextEndsIsATimeout(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d at once", parallel), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 4)
				s.request.Parallel, s.request.MaxRetries, s.timeout = parallel, 0, time.Minute
				began := time.Now()
				s.step = at("12", func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("calling: %w", ctx.Err()) })
				e := s.run()
				require.Equal(t, "failed", e.kind)
				require.Equal(t, domain.CodeTimeout, e.failure.ErrorCode)
				require.Equal(t, domain.CategoryTechnical, e.failure.Category)
				require.False(t, e.retryable)
				require.Zero(t, e.cp.Failed.Count(), "a retry tries the target again")
				require.Equal(t, "10-11", e.cp.Done.String())
				s.requirePriors(e.cp, "10", "11", "12")
				require.Less(t, time.Since(began), time.Minute, "there is time left to say so")
			})
		})
	}
}

func TestATimeoutBetweenTwoTargetsIsATimeout(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.timeout = time.Minute
		s.step = at("11", func(context.Context) error { elapse(59 * time.Second); return nil })
		e := s.run()
		require.Equal(t, domain.CodeTimeout, e.failure.ErrorCode)
		require.False(t, e.retryable)
		require.Equal(t, "10-11", e.cp.Done.String(), "what was done although it was late is done")
		require.Equal(t, "10 11", s.done(1))
	})
}

func TestATimeoutAfterTheLastTargetIsASuccess(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 1)
		s.timeout = time.Minute
		s.step = at("10", func(context.Context) error { elapse(59 * time.Second); return nil })
		require.Equal(t, "success", s.run().kind)
	})
}

func TestATimeoutWhilePriorValuesCannotBeSavedIsATimeout(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 1)
		s.timeout, s.heartbeat = time.Second, time.Minute
		s.answers(errUnavailable)
		e := s.run()
		require.Equal(t, domain.CodeTimeout, e.failure.ErrorCode)
		require.False(t, e.retryable)
	})
}

func TestTheTimeoutIsOfAllAttemptsOfAnExecutionTogether(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.timeout = time.Minute
		s.step = at("11", func(context.Context) error { elapse(40 * time.Second); return errLater })
		require.True(t, s.run().retryable)
		began := time.Now()
		s.step = at("11", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		e := s.again()
		require.Equal(t, domain.CodeTimeout, e.failure.ErrorCode)
		require.Less(t, time.Since(began), 20*time.Second)
		require.Equal(t, "11", strings.TrimSpace(s.done(2)))
	})
}

func TestAnAttemptForWhichEarlierOnesLeftNoTimeTouchesNothing(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.timeout = time.Minute
		s.request.Checkpoint = &domain.Checkpoint{Format: 1, Spent: domain.Duration(time.Minute)}
		e := s.run()
		require.Equal(t, domain.CodeTimeout, e.failure.ErrorCode)
		require.False(t, e.retryable)
		require.Empty(t, s.of("read"))
		require.Empty(t, s.of("do"))
	})
}

func TestAPauseDoesNotTurnATimeoutIntoATargetGivenUp(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.timeout, s.request.MaxRetries = time.Minute, 0
		s.step = at("11", func(ctx context.Context) error { s.answers(errCanceled); <-ctx.Done(); return ctx.Err() })
		e := s.run()
		require.Zero(t, e.cp.Failed.Count())
		require.Equal(t, "10", e.cp.Done.String())
	})
}
