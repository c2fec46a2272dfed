package httpexec

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// redirectTo starts a server that redirects to an address.
func redirectTo(t *testing.T, status int, location string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	})
}

func TestRedirectToAMetadataAddressIsRefused(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
	} {
		t.Run(location, func(t *testing.T) {
			t.Parallel()
			url := redirectTo(t, http.StatusFound, location)
			err := request(t, egress.Allow{}, Params{Method: "GET", URL: url}, activities.Target{Name: "a"})
			requireKind(t, err, domain.CategoryBusiness, CodeDenied, false)
		})
	}
}

func TestRedirectToAHostThatIsNotListedIsRefused(t *testing.T) {
	t.Parallel()
	allow, err := egress.Parse("127.0.0.0/8")
	require.NoError(t, err)
	err = request(t, allow, Params{Method: "GET", URL: redirectTo(t, http.StatusFound, "http://192.0.2.1/")}, activities.Target{Name: "a"})
	requireKind(t, err, domain.CategoryBusiness, CodeDenied, false)
}

func TestAddressThatIsNotAllowedIsRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	allow, err := egress.Parse("elsewhere.example.com")
	require.NoError(t, err)
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came") })
	err = request(t, allow, Params{URL: url}, activities.Target{Name: "a"})
	requireKind(t, err, domain.CategoryBusiness, CodeDenied, false)
}

func TestRedirectLoopEndsAfterFive(t *testing.T) {
	t.Parallel()
	requests := make(chan struct{}, 100)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	err := request(t, egress.Allow{}, Params{Method: "GET", URL: url}, activities.Target{Name: "a"})
	requireKind(t, err, domain.CategoryBusiness, CodeRedirects, false)
	require.Len(t, requests, 6)
}

func TestRedirectToAnotherSchemeIsRefused(t *testing.T) {
	t.Parallel()
	err := request(t, egress.Allow{}, Params{Method: "GET", URL: redirectTo(t, http.StatusFound, "file:///etc/passwd")}, activities.Target{Name: "a"})
	requireKind(t, err, domain.CategoryBusiness, CodeBadRedirect, false)
}

func TestOnlyRedirectsOfGetAreFollowed(t *testing.T) {
	t.Parallel()
	for method, followed := range map[string]bool{"GET": true, "HEAD": false, "POST": false, "DELETE": false} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			end, sent := record(t)
			err := request(t, egress.Allow{}, Params{Method: method, URL: redirectTo(t, http.StatusTemporaryRedirect, end)}, activities.Target{Name: "a"})
			if followed {
				require.NoError(t, err)
				require.Equal(t, "GET", sent().method)
				return
			}
			requireKind(t, err, domain.CategoryBusiness, "HTTP_307", false)
		})
	}
}

func TestRedirectThatIsExpectedIsASuccessAndNotFollowed(t *testing.T) {
	t.Parallel()
	url := redirectTo(t, http.StatusFound, "http://169.254.169.254/")
	require.NoError(t, request(t, egress.Allow{}, Params{Method: "GET", URL: url, ExpectStatus: []int{302}}, activities.Target{Name: "a"}))
}

func TestHeadersStayBehindWhereARedirectLeavesTheHost(t *testing.T) {
	t.Parallel()
	end, sent := record(t)
	p := Params{Method: "GET", URL: redirectTo(t, http.StatusFound, end), Headers: map[string]string{"X-Api-Key": "secret", "Host": "x.example.com"}}
	require.NoError(t, request(t, egress.Allow{}, p, activities.Target{Name: "a", Key: "k"}))
	got := sent()
	require.Empty(t, got.headers.Get("X-Api-Key"))
	require.Empty(t, got.headers.Get("Idempotency-Key"))
	require.NotEqual(t, "x.example.com", got.host)
}
