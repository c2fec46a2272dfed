package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// record makes the tests of this file write the histories of their runs, for
// the replay tests of package workflows. Histories of a release are kept for
// ever: record a new version beside them, never over them.
var record = flag.Bool("record", false, "write the histories of the scenarios into workflows/testdata/histories")

// historyVersion is the version of the workflow that the files are named by.
const historyVersion = "v1"

// historyOf returns what the server has of one run.
func historyOf(t *testing.T, c client.Client, id, runID string) *historypb.History {
	t.Helper()
	history := &historypb.History{}
	events := c.GetWorkflowHistory(t.Context(), id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, event)
	}
	return history
}

// keep writes a run's history where -record is given.
func keep(t *testing.T, name string, history *historypb.History) {
	t.Helper()
	t.Logf("%s: %d events", name, len(history.GetEvents()))
	if !*record {
		return
	}
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(history)
	require.NoError(t, err)
	file := filepath.Join("..", "workflows", "testdata", "histories", historyVersion+"-"+name+".json")
	require.NoError(t, os.WriteFile(file, append(data, '\n'), 0o600))
}

// failed waits for the end of the plan, which has to be PlanFailed.
func (p *planRun) failed() domain.Snapshot {
	p.t.Helper()
	var failure *temporal.ApplicationError
	require.ErrorAs(p.t, p.run.Get(p.t.Context(), nil), &failure)
	require.Equal(p.t, workflows.ErrorPlanFailed, failure.Type())
	var final domain.Snapshot
	require.NoError(p.t, failure.Details(&final))
	return final
}

// scenario runs a plan in one way and returns it once it is closed.
type scenario func(t *testing.T) *planRun

// scenarios are what the recorded histories show. Each is small: a handful of
// targets.
var scenarios = map[string]scenario{
	"plain":             plain,
	"parallel":          parallel,
	"commands":          commands,
	"pause-resume":      pauseResume,
	"pause-in-back-off": pauseInBackOff,
	"retries-then-fail": retriesThenFail,
	"failure-retry":     failureRetry,
	"abort":             abort,
	"abort-paused":      abortPaused,
	"abort-grace":       abortGrace,
	"cancel":            cancel,
	"worker-lost":       workerLost,
	"foreign-executor":  foreignExecutor,
}

func TestEveryScenarioOfTheRecordedHistoriesEndsAsItShould(t *testing.T) {
	t.Parallel()
	for name, run := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := run(t)
			keep(t, name, historyOf(t, shared.client, p.id, ""))
		})
	}
}

// sinkThat starts a sink that asks before each effect.
func sinkThat(t *testing.T, before func(ledger.Effect) int) *ledger.Sink {
	t.Helper()
	sink := ledger.NewSink(before)
	t.Cleanup(sink.Close)
	return sink
}

// small returns a plan of one task over n targets, one a time and recorded.
func small(t *testing.T, n int, sink *ledger.Sink) domain.Document {
	t.Helper()
	return document(t, n, ledger.Params{Sink: sink.URL(), To: "green", Blind: true, Priors: true})
}

// another adds a task like the first one, with targets of its own.
func another(doc *domain.Document, name, target string, dependsOn ...string) {
	next := doc.Spec.Tasks[0]
	next.Name, next.Targets, next.DependsOn = name, []string{target}, dependsOn
	doc.Spec.Tasks = append(doc.Spec.Tasks, next)
}

func plain(t *testing.T) *planRun {
	inProcess(t)
	sink := sinkThat(t, nil)
	doc := small(t, 3, sink)
	another(&doc, "verify", "other", "switch")
	p := start(t, doc)
	require.Equal(t, 4, p.completed().Progress.Done)
	return p
}

func parallel(t *testing.T) *planRun {
	inProcess(t)
	sink := sinkThat(t, nil)
	doc := small(t, 1, sink)
	doc.Spec.MaxParallel = 2
	for i := range 4 {
		another(&doc, fmt.Sprintf("more-%d", i), fmt.Sprintf("other-%d", i))
	}
	p := start(t, doc)
	require.Equal(t, 5, p.completed().Progress.Done)
	return p
}

