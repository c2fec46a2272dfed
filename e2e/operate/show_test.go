package operate

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

// shown is a worker with its endpoint.
type shown struct {
	*producttest.Process
	t   *testing.T
	url string
	env environment // for sluice beside it
}

// showWorker starts a worker that shows itself.
func showWorker(t *testing.T, address string, env environment) *shown {
	t.Helper()
	at := producttest.FreeAddress(t)
	all := environment{"TEMPORAL_ADDRESS": address, "SLUICE_METRICS_ADDRESS": at}
	for name, value := range env {
		all[name] = value
	}
	return &shown{Process: startWorker(t, all), t: t, url: "http://" + at, env: environment{"TEMPORAL_ADDRESS": address}}
}

// get asks the endpoint.
func (s *shown) get(path string) (int, string) {
	s.t.Helper()
	response, err := http.Get(s.url + path)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, strings.TrimSpace(string(body))
}

// sluice runs a command and requires its exit code.
func (s *shown) sluice(code int, args ...string) result {
	s.t.Helper()
	r := run(s.t, "sluice", s.env, args...)
	require.Equal(s.t, code, r.code, "%v\n%s%s", args, r.out, r.err)
	return r
}

// targets is what the executor http changes: it answers each request with 204,
// but those for targets that are to fail with 404, and holds what is held.
type targets struct {
	*httptest.Server
	mu   sync.Mutex
	held map[string]chan struct{} // by target
	seen map[string]int           // requests by target
}

func startTargets(t *testing.T) *targets {
	t.Helper()
	s := &targets{held: map[string]chan struct{}{}, seen: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := filepath.Base(r.URL.Path)
		s.mu.Lock()
		held := s.held[target]
		s.seen[target]++
		s.mu.Unlock()
		if held != nil {
			<-held
		}
		if strings.HasPrefix(target, "bad") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	return s
}

// hold lets requests for a target wait until release is called.
func (s *targets) hold(target string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held[target] = held
	return sync.OnceFunc(func() { close(held) })
}

// asked returns how many requests there were for a target.
func (s *targets) asked(target string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[target]
}

// plan writes a plan file of one task.
func (s *targets) plan(t *testing.T, name, spec string, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".yaml")
	require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`apiVersion: sluice/v1
kind: Plan
metadata: {name: %s}
spec:
  targets: [%s]
  tasks:
    - name: switch
      executor: http
      params: {method: PUT, url: "%s/{{target}}"}
      %s
`, name, strings.Join(names, ", "), s.URL, spec)), 0o600))
	return path
}

// TestReadinessFollowsTheConnectionAndTheEndOfTheWorker takes the server away
// and gives it back.
func TestReadinessFollowsTheConnectionAndTheEndOfTheWorker(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	front := producttest.StartFrontDoor(t, server.Address, nil, nil)
	w := showWorker(t, front.Address, nil)
	ready := func(want int) func() bool {
		return func() bool { code, _ := w.get("/readyz"); return code == want }
	}
	w.Await("say that it is ready", ready(http.StatusOK))
	front.Close()
	w.Await("say that it is not", ready(http.StatusServiceUnavailable))
	code, why := w.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, why, "not ready: ")
	code, _ = w.get("/healthz")
	require.Equal(t, http.StatusOK, code, "a worker without its server is alive")
	front.Open()
	w.Await("be ready again", ready(http.StatusOK))

	// While a target under way comes to its end, no further work is taken.
	targets := startTargets(t)
	release := targets.hold("a")
	defer release()
	w.sluice(0, "start", targets.plan(t, "held", "", "a", "b"))
	w.Await("work", func() bool {
		return strings.Contains(w.sluice(0, "get", "held").out, "WORKING") || strings.Contains(w.sluice(0, "get", "held").out, "working")
	})
	stopped := make(chan int)
	go func() { stopped <- w.Stop() }()
	w.Await("say that it is being stopped", func() bool { _, why := w.get("/readyz"); return why == "not ready: the worker is being stopped" })
	release()
	require.Equal(t, 0, <-stopped)
}

func TestAWorkerShowsNothingUnlessItIsTold(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	w := startWorker(t, environment{"TEMPORAL_ADDRESS": server.Address})
	require.NotContains(t, w.Output(), "/metrics")

	taken := producttest.FreeAddress(t)
	r := run(t, "sluice-worker", environment{"TEMPORAL_ADDRESS": server.Address, "SLUICE_METRICS_ADDRESS": taken + "0"})
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "the worker cannot show itself at "+taken+"0")
}
