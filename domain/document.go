package domain

import (
	"encoding/json"
	"time"
)

// The document that this version understands.
const (
	APIVersion = "sluice/v1"
	KindPlan   = "Plan"
)

// Document is a plan as a user writes it, in YAML or JSON, and the input of
// the workflow Plan. What may be left out has its default in the method of
// the same name.
type Document struct {
	APIVersion string   `json:"apiVersion"` // version of the plan file's form: sluice/v1
	Kind       string   `json:"kind"`       // Plan
	Metadata   Metadata `json:"metadata"`   // what the plan is called and found by
	Spec       Spec     `json:"spec"`       // what the plan does
}

// Metadata names a plan.
type Metadata struct {
	Name   string            `json:"name"`             // also the workflow id, unless the caller gives another
	Labels map[string]string `json:"labels,omitempty"` // at most 10, by which plans are found and steered together
}

// LabelList returns the labels as key=value, ordered by key.
func (m Metadata) LabelList() []string {
	var list []string
	for _, key := range sortedKeys(m.Labels) {
		list = append(list, key+"="+m.Labels[key])
	}
	return list
}

// Spec is what a plan does.
type Spec struct {
	Hold        bool         `json:"hold,omitempty"`        // stay CREATED until the command start
	Description string       `json:"description,omitempty"` // for people; the Web UI shows it
	MaxParallel int          `json:"maxParallel,omitempty"` // tasks at once; 0 means 1
	OnFailure   OnFailure    `json:"onFailure,omitempty"`   // what happens when a task has failed; empty means pause
	Targets     []string     `json:"targets,omitempty"`     // of every task that names none itself
	TargetsFrom *TargetsFrom `json:"targetsFrom,omitempty"` // the command line expands it
	Tasks       []TaskSpec   `json:"tasks"`                 // in the order in which they start
}

// TargetsFrom names a file of targets, one a line. The command line puts the
// targets in its place; the workflow refuses a document that still has it.
type TargetsFrom struct {
	File string `json:"file"` // relative to the plan file
}

// OnFailure is what a plan does when one of its tasks has failed.
type OnFailure string

// The policies. Empty means pause.
const (
	OnFailurePause    OnFailure = "pause"
	OnFailureFail     OnFailure = "fail"
	OnFailureRollback OnFailure = "rollback" // put back all that the plan has changed, then fail
)

// TaskSpec is one task of a plan.
type TaskSpec struct {
	Name             string          `json:"name"`                       // given once in a plan
	Executor         string          `json:"executor"`                   // the activity type that applies it
	Params           json.RawMessage `json:"params,omitempty"`           // the executor's, an object
	Targets          []string        `json:"targets,omitempty"`          // empty means the plan's
	DependsOn        []string        `json:"dependsOn,omitempty"`        // tasks that must be settled before
	Retry            Retry           `json:"retry,omitzero"`             // how an execution is retried by itself
	Timeout          Duration        `json:"timeout,omitempty"`          // of one execution without its pauses; 0 means 1h
	HeartbeatTimeout Duration        `json:"heartbeatTimeout,omitempty"` // a worker silent this long is taken for dead; 0 means 10s
	FailureThreshold Threshold       `json:"failureThreshold,omitzero"`  // targets that may fail before the task fails
	ParallelTargets  int             `json:"parallelTargets,omitempty"`  // targets or batches worked on at once; 0 means 1
	PauseBefore      bool            `json:"pauseBefore,omitempty"`      // pause the plan before this task
	Reversible       *bool           `json:"reversible,omitempty"`       // false: a rollback leaves what the task did; left out means true
	TaskQueue        string          `json:"taskQueue,omitempty"`        // of the workers that serve the executor; empty means the plan's
}

// Retry is how an execution is retried by itself.
type Retry struct {
	MaxRetries         *int     `json:"maxRetries,omitempty"`         // left out means 3, the seed's limit
	InitialInterval    Duration `json:"initialInterval,omitempty"`    // 0 means 1s
	BackoffCoefficient float64  `json:"backoffCoefficient,omitempty"` // 0 means 2
	MaxInterval        Duration `json:"maxInterval,omitempty"`        // 0 means 1m
}

// Defaults of a plan document (contract, section 2).
const (
	DefaultMaxRetries         = 3
	DefaultInitialInterval    = time.Second
	DefaultBackoffCoefficient = 2.0
	DefaultMaxInterval        = time.Minute
	DefaultTimeout            = time.Hour
	DefaultHeartbeatTimeout   = 10 * time.Second
)

// orDefault returns value, or fallback where value is its type's zero value.
func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Parallel returns the most tasks that run at once.
func (s Spec) Parallel() int { return orDefault(s.MaxParallel, 1) }

// FailurePolicy returns what happens when a task has failed.
func (s Spec) FailurePolicy() OnFailure { return orDefault(s.OnFailure, OnFailurePause) }

// TargetsOf returns the targets of a task: its own, or else the plan's.
func (s Spec) TargetsOf(t TaskSpec) []string {
	if len(t.Targets) > 0 {
		return t.Targets
	}
	return s.Targets
}

// MaxRetriesOrDefault returns how often an execution is retried by itself.
func (r Retry) MaxRetriesOrDefault() int {
	if r.MaxRetries == nil {
		return DefaultMaxRetries
	}
	return *r.MaxRetries
}

// Interval returns the wait before the first retry.
func (r Retry) Interval() time.Duration {
	return orDefault(time.Duration(r.InitialInterval), DefaultInitialInterval)
}

// Backoff returns what each further wait is multiplied with.
func (r Retry) Backoff() float64 { return orDefault(r.BackoffCoefficient, DefaultBackoffCoefficient) }

// LongestInterval returns the longest wait between two attempts.
func (r Retry) LongestInterval() time.Duration {
	return max(r.Interval(), orDefault(time.Duration(r.MaxInterval), DefaultMaxInterval))
}

// TimeoutOrDefault returns how long one execution may take.
func (t TaskSpec) TimeoutOrDefault() time.Duration {
	return orDefault(time.Duration(t.Timeout), DefaultTimeout)
}

// HeartbeatTimeoutOrDefault returns how long a worker may be silent.
func (t TaskSpec) HeartbeatTimeoutOrDefault() time.Duration {
	return orDefault(time.Duration(t.HeartbeatTimeout), DefaultHeartbeatTimeout)
}

// Parallel returns the most targets or batches worked on at once.
func (t TaskSpec) Parallel() int { return orDefault(t.ParallelTargets, 1) }
