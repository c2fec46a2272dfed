package domain

import (
	"errors"
	"fmt"
	"strings"
)

// TransitionError says that an event was refused because a matrix does not
// allow it. Nothing has changed when it is returned.
type TransitionError struct {
	Entity string   // "plan" or "task"
	Name   string   // the plan's id or the task's name
	State  string   // the state it is in
	Phase  string   // the plan's phase, empty where it has none
	Event  string   // what was asked for
	Legal  []string // what may happen now; empty where nothing may
}

func (e *TransitionError) Error() string {
	state := e.State
	if e.Phase != "" {
		state += " (" + e.Phase + ")"
	}
	legal := "nothing is legal any more"
	if len(e.Legal) > 0 {
		legal = "legal now: " + strings.Join(e.Legal, ", ")
	}
	return fmt.Sprintf("%s %q is %s, so %s is not possible; %s", e.Entity, e.Name, state, e.Event, legal)
}

// ConflictError says that a command was meant for another version of the plan.
type ConflictError struct {
	Plan string
	Want int64 // the version that the command named
	Have int64 // the version that the plan has
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("plan %q has version %d, but the command was meant for version %d; look at it again and repeat the command", e.Plan, e.Have, e.Want)
}

// IsConflict reports whether an error says that a command was meant for
// another version of the plan.
func IsConflict(err error) bool {
	var conflict *ConflictError
	return errors.As(err, &conflict)
}

// Fault is one thing that is wrong with a plan document.
type Fault struct {
	Path    string `json:"path"` // as in spec.tasks[2].retry.maxRetries; empty for the document itself
	Message string `json:"message"`
}

func (f Fault) String() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// InvalidPlanError lists everything that is wrong with a plan document.
type InvalidPlanError struct {
	Faults []Fault
}

func (e *InvalidPlanError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	if len(lines) == 1 {
		return "the plan is invalid: " + lines[0]
	}
	return fmt.Sprintf("the plan is invalid in %d places:\n  %s", len(lines), strings.Join(lines, "\n  "))
}
