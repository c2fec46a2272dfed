package caddy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/demogateway"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

// gatewayUnderTest is a real Caddy with the configuration of the demo.
type gatewayUnderTest struct {
	*producttest.CaddyProcess
	url    string // where it takes requests
	config []byte
}

// startGateway starts a gateway that maps all tenants to blue.
func startGateway(t *testing.T, tenants []string) *gatewayUnderTest {
	t.Helper()
	address := producttest.FreeAddress(t)
	config := demogateway.Config(producttest.FreeAddress(t), address,
		producttest.FreeAddress(t), producttest.FreeAddress(t), tenants)
	return &gatewayUnderTest{CaddyProcess: producttest.StartCaddy(t, config), url: "http://" + address, config: config}
}

// configuration returns the whole configuration as Caddy has it.
func (g *gatewayUnderTest) configuration(t *testing.T) string {
	t.Helper()
	body, _ := g.get(t, "/config/")
	return string(body)
}

// get reads a path of the admin API, and again where a reload of Caddy has
// reset the connection.
func (g *gatewayUnderTest) get(t assert.TestingT, path string) (body []byte, etag string) {
	a, err := gateway.ReadAgain(context.Background(), func() (answer, error) { return g.send(http.MethodGet, path, nil, "") })
	assert.NoError(t, err)
	assert.Equal(t, http.StatusOK, a.status)
	return a.body, a.etag
}

// send makes one request to the admin API.
func (g *gatewayUnderTest) send(method, path string, body []byte, etag string) (answer, error) {
	request, err := http.NewRequest(method, g.Admin+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/json")
	if etag != "" {
		request.Header.Set("If-Match", etag)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, etag: response.Header.Get("Etag"), body: text}, err
}

// tenantMap is the map handler, as somebody else than the executor sees it.
type tenantMap map[string]any

// tenants returns the map, and the tag under which it may be replaced.
func (g *gatewayUnderTest) tenants(t assert.TestingT) (tenantMap, string) {
	body, etag := g.get(t, "/id/tenants")
	m := tenantMap{}
	assert.NoError(t, json.Unmarshal(body, &m))
	return m, etag
}

// replace puts the map in the place of what has the tag, and returns the
// status: 0 where the connection was lost.
func (g *gatewayUnderTest) replace(t assert.TestingT, m tenantMap, etag string) int {
	body, err := json.Marshal(m)
	assert.NoError(t, err)
	a, err := g.send(http.MethodPatch, "/id/tenants", body, etag)
	if err != nil {
		return 0
	}
	return a.status
}

// edit changes the map as somebody else would, and sees that it was changed.
func (g *gatewayUnderTest) edit(t assert.TestingT, edit func(m tenantMap)) {
	m, etag := g.tenants(t)
	edit(m)
	for range maxWrites {
		status := g.replace(t, m, etag)
		now, next := g.tenants(t)
		if status == http.StatusOK || assert.ObjectsAreEqual(jsonOf(t, m), jsonOf(t, now)) {
			return
		}
		assert.Zero(t, status)
		etag = next
	}
	assert.Fail(t, "the map could not be changed")
}

func jsonOf(t assert.TestingT, m tenantMap) string {
	text, err := json.Marshal(m)
	assert.NoError(t, err)
	return string(text)
}

// set gives a tenant's mapping an output, and adds one where there is none.
func (m tenantMap) set(tenant string, output any) {
	for _, mapping := range m.mappings() {
		if mapping["input"] == tenant {
			mapping["outputs"] = []any{output}
			return
		}
	}
	m.add(map[string]any{"input": tenant, "outputs": []any{output}})
}

func (m tenantMap) add(mapping map[string]any) {
	list, _ := m["mappings"].([]any)
	m["mappings"] = append(list, mapping)
}

func (m tenantMap) mappings() []map[string]any {
	list, _ := m["mappings"].([]any)
	all := make([]map[string]any, len(list))
	for i, mapping := range list {
		all[i], _ = mapping.(map[string]any)
	}
	return all
}

// pools returns what each tenant is mapped to.
func (m tenantMap) pools() map[string]any {
	pools := map[string]any{}
	for _, mapping := range m.mappings() {
		if input, ok := mapping["input"].(string); ok {
			outputs, _ := mapping["outputs"].([]any)
			pools[input] = outputs[0]
		}
	}
	return pools
}

func tenantNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%03d", i+1)
	}
	return names
}

