package e2e

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities/haproxy"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

// startHAProxy starts a HAProxy with n tenants, all of them blue.
func startHAProxy(t *testing.T, n int) *producttest.HAProxyProcess {
	t.Helper()
	return producttest.StartHAProxy(t, strings.Join(names(n), " blue\n")+" blue\n")
}

// onChanged returns a socket before HAProxy's that calls a function when HAProxy
// has answered a batch of changes and before anybody hears of it.
func onChanged(t *testing.T, g *producttest.HAProxyProcess, f func(batch int)) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "sluice")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	listener, err := net.Listen("unix", filepath.Join(folder, "proxy.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var batches atomic.Int64
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", g.Socket)
			if err != nil {
				_ = client.Close() // HAProxy does not run just now
				continue
			}
			var changing atomic.Bool
			go relay(client, server, func(sent []byte) {
				if bytes.Contains(sent, []byte("set map ")) {
					changing.Store(true)
				}
			})
			go relay(server, client, func([]byte) {
				if changing.Swap(false) {
					f(int(batches.Add(1)))
				}
			})
		}
	}()
	return listener.Addr().String()
}

// relay passes on what one side says, after it was looked at.
func relay(from, to net.Conn, look func([]byte)) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		look(buffer[:n])
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// haproxyCutover returns a plan that moves n tenants to green, ten at a time.
func haproxyCutover(t *testing.T, g *producttest.HAProxyProcess, socket string, n int) domain.Document {
	t.Helper()
	doc := document(t, n, ledger.Params{})
	doc.Spec.Tasks[0].Executor = haproxy.Name
	doc.Spec.Tasks[0].HeartbeatTimeout = domain.Duration(time.Second)
	doc.Spec.Tasks[0].Retry.InitialInterval = domain.Duration(100 * time.Millisecond)
	doc.Spec.Tasks[0].Params = asJSON(t, haproxy.Params{
		Socket: socket, Map: g.Map, To: "green", BatchSize: 10,
		Probe: &haproxy.Probe{URL: g.URL + "/", Headers: map[string]string{producttest.HAProxyHeader: "{{target}}"}},
	})
	return doc
}

func requirePools(t *testing.T, g *producttest.HAProxyProcess, n int, pool string) {
	t.Helper()
	want := map[string]string{}
	for _, name := range names(n) {
		want[name] = pool
	}
	require.Equal(t, want, g.Entries())
	file, err := os.ReadFile(g.Map)
	require.NoError(t, err)
	require.Equal(t, strings.Join(names(n), " "+pool+"\n")+" "+pool+"\n", string(file))
}

func TestAWorkerKilledBetweenHAProxysAnswerAndTheNextCheckpointStillKnowsTheOldValue(t *testing.T) {
	t.Parallel()
	const tenants = 60
	g := startHAProxy(t, tenants)
	var w atomic.Pointer[worker]
	killed := make(chan struct{})
	socket := onChanged(t, g, func(batch int) {
		if batch == 3 {
			w.Load().kill()
			close(killed)
		}
	})
	p := start(t, haproxyCutover(t, g, socket, tenants))
	w.Store(startWorker(t))
	<-killed
	require.Equal(t, "green", g.PoolOf("tenant-000021"), "the change itself was made")
	file, err := os.ReadFile(g.Map)
	require.NoError(t, err)
	require.Contains(t, string(file), "tenant-000021 blue\n", "and not saved yet")
	startWorker(t)
	final := p.completed()
	for _, name := range names(tenants) {
		require.JSONEq(t, `"blue"`, string(final.Tasks[0].Checkpoint.Data.RollbackInfo[name]), name)
	}
	requirePools(t, g, tenants, "green")
}

func TestHAProxyKilledInThePlanIsWaitedForAndLosesNothing(t *testing.T) {
	t.Parallel()
	const tenants = 60
	g := startHAProxy(t, tenants)
	killed := make(chan struct{})
	socket := onChanged(t, g, func(batch int) {
		if batch == 4 {
			g.Kill() // the batch's changes are made, and not saved
			close(killed)
		}
	})
	doc := haproxyCutover(t, g, socket, tenants)
	retries := 100 // it waits for as long as the gateway is away
	doc.Spec.Tasks[0].Retry.MaxRetries = &retries
	p := start(t, doc)
	startWorker(t)
	<-killed
	p.await("the task has failed once", func(domain.Snapshot) bool {
		a := p.pending()
		return len(a) == 1 && a[0].GetAttempt() > 1
	})
	g.Start()
	final := p.completed()
	require.Equal(t, domain.Progress{Done: tenants, Total: tenants, Ratio: 1}, final.Progress)
	requirePools(t, g, tenants, "green")
}
