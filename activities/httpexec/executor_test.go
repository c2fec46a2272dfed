package httpexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// request does the step REQUEST for one target, and returns that target's
// error.
func request(t *testing.T, allow egress.Allow, p Params, target activities.Target) error {
	t.Helper()
	return requestWith(t.Context(), t, allow, p, target)
}

func requestWith(ctx context.Context, t *testing.T, allow egress.Allow, p Params, target activities.Target) error {
	t.Helper()
	require.NoError(t, p.Validate())
	transport := newTransport(allow)
	t.Cleanup(transport.CloseIdleConnections)
	work := open(p, transport)
	require.Len(t, work.Steps, 1)
	require.Equal(t, "REQUEST", work.Steps[0].Name)
	err := work.Steps[0].Do(ctx, []activities.Target{target})
	var single activities.TargetErrors
	if errors.As(err, &single) {
		require.Len(t, single, 1)
		return single[target.Name]
	}
	return err
}

// requireKind asserts what kind of error err is.
func requireKind(t *testing.T, err error, category domain.Category, code string, retryable bool) {
	t.Helper()
	var kind *activities.Error
	require.ErrorAs(t, err, &kind)
	require.Equal(t, code, kind.Code, err)
	require.Equal(t, category, kind.Category, err)
	require.Equal(t, retryable, kind.Retryable, err)
}

// serve starts a server that ends with the test.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// received is what a server was sent.
type received struct {
	method, path, query, host, body string
	headers                         http.Header
}

// record starts a server that answers 200 and keeps what it was sent.
func record(t *testing.T) (url string, sent func() received) {
	t.Helper()
	requests := make(chan received, 100)
	url = serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- received{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Host, string(body), r.Header}
	})
	return url, func() received { return <-requests }
}

func TestRequestCarriesTargetKeyAndFence(t *testing.T) {
	t.Parallel()
	url, sent := record(t)
	p := Params{
		URL:     url + "/t/{{target}}?name={{target}}",
		Headers: map[string]string{"X-Tenant": "{{target}}", "host": "tenants.example.com", "Authorization": "Bearer abc"},
		Body:    `{"tenant":"{{target}}"}`,
	}
	require.NoError(t, request(t, egress.Allow{}, p, activities.Target{Name: `a"b/c`, Key: "k-1", Fence: 1<<20 + 3}))
	got := sent()
	require.Equal(t, http.MethodPost, got.method)
	require.Equal(t, "/t/a%22b%2Fc", got.path)
	require.Equal(t, "name=a%22b%2Fc", got.query)
	require.Equal(t, "tenants.example.com", got.host)
	require.Equal(t, `{"tenant":"a\"b/c"}`, got.body)
	require.Equal(t, `a"b/c`, got.headers.Get("X-Tenant"))
	require.Equal(t, "Bearer abc", got.headers.Get("Authorization"))
	require.Equal(t, "application/json", got.headers.Get("Content-Type"))
	require.Equal(t, "k-1", got.headers.Get("Idempotency-Key"))
	require.Equal(t, "1048579", got.headers.Get("Sluice-Fencing-Token"))
}

func TestBodyIsEscapedOnlyWhereItIsJSON(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ contentType, body, want string }{
		"valid JSON":               {"", `["{{target}}"]`, `["a\"b"]`},
		"JSON by its type":         {"application/json; charset=utf-8", `{{{target}}`, `{a\"b`},
		"JSON by its type's end":   {"application/merge-patch+json", `"{{target}}`, `"a\"b`},
		"text":                     {"text/plain", `name={{target}}`, `name=a"b`},
		"text without a type":      {"", `name={{target}}`, `name=a"b`},
		"nothing":                  {"", ``, ``},
		"no placeholder, any JSON": {"", `{"a": 1}`, `{"a": 1}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, sent := record(t)
			p := Params{URL: url, Method: "put", Body: c.body, Headers: map[string]string{}}
			if c.contentType != "" {
				p.Headers["Content-Type"] = c.contentType
			}
			require.NoError(t, request(t, egress.Allow{}, p, activities.Target{Name: `a"b`}))
			got := sent()
			require.Equal(t, http.MethodPut, got.method)
			require.Equal(t, c.want, got.body)
		})
	}
}

func TestStatusDecidesWhetherItIsTriedAgain(t *testing.T) {
	t.Parallel()
	type outcome struct {
		category  domain.Category
		retryable bool
	}
	passes, refused := outcome{domain.CategoryTechnical, true}, outcome{domain.CategoryBusiness, false}
	cases := []struct {
		status int
		expect []int
		want   *outcome // nil: success
	}{
		{status: 200}, {status: 201}, {status: 204}, {status: 299},
		{status: 204, expect: []int{200}, want: &refused},
		{status: 404, expect: []int{200, 404}},
		{status: 503, expect: []int{503}},
		{status: 301, want: &refused}, {status: 304, want: &refused}, {status: 307, want: &refused},
		{status: 400, want: &refused}, {status: 401, want: &refused}, {status: 403, want: &refused},
		{status: 404, want: &refused}, {status: 409, want: &refused}, {status: 422, want: &refused},
		{status: 408, want: &passes}, {status: 425, want: &passes}, {status: 429, want: &passes},
		{status: 500, want: &passes}, {status: 502, want: &passes}, {status: 503, want: &passes}, {status: 599, want: &passes},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.status, c.expect), func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
			})
			err := request(t, egress.Allow{}, Params{URL: url, ExpectStatus: c.expect}, activities.Target{Name: "a"})
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			requireKind(t, err, c.want.category, fmt.Sprintf("HTTP_%d", c.status), c.want.retryable)
		})
	}
}

func TestBadParamsAreRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		params Params
		want   string
	}{
		"no url":              {Params{}, "url: is missing"},
		"no scheme":           {Params{URL: "host/path"}, "begin with http"},
		"credentials":         {Params{URL: "http://u:p@h/"}, "Authorization"},
		"other placeholder":   {Params{URL: "http://h/{{tenant}}"}, "placeholder"},
		"method":              {Params{URL: "http://h", Method: "BREW"}, "method"},
		"status":              {Params{URL: "http://h", ExpectStatus: []int{200, 99}}, "99"},
		"negative timeout":    {Params{URL: "http://h", Timeout: -1}, "timeout"},
		"timeout too long":    {Params{URL: "http://h", Timeout: domain.Duration(time.Hour)}, "timeout"},
		"header's name":       {Params{URL: "http://h", Headers: map[string]string{"a b": "x"}}, "no name of a header"},
		"header's value":      {Params{URL: "http://h", Headers: map[string]string{"A": "x\r\nB: y"}}, "control characters"},
		"the executor's own":  {Params{URL: "http://h", Headers: map[string]string{"idempotency-key": "x"}}, "Idempotency-Key"},
		"what Go sets itself": {Params{URL: "http://h", Headers: map[string]string{"Content-Length": "1"}}, "Content-Length"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, c.params.Validate(), c.want)
		})
	}
	err := Params{Method: "BREW", ExpectStatus: []int{1}}.Validate()
	require.ErrorContains(t, err, "url: is missing")
	require.ErrorContains(t, err, "BREW")
	require.ErrorContains(t, err, "expectStatus")
}

func TestTargetThatCannotStandInTheRequestIsRefused(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Params{
		"host":   {URL: "http://{{target}}.example.com/"},
		"header": {URL: "http://127.0.0.1/", Headers: map[string]string{"X": "{{target}}"}},
		"Host":   {URL: "http://127.0.0.1/", Headers: map[string]string{"Host": "{{target}}.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := request(t, egress.Allow{}, p, activities.Target{Name: "a\r\nb"})
			requireKind(t, err, domain.CategoryBusiness, CodeBadTarget, false)
		})
	}
}

func TestAnswerThatTricklesHitsTheTimeout(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				_, _ = io.WriteString(w, ".") // the client has gone
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	err := request(t, egress.Allow{}, Params{URL: url, Timeout: domain.Duration(150 * time.Millisecond)}, activities.Target{Name: "a"})
	requireKind(t, err, domain.CategoryTechnical, domain.CodeTimeout, true)
}

func TestHugeAnswerIsReadOnlyToItsBound(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		w.WriteHeader(http.StatusBadRequest)
		chunk := []byte(strings.Repeat("x", 1<<20))
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	err := request(t, egress.Allow{}, Params{URL: url}, activities.Target{Name: "a"})
	requireKind(t, err, domain.CategoryBusiness, "HTTP_400", false)
	require.Less(t, len(err.Error()), 500)
	<-ended
}

func TestLostAnswerAndUnreachableHostAreTriedAgain(t *testing.T) {
	t.Parallel()
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	short := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	for name, url := range map[string]string{"no answer": cut, "connection refused": gone.URL, "half an answer": short} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := request(t, egress.Allow{}, Params{URL: url}, activities.Target{Name: "a"})
			requireKind(t, err, domain.CategoryTechnical, CodeUnreachable, true)
		})
	}
}

func TestEndOfTheTaskIsNotTakenForTheTargetsFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	err := requestWith(ctx, t, egress.Allow{}, Params{URL: url}, activities.Target{Name: "a"})
	require.ErrorIs(t, err, context.Canceled)
	var kind *activities.Error
	require.NotErrorAs(t, err, &kind)
}

func TestSecretsDoNotAppearInErrors(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "you sent\n%s and token %s", r.Header.Get("Authorization"),
			strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, base := range map[string]string{"refused": url, "unreachable": gone.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Params{URL: base + "/t/{{target}}?key=queryhush", Headers: map[string]string{"Authorization": "Bearer tophush"}}
			err := request(t, egress.Allow{}, p, activities.Target{Name: "a"})
			require.ErrorContains(t, err, "POST "+base+"/t/a")
			require.NotContains(t, err.Error(), "hush")
		})
	}
}
