// Package activities holds the executor contract and the runner that every
// executor shares: the loop over targets, checkpoints, heartbeats, stopping at
// safe points, thresholds and parallelism. Each executor is a package below
// it that says only what to do for a target, and how to put it back.
package activities

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/paramschema"
)

// Executor applies tasks to targets. Make one with Define.
type Executor struct {
	// Name is the activity type, and what a plan file names as executor.
	Name string

	about  *About       // nil: the author has said nothing
	params reflect.Type // of the parameters
	schema *paramschema.Schema
	check  func(params json.RawMessage) error // nil where the parameters can be used
	open   func(ctx context.Context, params json.RawMessage) (*Work, error)
}

// Define makes an executor whose parameters have the type P. Parameters that
// P does not know or that are missing (a field without omitempty is required),
// or that its method Validate() error refuses where it has one, are refused
// before the plan starts, and end a task with BAD_PARAMS before open is called.
// open is called once for each attempt; it connects to the product and changes
// nothing. Define panics where P is no type that JSON can hold.
func Define[P any](name string, open func(ctx context.Context, params P) (*Work, error)) Executor {
	e := Executor{Name: name, params: reflect.TypeFor[P]()}
	e.schema = mustDescribe(name, e.params, "")
	e.check = func(raw json.RawMessage) error {
		_, err := decodeParams[P](e.schema, raw)
		return err
	}
	e.open = func(ctx context.Context, raw json.RawMessage) (*Work, error) {
		params, err := decodeParams[P](e.schema, raw)
		if err != nil {
			return nil, Refused(domain.CodeBadParams, "checking the parameters: %w", err)
		}
		return open(ctx, params)
	}
	return e
}

// Wrap returns the executor with the work of each attempt as wrap makes it, for
// what goes around every step: measuring, pacing, tests. wrap may change the
// work that it is given.
func (e Executor) Wrap(wrap func(*Work) *Work) Executor {
	open := e.open
	e.open = func(ctx context.Context, raw json.RawMessage) (*Work, error) {
		work, err := open(ctx, raw)
		if err != nil {
			return nil, err
		}
		return wrap(work), nil
	}
	return e
}

// earlierKey finds the parameters that a task had before in open's context.
type earlierKey struct{}

// EarlierParams returns the parameters that the task had before a retry
// replaced them, oldest first; none in most cases. It is for an executor's
// open, which is given the context. A value that one of them set at a target is
// the task's own, and not somebody else's change. What P cannot read any more
// is left out.
func EarlierParams[P any](ctx context.Context) []P {
	raws, _ := ctx.Value(earlierKey{}).([]json.RawMessage)
	var earlier []P
	for _, raw := range raws {
		var params P
		if json.Unmarshal(raw, &params) == nil && validate(params) == nil {
			earlier = append(earlier, params)
		}
	}
	return earlier
}

// Work is what an executor does during one attempt. Its functions are called
// from several goroutines where a task has parallelTargets.
type Work struct {
	// Steps are done in order for each batch of targets; a target is done when
	// all have succeeded. At least one.
	Steps []Step

	// BatchSize is the most targets that a step is given at once; 0 means 1.
	BatchSize int

	// Prior reads what stands at the targets now, one value for each in their
	// order. It is called once for targets whose prior value is not recorded
	// yet, and what it returns is saved before the first step sees them. It
	// changes nothing. Nil: the executor records nothing that could be put back.
	Prior func(ctx context.Context, targets []string) ([]domain.Prior, error)

	// PriorBatch is the most targets that Prior is given at once, which is how
	// many values one durable save covers. More means fewer saves, and a pause
	// that waits for more reads; 0 means as many as steps are under way at once.
	PriorBatch int

	// Rollback puts back Target.Prior, and refuses where something else than
	// our own value stands there now. Nil: what was done cannot be undone.
	Rollback func(ctx context.Context, batch []Target) error

	// Close frees what open took. Nil: nothing to free.
	Close func() error
}

// Step is one named step of an executor.
type Step struct {
	Name string // as users see it, in capitals: SWITCH_GATEWAY

	// Do does the step for a batch. It reads before it writes, for it may be
	// called again for targets at which it has succeeded before. Its context
	// ends only when the task's timeout is reached, never because of a pause.
	// An error is the whole batch's, unless it is a TargetErrors.
	Do func(ctx context.Context, batch []Target) error
}

// Target is one target as a step sees it.
type Target struct {
	Name string

	// Key is the same for every attempt of this step at this target; give it
	// to products that take an idempotency key.
	Key string

	// Fence grows with each attempt; products that remember the highest one
	// can refuse a late effect of an earlier attempt.
	Fence int64

	// Prior is what stood here before; the zero value where the executor
	// records none.
	Prior domain.Prior
}
