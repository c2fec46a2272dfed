package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACorrectExecutorKeepsEveryRule(t *testing.T) {
	t.Parallel()
	Run(t, fixture(nil))
}

func TestAFixtureThatLacksSomethingIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(f *Fixture){
		"the field Executor is missing":                    func(f *Fixture) { f.Executor.Name = "" },
		"the field Targets has 2 targets":                  func(f *Fixture) { f.Targets = f.Targets[:2] },
		"the fields Seed, Read and Break are needed":       func(f *Fixture) { f.Break = nil },
		"the field SliceTargets is 5001":                   func(f *Fixture) { f.SliceTargets = 5001 },
		"the field Params cannot be written as JSON: json": func(f *Fixture) { f.Params = make(chan int) },
	} {
		f := fixture(nil)
		require.NoError(t, f.check())
		change(&f)
		require.ErrorContains(t, f.check(), want)
	}
}
