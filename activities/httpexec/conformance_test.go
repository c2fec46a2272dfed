package httpexec

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/seed-3652815f/sluice/activities/conformance"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// shop is a product that does what it is asked once for each idempotency key.
type shop struct {
	mu     sync.Mutex
	done   map[string]map[string]bool // keys by target
	broken bool
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	target := strings.TrimPrefix(r.URL.Path, "/t/")
	switch {
	case s.broken:
		http.Error(w, "closed for today", http.StatusServiceUnavailable)
	case target == "nobody":
		http.Error(w, "no such tenant", http.StatusNotFound)
	case r.Header.Get("Authorization") != "Bearer swordfish":
		http.Error(w, "who are you", http.StatusUnauthorized)
	default:
		if s.done[target] == nil {
			s.done[target] = map[string]bool{}
		}
		s.done[target][r.Header.Get("Idempotency-Key")] = true
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s := &shop{}
	set := func(change func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		change()
	}
	url := serve(t, s.ServeHTTP)
	conformance.Run(t, conformance.Fixture{
		Executor: Executor(egress.Allow{}),
		Params:   Params{URL: url + "/t/{{target}}?token=marlin", Headers: map[string]string{"Authorization": "Bearer swordfish"}},
		Targets:  []string{"a", "b", "c"}, Unknown: "nobody",
		BadParams: []any{Params{URL: "ftp://here"}, Params{URL: url, Method: "BREW"}},
		Secrets:   []string{"swordfish", "marlin"},
		Seed:      func(testing.TB) { set(func() { s.done = map[string]map[string]bool{} }) },
		Read: func(_ testing.TB, target string) string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return fmt.Sprintf("done %d times", len(s.done[target]))
		},
		Break: func(testing.TB) func() {
			set(func() { s.broken = true })
			return func() { set(func() { s.broken = false }) }
		},
	})
}
