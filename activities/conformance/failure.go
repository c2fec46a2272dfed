package conformance

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/seed-3652815f/sluice/domain"
)

// refuses: bad parameters end a task before anything is done, and a target that
// the product does not know is given up without a second try.
func (k *kit) refuses() {
	for _, params := range k.badParams() {
		p := k.begin()
		before := k.state()
		p.params = params
		e := p.apply()
		if e.kind != "failed" || e.retryable || e.failure.ErrorCode != domain.CodeBadParams {
			k.failf("with the parameters %s an application ended as %s; it has to be refused for good with %s, as Validate does", params, e, domain.CodeBadParams)
			return
		}
		if !k.requireState(before, "after the parameters %s were refused", params) {
			return
		}
	}
	if k.Unknown == "" {
		return
	}
	p := k.begin()
	p.tolerated = 1
	p.targets = slices.Insert(slices.Clone(k.Targets), 1, k.Unknown)
	k.requireGivenUp(p, p.apply(), 1, "the product does not know")
}

// badParams are the fixture's, one that the executor does not have, and the
// fixture's good ones without each that is required.
func (k *kit) badParams() []json.RawMessage {
	var bad []json.RawMessage
	add := func(value any) {
		data, err := json.Marshal(value)
		if err != nil {
			k.t.Fatalf("writing the fixture's parameters: %v", err)
		}
		bad = append(bad, data)
	}
	for _, params := range k.BadParams {
		add(params)
	}
	good := map[string]any{}
	data, err := json.Marshal(k.Params)
	if err == nil && string(data) != "null" {
		err = json.Unmarshal(data, &good)
	}
	if err != nil {
		k.t.Fatalf("reading the fixture's parameters, which have to be an object: %v", err)
	}
	good["noSuchParameter"] = true
	add(good)
	delete(good, "noSuchParameter")
	for _, name := range k.schema().Required {
		value, given := good[name]
		delete(good, name)
		add(good)
		if given {
			good[name] = value
		}
	}
	return bad
}

// triesAgain: what passes ends no task, neither at its first target nor in its
// middle nor in a rollback, and once it has passed all comes to its end.
func (k *kit) triesAgain() {
	b, ok := k.undisturbed(1)
	if !ok {
		return
	}
	p := k.begin()
	mend := k.breakUntil()
	e := p.apply()
	mend()
	if !k.passes(e, "of a broken product") {
		return
	}
	if e := p.apply(); e.kind != "success" {
		k.failf("after the product was mended, an application ended as %s", e)
		return
	}
	if !k.requireState(b.after, "after the product was mended") {
		return
	}
	if p = k.begin(); !k.breaksDuring(p, p.apply, min(2, b.calls), "of an application in whose middle the product broke") {
		return
	}
	if !k.requireState(b.after, "after the product broke in the middle and was mended") ||
		!k.requirePriors(b.priors, p.last.Prior, "after the product broke in the middle and was mended") || !k.reversible() {
		return
	}
	p = k.begin()
	p.apply()
	if k.breaksDuring(p, p.rollback, 2, "of a rollback in whose middle the product broke") {
		k.requireState(b.before, "after the product broke in the middle of a rollback and was mended")
	}
}

// breaksDuring breaks the product before a call and mends it behind the attempt.
func (k *kit) breaksDuring(p *plan, execute func() end, number int, which string) bool {
	mend := func() {}
	p.batchSize = 1
	p.hooks.before = func(c call) error {
		if c.number == number {
			mend = k.breakUntil()
		}
		return nil
	}
	e := execute()
	mend()
	if !k.passes(e, which) {
		return false
	}
	if e := execute(); e.kind != "success" {
		k.failf("the second attempt %s, which was mended, ended as %s", which, e)
		return false
	}
	return true
}

func (k *kit) passes(e end, which string) bool {
	if e.kind == "failed" && e.retryable && e.failure.Category != domain.CategoryBusiness {
		return true
	}
	k.failf("the attempt %s ended as %s; it has to be tried again: use activities.Unavailable or activities.Broken", which, e)
	return false
}

// breakUntil breaks the product until the returned function is called, or the
// test ends.
func (k *kit) breakUntil() (mend func()) {
	mend = sync.OnceFunc(k.Break(k.t))
	k.t.Cleanup(mend)
	return mend
}

// keepsSecrets: nothing that leaves a worker has a secret in it. Every attempt
// of the other rules is looked through as well.
func (k *kit) keepsSecrets() {
	p := k.begin()
	p.apply()
	if k.reversible() {
		p.rollback()
	}
	p = k.begin()
	mend := k.breakUntil()
	p.apply()
	mend()
	if k.Unknown != "" {
		p = k.begin()
		p.targets = append(slices.Clone(k.Targets), k.Unknown)
		p.apply()
	}
}

// staysSmall: a slice's prior values fit into its checkpoint.
func (k *kit) staysSmall() {
	p := k.begin()
	if e := p.apply(); e.kind != "success" {
		k.failf("an application without any trouble ended as %s", e)
		return
	}
	count := k.SliceTargets
	if count == 0 {
		count = 1000
	}
	each := p.last.Prior.Size() / len(k.Targets)
	const limit = domain.MaxCheckpointBytes * 3 / 4
	if each*count > limit {
		k.failf("the prior value of a target takes %d bytes, so those of %d targets take %d, but %d fit into a checkpoint; record less, or what it can be found by", each, count, each*count, limit)
	}
}
