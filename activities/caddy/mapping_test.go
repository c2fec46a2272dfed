package caddy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
)

func TestTenantWithTwoMappingsIsRefusedAndTheOthersAreNot(t *testing.T) {
	t.Parallel()
	admin := fake(t, `{"handler":"map","destinations":["{pool}"],"mappings":[
		{"input":"a","outputs":["blue"]},{"input":"b","outputs":["blue"]},{"input":"a","outputs":["green"]}]}`)
	work := openWork(t, Params{Admin: admin, To: "green"})
	values, err := work.Prior(t.Context(), []string{"a", "b"})
	failed := requireTargets(t, err, "a")
	requireKind(t, failed["a"], domain.CategoryBusiness, CodeDuplicate, false)
	require.ErrorContains(t, failed["a"], "the 1. and 3.")
	require.JSONEq(t, `"blue"`, string(values[1].Value))
	for _, do := range []error{work.Steps[0].Do(t.Context(), []activities.Target{a}), work.Rollback(t.Context(), []activities.Target{a})} {
		requireKind(t, requireTargets(t, do, "a")["a"], domain.CategoryBusiness, CodeDuplicate, false)
	}
}

func TestTenantForWhomAnotherMappingDecidesIsRefused(t *testing.T) {
	t.Parallel()
	admin := fake(t, `{"handler":"map","destinations":["{pool}"],"mappings":[
		{"input":"a-0","outputs":["blue"]},{"input_regexp":"^b-","outputs":[null]},{"input_regexp":"^a-","outputs":["red"]},
		{"input":"a-1","outputs":["blue"]},{"input":"b-1","outputs":["blue"]},{"input":"c-1","outputs":["blue"]}]}`)
	_, err := openWork(t, Params{Admin: admin, To: "green"}).Prior(t.Context(), []string{"a-0", "a-1", "b-1", "c-1"})
	failed := requireTargets(t, err, "a-1")
	requireKind(t, failed["a-1"], domain.CategoryBusiness, CodeShadowed, false)
	require.ErrorContains(t, failed["a-1"], "^a-")
}

func TestWhatIsNotKnownOfTheMapIsKept(t *testing.T) {
	t.Parallel()
	const before = `{"@id":"t","handler":"map","destinations":["{a}","{b}"],"defaults":["x","y"],"later":{"n":12345678901234567890},
		"mappings":[{"input":"a","outputs":["1","2"],"note":[1.50,null]},{"input_regexp":"z","outputs":[null,3]}],"source":"{s}"}`
	h, err := parseHandler([]byte(before), "{b}")
	require.NoError(t, err)
	require.NoError(t, h.set("a", json.RawMessage(`"new"`)))
	require.NoError(t, h.set("c", json.RawMessage(`"new"`)))
	after, err := h.encode()
	require.NoError(t, err)
	want := strings.NewReplacer("\n\t\t", "", `"2"`, `"new"`, `{"input_regexp"`, `{"input":"c","outputs":[null,"new"]},{"input_regexp"`).Replace(before)
	require.JSONEq(t, want, string(after))
	require.Contains(t, string(after), "12345678901234567890")
	require.Contains(t, string(after), "1.50")
}

