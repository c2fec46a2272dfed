package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// The exit codes (contract, section 6).
const (
	exitOK          = 0
	exitInternal    = 1   // internal, or connection
	exitUsage       = 2   // usage, or invalid file
	exitFailed      = 3   // the plan failed
	exitTimedOut    = 4   // wait timed out
	exitPaused      = 5   // the plan is paused
	exitRefused     = 6   // illegal now, conflict, or limit
	exitInterrupted = 130 // Ctrl-C, as shells have it
)

// workError is an error of a command's work; every other one is a fault of
// the command line.
type workError struct{ err error }

func (e *workError) Error() string { return e.err.Error() }
func (e *workError) Unwrap() error { return e.err }

// fileError is a plan file that cannot be read or is no plan.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// pausedError says that the plan that was watched is PAUSED.
type pausedError struct{ text string }

func (e *pausedError) Error() string { return e.text }

// finish says on stderr what went wrong, and returns the exit code.
func (a *app) finish(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	var invalid *planfile.InvalidError
	var work *workError
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(a.err, "sluice: interrupted; what was started goes on without this command.")
		return exitInterrupted
	case errors.As(err, &invalid):
		fmt.Fprintln(a.err, invalid)
		fmt.Fprintf(a.err, "sluice: %s has %s.\n", invalid.File, plural(len(invalid.Faults), "fault"))
	case !errors.As(err, &work):
		fmt.Fprintf(a.err, "sluice: %s; see sluice --help.\n", err)
	default:
		fmt.Fprintf(a.err, "sluice: %s.\n", err)
	}
	return exitCode(err)
}

// exitCode returns the code for an error.
func exitCode(err error) int {
	var (
		work    *workError
		file    *fileError
		setting *config.SettingError
		faults  *domain.InvalidPlanError
		failed  *plans.PlanFailedError
		ended   *endedError
		late    *plans.TimeoutError
		paused  *pausedError
		refused *plans.RefusedError
	)
	switch {
	case !errors.As(err, &work), errors.As(err, &file), errors.As(err, &setting):
		return exitUsage
	case errors.As(err, &faults), errors.As(err, &failed), errors.As(err, &ended):
		return exitFailed
	case errors.As(err, &late):
		return exitTimedOut
	case errors.As(err, &paused):
		return exitPaused
	case errors.As(err, &refused):
		return exitRefused
	}
	return exitInternal
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
