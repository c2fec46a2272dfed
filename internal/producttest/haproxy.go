package producttest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// HAProxyHeader is the request header by which the gateway of StartHAProxy
// knows a tenant.
const HAProxyHeader = "X-Tenant"

// HAProxyProcess is a running HAProxy in master-worker mode: a gateway that
// asks a map for each tenant's pool. It answers with the pool's name itself.
type HAProxyProcess struct {
	*Process
	Socket string // the Runtime API's unix socket
	TCP    string // the same at an address, host:port
	URL    string // where it takes requests, without a slash at the end
	Map    string // the map file, which names the map as well

	t      testing.TB
	config string
	master string // the unix socket of the master
}

// HAProxy returns the path of the haproxy binary: what SLUICE_HAPROXY names, or
// else the one that Debian's package installs.
func HAProxy(t testing.TB) string {
	t.Helper()
	return packaged(t, "haproxy", "SLUICE_HAPROXY", "/usr/sbin/haproxy")
}

// StartHAProxy starts a gateway with the pools blue and green, and with what a
// map file says. Tenants that it does not name get 404. HAProxy ends with the
// test.
func StartHAProxy(t testing.TB, mapFile string) *HAProxyProcess {
	t.Helper()
	home := shortTempDir(t)
	p := &HAProxyProcess{
		t: t, config: filepath.Join(home, "haproxy.cfg"), Socket: filepath.Join(home, "admin.sock"),
		Map: filepath.Join(home, "tenants.map"), TCP: FreeAddress(t), master: filepath.Join(home, "master.sock"),
	}
	address := FreeAddress(t)
	p.URL = "http://" + address
	config := strings.NewReplacer("SOCKET", p.Socket, "TCP", p.TCP, "ADDRESS", address, "MAP", p.Map).Replace(haproxyConfig)
	for file, text := range map[string]string{p.config: config, p.Map: mapFile} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatalf("writing the files of HAProxy: %v", err)
		}
	}
	p.Start()
	return p
}

const haproxyConfig = `
global
  stats socket SOCKET mode 600 level admin
  stats socket ipv4@TCP level admin
  stats timeout 1m
  hard-stop-after 1m
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
frontend gateway
  bind ADDRESS
  use_backend %[req.hdr(X-Tenant),map_str(MAP,nobody)]
backend blue
  http-request return status 200 content-type text/plain string blue
backend green
  http-request return status 200 content-type text/plain string green
backend nobody
  http-request return status 404 content-type text/plain string nobody
`

// Start starts HAProxy again after a Kill, with the files as they are now.
func (p *HAProxyProcess) Start() {
	p.t.Helper()
	cmd := exec.Command(HAProxy(p.t), "-W", "-db", "-S", p.master, "-f", p.config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Process = Start(p.t, "HAProxy", cmd)
	p.t.Cleanup(p.Kill)
	// The master starts itself once more when it has started the worker: until
	// then a reload would not be noticed, and a question would not be answered.
	p.Await("answer", func() bool { return p.PID() != "" && ask(p.master, "show proc", time.Second/4) != "" })
}

// Kill ends the master and its workers at once, as kill -9 does, and returns
// when nothing listens any more.
func (p *HAProxyProcess) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // fails only where all have ended already
	p.Process.Kill()
	deadline := time.After(startWait)
	for p.PID() != "" {
		select {
		case <-deadline:
			p.t.Fatalf("HAProxy still answers after it was killed:\n%s", p.output.tail())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Reload starts a worker with the files as they are now, and returns when it
// answers in the place of the old one, which lives on while connections to it
// are open.
func (p *HAProxyProcess) Reload() {
	p.t.Helper()
	before := p.PID()
	ask(p.master, "reload", startWait)
	p.Await("reload", func() bool { now := p.PID(); return now != "" && now != before })
}

// PID returns the process id of the worker that answers now; empty where none
// does.
func (p *HAProxyProcess) PID() string {
	for line := range strings.Lines(p.Ask("show info")) {
		if pid, found := strings.CutPrefix(line, "Pid: "); found {
			return strings.TrimSpace(pid)
		}
	}
	return ""
}

// Ask gives one command to the Runtime API, as somebody else than the executor
// does, and returns the answer; empty where none comes.
func (p *HAProxyProcess) Ask(command string) string { return ask(p.Socket, command, startWait) }

func ask(socket, command string, within time.Duration) string {
	conn, err := net.DialTimeout("unix", socket, within)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(within))
	if _, err := fmt.Fprintln(conn, command); err != nil {
		return ""
	}
	var answer bytes.Buffer
	_, _ = answer.ReadFrom(conn) // what came is the answer
	return answer.String()
}

// Entries returns what the running map says, by key; where a key stands there
// several times, the values are joined by commas.
func (p *HAProxyProcess) Entries() map[string]string {
	entries := map[string]string{}
	for line := range strings.Lines(p.Ask("show map " + p.Map)) {
		_, entry, found := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if !found {
			continue
		}
		key, value, _ := strings.Cut(entry, " ")
		if other, twice := entries[key]; twice {
			value = other + "," + value
		}
		entries[key] = value
	}
	return entries
}

// PoolOf returns the pool that answers a tenant's request.
func (p *HAProxyProcess) PoolOf(tenant string) string {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.URL+"/", nil)
	if err != nil {
		p.t.Fatalf("making a request: %v", err)
	}
	request.Close = true
	request.Header.Set(HAProxyHeader, tenant)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatalf("asking HAProxy: %v", err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		p.t.Fatalf("reading HAProxy's answer: %v", err)
	}
	return body.String()
}
