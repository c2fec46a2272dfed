package activities

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

func TestARetryableFailureEndsTheAttemptWithItsCheckpointAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.step = failing(map[string]error{"12": errLater})
		e := s.run()
		require.Equal(t, "failed", e.kind)
		require.True(t, e.retryable)
		require.Zero(t, e.delay, "the retry policy says when")
		require.Equal(t, domain.FailureInfo{
			Category: domain.CategoryTechnical, ErrorCode: "BUSY", Reason: "step SWITCH: the product is busy",
			Target: "12", Attempt: 1, Timestamp: e.failure.Timestamp,
		}, e.failure)
		require.Equal(t, "10-11", e.cp.Done.String())
		require.Zero(t, e.cp.Failed.Count())
		require.Equal(t, 1, e.cp.FailedAttempts)
		require.Equal(t, 1, s.saved().FailedAttempts, "the next attempt sees what was saved")
		s.step = nil
		require.Equal(t, "success", s.again().kind)
		require.Equal(t, "12 13", s.done(2))
	})
}

func TestATargetThatFailedRetryablyStaysUnderWayUntilItIsDoneOrGivenUp(t *testing.T) {
	t.Parallel()
	for _, batchSize := range []int{1, 3} {
		t.Run(fmt.Sprintf("batches of %d", batchSize), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 6)
				s.work.BatchSize, s.request.FailuresAllowed = batchSize, 2
				s.step = failing(map[string]error{"11": errLater, "13": errLater})
				e := s.run()
				require.True(t, e.retryable)
				require.Equal(t, "11,13", e.cp.Batch.String(), "something may have been done to them")
				require.Equal(t, "11,13", s.saved().Batch.String(), "a pause in back-off sees what was saved")

				s.open = func(context.Context) (*Work, error) { s.answers(errCanceled); return nil, errLater }
				e = s.again()
				require.Equal(t, "canceled", e.kind)
				require.Equal(t, "11,13", e.cp.Batch.String(), "an attempt that did not come to them forgets nothing")

				s.answers(nil)
				s.open, s.step = nil, failing(map[string]error{"13": errNever})
				e = s.again()
				require.Equal(t, "success", e.kind)
				require.Equal(t, "13", e.cp.Failed.String())
				require.True(t, e.cp.Batch.Empty(), "%s", e.cp.Batch)
			})
		})
	}
}

func TestATargetThatATimeoutBrokeOffStaysUnderWay(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.timeout = time.Minute
		s.step = at("11", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		e := s.run()
		require.Equal(t, domain.CodeTimeout, e.failure.ErrorCode)
		require.Equal(t, "11", e.cp.Batch.String())
	})
}

func TestTheLastRetryThatFailsEndsTheExecution(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.request.MaxRetries = 2
		s.step = failing(map[string]error{"11": errLater})
		for failed := 1; failed <= 2; failed++ {
			e := s.again()
			require.True(t, e.retryable)
			require.Equal(t, failed, e.cp.FailedAttempts)
		}
		e := s.again()
		require.Equal(t, "failed", e.kind)
		require.False(t, e.retryable)
		require.Equal(t, "BUSY", e.failure.ErrorCode)
		require.Equal(t, 3, e.failure.Attempt)
		require.Equal(t, "10", e.cp.Done.String())
		require.Equal(t, "11", e.cp.Failed.String())
		require.Equal(t, []domain.FailureInfo{e.failure}, e.cp.Failures)
	})
}

func TestLostAttemptsDoNotUseUpRetries(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 30)
		s.request.MaxRetries = 1
		for range 5 {
			s.stops = make(chan struct{})
			close(s.stops)
			s.step = func(context.Context, string, string) error { elapse(time.Second); return nil }
			require.Equal(t, domain.CodeWorkerStopping, s.again().failure.ErrorCode)
		}
		s.stops, s.step = make(chan struct{}), failing(map[string]error{"39": errLater})
		e := s.again()
		require.True(t, e.retryable)
		require.Equal(t, 1, e.cp.FailedAttempts)
		require.False(t, s.again().retryable)
	})
}

func TestANonRetryableFailureEndsTheExecutionAtOnce(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.step = failing(map[string]error{"12": errNever})
		e := s.run()
		require.Equal(t, "failed", e.kind)
		require.False(t, e.retryable)
		require.Equal(t, "UNKNOWN_TARGET", e.failure.ErrorCode)
		require.Equal(t, domain.CategoryBusiness, e.failure.Category)
		require.Equal(t, "10 11 12", s.done(1))
		require.Equal(t, "12", e.cp.Failed.String())
		s.requirePriors(e.cp, "10", "11", "12")
	})
}