func TestMappingThatSaysSomethingElseIsNotRemoved(t *testing.T) {
	t.Parallel()
	h, err := parseHandler([]byte(`{"handler":"map","destinations":["{a}","{b}"],"mappings":[{"input":"x","outputs":["kept","green"]}]}`), "{b}")
	require.NoError(t, err)
	h.unset("x")
	after, err := h.encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"handler":"map","destinations":["{a}","{b}"],"mappings":[{"input":"x","outputs":["kept",null]}]}`, string(after))
}

func TestObjectThatIsNoUsableMapIsRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ object, destination, want string }{
		"a list":                {`[1]`, "", "no map handler"},
		"null":                  {`null`, "", "no map handler"},
		"another handler":       {`{"handler":"static_response"}`, "", "static_response"},
		"a route":               {`{"handle":[{"handler":"map"}]}`, "", "no map handler"},
		"several destinations":  {`{"handler":"map","destinations":["{a}","{b}"]}`, "", "parameter destination"},
		"no destination":        {`{"handler":"map"}`, "", "parameter destination"},
		"another destination":   {`{"handler":"map","destinations":["{a}"]}`, "{b}", `no destination "{b}"`},
		"too few outputs":       {`{"handler":"map","destinations":["{a}"],"mappings":[{"input":"x"}]}`, "", "0 outputs"},
		"bad pattern":           {`{"handler":"map","destinations":["{a}"],"mappings":[{"input_regexp":"(","outputs":["x"]}]}`, "", "mapping 0"},
		"a mapping of its own":  {`{"handler":"map","destinations":["{a}"],"mappings":["x"]}`, "", "mapping 0"},
		"mappings, but no list": {`{"handler":"map","destinations":["{a}"],"mappings":{}}`, "", "no map handler"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseHandler([]byte(c.object), c.destination)
			requireKind(t, err, domain.CategoryBusiness, CodeBadMap, false)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestBadParamsAreRefused(t *testing.T) {
	t.Parallel()
	good := Params{Admin: "http://127.0.0.1:2019", To: "green"}
	require.NoError(t, good.Validate())
	cases := map[string]struct {
		change func(p *Params)
		want   string
	}{
		"no admin":                {func(p *Params) { p.Admin = "" }, "admin"},
		"admin without scheme":    {func(p *Params) { p.Admin = "127.0.0.1:2019" }, "admin"},
		"admin of another scheme": {func(p *Params) { p.Admin = "unix:///run/caddy" }, "admin"},
		"admin without host":      {func(p *Params) { p.Admin = "http://:2019" }, "admin"},
		"admin with query":        {func(p *Params) { p.Admin += "?x=1" }, "query"},
		"no to":                   {func(p *Params) { p.To = "" }, "to: is missing"},
		"to of two lines":         {func(p *Params) { p.To = "a\nb" }, "control characters"},
		"to too long":             {func(p *Params) { p.To = strings.Repeat("x", 1025) }, "1025 bytes"},
		"id with slash":           {func(p *Params) { p.ID = "a/b" }, "slash"},
		"id of dots":              {func(p *Params) { p.ID = ".." }, "dots"},
		"batch too large":         {func(p *Params) { p.BatchSize = 5001 }, "batchSize: is 5001"},
		"negative batch":          {func(p *Params) { p.BatchSize = -1 }, "batchSize: is -1"},
		"settle too long":         {func(p *Params) { p.Settle = domain.Duration(61 * time.Second) }, "settle: is 1m1s"},
		"negative settle":         {func(p *Params) { p.Settle = -1 }, "settle"},
		"timeout too short":       {func(p *Params) { p.Timeout = 1 }, "timeout"},
		"timeout too long":        {func(p *Params) { p.Timeout = domain.Duration(time.Hour) }, "timeout"},
		"probe without url":       {func(p *Params) { p.Probe = &Probe{} }, "probe.url"},
		"probe elsewhere":         {func(p *Params) { p.Probe = &Probe{URL: "file:///x"} }, "probe.url"},
		"probe with bad header":   {func(p *Params) { p.Probe = &Probe{URL: "http://h", Headers: map[string]string{"a b": ""}} }, "probe.headers"},
		"probe with long text":    {func(p *Params) { p.Probe = &Probe{URL: "http://h", Contains: strings.Repeat("x", 1025)} }, "probe.contains"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := good
			c.change(&p)
			require.ErrorContains(t, p.Validate(), c.want)
		})
	}
	err := Params{BatchSize: -1, Settle: -1}.Validate()
	for _, name := range []string{"admin", "to", "batchSize", "settle"} {
		require.ErrorContains(t, err, name)
	}
}

func TestDefaultsAreThoseThatAreDocumented(t *testing.T) {
	t.Parallel()
	p := Params{Admin: "http://127.0.0.1:2019", To: "green"}.withDefaults()
	require.Equal(t, "tenants", p.ID)
	require.Equal(t, 100, p.BatchSize)
	require.Equal(t, "10s", p.Timeout.String())
	require.Zero(t, p.Settle)
	work := openWork(t, Params{Admin: "http://127.0.0.1:2019", To: "green", BatchSize: 7})
	require.Equal(t, 7, work.BatchSize)
	require.Equal(t, "gateway.caddy", Executor(egress.Allow{}).Name)
}

func BenchmarkEditOf10000Mappings(b *testing.B) {
	var mappings []string
	for i := range 10_000 {
		mappings = append(mappings, fmt.Sprintf(`{"input":"tenant-%05d","outputs":["blue"]}`, i))
	}
	object := []byte(`{"@id":"tenants","handler":"map","destinations":["{pool}"],"mappings":[` + strings.Join(mappings, ",") + `]}`)
	for b.Loop() {
		h, err := parseHandler(object, "")
		require.NoError(b, err)
		for i := range 100 {
			require.NoError(b, h.set(fmt.Sprintf("tenant-%05d", i), json.RawMessage(`"green"`)))
		}
		_, err = h.encode()
		require.NoError(b, err)
	}
}
