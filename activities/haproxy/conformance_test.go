package haproxy

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities/conformance"
	"github.com/seed-3652815f/sluice/internal/egress"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("entries that are there", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, map[string]string{"tenant-a": "blue", "tenant-b": "nobody", "tenant-c": "blue"})
		f.Unknown = "stranger"
		p := f.Params.(Params)
		bad := p
		bad.To = "a;b"
		f.BadParams = []any{bad, Params{Socket: "nowhere", Map: p.Map, To: "green"}}
		conformance.Run(t, f)
	})
	t.Run("entries that are to be added", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, map[string]string{"tenant-a": "blue"})
		p := f.Params.(Params)
		p.Create = true
		f.Params = p
		conformance.Run(t, f)
	})
}

// newFixture is a real HAProxy, and what stands there before a plan.
func newFixture(t *testing.T, seed map[string]string) conformance.Fixture {
	g := startGateway(t, nil)
	var broken atomic.Bool
	p := toGreen(g)
	p.Socket = between(t, g, func(string) action {
		if broken.Load() {
			return cutBefore
		}
		return pass
	})
	return conformance.Fixture{
		Executor: Executor(egress.Allow{}),
		Params:   p,
		Targets:  []string{"tenant-a", "tenant-b", "tenant-c"},
		Seed: func(t testing.TB) {
			g.Ask("clear map " + g.Map)
			var text string
			for key, value := range seed {
				g.Ask("add map " + g.Map + " " + key + " " + value)
				text += key + " " + value + "\n"
			}
			require.NoError(t, os.WriteFile(g.Map, []byte(text), 0o600))
		},
		Read: func(t testing.TB, target string) string {
			running := g.Entries()[target]
			saved := keyed(fileOf(t, g))[target]
			return fmt.Sprint(running, " ", saved)
		},
		Meddle: func(t testing.TB, target string) { set(t, g, target, "other") },
		Break: func(testing.TB) func() {
			broken.Store(true)
			return func() { broken.Store(false) }
		},
	}
}
