package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

func TestPriorValuesAreSavedBeforeTheFirstEffectOnTheirTargets(t *testing.T) {
	t.Parallel()
	for _, batchSize := range []int{0, 1, 3} {
		for _, priorBatch := range []int{0, 1, 4, 100} {
			for _, parallel := range []int{1, 4} {
				t.Run(fmt.Sprintf("batches of %d, priors of %d, %d at once", batchSize, priorBatch, parallel), func(t *testing.T) {
					t.Parallel()
					during(t, func(t *testing.T) {
						s := newScene(t, 25)
						s.work.BatchSize, s.work.PriorBatch, s.request.Parallel = batchSize, priorBatch, parallel
						e := s.run()
						require.Equal(t, "success", e.kind)
						require.Equal(t, 25, e.result.Done)
						s.requirePriors(e.cp, s.request.Targets...)
						requireSavedFirst(t, s)
						waveSize := max(priorBatch, max(1, batchSize)*parallel)
						reads := s.of("read")
						require.Len(t, reads, (25+waveSize-1)/waveSize, "one read for each wave")
						require.Equal(t, len(reads), e.cp.Wave)
						for _, do := range s.of("do") {
							require.LessOrEqual(t, len(do.targets), max(1, batchSize))
						}
					})
				})
			}
		}
	}
}

// requireSavedFirst requires that each target was read once, then saved with
// what stood there, and only then changed.
func requireSavedFirst(t require.TestingT, s *scene) {
	read, saved := map[string]bool{}, map[string]bool{}
	for _, e := range s.events {
		for _, target := range e.targets {
			switch e.kind {
			case "read":
				require.False(t, read[target], "%s was read twice", target)
				read[target] = true
			case "do":
				require.True(t, saved[target], "%s was changed before its prior value was saved", target)
			}
		}
		if e.kind == "save" {
			for _, target := range s.request.Targets {
				if _, ok := e.cp.Prior.Get(index(target)); ok {
					s.requirePriors(e.cp, target)
					saved[target] = true
				}
			}
		}
	}
}

func TestARecordedPriorValueIsNeverReadAgain(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 8)
		s.work.PriorBatch = 4
		s.step = failing(map[string]error{"12": errLater})
		require.Equal(t, "failed", s.run().kind)
		require.Equal(t, "new", s.values["12"], "the effect of the failed step stands")
		s.step = nil
		e := s.again()
		require.Equal(t, "success", e.kind)
		requireSavedFirst(t, s)
		s.requirePriors(e.cp, s.request.Targets...)
		reads := s.of("read")
		require.Len(t, reads, 3, "10 to 13 before the failure; then what the next waves lack")
		require.Equal(t, []string{"14", "15", "16", "17"}, slices.Concat(reads[1].targets, reads[2].targets))
		for _, do := range s.of("do") {
			require.Equal(t, strconv.Quote(s.initial[do.batch[0].Name]), string(do.batch[0].Prior.Value), "what the step is told")
		}
	})
}

func TestThatNothingStoodAtATargetIsSomethingElseThanANull(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.work.Prior = func(context.Context, []string) ([]domain.Prior, error) {
			return []domain.Prior{{Absent: true}, {Value: json.RawMessage(" null ")}}, nil
		}
		s.work.PriorBatch = 2
		e := s.run()
		require.Equal(t, "success", e.kind)
		do := s.of("do")
		require.Equal(t, domain.Prior{Absent: true}, do[0].batch[0].Prior)
		require.Equal(t, domain.Prior{Value: json.RawMessage("null")}, do[1].batch[0].Prior)
		first, _ := s.saved().Prior.Get(10)
		second, _ := s.saved().Prior.Get(11)
		require.Equal(t, []domain.Prior{{Absent: true}, {Value: json.RawMessage("null")}}, []domain.Prior{first, second})
	})
}

func TestAPriorValueIsTheSameBytesForEveryAttempt(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 1)
		s.work.Prior = func(context.Context, []string) ([]domain.Prior, error) {
			return []domain.Prior{{Value: json.RawMessage(`{ "to": "http://a/?x=1&y=<2>" }`)}}, nil
		}
		s.step = failing(map[string]error{"10": errLater})
		s.run()
		s.step = nil
		require.Equal(t, "success", s.again().kind)
		do := s.of("do")
		require.JSONEq(t, `{"to":"http://a/?x=1&y=<2>"}`, string(do[0].batch[0].Prior.Value))
		require.Equal(t, string(do[0].batch[0].Prior.Value), string(do[1].batch[0].Prior.Value))
	})
}

