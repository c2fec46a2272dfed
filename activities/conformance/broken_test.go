package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// broken are executors that break a rule, by the rule that catches them.
var broken = map[string]map[string]func(a *author, f *Fixture){
	"it moves every target": {
		"does nothing": func(a *author, _ *Fixture) { a.apply = each(func(*author, activities.Target) error { return nil }) },
		"leaves one out": func(a *author, _ *Fixture) {
			a.apply = each(func(a *author, target activities.Target) error {
				if target.Name == "c" {
					return nil
				}
				return setTo(a, target)
			})
		},
		"changes what it says it only reads": func(_ *author, f *Fixture) { f.ReadOnly = true },
		"fails":                              func(a *author, _ *Fixture) { a.open = func(*author) error { return errors.New("oh") } },
	},
	"it says of itself what is true": {
		"other steps": func(a *author, _ *Fixture) {
			a.about = func(s *activities.About) { s.Steps = []string{"SET", "VERIFY"} }
		},
		"a step in small letters": func(a *author, _ *Fixture) { a.work = func(w *activities.Work) { w.Steps[0].Name = "set it" } },
		"prior values that it does not record": func(a *author, _ *Fixture) {
			a.work = func(w *activities.Work) { w.Prior = nil }
		},
		"not that it is reversible": func(a *author, _ *Fixture) { a.about = func(s *activities.About) { s.Reversible = false } },
		"not that it takes several": func(a *author, _ *Fixture) { a.about = func(s *activities.About) { s.BatchSize = 0 } },
		"no summary":                func(a *author, _ *Fixture) { a.about = func(s *activities.About) { s.Summary = "" } },
	},
	"it changes nothing before prior values are saved": {
		"opening changes": func(a *author, _ *Fixture) {
			a.open = func(a *author) error { return a.product.set("c", a.to) }
		},
		"reading changes": func(a *author, _ *Fixture) {
			a.prior = func(a *author, target string) (domain.Prior, error) {
				prior, err := readPrior(a, target)
				if target == "c" {
					_ = a.product.set(target, "switching")
				}
				return prior, err
			}
		},
		"a step changes others": func(a *author, _ *Fixture) {
			a.apply = func(a *author, batch []activities.Target) error {
				_ = a.product.set("d", a.to)
				return each(setTo)(a, batch)
			}
		},
	},
	"a second application changes nothing": {
		"adds": func(a *author, _ *Fixture) {
			a.apply = each(func(a *author, target activities.Target) error {
				value, _, err := a.product.get(target.Name)
				return errors.Join(err, a.product.set(target.Name, value+"+"+a.to))
			})
		},
		"refuses what is there": func(a *author, _ *Fixture) {
			a.apply = each(func(a *author, target activities.Target) error {
				if value, _, _ := a.product.get(target.Name); value == a.to {
					return activities.Refused("THERE", "it is there already")
				}
				return setTo(a, target)
			})
		},
	},
	"prior values are recorded once": {
		"a prior value of the moment": func(a *author, _ *Fixture) {
			var reads int
			a.prior = func(a *author, target string) (domain.Prior, error) {
				prior, err := readPrior(a, target)
				reads++
				prior.Value = json.RawMessage(fmt.Sprintf(`{"value": %s, "read": %d}`, prior.Value, reads))
				return prior, err
			}
		},
		"what other targets' steps have made of it": func(a *author, _ *Fixture) {
			a.apply = func(a *author, _ []activities.Target) error { // all at once
				for _, target := range []string{"a", "b", "c", "d"} {
					_ = a.product.set(target, a.to)
				}
				return nil
			}
			a.work = func(w *activities.Work) { w.PriorBatch = 1 }
		},
	},
	"it goes on from every checkpoint": {
		"keeps in memory what it has done": func(a *author, _ *Fixture) {
			// What the first step prepares in memory is gone with the worker.
			prepared := map[string]bool{}
			a.open = func(*author) error { clear(prepared); return nil }
			a.work = func(w *activities.Work) {
				set := w.Steps[0].Do
				w.Steps = []activities.Step{
					{Name: "PREPARE", Do: func(_ context.Context, batch []activities.Target) error { prepared[batch[0].Name] = true; return nil }},
					{Name: "COMMIT", Do: func(ctx context.Context, batch []activities.Target) error {
						if !prepared["a"] {
							return nil // it takes this for a plan that has ended
						}
						return set(ctx, batch)
					}},
				}
			}
		},
		"refuses what is half done": func(a *author, _ *Fixture) {
			a.apply = each(func(a *author, target activities.Target) error {
				if value, _, _ := a.product.get(target.Name); value == a.to {
					return activities.Refused("THERE", "it is there already")
				}
				return setTo(a, target)
			})
		},
	},
	"it stops between any two targets": {
		"works ahead": func(a *author, _ *Fixture) {
			a.apply = func(a *author, _ []activities.Target) error {
				return each(setTo)(a, []activities.Target{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}})
			}
		},
		"works behind": func(a *author, _ *Fixture) {
			a.work = func(w *activities.Work) {
				set := w.Steps[0].Do
				var due []activities.Target
				w.Steps[0].Do = func(ctx context.Context, batch []activities.Target) error {
					if due = append(due, batch...); due[len(due)-1].Name != "d" {
						return nil
					}
					return set(ctx, due)
				}
			}
		},
	},
	"it works on several targets at once": {
		"shares a buffer": func(a *author, _ *Fixture) {
			a.apply = sharedBuffer()
		},
	},
	"a rollback puts back what stood before": {
		"puts back a constant": func(a *author, _ *Fixture) {
			a.rollback = func(a *author, target activities.Target) error { return a.product.set(target.Name, "blue") }
		},
		"takes what it has put back for another's": func(a *author, _ *Fixture) {
			a.rollback = func(a *author, target activities.Target) error {
				if value, _, _ := a.product.get(target.Name); value != a.to {
					return activities.Refused("DRIFT", "it is not ours")
				}
				return putBack(a, target)
			}
		},
		"does nothing": func(a *author, _ *Fixture) { a.rollback = func(*author, activities.Target) error { return nil } },
	},
	"a rollback leaves alone what somebody else has set": {
		"overwrites": func(a *author, _ *Fixture) {
			a.rollback = func(a *author, target activities.Target) error {
				var prior string
				_ = json.Unmarshal(target.Prior.Value, &prior)
				return a.product.set(target.Name, prior)
			}
		},
		"says nothing": func(a *author, _ *Fixture) {
			a.rollback = func(a *author, target activities.Target) error {
				if value, _, _ := a.product.get(target.Name); value != a.to {
					return nil
				}
				return putBack(a, target)
			}
		},
		"hopes that it passes": func(a *author, _ *Fixture) {
			a.rollback = func(a *author, target activities.Target) error {
				if value, _, _ := a.product.get(target.Name); value == "yellow" {
					return activities.Broken("DRIFT", "it is %q", value)
				}
				return putBack(a, target)
			}
		},
		"cannot be tried": func(_ *author, f *Fixture) { f.Meddle = nil },
	},
	"what cannot succeed is refused for good": {
		"hopes for an unknown target": func(a *author, _ *Fixture) {
			a.prior = func(a *author, target string) (domain.Prior, error) {
				prior, err := readPrior(a, target)
				if err != nil {
					err = activities.Broken("UNKNOWN_TARGET", "%w", err)
				}
				return prior, err
			}
		},
		"makes an unknown target": func(a *author, _ *Fixture) {
			a.prior = func(a *author, target string) (domain.Prior, error) {
				value, _, err := a.product.get(target)
				data, _ := json.Marshal(value)
				return domain.Prior{Value: data}, err
			}
		},
		"takes bad parameters": func(_ *author, f *Fixture) { f.BadParams = []any{params{To: "purple"}} },
	},
	"what passes is tried again": {
		"gives up at once": func(a *author, _ *Fixture) {
			a.prior = func(a *author, target string) (domain.Prior, error) {
				prior, err := readPrior(a, target)
				if err != nil {
					err = activities.Refused("DOWN", "%w", err)
				}
				return prior, err
			}
		},
		"gives up in the middle": func(a *author, _ *Fixture) {
			a.apply = each(func(a *author, target activities.Target) error {
				if err := setTo(a, target); err != nil {
					return activities.Refused("DOWN", "setting it: %v", err)
				}
				return nil
			})
		},
		"takes silence for success": func(a *author, _ *Fixture) {
			a.apply = each(func(a *author, target activities.Target) error { _ = setTo(a, target); return nil })
		},
		"gives up in a rollback": func(a *author, _ *Fixture) {
			a.rollback = func(a *author, target activities.Target) error {
				if err := putBack(a, target); err != nil {
					return activities.Refused("DOWN", "putting it back: %v", err)
				}
				return nil
			}
		},
	},
	"it keeps secrets to itself": {
		"in an error": func(a *author, _ *Fixture) {
			a.prior = func(a *author, target string) (domain.Prior, error) {
				prior, err := readPrior(a, target)
				if err != nil {
					err = fmt.Errorf("calling with %s: %w", secret, err)
				}
				return prior, err
			}
		},
		"in a prior value": func(a *author, _ *Fixture) {
			a.prior = func(*author, string) (domain.Prior, error) {
				return domain.Prior{Value: json.RawMessage(`{"password": "` + secret + `"}`)}, nil
			}
		},
		"in a log": func(a *author, _ *Fixture) {
			a.work = func(w *activities.Work) {
				set := w.Steps[0].Do
				w.Steps[0].Do = func(ctx context.Context, batch []activities.Target) error {
					activity.GetLogger(ctx).Info("calling", "password", secret)
					return set(ctx, batch)
				}
			}
		},
	},
	"its checkpoints stay small": {
		"a whole configuration": func(a *author, _ *Fixture) {
			a.prior = func(_ *author, target string) (domain.Prior, error) {
				return domain.Prior{Value: json.RawMessage(`"` + target + strings.Repeat("x", 300) + `"`)}, nil
			}
		},
	},
}

// sharedBuffer is a step that two calls at once confuse: the first one waits for
// the second, where there is one, and then works on its target.
func sharedBuffer() func(a *author, batch []activities.Target) error {
	var mu sync.Mutex
	current, inside := "", 0
	second := make(chan struct{}, 8)
	return func(a *author, batch []activities.Target) error {
		mu.Lock()
		current = batch[0].Name
		inside++
		if inside > 1 {
			second <- struct{}{}
		}
		mu.Unlock()
		select {
		case <-second:
		case <-time.After(20 * time.Millisecond):
		}
		mu.Lock()
		defer mu.Unlock()
		inside--
		return a.product.set(current, a.to)
	}
}

func TestEachRuleCatchesExecutorsThatBreakIt(t *testing.T) {
	t.Parallel()
	for _, p := range properties {
		require.NotEmpty(t, broken[p.name], "nothing breaks the rule %q", p.name)
		for name, change := range broken[p.name] {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				violations := examine(t, fixture(change), p)
				require.NotEmpty(t, violations)
				t.Log(strings.Join(violations, "\n"))
			})
		}
	}
}
