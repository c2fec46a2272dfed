// Package telemetry is what a worker shows of itself: metrics for Prometheus,
// traces by OTLP, and whether it is alive and ready.
package telemetry

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.uber.org/zap"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// The boundaries of histograms.
var (
	// seconds reach from a step of a plan on a quick server to a task of a day.
	seconds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400}
	// bytes reach to what a checkpoint may have at most.
	bytes = []float64{1 << 10, 4 << 10, 16 << 10, 64 << 10, 128 << 10, domain.MaxCheckpointBytes}
)

// Metrics are a worker's metrics: Temporal's own and Sluice's.
type Metrics struct {
	registry *prometheus.Registry
	meter    metric.Meter
	logger   *zap.Logger

	targets     metric.Int64Counter
	lost        metric.Int64Counter
	checkpoints metric.Int64Histogram
}

// NewMetrics makes metrics that nothing has been counted in yet.
func NewMetrics(logger *zap.Logger) (*Metrics, error) {
	m := &Metrics{registry: prometheus.NewRegistry(), logger: logger}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(m.registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("making the exporter of metrics: %w", err)
	}
	m.meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter),
		sdkmetric.WithView(histogram("s", seconds), histogram("By", bytes))).Meter("sluice")
	if m.targets, err = m.meter.Int64Counter("sluice_targets",
		metric.WithDescription("Targets that this worker has brought to an end, by executor, mode and outcome; after a crash some are counted twice")); err != nil {
		return nil, fmt.Errorf("making a metric: %w", err)
	}
	if m.lost, err = m.meter.Int64Counter("sluice_attempts_lost",
		metric.WithDescription("Attempts that ended with their worker, by its stop or its crash, and that another attempt went on from, by executor")); err != nil {
		return nil, fmt.Errorf("making a metric: %w", err)
	}
	if m.checkpoints, err = m.meter.Int64Histogram("sluice_checkpoint", metric.WithUnit("By"),
		metric.WithDescription("Checkpoints that the server has taken from this worker, by executor")); err != nil {
		return nil, fmt.Errorf("making a metric: %w", err)
	}
	return m, nil
}

// histogram gives all histograms of a unit their boundaries.
func histogram(unit string, boundaries []float64) sdkmetric.View {
	return sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram, Unit: unit},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: boundaries}})
}

// Handler answers with the metrics in the format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: zap.NewStdLog(m.logger)})
}

// ForSDK is where the Temporal SDK and workflow code count.
func (m *Metrics) ForSDK() client.MetricsHandler {
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: m.meter, UseMonotonicCounters: true,
		OnError: func(err error) { m.logger.Warn("a metric is not counted", zap.Error(err)) },
	})
}

// Attempt counts what an attempt comes to.
func (m *Metrics) Attempt(executor string, mode domain.Mode) activities.AttemptObserver {
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("executor", executor))...))
	}
	return &attempt{
		metrics: m,
		done:    with(attribute.String("mode", string(mode)), attribute.String("outcome", "done")),
		failed:  with(attribute.String("mode", string(mode)), attribute.String("outcome", "failed")),
		plain:   with(),
	}
}

// attempt counts for one attempt.
type attempt struct {
	metrics             *Metrics
	done, failed, plain metric.MeasurementOption
}

func (a *attempt) Lost(attempts int) {
	a.metrics.lost.Add(context.Background(), int64(attempts), a.plain.(metric.AddOption))
}

func (a *attempt) Done(targets int) {
	a.metrics.targets.Add(context.Background(), int64(targets), a.done.(metric.AddOption))
}

func (a *attempt) Failed(targets int) {
	a.metrics.targets.Add(context.Background(), int64(targets), a.failed.(metric.AddOption))
}

func (a *attempt) Saved(bytes int) {
	a.metrics.checkpoints.Record(context.Background(), int64(bytes), a.plain.(metric.RecordOption))
}
