package caddy

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

func TestConcurrentWritersLoseNoChangeOfEachOther(t *testing.T) {
	t.Parallel()
	names := tenantNames(60)
	gateway := startGateway(t, append(slices.Clone(names), "other"))
	gateway.edit(t, func(m tenantMap) { m.set("other", "value-0") })
	stop := make(chan struct{})
	var last atomic.Int64
	var writers sync.WaitGroup
	writers.Go(func() { // somebody else, who changes another mapping again and again
		for n := int64(1); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for status := 0; status != http.StatusOK; {
				m, etag := gateway.tenants(t)
				mine := []any{fmt.Sprint("value-", n-1), fmt.Sprint("value-", n)} // n: its answer was lost
				if !assert.Contains(t, mine, m.pools()["other"], "somebody has undone the change") {
					return
				}
				m.set("other", fmt.Sprint("value-", n))
				status = gateway.replace(t, m, etag)
				if !assert.Contains(t, []int{http.StatusOK, http.StatusPreconditionFailed, 0}, status) {
					return
				}
			}
			last.Store(n)
		}
	})
	var batches sync.WaitGroup
	for half := range slices.Chunk(names, 30) { // two workers, each with three batches at once
		work := openWork(t, Params{Admin: gateway.Admin, To: "green"})
		all := recorded(t, work, half)
		for batch := range slices.Chunk(all, 10) {
			batches.Go(func() { assert.NoError(t, work.Steps[0].Do(t.Context(), batch)) })
		}
	}
	batches.Wait()
	close(stop)
	writers.Wait()

	now, _ := gateway.tenants(t)
	pools := now.pools()
	require.Positive(t, last.Load())
	require.Equal(t, fmt.Sprint("value-", last.Load()), pools["other"])
	for _, name := range names {
		require.Equal(t, "green", pools[name], name)
	}
}

func TestChangeBetweenReadAndWriteIsReadAgain(t *testing.T) {
	t.Parallel()
	names := tenantNames(3)
	gateway := startGateway(t, names)
	var patches atomic.Int64
	admin := between(t, gateway.Admin, func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) {
		if r.Method == http.MethodPatch && patches.Add(1) == 1 {
			gateway.edit(t, func(m tenantMap) {
				m.set(names[0], "red") // drifts
				m.set("new", "red")    // is kept
			})
		}
		pass(w)
	})
	work := openWork(t, Params{Admin: admin, To: "green"})
	all := recorded(t, work, names)
	failed := requireTargets(t, work.Steps[0].Do(t.Context(), all), names[0])
	requireKind(t, failed[names[0]], domain.CategoryBusiness, CodeDrift, false)
	now, _ := gateway.tenants(t)
	require.Equal(t, map[string]any{names[0]: "red", names[1]: "green", names[2]: "green", "new": "red"}, now.pools())
	require.EqualValues(t, 2, patches.Load())
}

func TestChangeWhoseAnswerIsLostIsReadBack(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		lose    func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter))
		patches int64
	}{
		"made, and the connection cut": {patches: 1, lose: func(w http.ResponseWriter, _ *http.Request, pass func(http.ResponseWriter)) {
			pass(discard{header: http.Header{}})
			cut(w)
		}},
		"made, and no answer until the time-out": {patches: 1, lose: func(_ http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) {
			pass(discard{header: http.Header{}})
			<-r.Context().Done()
		}},
		"not made, and the connection cut": {patches: 2, lose: func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
			cut(w)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := tenantNames(10)
			gateway := startGateway(t, names)
			before := gateway.configuration(t)
			var patches atomic.Int64
			admin := between(t, gateway.Admin, func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) {
				if r.Method == http.MethodPatch && patches.Add(1) == 1 {
					c.lose(w, r, pass)
					return
				}
				pass(w)
			})
			work := openWork(t, Params{Admin: admin, To: "green", Timeout: domain.Duration(2 * time.Second)})
			all := recorded(t, work, names)
			require.NoError(t, apply(t.Context(), work, all))
			require.Equal(t, c.patches, patches.Load())

			patches.Store(0)
			require.NoError(t, rollback(t.Context(), work, all))
			require.Equal(t, c.patches, patches.Load())
			require.Equal(t, before, gateway.configuration(t))
		})
	}
}

// discard is a ResponseWriter whose answer nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func TestMapThatOthersKeepChangingIsGivenUpForNow(t *testing.T) {
	t.Parallel()
	names := tenantNames(1)
	gateway := startGateway(t, names)
	var patches atomic.Int64
	admin := between(t, gateway.Admin, func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) {
		if r.Method == http.MethodPatch {
			patches.Add(1)
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		pass(w)
	})
	work := openWork(t, Params{Admin: admin, To: "green"})
	err := work.Steps[0].Do(t.Context(), recorded(t, work, names))
	requireKind(t, err, domain.CategoryTechnical, CodeBusy, true)
	require.ErrorIs(t, err, errConflict)
	require.EqualValues(t, maxWrites, patches.Load())
}

func TestOneWorkerChangesAMapOneBatchAtATime(t *testing.T) {
	t.Parallel()
	names := tenantNames(20)
	gateway := startGateway(t, names)
	var conflicts atomic.Int64
	admin := between(t, gateway.Admin, func(w http.ResponseWriter, _ *http.Request, pass func(http.ResponseWriter)) {
		counted := &counting{ResponseWriter: w, conflicts: &conflicts}
		pass(counted)
	})
	work := openWork(t, Params{Admin: admin, To: "green"})
	var batches sync.WaitGroup
	for batch := range slices.Chunk(recorded(t, work, names), 4) {
		batches.Go(func() { assert.NoError(t, work.Steps[0].Do(t.Context(), batch)) })
	}
	batches.Wait()
	require.Zero(t, conflicts.Load())
}

// counting counts the answers 412.
type counting struct {
	http.ResponseWriter
	conflicts *atomic.Int64
}

func (c *counting) WriteHeader(status int) {
	if status == http.StatusPreconditionFailed {
		c.conflicts.Add(1)
	}
	c.ResponseWriter.WriteHeader(status)
}
