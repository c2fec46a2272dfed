package activities

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"maps"

	"github.com/seed-3652815f/sluice/domain"
)

// Error is a failure that says what kind it is. Make one with Refused,
// Unavailable or Broken.
type Error struct {
	Category  domain.Category
	Code      string // in capitals, stable: scripts match it
	Retryable bool
	Err       error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refused is an error that trying again does not mend: bad parameters, an
// unknown target, somebody else's value. The format takes %w.
func Refused(code, format string, args ...any) error {
	return &Error{Category: domain.CategoryBusiness, Code: code, Err: fmt.Errorf(format, args...)}
}

// Unavailable is an error in between, which passes: unreachable, timed out,
// overloaded. The format takes %w.
func Unavailable(code, format string, args ...any) error {
	return &Error{Category: domain.CategoryTechnical, Code: code, Retryable: true, Err: fmt.Errorf(format, args...)}
}

// Broken is the operation itself that failed; it is tried again. The format
// takes %w.
func Broken(code, format string, args ...any) error {
	return &Error{Category: domain.CategoryExecutor, Code: code, Retryable: true, Err: fmt.Errorf(format, args...)}
}

// TargetErrors is returned by a step that knows which targets of its batch
// failed; those that it does not name have succeeded.
type TargetErrors map[string]error

func (e TargetErrors) Error() string {
	names := slices.Sorted(maps.Keys(e))
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name + ": " + e[name].Error()
	}
	return strings.Join(parts, "; ")
}

// classify finds out what kind of error err is. Errors of the network and
// time-outs are technical; what says nothing about itself is the operation's.
func classify(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return &Error{Category: known.Category, Code: known.Code, Retryable: known.Retryable, Err: err}
	}
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Category: domain.CategoryTechnical, Code: domain.CodeTimeout, Retryable: true, Err: err}
	case errors.As(err, &network):
		return &Error{Category: domain.CategoryTechnical, Code: "UNREACHABLE", Retryable: true, Err: err}
	}
	return &Error{Category: domain.CategoryExecutor, Code: domain.CodeUnclassified, Retryable: true, Err: err}
}
