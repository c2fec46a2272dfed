package extend

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

func TestExecutorsAreListedFromTheRunningWorkers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out, code := p.sh("sluice executors")
	require.Equal(t, 1, code)
	require.Contains(t, out, `sluice: no worker of the task queue "sluice" says which executors it serves: none is there; start one with: sluice-worker --task-queue sluice`)

	worker := p.start("sluice-worker")
	worker.Await("become ready", func() bool { return strings.Contains(worker.Output(), `"worker ready"`) })
	table := p.must("sluice executors")
	require.Regexp(t, `(?m)^gateway.caddy +SWITCH_GATEWAY, VERIFY_ROUTE +100 +yes +yes +move each target's mapping`, table)
	require.Contains(t, p.must("sluice executors http"), "  url  (text, required)\n      url is where the request goes")

	var catalog domain.Catalog
	require.NoError(t, json.Unmarshal([]byte(p.must("sluice executors -o json")), &catalog))
	require.Equal(t, "sluice", catalog.TaskQueue)
	for _, e := range catalog.Executors {
		require.NotEmpty(t, e.Summary, e.Name)
		require.NotEmpty(t, e.Steps, e.Name)
		require.Contains(t, string(e.Params), `"$schema"`, e.Name)
	}
	out, code = p.sh("sluice executors --task-queue elsewhere")
	require.Equal(t, 1, code)
	require.Contains(t, out, `no worker of the task queue "elsewhere"`)
}
