// Package conformance holds executors against the contract that plans rely on.
// It drives the runner of package activities as Temporal does, with the real
// product behind the executor, and interrupts it wherever it may be interrupted.
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.Fixture{Executor: greet.Executor(), …})
//	}
package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// Fixture is an executor and the product that it changes.
type Fixture struct {
	// Executor is what is held against the contract.
	Executor activities.Executor

	// Params are parameters with which it moves every target somewhere else
	// than Seed puts it. They are written as JSON.
	Params any

	// Targets are at least three that the product knows. Interruptions are tried
	// before and after each, so more take longer and find little.
	Targets []string

	// Seed puts every target to what stands there before a plan, whatever was
	// done to it. It is called before each case.
	Seed func(t testing.TB)

	// Read returns what stands at a target, past the executor. Of a product
	// that keeps no value it returns what the product has done, once for each
	// idempotency key.
	Read func(t testing.TB, target string) string

	// Break makes the product fail in a way that passes (unreachable,
	// overloaded) until the function that it returns is called.
	Break func(t testing.TB) (mend func())

	// Meddle sets a target to something that neither stood there before nor the
	// executor sets, as somebody else might. It is due where the executor is
	// reversible.
	Meddle func(t testing.TB, target string)

	// ReadOnly says that the executor changes nothing at all.
	ReadOnly bool

	// Unknown is a target that the product does not know and the executor
	// refuses for good. Empty: it takes any.
	Unknown string

	// BadParams are parameters that are to be refused before anything is done,
	// beside those that are left out and those that the executor does not have.
	BadParams []any

	// Secrets are texts that must not appear in checkpoints, results, errors or
	// logs, such as what a secret reference in Params stands for.
	Secrets []string

	// SliceTargets is how many targets of the kind of Targets have to fit into
	// one checkpoint, from 1 to domain.MaxSliceTargets. 0 means 1,000.
	SliceTargets int
}

// property is one rule of the contract.
type property struct {
	name string
	hold func(k *kit)
}

// properties are the rules, the simple ones first: where one does not hold,
// those behind it say little.
var properties = []property{
	{"it moves every target", (*kit).moves},
	{"it says of itself what is true", (*kit).describesItself},
	{"it changes nothing before prior values are saved", (*kit).looksFirst},
	{"a second application changes nothing", (*kit).isIdempotent},
	{"prior values are recorded once", (*kit).recordsOnce},
	{"it goes on from every checkpoint", (*kit).resumes},
	{"it stops between any two targets", (*kit).stops},
	{"it works on several targets at once", (*kit).worksInParallel},
	{"a rollback puts back what stood before", (*kit).rollsBack},
	{"a rollback leaves alone what somebody else has set", (*kit).leavesOthersAlone},
	{"what cannot succeed is refused for good", (*kit).refuses},
	{"what passes is tried again", (*kit).triesAgain},
	{"it keeps secrets to itself", (*kit).keepsSecrets},
	{"its checkpoints stay small", (*kit).staysSmall},
}

// Run holds the fixture's executor against every rule of the contract, one
// subtest for each.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	if err := f.check(); err != nil {
		t.Fatalf("the fixture cannot be used: %v", err)
	}
	for _, p := range properties {
		t.Run(p.name, func(t *testing.T) {
			for _, violation := range examine(t, f, p) {
				t.Error(violation)
			}
		})
	}
}

// examine returns how an executor breaks one rule.
func examine(t testing.TB, f Fixture, p property) []string {
	t.Helper()
	k := &kit{Fixture: f, t: t}
	p.hold(k)
	return k.violations
}

// check refuses a fixture that lacks what every executor needs.
func (f Fixture) check() error {
	switch {
	case f.Executor.Name == "":
		return errors.New("the field Executor is missing")
	case len(f.Targets) < 3:
		return fmt.Errorf("the field Targets has %d targets, but at least 3 are needed", len(f.Targets))
	case f.Seed == nil || f.Read == nil || f.Break == nil:
		return errors.New("the fields Seed, Read and Break are needed")
	case f.SliceTargets < 0 || f.SliceTargets > domain.MaxSliceTargets:
		return fmt.Errorf("the field SliceTargets is %d, but has to be from 1 to %d", f.SliceTargets, domain.MaxSliceTargets)
	}
	if _, err := json.Marshal(f.Params); err != nil {
		return fmt.Errorf("the field Params cannot be written as JSON: %w", err)
	}
	return nil
}
