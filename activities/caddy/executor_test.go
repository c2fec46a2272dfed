package caddy

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/demogateway"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

func TestSwitchSendsEachTenantsRequestsToTheOtherPool(t *testing.T) {
	t.Parallel()
	names := tenantNames(40)
	gateway := startGateway(t, names)
	probe := &Probe{URL: gateway.url + "/{{target}}", Headers: map[string]string{demogateway.Header: "{{target}}"}}
	work := openWork(t, Params{Admin: gateway.Admin, To: "green", Probe: probe})
	require.NoError(t, apply(t.Context(), work, recorded(t, work, names[:30])))

	back := openWork(t, Params{Admin: gateway.Admin, To: "blue", Probe: probe})
	for _, err := range requireTargets(t, verify(t, back, targets(names)), names[:30]...) {
		requireKind(t, err, domain.CategoryExecutor, CodeNotSwitched, true)
	}
}

// verify does the step VERIFY_ROUTE alone.
func verify(t *testing.T, work *activities.Work, batch []activities.Target) error {
	t.Helper()
	require.Equal(t, "VERIFY_ROUTE", work.Steps[1].Name)
	return work.Steps[1].Do(t.Context(), batch)
}

func targets(names []string) []activities.Target {
	all := make([]activities.Target, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	return all
}

func TestRollbackLeavesTheConfigurationByteForByteAsItWas(t *testing.T) {
	t.Parallel()
	names := tenantNames(300)
	gateway := startGateway(t, names)
	gateway.edit(t, func(m tenantMap) {
		for i := range 40 {
			m.set(names[i*7], fmt.Sprintf("pool-%d <&> ü", i))
		}
		m.set(names[1], "green") // where it is to go
		m.set(names[2], nil)
		m.set(names[3], 4711)
		m.set(names[4], true)
	})
	before := gateway.configuration(t)

	work := openWork(t, Params{Admin: gateway.Admin, To: "green"})
	all := recorded(t, work, names)
	require.NoError(t, apply(t.Context(), work, all))
	now, _ := gateway.tenants(t)
	for _, name := range names {
		require.Equal(t, "green", now.pools()[name], name)
	}
	switched := gateway.configuration(t)
	require.NotEqual(t, before, switched)

	require.NoError(t, apply(t.Context(), work, all), "a step may be done again")
	require.Equal(t, switched, gateway.configuration(t))

	require.NoError(t, rollback(t.Context(), work, all))
	require.Equal(t, before, gateway.configuration(t))
	require.NoError(t, rollback(t.Context(), work, all), "a rollback may be done again")
	require.Equal(t, before, gateway.configuration(t))
}

func TestRollbackRemovesTheMappingsThatWereCreated(t *testing.T) {
	t.Parallel()
	cases := map[string]func(m tenantMap){
		"beside others": func(m tenantMap) { m.set("other", "blue") },
		"before a regular expression, which would decide for them": func(m tenantMap) {
			m.set("other", "blue")
			m.add(map[string]any{"input_regexp": "^tenant-", "outputs": []any{"red"}})
			m.set("another", "blue")
		},
		"in a map without any": func(m tenantMap) { delete(m, "mappings") },
		"with two destinations": func(m tenantMap) {
			m["destinations"] = []any{"{region}", "{pool}"}
			m["defaults"] = []any{"north", "blue"}
			m["mappings"] = []any{map[string]any{"input": "other", "outputs": []any{"south", "blue"}}}
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := startGateway(t, nil)
			gateway.edit(t, prepare)
			before := gateway.configuration(t)

			probe := &Probe{URL: gateway.url, Headers: map[string]string{demogateway.Header: "{{target}}"}}
			work := openWork(t, Params{Admin: gateway.Admin, To: "green", Create: true, Destination: "{pool}", Probe: probe})
			all := recorded(t, work, tenantNames(5))
			for _, target := range all {
				require.True(t, target.Prior.Absent)
			}
			require.NoError(t, apply(t.Context(), work, all))
			require.NoError(t, rollback(t.Context(), work, all))
			require.Equal(t, before, gateway.configuration(t))
		})
	}
}

func TestUnknownTenantIsRefusedAndTheOthersAreKnown(t *testing.T) {
	t.Parallel()
	gateway := startGateway(t, tenantNames(3))
	before := gateway.configuration(t)
	work := openWork(t, Params{Admin: gateway.Admin, To: "green"})
	values, err := work.Prior(t.Context(), []string{"tenant-001", "nobody", "tenant-002", "noone"})
	for _, err := range requireTargets(t, err, "nobody", "noone") {
		requireKind(t, err, domain.CategoryBusiness, CodeUnknownTarget, false)
	}
	require.Len(t, values, 4)
	require.JSONEq(t, `"blue"`, string(values[0].Value))
	require.JSONEq(t, `"blue"`, string(values[2].Value))
	require.Equal(t, before, gateway.configuration(t))

	absent := activities.Target{Name: "nobody", Prior: domain.Prior{Absent: true}}
	err = work.Steps[0].Do(t.Context(), []activities.Target{absent})
	requireKind(t, requireTargets(t, err, "nobody")["nobody"], domain.CategoryBusiness, CodeUnknownTarget, false)
	require.Equal(t, before, gateway.configuration(t))
}

