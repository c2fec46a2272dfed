package ledger

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// Entry is one effect that the sink has carried out.
type Entry struct {
	Effect
	Before string // the value that the target had
	At     time.Time
}

// Sink is the product under test: it holds a value for each target and notes
// each effect.
type Sink struct {
	server *httptest.Server

	mu      sync.Mutex
	values  map[string]string
	entries []Entry
	before  func(Effect) int // 0 lets an effect pass, else the status to answer with
	after   func(Effect)     // called between an effect and its answer
}

// NewSink starts a sink at which every target has the value "blue". The
// function, where it is not nil, is asked before each effect: what it returns
// other than 0 is answered instead, and it may block.
func NewSink(before func(Effect) int) *Sink {
	s := &Sink{values: map[string]string{}, before: before}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apply", s.apply)
	mux.HandleFunc("GET /value", s.value)
	s.server = httptest.NewServer(mux)
	return s
}

// After sets what is called between an effect and its answer. Call it before
// the first effect.
func (s *Sink) After(f func(Effect)) { s.after = f }

// URL returns where the sink listens.
func (s *Sink) URL() string { return s.server.URL }

// Close stops the sink.
func (s *Sink) Close() { s.server.Close() }

// Entries returns the effects so far, in their order.
func (s *Sink) Entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// Times returns how often each target was changed.
func (s *Sink) Times() map[string]int {
	times := map[string]int{}
	for _, e := range s.Entries() {
		times[e.Target]++
	}
	return times
}

func (s *Sink) apply(w http.ResponseWriter, r *http.Request) {
	var e Effect
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.before != nil {
		if status := s.before(e); status != 0 {
			http.Error(w, "as the test wants it", status)
			return
		}
	}
	if s.carryOut(e) && s.after != nil {
		s.after(e)
	}
}

// carryOut changes a target's value and notes it, unless it stands there
// already.
func (s *Sink) carryOut(e Effect) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.current(e.Target)
	if before == e.Value && !e.Blind {
		return false
	}
	s.values[e.Target] = e.Value
	s.entries = append(s.entries, Entry{Effect: e, Before: before, At: time.Now()})
	return true
}

func (s *Sink) value(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The answer is the prior value as JSON.
	_ = json.NewEncoder(w).Encode(s.current(r.URL.Query().Get("target")))
}

// Value returns what stands at a target now.
func (s *Sink) Value(target string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current(target)
}

// current returns a target's value. Call it with mu held.
func (s *Sink) current(target string) string {
	if value, ok := s.values[target]; ok {
		return value
	}
	return "blue"
}
