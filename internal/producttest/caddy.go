package producttest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	startWait  = 30 * time.Second // for a product to answer
	shownLines = 20               // of what a product said, where a test has failed
)

// CaddyProcess is one running Caddy.
type CaddyProcess struct {
	Admin string // the URL of its admin API, without a slash at the end

	t      testing.TB
	cmd    *exec.Cmd
	output *buffer
	ended  chan struct{}
}

// StartCaddy starts Caddy with a configuration in JSON that names the address
// of its admin API, and returns once that API answers. Caddy ends with the
// test; where the test has failed, the last of what
// Caddy said is logged.
func StartCaddy(t testing.TB, config []byte) *CaddyProcess {
	t.Helper()
	var parsed struct {
		Admin struct{ Listen string }
	}
	if err := json.Unmarshal(config, &parsed); err != nil || parsed.Admin.Listen == "" {
		t.Fatalf("The Caddy configuration of the test does not name admin.listen (reading it: %v).", err)
	}
	home := t.TempDir()
	file := filepath.Join(home, "caddy.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatalf("writing the Caddy configuration: %v", err)
	}
	p := &CaddyProcess{t: t, Admin: "http://" + parsed.Admin.Listen, output: &buffer{}, ended: make(chan struct{})}
	p.cmd = exec.Command(Caddy(t), "run", "--config", file)
	p.cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting Caddy: %v", err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // it is killed, and so always with an error
	}()
	t.Cleanup(p.stop)
	p.awaitReady()
	return p
}

// Kill ends Caddy at once, as kill -9 does, and returns when it has ended.
func (p *CaddyProcess) Kill() {
	_ = p.cmd.Process.Kill() // fails only where it has ended already
	<-p.ended
}

// awaitReady polls the admin API until it answers.
func (p *CaddyProcess) awaitReady() {
	p.t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.After(startWait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		response, err := client.Get(p.Admin + "/config/")
		if err == nil {
			_ = response.Body.Close()
			return
		}
		select {
		case <-p.ended:
			p.t.Fatalf("Caddy ended before it answered:\n%s", p.output)
		case <-deadline:
			p.t.Fatalf("Caddy did not answer at %s within %s (%v):\n%s", p.Admin, startWait, err, p.output)
		case <-tick.C:
		}
	}
}

// stop ends Caddy with the test. It is not asked to end by itself, for it would
// wait five seconds for each connection that has not been used yet.
func (p *CaddyProcess) stop() {
	p.Kill()
	if p.t.Failed() {
		p.t.Logf("Caddy said at last:\n%s", p.output.tail())
	}
}

// buffer is a bytes.Buffer that a process writes while a test reads it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// tail returns the last lines; each reload makes a dozen.
func (b *buffer) tail() string {
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-shownLines):], "\n")
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
