package plans

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/seed-3652815f/sluice/internal/config"
)

// NotFoundError says that the namespace has no plan of an id.
type NotFoundError struct{ ID, Namespace string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no plan %q in the namespace %q; look for the id in what start printed, or name another namespace with --namespace", e.ID, e.Namespace)
}

// RefusedError says that a command is not possible now, and why. Nothing has
// changed.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// NoWorkerError says that the server answers, and no worker does.
type NoWorkerError struct {
	TaskQueue string
	LastSeen  time.Time // when a worker asked for work last; zero where none did lately
	Err       error
}

func (e *NoWorkerError) Error() string {
	if time.Since(e.LastSeen) < pollInterval {
		return fmt.Sprintf("no worker of the task queue %q answers, though one asked for work %s ago; look at its log, or start one with: sluice-worker --task-queue %s",
			e.TaskQueue, time.Since(e.LastSeen).Round(time.Second), e.TaskQueue)
	}
	return fmt.Sprintf("no worker serves the task queue %q, so the plan does not go on; start one with: sluice-worker --task-queue %s", e.TaskQueue, e.TaskQueue)
}

// Unwrap gives the cause.
func (e *NoWorkerError) Unwrap() error { return e.Err }

// NamespaceError says that the server has no namespace of that name.
type NamespaceError struct{ Namespace, Address string }

func (e *NamespaceError) Error() string {
	return fmt.Sprintf("the server at %s has no namespace %q; name another with --namespace or TEMPORAL_NAMESPACE, or create it with: temporal operator namespace create --namespace %s", e.Address, e.Namespace, e.Namespace)
}

// ServerError says that the server did not answer a call.
type ServerError struct {
	Address string
	Err     error
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("the Temporal server at %s does not answer (%v)", e.Address, e.Err)
}

// Unwrap gives the cause.
func (e *ServerError) Unwrap() error { return e.Err }

// TimeoutError says that the time to wait is over. What was asked for is not
// taken back.
type TimeoutError struct{ What string }

func (e *TimeoutError) Error() string { return e.What }

// Passing reports whether an error is one that ends by itself: a server that
// restarts, or a worker that is to come.
func Passing(err error) bool {
	var server *ServerError
	var worker *NoWorkerError
	return errors.As(err, &server) || errors.As(err, &worker)
}

// unanswered reports whether nobody took a query.
func unanswered(err error) bool {
	var deadline *serviceerror.DeadlineExceeded
	var precondition *serviceerror.FailedPrecondition
	var notReady *serviceerror.WorkflowNotReady
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &deadline) ||
		errors.As(err, &precondition) || errors.As(err, &notReady)
}

// wrap words what the server said about a plan.
func (c *Client) wrap(err error, id string) error {
	var (
		namespace   *serviceerror.NamespaceNotFound
		notFound    *serviceerror.NotFound
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		busy        *serviceerror.ResourceExhausted
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &namespace):
		return &NamespaceError{Namespace: c.Namespace, Address: c.Address}
	case errors.As(err, &notFound) && id != "":
		return &NotFoundError{ID: id, Namespace: c.Namespace}
	case errors.As(err, &unavailable), errors.As(err, &deadline), errors.As(err, &busy), errors.Is(err, context.DeadlineExceeded):
		return &ServerError{Address: c.Address, Err: config.Cause(err)}
	}
	return fmt.Errorf("asking the Temporal server at %s: %w", c.Address, err)
}
