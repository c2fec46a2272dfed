package operate

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

// spans is a collector of traces, by both protocols of OTLP.
type spans struct {
	collector.UnimplementedTraceServiceServer

	mu       sync.Mutex
	services map[string]bool
	byName   map[string]*tracepb.Span
	traces   map[string]bool // of runs of plans
}

func (s *spans) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, attribute := range resource.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				s.services[attribute.GetValue().GetStringValue()] = true
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				s.byName[span.GetName()] = span
				if span.GetName() == "RunWorkflow:Plan" {
					s.traces[string(span.GetTraceId())+string(span.GetSpanId())] = true
				}
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request collector.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = s.Export(r.Context(), &request) // it takes all
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// TestAPlanIsOneTraceByBothProtocolsOfOTLP sees the spans that a worker sends.
func TestAPlanIsOneTraceByBothProtocolsOfOTLP(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	byHTTP, byGRPC := newSpans(), newSpans()
	web := httptest.NewServer(byHTTP)
	t.Cleanup(web.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	rpc := grpc.NewServer()
	collector.RegisterTraceServiceServer(rpc, byGRPC)
	go func() { _ = rpc.Serve(listener) }() // ends with Stop
	t.Cleanup(rpc.Stop)

	for name, test := range map[string]struct {
		spans   *spans
		env     environment
		service string
	}{
		"http": {byHTTP, environment{"OTEL_EXPORTER_OTLP_ENDPOINT": web.URL}, "sluice-worker"},
		"grpc": {byGRPC, environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + listener.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_SERVICE_NAME": "edge"}, "edge"},
	} {
		t.Run(name, func(t *testing.T) {
			test.env["SLUICE_TASK_QUEUE"] = name
			w := showWorker(t, server.Address, test.env)
			w.env["SLUICE_TASK_QUEUE"] = name
			w.sluice(0, "start", "--watch", startTargets(t).plan(t, name, "", "a", "b"))
			w.sluice(0, "get", name) // a replay, for a closed plan is not kept in memory
			require.Equal(t, 0, w.Stop(), "what is left is sent at the end")
			test.spans.requireOneTrace(t, test.service)
		})
	}
}

func newSpans() *spans {
	return &spans{services: map[string]bool{}, byName: map[string]*tracepb.Span{}, traces: map[string]bool{}}
}

// requireOneTrace says that a plan and its task came as spans of one trace.
func (s *spans) requireOneTrace(t *testing.T, service string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, map[string]bool{service: true}, s.services)
	plan := s.byName["RunWorkflow:Plan"]
	require.NotNil(t, plan, "%v", s.byName)
	for _, name := range []string{"StartActivity:http", "RunActivity:http"} {
		require.NotNil(t, s.byName[name], "%v", s.byName)
		require.Equal(t, plan.GetTraceId(), s.byName[name].GetTraceId())
	}
	require.Len(t, s.traces, 1, "a replay is no other run")
	require.NotContains(t, s.byName, "HandleQuery:status")
}

func TestAnUnknownProtocolForTracesIsRefused(t *testing.T) {
	t.Parallel()
	r := run(t, "sluice-worker", environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"})
	require.Equal(t, 2, r.code)
	require.Contains(t, r.err, `OTEL_EXPORTER_OTLP_PROTOCOL is "smoke", but has to be grpc or http/protobuf`)
}

// TestACollectorThatIsNotThereHoldsNothingUp lets a plan run to its end while
// its spans cannot be delivered.
func TestACollectorThatIsNotThereHoldsNothingUp(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	w := showWorker(t, server.Address, environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
	w.sluice(0, "start", "--watch", startTargets(t).plan(t, "untraced", "", "a"))
	require.Equal(t, 0, w.Stop())
	require.Contains(t, w.Output(), `"msg":"metrics or traces are not delivered"`)
}