// commands meets a held plan, a breakpoint, a skip, and Signals that are
// refused.
func commands(t *testing.T) *planRun {
	inProcess(t)
	sink := sinkThat(t, nil)
	doc := small(t, 1, sink)
	doc.Spec.Hold = true
	another(&doc, "stop", "other")
	another(&doc, "waived", "never")
	doc.Spec.Tasks[1].PauseBefore = true
	p := start(t, doc)
	p.awaitState(domain.PlanCreated)
	p.send(domain.CommandSkip, domain.Command{Task: "waived", Reason: "done by hand", Actor: "ann"})
	p.send(domain.CommandResume, domain.Command{})
	require.NoError(t, shared.client.SignalWorkflow(t.Context(), p.id, "", "pause", "now"))
	require.NoError(t, shared.client.SignalWorkflow(t.Context(), p.id, "", "explode", nil))
	p.send(domain.CommandStart, domain.Command{CommandID: "c-1"})
	p.send(domain.CommandStart, domain.Command{CommandID: "c-1"})
	p.awaitState(domain.PlanPaused)
	for _, name := range []domain.CommandName{domain.CommandPause, domain.CommandResume, domain.CommandPause, domain.CommandResume} {
		p.send(name, domain.Command{})
	}
	final := p.await("the plan goes on, or is paused again", func(s domain.Snapshot) bool {
		return s.State == domain.PlanCompleted || s.State == domain.PlanPaused && s.Reason.Kind == domain.ReasonOperator
	})
	if final.State == domain.PlanPaused {
		p.send(domain.CommandResume, domain.Command{})
	}
	require.Equal(t, 1, p.completed().Exceptions)
	return p
}

// blocked returns a plan of four targets of which the third is under way until
// release is called.
func blocked(t *testing.T) (p *planRun, release func()) {
	inProcess(t)
	entered, open := make(chan struct{}), make(chan struct{})
	sink := sinkThat(t, func(e ledger.Effect) int {
		if e.Target == "tenant-000003" {
			close(entered)
			<-open
		}
		return 0
	})
	p = start(t, small(t, 4, sink))
	select {
	case <-entered:
	case <-time.After(within):
		t.Fatal("the third target was not reached")
	}
	return p, func() { close(open) }
}

func pauseResume(t *testing.T) *planRun {
	p, release := blocked(t)
	p.send(domain.CommandPause, domain.Command{Actor: "ann"})
	p.awaitHeard()
	release()
	require.Equal(t, 3, p.awaitState(domain.PlanPaused).Progress.Done)
	p.send(domain.CommandResume, domain.Command{})
	p.completed()
	return p
}

// failing returns a plan of four targets of which the third is answered with a
// status until mend is called.
func failing(t *testing.T, status int, change func(*domain.Document)) (p *planRun, mend func()) {
	inProcess(t)
	mended := make(chan struct{})
	sink := sinkThat(t, func(e ledger.Effect) int {
		select {
		case <-mended:
			return 0
		default:
		}
		if e.Target == "tenant-000003" {
			return status
		}
		return 0
	})
	doc := small(t, 4, sink)
	change(&doc)
	return start(t, doc), func() { close(mended) }
}

func pauseInBackOff(t *testing.T) *planRun {
	p, mend := failing(t, http.StatusServiceUnavailable, func(doc *domain.Document) {
		doc.Spec.Tasks[0].Retry.InitialInterval = domain.Duration(time.Hour)
	})
	until(t, "the activity is in back-off", func() bool {
		a := p.pending()
		return len(a) == 1 && a[0].GetAttempt() == 2
	})
	p.send(domain.CommandPause, domain.Command{})
	require.Equal(t, domain.TaskPaused, p.awaitState(domain.PlanPaused).Tasks[0].State)
	mend()
	p.send(domain.CommandResume, domain.Command{})
	p.completed()
	return p
}

func retriesThenFail(t *testing.T) *planRun {
	once := 1
	p, _ := failing(t, http.StatusServiceUnavailable, func(doc *domain.Document) {
		doc.Spec.OnFailure = domain.OnFailureFail
		doc.Spec.Tasks[0].Retry = domain.Retry{MaxRetries: &once, InitialInterval: domain.Duration(10 * time.Millisecond)}
	})
	final := p.failed()
	require.Equal(t, "SINK_BUSY", final.Tasks[0].Failure.ErrorCode)
	require.Equal(t, 2, final.Tasks[0].Failure.Attempt)
	require.Equal(t, "tenant-000003", final.Tasks[0].Failure.Target)
	return p
}

func failureRetry(t *testing.T) *planRun {
	p, mend := failing(t, http.StatusConflict, func(*domain.Document) {})
	s := p.awaitState(domain.PlanPaused)
	require.Equal(t, domain.ReasonFailure, s.Reason.Kind)
	mend()
	p.send(domain.CommandRetry, domain.Command{Task: "switch"})
	p.completed()
	return p
}

func abort(t *testing.T) *planRun {
	p, release := blocked(t)
	p.send(domain.CommandAbort, domain.Command{Actor: "ann"})
	p.awaitHeard()
	release()
	final := p.failed()
	require.Equal(t, domain.CodeAborted, final.Tasks[0].Failure.ErrorCode)
	require.Equal(t, 3, final.Progress.Done)
	return p
}

