package demogateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/demogateway"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

func TestTenantIsAnsweredByThePoolOfItsMapping(t *testing.T) {
	t.Parallel()
	gateway := producttest.FreeAddress(t)
	config := string(demogateway.Config(producttest.FreeAddress(t), gateway,
		producttest.FreeAddress(t), producttest.FreeAddress(t), []string{"tenant-001", "tenant-002", "tenant-003"}))
	producttest.StartCaddy(t, []byte(mapTo(t, mapTo(t, config, "tenant-002", "green"), "tenant-003", "red")))

	for tenant, want := range map[string]string{"tenant-001": "blue", "tenant-002": "green", "unmapped": "blue"} {
		got := get(t, "http://"+gateway, tenant)
		require.Equal(t, answer{status: http.StatusOK, pool: want, body: want + "\n"}, got, tenant)
	}
	got := get(t, "http://"+gateway, "tenant-003")
	require.Equal(t, answer{status: http.StatusServiceUnavailable, body: "There is no pool red.\n"}, got)
}

// mapTo changes the mapping of one tenant in the text of a configuration.
func mapTo(t *testing.T, config, tenant, pool string) string {
	t.Helper()
	const before = "\",\n                      \"outputs\": [\n                        \""
	changed := strings.Replace(config, tenant+before+"blue", tenant+before+pool, 1)
	require.NotEqual(t, config, changed, "the configuration has no mapping of %s to blue", tenant)
	return changed
}

// answer is what the gateway answered.
type answer struct {
	status     int
	pool, body string
}

func get(t *testing.T, url, tenant string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	request.Header.Set(demogateway.Header, tenant)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{status: response.StatusCode, pool: response.Header.Get("X-Pool"), body: string(body)}
}
