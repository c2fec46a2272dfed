package conformance

import "github.com/seed-3652815f/sluice/domain"

// rollsBack: whatever was done, in whole or in part, and however often it is
// interrupted, a rollback puts every target back.
func (k *kit) rollsBack() {
	if !k.reversible() {
		return
	}
	b, ok := k.undisturbed(1)
	if !ok {
		return
	}
	p := k.begin()
	p.apply()
	if !k.putsBack(p, b, "of a whole plan") {
		return
	}
	p.last = nil
	if !k.putsBack(p, b, "that comes a second time") {
		return
	}
	for number := 1; number <= b.calls && !k.failed(); number++ {
		p := k.begin()
		p.batchSize = 1
		p.hooks.before = dieAt(number)
		p.apply()
		k.putsBack(p, b, "after a worker died in the middle")
	}
	for number := 1; number <= len(k.Targets) && !k.failed(); number++ {
		p := k.begin()
		p.apply()
		p.batchSize = 1
		p.hooks.before = dieAt(number)
		p.rollback()
		k.putsBack(p, b, "that goes on where a worker died")
	}
}

// dieAt lets the worker die with the effect of a call.
func dieAt(number int) func(call) error {
	return func(c call) error {
		if c.number == number {
			c.server.tell(answerGone)
		}
		return nil
	}
}

func (k *kit) putsBack(p *plan, b baseline, which string) bool {
	if e := p.rollback(); e.kind != "success" {
		k.failf("a rollback %s ended as %s", which, e)
		return false
	}
	return k.requireState(b.before, "after a rollback %s", which)
}

// leavesOthersAlone: a target that somebody else has set to something since is
// refused, and the others are put back.
func (k *kit) leavesOthersAlone() {
	if !k.reversible() {
		return
	}
	if k.Meddle == nil {
		k.failf("the executor is reversible, so the fixture needs Meddle")
		return
	}
	p := k.begin()
	before := k.state()
	if e := p.apply(); e.kind != "success" {
		k.failf("an application without any trouble ended as %s", e)
		return
	}
	applied := k.state()
	const meddled = 1
	k.Meddle(k.t, k.Targets[meddled])
	want := append(state{}, before...)
	want[meddled] = k.state()[meddled]
	if want[meddled] == before[meddled] || want[meddled] == applied[meddled] {
		k.failf("the fixture's Meddle set %s to %q, which stood there before or is what the executor sets", k.Targets[meddled], want[meddled])
		return
	}
	p.tolerated = 1
	e := p.rollback()
	if !k.requireState(want, "after a rollback of targets of which somebody else has changed %s", k.Targets[meddled]) {
		return
	}
	k.requireGivenUp(p, e, meddled, "somebody else has changed")
}

// requireGivenUp fails unless an execution has given up one target for good,
// with a reason that is the user's business, and done all others.
func (k *kit) requireGivenUp(p *plan, e end, target int, why string) {
	name := p.targets[target]
	switch {
	case e.kind != "success":
		k.failf("%s, which %s, ended the execution as %s, although one failure was tolerated; the executor has to refuse it for good and go on with the others", name, why, e)
	case !p.last.Failed.Contains(target):
		k.failf("%s, which %s, counts as done", name, why)
	case p.last.Failed.Count() != 1:
		k.failf("%s, which %s, was to be given up alone, but so were others: %s", name, why, p.last.Failed)
	case len(p.last.Failures) != 1 || p.last.Failures[0].Category != domain.CategoryBusiness:
		k.failf("%s, which %s, was given up as %+v, but trying again mends nothing: use activities.Refused", name, why, p.last.Failures)
	}
}