// abortGrace aborts a plan whose target under way does not come to its end:
// the plan closes after 30 s all the same.
func abortGrace(t *testing.T) *planRun {
	p, release := blocked(t)
	t.Cleanup(release)
	until(t, "the target under way is saved", func() bool {
		cp := p.saved()
		return cp != nil && cp.Batch.Contains(2)
	})
	began := time.Now()
	p.send(domain.CommandAbort, domain.Command{})
	final := p.failed()
	require.Greater(t, time.Since(began), 29*time.Second)
	require.Less(t, time.Since(began), 45*time.Second)
	require.Equal(t, domain.CodeAborted, final.Tasks[0].Failure.ErrorCode)
	require.Contains(t, final.Tasks[0].Failure.Reason, "the outcome is unknown at tenant-000003")
	require.Equal(t, 2, final.Progress.Done)
	return p
}

func abortPaused(t *testing.T) *planRun {
	p, _ := failing(t, http.StatusConflict, func(*domain.Document) {})
	p.awaitState(domain.PlanPaused)
	p.send(domain.CommandAbort, domain.Command{})
	require.Equal(t, "SINK_REFUSED", p.failed().Tasks[0].Failure.ErrorCode, "what failed stays known")
	return p
}

func cancel(t *testing.T) *planRun {
	p, release := blocked(t)
	require.NoError(t, shared.client.CancelWorkflow(t.Context(), p.id, ""))
	p.awaitHeard()
	release()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, p.run.Get(t.Context(), nil), &canceled)
	var final domain.Snapshot
	require.NoError(t, canceled.Details(&final))
	require.Equal(t, domain.PlanFailed, final.State)
	require.Equal(t, domain.CodeAborted, final.Tasks[0].Failure.ErrorCode)
	return p
}

// workerLost kills the only worker: the activity, which has one attempt, times
// out for good, and another one goes on.
func workerLost(t *testing.T) *planRun {
	entered, open := make(chan struct{}, 10), make(chan struct{})
	sink := sinkThat(t, func(e ledger.Effect) int {
		if e.Target == "tenant-000003" {
			entered <- struct{}{}
			<-open
		}
		return 0
	})
	doc := small(t, 4, sink)
	none := 0
	doc.Spec.Tasks[0].Retry.MaxRetries, doc.Spec.Tasks[0].HeartbeatTimeout = &none, domain.Duration(time.Second)
	p := start(t, doc)
	w := startWorker(t)
	<-entered
	until(t, "what was done is saved", func() bool {
		cp := p.saved()
		return cp != nil && cp.Done.Count() == 2
	})
	w.kill()
	close(open)
	startWorker(t)
	final := p.completed()
	require.Equal(t, 1, final.Tasks[0].Attempt, "a lost worker is no retry of anybody")
	return p
}

// foreignExecutor pauses a task of an executor that knows nothing of
// checkpoints until it is asked a second time.
func foreignExecutor(t *testing.T) *planRun {
	inProcess(t)
	queue := queueOf(t) + "-foreign"
	w := sdkworker.New(shared.client, queue, sdkworker.Options{DisableWorkflowWorker: true, MaxHeartbeatThrottleInterval: 100 * time.Millisecond})
	began := make(chan struct{})
	var asked atomic.Int64
	w.RegisterActivityWithOptions(func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if asked.Add(1) > 1 {
			cp := domain.Checkpoint{Format: domain.CheckpointFormat, Last: len(r.Targets) - 1, Done: domain.NewRangeSet(0, len(r.Targets)-1)}
			return &domain.TaskResult{Done: len(r.Targets), Checkpoint: cp}, nil
		}
		activity.RecordHeartbeat(ctx, "half way")
		close(began)
		for {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(50 * time.Millisecond):
				activity.RecordHeartbeat(ctx, "half way")
			}
		}
	}, activity.RegisterOptions{Name: "foreign"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	doc := document(t, 2, ledger.Params{})
	doc.Spec.Tasks[0].Executor, doc.Spec.Tasks[0].TaskQueue, doc.Spec.Tasks[0].Params = "foreign", queue, nil
	p := start(t, doc)
	<-began
	until(t, "the heartbeat is there", func() bool { a := p.pending(); return len(a) == 1 && a[0].GetHeartbeatDetails() != nil })
	p.send(domain.CommandPause, domain.Command{})
	require.Zero(t, p.awaitState(domain.PlanPaused).Progress.Done)
	p.send(domain.CommandResume, domain.Command{})
	require.Equal(t, 2, p.completed().Progress.Done)
	return p
}

