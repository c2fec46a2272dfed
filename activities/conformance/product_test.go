package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"testing"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// product is something with a value for each target.
type product struct {
	mu     sync.Mutex
	values map[string]string
	broken bool
}

const secret = "swordfish"

var errDown = errors.New("the product is down")

func (p *product) do(f func(values map[string]string)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		return activities.Unavailable("DOWN", "%w", errDown)
	}
	f(p.values)
	return nil
}

func (p *product) get(target string) (value string, known bool, err error) {
	err = p.do(func(values map[string]string) { value, known = values[target] })
	return value, known, err
}

func (p *product) set(target, value string) error {
	return p.do(func(values map[string]string) { values[target] = value })
}

func (p *product) unset(target string) error {
	return p.do(func(values map[string]string) { delete(values, target) })
}

// params are those of the executors of these tests.
type params struct {
	To string `json:"to" jsonschema_description:"where each target goes"`
}

func (p params) Validate() error {
	if p.To == "" {
		return activities.BadParam("to", "is empty")
	}
	return nil
}

// author is what an author writes of an executor, correct unless a test breaks
// it.
type author struct {
	product *product
	to      string

	open     func(w *author) error
	prior    func(w *author, target string) (domain.Prior, error)
	apply    func(w *author, batch []activities.Target) error
	rollback func(w *author, target activities.Target) error
	about    func(*activities.About)
	work     func(*activities.Work)
}

func readPrior(w *author, target string) (domain.Prior, error) {
	value, known, err := w.product.get(target)
	if err == nil && !known {
		err = activities.Refused("UNKNOWN_TARGET", "the product does not know it")
	}
	data, _ := json.Marshal(value)
	return domain.Prior{Value: data}, err
}

func each(do func(w *author, target activities.Target) error) func(w *author, batch []activities.Target) error {
	return func(w *author, batch []activities.Target) error {
		failed := activities.TargetErrors{}
		for _, target := range batch {
			if err := do(w, target); err != nil {
				failed[target.Name] = err
			}
		}
		if len(failed) > 0 {
			return failed
		}
		return nil
	}
}

func setTo(w *author, target activities.Target) error { return w.product.set(target.Name, w.to) }

func putBack(w *author, target activities.Target) error {
	var prior string
	if err := json.Unmarshal(target.Prior.Value, &prior); err != nil {
		return activities.Refused("NO_PRIOR", "nothing was recorded: %w", err)
	}
	value, _, err := w.product.get(target.Name)
	switch {
	case err != nil:
		return err
	case value != w.to && value != prior:
		return activities.Refused("DRIFT", "it is %q, which is not ours", value)
	}
	return w.product.set(target.Name, prior)
}

func (w author) executor() activities.Executor {
	about := activities.About{Summary: "set a value", Steps: []string{"SET"}, RecordsPrior: true, Reversible: true, BatchSize: 2}
	if w.about != nil {
		w.about(&about)
	}
	return activities.Define("sample", func(_ context.Context, p params) (*activities.Work, error) {
		w := w // of this attempt
		w.to = p.To
		if w.open != nil {
			if err := w.open(&w); err != nil {
				return nil, err
			}
		}
		work := &activities.Work{
			BatchSize: 2, PriorBatch: 2,
			Prior: func(_ context.Context, targets []string) ([]domain.Prior, error) {
				priors, failed := make([]domain.Prior, len(targets)), activities.TargetErrors{}
				for i, target := range targets {
					var err error
					if priors[i], err = w.prior(&w, target); err != nil {
						failed[target] = err
					}
				}
				if len(failed) > 0 {
					return priors, failed
				}
				return priors, nil
			},
			Steps: []activities.Step{{Name: "SET", Do: func(_ context.Context, batch []activities.Target) error { return w.apply(&w, batch) }}},
			Rollback: func(_ context.Context, batch []activities.Target) error {
				return each(w.rollback)(&w, batch)
			},
		}
		if w.work != nil {
			w.work(work)
		}
		return work, nil
	}).Describe(about)
}

// fixture returns a correct executor with its product, and lets a test break
// one or the other.
func fixture(change func(w *author, f *Fixture)) Fixture {
	p := &product{values: map[string]string{}}
	w := author{product: p, prior: readPrior, apply: each(setTo), rollback: putBack}
	seed := map[string]string{"a": "blue", "b": "red", "c": "blue", "d": "blue"}
	f := Fixture{
		Params: params{To: "green"}, Targets: []string{"a", "b", "c", "d"}, Unknown: "nobody",
		BadParams: []any{params{}}, Secrets: []string{secret},
		Seed: func(testing.TB) { p.values = maps.Clone(seed) },
		Read: func(_ testing.TB, target string) string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.values[target]
		},
		Break: func(testing.TB) func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.broken = true
			return func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.broken = false
			}
		},
		Meddle: func(_ testing.TB, target string) { p.values[target] = "yellow" },
	}
	if change != nil {
		change(&w, &f)
	}
	f.Executor = w.executor()
	return f
}