// openWork makes the work of one attempt of a worker of its own.
func openWork(t *testing.T, p Params) *activities.Work {
	t.Helper()
	require.NoError(t, p.Validate())
	work, err := open(p, nil, egress.Allow{}, gateway.NewLanes())
	require.NoError(t, err)
	return work
}

// recorded reads what the targets are mapped to, as the runner does before the
// first step; the values go through JSON, as they do in a checkpoint.
func recorded(t *testing.T, work *activities.Work, names []string) []activities.Target {
	t.Helper()
	values, err := work.Prior(t.Context(), names)
	require.NoError(t, err)
	require.Len(t, values, len(names))
	targets := make([]activities.Target, len(names))
	for i, value := range values {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		var prior domain.Prior
		require.NoError(t, json.Unmarshal(text, &prior))
		targets[i] = activities.Target{Name: names[i], Prior: prior}
	}
	return targets
}

// apply does all steps for all targets, batch by batch.
func apply(ctx context.Context, work *activities.Work, targets []activities.Target) error {
	for batch := range slices.Chunk(targets, work.BatchSize) {
		for _, step := range work.Steps {
			if err := step.Do(ctx, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// rollback puts back all targets, newest batch first.
func rollback(ctx context.Context, work *activities.Work, targets []activities.Target) error {
	batches := slices.Collect(slices.Chunk(targets, work.BatchSize))
	for _, batch := range slices.Backward(batches) {
		if err := work.Rollback(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// requireKind asserts what kind of error err is.
func requireKind(t *testing.T, err error, category domain.Category, code string, retryable bool) {
	t.Helper()
	var kind *activities.Error
	require.ErrorAs(t, err, &kind)
	require.Equal(t, code, kind.Code, err)
	require.Equal(t, category, kind.Category, err)
	require.Equal(t, retryable, kind.Retryable, err)
}

// requireTargets asserts that err is about exactly the named targets, and
// returns their errors.
func requireTargets(t *testing.T, err error, names ...string) activities.TargetErrors {
	t.Helper()
	var failed activities.TargetErrors
	require.True(t, errors.As(err, &failed), "the error is %v, but should name targets", err)
	got := make([]string, 0, len(failed))
	for name := range failed {
		got = append(got, name)
	}
	require.ElementsMatch(t, names, got)
	return failed
}

// between starts a server that stands between the executor and Caddy. What
// handle does not answer itself it passes on with pass.
func between(t *testing.T, admin string, handle func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter))) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle(w, r, func(w http.ResponseWriter) { forward(t, w, r, admin) })
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// forward passes a request on to Caddy, and its answer back. A connection that
// Caddy has lost is lost for the executor, too.
func forward(t *testing.T, w http.ResponseWriter, r *http.Request, admin string) {
	body, err := io.ReadAll(r.Body)
	if !assert.NoError(t, err) {
		return
	}
	caddy := &gatewayUnderTest{CaddyProcess: &producttest.CaddyProcess{Admin: admin}}
	a, err := caddy.send(r.Method, r.URL.Path, body, r.Header.Get("If-Match"))
	if err != nil {
		cut(w)
		return
	}
	w.Header().Set("Etag", a.etag)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the executor may have gone
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// fake starts a server that answers as Caddy would with an object.
func fake(t *testing.T, object string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"/config/x 1"`)
		_, _ = io.Copy(w, strings.NewReader(object))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