func TestTenantThatSomebodyElseChangedIsNotSwitched(t *testing.T) {
	t.Parallel()
	names := tenantNames(5)
	gateway := startGateway(t, names)
	work := openWork(t, Params{Admin: gateway.Admin, To: "green"})
	all := recorded(t, work, names)
	gateway.edit(t, func(m tenantMap) {
		m.set(names[1], "red")
		m["mappings"] = m["mappings"].([]any)[:4] // the fifth is gone
	})
	failed := requireTargets(t, work.Steps[0].Do(t.Context(), all), names[1], names[4])
	requireKind(t, failed[names[1]], domain.CategoryBusiness, CodeDrift, false)
	require.ErrorContains(t, failed[names[1]], `is "red", but "blue" was recorded`)
	requireKind(t, failed[names[4]], domain.CategoryBusiness, CodeDrift, false)
	require.ErrorContains(t, failed[names[4]], `is absent, but "blue" was recorded`)

	now, _ := gateway.tenants(t)
	require.Equal(t, map[string]any{names[0]: "green", names[1]: "red", names[2]: "green", names[3]: "green"}, now.pools())
}

func TestTenantThatSomebodyElseChangedIsNotPutBack(t *testing.T) {
	t.Parallel()
	names := tenantNames(5)
	gateway := startGateway(t, names)
	gateway.edit(t, func(m tenantMap) { m.set(names[3], "yellow") })
	work := openWork(t, Params{Admin: gateway.Admin, To: "green"})
	all := recorded(t, work, names)
	require.NoError(t, apply(t.Context(), work, all))
	gateway.edit(t, func(m tenantMap) {
		m.set(names[1], "red")
		m.set(names[2], "blue") // where it was: nothing is left to do
		m["mappings"] = m["mappings"].([]any)[:4]
	})
	failed := requireTargets(t, work.Rollback(t.Context(), all), names[1], names[4])
	requireKind(t, failed[names[1]], domain.CategoryBusiness, CodeDrift, false)
	require.ErrorContains(t, failed[names[1]], `is "red"`)
	require.ErrorContains(t, failed[names[1]], `"green"`)
	require.ErrorContains(t, failed[names[1]], `"blue" was recorded`)
	require.ErrorContains(t, failed[names[4]], "absent")

	now, _ := gateway.tenants(t)
	require.Equal(t, map[string]any{names[0]: "blue", names[1]: "red", names[2]: "blue", names[3]: "yellow"}, now.pools())
}

func TestRouteThatAnswersFromElsewhereIsNotTakenForSwitched(t *testing.T) {
	t.Parallel()
	names := tenantNames(20)
	gateway := startGateway(t, names)
	right := map[string]string{demogateway.Header: "{{target}}"}
	cases := map[string]struct {
		to, code string
		probe    Probe
	}{
		"a pool that does not exist": {"red", CodeNotSwitched, Probe{URL: gateway.url, Headers: right}},
		"another body":               {"red", CodeNotSwitched, Probe{URL: gateway.url, Headers: right, Contains: "crimson"}},
		"nothing listens":            {"red", CodeUnreachable, Probe{URL: "http://" + producttest.FreeAddress(t)}},
	}
	for _, name := range []string{"a pool that does not exist", "another body", "nothing listens"} {
		c := cases[name]
		work := openWork(t, Params{Admin: gateway.Admin, To: c.to, Probe: &c.probe})
		all := recorded(t, work, names)
		require.NoError(t, work.Steps[0].Do(t.Context(), all))
		category := domain.CategoryExecutor
		if c.code == CodeUnreachable {
			category = domain.CategoryTechnical
		}
		for _, err := range requireTargets(t, verify(t, work, all), names...) {
			requireKind(t, err, category, c.code, true)
		}
	}
}

func TestConfigurationThatWasChangedBackIsNotTakenForSwitched(t *testing.T) {
	t.Parallel()
	names := tenantNames(3)
	gateway := startGateway(t, names)
	work := openWork(t, Params{Admin: gateway.Admin, To: "green"})
	all := recorded(t, work, names)
	require.NoError(t, work.Steps[0].Do(t.Context(), all))
	gateway.edit(t, func(m tenantMap) { m.set(names[2], "blue") })
	failed := requireTargets(t, verify(t, work, all), names[2])
	requireKind(t, failed[names[2]], domain.CategoryExecutor, CodeNotSwitched, true)
}

func TestSettlingEndsWithTheTask(t *testing.T) {
	t.Parallel()
	names := tenantNames(2)
	gateway := startGateway(t, names)
	work := openWork(t, Params{Admin: gateway.Admin, To: "green", Settle: domain.Duration(MaxSettle)})
	all := recorded(t, work, names)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- work.Steps[0].Do(ctx, all) }()
	require.Eventually(t, func() bool {
		now, _ := gateway.tenants(t)
		return now.pools()[names[0]] == "green"
	}, 20*time.Second, 10*time.Millisecond)
	select {
	case err := <-ended:
		require.Fail(t, "the step ended before the gateway had settled", "%v", err)
	default:
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestGatewayThatWasKilledIsTriedAgain(t *testing.T) {
	t.Parallel()
	names := tenantNames(10)
	gateway := startGateway(t, names)
	work := openWork(t, Params{Admin: gateway.Admin, To: "green", BatchSize: 5})
	all := recorded(t, work, names)
	require.NoError(t, apply(t.Context(), work, all[:5]))
	gateway.Kill()
	for _, do := range []func(context.Context, []activities.Target) error{work.Steps[0].Do, work.Steps[1].Do, work.Rollback} {
		requireKind(t, do(t.Context(), all[5:]), domain.CategoryTechnical, CodeUnreachable, true)
	}
	_, err := work.Prior(t.Context(), names)
	requireKind(t, err, domain.CategoryTechnical, CodeUnreachable, true)

	producttest.StartCaddy(t, gateway.config) // as it was at first, without the first batch's change
	require.NoError(t, apply(t.Context(), work, all))
	now, _ := gateway.tenants(t)
	for _, name := range names {
		require.Equal(t, "green", now.pools()[name])
	}
}
