package domain

import "time"

// Category is the class of a failure: the seed's three classes.
type Category string

const (
	// CategoryBusiness is a rule that was violated: bad parameters, an unknown
	// target, a refusal. Trying again does not help.
	CategoryBusiness Category = "BUSINESS"
	// CategoryTechnical is something in between that did not work: a network,
	// a database, a time-out. Trying again may help.
	CategoryTechnical Category = "TECHNICAL"
	// CategoryExecutor is the operation itself that failed. It is tried again
	// unless the executor says otherwise.
	CategoryExecutor Category = "EXECUTOR"
)

// Error codes that Sluice itself gives; executors add their own.
const (
	CodeAborted         = "ABORTED"           // an abort stopped the task
	CodeTimeout         = "TIMEOUT"           // an execution took longer than the task's timeout
	CodeWorkerLost      = "WORKER_LOST"       // too many workers ended in a row without progress
	CodeWorkerStopping  = "WORKER_STOPPING"   // this worker is being stopped; another one goes on
	CodeConnectionLost  = "CONNECTION_LOST"   // this worker lost the server; another attempt goes on
	CodeHeld            = "ACTIVITY_HELD"     // somebody paused or reset the activity itself on the server
	CodeBadParams       = "BAD_PARAMS"        // the executor refused the parameters
	CodeBadRequest      = "BAD_REQUEST"       // the task request cannot be understood
	CodeBadResult       = "BAD_RESULT"        // the executor's result does not say what was done
	CodeThreshold       = "TOO_MANY_FAILURES" // more targets failed than the task tolerates
	CodePriorTooLarge   = "PRIOR_TOO_LARGE"   // prior values do not fit into the checkpoint
	CodeUnclassified    = "UNCLASSIFIED"      // an error that says nothing about itself
	CodeNotReversible   = "NOT_REVERSIBLE"    // the executor cannot put back what it did
	CodeUnknownExecutor = "UNKNOWN_EXECUTOR"  // no worker on the queue has the executor
)

// maxReasonBytes bounds the text of a failure, so that neither a checkpoint
// nor a snapshot grows with what a product answers.
const maxReasonBytes = 500

// FailureInfo is the seed's record of one failure.
type FailureInfo struct {
	Category  Category  `json:"category"`
	ErrorCode string    `json:"errorCode"`
	Reason    string    `json:"reason"`
	Target    string    `json:"target,omitempty"`  // empty where no single target failed
	Attempt   int       `json:"attempt,omitempty"` // the attempt of the execution, from 1
	Timestamp time.Time `json:"timestamp"`
}

// Bounded returns the failure with a reason of at most 500 bytes, and with
// what else an executor says about it bounded as well; its time is in UTC.
func (f FailureInfo) Bounded() FailureInfo {
	f.Category, f.ErrorCode = Category(truncate(string(f.Category), 100)), truncate(f.ErrorCode, 100)
	f.Target, f.Timestamp = truncate(f.Target, MaxTargetBytes), f.Timestamp.UTC()
	f.Reason = truncate(f.Reason, maxReasonBytes)
	return f
}

// truncate cuts s to at most n bytes at a rune's border and marks the cut.
func truncate(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	cut := n - len(mark)
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + mark
}
