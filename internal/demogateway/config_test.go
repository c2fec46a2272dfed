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
		response, body := get(t, "http://"+gateway, tenant)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, want+"\n", body, tenant)
		require.Equal(t, want, response.Header.Get("X-Pool"), tenant)
	}
	response, body := get(t, "http://"+gateway, "tenant-003")
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "There is no pool red.\n", body)
}

// mapTo changes the mapping of one tenant in the text of a configuration.
func mapTo(t *testing.T, config, tenant, pool string) string {
	t.Helper()
	const before = "\",\n                      \"outputs\": [\n                        \""
	changed := strings.Replace(config, tenant+before+"blue", tenant+before+pool, 1)
	require.NotEqual(t, config, changed, "the configuration has no mapping of %s to blue", tenant)
	return changed
}

func get(t *testing.T, url, tenant string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	request.Header.Set(demogateway.Header, tenant)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}
