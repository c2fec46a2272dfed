package commands

import (
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"testing"
	"time"
)

// gateway is what plans of the tests change, by one request for each target.
type gateway struct {
	server *httptest.Server

	mu    sync.Mutex
	delay time.Duration            // of each answer
	fails map[string]bool          // targets that it refuses for good
	holds map[string]chan struct{} // targets whose answer waits
	moved map[string]int           // how often each path was called
}

func startGateway(t testing.TB) *gateway {
	t.Helper()
	g := &gateway{fails: map[string]bool{}, holds: map[string]chan struct{}{}, moved: map[string]int{}}
	g.server = httptest.NewServer(g)
	t.Cleanup(func() {
		g.release()
		g.server.Close()
	})
	return g
}

// ServeHTTP moves the target that the path ends with.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := path.Base(r.URL.Path)
	g.mu.Lock()
	hold, delay := g.holds[target], g.delay
	g.mu.Unlock()
	if hold != nil {
		<-hold
	}
	<-time.After(delay) // a gateway that takes its time, not a wait for something
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails[target] {
		http.Error(w, "this tenant has no pool", http.StatusConflict)
		return
	}
	g.moved[r.URL.Path]++
}

// fail lets the gateway refuse a target until mend.
func (g *gateway) fail(target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fails[target] = true
}

func (g *gateway) mend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fails = map[string]bool{}
}

// slow delays each answer.
func (g *gateway) slow(by time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = by
}

// hold keeps the answer for a target back until release.
func (g *gateway) hold(target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds[target] = make(chan struct{})
}

func (g *gateway) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for target, hold := range g.holds {
		close(hold)
		delete(g.holds, target)
	}
}

// moves returns how many targets were moved below a path, and the most moves
// of one.
func (g *gateway) moves(below string) (targets, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for called, n := range g.moved {
		if path.Dir(called) == below {
			targets, most = targets+1, max(most, n)
		}
	}
	return targets, most
}
