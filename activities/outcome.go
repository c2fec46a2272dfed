package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
)

// handOverDelay is how soon another worker takes up what this one lays down.
const handOverDelay = 100 * time.Millisecond

// handOverMoment is longer than a workflow takes from reading a checkpoint to
// its cancel: some 50 ms on a server under load.
const handOverMoment = 500 * time.Millisecond

// conclude turns what became of the attempt into what the activity returns:
// the result, a CanceledError with the checkpoint, or an ApplicationError with
// the failure and the checkpoint. err is one that came before any target.
func (a *attempt) conclude(ctx context.Context, err error) (*domain.TaskResult, error) {
	if err != nil {
		a.breakOff(err)
	}
	failed := a.settle()
	a.touch()
	switch {
	case failed != nil && !failed.retryable:
		return nil, a.applicationError(ctx, *failed)
	case a.left() == 0 && failed == nil:
		return &domain.TaskResult{Done: a.cp.Done.Count(), Failed: a.cp.Failed.Count(), Checkpoint: a.cp}, nil
	case a.stop == stopCanceled:
		return nil, temporal.NewCanceledError(a.cp)
	case failed != nil && !failed.lost:
		return nil, a.applicationError(ctx, *failed)
	default:
		return nil, a.applicationError(ctx, a.stopFailure())
	}
}

// endWith ends an attempt that did not come to work on any target.
func (a *attempt) endWith(ctx context.Context, err error) error {
	_, err = a.conclude(ctx, err)
	return err
}

// attemptFailure is why an attempt has failed.
type attemptFailure struct {
	info      domain.FailureInfo
	retryable bool
	lost      bool // the attempt was lost rather than failed: it does not count
	err       error
}

// settle decides which failed targets are given up, counts the attempt where
// it has failed, and returns why; nil where it has not.
func (a *attempt) settle() *attemptFailure {
	if a.broken == nil && len(a.failures) == 0 {
		return nil
	}
	if a.stop == stopTimeout {
		a.broken = nil // what the time-out broke off is the time-out's failure
		failure := a.stopFailure()
		a.cp.FailedAttempts++
		return &failure
	}
	if a.stop == stopConnection {
		return &attemptFailure{lost: true, retryable: true}
	}
	a.cp.FailedAttempts++
	exhausted := a.cp.FailedAttempts > a.request.MaxRetries
	var first, retried *attemptFailure
	for _, i := range a.order {
		failure := a.failureOf(i, exhausted)
		if failure.retryable {
			retried = orFirst(retried, failure)
			continue
		}
		first = orFirst(first, failure)
		a.giveUp(i, failure.info)
	}
	switch {
	case a.cp.Failed.Count() > a.request.FailuresAllowed && first != nil:
		return first
	case a.broken != nil:
		return a.brokenFailure(exhausted)
	default:
		return retried // nil: the threshold tolerates all that was given up
	}
}

func orFirst(first, next *attemptFailure) *attemptFailure {
	if first == nil {
		return next
	}
	return first
}

// giveUp notes that a target is not tried again.
func (a *attempt) giveUp(i int, why domain.FailureInfo) {
	a.cp.Failed.Add(i)
	a.leave([]int{i})
	a.observed().Failed(1)
	if len(a.cp.Failures) < domain.MaxListedFailures {
		a.cp.Failures = append(a.cp.Failures, why)
	}
}

func (a *attempt) failureOf(i int, exhausted bool) *attemptFailure {
	failure := a.describe(a.failures[i], exhausted)
	failure.info.Target = a.name(i)
	return failure
}

func (a *attempt) brokenFailure(exhausted bool) *attemptFailure {
	return a.describe(classify(a.broken), exhausted)
}

func (a *attempt) describe(e *Error, exhausted bool) *attemptFailure {
	info := domain.FailureInfo{Category: e.Category, ErrorCode: e.Code, Reason: e.Error(), Attempt: a.number, Timestamp: a.now().UTC()}
	return &attemptFailure{info: info.Bounded(), retryable: e.Retryable && !exhausted, err: e}
}

// stopFailure words why the attempt stopped by itself. Only a time-out is a
// failure of the task; the other causes let another attempt go on.
func (a *attempt) stopFailure() attemptFailure {
	reason := map[stopCause]string{
		stopWorker:     "this worker is being stopped; another one goes on from the checkpoint",
		stopConnection: "this worker lost the Temporal server; another attempt goes on from the last saved checkpoint",
		stopHeld:       "the activity was paused or reset on the server; it goes on from the checkpoint",
		stopTimeout:    "the execution took longer than the task's timeout; raise it, or retry to go on from the checkpoint",
	}[a.stop]
	if reason == "" {
		reason = fmt.Sprintf("the attempt ended with %d targets left", a.left())
	}
	return attemptFailure{
		info:      domain.FailureInfo{Category: domain.CategoryTechnical, ErrorCode: string(a.stop), Reason: reason, Attempt: a.number, Timestamp: a.now().UTC()},
		retryable: a.stop != stopTimeout, lost: a.stop != stopTimeout,
	}
}

// left returns how many targets are neither done nor given up.
func (a *attempt) left() int {
	return len(a.request.Targets) - a.cp.Done.Count() - a.cp.Failed.Count()
}

// applicationError words a failure for Temporal. The checkpoint goes into its
// details, for after the last attempt the workflow sees nothing else, and into
// a last heartbeat, for the next attempt sees nothing else.
func (a *attempt) applicationError(ctx context.Context, f attemptFailure) error {
	if f.retryable && a.handOver(ctx) == stopCanceled {
		return temporal.NewCanceledError(a.cp)
	}
	options := temporal.ApplicationErrorOptions{
		NonRetryable: !f.retryable, Cause: f.err,
		Details: []any{domain.ExecutionFailure{Failure: f.info, Checkpoint: a.cp}},
	}
	if f.lost {
		options.NextRetryDelay = handOverDelay
	}
	message := f.info.Reason
	if f.info.Target != "" {
		message = f.info.Target + ": " + message
	}
	return temporal.NewApplicationErrorWithOptions(message, f.info.ErrorCode, options)
}

// handOver saves the checkpoint for the next attempt, and waits a moment
// before this one ends. A pause reads the saved checkpoint first and cancels
// then; were the attempt to end in between, in back-off, the cancel would
// throw away what it had done since that read. Whoever reads within the moment
// reads this save, and whoever cancels within it is answered here.
func (a *attempt) handOver(ctx context.Context) stopCause {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := a.saveOnce(ctx); err != nil {
		// Where the server cannot be reached, the error's details and the last
		// heartbeat are what is left.
		return stopFor(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(handOverMoment):
	}
	return stopFor(a.saveOnce(ctx))
}