func TestFailuresWithinTheThresholdAreToleratedAndListed(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d at once", parallel), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 8)
				s.request.FailuresAllowed, s.request.Parallel = 2, parallel
				s.step = failing(map[string]error{"11": errNever, "15": errNever})
				e := s.run()
				require.Equal(t, "success", e.kind)
				require.Equal(t, 6, e.result.Done)
				require.Equal(t, 2, e.result.Failed)
				require.Equal(t, "11,15", e.cp.Failed.String())
				require.Len(t, e.cp.Failures, 2)
				require.ElementsMatch(t, []string{"11", "15"}, []string{e.cp.Failures[0].Target, e.cp.Failures[1].Target})
			})
		})
	}
}

func TestOneFailureBeyondTheThresholdFailsTheExecution(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 8)
		s.request.FailuresAllowed = 2
		s.step = failing(map[string]error{"11": errNever, "13": errNever, "15": errNever})
		e := s.run()
		require.Equal(t, "failed", e.kind)
		require.False(t, e.retryable)
		require.Equal(t, "10 11 12 13 14 15", s.done(1), "no further target is tried")
		require.Equal(t, "10,12,14", e.cp.Done.String())
		require.Equal(t, "11,13,15", e.cp.Failed.String())
	})
}

func TestFailuresOfEarlierAttemptsCountAgainstTheThreshold(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.request.FailuresAllowed = 1
		s.step = failing(map[string]error{"11": errNever, "13": errLater})
		e := s.run()
		require.True(t, e.retryable)
		require.Equal(t, "BUSY", e.failure.ErrorCode)
		require.Equal(t, "11", e.cp.Failed.String())
		s.step = failing(map[string]error{"13": errNever})
		e = s.again()
		require.False(t, e.retryable)
		require.Equal(t, "13", s.done(2))
		require.Equal(t, "11,13", e.cp.Failed.String())
	})
}

func TestTargetsThatMayPassLaterAreTriedAgainAfterTheOthersWentOn(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.request.FailuresAllowed, s.request.MaxRetries = 2, 1
		s.step = failing(map[string]error{"11": errLater, "13": errLater})
		e := s.run()
		require.True(t, e.retryable)
		require.Equal(t, "11", e.failure.Target, "the first of them")
		require.Equal(t, "10,12,14-15", e.cp.Done.String())
		require.Zero(t, e.cp.Failed.Count())
		s.step = failing(map[string]error{"13": errLater})
		e = s.again()
		require.Equal(t, "success", e.kind, "the threshold tolerates what the retries did not mend")
		require.Equal(t, "11 13", s.done(2))
		require.Equal(t, "13", e.cp.Failed.String())
		require.Equal(t, "10-12,14-15", e.cp.Done.String())
	})
}

func TestOnlyTheFirstFailuresAreListedOneByOne(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 50)
		s.request.FailuresAllowed = 50
		s.step = func(context.Context, string, string) error { return errNever }
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, 50, e.result.Failed)
		require.Len(t, e.cp.Failures, domain.MaxListedFailures)
	})
}

func TestAnErrorOfAWholeBatchIsNoSingleTargets(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.work.BatchSize, s.request.FailuresAllowed = 3, 6
		s.work.Steps = []Step{{Name: "SWITCH", Do: func(_ context.Context, batch []Target) error {
			if batch[0].Name == "13" {
				return errLater
			}
			return nil
		}}}
		e := s.run()
		require.True(t, e.retryable)
		require.Empty(t, e.failure.Target)
		require.Contains(t, e.failure.Reason, "step SWITCH at 3 targets from 13 on")
		require.Equal(t, "10-12", e.cp.Done.String())
		require.Zero(t, e.cp.Failed.Count())
		require.Equal(t, "13-15", e.cp.Batch.String(), "what became of them is not known")
	})
}

func TestTheErrorsOfSingleTargetsLeaveTheRestOfTheBatchDone(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.work.BatchSize, s.request.FailuresAllowed = 3, 1
		s.step = failing(map[string]error{"11": errNever})
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "10,12-15", e.cp.Done.String())
		require.Equal(t, "11", e.cp.Failed.String())
		require.True(t, e.cp.Batch.Empty())
	})
}

func TestAnErrorThatNamesOnlyUnknownTargetsIsAFaultOfTheExecutor(t *testing.T) {
	t.Parallel()
	for _, batchSize := range []int{1, 2} {
		t.Run(fmt.Sprintf("batches of %d", batchSize), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.work.BatchSize, s.request.FailuresAllowed = batchSize, 2
				s.work.Steps = []Step{{Name: "SWITCH", Do: func(context.Context, []Target) error {
					return fmt.Errorf("switching: %w", TargetErrors{"somebody": errNever})
				}}}
				e := s.run()
				require.Equal(t, "failed", e.kind)
				require.Empty(t, e.failure.Target)
				require.Contains(t, e.failure.Reason, "somebody")
				require.Zero(t, e.cp.Done.Count())
				require.Zero(t, e.cp.Failed.Count())
			})
		})
	}
}