// shortServer starts a development server that suggests continue-as-new after
// 40 events, with a worker, and returns a client.
func shortServer(t *testing.T) client.Client {
	t.Helper()
	server, err := testsuite.StartDevServer(context.WithoutCancel(t.Context()), testsuite.DevServerOptions{
		ExistingPath: shared.temporal, LogLevel: "error",
		ExtraArgs:     append(append([]string{"--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=40"}, fast...), attributes...),
		ClientOptions: &client.Options{Logger: quiet{}, DataConverter: payload.NewDataConverter()},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	w := host.NewWorker(server.Client(), host.Options{
		TaskQueue: queueOf(t), StopTimeout: 5 * time.Second, FailOnPanic: true,
		Settings:  workflows.Settings{SearchAttributes: true, Checks: true},
		Executors: []activities.Executor{ledger.Executor()},
	})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return server.Client()
}

// chain returns the histories of all runs of a plan, the first one first.
func chain(t *testing.T, c client.Client, id, first string) []*historypb.History {
	t.Helper()
	var runs []*historypb.History
	for runID := first; runID != ""; {
		history := historyOf(t, c, id, runID)
		runs = append(runs, history)
		events := history.GetEvents()
		runID = events[len(events)-1].GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	return runs
}

// TestOverContinueAsNewNothingIsLostOrRepeated sends commands without a break
// while a plan goes through several runs, so that they arrive at every moment
// of a hand-over.
func TestOverContinueAsNewNothingIsLostOrRepeated(t *testing.T) {
	t.Parallel()
	const tasks = 20
	c := shortServer(t)
	sink := sinkThat(t, nil)
	doc := small(t, 1, sink)
	for i := 1; i < tasks; i++ {
		another(&doc, fmt.Sprintf("task-%02d", i), fmt.Sprintf("other-%02d", i))
	}
	const id = "long"
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queueOf(t)}, workflows.PlanType, doc)
	require.NoError(t, err)
	first := run.GetRunID()

	sent := sendUntilClosed(t, c, id)
	var final domain.Snapshot
	require.NoError(t, c.GetWorkflow(t.Context(), id, "").Get(t.Context(), &final))
	require.Equal(t, domain.PlanCompleted, final.State)
	require.Equal(t, tasks, final.Progress.Done)
	times := sink.Times()
	require.Len(t, times, tasks)
	for target, n := range times {
		require.Equal(t, 1, n, "target %s", target)
	}

	var trail workflows.AuditTrail
	value, err := c.QueryWorkflow(t.Context(), id, "", workflows.QueryAudit)
	require.NoError(t, err)
	require.NoError(t, value.Get(&trail))
	require.Zero(t, trail.Dropped)
	var ids []string
	accepted, version := 0, int64(0)
	for _, e := range trail.Entries {
		ids = append(ids, e.CommandID)
		require.GreaterOrEqual(t, e.Version, version, "the version goes on")
		version = e.Version
		if e.Accepted {
			accepted++
		}
	}
	require.Equal(t, sent, ids, "each command that the server took is there once, in its order")
	require.Positive(t, accepted)
	// At least: each accepted command, each task's two changes, the plan's two.
	require.GreaterOrEqual(t, final.Version, int64(1+accepted+2*tasks+2))

	runs := chain(t, c, id, first)
	t.Logf("%d runs, %d commands, %d of them accepted", len(runs), len(sent), accepted)
	require.Greater(t, len(runs), 2)
	keep(t, "continue-as-new-first", runs[0])
	keep(t, "continue-as-new-second", runs[1])
}

// sendUntilClosed sends commands that change nothing, and now and then a pause
// that it takes back, until the plan is closed. It returns the ids of those
// that the server took.
func sendUntilClosed(t *testing.T, c client.Client, id string) []string {
	t.Helper()
	var sent []string
	send := func(name domain.CommandName, command domain.Command) bool {
		command.CommandID = fmt.Sprintf("c-%03d", len(sent))
		err := c.SignalWorkflow(t.Context(), id, "", string(name), command)
		var closed *serviceerror.NotFound
		if errors.As(err, &closed) {
			return false
		}
		require.NoError(t, err)
		sent = append(sent, command.CommandID)
		return true
	}
	deadline := time.Now().Add(within)
	for time.Now().Before(deadline) {
		switch {
		case len(sent) >= 150:
			return sent // the audit trail holds 200
		case len(sent)%12 == 7:
			if !send(domain.CommandPause, domain.Command{Actor: "ann"}) {
				return sent
			}
			paused(t, c, id)
			if !send(domain.CommandResume, domain.Command{Actor: "ann"}) {
				return sent
			}
		default:
			if !send(domain.CommandSkip, domain.Command{Task: "no-such-task", Reason: "to be refused"}) {
				return sent
			}
		}
	}
	t.Fatal("the plan did not end")
	return nil
}

// paused waits until the plan has come to rest: PAUSED, or closed before.
func paused(t *testing.T, c client.Client, id string) {
	t.Helper()
	until(t, "the plan is PAUSED", func() bool {
		var s domain.Snapshot
		value, err := c.QueryWorkflow(context.WithoutCancel(t.Context()), id, "", workflows.QueryStatus)
		return err == nil && value.Get(&s) == nil && (s.State == domain.PlanPaused || s.State.Closed())
	})
}
