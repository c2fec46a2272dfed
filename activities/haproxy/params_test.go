package haproxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/executortest"
)

func TestBadParamsAreRefused(t *testing.T) {
	t.Parallel()
	good := Params{Socket: "/run/haproxy/admin.sock", Map: "/etc/haproxy/tenants.map", To: "green"}
	require.NoError(t, good.Validate())
	long := strings.Repeat("x", maxTextBytes+1)
	cases := map[string]struct {
		change func(p *Params)
		want   string
	}{
		"no socket":              {func(p *Params) { p.Socket = "" }, "socket: has to be"},
		"relative socket":        {func(p *Params) { p.Socket = "admin.sock" }, "socket: has to be"},
		"address without a port": {func(p *Params) { p.Socket = "tcp://127.0.0.1" }, "socket: has to be"},
		"address without a host": {func(p *Params) { p.Socket = "tcp://:9999" }, "socket: has to be"},
		"no map":                 {func(p *Params) { p.Map = "" }, "map: is missing"},
		"map by number":          {func(p *Params) { p.Map = "#2" }, "numbers change"},
		"map with a blank":       {func(p *Params) { p.Map = "/a b" }, "map: \"/a b\" has blanks"},
		"map and a command":      {func(p *Params) { p.Map = "/a;quit" }, "semicolon"},
		"map too long":           {func(p *Params) { p.Map = "/" + long }, "map: has"},
		"relative map":           {func(p *Params) { p.Map = "tenants.map" }, "file: is missing"},
		"relative file":          {func(p *Params) { p.File = "tenants.map" }, "file: is"},
		"file that is not used":  {func(p *Params) { p.File, p.RuntimeOnly = "/x", true }, "do not go together"},
		"no to":                  {func(p *Params) { p.To = "" }, "to: is missing"},
		"to of two words":        {func(p *Params) { p.To = "a b" }, "to: \"a b\" has blanks"},
		"to and a command":       {func(p *Params) { p.To = "a;quit" }, "semicolon"},
		"to of two lines":        {func(p *Params) { p.To = "a\nquit" }, "control characters"},
		"to with a backslash":    {func(p *Params) { p.To = `a\` }, "backslash"},
		"to that is a payload":   {func(p *Params) { p.To = "<<" }, "<<"},
		"key of all":             {func(p *Params) { p.Key = "example.com" }, "the same for every target"},
		"key with a blank":       {func(p *Params) { p.Key = "a {{target}}" }, "blanks"},
		"key by number":          {func(p *Params) { p.Key = "#{{target}}" }, "begins with #"},
		"batch too large":        {func(p *Params) { p.BatchSize = 5001 }, "batchSize: is 5001"},
		"settle too long":        {func(p *Params) { p.Settle = 2 * domain.Duration(MaxSettle) }, "settle: is 2m0s"},
		"timeout too short":      {func(p *Params) { p.Timeout = 1 }, "timeout: is 1ns"},
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
	for _, name := range []string{"socket", "map", "to", "batchSize", "settle"} {
		require.ErrorContains(t, err, name+": ")
	}
	relative := good
	relative.Map, relative.RuntimeOnly = "tenants.map", true
	require.NoError(t, relative.Validate())
	require.Equal(t, 500, openWork(t, good).BatchSize)
	require.Equal(t, "10s", good.withDefaults().Timeout.String())
}

func TestTheExecutorIsDocumented(t *testing.T) {
	executortest.RequireDocumented(t, Executor(egress.Allow{}), "haproxy.md")
}
