package extend

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
)

// flagService holds a flag for each target, as the example's executor changes
// them.
type flagService struct {
	mu    sync.Mutex
	flags map[string]string
	puts  []string                 // the targets of the changes, in order
	holds map[string]chan struct{} // targets whose change is made, but not answered until it is closed
	held  map[string]chan struct{} // closed when that change is made
}

func startFlagService(t *testing.T, flags map[string]string) (*flagService, string) {
	s := &flagService{flags: flags, holds: map[string]chan struct{}{}, held: map[string]chan struct{}{}}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		s.mu.Lock()
		for target := range s.holds {
			s.release(target)
		}
		s.mu.Unlock()
		server.Close()
	})
	return s, server.URL + "/flags"
}

// ServeHTTP answers GET with a target's flag and lets PUT change it.
func (s *flagService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := path.Base(r.URL.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	flag, known := s.flags[target]
	switch {
	case !known:
		http.Error(w, "there is no flag of that name", http.StatusNotFound)
	case r.Method == http.MethodGet:
		fmt.Fprint(w, flag)
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Idempotency-Key") == "" {
			http.Error(w, "a flag and a key are needed", http.StatusBadRequest)
			return
		}
		s.flags[target] = string(body)
		s.puts = append(s.puts, target)
		if hold := s.holds[target]; hold != nil {
			close(s.held[target])
			s.mu.Unlock()
			select {
			case <-hold:
			case <-r.Context().Done():
			}
			s.mu.Lock()
		}
	}
}

// hold lets the next change of a target be made without an answer.
func (s *flagService) hold(target string) (made <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[target], s.held[target] = make(chan struct{}), make(chan struct{})
	return s.held[target]
}

// release lets the answer go. Call it with mu held.
func (s *flagService) release(target string) {
	close(s.holds[target])
	delete(s.holds, target)
	delete(s.held, target)
}

func (s *flagService) letGo(target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(target)
}

// stand returns the flags of the targets 1 to n, as in "on on off".
func (s *flagService) stand(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	flags := make([]string, n)
	for i := range flags {
		flags[i] = s.flags[tenant(i+1)]
	}
	return strings.Join(flags, " ")
}

func tenant(n int) string { return fmt.Sprintf("tenant-%d", n) }
