package caddy

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/seed-3652815f/sluice/activities/conformance"
	"github.com/seed-3652815f/sluice/internal/egress"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("mappings that are there", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, map[string]any{"tenant-a": "blue", "tenant-b": "red", "tenant-c": map[string]any{"pool": "blue"}})
		f.Unknown = "nobody"
		f.BadParams = []any{Params{Admin: "nowhere", To: "green"}, Params{Admin: "http://127.0.0.1:1", To: "a\nb"}}
		conformance.Run(t, f)
	})
	t.Run("mappings that are to be added", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, map[string]any{"tenant-a": "blue", "tenant-b": nil, "tenant-c": nil})
		p := f.Params.(Params)
		p.Create = true
		f.Params = p
		conformance.Run(t, f)
	})
}

// newFixture is a real Caddy, and what stands there before a plan; nil: nothing.
func newFixture(t *testing.T, seed map[string]any) conformance.Fixture {
	gateway := startGateway(t, nil)
	var broken atomic.Bool
	admin := between(t, gateway.Admin, func(w http.ResponseWriter, _ *http.Request, pass func(http.ResponseWriter)) {
		if broken.Load() {
			cut(w)
			return
		}
		pass(w)
	})
	return conformance.Fixture{
		Executor: Executor(egress.Allow{}),
		Params:   Params{Admin: admin, To: "green"},
		Targets:  []string{"tenant-a", "tenant-b", "tenant-c"},
		Seed: func(t testing.TB) {
			gateway.edit(t, func(m tenantMap) {
				m["mappings"] = []any{}
				for _, name := range []string{"tenant-a", "tenant-b", "tenant-c"} {
					if seed[name] != nil {
						m.set(name, seed[name])
					}
				}
			})
		},
		Read: func(t testing.TB, target string) string {
			m, _ := gateway.tenants(t)
			value, ok := m.pools()[target]
			return fmt.Sprint(value, " ", ok)
		},
		Meddle: func(t testing.TB, target string) {
			gateway.edit(t, func(m tenantMap) { m.set(target, "yellow") })
		},
		Break: func(testing.TB) func() {
			broken.Store(true)
			return func() { broken.Store(false) }
		},
	}
}
