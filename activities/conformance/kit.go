package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// kit tries one rule.
type kit struct {
	Fixture
	t          testing.TB
	violations []string
}

func (k *kit) failf(format string, args ...any) {
	k.violations = append(k.violations, fmt.Sprintf(format, args...))
}

func (k *kit) failed() bool { return len(k.violations) > 0 }

// plans numbers the plans of a process, so that no idempotency key comes twice.
var plans atomic.Int64

// plan is one plan of one task: a freshly seeded product, and what its
// executions have in common.
type plan struct {
	*kit
	id         int64
	parallel   int                // 0 means 1
	batchSize  int                // most targets in a batch; 0: as the executor says
	tolerated  int                // targets that may fail
	targets    []string           // of the task
	params     json.RawMessage    // of the task
	hooks      hooks              // of the next execution
	prior      domain.Priors      // for a rollback
	last       *domain.Checkpoint // of the execution before
	reversing  bool               // a rollback has begun
	executions int
	largest    int // bytes of the largest checkpoint
}

// hooks see an attempt from within, one at a time.
type hooks struct {
	opened func(work *activities.Work)
	before func(c call) error // of each step's Do, which is left out where it returns an error
	after  func(c call)
}

// call is one call of a step's Do.
type call struct {
	server *server
	number int // from 1
	batch  []activities.Target
}

// begin seeds the product for a new plan.
func (k *kit) begin() *plan {
	k.Seed(k.t)
	return k.beginUnseeded()
}

func (k *kit) beginUnseeded() *plan {
	params, err := json.Marshal(k.Params)
	if err != nil {
		k.t.Fatal(err)
	}
	return &plan{kit: k, id: plans.Add(1), targets: k.Targets, params: params}
}

// end is how an attempt ended, as the workflow sees it.
type end struct {
	kind       string // success, canceled or failed
	checkpoint domain.Checkpoint
	failure    domain.FailureInfo
	retryable  bool
}

func (e end) String() string {
	switch {
	case e.kind != "failed":
		return e.kind
	case e.retryable:
		return fmt.Sprintf("a failure that is tried again, %s %s at %q: %s", e.failure.Category, e.failure.ErrorCode, e.failure.Target, e.failure.Reason)
	}
	return fmt.Sprintf("a failure for good, %s %s at %q: %s", e.failure.Category, e.failure.ErrorCode, e.failure.Target, e.failure.Reason)
}

// apply makes an execution that goes on from the one before.
func (p *plan) apply() end { return p.execute(domain.ModeApply) }

// rollback makes one that puts back what the ones before have recorded, or goes
// on with that.
func (p *plan) rollback() end {
	if !p.reversing {
		p.reverse()
	}
	return p.execute(domain.ModeRollback)
}

// reverse turns to the targets of which prior values are recorded: nothing was
// done to the others. An executor that records none may have changed any.
func (p *plan) reverse() {
	p.reversing = true
	if p.last == nil {
		return
	}
	recorded := p.last.Prior
	p.last = nil
	if recorded.Count() == 0 {
		return
	}
	all := p.targets
	p.targets = nil
	for i, target := range all {
		if prior, ok := recorded.Get(i); ok {
			p.prior.Record(len(p.targets), prior)
			p.targets = append(p.targets, target)
		}
	}
}

// execute makes an execution of one attempt. Where that attempt is cut off, the
// checkpoint is the one that the server has.
func (p *plan) execute(mode domain.Mode) end {
	p.executions++
	request := domain.TaskRequest{
		Plan: fmt.Sprintf("conformance-%d", p.id), Task: "task", Executor: p.Executor.Name, Mode: mode, Params: p.params,
		Targets: p.targets, Checkpoint: p.last, Prior: p.prior, Generation: "1",
		FencingBase: int64(p.executions) * domain.FencingStep, MaxRetries: 3, FailuresAllowed: p.tolerated,
		Parallel: max(1, p.parallel), PriorBytes: domain.MaxPriorBytes,
	}
	s := newServer(p.executions)
	e, text := p.attempt(s, request)
	p.scan(s, text)
	p.largest = max(p.largest, s.largest)
	p.last = &e.checkpoint
	if s.gone() {
		p.last = s.checkpoint(p.t)
	}
	p.hooks = hooks{}
	return e
}

