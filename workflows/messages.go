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
)

// AuditTrail is what the query audit returns: who asked what, when and why,
// and what came of it, oldest first.
type AuditTrail struct {
	Entries []domain.AuditEntry `json:"entries"`
	Dropped int                 `json:"dropped"` // older entries, still in the histories of earlier runs
}

// commandDescriptions are what dialogs of the Web UI show beside each Signal.
var commandDescriptions = map[domain.CommandName]string{
	domain.CommandStart:  "Begin a plan that was held (spec.hold).",
	domain.CommandPause:  "Let every running task stop at its next safe point and save its checkpoint; then the plan is PAUSED.",
	domain.CommandResume: "Go on from the checkpoints. Legal when the plan is PAUSED and no failure is unresolved.",
	domain.CommandRetry:  "Run a failed or paused task again (task, from: checkpoint or scratch, maxRetries); without task every failed one.",
	domain.CommandSkip:   "Pass over a task that does not run (task, reason).",
	domain.CommandAbort:  "Stop running tasks at their next safe point and end the plan as FAILED.",
}
