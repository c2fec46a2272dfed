package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
)

// offset is the index of a scene's first target, so that no test passes
// because a slice happens to begin at 0.
const offset = 10

// What the server answers to a save.
var (
	errCanceled    = temporal.NewCanceledError()
	errUnavailable = serviceerror.NewUnavailable("no connection")
	errNotFound    = serviceerror.NewNotFound("the activity is not running")
)

// taken reports whether the server has taken a save that it answered so.
func taken(answer error) bool {
	return answer == nil || errors.Is(answer, errCanceled) ||
		errors.Is(answer, activity.ErrActivityPaused) || errors.Is(answer, activity.ErrActivityReset)
}

// scene is one execution of a task over a slice: the targets that it changes,
// the server that keeps its checkpoint, and all that happened, in order.
type scene struct {
	t       require.TestingT
	work    *Work
	request domain.TaskRequest
	ctx     context.Context // the activity's

	heartbeat time.Duration                                  // the activity's heartbeat time-out
	timeout   time.Duration                                  // of one attempt; 0 means none
	stops     chan struct{}                                  // closed when the worker is being stopped
	answer    func(context.Context, domain.Checkpoint) error // the server's answer to a save; nil: it takes all
	open      func(context.Context) (*Work, error)           // nil: gives work
	step      func(ctx context.Context, name, target string) error

	mu       sync.Mutex
	attempts int
	began    time.Time         // when the last attempt began
	values   map[string]string // what stands at the targets
	initial  map[string]string
	events   []event
}

// event is one thing that happened.
type event struct {
	kind    string // read, do or save
	attempt int
	step    string            // of do
	targets []string          // of read and do
	batch   []Target          // of do
	raw     encodedCheckpoint // of save
	cp      domain.Checkpoint // of save
	values  map[string]string // of save: what stood at the targets then
	at      time.Time
}

// newScene returns a scene of n targets named after their indices. The work
// reads what stands there and switches it to "new", one target at a time.
func newScene(t require.TestingT, n int) *scene {
	s := &scene{t: t, ctx: context.Background(), heartbeat: 10 * time.Second, stops: make(chan struct{}), values: map[string]string{}}
	s.request = domain.TaskRequest{
		Plan: "p1", Task: "switch", Executor: "test", Mode: domain.ModeApply, Offset: offset,
		Generation: "g1", FencingBase: 5 * domain.FencingStep, MaxRetries: 3, Parallel: 1, PriorBytes: domain.MaxPriorBytes,
	}
	for i := range n {
		name := strconv.Itoa(offset + i)
		s.request.Targets = append(s.request.Targets, name)
		s.values[name] = fmt.Sprintf("old-%d", i%3)
	}
	s.initial = maps.Clone(s.values)
	s.work = &Work{Prior: s.readPriors, Steps: []Step{s.doing("SWITCH")}}
	return s
}

func (s *scene) note(e event) {
	e.at, e.attempt = time.Now(), s.attempts
	s.events = append(s.events, e)
}

func (s *scene) readPriors(_ context.Context, targets []string) ([]domain.Prior, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(event{kind: "read", targets: targets})
	priors := make([]domain.Prior, len(targets))
	for i, target := range targets {
		priors[i].Value = json.RawMessage(strconv.Quote(s.values[target]))
	}
	return priors, nil
}

// doing returns a step that changes its targets, and then ends as the scene's
// step function says. What it says of several targets becomes TargetErrors.
func (s *scene) doing(name string) Step {
	return Step{Name: name, Do: func(ctx context.Context, batch []Target) error {
		s.mu.Lock()
		var targets []string
		for _, target := range batch {
			targets = append(targets, target.Name)
			s.values[target.Name] = "new"
		}
		s.note(event{kind: "do", step: name, targets: targets, batch: batch})
		step := s.step
		s.mu.Unlock()
		if step == nil {
			return nil
		}
		failed := TargetErrors{}
		for _, target := range targets {
			if err := step(ctx, name, target); err != nil {
				if len(batch) == 1 {
					return err
				}
				failed[target] = err
			}
		}
		if len(failed) == 0 {
			return nil
		}
		return failed
	}}
}

func (s *scene) save(ctx context.Context, raw encodedCheckpoint) error {
	var cp domain.Checkpoint
	if err := json.Unmarshal(raw, &cp); err != nil {
		return err
	}
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(ctx, cp)
	}
	if taken(err) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.note(event{kind: "save", raw: raw, cp: cp, values: maps.Clone(s.values)})
	}
	return err
}

// answers makes the server answer every further save so.
func (s *scene) answers(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func(context.Context, domain.Checkpoint) error { return err }
}

