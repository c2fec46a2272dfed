package caddy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

func TestStatusDecidesWhetherItIsTriedAgain(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status    int
		code      string
		retryable bool
	}{
		{http.StatusNotFound, CodeUnknownMap, false},
		{http.StatusBadRequest, CodeRefused, false},
		{http.StatusUnauthorized, CodeRefused, false},
		{http.StatusForbidden, CodeRefused, false},
		{http.StatusFound, CodeRefused, false},
		{http.StatusRequestTimeout, CodeUnreachable, true},
		{http.StatusTooManyRequests, CodeUnreachable, true},
		{http.StatusInternalServerError, CodeUnreachable, true},
		{http.StatusServiceUnavailable, CodeUnreachable, true},
	}
	for _, c := range cases {
		for _, method := range []string{http.MethodGet, http.MethodPatch} {
			t.Run(method+" "+http.StatusText(c.status), func(t *testing.T) {
				t.Parallel()
				admin := between(t, "", func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) {
					if r.Method != method {
						w.Header().Set("Etag", `"/x 1"`)
						_, _ = io.WriteString(w, oneMapping)
						return
					}
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, `{"error":"it is what it is"}`)
				})
				err := openWork(t, Params{Admin: admin, To: "green"}).Steps[0].Do(t.Context(), []activities.Target{a})
				category := domain.CategoryBusiness
				if c.retryable {
					category = domain.CategoryTechnical
				}
				requireKind(t, err, category, c.code, c.retryable)
				if c.code != CodeUnknownMap {
					require.ErrorContains(t, err, "it is what it is")
				}
			})
		}
	}
}

const oneMapping = `{"@id":"tenants","handler":"map","destinations":["{pool}"],"mappings":[{"input":"a","outputs":["blue"]}]}`

// a is the target of oneMapping.
var a = activities.Target{Name: "a", Prior: domain.Prior{Value: []byte(`"blue"`)}}

func TestRealCaddyRefusesWhatIsNoConfigurationAndSaysWhy(t *testing.T) {
	t.Parallel()
	gateway := startGateway(t, tenantNames(1))
	_, err := openWork(t, Params{Admin: gateway.Admin, To: "green", ID: "nothing"}).Prior(t.Context(), []string{"tenant-001"})
	requireKind(t, err, domain.CategoryBusiness, CodeUnknownMap, false)
	require.ErrorContains(t, err, `"nothing"`)
}

func TestEtagInATrailerIsFound(t *testing.T) {
	t.Parallel()
	names := tenantNames(3)
	gateway := startGateway(t, names)
	admin := between(t, gateway.Admin, func(w http.ResponseWriter, _ *http.Request, pass func(http.ResponseWriter)) {
		buffered := httptest.NewRecorder()
		pass(buffered)
		w.Header().Set("Trailer", "Etag")
		w.WriteHeader(buffered.Code)
		_, err := w.Write(buffered.Body.Bytes())
		assert.NoError(t, err)
		w.Header().Set("Etag", buffered.Header().Get("Etag"))
	})
	work := openWork(t, Params{Admin: admin, To: "green"})
	require.NoError(t, apply(t.Context(), work, recorded(t, work, names)))
}

func TestCaddyWithoutAnEtagIsRefused(t *testing.T) {
	t.Parallel()
	admin := between(t, "", func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
		_, _ = io.WriteString(w, oneMapping)
	})
	err := openWork(t, Params{Admin: admin, To: "green"}).Steps[0].Do(t.Context(), []activities.Target{a})
	requireKind(t, err, domain.CategoryBusiness, CodeUnsupported, false)
}

func TestAnswerThatDoesNotComeHitsTheTimeout(t *testing.T) {
	t.Parallel()
	admin := between(t, "", func(_ http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) {
		<-r.Context().Done()
	})
	work := openWork(t, Params{Admin: admin, To: "green", Timeout: domain.Duration(50 * time.Millisecond)})
	_, err := work.Prior(t.Context(), []string{"a"})
	requireKind(t, err, domain.CategoryTechnical, CodeUnreachable, true)
}

func TestPasswordOfTheAdminAPIDoesNotAppearInErrors(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	admin := strings.Replace(gone.URL, "http://", "http://user:hush@", 1)
	_, err := openWork(t, Params{Admin: admin, To: "green"}).Prior(t.Context(), []string{"a"})
	requireKind(t, err, domain.CategoryTechnical, CodeUnreachable, true)
	require.NotContains(t, err.Error(), "hush")
}

func TestAddressThatIsNotAllowedIsRefused(t *testing.T) {
	t.Parallel()
	_, err := openWork(t, Params{Admin: "http://169.254.169.254", To: "green"}).Prior(t.Context(), []string{"a"})
	requireKind(t, err, domain.CategoryBusiness, CodeDenied, false)
	require.ErrorContains(t, err, "SLUICE_HTTP_ALLOW")

	probe := &Probe{URL: "http://[::ffff:169.254.169.254]/"}
	work := openWork(t, Params{Admin: fake(t, oneMapping), To: "blue", Probe: probe})
	failed := requireTargets(t, work.Steps[1].Do(t.Context(), []activities.Target{a}), "a")
	requireKind(t, failed["a"], domain.CategoryBusiness, CodeDenied, false)
}
