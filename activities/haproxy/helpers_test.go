package haproxy

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/executortest"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

// startGateway starts a HAProxy that maps all tenants to blue.
func startGateway(t *testing.T, tenants []string) *producttest.HAProxyProcess {
	t.Helper()
	return producttest.StartHAProxy(t, mapOf(tenants, "blue"))
}

func mapOf(tenants []string, pool string) string {
	var text strings.Builder
	for _, tenant := range tenants {
		text.WriteString(tenant + " " + pool + "\n")
	}
	return text.String()
}

// all returns what a map says where every tenant has the same pool.
func all(tenants []string, pool string) map[string]string {
	entries := map[string]string{}
	for _, tenant := range tenants {
		entries[tenant] = pool
	}
	return entries
}

// toGreen are parameters that move every target of a gateway to green.
func toGreen(g *producttest.HAProxyProcess) Params {
	return Params{Socket: g.Socket, Map: g.Map, To: "green"}
}

// openWork makes the work of one attempt of a worker of its own.
func openWork(t *testing.T, p Params, earlier ...Params) *activities.Work {
	t.Helper()
	require.NoError(t, p.Validate())
	return open(p, earlier, egress.Allow{}, gateway.NewLanes())
}

// fileOf returns the map file.
func fileOf(t testing.TB, g *producttest.HAProxyProcess) string {
	t.Helper()
	text, err := os.ReadFile(g.Map)
	require.NoError(t, err)
	return string(text)
}

// set changes the running map as somebody else would.
func set(t testing.TB, g *producttest.HAProxyProcess, key, value string) {
	t.Helper()
	require.Equal(t, "\n", g.Ask("set map "+g.Map+" "+key+" "+value))
}

// action is what a peer does with a command.
type action int

const (
	pass      action = iota // HAProxy is asked, and its answer given
	cutBefore               // the connection is closed
	cutAfter                // HAProxy is asked, and the connection closed
	hang                    // HAProxy is asked, and its answer kept back
)

// between starts a peer that stands between the executor and HAProxy, and
// returns its socket.
func between(t *testing.T, g *producttest.HAProxyProcess, handle func(command string) action) string {
	t.Helper()
	return listen(t, func(client net.Conn) {
		server, err := net.Dial("unix", g.Socket)
		if err != nil {
			return
		}
		defer server.Close()
		behind := &conversation{conn: server, in: bufio.NewReaderSize(server, maxLineBytes), timeout: DefaultTimeout, ctx: t.Context()}
		commands := bufio.NewScanner(client)
		for commands.Scan() {
			do := handle(commands.Text())
			if do == cutBefore {
				return
			}
			var answer strings.Builder
			err := behind.send(commands.Text())
			if err == nil {
				err = behind.receive(func(line []byte) error { answer.Write(line); return nil })
			}
			switch {
			case err != nil || do == cutAfter:
				return
			case do == hang:
				_, _ = io.Copy(io.Discard, client) // until the executor gives up
				return
			}
			if _, err := io.WriteString(client, answer.String()+"\n> "); err != nil {
				return
			}
		}
	})
}

// listen starts a server at a unix socket that serves each connection with
// serve and closes it then.
func listen(t *testing.T, serve func(net.Conn)) (socket string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "sluice") // t.TempDir may be too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	socket = filepath.Join(folder, "peer.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return socket
}

// isChange reports whether a command changes something.
func isChange(command string) bool {
	return strings.HasPrefix(command, "set map ") || strings.HasPrefix(command, "add map ") || strings.HasPrefix(command, "del map ")
}

// counted counts the changes that pass through a peer.
func counted(changes *atomic.Int64, handle func(change int64) action) func(string) action {
	return func(command string) action {
		if !isChange(command) {
			return pass
		}
		return handle(changes.Add(1))
	}
}

// requireRefused asserts that err is of one target, which is not tried again,
// and returns what it says.
func requireRefused(t *testing.T, err error, target, code string) string {
	t.Helper()
	failed := executortest.RequireTargets(t, err, target)
	executortest.RequireKind(t, failed[target], domain.CategoryBusiness, code, false)
	return failed[target].Error()
}

// keyed returns what a map file says, by key.
func keyed(text string) map[string]string {
	entries := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		entries[key] = value
	}
	return entries
}
