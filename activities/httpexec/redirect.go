package httpexec

import (
	"fmt"
	"net/http"
	"slices"
)

// maxRedirects is how many redirects of a GET are followed.
const maxRedirects = 5

// redirectError says why a redirect was not followed.
type redirectError struct {
	code string
	why  string
}

func (e *redirectError) Error() string { return e.why }

// checkRedirect follows redirects of GET only: another method could do
// something twice, or something else. It does not follow a status that the
// task takes for a success. Where the redirect leaves the scheme, host and port
// of the task's URL, the task's headers stay behind, for they may be secret.
// Where it goes to is checked when the connection is made, as ever.
func (r *requester) checkRedirect(next *http.Request, before []*http.Request) error {
	first := before[0]
	switch {
	case first.Method != http.MethodGet, slices.Contains(r.params.ExpectStatus, next.Response.StatusCode):
		return http.ErrUseLastResponse
	case len(before) > maxRedirects:
		return &redirectError{code: CodeRedirects, why: fmt.Sprintf("it was redirected more than %d times, at last to %s", maxRedirects, shown(next.URL))}
	case next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return &redirectError{code: CodeBadRedirect, why: fmt.Sprintf("it was redirected to the scheme %q, which is neither http nor https", next.URL.Scheme)}
	}
	if next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host {
		for name := range r.params.Headers {
			next.Header.Del(name)
		}
		next.Header.Del(headerKey)
		next.Header.Del(headerFence)
		next.Header.Del("Referer")
		next.Host = ""
	}
	return nil
}
