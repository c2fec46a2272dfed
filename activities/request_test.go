package activities

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

func TestWhatTheCheckpointSaysIsDoneOrGivenUpIsSkipped(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 8)
		s.request.FailuresAllowed = 1
		s.request.Checkpoint = &domain.Checkpoint{
			Format: 1, Done: domain.NewRangeSet(11, 13), Failed: domain.NewRangeSet(15, 15),
			Batch: domain.NewRangeSet(14, 14), // under way when the worker died: tried again
		}
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "10 14 16 17", s.done(1))
		require.Equal(t, 7, e.result.Done)
		require.Equal(t, 1, e.result.Failed)
		require.Equal(t, "15", e.cp.Failed.String())
	})
}

func TestWhatACheckpointSaysOfOtherSlicesIsLeftAside(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.request.Checkpoint = &domain.Checkpoint{Format: 1, Done: domain.NewRangeSet(0, 10)}
		e := s.run()
		require.Equal(t, "11 12", s.done(1))
		require.Equal(t, "10-12", e.cp.Done.String())
		require.Equal(t, 3, e.result.Done)
	})
}

func TestARequestThatCannotBeUnderstoodIsRefusedWithoutAnyEffect(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*domain.TaskRequest){
		"no targets":                     func(r *domain.TaskRequest) { r.Targets = nil },
		"an unknown mode":                func(r *domain.TaskRequest) { r.Mode = "explode" },
		"a checkpoint of a newer format": func(r *domain.TaskRequest) { r.Checkpoint = &domain.Checkpoint{Format: 2} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 2)
				change(&s.request)
				e := s.run()
				require.Equal(t, domain.CodeBadRequest, e.failure.ErrorCode)
				require.Equal(t, domain.CategoryBusiness, e.failure.Category)
				require.False(t, e.retryable)
				require.Empty(t, s.of("do"))
			})
		})
	}
}

// backwards makes a scene that puts back what stood at its targets.
func backwards(s *scene) {
	s.request.Mode = domain.ModeRollback
	for i, name := range s.request.Targets {
		s.request.Prior.Record(offset+i, domain.Prior{Value: json.RawMessage(strconv.Quote("before-" + name))})
	}
	s.work.Rollback = s.doing("ROLLBACK").Do
}

func TestRollbackGoesNewestFirstAndPutsBackWhatTheRequestSays(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 7)
		backwards(s)
		s.work.BatchSize = 2
		e := s.run()
		require.Equal(t, "success", e.kind)
		require.Equal(t, "16 15 14 13 12 11 10", s.done(1))
		require.Empty(t, s.of("read"), "what stands there now is not what stood there before")
		for _, do := range s.of("do") {
			require.Equal(t, "ROLLBACK", do.step)
			for _, target := range do.batch {
				require.Equal(t, strconv.Quote("before-"+target.Name), string(target.Prior.Value))
			}
		}
	})
}

func TestARollbackThatWasPausedGoesOnWithTheRest(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 5)
		backwards(s)
		s.step = at("13", func(context.Context) error { s.answers(errCanceled); elapse(pulseInterval * 2); return nil })
		e := s.run()
		require.Equal(t, "canceled", e.kind)
		require.Equal(t, "13-14", e.cp.Done.String())
		s.answers(nil)
		s.request.Checkpoint = &e.cp
		require.Equal(t, "success", s.run().kind)
		require.Equal(t, "12 11 10", s.done(2))
	})
}

func TestARollbackOfAnExecutorThatCannotPutBackIsRefused(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 2)
		backwards(s)
		s.work.Rollback = nil
		e := s.run()
		require.Equal(t, "NOT_REVERSIBLE", e.failure.ErrorCode)
		require.False(t, e.retryable)
		require.Empty(t, s.of("do"))
	})
}

func TestTheKeyIsTheSameForEveryAttemptAndAnotherForEachStepAndTarget(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.work.Steps = []Step{s.doing("SWITCH"), s.doing("VERIFY")}
		s.step = func(_ context.Context, step, target string) error {
			if step == "VERIFY" && target == "12" && s.attempts < 3 {
				return errLater
			}
			return nil
		}
		s.run()
		s.again()
		require.Equal(t, "success", s.again().kind)
		keys, owners := map[string]string{}, map[string]bool{}
		var fences []int64
		for _, do := range s.of("do") {
			owner := do.step + " " + do.batch[0].Name
			if key, ok := keys[owner]; ok {
				require.Equal(t, key, do.batch[0].Key, owner)
			}
			keys[owner] = do.batch[0].Key
			if do.step == "SWITCH" && do.batch[0].Name == "12" {
				fences = append(fences, do.batch[0].Fence)
			}
		}
		for _, key := range keys {
			require.False(t, owners[key], "a key of two")
			owners[key] = true
		}
		require.Len(t, keys, 6)
		base := s.request.FencingBase
		require.Equal(t, []int64{base + 1, base + 2, base + 3}, fences, "the fence grows with each attempt")
	})
}

// strictParams are parameters that refuse a port below 1.
type strictParams struct {
	Port int `json:"port"`
}

func (p strictParams) Validate() error {
	if p.Port < 1 {
		return errors.New("port: must be at least 1")
	}
	return nil
}

func TestParametersThatTheExecutorRefusesFailTheTaskBeforeItIsOpened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ params, want string }{
		"an unknown field":     {`{"port": 1, "prot": 2}`, "prot"},
		"another type":         {`{"port": "one"}`, "port"},
		"refused by Validate":  {`{"port": 0}`, "at least 1"},
		"none, but one is due": {``, "port: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during(t, func(t *testing.T) {
				s := newScene(t, 1)
				opened := false
				executor := Define("strict", func(context.Context, strictParams) (*Work, error) { opened = true; return s.work, nil })
				s.open = func(ctx context.Context) (*Work, error) { return executor.open(ctx, json.RawMessage(c.params)) }
				e := s.run()
				require.Equal(t, domain.CodeBadParams, e.failure.ErrorCode)
				require.Equal(t, domain.CategoryBusiness, e.failure.Category)
				require.False(t, e.retryable)
				require.Contains(t, e.failure.Reason, c.want)
				require.False(t, opened)
			})
		})
	}
}

func TestParametersReachTheExecutor(t *testing.T) {
	t.Parallel()
	var got strictParams
	_, err := Define("strict", func(_ context.Context, p strictParams) (*Work, error) { got = p; return &Work{}, nil }).
		open(t.Context(), json.RawMessage(`{"port": 2019}`))
	require.NoError(t, err)
	require.Equal(t, strictParams{2019}, got)
}
