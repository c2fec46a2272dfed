package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seed-3652815f/sluice/domain"
)

// Error codes of a Setting.
const (
	CodeUnknownTarget = "UNKNOWN_TARGET" // the product does not have the target
	CodeDrift         = "DRIFT"          // somebody else has changed what stands there
)

// Each makes a step, or a rollback, of what is done for one target. Where
// several targets are given at once, one that fails does not keep the others
// from being tried.
func Each(do func(ctx context.Context, target Target) error) func(ctx context.Context, batch []Target) error {
	return func(ctx context.Context, batch []Target) error {
		failed := TargetErrors{}
		for _, target := range batch {
			if err := do(ctx, target); err != nil {
				failed[target.Name] = err
			}
		}
		if len(failed) > 0 {
			return failed
		}
		return nil
	}
}

// Setting is the work of an executor that moves one value at each target, as
// most do. From how the value is read and written it makes what the contract
// asks for: it reads before it writes, records what stood there, leaves alone
// what somebody else has changed, and puts back only what is its own. V is
// anything that JSON can hold.
type Setting[V any] struct {
	// Step is the name of the step, as users see it: SWITCH_ROUTE.
	Step string

	// Want is the value that every target is to have.
	Want V

	// Ours are values that the task has set before, with the parameters that a
	// retry has replaced (EarlierParams).
	Ours []V

	// Read returns what stands at a target; false where nothing does.
	Read func(ctx context.Context, target string) (value V, found bool, err error)

	// Write sets a target to a value. Where the product has an atomic compare and
	// set, or takes idempotency keys or fences, this is the place for it.
	Write func(ctx context.Context, target Target, value V) error

	// Remove takes away what Write has made at a target where nothing stood. Nil:
	// such a target is refused with UNKNOWN_TARGET.
	Remove func(ctx context.Context, target Target) error
}

// Work returns the work of an attempt, to which further steps may be added.
func (s Setting[V]) Work() *Work {
	return &Work{
		Prior:    s.prior,
		Steps:    []Step{{Name: s.Step, Do: Each(s.apply)}},
		Rollback: Each(s.rollback),
	}
}

// read returns what stands at a target as JSON; nil where nothing does.
func (s Setting[V]) read(ctx context.Context, target string) (json.RawMessage, error) {
	value, found, err := s.Read(ctx, target)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading what stands at it: %w", err)
	case !found && s.Remove == nil:
		return nil, Refused(CodeUnknownTarget, "nothing stands at it that could be changed; take it out of the plan, or correct its name")
	case !found:
		return nil, nil
	}
	return encodeValue(value)
}

func encodeValue(value any) (json.RawMessage, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, Refused("BAD_VALUE", "writing a value as JSON: %w", err)
	}
	return data, nil
}

func (s Setting[V]) prior(ctx context.Context, targets []string) ([]domain.Prior, error) {
	priors, failed := make([]domain.Prior, len(targets)), TargetErrors{}
	for i, target := range targets {
		current, err := s.read(ctx, target)
		if err != nil {
			failed[target] = err
			continue
		}
		priors[i] = domain.Prior{Value: current, Absent: current == nil}
	}
	if len(failed) > 0 {
		return nil, failed
	}
	return priors, nil
}

// apply sets a target to what is wanted. What is neither that, nor what was
// recorded, nor what the task has set before is somebody else's change.
func (s Setting[V]) apply(ctx context.Context, target Target) error {
	want, ours, err := s.own()
	if err != nil {
		return err
	}
	current, err := s.read(ctx, target.Name)
	switch {
	case err != nil:
		return err
	case current != nil && bytes.Equal(current, want):
		return nil
	case !sameValue(current, target.Prior.Value) && !contains(ours, current):
		return drift(current, target.Prior)
	}
	return s.Write(ctx, target, s.Want)
}

// rollback sets a target to what was recorded, from the task's own value only.
func (s Setting[V]) rollback(ctx context.Context, target Target) error {
	_, ours, err := s.own()
	if err != nil {
		return err
	}
	current, err := s.read(ctx, target.Name)
	switch {
	case err != nil:
		return err
	case sameValue(current, target.Prior.Value):
		return nil
	case !contains(ours, current):
		return drift(current, target.Prior)
	case target.Prior.Absent:
		return s.Remove(ctx, target)
	}
	var prior V
	if err := json.Unmarshal(target.Prior.Value, &prior); err != nil {
		return Refused("BAD_PRIOR", "reading what was recorded before the change: %w", err)
	}
	return s.Write(ctx, target, prior)
}

// own returns what the task sets, and all that it has ever set.
func (s Setting[V]) own() (want json.RawMessage, ours []json.RawMessage, err error) {
	if want, err = encodeValue(s.Want); err != nil {
		return nil, nil, err
	}
	ours = append(ours, want)
	for _, value := range s.Ours {
		data, err := encodeValue(value)
		if err != nil {
			return nil, nil, err
		}
		ours = append(ours, data)
	}
	return want, ours, nil
}

func contains(values []json.RawMessage, value json.RawMessage) bool {
	return value != nil && slices.ContainsFunc(values, func(v json.RawMessage) bool { return bytes.Equal(v, value) })
}

// sameValue compares what stands at a target with what was recorded; nil is
// nothing.
func sameValue(a, b json.RawMessage) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}

func drift(current json.RawMessage, prior domain.Prior) error {
	return Refused(CodeDrift, "%s stands there, but %s was recorded before the change; somebody else has changed it, so it is left as it is",
		valueText(current), valueText(prior.Value))
}

func valueText(value json.RawMessage) string {
	const most = 100
	switch {
	case value == nil:
		return "nothing"
	case len(value) > most:
		return string(bytes.ToValidUTF8(value[:most], nil)) + "…"
	}
	return string(value)
}
