package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
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

func TestASettingKeepsEveryRule(t *testing.T) {
	t.Parallel()
	for name, absent := range map[string]bool{"values that are there": false, "values that are to be added": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var product *product
			f := fixture(func(a *author, f *Fixture) {
				product = a.product
				if absent {
					f.Unknown = ""
					f.Seed = func(testing.TB) { product.values = map[string]string{"a": "blue", "c": "red"} }
				}
			})
			setting := func(to string) activities.Setting[string] {
				s := activities.Setting[string]{
					Step: "SET", Want: to,
					Read: func(_ context.Context, target string) (string, bool, error) { return product.get(target) },
					Write: func(_ context.Context, target activities.Target, value string) error {
						return product.set(target.Name, value)
					},
				}
				if absent {
					s.Remove = func(_ context.Context, target activities.Target) error { return product.unset(target.Name) }
				}
				return s
			}
			f.Executor = activities.Define("sample", func(_ context.Context, p params) (*activities.Work, error) {
				return setting(p.To).Work(), nil
			}).Describe(activities.About{Summary: "set a value", Steps: []string{"SET"}, RecordsPrior: true, Reversible: true})
			Run(t, f)
		})
	}
}
