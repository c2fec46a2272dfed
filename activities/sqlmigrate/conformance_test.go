package sqlmigrate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-3652815f/sluice/activities/conformance"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]func(p Params) Params{
		"with a script":     func(p Params) Params { return p },
		"with a directory":  func(p Params) Params { return Params{SecretRef: p.SecretRef, Schema: p.Schema, Directory: "app"} },
		"in no transaction": func(p Params) Params { p.Script, p.RollbackScript = concurrently, ""; return p },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.Run(t, newFixture(t, params))
		})
	}
}

// newFixture is a database of three tenants behind a proxy that can refuse
// connections.
func newFixture(t *testing.T, params func(p Params) Params) conformance.Fixture {
	d := newDatabase(t, 3)
	proxy := producttest.StartPostgresProxy(t, server, nil)
	d.dsn = producttest.PostgresDSN(proxy.Address, d.name)
	p := params(d.params())
	markers := func(tenant string) string { return quote(tenant) + "." + markerTable }
	return conformance.Fixture{
		Executor: Executor(Settings{Secrets: allowed(t), Directory: directory(t, migrations())}),
		Params:   p,
		Targets:  tenants(3),
		Unknown:  "nobody",
		Seed: func(testing.TB) {
			for _, tenant := range tenants(3) {
				d.exec(fmt.Sprintf("DROP SCHEMA %s CASCADE", quote(tenant)))
				d.addTenant(tenant)
			}
		},
		Read: func(_ testing.TB, tenant string) string {
			state := d.columns(tenant, "item") + " " + strings.Join(d.indexes(tenant), " ")
			if d.columns(tenant, markerTable) != "" {
				state += strings.Join(d.list("SELECT name || checksum FROM "+markers(tenant)+" WHERE state = 'applied' ORDER BY name"), " ")
			}
			return state
		},
		Break: func(testing.TB) func() {
			proxy.Refuse(true)
			return func() { proxy.Refuse(false) }
		},
		Meddle: func(_ testing.TB, tenant string) {
			other := openRunner(t, d.params())
			other.script.name, other.script.checksum = "goose/2", strings.Repeat("0", 64)
			if p.Name != "" {
				other.script.name = p.Name
			}
			place := newPlace(tenant, tenant, DefaultVersionTable)
			d.exec(place.tables())
			d.exec(place.write(), marker{checksum: other.script.checksum, state: stateApplied, fence: 1}.arguments(other.script.name)...)
			d.exec("INSERT INTO " + place.versions + " (version_id, is_applied) VALUES (2, true)")
		},
		Secrets: []string{producttest.PostgresPassword, "battery"},
	}
}
