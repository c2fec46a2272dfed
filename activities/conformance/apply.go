package conformance

import (
	"errors"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// moves: an application without any trouble changes every target, or none where
// the executor only looks.
func (k *kit) moves() {
	b, ok := k.undisturbed(0)
	if !ok {
		return
	}
	for i, target := range k.Targets {
		switch same := b.before[i] == b.after[i]; {
		case same && !k.ReadOnly:
			k.failf("%s stands at %q before and after; the fixture's Params have to move it", target, b.after[i])
		case !same && k.ReadOnly:
			k.failf("%s was changed from %q to %q by an executor that changes nothing", target, b.before[i], b.after[i])
		}
	}
}

// looksFirst: what no step was given yet stands as it did, so neither opening
// nor reading prior values nor the work on other targets has changed it.
func (k *kit) looksFirst() {
	p := k.begin()
	before := k.state()
	given := map[string]bool{}
	p.hooks.before = func(c call) error {
		now := k.state()
		for i, target := range k.Targets {
			if !given[target] && now[i] != before[i] {
				k.failf("before any step was given %s it stands at %q instead of %q; open, Prior and the steps of other targets change nothing there", target, now[i], before[i])
			}
		}
		for _, target := range c.batch {
			given[target.Name] = true
		}
		return nil
	}
	p.batchSize = 1
	p.apply()
}

// isIdempotent: where the checkpoint of what was done is lost, doing it again
// changes nothing, and neither does another plan that wants the same.
func (k *kit) isIdempotent() {
	p := k.begin()
	if e := p.apply(); e.kind != "success" {
		k.failf("an application without any trouble ended as %s", e)
		return
	}
	after, priors := k.state(), p.last.Prior
	p.last.Done = domain.RangeSet{}
	if e := p.apply(); e.kind != "success" {
		k.failf("a second application ended as %s", e)
		return
	}
	if !k.requireState(after, "after a second application") || priors.Count() == 0 {
		return
	}
	if e := k.beginUnseeded().apply(); e.kind != "success" {
		k.failf("a plan that finds everything as it wants it ended as %s", e)
		return
	}
	k.requireState(after, "after a plan that found everything as it wants it")
}

// recordsOnce: a prior value that was recorded stays, also where the target was
// changed and the worker died before it could say so.
func (k *kit) recordsOnce() {
	b, ok := k.undisturbed(1)
	if !ok || b.priors.Count() == 0 {
		return
	}
	reference, ok := k.recordEach()
	if !ok || !k.requirePriors(reference, b.priors, "without any trouble") {
		return
	}
	for number := 1; number <= b.calls && !k.failed(); number++ {
		p := k.begin()
		p.batchSize = 1
		p.hooks.after = func(c call) {
			if c.number == number {
				c.server.tell(answerGone)
			}
		}
		p.apply()
		p.apply()
		k.requirePriors(reference, p.last.Prior, "after a worker died behind step call %d, and another went on", number)
	}
}

// recordEach returns what is recorded of each target in a plan of its own, in
// which no step has done anything before.
func (k *kit) recordEach() (domain.Priors, bool) {
	var reference domain.Priors
	for i, target := range k.Targets {
		p := k.begin()
		p.targets = []string{target}
		if e := p.apply(); e.kind != "success" {
			k.failf("a plan of the one target %s ended as %s", target, e)
			return reference, false
		}
		prior, ok := p.last.Prior.Get(0)
		if !ok {
			k.failf("no prior value of %s was recorded", target)
			return reference, false
		}
		reference.Record(i, prior)
	}
	return reference, true
}

// errKilled is what a step returns that a worker's death leaves out.
var errKilled = errors.New("the worker died")

// resumes: wherever a worker dies, another one brings every target to its end.
func (k *kit) resumes() {
	for _, size := range k.sizes() {
		b, ok := k.undisturbed(size)
		if !ok {
			return
		}
		for number := 1; number <= b.calls && !k.failed(); number++ {
			k.resumesAfter(b, size, number, false)
			k.resumesAfter(b, size, number, true)
		}
	}
}

// resumesAfter lets the worker die before or behind the effect of a call.
func (k *kit) resumesAfter(b baseline, size, number int, effect bool) {
	p := k.begin()
	p.batchSize = size
	p.hooks.before = func(c call) error {
		if c.number != number {
			return nil
		}
		c.server.tell(answerGone)
		if effect {
			return nil
		}
		return errKilled
	}
	p.apply()
	where := map[bool]string{true: "behind", false: "before"}[effect]
	if e := p.apply(); e.kind != "success" {
		k.failf("a worker died %s the effect of step call %d, and going on ended as %s", where, number, e)
		return
	}
	if k.requireState(b.after, "a worker died %s the effect of step call %d, and another went on", where, number) {
		k.requirePriors(b.priors, p.last.Prior, "a worker died %s the effect of step call %d, and another went on", where, number)
	}
}

// stops: a pause during any call leaves every target either done or untouched,
// or says that it is not known, and a resume brings all to their end.
func (k *kit) stops() {
	for _, size := range k.sizes() {
		b, ok := k.undisturbed(size)
		if !ok {
			return
		}
		for number := 1; number <= b.calls && !k.failed(); number++ {
			k.stopsDuring(b, size, number)
		}
	}
}

func (k *kit) stopsDuring(b baseline, size, number int) {
	p := k.begin()
	p.batchSize = size
	p.hooks.before = func(c call) error {
		if c.number == number {
			c.server.tell(answerCancel)
		}
		return nil
	}
	e := p.apply()
	if e.kind == "failed" || e.kind == "success" && p.last.Done.Count() < len(k.Targets) {
		k.failf("a pause during step call %d ended as %s", number, e)
		return
	}
	now := k.state()
	for i, target := range k.Targets {
		want := b.before[i]
		switch {
		case p.last.Done.Contains(i):
			want = b.after[i]
		case p.last.Batch.Contains(i):
			continue
		}
		if now[i] != want {
			k.failf("after a pause during step call %d, %s stands at %q, but the checkpoint says %q", number, target, now[i], want)
			return
		}
	}
	if e := p.apply(); e.kind != "success" {
		k.failf("a resume after a pause during step call %d ended as %s", number, e)
		return
	}
	k.requireState(b.after, "after a pause during step call %d and a resume", number)
}

// worksInParallel: several batches at once come to the same.
func (k *kit) worksInParallel() {
	b, ok := k.undisturbed(1)
	if !ok {
		return
	}
	p := k.begin()
	p.batchSize, p.parallel = 1, len(k.Targets)
	if e := p.apply(); e.kind != "success" {
		k.failf("an application of all targets at once ended as %s", e)
		return
	}
	if !k.requireState(b.after, "after an application of all targets at once") ||
		!k.requirePriors(b.priors, p.last.Prior, "after an application of all targets at once") || !k.reversible() {
		return
	}
	if e := p.rollback(); e.kind != "success" {
		k.failf("a rollback of all targets at once ended as %s", e)
		return
	}
	k.requireState(b.before, "after a rollback of all targets at once")
}

// reversible reports whether the executor can put back what it does.
func (k *kit) reversible() bool {
	reversible := false
	p := k.begin()
	p.hooks.opened = func(work *activities.Work) { reversible = work.Rollback != nil }
	p.apply()
	return reversible
}
