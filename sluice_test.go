package sluice_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"github.com/seed-3652815f/sluice"
	"github.com/seed-3652815f/sluice/internal/payload"
)

func TestClientOptionsAreThoseOfTemporalsEnvironment(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:7999")
	t.Setenv("TEMPORAL_NAMESPACE", "edge")
	options, err := sluice.ClientOptions()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:7999", options.HostPort)
	require.Equal(t, "edge", options.Namespace)
	requireReadsLargePlans(t, options.DataConverter)
	requireReadsLargePlans(t, sluice.DataConverter())
}

// requireReadsLargePlans requires that a converter reads what sluice compresses.
func requireReadsLargePlans(t *testing.T, data converter.DataConverter) {
	t.Helper()
	want := make([]string, 20000)
	for i := range want {
		want[i] = "tenant"
	}
	packed, err := payload.Encode(want)
	require.NoError(t, err)
	var got []string
	require.NoError(t, data.FromPayload(packed.Payload(), &got))
	require.Equal(t, want, got)
}
