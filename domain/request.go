package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Mode is what an execution does to its targets.
type Mode string

// The modes.
const (
	ModeApply    Mode = "apply"    // move the targets to where the task wants them
	ModeRollback Mode = "rollback" // put back what stood there before
)

// TaskRequest is the one argument of every executor's activity: a slice of a
// task's targets, and how far it has come.
type TaskRequest struct {
	Plan            string            `json:"plan"` // the plan's id
	Task            string            `json:"task"`
	Executor        string            `json:"executor"`
	Mode            Mode              `json:"mode"`
	Params          json.RawMessage   `json:"params,omitempty"`
	EarlierParams   []json.RawMessage `json:"earlierParams,omitempty"` // what a retry has replaced, oldest first: values that these set are the task's own too
	Targets         []string          `json:"targets"`                 // of this slice
	Offset          int               `json:"offset"`                  // the index of the first of them in the task's list
	Checkpoint      *Checkpoint       `json:"checkpoint,omitempty"`    // nil: nothing was done yet
	Prior           Priors            `json:"prior,omitzero"`          // mode rollback: what to put back
	Generation      string            `json:"generation"`              // new for a plan that is run anew
	Revision        int               `json:"revision"`                // grows with retry from scratch and with changed parameters
	FencingBase     int64             `json:"fencingBase"`             // the fencing token is FencingBase + attempt
	MaxRetries      int               `json:"maxRetries"`              // failed attempts after which none follows, less one
	FailuresAllowed int               `json:"failuresAllowed"`         // targets of this slice that may fail
	Parallel        int               `json:"parallelTargets"`         // targets or batches at once; at least 1
	PriorBytes      int               `json:"priorBytes"`              // most bytes that this slice's prior values may take
}

// FencingStep is how far two executions' fencing bases are apart: more than
// the attempts that one execution can have.
const FencingStep = 1 << 20

// TaskResult is what an executor's activity returns.
type TaskResult struct {
	Done       int        `json:"done"`
	Failed     int        `json:"failed"`
	Checkpoint Checkpoint `json:"checkpoint"`
}

// ExecutionFailure is the detail of the error with which an executor's
// activity ends: how far it came, and why it did not come further.
type ExecutionFailure struct {
	Failure    FailureInfo `json:"failure"`
	Checkpoint Checkpoint  `json:"checkpoint"`
}

// IdempotencyKey returns the key under which one step at one target is done:
// the same for every attempt, whichever worker makes it (contract, section 4).
func (r *TaskRequest) IdempotencyKey(namespace, step, target string) string {
	hash := sha256.New()
	for _, part := range []string{namespace, r.Plan, r.Generation, r.Task, step, target, string(r.Mode), strconv.Itoa(r.Revision)} {
		// The length keeps ("a", "bc") and ("ab", "c") apart.
		hash.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// InspectActivity is the activity type that reads an Inspection; its argument
// is the id of an activity of the calling workflow.
const InspectActivity = "sluice.inspect"

// Inspection is what the server's record says of a pending activity.
type Inspection struct {
	Pending     bool        `json:"pending"`              // false: it has ended, or was never scheduled
	Attempt     int         `json:"attempt,omitempty"`    // the attempt under way, or the next one
	NextAttempt time.Time   `json:"nextAttempt,omitzero"` // when the next attempt begins; zero while one is under way
	Checkpoint  *Checkpoint `json:"checkpoint,omitempty"` // the last one saved; nil where none was
}

// CheckActivity is the activity type that looks at tasks before their plan
// starts. Its argument is a []TaskCheck, its result a []Fault; none means that
// the workers of this task queue can carry the tasks out.
const CheckActivity = "sluice.check"

// TaskCheck is one task as CheckActivity sees it.
type TaskCheck struct {
	Index     int             `json:"index"` // of the task in spec.tasks, for the paths of faults
	Task      string          `json:"task"`
	Executor  string          `json:"executor"`
	Params    json.RawMessage `json:"params,omitempty"`
	TaskQueue string          `json:"taskQueue,omitempty"` // empty: the plan's own
}
