package extend

import (
	"encoding/json"
	"regexp"
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

func TestAPlanIsCheckedByTheWorkerThatServesItBeforeAnyTaskStarts(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	worker := p.start("sluice-worker")
	worker.Await("become ready", func() bool { return strings.Contains(worker.Output(), `"worker ready"`) })
	p.write("bad.yaml", `apiVersion: sluice/v1
kind: Plan
metadata: {name: bad}
spec:
  targets: [a, b]
  tasks:
    - {name: fine, executor: http, params: {url: "http://127.0.0.1:1"}}
    - {name: one, executor: gateway.cady}
    - {name: two, executor: gateway.caddy, params: {admin: "http://127.0.0.1:1", tow: green, batchSize: 9999}}
    - {name: three, executor: http, params: {url: "ftp://x", timeout: "5 minutes", expectStatus: [200, 7]}}
    - {name: four, executor: unknown.here, taskQueue: elsewhere}
`)
	p.must("sluice start bad.yaml")
	out, code := p.sh("sluice wait bad --timeout 30s")
	require.Equal(t, 3, code, out)
	for _, line := range []string{
		`spec.tasks[1].executor: is "gateway.cady", which the workers of the task queue "sluice" do not serve; did you mean "gateway.caddy"?; they serve gateway.caddy, `,
		`spec.tasks[2].params.to: is missing`,
		`spec.tasks[2].params.tow: there is no parameter "tow"; did you mean "to"?`,
		`spec.tasks[2].params.batchSize: is 9999, but has to be from 1 to 5000`,
		`spec.tasks[3].params.timeout: is "5 minutes", but has to be a text such as 90s, 5m, 1h30m`,
		`spec.tasks[3].params.url: `,
		`spec.tasks[3].params.expectStatus[1]: is 7, but a status is from 200 to 599`,
		`sluice: the plan was refused, it has 7 faults.`,
	} {
		require.Regexp(t, "(?m)^"+regexp.QuoteMeta(line), out)
	}
}
