package telemetry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

const (
	countEvery   = 15 * time.Second // how old the counts of open plans may be
	countTimeout = 3 * time.Second  // less than Prometheus waits for its answer
)

// Visibility counts workflows.
type Visibility interface {
	CountWorkflow(ctx context.Context, request *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
}

// CountOpenPlans lets the metrics show how many plans of the namespace are in
// each state that is not closed. The server counts them by their search
// attribute: what a worker has seen itself would be wrong after its restart.
// Every worker shows the same numbers.
func (m *Metrics) CountOpenPlans(visibility Visibility, namespace string) error {
	c := &openPlans{visibility: visibility, namespace: namespace, logger: m.logger}
	_, err := m.meter.Int64ObservableGauge("sluice_open_plans",
		metric.WithDescription("Plans of the namespace that are not closed, by state, as the server counts them; the same at every worker"),
		metric.WithInt64Callback(c.observe))
	if err != nil {
		return fmt.Errorf("making a metric: %w", err)
	}
	return nil
}

// openPlans counts plans, and keeps the counts for a while.
type openPlans struct {
	visibility Visibility
	namespace  string
	logger     *zap.Logger

	mu     sync.Mutex
	at     time.Time
	counts map[domain.PlanState]int64
}

func (p *openPlans) observe(ctx context.Context, observer metric.Int64Observer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) > countEvery {
		p.at = time.Now() // a server that does not answer is not asked more often
		counts, err := p.count(ctx)
		if err != nil {
			p.logger.Warn("the open plans are not counted", zap.Error(err))
		}
		p.counts = counts
	}
	for state, n := range p.counts {
		observer.Observe(n, metric.WithAttributes(attribute.String("namespace", p.namespace), attribute.String("state", string(state))))
	}
	return nil
}

func (p *openPlans) count(ctx context.Context) (map[domain.PlanState]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	counts := map[domain.PlanState]int64{}
	for _, state := range []domain.PlanState{domain.PlanCreated, domain.PlanRunning, domain.PlanPaused} {
		counted, err := p.visibility.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: p.namespace,
			// A terminated run keeps its search attributes.
			Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s'", workflows.PlanType, workflows.AttributeState.GetName(), state),
		})
		if err != nil {
			return nil, fmt.Errorf("counting the plans that are %s: %w", state, err)
		}
		counts[state] = counted.GetCount()
	}
	return counts, nil
}
