package conformance

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"go.temporal.io/sdk/log"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

type (
	stepContext = context.Context
	stepFunc    = func(ctx stepContext, batch []activities.Target) error
)

// state is what stands at the targets, in their order.
type state []string

func (k *kit) state() state {
	s := make(state, len(k.Targets))
	for i, target := range k.Targets {
		s[i] = k.Read(k.t, target)
	}
	return s
}

// baseline is what an execution without any trouble does.
type baseline struct {
	before, after state
	priors        domain.Priors
	calls         int // of steps
}

// undisturbed makes an execution without any trouble in a plan that is kept as
// it is otherwise: its batch size counts.
func (k *kit) undisturbed(batchSize int) (baseline, bool) {
	p := k.begin()
	p.batchSize = batchSize
	b := baseline{before: k.state()}
	p.hooks.after = func(c call) { b.calls = c.number }
	if e := p.apply(); e.kind != "success" {
		k.failf("an application without any trouble ended as %s", e)
		return b, false
	}
	b.after, b.priors = k.state(), p.last.Prior
	return b, true
}

// sizes are the batch sizes with which interruptions are tried: each target by
// itself, and where the executor takes several, two at once.
func (k *kit) sizes() []int {
	several := false
	p := k.begin()
	p.hooks.opened = func(work *activities.Work) { several = work.BatchSize > 1 }
	p.apply()
	if several {
		return []int{1, 2}
	}
	return []int{1}
}

// requireState fails unless the targets stand where they should.
func (k *kit) requireState(want state, when string, args ...any) bool {
	got := k.state()
	for i := range want {
		if got[i] != want[i] {
			k.failf("%s, %q stands at %s, but should be %q", fmt.Sprintf(when, args...), got[i], k.Targets[i], want[i])
			return false
		}
	}
	return true
}

// requirePriors fails unless the recorded values are those of an execution
// without trouble.
func (k *kit) requirePriors(want, got domain.Priors, when string, args ...any) bool {
	for i, target := range k.Targets {
		expected, due := want.Get(i)
		found, known := got.Get(i)
		if due != known || expected.Absent != found.Absent || string(expected.Value) != string(found.Value) {
			k.failf("%s, the prior value of %s is %s, but %s stood there", fmt.Sprintf(when, args...), target, priorText(found, known), priorText(expected, due))
			return false
		}
	}
	return true
}

func priorText(p domain.Prior, known bool) string {
	switch {
	case !known:
		return "unknown"
	case p.Absent:
		return "absent"
	}
	return string(p.Value)
}

// journal is a logger that keeps what it is told.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

var _ log.Logger = (*journal)(nil)

func (j *journal) write(msg string, keyvals []any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintln(&j.text, append([]any{msg}, keyvals...)...)
}

// Debug implements log.Logger.
func (j *journal) Debug(msg string, keyvals ...any) { j.write(msg, keyvals) }

// Info implements log.Logger.
func (j *journal) Info(msg string, keyvals ...any) { j.write(msg, keyvals) }

// Warn implements log.Logger.
func (j *journal) Warn(msg string, keyvals ...any) { j.write(msg, keyvals) }

// Error implements log.Logger.
func (j *journal) Error(msg string, keyvals ...any) { j.write(msg, keyvals) }

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
