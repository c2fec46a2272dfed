package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/internal/report"
	"github.com/seed-3652815f/sluice/workflows"
)

// within bounds each wait for something that has to happen.
const within = 60 * time.Second

// planRun is a plan that a test has started.
type planRun struct {
	t     *testing.T
	id    string
	queue string
	run   client.WorkflowRun
}

// names returns n target names.
func names(n int) []string {
	targets := make([]string, n)
	for i := range targets {
		targets[i] = fmt.Sprintf("tenant-%06d", i+1)
	}
	return targets
}

// document returns a plan of one ledger task over n targets.
func document(t *testing.T, n int, params ledger.Params) domain.Document {
	t.Helper()
	return domain.Document{
		APIVersion: domain.APIVersion, Kind: domain.KindPlan,
		Metadata: domain.Metadata{Name: "test", Labels: map[string]string{"test": "e2e"}},
		Spec: domain.Spec{
			Targets: names(n),
			Tasks:   []domain.TaskSpec{{Name: "switch", Executor: "ledger", Params: asJSON(t, params)}},
		},
	}
}

func asJSON(t *testing.T, value any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return data
}

// queueOf is the task queue of a test: each has its own, so that none gets
// another's work.
func queueOf(t *testing.T) string { return "q-" + strings.ReplaceAll(t.Name(), "/", "-") }

// inProcess starts a worker in the test's own process and stops it with it.
func inProcess(t *testing.T) {
	t.Helper()
	w := host.NewWorker(shared.client, host.Options{
		TaskQueue: queueOf(t), StopTimeout: 5 * time.Second, FailOnPanic: true,
		Settings:  workflows.Settings{SearchAttributes: true, Checks: true},
		Executors: []activities.Executor{ledger.Executor(), ledger.Noop()},
	})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

// worker is a worker process.
type worker struct{ cmd *exec.Cmd }

// startWorker starts a worker in a process of its own.
func startWorker(t *testing.T) *worker {
	t.Helper()
	cmd := exec.Command(shared.testworker)
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+shared.address, "SLUICE_TASK_QUEUE="+queueOf(t))
	require.NoError(t, cmd.Start())
	w := &worker{cmd}
	t.Cleanup(w.kill)
	return w
}

// kill ends the process as kill -9 does.
func (w *worker) kill() { w.end(os.Kill) }

// stop ends the process as a rolling deploy does.
func (w *worker) stop() { w.end(os.Interrupt) }

func (w *worker) end(signal os.Signal) {
	if w.cmd.ProcessState != nil {
		return
	}
	_ = w.cmd.Process.Signal(signal)
	_ = w.cmd.Wait() // its exit status is that of the signal
}

// start starts a plan on the test's own queue.
func start(t *testing.T, doc domain.Document) *planRun {
	t.Helper()
	return startOn(t, queueOf(t), doc)
}

// startOn starts a plan on a queue.
func startOn(t *testing.T, queue string, doc domain.Document) *planRun {
	t.Helper()
	input, err := payload.Encode(doc)
	require.NoError(t, err)
	id := fmt.Sprintf("%s-%d", planIDOf(t), time.Now().UnixNano())
	run, err := shared.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, workflows.PlanType, input)
	require.NoError(t, err)
	t.Cleanup(func() { terminate(t, id) })
	return &planRun{t: t, id: id, queue: queue, run: run}
}

// planIDOf returns a test's name as the beginning of an id.
func planIDOf(t *testing.T) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	return name[:min(len(name), 120)]
}

// send sends a command as a Signal.
func (p *planRun) send(name domain.CommandName, c domain.Command) {
	p.t.Helper()
	require.NoError(p.t, shared.client.SignalWorkflow(p.t.Context(), p.id, "", string(name), c))
}

// status asks the plan for its status.
func (p *planRun) status() domain.Snapshot {
	p.t.Helper()
	var s domain.Snapshot
	value, err := shared.client.QueryWorkflow(p.t.Context(), p.id, "", workflows.QueryStatus)
	require.NoError(p.t, err)
	require.NoError(p.t, value.Get(&s))
	return s
}

// await waits until the status is as the test wants it.
func (p *planRun) await(what string, is func(domain.Snapshot) bool) domain.Snapshot {
	p.t.Helper()
	var last domain.Snapshot
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("last status of %s:\n%s\npending: %v", p.id, report.Text(last), p.pending())
		}
	})
	until(p.t, what, func() bool {
		value, err := shared.client.QueryWorkflow(p.t.Context(), p.id, "", workflows.QueryStatus)
		if err != nil {
			return false // no worker answers just now
		}
		require.NoError(p.t, value.Get(&last))
		return is(last)
	})
	return last
}

// awaitState waits until the plan is in a state.
func (p *planRun) awaitState(state domain.PlanState) domain.Snapshot {
	p.t.Helper()
	return p.await("the plan is "+string(state), func(s domain.Snapshot) bool { return s.State == state })
}

// completed waits for the end of the plan, which has to be a good one.
func (p *planRun) completed() domain.Snapshot {
	p.t.Helper()
	var final domain.Snapshot
	require.NoError(p.t, p.run.Get(p.t.Context(), &final))
	require.Equal(p.t, domain.PlanCompleted, final.State)
	return final
}

