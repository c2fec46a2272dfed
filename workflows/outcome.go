package workflows

import (
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// kind is how an activity ended.
type kind int

const (
	worked  kind = iota + 1 // every target of the slice is done or given up
	stopped                 // at a safe point, as it was told
	failed                  // for good
	lost                    // its attempts ended with their workers; another activity goes on
)

// outcome is what became of one activity.
type outcome struct {
	kind       kind
	checkpoint *domain.Checkpoint // nil: nothing is known beyond what was
	failure    domain.FailureInfo // of failed and lost
	attempts   int                // that the activity was allowed
	used       int                // of them that failed rather than being lost
}

// interpret reads an activity's end. saved is what the server's record said
// before the activity was told to stop; stopping, that it was.
func interpret(err error, result domain.TaskResult, saved *domain.Checkpoint, stopping bool) outcome {
	var (
		canceled    *temporal.CanceledError
		timeout     *temporal.TimeoutError
		application *temporal.ApplicationError
	)
	switch {
	case err == nil:
		if result.Checkpoint.Check() != nil {
			return outcome{kind: worked, checkpoint: saved}
		}
		return outcome{kind: worked, checkpoint: &result.Checkpoint}
	case errors.As(err, &canceled):
		return outcome{kind: stopped, checkpoint: detailOr(canceled.HasDetails(), canceled.Details, saved)}
	case errors.As(err, &timeout):
		return timedOut(timeout, saved, stopping)
	case errors.As(err, &application):
		return ended(err, application, saved, stopping)
	}
	return outcome{kind: failed, checkpoint: saved, failure: domain.FailureInfo{
		Category: domain.CategoryExecutor, ErrorCode: domain.CodeUnclassified, Reason: err.Error(),
	}}
}

// detailOr decodes a checkpoint from an error's details, or returns what was
// saved before: a cancel in back-off brings the server's own text instead.
func detailOr(has bool, decode func(...any) error, saved *domain.Checkpoint) *domain.Checkpoint {
	var cp domain.Checkpoint
	if !has || decode(&cp) != nil || cp.Check() != nil {
		return saved
	}
	return &cp
}

// timedOut reads a time-out: a worker that fell silent is lost, which is no
// failure of the task.
func timedOut(timeout *temporal.TimeoutError, saved *domain.Checkpoint, stopping bool) outcome {
	o := outcome{kind: lost, checkpoint: detailOr(timeout.HasLastHeartbeatDetails(), timeout.LastHeartbeatDetails, saved)}
	if o.checkpoint != nil {
		o.used = o.checkpoint.FailedAttempts
	}
	o.failure = domain.FailureInfo{Category: domain.CategoryTechnical, ErrorCode: domain.CodeWorkerLost,
		Reason: "a worker fell silent; its heartbeats were missing for the task's heartbeatTimeout"}
	if timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_START_TO_CLOSE {
		o.kind = failed
		o.failure.ErrorCode = domain.CodeTimeout
		o.failure.Reason = "the execution took longer than the task's timeout; raise it, or retry to go on from the checkpoint"
	} else if stopping {
		o.kind = stopped
	}
	return o
}

// ended reads an error that the executor returned.
func ended(err error, application *temporal.ApplicationError, saved *domain.Checkpoint, stopping bool) outcome {
	o := outcome{kind: failed, checkpoint: saved}
	o.failure, o.checkpoint = describe(application, saved)
	if o.checkpoint != nil {
		o.used = o.checkpoint.FailedAttempts
	}
	switch o.failure.ErrorCode {
	case domain.CodeWorkerStopping, domain.CodeConnectionLost, domain.CodeHeld:
		o.kind = lost
	default:
		// Sluice's runner counts its failed attempts and makes the last one
		// non-retryable. Where it would have tried again, lost attempts have
		// used up the server's count. Other executors go by that count alone.
		if o.used > 0 && !application.NonRetryable() && exhausted(err) {
			o.kind = lost
		}
	}
	if stopping && (o.kind == lost || !application.NonRetryable() && !exhausted(err)) {
		o.kind = stopped // it would have been retried
	}
	return o
}

// describe reads the failure and the checkpoint from an executor's error;
// executors in other languages may give neither.
func describe(application *temporal.ApplicationError, saved *domain.Checkpoint) (domain.FailureInfo, *domain.Checkpoint) {
	var detail domain.ExecutionFailure
	if application.HasDetails() && application.Details(&detail) == nil && detail.Failure.ErrorCode != "" {
		if detail.Checkpoint.Check() == nil {
			return detail.Failure, &detail.Checkpoint
		}
		return detail.Failure, saved
	}
	category := domain.CategoryTechnical
	if application.NonRetryable() {
		category = domain.CategoryBusiness
	}
	code := application.Type()
	if code == "" {
		code = domain.CodeUnclassified
	}
	return domain.FailureInfo{Category: category, ErrorCode: code, Reason: application.Message()}, saved
}

// exhausted reports whether the server stopped retrying because of the number
// of attempts.
func exhausted(err error) bool {
	var activity *temporal.ActivityError
	return errors.As(err, &activity) && activity.RetryState() == enumspb.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED
}

// abandoned is the outcome of an activity that has not stopped in an abort's
// grace: the targets under way are of unknown outcome.
func (r *run) abandoned(ctx workflow.Context, t *domain.Task, s domain.Slice, saved *domain.Checkpoint) outcome {
	reason := fmt.Sprintf("it did not stop within %s; the outcome is unknown at ", abortGrace)
	names := 0
	if saved != nil {
		for i := range saved.Batch.All() {
			if names == 20 {
				break
			}
			if names > 0 {
				reason += ", "
			}
			reason += t.Targets()[i]
			names++
		}
	}
	if names == 0 {
		reason += fmt.Sprintf("any of the targets %s to %s", t.Targets()[s.First], t.Targets()[s.Last])
	}
	return outcome{kind: failed, checkpoint: saved.Of(s), failure: r.failure(ctx, domain.CategoryTechnical, domain.CodeAborted, reason)}
}