func TestLaterStepsLeaveOutTheTargetsThatFailed(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.work.BatchSize, s.request.FailuresAllowed = 3, 2
		s.work.Steps = []Step{s.doing("SWITCH"), s.doing("VERIFY")}
		s.step = func(_ context.Context, step, target string) error {
			if step == "SWITCH" && target == "11" || step == "VERIFY" && target == "14" {
				return errNever
			}
			return nil
		}
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "SWITCH:10 SWITCH:11 SWITCH:12 VERIFY:10 VERIFY:12 SWITCH:13 SWITCH:14 SWITCH:15 VERIFY:13 VERIFY:14 VERIFY:15", s.done(1))
		require.Equal(t, "11,14", e.cp.Failed.String())
		require.Equal(t, "10,12-13,15", e.cp.Done.String())
	})
}

func TestAPanicOfAStepIsAnErrorOfItsTargetAndEndsNothingElse(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d at once", parallel), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 8)
				s.request.Parallel, s.request.FailuresAllowed, s.request.MaxRetries = parallel, 1, 0
				s.step = at("13", func(context.Context) error { panic("oh") })
				e := s.run()
				require.Equal(t, "success", e.kind)
				require.Equal(t, "13", e.cp.Failed.String())
				require.Equal(t, "PANIC", e.cp.Failures[0].ErrorCode)
				require.Contains(t, e.cp.Failures[0].Reason, "oh")
				require.LessOrEqual(t, len(e.cp.Failures[0].Reason), 500)
			})
		})
	}
}

func TestAPanicOfOpenOrCloseIsACountedFailureWithTheCheckpoint(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Work) (*Work, error){
		"open":  func(*Work) (*Work, error) { panic("oh") },
		"close": func(w *Work) (*Work, error) { w.Close = func() error { panic("oh") }; return w, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.open = func(context.Context) (*Work, error) { return change(s.work) }
				e := s.run()
				require.Equal(t, "PANIC", e.failure.ErrorCode)
				require.True(t, e.retryable)
				require.Equal(t, 1, e.cp.FailedAttempts)
			})
		})
	}
}

func TestAnExecutorThatCannotBeOpenedFailsTheAttemptWithTheCheckpointOfTheOneBefore(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.step = failing(map[string]error{"12": errLater})
		s.run()
		s.open = func(context.Context) (*Work, error) { return nil, errLater }
		e := s.again()
		require.Equal(t, "BUSY", e.failure.ErrorCode)
		require.True(t, e.retryable)
		require.Equal(t, 2, e.cp.FailedAttempts)
		require.Equal(t, "10-11", e.cp.Done.String())
		s.requirePriors(e.cp, "10", "11", "12")
	})
}

func TestAnExecutorThatIsLongInOpeningLosesNeitherItsHeartbeatsNorAPause(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.open = func(context.Context) (*Work, error) {
			elapse(30 * time.Second)
			s.answers(errCanceled)
			elapse(time.Second)
			return s.work, nil
		}
		e := s.run()
		require.Equal(t, "canceled", e.kind)
		require.Empty(t, s.of("do"))
		require.Less(t, s.of("save")[0].at.Sub(s.began), s.heartbeat)
	})
}

func TestWhatIsOpenedIsClosedHoweverTheAttemptEnds(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errLater, errNever} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 1)
				closed := 0
				s.work.Close = func() error { closed++; return nil }
				s.step = failing(map[string]error{"10": err})
				s.run()
				require.Equal(t, 1, closed)
			})
		})
	}
}

func TestAnErrorOfCloseIsTriedAgainAndUndoesNothing(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.work.Close = func() error { return errLater }
		e := s.run()
		require.Equal(t, "BUSY", e.failure.ErrorCode)
		require.Equal(t, "10-11", e.cp.Done.String())
		s.work.Close = nil
		require.Equal(t, "success", s.again().kind)
		require.Empty(t, s.done(2))
	})
}

func TestAnErrorThatSaysNothingAboutItselfIsTheOperationsAndTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err      error
		category domain.Category
		code     string
	}{
		"plain":    {errors.New("no"), domain.CategoryExecutor, domain.CodeUnclassified},
		"deadline": {fmt.Errorf("calling: %w", context.DeadlineExceeded), domain.CategoryTechnical, domain.CodeTimeout},
		"network":  {fmt.Errorf("calling: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}), domain.CategoryTechnical, "UNREACHABLE"},
		"broken":   {fmt.Errorf("calling: %w", Broken("HALF", "half of it")), domain.CategoryExecutor, "HALF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 1)
				s.step = failing(map[string]error{"10": c.err})
				e := s.run()
				require.True(t, e.retryable)
				require.Equal(t, c.code, e.failure.ErrorCode)
				require.Equal(t, c.category, e.failure.Category)
			})
		})
	}
}
