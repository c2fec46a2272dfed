package workflows_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// executor plays the executor "fake". It runs in a goroutine of its own, as an
// activity does.
type executor func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error)

// planTest is one run of a plan in the SDK's test environment. Its clock jumps
// whenever no activity is under way; a cancelled activity ends at once and
// without details, so what it has done stands in the inspection alone.
type planTest struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu       sync.Mutex
	requests []domain.TaskRequest
	saved    map[string]*domain.Checkpoint // what the server's record says, by activity id
	canceled map[string]chan struct{}      // closed once the activity is cancelled, by activity id
	upserts  []temporal.SearchAttributes   // each as it was written
	found    temporal.SearchAttributes     // all together, as a search finds the plan
}

// newPlanTest returns a run whose tasks are played by execute; nil does every
// target.
func newPlanTest(t *testing.T, execute executor) *planTest {
	t.Helper()
	return newPlanTestWith(t, workflows.Settings{SearchAttributes: true}, execute)
}

func newPlanTestWith(t *testing.T, settings workflows.Settings, execute executor) *planTest {
	t.Helper()
	if execute == nil {
		execute = func(_ context.Context, r domain.TaskRequest) (*domain.TaskResult, error) { return done(r) }
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	p := &planTest{t: t, env: suite.NewTestWorkflowEnvironment(), saved: map[string]*domain.Checkpoint{}, canceled: map[string]chan struct{}{}}
	p.env.SetDataConverter(payload.NewDataConverter())
	p.env.SetTestTimeout(time.Minute)
	p.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&spy{test: p}, workflows.NewInboxInterceptor()}})
	p.env.SetOnActivityCanceledListener(func(info *activity.Info) { close(p.stop(info.ActivityID)) })
	workflows.Register(p.env, settings)
	p.env.RegisterActivityWithOptions(func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		p.mu.Lock()
		p.requests = append(p.requests, r)
		p.mu.Unlock()
		return execute(ctx, r)
	}, activity.RegisterOptions{Name: "fake"})
	p.env.RegisterActivityWithOptions(func(_ context.Context, id string) (*domain.Inspection, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return &domain.Inspection{Pending: true, Attempt: 1, Checkpoint: p.saved[id]}, nil
	}, activity.RegisterOptions{Name: domain.InspectActivity})
	return p
}

// stop returns the channel that is closed once an activity is cancelled.
func (p *planTest) stop(id string) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.canceled[id] == nil {
		p.canceled[id] = make(chan struct{})
	}
	return p.canceled[id]
}

// underWay is an execution that has come as far as cp says when before is
// called, and that then goes on until it is told to stop.
func (p *planTest) underWay(ctx context.Context, cp domain.Checkpoint, before func()) (*domain.TaskResult, error) {
	id := activity.GetInfo(ctx).ActivityID
	p.mu.Lock()
	p.saved[id] = &cp
	p.mu.Unlock()
	before()
	<-p.stop(id)
	return nil, temporal.NewCanceledError(cp)
}

// at calls f once the plan's clock has come so far, between two workflow tasks.
func (p *planTest) at(after time.Duration, f func()) { p.env.RegisterDelayedCallback(f, after) }

// send sends a command as a Signal.
func (p *planTest) send(name domain.CommandName, c domain.Command) {
	p.env.SignalWorkflow(string(name), c)
}

// sendAll sends commands that reach the plan in one workflow task.
func (p *planTest) sendAll(names ...domain.CommandName) {
	for _, name := range names[:len(names)-1] {
		p.env.SignalWorkflowSkippingWorkflowTask(string(name), domain.Command{})
	}
	p.send(names[len(names)-1], domain.Command{})
}

// run runs the plan to its end and returns its error.
func (p *planTest) run(input any) error {
	p.t.Helper()
	p.env.ExecuteWorkflow(workflows.PlanType, input)
	require.True(p.t, p.env.IsWorkflowCompleted())
	return p.env.GetWorkflowError()
}

// completed runs the plan to its end, which has to be a good one.
func (p *planTest) completed(input any) domain.Snapshot {
	p.t.Helper()
	require.NoError(p.t, p.run(input))
	var final domain.Snapshot
	require.NoError(p.t, p.env.GetWorkflowResult(&final))
	require.Equal(p.t, domain.PlanCompleted, final.State)
	return final
}

// failed runs the plan to its end, which has to be PlanFailed, and returns the
// snapshot in its details.
func (p *planTest) failed(input any) domain.Snapshot {
	p.t.Helper()
	var failure *temporal.ApplicationError
	require.ErrorAs(p.t, p.run(input), &failure)
	require.Equal(p.t, workflows.ErrorPlanFailed, failure.Type())
	require.True(p.t, failure.NonRetryable())
	var final domain.Snapshot
	require.NoError(p.t, failure.Details(&final))
	require.Equal(p.t, domain.PlanFailed, final.State)
	return final
}