func TestPriorValuesCountWithTheBytesThatTheyTakeOnTheWire(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 1)
		s.work.Prior = func(context.Context, []string) ([]domain.Prior, error) {
			return []domain.Prior{{Value: json.RawMessage(`"` + strings.Repeat("<", 100_000) + `"`)}}, nil
		}
		require.Equal(t, domain.CodePriorTooLarge, s.run().failure.ErrorCode, "JSON writes < as six bytes")
		require.Empty(t, s.of("do"))
	})
}

func TestWhatPriorReturnsIsCheckedBeforeAnyEffect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		priors    []domain.Prior
		retryable bool
	}{
		"no JSON":          {[]domain.Prior{{Value: json.RawMessage("1")}, {Value: json.RawMessage("{]")}}, false},
		"an empty value":   {[]domain.Prior{{Value: json.RawMessage("1")}, {}}, false},
		"a value too few":  {[]domain.Prior{{Value: json.RawMessage("1")}}, true},
		"a value too many": {[]domain.Prior{{Absent: true}, {Absent: true}, {Absent: true}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.work.PriorBatch = 2
				s.work.Prior = func(context.Context, []string) ([]domain.Prior, error) { return c.priors, nil }
				e := s.run()
				require.Equal(t, "failed", e.kind)
				require.Equal(t, "BAD_PRIOR", e.failure.ErrorCode)
				require.Equal(t, c.retryable, e.retryable)
				require.Empty(t, s.of("do"))
				require.Zero(t, e.cp.Prior.Count())
			})
		})
	}
}

func TestPriorValuesThatDoNotFitAreRefusedBeforeTheirWaveIsChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bytes, valueBytes int }{
		"into what the plan has left":    {400, 100},
		"into a slice's checkpoint":      {domain.MaxPriorBytes, domain.MaxCheckpointBytes / 4},
		"into nothing, for none is left": {-1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 6)
				s.work.PriorBatch = 2
				s.request.PriorBytes = c.bytes
				s.work.Prior = func(_ context.Context, targets []string) ([]domain.Prior, error) {
					var priors []domain.Prior
					for _, target := range targets {
						priors = append(priors, domain.Prior{Value: json.RawMessage(strconv.Quote(target + strings.Repeat("x", c.valueBytes)))})
					}
					return priors, nil
				}
				e := s.run()
				require.Equal(t, "failed", e.kind)
				require.Equal(t, domain.CodePriorTooLarge, e.failure.ErrorCode)
				require.False(t, e.retryable)
				want := "10 11"
				if c.bytes < 0 {
					want = ""
				}
				require.Equal(t, want, s.done(1))
				require.Equal(t, len(strings.Fields(want)), e.cp.Done.Count())
				require.Equal(t, len(strings.Fields(want)), e.cp.Prior.Count())
			})
		})
	}
}

// unreadable makes Prior refuse to tell what stands at some of its targets.
func unreadable(s *scene, errs map[string]error) {
	s.work.Prior = func(ctx context.Context, targets []string) ([]domain.Prior, error) {
		single := TargetErrors{}
		for _, target := range targets {
			if err, ok := errs[target]; ok {
				single[target] = err
			}
		}
		priors, err := s.readPriors(ctx, targets)
		if len(single) > 0 {
			err = single
		}
		return priors, err
	}
}

func TestATargetWhosePriorValueCannotBeReadIsNotChanged(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.work.PriorBatch, s.request.FailuresAllowed = 6, 2
		unreadable(s, map[string]error{"11": errNever, "13": fmt.Errorf("reading: %w", errNever)})
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "10 12 14 15", s.done(1))
		require.Equal(t, "10,12,14-15", e.cp.Done.String())
		require.Equal(t, "11,13", e.cp.Failed.String())
		require.Equal(t, 4, e.cp.Prior.Count())
		require.Equal(t, []string{"10", "12", "14", "15"}, s.of("read")[1].targets, "the others are read again, since nothing was saved")
	})
}

