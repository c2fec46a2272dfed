package program

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/telemetry"
)

// lastSpans is how long a worker that ends takes to send its last spans.
const lastSpans = 5 * time.Second

// shown is what a worker shows of itself: nothing but its log unless it is
// told to.
type shown struct {
	metrics   *telemetry.Metrics // nil: none are kept
	traces    *telemetry.Traces  // nil: none are sent
	polling   telemetry.Polling
	connected atomic.Pointer[client.Client]
	close     func()
}

// show begins to show what settings and environment ask for, and has the
// client count and trace.
func show(ctx context.Context, settings *config.Worker, options *client.Options, logger *zap.Logger) (*shown, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.Warn("metrics or traces are not delivered", zap.Error(err))
	}))
	s := &shown{close: func() {}}
	traces, err := telemetry.NewTraces(ctx, "sluice-worker")
	if err != nil {
		return nil, &usageError{err}
	}
	if s.traces = traces; traces != nil {
		options.Interceptors = append(options.Interceptors, traces.Interceptor)
	}
	if settings.MetricsAddress == "" {
		return s, nil
	}
	if s.metrics, err = telemetry.NewMetrics(logger); err != nil {
		return nil, err
	}
	options.MetricsHandler = s.metrics.ForSDK()
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(s.polling.Watch))
	s.close, err = telemetry.Endpoint{Address: settings.MetricsAddress, Metrics: s.metrics.Handler(), Ready: s.ready, Logger: logger}.Start()
	return s, err
}

var errNotConnected = errors.New("the worker is not connected yet")

// ready returns why the worker gets no work.
func (s *shown) ready(ctx context.Context) error {
	c := s.connected.Load()
	if c == nil {
		return errNotConnected
	}
	if err := s.polling.Ready(); err != nil {
		return err
	}
	if _, err := (*c).WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{}); err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	return nil
}

// connect notes that the server was reached, and counts the open plans where
// plans can be found by their state.
func (s *shown) connect(c client.Client, namespace string, counted bool) error {
	s.connected.Store(&c)
	if s.metrics == nil || !counted {
		return nil
	}
	return s.metrics.CountOpenPlans(c, namespace)
}

// observer counts what executors do; nil where nothing is counted.
func (s *shown) observer() activities.Observer {
	if s.metrics == nil {
		return nil
	}
	return s.metrics
}

// stop sends what is left.
func (s *shown) stop(logger *zap.Logger) {
	s.close()
	if s.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastSpans)
	defer cancel()
	if err := s.traces.Stop(ctx); err != nil {
		logger.Warn("the last spans are lost", zap.Error(err))
	}
}
