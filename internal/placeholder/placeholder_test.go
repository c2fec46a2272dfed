package placeholder

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTargetIsEscapedForItsPlaceInTheURL(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ address, target, want string }{
		"path":                         {"http://h/t/{{target}}", "a/b?c#d", "http://h/t/a%2Fb%3Fc%23d"},
		"query":                        {"http://h/t?name={{target}}", "a&b=c d", "http://h/t?name=a%26b%3Dc+d"},
		"path and query":               {"http://h/{{target}}?n={{target}}", "ü/", "http://h/%C3%BC%2F?n=%C3%BC%2F"},
		"host":                         {"https://{{target}}.example.com:8443/x", "tenant-1", "https://tenant-1.example.com:8443/x"},
		"host without path":            {"http://h?t={{target}}", "x@y", "http://h?t=x%40y"},
		"fragment is dropped":          {"http://h/a#{{target}}", "x", "http://h/a"},
		"percent stays what it is":     {"http://h/{{target}}", "%2e%2e", "http://h/%252e%252e"},
		"dots within a longer segment": {"http://h/v{{target}}", "..", "http://h/v.."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := URL(c.address, c.target)
			require.NoError(t, err)
			require.Equal(t, c.want, got.String())
		})
	}
}

func TestTargetThatWouldChangeTheRequestIsRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ address, target, want string }{
		"user in host":   {"http://{{target}}.example.com/", "evil.com/@x", "no host name"},
		"blank in host":  {"http://{{target}}/", "a b", "no host name"},
		"hyphen first":   {"http://{{target}}/", "-a", "no host name"},
		"empty label":    {"http://{{target}}/", "a..b", "no host name"},
		"IPv6":           {"http://{{target}}/", "[::1]", "no host name"},
		"upper folder":   {"http://h/t/{{target}}/delete", "..", "segment"},
		"same folder":    {"http://h/t/{{target}}", ".", "segment"},
		"half of a dots": {"http://h/t/.{{target}}", ".", "segment"},
		"scheme":         {"{{target}}://h/", "http", "scheme"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := URL(c.address, c.target)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestBadURLIsRefusedWithoutBeingRepeated(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"":                                 "begin with http",
		"ftp://h/secret":                   "begin with http",
		"h/secret":                         "begin with http",
		"http:///secret":                   "names no host",
		"http://user:secret@h/":            "Authorization",
		"http://h/?k=secret\n":             "cannot be read",
		"http://h:port/secret":             "cannot be read",
		"http://h/{{tenant}}?key=secret":   "placeholder other than {{target}}",
		"http://h/a/../b?key=secret":       "segment",
		"http://h/{{ target }}?key=secret": "placeholder other than {{target}}",
	}
	for address, want := range cases {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			err := CheckURL(address)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	require.NoError(t, CheckURL("https://{{target}}:8443/{{target}}?{{target}}={{target}}"))
}

func TestJSONKeepsTheDocumentValidWhateverTheTargetIs(t *testing.T) {
	t.Parallel()
	for _, target := range []string{`a`, `"`, `\`, `","admin":true,"x":"`, `<&>`, "ü\u2028"} {
		var got struct{ Tenant string }
		require.NoError(t, json.Unmarshal([]byte(JSON(`{"tenant":"{{target}}"}`, target)), &got))
		require.Equal(t, target, got.Tenant)
	}
	require.Equal(t, `{"t":"<&>"}`, JSON(`{"t":"{{target}}"}`, "<&>"))
}

func TestHeaderRefusesControlCharacters(t *testing.T) {
	t.Parallel()
	got, err := Header("tenant {{target}}", "a-1")
	require.NoError(t, err)
	require.Equal(t, "tenant a-1", got)
	_, err = Header("{{target}}", "a\r\nAdmin: yes")
	require.ErrorContains(t, err, "control characters")
}

func TestHostTakesATargetOnlyWhereItIsAHostName(t *testing.T) {
	t.Parallel()
	headers := map[string]string{"host": "{{target}}.example.com", "x-tenant": "{{target}}"}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gateway/", nil)
	require.NoError(t, err)
	require.NoError(t, SetHeaders(request, headers, "tenant-1"))
	require.Equal(t, "tenant-1.example.com", request.Host)
	require.Equal(t, "tenant-1", request.Header.Get("X-Tenant"))
	require.ErrorContains(t, SetHeaders(request, headers, "tenant/1"), "no host name")
}

func TestCheckHeadersNamesTheHeaderAndNeverItsValue(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		headers map[string]string
		want    string
	}{
		"name with a blank": {map[string]string{"X Tenant": "secret"}, "no name of a header"},
		"empty name":        {map[string]string{"": "secret"}, "no name of a header"},
		"line break":        {map[string]string{"X-Key": "secret\nX: y"}, "X-Key"},
		"twice":             {map[string]string{"x-key": "secret", "X-Key": "secret"}, "stands twice"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckHeaders(c.headers)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	require.NoError(t, CheckHeaders(map[string]string{"Authorization": "Bearer x", "X-Tenant": "{{target}}"}))
}
