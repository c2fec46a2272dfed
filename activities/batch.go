package activities

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/seed-3652815f/sluice/domain"
)

// applyWave works off a wave in batches, several at once where the task says
// so, and returns once none is under way.
func (a *attempt) applyWave(ctx context.Context, steps []Step, wave []int, batchSize, parallel int) {
	var underWay sync.WaitGroup
	defer underWay.Wait()
	free := make(chan struct{}, parallel)
	for batch := range slices.Chunk(wave, batchSize) {
		free <- struct{}{}
		if a.ending() {
			return
		}
		if parallel == 1 {
			a.applyBatch(ctx, steps, batch)
			<-free
			continue
		}
		underWay.Go(func() {
			defer func() { <-free }()
			a.applyBatch(ctx, steps, batch)
		})
	}
}

// applyBatch brings one batch through all steps. Targets that fail at a step
// are left out of the further ones.
func (a *attempt) applyBatch(ctx context.Context, steps []Step, batch []int) {
	batch = slices.DeleteFunc(slices.Clone(batch), a.hasFailed)
	if len(batch) == 0 {
		return
	}
	for _, step := range steps {
		targets := a.enter(step, batch)
		_, err := guard(func() (struct{}, error) { return struct{}{}, step.Do(ctx, targets) })
		if err == nil {
			continue
		}
		batch = a.failStep(step, batch, err)
		if len(batch) == 0 {
			return
		}
	}
	a.finish(batch)
}

// enter notes that a batch is about to be changed by a step, and returns its
// targets as the step sees them.
func (a *attempt) enter(step Step, batch []int) []Target {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cp.Step = step.Name
	targets := make([]Target, len(batch))
	for k, i := range batch {
		a.cp.Batch.Add(i)
		targets[k] = a.target(step, i)
	}
	a.touch()
	return targets
}

func (a *attempt) target(step Step, i int) Target {
	prior, _ := a.cp.Prior.Get(i)
	if a.request.Mode == domain.ModeRollback {
		prior, _ = a.request.Prior.Get(i)
	}
	return Target{
		Name: a.name(i), Key: a.request.IdempotencyKey(a.namespace, step.Name, a.name(i)),
		Fence: a.request.FencingBase + int64(a.number), Prior: prior,
	}
}

// finish notes that a batch has gone through every step.
func (a *attempt) finish(batch []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range batch {
		a.cp.Done.Add(i)
	}
	a.leave(batch)
	a.observed().Done(len(batch))
}

// leave takes targets out of the batch under way. Call it with mu held.
func (a *attempt) leave(batch []int) {
	var gone domain.RangeSet
	for _, i := range batch {
		gone.Add(i)
	}
	a.cp.Batch = a.cp.Batch.Without(gone)
	a.touch()
}

// failStep notes what went wrong at a step and returns the targets of the
// batch that go on.
func (a *attempt) failStep(step Step, batch []int, err error) []int {
	var single TargetErrors
	switch {
	case errors.As(err, &single):
	case len(batch) == 1:
		single = TargetErrors{a.name(batch[0]): err}
	default:
		a.breakOff(fmt.Errorf("step %s at %d targets from %s on: %w", step.Name, len(batch), a.name(batch[0]), err))
		return nil
	}
	rest := make([]int, 0, len(batch))
	for _, i := range batch {
		if err, failed := single[a.name(i)]; failed {
			a.fail(i, fmt.Errorf("step %s: %w", step.Name, err))
		} else {
			rest = append(rest, i)
		}
	}
	if len(rest) == len(batch) {
		a.breakOff(Broken(domain.CodeBadResult, "step %s reported a failure of targets that it was not given: %w", step.Name, err))
		return nil
	}
	return rest
}

// fail notes that a target has failed in this attempt. It stays in the batch
// until it is done or given up: after a pause or an abort in back-off nobody
// else could tell that something may have been done to it.
func (a *attempt) fail(i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, twice := a.failures[i]; twice {
		return
	}
	if err == nil {
		err = Broken(domain.CodeBadResult, "the executor named %s as failed without an error", a.name(i))
	}
	a.failures[i] = classify(err)
	a.order = append(a.order, i)
	a.touch()
}

func (a *attempt) hasFailed(i int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, failed := a.failures[i]
	return failed
}

// breakOff ends the attempt with an error that is no single target's.
func (a *attempt) breakOff(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken == nil {
		a.broken = err
	}
}

// ending reports whether no further batch may begin.
func (a *attempt) ending() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stop != stopNone || a.broken != nil || len(a.failures) > a.tolerated()
}

// tolerated returns how many targets may fail in this attempt.
func (a *attempt) tolerated() int { return a.request.FailuresAllowed - a.cp.Failed.Count() }

// guard turns a panic of an executor into an error: in a goroutine of its own
// it would end the worker with everything that runs there.
func guard[T any](f func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Broken("PANIC", "the executor panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
