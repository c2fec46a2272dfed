package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// work brings a RUNNING task to its end, slice by slice: until all its targets
// are done, it has failed, it has stopped, or the next run goes on with it.
func (r *run) work(ctx workflow.Context, t *domain.Task) {
	used := 0 // automatic retries that lost workers leave behind
	for {
		slice, left := t.Pending()
		switch {
		case !left:
			r.must(r.plan.Succeed(t, workflow.Now(ctx)))
			return
		case r.plan.Stopping():
			r.must(r.plan.Stop(t, workflow.Now(ctx)))
			return
		case r.handOver:
			return
		case t.TimeLeft() <= 0:
			r.must(r.plan.Fail(t, r.failure(ctx, domain.CategoryTechnical, domain.CodeTimeout,
				"the execution took longer than the task's timeout; raise it, or retry to go on from the checkpoint"), workflow.Now(ctx)))
			return
		}
		before := t.Left(slice)
		o := r.execute(ctx, t, slice, used)
		progress := r.plan.Advance(t, o.checkpoint)
		switch o.kind {
		case worked:
			used = 0
			if t.Left(slice) == before && !r.plan.Stopping() {
				r.must(r.plan.Fail(t, r.failure(ctx, domain.CategoryExecutor, domain.CodeBadResult, fmt.Sprintf(
					"executor %s reported success, but its result has no checkpoint of format %d that says which targets are done",
					t.Spec().Executor, domain.CheckpointFormat)), workflow.Now(ctx)))
				return
			}
		case stopped:
			r.must(r.plan.Stop(t, workflow.Now(ctx)))
			return
		case failed:
			r.must(r.plan.Fail(t, o.failure, workflow.Now(ctx)))
			return
		case lost:
			r.countLost(ctx, t)
			used += o.used
			if !r.goOnAfterLoss(ctx, t, o, progress) {
				return
			}
		}
	}
}

// goOnAfterLoss decides whether a task whose workers were lost goes on, and
// waits as long as a retry would.
func (r *run) goOnAfterLoss(ctx workflow.Context, t *domain.Task, o outcome, progress bool) bool {
	if !progress {
		t.LoseAttempts(o.attempts - o.used)
	}
	if t.LossesLeft() == 0 {
		r.must(r.plan.Fail(t, r.failure(ctx, domain.CategoryTechnical, domain.CodeWorkerLost, fmt.Sprintf(
			"10 attempts in a row were lost without progress, the last one with: %s; look at the workers' logs, then retry", o.failure.Reason)), workflow.Now(ctx)))
		return false
	}
	if o.used > 0 {
		_, err := workflow.AwaitWithTimeout(ctx, t.Spec().Retry.Interval(), r.plan.Stopping)
		r.must(err)
	}
	return true
}

// execute runs one activity for a slice and returns what became of it.
func (r *run) execute(ctx workflow.Context, t *domain.Task, s domain.Slice, used int) outcome {
	request := r.plan.Dispatch(t, s, used)
	// Replay compares activity ids: this form is the same for ever.
	id := fmt.Sprintf("%s/%d/%d", t.Name(), t.Executions(), s.Index)
	attempts := min(request.MaxRetries+1, t.LossesLeft())
	activityCtx, cancel := workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:          id,
		TaskQueue:           t.Spec().TaskQueue, // empty: the plan's own
		StartToCloseTimeout: max(t.TimeLeft(), time.Second),
		HeartbeatTimeout:    t.Spec().HeartbeatTimeoutOrDefault(),
		WaitForCancellation: true, // its answer carries the checkpoint
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    t.Spec().Retry.Interval(),
			BackoffCoefficient: t.Spec().Retry.Backoff(),
			MaximumInterval:    t.Spec().Retry.LongestInterval(),
			MaximumAttempts:    int32(attempts),
		},
		Summary: summary(t, s),
	}))
	future := workflow.ExecuteActivity(activityCtx, t.Spec().Executor, request)
	r.must(workflow.Await(ctx, func() bool { return future.IsReady() || r.plan.Stopping() }))

	var saved *domain.Checkpoint
	if !future.IsReady() {
		saved = r.inspect(ctx, id, future)
		cancel()
		r.must(workflow.Await(ctx, func() bool { return future.IsReady() || r.abandon }))
		if !future.IsReady() {
			return r.abandoned(ctx, t, s, saved)
		}
	}
	var result domain.TaskResult
	err := future.Get(ctx, &result)
	o := interpret(err, result, saved, r.plan.Stopping())
	o.attempts, o.checkpoint = attempts, o.checkpoint.Of(s)
	if o.failure.Timestamp.IsZero() {
		o.failure.Timestamp = workflow.Now(ctx)
	}
	return o
}

// inspect reads how far an activity has come from the server's record, before
// it is cancelled: in back-off a cancel throws its checkpoint away.
func (r *run) inspect(ctx workflow.Context, id string, future workflow.Future) *domain.Checkpoint {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    5 * time.Second,
		ScheduleToCloseTimeout: 10 * time.Second, // an abort does not wait longer
		Summary:                "read the checkpoint of " + id + " before it is stopped",
	})
	for !future.IsReady() && !r.abandon {
		var found domain.Inspection
		if err := workflow.ExecuteLocalActivity(ctx, domain.InspectActivity, id).Get(ctx, &found); err != nil {
			// Stopping late is better than stopping without the checkpoint.
			workflow.GetLogger(ctx).Warn("reading a checkpoint before a stop", "activity", id, "error", err)
			continue
		}
		wait := found.NextAttempt.Sub(workflow.Now(ctx))
		if found.NextAttempt.IsZero() || wait > time.Second || wait < -time.Minute {
			return found.Checkpoint
		}
		// The next attempt is about to begin: let it, or the cancel would meet it
		// between what was read here and what it then has done.
		_, err := workflow.AwaitWithTimeout(ctx, max(wait, 0)+200*time.Millisecond, future.IsReady)
		r.must(err)
	}
	return nil
}

// checkOptions are of the look at a new plan's tasks, which takes a moment. A
// worker without the activity fails it for good.
var checkOptions = workflow.LocalActivityOptions{
	StartToCloseTimeout:    10 * time.Second,
	ScheduleToCloseTimeout: 30 * time.Second,
	RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 2},
	Summary:                "check executors and parameters",
}

// summary is what the Web UI shows beside an activity.
func summary(t *domain.Task, s domain.Slice) string {
	what := ""
	if t.Mode() == domain.ModeRollback {
		what = " (rollback)"
	}
	return fmt.Sprintf("%s%s: targets %d to %d of %d", truncateSummary(t.Name()), what, s.First+1, s.Last+1, len(t.Targets()))
}

// truncateSummary keeps a summary within the server's 400 bytes.
func truncateSummary(name string) string { return name[:min(len(name), 300)] }

// must stops the workflow task where something is wrong that only a fault of
// the program explains; the run waits for a worker without it.
func (r *run) must(err error) {
	if err != nil {
		panic(err)
	}
}

func (r *run) failure(ctx workflow.Context, category domain.Category, code, reason string) domain.FailureInfo {
	return domain.FailureInfo{Category: category, ErrorCode: code, Reason: reason, Timestamp: workflow.Now(ctx)}
}
