// Package workflows holds the Plan workflow: its entry, the loop that runs
// tasks, the inbox of commands and what the queries show. It knows executors
// by their names and by the types of package domain only.
package workflows

import "github.com/seed-3652815f/sluice/domain"

// Names that callers in any language use.
const (
	// PlanType is the workflow type. Its input is a domain.Document.
	PlanType = "Plan"
	// DefaultTaskQueue is where workers take plans and tasks from unless they
	// are configured otherwise.
	DefaultTaskQueue = "sluice"
	// ErrorInvalidPlan is the type of the ApplicationError with which a run
	// ends whose input is no valid plan; its details are []domain.Fault.
	ErrorInvalidPlan = "InvalidPlan"
	// ErrorPlanFailed is the type of the ApplicationError with which a FAILED
	// plan ends; its details are the final domain.Snapshot.
	ErrorPlanFailed = "PlanFailed"
	// CarryKind is the kind of the input with which a run goes on from an
	// earlier one; its other fields are those of RunState.
	CarryKind = "PlanRun"
)

// Names of the queries.
const (
	// QueryStatus returns the domain.Snapshot.
	QueryStatus = "status"
	// QueryReport returns the same as aligned text for people.
	QueryReport = "report"
	// QueryAudit returns the AuditTrail.
	QueryAudit = "audit"
	// QueryTargets returns a page of targets; its argument is a
	// domain.PageQuery.
	QueryTargets = "targets"
	// QueryRecords returns a page of what stood before each change; its argument
	// is a domain.PageQuery.
	QueryRecords = "records"
	// QueryRecord returns the RunState of the plan, for runs that take it up
	// after its end: a redrive, or a rollback.
	QueryRecord = "record"
)

// Names of what plans tell each other, and of the errors of Updates.
const (
	// SignalReversed tells a plan that its reverse plan has ended; its argument
	// is a domain.ReversalOutcome.
	SignalReversed = "sluice.reversed"
	// ErrorRefused is the type of the ApplicationError with which an Update is
	// answered whose command is not possible now.
	ErrorRefused = "Refused"
	// ErrorConflict is the same where the command's ifVersion is not the plan's.
	ErrorConflict = "Conflict"
)

// StatusPage is the argument of the query status, which may be left out.
type StatusPage struct {
	Offset int `json:"offset,omitempty"` // index of the first task that is listed; 0: those that matter most first
}

// AuditTrail is what the query audit returns: who asked what, when and why,
// and what came of it, oldest first.
type AuditTrail struct {
	Entries []domain.AuditEntry `json:"entries"`
	Dropped int                 `json:"dropped"` // older entries, still in the histories of earlier runs
}

// commandDescriptions are what dialogs of the Web UI show beside each Signal and Update.
var commandDescriptions = map[domain.CommandName]string{
	domain.CommandStart:    "Begin a plan that was held (spec.hold).",
	domain.CommandPause:    "Let every running task stop at its next safe point and save its checkpoint; then the plan is PAUSED.",
	domain.CommandResume:   "Go on from the checkpoints. Legal when the plan is PAUSED and no failure is unresolved.",
	domain.CommandRetry:    "Run a failed or paused task again (task, from: checkpoint or scratch, maxRetries, set: {task.param: value}); without task every failed one.",
	domain.CommandRollback: "Put back what was recorded before each change, newest first: of one failed task (task), or of the whole plan by a plan of its own.",
	domain.CommandSkip:     "Pass over a task that does not run (task, reason).",
	domain.CommandAbort:    "Stop running tasks at their next safe point and end the plan as FAILED.",
}