// attempt carries out the activity in the SDK's test environment. It returns
// what came of it, and everything that it said.
func (p *plan) attempt(s *server, request domain.TaskRequest) (end, string) {
	var suite testsuite.WorkflowTestSuite
	log := &journal{}
	suite.SetLogger(log)
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&between{server: s}}})
	env.SetTestTimeout(time.Hour)
	wrapped := p.Executor.Wrap(func(work *activities.Work) *activities.Work { return p.wrap(s, work) })
	env.RegisterActivityWithOptions(wrapped.Execute, activity.RegisterOptions{Name: wrapped.Name})
	value, err := env.ExecuteActivity(wrapped.Name, request)
	if err != nil {
		e, text := p.read(err)
		return e, text + log.String()
	}
	var result domain.TaskResult
	if err := value.Get(&result); err != nil {
		p.t.Fatalf("reading the result: %v", err)
	}
	data, err := json.Marshal(result)
	if err != nil {
		p.t.Fatal(err)
	}
	return end{kind: "success", checkpoint: result.Checkpoint}, string(data) + log.String()
}

// read takes an error apart as the workflow does.
func (p *plan) read(err error) (end, string) {
	text := err.Error()
	var canceled *temporal.CanceledError
	if errors.As(err, &canceled) {
		e := end{kind: "canceled"}
		if err := canceled.Details(&e.checkpoint); err != nil {
			p.t.Fatalf("reading the checkpoint of a cancel: %v", err)
		}
		return e, text
	}
	var failed *temporal.ApplicationError
	var detail domain.ExecutionFailure
	if !errors.As(err, &failed) {
		p.t.Fatalf("the activity ended with something else than an ApplicationError: %v", err)
	}
	if err := failed.Details(&detail); err != nil {
		p.t.Fatalf("reading the details of %v: %v", failed, err)
	}
	for cause := error(failed); cause != nil; cause = errors.Unwrap(cause) {
		text += "\n" + cause.Error()
	}
	data, err := json.Marshal(detail)
	if err != nil {
		p.t.Fatal(err)
	}
	e := end{kind: "failed", checkpoint: detail.Checkpoint, failure: detail.Failure, retryable: !failed.NonRetryable()}
	return e, text + string(data)
}

// wrap puts the hooks around the executor's work.
func (p *plan) wrap(s *server, work *activities.Work) *activities.Work {
	if p.hooks.opened != nil {
		p.hooks.opened(work)
	}
	if p.batchSize > 0 {
		work.BatchSize = min(max(1, work.BatchSize), p.batchSize)
	}
	h := p.hooks
	var mu sync.Mutex
	calls := 0
	around := func(do stepFunc) stepFunc {
		return func(ctx stepContext, batch []activities.Target) error {
			mu.Lock()
			calls++
			c := call{server: s, number: calls, batch: batch}
			var left error
			if h.before != nil {
				left = h.before(c)
			}
			mu.Unlock()
			if left != nil {
				return left
			}
			err := do(ctx, batch)
			if h.after != nil {
				mu.Lock()
				defer mu.Unlock()
				h.after(c)
			}
			return err
		}
	}
	steps := make([]activities.Step, len(work.Steps))
	for i, step := range work.Steps {
		steps[i] = activities.Step{Name: step.Name, Do: around(step.Do)}
	}
	work.Steps = steps
	if work.Rollback != nil {
		work.Rollback = around(work.Rollback)
	}
	return work
}

// scan looks for secrets in everything that left an attempt.
func (p *plan) scan(s *server, text string) {
	for _, cp := range s.everything() {
		text += string(cp)
	}
	for _, secret := range p.Secrets {
		if i := strings.Index(text, secret); i >= 0 {
			p.failf("a secret has left the worker, in: …%s", bytes.ToValidUTF8([]byte(text[max(0, i-60):i]), nil))
		}
	}
}