// query asks the plan and decodes what it answers.
func query[T any](p *planTest, name string) T {
	p.t.Helper()
	var answer T
	value, err := p.env.QueryWorkflow(name)
	require.NoError(p.t, err)
	require.NoError(p.t, value.Get(&answer))
	return answer
}

func (p *planTest) status() domain.Snapshot {
	p.t.Helper()
	return query[domain.Snapshot](p, workflows.QueryStatus)
}

func (p *planTest) audit() []domain.AuditEntry {
	p.t.Helper()
	return query[workflows.AuditTrail](p, workflows.QueryAudit).Entries
}

// order returns the tasks in the order of their executions.
func (p *planTest) order() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, r := range p.requests {
		names = append(names, r.Task)
	}
	return names
}

// request returns one execution's request, from 0.
func (p *planTest) request(i int) domain.TaskRequest {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Greater(p.t, len(p.requests), i)
	return p.requests[i]
}

// document returns a plan of fake tasks over the targets t1, t2 and t3.
func document(tasks ...domain.TaskSpec) domain.Document {
	for i := range tasks {
		tasks[i].Executor = "fake"
	}
	return domain.Document{
		APIVersion: domain.APIVersion, Kind: domain.KindPlan,
		Metadata: domain.Metadata{Name: "test"},
		Spec:     domain.Spec{Targets: []string{"t1", "t2", "t3"}, Tasks: tasks},
	}
}

// task returns a task that depends on others.
func task(name string, dependsOn ...string) domain.TaskSpec {
	return domain.TaskSpec{Name: name, DependsOn: dependsOn}
}

// after returns the checkpoint of a slice of which the first n targets are done.
func after(r domain.TaskRequest, n int) domain.Checkpoint {
	return domain.Checkpoint{
		Format: domain.CheckpointFormat, Step: "APPLY", First: r.Offset, Last: r.Offset + len(r.Targets) - 1,
		Done: domain.NewRangeSet(r.Offset, r.Offset+n-1),
	}
}

// done is an execution that has done every target.
func done(r domain.TaskRequest) (*domain.TaskResult, error) {
	return &domain.TaskResult{Done: len(r.Targets), Checkpoint: after(r, len(r.Targets))}, nil
}

// refused is an execution that the target after the first n refused for good.
func refused(r domain.TaskRequest, n int) (*domain.TaskResult, error) {
	return nil, temporal.NewNonRetryableApplicationError("no", "REFUSED", nil, domain.ExecutionFailure{
		Failure:    domain.FailureInfo{Category: domain.CategoryBusiness, ErrorCode: "REFUSED", Reason: "it is somebody else's", Target: r.Targets[n]},
		Checkpoint: after(r, n),
	})
}

// The prefixes of Signals that the spy delivers in a form that no method of
// the environment sends.
const (
	withoutArguments = "without arguments: "
	withTwoArguments = "with two arguments: "
)

// spy sees what the plan writes, and delivers Signals in odd forms.
type spy struct {
	interceptor.WorkerInterceptorBase
	test *planTest
}

func (s *spy) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &inboundSpy{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, test: s.test}
}

type inboundSpy struct {
	interceptor.WorkflowInboundInterceptorBase
	test *planTest
}

func (s *inboundSpy) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	return s.Next.Init(&outboundSpy{WorkflowOutboundInterceptorBase: interceptor.WorkflowOutboundInterceptorBase{Next: outbound}, test: s.test})
}

func (s *inboundSpy) HandleSignal(ctx workflow.Context, in *interceptor.HandleSignalInput) error {
	if name, ok := strings.CutPrefix(in.SignalName, withoutArguments); ok {
		in.SignalName, in.Arg = name, nil
	} else if name, ok := strings.CutPrefix(in.SignalName, withTwoArguments); ok {
		in.SignalName, in.Arg = name, &commonpb.Payloads{Payloads: slices.Repeat(in.Arg.GetPayloads(), 2)}
	}
	return s.Next.HandleSignal(ctx, in)
}

type outboundSpy struct {
	interceptor.WorkflowOutboundInterceptorBase
	test *planTest
}

func (s *outboundSpy) UpsertTypedSearchAttributes(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) error {
	s.test.mu.Lock()
	s.test.upserts = append(s.test.upserts, temporal.NewSearchAttributes(updates...))
	s.test.found = temporal.NewSearchAttributes(append([]temporal.SearchAttributeUpdate{s.test.found.Copy()}, updates...)...)
	s.test.mu.Unlock()
	return s.Next.UpsertTypedSearchAttributes(ctx, updates...)
}

// quiet drops what the SDK logs.
type quiet struct{}

var _ log.Logger = quiet{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// continued returns the RunState with which a run went on, or fails the test.
func (p *planTest) continued(err error) *commonpb.Payload {
	p.t.Helper()
	var next *workflow.ContinueAsNewError
	require.True(p.t, errors.As(err, &next), "the run did not continue as new: %v", err)
	require.Len(p.t, next.Input.GetPayloads(), 1)
	return next.Input.GetPayloads()[0]
}