// pending returns what the server's record says of the plan's activities.
func (p *planRun) pending() []*workflowpb.PendingActivityInfo {
	p.t.Helper()
	description, err := shared.client.DescribeWorkflowExecution(context.WithoutCancel(p.t.Context()), p.id, "")
	require.NoError(p.t, err)
	return description.GetPendingActivities()
}

// closed reports whether the plan's run has ended.
func (p *planRun) closed() bool {
	p.t.Helper()
	description, err := shared.client.DescribeWorkflowExecution(p.t.Context(), p.id, "")
	require.NoError(p.t, err)
	return description.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// awaitHeard waits until the activity under way has heard that it is to stop:
// it learns so from the answer to a heartbeat, and the one after shows that the
// answer has come.
func (p *planRun) awaitHeard() {
	p.t.Helper()
	until(p.t, "a cancel of the activity is recorded", func() bool {
		a := p.pending()
		return len(a) == 1 && a[0].GetState() == enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED
	})
	for range 2 {
		last := p.pending()[0].GetLastHeartbeatTime().AsTime()
		until(p.t, "a further heartbeat has come", func() bool { return p.pending()[0].GetLastHeartbeatTime().AsTime().After(last) })
	}
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, within, 20*time.Millisecond, "waited in vain until %s", what)
}

// requireEach fails unless each of n targets was changed exactly once.
func requireEach(t *testing.T, sink *ledger.Sink, n int) {
	t.Helper()
	times := sink.Times()
	for _, name := range names(n) {
		require.Equal(t, 1, times[name], "target %s", name)
	}
	require.Len(t, times, n)
}

func TestAPlanBringsEachTargetToItsNewValueOnce(t *testing.T) {
	t.Parallel()
	inProcess(t)
	sink := ledger.NewSink(nil)
	t.Cleanup(sink.Close)
	p := start(t, document(t, 200, ledger.Params{Sink: sink.URL(), To: "green", Priors: true, Batch: 7, Blind: true}))
	final := p.completed()
	requireEach(t, sink, 200)
	require.Equal(t, domain.Progress{Done: 200, Total: 200, Ratio: 1}, final.Progress)
	require.Equal(t, domain.TaskCompleted, final.Tasks[0].State)
	require.Empty(t, final.Legal)
	require.JSONEq(t, `"blue"`, string(final.Tasks[0].Checkpoint.Data.RollbackInfo["tenant-000001"]))
}

func TestPausedIsSaidOnlyAfterTheTargetUnderWayHasEndedAndThenNothingMoves(t *testing.T) {
	t.Parallel()
	inProcess(t)
	entered, release := make(chan struct{}), make(chan struct{})
	sink := ledger.NewSink(func(e ledger.Effect) int {
		if e.Target == "tenant-000005" {
			close(entered)
			<-release
		}
		return 0
	})
	t.Cleanup(sink.Close)
	p := start(t, document(t, 20, ledger.Params{Sink: sink.URL(), To: "green", Blind: true}))
	<-entered
	p.send(domain.CommandPause, domain.Command{Actor: "ann"})
	p.await("the plan is PAUSING", func(s domain.Snapshot) bool { return s.Phase == domain.PhasePausing })
	// The target is under way for as long as the test likes; here longer than
	// several heartbeats, after which a cancel has long arrived.
	for range 20 {
		require.Equal(t, domain.PlanRunning, p.status().State)
		require.Len(t, sink.Entries(), 4)
	}
	p.awaitHeard()
	close(release)
	s := p.awaitState(domain.PlanPaused)
	require.Equal(t, domain.TaskPaused, s.Tasks[0].State)
	require.Equal(t, 5, s.Progress.Done)
	require.Empty(t, p.pending())
	require.Equal(t, "ann", s.Reason.Actor)
	require.Len(t, sink.Entries(), 5)

	p.send(domain.CommandResume, domain.Command{})
	p.completed()
	requireEach(t, sink, 20)
}

func TestAPauseInBackOffKeepsWhatWasDone(t *testing.T) {
	t.Parallel()
	inProcess(t)
	broken := make(chan struct{})
	sink := ledger.NewSink(func(e ledger.Effect) int {
		select {
		case <-broken:
		default:
			if e.Target == "tenant-000120" {
				return http.StatusServiceUnavailable
			}
		}
		return 0
	})
	t.Cleanup(sink.Close)
	doc := document(t, 200, ledger.Params{Sink: sink.URL(), To: "green", Blind: true})
	doc.Spec.Tasks[0].Retry.InitialInterval = domain.Duration(time.Hour) // the pause meets the back-off for certain
	p := start(t, doc)
	until(t, "the activity is in back-off", func() bool {
		a := p.pending()
		return len(a) == 1 && a[0].GetAttempt() == 2
	})
	p.send(domain.CommandPause, domain.Command{})
	s := p.awaitState(domain.PlanPaused)
	require.Equal(t, 119, s.Progress.Done)
	require.Equal(t, domain.TaskPaused, s.Tasks[0].State, "a failure that would have been retried does not fail the task")
	close(broken)
	p.send(domain.CommandResume, domain.Command{})
	p.completed()
	requireEach(t, sink, 200)
}
