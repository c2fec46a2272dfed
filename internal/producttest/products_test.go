package producttest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHAProxyTakesUpItsMapFileAtAReloadAndAfterAKill(t *testing.T) {
	t.Parallel()
	gateway := StartHAProxy(t, "a blue\nb green\n")
	require.Equal(t, []string{"blue", "green", "nobody"}, []string{gateway.PoolOf("a"), gateway.PoolOf("b"), gateway.PoolOf("c")})
	require.Equal(t, map[string]string{"a": "blue", "b": "green"}, gateway.Entries())

	gateway.Ask("set map " + gateway.Map + " a green")
	require.Equal(t, "green", gateway.PoolOf("a"))
	before := gateway.PID()
	gateway.Reload()
	require.NotEqual(t, before, gateway.PID())
	require.Equal(t, "blue", gateway.PoolOf("a"), "what was changed in memory only is lost")

	gateway.Kill()
	require.Empty(t, gateway.PID())
	gateway.Start()
	require.Equal(t, "blue", gateway.PoolOf("a"))
}

func TestPrometheusAnswers(t *testing.T) {
	t.Parallel()
	p := StartPrometheus(t)
	require.True(t, p.ready())
	p = StartPrometheus(t, p.URL[len("http://"):])
	require.Equal(t, 1, p.up())
}