// end is how an attempt ended, as the workflow sees it.
type end struct {
	kind      string // success, canceled or failed
	result    domain.TaskResult
	cp        domain.Checkpoint
	failure   domain.FailureInfo
	retryable bool
	delay     time.Duration // until the next attempt; 0: as the retry policy says
}

// run makes the next attempt. What goes in and out travels as on the wire.
func (s *scene) run() end {
	s.mu.Lock()
	s.attempts++
	s.began = time.Now()
	s.mu.Unlock()
	a := &attempt{
		namespace: "default", number: s.attempts, heartbeatTimeout: s.heartbeat, workerStops: s.stops, save: s.save, now: time.Now,
	}
	data, err := json.Marshal(s.request)
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(data, &a.request))
	if s.timeout > 0 {
		a.deadline = time.Now().Add(s.timeout)
	}
	open := s.open
	if open == nil {
		open = func(context.Context) (*Work, error) { return s.work, nil }
	}
	result, err := a.run(s.ctx, Executor{
		Name: "test", open: func(ctx context.Context, _ json.RawMessage) (*Work, error) { return open(ctx) },
	})
	return s.read(result, err)
}

func (s *scene) read(result *domain.TaskResult, err error) end {
	if err == nil {
		require.NotNil(s.t, result)
		return end{kind: "success", result: *result, cp: result.Checkpoint}
	}
	require.Nil(s.t, result)
	failures := temporal.GetDefaultFailureConverter()
	err = failures.FailureToError(failures.ErrorToFailure(err))
	var canceled *temporal.CanceledError
	if errors.As(err, &canceled) {
		e := end{kind: "canceled"}
		require.NoError(s.t, canceled.Details(&e.cp), "the checkpoint of a CanceledError")
		return e
	}
	var failed *temporal.ApplicationError
	require.ErrorAs(s.t, err, &failed)
	var detail domain.ExecutionFailure
	require.NoError(s.t, failed.Details(&detail), "the details of %v", err)
	require.Equal(s.t, failed.Type(), detail.Failure.ErrorCode)
	return end{kind: "failed", cp: detail.Checkpoint, failure: detail.Failure, retryable: !failed.NonRetryable(), delay: failed.NextRetryDelay()}
}

// again makes the next attempt from what the server keeps.
func (s *scene) again() end {
	s.request.Checkpoint = s.saved()
	return s.run()
}

// saved returns the checkpoint that the server keeps; nil where it has none.
func (s *scene) saved() *domain.Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.events) {
		if e.kind == "save" {
			return &e.cp
		}
	}
	return s.request.Checkpoint
}

func (s *scene) of(kind string) []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.events), func(e event) bool { return e.kind != kind })
}

// done returns the targets that the attempt's steps were given, in order, as
// in "10 11 12"; with several steps as in "SWITCH:10 VERIFY:10".
func (s *scene) done(attempt int) string {
	var parts []string
	for _, e := range s.of("do") {
		for _, target := range e.targets {
			if e.attempt != attempt {
				continue
			}
			if len(s.work.Steps) > 1 {
				target = e.step + ":" + target
			}
			parts = append(parts, target)
		}
	}
	return strings.Join(parts, " ")
}

// requirePriors requires that a checkpoint holds what stood at the targets
// before anything changed.
func (s *scene) requirePriors(cp domain.Checkpoint, targets ...string) {
	for _, target := range targets {
		prior, ok := cp.Prior.Get(index(target))
		require.True(s.t, ok, "no prior value of %s in the checkpoint", target)
		require.Equal(s.t, strconv.Quote(s.initial[target]), string(prior.Value), "the prior value of %s", target)
	}
}

// index returns a target's index, which is its name.
func index(target string) int {
	i, err := strconv.Atoi(target)
	if err != nil {
		panic(err)
	}
	return i
}

// during runs a test in a bubble, in which time passes only while all wait.
func during(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// elapse lets d of a bubble's time pass.
func elapse(d time.Duration) { <-time.After(d) }

// at returns a step function that does f when the target's turn has come.
func at(target string, f func(ctx context.Context) error) func(context.Context, string, string) error {
	return func(ctx context.Context, _, name string) error {
		if name != target {
			return nil
		}
		return f(ctx)
	}
}

// failing returns a step function that fails the targets with their errors.
func failing(errs map[string]error) func(context.Context, string, string) error {
	return func(_ context.Context, _, target string) error { return errs[target] }
}

var (
	errLater = Unavailable("BUSY", "the product is busy")
	errNever = Refused("UNKNOWN_TARGET", "the product does not know it")
)
