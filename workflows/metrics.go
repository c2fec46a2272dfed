package workflows

import (
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// The metrics that workflow code counts. The SDK adds the namespace, the task
// queue and the workflow type, and is silent at replay.
const (
	MetricPlanChanges    = "sluice_plan_state_changes" // counter, by from and to
	MetricTaskChanges    = "sluice_task_state_changes" // counter, by executor, from and to
	MetricPauseLatency   = "sluice_pause_latency"      // timer, from the command to PAUSED
	MetricExecutionsLost = "sluice_executions_lost"    // counter, by executor
)

func meter(ctx workflow.Context, tags map[string]string) client.MetricsHandler {
	return workflow.GetMetricsHandler(ctx).WithTags(tags)
}

// countTransition counts a change of a state.
func (r *run) countTransition(ctx workflow.Context, t domain.Transition) {
	if t.Task != "" {
		task, _ := r.plan.Task(t.Task)
		meter(ctx, map[string]string{"executor": task.Spec().Executor, "from": t.From, "to": t.To}).Counter(MetricTaskChanges).Inc(1)
		return
	}
	meter(ctx, map[string]string{"from": t.From, "to": t.To}).Counter(MetricPlanChanges).Inc(1)
	if t.To == string(domain.PlanPaused) && !r.pauseAsked.IsZero() {
		workflow.GetMetricsHandler(ctx).Timer(MetricPauseLatency).Record(workflow.Now(ctx).Sub(r.pauseAsked))
	}
	r.pauseAsked = time.Time{}
}

// notePause notes since when somebody waits for the plan to be PAUSED.
func (r *run) notePause(entry domain.AuditEntry) {
	if entry.Command == domain.CommandPause && entry.Accepted && !entry.Repeat && r.pauseAsked.IsZero() {
		r.pauseAsked = entry.At
	}
}

// countLost counts an execution all of whose attempts were lost.
func (r *run) countLost(ctx workflow.Context, t *domain.Task) {
	meter(ctx, map[string]string{"executor": t.Spec().Executor}).Counter(MetricExecutionsLost).Inc(1)
}
