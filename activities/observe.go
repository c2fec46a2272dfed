package activities

import (
	"context"

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
