package domain

import "encoding/json"

// ExecutorsActivity is the activity type that returns the Catalog of the worker
// that carries it out. It takes no argument.
const ExecutorsActivity = "sluice.executors"

// Catalog is what one worker serves; others of the same task queue may serve
// others.
type Catalog struct {
	TaskQueue string         `json:"taskQueue"`
	Executors []ExecutorInfo `json:"executors"` // by name
}

// ExecutorInfo is an executor as its author describes it. What the author has
// not said is left out.
type ExecutorInfo struct {
	Name         string          `json:"name"`                   // as plan files name it
	Summary      string          `json:"summary,omitempty"`      // what it does, in one line
	Steps        []string        `json:"steps,omitempty"`        // in order
	RecordsPrior *bool           `json:"recordsPrior,omitempty"` // whether it saves what stood at a target before it changes it
	Reversible   *bool           `json:"reversible,omitempty"`   // whether a rollback can put that back
	BatchSize    int             `json:"batchSize,omitempty"`    // most targets that a step is given at once, unless the parameters say otherwise
	Params       json.RawMessage `json:"params"`                 // JSON Schema of the parameters, draft 2020-12
}
