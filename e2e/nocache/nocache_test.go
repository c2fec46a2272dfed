// Package nocache runs plans on a worker that keeps no workflow in memory, so
// that every workflow task replays the whole history: what depends on the
// moment shows here. The setting is the process's, hence a package of its own.
package nocache

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

func TestMain(m *testing.M) {
	worker.SetStickyWorkflowCacheSize(0)
	os.Exit(m.Run())
}

// connect starts a development server and a worker, and returns a client.
func connect(t *testing.T) client.Client {
	t.Helper()
	temporal, err := filepath.Abs(filepath.Join("..", "..", ".tools", "bin", "temporal"))
	require.NoError(t, err)
	require.FileExists(t, temporal, "run make tools")
	server, err := testsuite.StartDevServer(context.WithoutCancel(t.Context()), testsuite.DevServerOptions{
		ExistingPath: temporal, LogLevel: "error",
		ClientOptions: &client.Options{DataConverter: payload.NewDataConverter(), Logger: quiet{}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	w := host.NewWorker(server.Client(), host.Options{
		StopTimeout: 5 * time.Second, FailOnPanic: true, Executors: []activities.Executor{ledger.Executor()},
	})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return server.Client()
}

func TestAPlanIsPausedResumedRetriedAndCompletedWhereEveryWorkflowTaskReplays(t *testing.T) {
	t.Parallel()
	const targets, id = 6, "nocache"
	c := connect(t)
	entered, release := make(chan struct{}), make(chan struct{})
	var mended atomic.Bool
	sink := ledger.NewSink(func(e ledger.Effect) int {
		switch {
		case e.Target == "tenant-2" && !mended.Load():
			close(entered)
			<-release
		case e.Target == "tenant-5" && !mended.Load():
			return http.StatusConflict
		}
		return 0
	})
	t.Cleanup(sink.Close)
	doc := domain.Document{APIVersion: domain.APIVersion, Kind: domain.KindPlan, Metadata: domain.Metadata{Name: id}}
	for i := range targets {
		doc.Spec.Targets = append(doc.Spec.Targets, fmt.Sprintf("tenant-%d", i+1))
	}
	params := fmt.Sprintf(`{"sink":%q,"to":"green","blind":true,"priors":true}`, sink.URL())
	doc.Spec.Tasks = []domain.TaskSpec{
		{Name: "switch", Executor: "ledger", Params: []byte(params)},
		{Name: "verify", Executor: "ledger", Params: []byte(params), Targets: []string{"other"}, DependsOn: []string{"switch"}},
	}
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.DefaultTaskQueue}, workflows.PlanType, doc)
	require.NoError(t, err)

	send := func(name domain.CommandName) {
		require.NoError(t, c.SignalWorkflow(t.Context(), id, "", string(name), domain.Command{}))
	}
	status := func() (s domain.Snapshot) {
		value, err := c.QueryWorkflow(t.Context(), id, "", workflows.QueryStatus)
		require.NoError(t, err)
		require.NoError(t, value.Get(&s))
		return s
	}
	paused := func() domain.Snapshot {
		require.Eventually(t, func() bool { return status().State == domain.PlanPaused }, time.Minute, 20*time.Millisecond)
		return status()
	}

	ended := make(chan error, 1)
	go func() { ended <- run.Get(t.Context(), nil) }()
	select {
	case <-entered:
	case err := <-ended:
		t.Fatalf("the plan ended before its second target: %v", err)
	}
	send(domain.CommandPause)
	require.Eventually(t, func() bool { return status().Phase == domain.PhasePausing }, time.Minute, 20*time.Millisecond)
	awaitHeard(t, c, id)
	close(release)
	s := paused()
	require.Equal(t, domain.ReasonOperator, s.Reason.Kind)
	require.Equal(t, 2, s.Progress.Done)
	send(domain.CommandResume)
	require.Eventually(t, func() bool {
		s := status()
		return s.State == domain.PlanPaused && s.Reason.Kind == domain.ReasonFailure
	}, time.Minute, 20*time.Millisecond)
	mended.Store(true)
	send(domain.CommandRetry)
	var final domain.Snapshot
	require.NoError(t, run.Get(t.Context(), &final))
	require.Equal(t, domain.PlanCompleted, final.State)
	times := sink.Times()
	require.Len(t, times, targets+1)
	for target, n := range times {
		require.Equal(t, 1, n, "target %s", target)
	}
}

// awaitHeard waits until the activity under way has heard that it is to stop:
// the second heartbeat after the cancel shows that the first one was answered.
func awaitHeard(t *testing.T, c client.Client, id string) {
	t.Helper()
	var heartbeats []time.Time
	require.Eventually(t, func() bool {
		description, err := c.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		for _, a := range description.GetPendingActivities() {
			at := a.GetLastHeartbeatTime().AsTime()
			if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED && !slices.Contains(heartbeats, at) {
				heartbeats = append(heartbeats, at)
			}
		}
		return len(heartbeats) > 2
	}, time.Minute, 20*time.Millisecond)
}

// quiet drops what the SDK logs.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
