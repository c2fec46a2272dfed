package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/logging"
	"github.com/seed-3652815f/sluice/internal/producttest"
	"github.com/seed-3652815f/sluice/internal/telemetry"
)

func newMetrics(t *testing.T, logger *zap.Logger) *telemetry.Metrics {
	t.Helper()
	m, err := telemetry.NewMetrics(logger)
	require.NoError(t, err)
	return m
}

// scrape returns the lines of metrics that are Sluice's and Temporal's.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, recorder.Code)
	return recorder.Body.String()
}

func TestAttemptsAreCountedByExecutorModeAndOutcome(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, zap.NewNop())
	forward, back := m.Attempt("http", domain.ModeApply), m.Attempt("http", domain.ModeRollback)
	forward.Done(20)
	forward.Done(1)
	forward.Failed(2)
	back.Done(3)
	forward.Saved(1024)
	forward.Saved(5000)
	text := scrape(t, m)
	for _, line := range []string{
		`sluice_targets_total{executor="http",mode="apply",outcome="done"} 21`,
		`sluice_targets_total{executor="http",mode="apply",outcome="failed"} 2`,
		`sluice_targets_total{executor="http",mode="rollback",outcome="done"} 3`,
		`sluice_checkpoint_bytes_bucket{executor="http",le="1024"} 1`,
		`sluice_checkpoint_bytes_bucket{executor="http",le="262144"} 2`,
		`sluice_checkpoint_bytes_count{executor="http"} 2`,
	} {
		require.Contains(t, text, line+"\n")
	}
}

func TestTheSDKCountsIntoTheSameMetrics(t *testing.T) {
	t.Parallel()
	m := newMetrics(t, zap.NewNop())
	sdk := m.ForSDK().WithTags(map[string]string{"task_queue": "sluice"})
	sdk.Counter("temporal_things").Inc(2)
	sdk.Timer("temporal_thing_latency").Record(30 * time.Millisecond)
	sdk.Gauge("temporal_slots").Update(7)
	text := scrape(t, m)
	for _, line := range []string{
		`temporal_things_total{task_queue="sluice"} 2`,
		`temporal_thing_latency_seconds_bucket{task_queue="sluice",le="0.025"} 0`,
		`temporal_thing_latency_seconds_bucket{task_queue="sluice",le="0.05"} 1`,
		`temporal_slots{task_queue="sluice"} 7`,
		"go_goroutines ",
	} {
		require.Contains(t, text, line)
	}
}

// plans answers as a server that has so many plans in each state.
type plans struct {
	counts map[domain.PlanState]int64
	err    error
	asked  int
}

func (p *plans) CountWorkflow(_ context.Context, request *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	p.asked++
	for state, n := range p.counts {
		if request.GetQuery() == "WorkflowType = 'Plan' AND ExecutionStatus = 'Running' AND SluicePlanState = '"+string(state)+"'" {
			return &workflowservice.CountWorkflowExecutionsResponse{Count: n}, p.err
		}
	}
	return &workflowservice.CountWorkflowExecutionsResponse{}, p.err
}

func TestOpenPlansAreCountedByTheServerAndNotAtEachScrape(t *testing.T) {
	t.Parallel()
	m, server := newMetrics(t, zap.NewNop()), &plans{counts: map[domain.PlanState]int64{domain.PlanRunning: 4, domain.PlanPaused: 1}}
	require.NoError(t, m.CountOpenPlans(server, "ops"))
	for range 3 {
		text := scrape(t, m)
		require.Contains(t, text, `sluice_open_plans{namespace="ops",state="CREATED"} 0`)
		require.Contains(t, text, `sluice_open_plans{namespace="ops",state="PAUSED"} 1`)
		require.Contains(t, text, `sluice_open_plans{namespace="ops",state="RUNNING"} 4`)
	}
	require.Equal(t, 3, server.asked, "one question a state")
}

func TestPlansThatCannotBeCountedAreMissingAndNotZero(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger, err := logging.New(&log, false, "info")
	require.NoError(t, err)
	m := newMetrics(t, logger)
	require.NoError(t, m.CountOpenPlans(&plans{err: errors.New("no such attribute")}, "ops"))
	require.NotContains(t, scrape(t, m), "sluice_open_plans")
	require.Contains(t, log.String(), "no such attribute")
}

func TestTheEndpointAnswersWhetherTheWorkerIsReady(t *testing.T) {
	t.Parallel()
	var connected atomic.Bool
	ready := func(context.Context) error {
		if connected.Load() {
			return nil
		}
		return errors.New("the worker is not connected yet")
	}
	address := producttest.FreeAddress(t)
	stop, err := telemetry.Endpoint{
		Address: address, Metrics: newMetrics(t, zap.NewNop()).Handler(), Ready: ready, Logger: zap.NewNop(),
	}.Start()
	require.NoError(t, err)
	defer stop()
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + address + path)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, strings.TrimSpace(string(body))
	}
	code, body := get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "not ready: the worker is not connected yet", body)
	code, body = get("/healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "alive", body)
	connected.Store(true)
	code, body = get("/readyz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "ready", body)
	code, body = get("/metrics")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "go_goroutines")
	code, _ = get("/debug/pprof/")
	require.Equal(t, http.StatusNotFound, code)
}

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	t.Parallel()
	address := producttest.FreeAddress(t)
	endpoint := telemetry.Endpoint{Address: address, Metrics: http.NotFoundHandler(), Logger: zap.NewNop()}
	stop, err := endpoint.Start()
	require.NoError(t, err)
	defer stop()
	_, err = endpoint.Start()
	require.ErrorContains(t, err, "the worker cannot show itself at "+address)
	require.ErrorContains(t, err, "SLUICE_METRICS_ADDRESS")
}
