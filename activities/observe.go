package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
)

// Observer is told what attempts come to, for metrics.
type Observer interface {
	// Attempt is called once for each attempt that begins.
	Attempt(executor string, mode domain.Mode) AttemptObserver
}

// AttemptObserver is told what one attempt comes to. Its methods are called
// for each batch of targets, from several goroutines, and must not block.
type AttemptObserver interface {
	Done(targets int)   // targets have gone through every step
	Failed(targets int) // targets were given up
	Saved(bytes int)    // the server has taken a checkpoint
	Lost(attempts int)  // so many attempts before this one, the last, ended with their workers
}

// observerKey finds the observer in the context of a worker's activities.
type observerKey struct{}

// WithObserver returns a context for worker.Options.BackgroundActivityContext,
// so that the attempts of that worker are observed.
func WithObserver(ctx context.Context, o Observer) context.Context {
	return context.WithValue(ctx, observerKey{}, o)
}

// observe returns what observes an attempt.
func observe(ctx context.Context, request domain.TaskRequest) AttemptObserver {
	if o, ok := ctx.Value(observerKey{}).(Observer); ok {
		return o.Attempt(request.Executor, request.Mode)
	}
	return unobserved{}
}

func (a *attempt) observed() AttemptObserver {
	if a.observer == nil {
		return unobserved{}
	}
	return a.observer
}

// unobserved is told in vain.
type unobserved struct{}

func (unobserved) Done(int)   {}
func (unobserved) Failed(int) {}
func (unobserved) Saved(int)  {}
func (unobserved) Lost(int)   {}

// tellLost tells how many attempts were lost, once no further one comes. Of
// those before this one the failed ones are known, from the checkpoint: what
// is left was lost with its worker, by a crash or a stop.
func (a *attempt) tellLost(failed int, err error) {
	var application *temporal.ApplicationError
	last := err == nil || temporal.IsCanceledError(err) || errors.As(err, &application) && application.NonRetryable()
	if lost := a.number - 1 - failed; last && lost > 0 {
		a.observed().Lost(lost)
	}
}

// failedAttempts returns how many attempts a checkpoint says have failed.
func failedAttempts(cp *domain.Checkpoint) int {
	if cp == nil {
		return 0
	}
	return cp.FailedAttempts
}
