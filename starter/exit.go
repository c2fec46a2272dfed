package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
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

// usageError is a fault of the command line that only shows while it is
// carried out.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// manyError is what went wrong with several plans.
type manyError struct{ errs []error }

func (e *manyError) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

func (e *manyError) Unwrap() []error { return e.errs }

// together joins what went wrong; nil where nothing did.
func together(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return &manyError{errs}
}

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
	var many *manyError
	var faulty *domain.InvalidPlanError
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(a.err, "sluice: interrupted; what was started goes on without this command.")
		return exitInterrupted
	case errors.As(err, &invalid):
		fmt.Fprintln(a.err, invalid)
		fmt.Fprintf(a.err, "sluice: %s has %s.\n", invalid.File, plural(len(invalid.Faults), "fault"))
	case errors.As(err, &many):
		for _, one := range many.errs {
			fmt.Fprintf(a.err, "sluice: %s.\n", report.Clean(one.Error()))
		}
	case errors.As(err, &faulty) && len(faulty.Faults) > 1: // the workflow has refused it
		for _, fault := range faulty.Faults {
			fmt.Fprintln(a.err, report.Clean(fault.String()))
		}
		fmt.Fprintf(a.err, "sluice: the plan was refused, it has %s.\n", plural(len(faulty.Faults), "fault"))
	case !errors.As(err, &work):
		fmt.Fprintf(a.err, "sluice: %s; see sluice --help.\n", report.Clean(err.Error()))
	default: // what executors and servers say may be of several lines, or steer a terminal
		fmt.Fprintf(a.err, "sluice: %s.\n", report.Clean(err.Error()))
	}
	return exitCode(err)
}

// worstFirst are the exit codes of several plans, in the order in which one
// stands for all.
var worstFirst = []int{exitUsage, exitInternal, exitFailed, exitRefused, exitTimedOut, exitPaused}

// exitCode returns the code for an error, the worst where there are several.
func exitCode(err error) int {
	var work *workError
	var many *manyError
	switch {
	case !errors.As(err, &work):
		return exitUsage
	case !errors.As(err, &many):
		return codeOf(err)
	}
	codes := make([]int, len(many.errs))
	for i, one := range many.errs {
		codes[i] = codeOf(one)
	}
	for _, code := range worstFirst {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return exitInternal
}

// codeOf returns the code for an error of a command's work.
func codeOf(err error) int {
	var (
		usage   *usageError
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
	case errors.As(err, &usage), errors.As(err, &file), errors.As(err, &setting):
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