func TestATargetWhosePriorValueCannotBeReadForNowIsTriedAgain(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.work.PriorBatch, s.request.FailuresAllowed = 4, 1
		unreadable(s, map[string]error{"11": errLater})
		e := s.run()
		require.True(t, e.retryable)
		require.Equal(t, "BUSY", e.failure.ErrorCode)
		require.Equal(t, "11", e.failure.Target)
		require.Equal(t, "10 12 13", s.done(1))
		unreadable(s, nil)
		e = s.again()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "11", s.done(2))
		s.requirePriors(e.cp, s.request.Targets...)
	})
}

func TestUnreadablePriorValuesBeyondTheThresholdEndTheAttemptBeforeTheWave(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.work.PriorBatch = 2
		unreadable(s, map[string]error{"13": errNever})
		e := s.run()
		require.Equal(t, "failed", e.kind)
		require.False(t, e.retryable)
		require.Equal(t, "13", e.failure.Target)
		require.Equal(t, "10 11", s.done(1), "12 and 13 are one wave")
	})
}

func TestAnUnreadableTargetThatWasNotAskedForIsAFaultOfTheExecutor(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.work.Prior = func(context.Context, []string) ([]domain.Prior, error) {
			return nil, TargetErrors{"somebody": errNever}
		}
		e := s.run()
		require.Equal(t, "failed", e.kind)
		require.Equal(t, 1, e.cp.FailedAttempts)
		require.Zero(t, e.cp.Failed.Count())
		require.Empty(t, s.of("do"))
	})
}

func TestAReadThatFailsOrPanicsIsTriedAgainWithoutAnyEffect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read func() ([]domain.Prior, error)
		code string
	}{
		"fails":  {func() ([]domain.Prior, error) { return nil, errLater }, "BUSY"},
		"panics": {func() ([]domain.Prior, error) { panic("oh") }, "PANIC"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.work.Prior = func(context.Context, []string) ([]domain.Prior, error) { return c.read() }
				e := s.run()
				require.Equal(t, c.code, e.failure.ErrorCode)
				require.True(t, e.retryable)
				require.Equal(t, 1, e.cp.FailedAttempts)
				require.Empty(t, s.of("do"))
			})
		})
	}
}

func TestAnExecutorWithoutPriorValuesIsNotMadeToRecordAny(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 5)
		s.work.Prior, s.work.BatchSize = nil, 2
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Zero(t, e.cp.Prior.Count())
		require.Equal(t, "10 11 12 13 14", s.done(1))
	})
}

func TestAnAttemptGoesOnFromEverySavedCheckpoint(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d at once", parallel), func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				first := newScene(t, 12)
				first.work.PriorBatch, first.request.Parallel = 4, parallel
				first.work.Steps = []Step{first.doing("SWITCH"), first.doing("VERIFY")}
				first.step = func(context.Context, string, string) error { elapse(pulseInterval / 2); return nil }
				require.Equal(t, "success", first.run().kind)
				saves := first.of("save")
				require.Greater(t, len(saves), 8)
				for k, save := range saves {
					// A crash comes at some moment until the next save.
					requireGoesOn(t, first, save, save.values, parallel)
					requireGoesOn(t, first, save, saves[min(k+1, len(saves)-1)].values, parallel)
				}
			})
		})
	}
}

// requireGoesOn requires that a run which crashed after a save, with values at
// the targets, is brought to its end from there.
func requireGoesOn(t *testing.T, crashed *scene, save event, values map[string]string, parallel int) {
	s := newScene(t, len(crashed.request.Targets))
	s.work.PriorBatch, s.request.Parallel = 4, parallel
	s.values, s.request.Checkpoint = maps.Clone(values), &save.cp
	e := s.run()
	require.Equal(t, "success", e.kind)
	require.Equal(t, "10-21", e.cp.Done.String())
	require.Zero(t, e.cp.Failed.Count())
	s.requirePriors(e.cp, s.request.Targets...)
	applied := strings.Fields(s.done(1))
	var open []string
	for i, target := range s.request.Targets {
		if !save.cp.Done.Contains(offset + i) {
			open = append(open, target)
		}
	}
	require.ElementsMatch(t, open, applied, "only what the checkpoint does not have as done")
}
