package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities/caddy"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/demogateway"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

// gateway is a real Caddy with a blue and a green pool.
type gateway struct {
	t       *testing.T
	admin   string
	address string
}

// startGateway starts Caddy with n tenants, all of them blue.
func startGateway(t *testing.T, n int) *gateway {
	t.Helper()
	free := func() string { return fmt.Sprintf("127.0.0.1:%d", producttest.FreePort(t)) }
	g := &gateway{t: t, address: free()}
	g.admin = producttest.StartCaddy(t, demogateway.Config(free(), g.address, free(), free(), names(n))).Admin
	return g
}

// config returns Caddy's configuration.
func (g *gateway) config() string {
	g.t.Helper()
	response, err := http.Get(g.admin + "/config/")
	require.NoError(g.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return string(body)
}

// poolOf returns the pool that answers a tenant's request.
func (g *gateway) poolOf(tenant string) string {
	g.t.Helper()
	request, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "http://"+g.address+"/", nil)
	require.NoError(g.t, err)
	request.Header.Set(demogateway.Header, tenant)
	response, err := http.DefaultClient.Do(request)
	require.NoError(g.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return strings.TrimSpace(string(body))
}

// onPatched puts a proxy in front of the admin API that calls a function when
// Caddy has answered a change and before anybody hears of it.
func (g *gateway) onPatched(f func(change int)) {
	target, err := url.Parse(g.admin)
	require.NoError(g.t, err)
	changes := atomic.Int64{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method == http.MethodPatch && r.StatusCode == http.StatusOK {
			f(int(changes.Add(1)))
		}
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = target.Host // Caddy refuses requests for another origin
		proxy.ServeHTTP(w, r)
	}))
	g.t.Cleanup(server.Close)
	g.admin = server.URL
}

// cutover returns a plan that moves n tenants to green, ten at a time.
func (g *gateway) cutover(n int) domain.Document {
	doc := document(g.t, n, ledger.Params{})
	doc.Spec.Tasks[0].Executor = caddy.Name
	doc.Spec.Tasks[0].HeartbeatTimeout = domain.Duration(time.Second)
	doc.Spec.Tasks[0].Params = asJSON(g.t, caddy.Params{
		Admin: g.admin, To: demogateway.Green, BatchSize: 10,
		Probe: &caddy.Probe{URL: "http://" + g.address + "/", Headers: map[string]string{demogateway.Header: "{{target}}"}},
	})
	return doc
}

func TestAWorkerKilledBetweenCaddysAnswerAndTheNextCheckpointStillKnowsTheOldValue(t *testing.T) {
	t.Parallel()
	const tenants = 60
	g := startGateway(t, tenants)
	before := g.config()
	var w atomic.Pointer[worker]
	killed := make(chan struct{})
	direct := g.admin
	g.onPatched(func(change int) {
		if change == 3 {
			w.Load().kill()
			close(killed)
		}
	})
	doc := g.cutover(tenants)
	p := start(t, doc)
	w.Store(startWorker(t))
	<-killed
	require.Equal(t, demogateway.Green, g.poolOf("tenant-000021"), "the change itself was made")
	startWorker(t)
	final := p.completed()
	for _, name := range names(tenants) {
		require.Equal(t, demogateway.Green, g.poolOf(name))
		require.JSONEq(t, `"blue"`, string(final.Tasks[0].Checkpoint.Data.RollbackInfo[name]), name)
	}
	g.admin = direct
	require.NotEqual(t, before, g.config())
}

func TestPausedHalfWayTheGatewayServesBothPoolsAndNothingMoves(t *testing.T) {
	t.Parallel()
	const tenants = 200
	g := startGateway(t, tenants)
	half, release := make(chan struct{}), make(chan struct{})
	g.onPatched(func(change int) {
		if change == 10 {
			close(half)
			<-release
		}
	})
	p := start(t, g.cutover(tenants))
	startWorker(t)
	<-half
	p.send(domain.CommandPause, domain.Command{})
	p.awaitHeard()
	close(release)
	s := p.awaitState(domain.PlanPaused)
	require.Equal(t, 100, s.Progress.Done)
	paused := g.config()
	for i, name := range names(tenants) {
		want := demogateway.Blue
		if i < 100 {
			want = demogateway.Green
		}
		require.Equal(t, want, g.poolOf(name), name)
	}
	require.Equal(t, paused, g.config())
	p.send(domain.CommandResume, domain.Command{})
	p.completed()
	for _, name := range names(tenants) {
		require.Equal(t, demogateway.Green, g.poolOf(name), name)
	}
}
