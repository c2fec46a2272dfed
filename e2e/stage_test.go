package e2e

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/workflows"
)

// stage is a plan whose targets end when the test says so: tasks done (one
// target), at (two) and later (one), one after the other.
type stage struct {
	*planRun
	sink *ledger.Sink

	mu        sync.Mutex
	unwelcome map[string]bool          // effects that are answered 400
	held      map[string]chan struct{} // effects that wait until it is closed
	entered   map[string]chan struct{} // closed once the effect waits
}

// effectAt names one effect: a target and the value that it gets.
func effectAt(target, value string) string { return target + "=" + value }

func (s *stage) before(e ledger.Effect) int {
	s.mu.Lock()
	name := effectAt(e.Target, e.Value)
	refused, hold, entered := s.unwelcome[name], s.held[name], s.entered[name]
	if hold != nil && entered != nil {
		close(entered)
		s.entered[name] = nil
	}
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if refused {
		return http.StatusBadRequest
	}
	return 0
}

// newStage prepares the plan; begin starts it.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{unwelcome: map[string]bool{}, held: map[string]chan struct{}{}, entered: map[string]chan struct{}{}}
	s.sink = sinkThat(t, s.before)
	return s
}

// begin starts the plan on a queue that has a worker.
func (s *stage) begin(t *testing.T, queue string, change func(*domain.Document)) {
	t.Helper()
	doc := document(t, 1, ledger.Params{Sink: s.sink.URL(), To: "green", Blind: true, Priors: true})
	task := func(name string, targets ...string) domain.TaskSpec {
		spec := doc.Spec.Tasks[0]
		spec.Name, spec.Targets = name, targets
		return spec
	}
	doc.Spec.Targets = nil
	doc.Spec.Tasks = []domain.TaskSpec{task("done", "done-1"), task("at", "at-1", "at-2"), task("later", "later-1")}
	if change != nil {
		change(&doc)
	}
	s.planRun = startOn(t, queue, doc)
	t.Cleanup(s.releaseAll)
}

// hold lets an effect wait until it is released.
func (s *stage) hold(target, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[effectAt(target, value)], s.entered[effectAt(target, value)] = make(chan struct{}), make(chan struct{})
}

// awaitHeld waits until the effect waits.
func (s *stage) awaitHeld(target, value string) {
	s.t.Helper()
	s.mu.Lock()
	entered := s.entered[effectAt(target, value)]
	s.mu.Unlock()
	if entered == nil {
		return // it does already
	}
	select {
	case <-entered:
	case <-time.After(within):
		s.t.Fatalf("%s did not get as far as %s\n%+v", s.id, effectAt(target, value), s.status())
	}
}

// releaseAll lets everything go on that waits.
func (s *stage) releaseAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, hold := range s.held {
		close(hold)
		delete(s.held, name)
	}
}

// refuse says whether an effect is answered 400.
func (s *stage) refuse(target, value string, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwelcome[effectAt(target, value)] = refused
}

// audit returns the plan's audit trail.
func (p *planRun) audit() []domain.AuditEntry {
	p.t.Helper()
	return query[workflows.AuditTrail](p, workflows.QueryAudit).Entries
}

// awaitAudit waits until the audit trail has at least n entries.
func (p *planRun) awaitAudit(n int) []domain.AuditEntry {
	p.t.Helper()
	var trail workflows.AuditTrail
	until(p.t, "the audit trail has the command", func() bool {
		value, err := shared.client.QueryWorkflow(p.t.Context(), p.id, "", workflows.QueryAudit)
		if err != nil {
			return false // no worker answers just now
		}
		require.NoError(p.t, value.Get(&trail))
		return len(trail.Entries) >= n
	})
	return trail.Entries
}

// countEvents counts the events of a type in the plan's history.
func (p *planRun) countEvents(eventType enumspb.EventType) int {
	p.t.Helper()
	n := 0
	for _, event := range historyOf(p.t, shared.client, p.id, "").GetEvents() {
		if event.GetEventType() == eventType {
			n++
		}
	}
	return n
}

// terminate ends a plan and its reverse plan with the test.
func terminate(t *testing.T, id string) {
	ctx := context.WithoutCancel(t.Context())
	for _, id := range []string{id, domain.ReverseID(id)} {
		_ = shared.client.TerminateWorkflow(ctx, id, "", "the test has ended") // it may have ended, or never begun
	}
}

// release lets one effect go on.
func (s *stage) release(target, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hold, ok := s.held[effectAt(target, value)]; ok {
		close(hold)
		delete(s.held, effectAt(target, value))
	}
}
