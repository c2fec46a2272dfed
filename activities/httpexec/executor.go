// Package httpexec is the executor http: one request for each target.
package httpexec

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/placeholder"
)

// Name is what a plan file names as executor.
const Name = "http"

// StepRequest is the only step.
const StepRequest = "REQUEST"

// Error codes of this executor, beside HTTP_ and the status, as in HTTP_503.
const (
	CodeDenied      = "ADDRESS_DENIED"     // SLUICE_HTTP_ALLOW does not hold the address
	CodeBadTarget   = "BAD_TARGET"         // the target's name cannot stand in the request
	CodeRedirects   = "TOO_MANY_REDIRECTS" // more than five, mostly a loop
	CodeBadRedirect = "BAD_REDIRECT"       // to something that is not http or https
	CodeUnreachable = "UNREACHABLE"        // no answer, or one that broke off
)

const (
	headerKey   = "Idempotency-Key"
	headerFence = "Sluice-Fencing-Token"
)

const (
	maxBodyBytes   = 64 << 10  // of an answer
	maxHeaderBytes = 256 << 10 // of an answer
	idleTimeout    = 30 * time.Second
	idlePerHost    = 32 // connections
)

//go:embed params.go
var paramsSource string

// Executor returns the executor http, which reaches what allow says. It keeps
// nothing that could be put back, so its tasks cannot be rolled back.
func Executor(allow egress.Allow) activities.Executor {
	transport := newTransport(allow)
	return activities.Define(Name, func(_ context.Context, p Params) (*activities.Work, error) {
		return open(p, transport), nil
	}).Describe(activities.About{
		Summary: "send one HTTP request for each target",
		Steps:   []string{StepRequest},
		Source:  paramsSource,
	})
}

// newTransport makes the connections of all attempts. It uses no proxy from
// the environment, behind which addresses could not be checked.
func newTransport(allow egress.Allow) *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            allow.Dial,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // an answer is not larger than what is read
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
	}
}

// open makes the work of one attempt.
func open(p Params, transport http.RoundTripper) *activities.Work {
	r := &requester{params: p.withDefaults()}
	r.http = &http.Client{Transport: transport, CheckRedirect: r.checkRedirect}
	return &activities.Work{Steps: []activities.Step{{Name: StepRequest, Do: r.batch}}}
}

// requester makes the requests of one attempt.
type requester struct {
	http   *http.Client
	params Params // with defaults
}

// batch makes one request for each target.
func (r *requester) batch(ctx context.Context, batch []activities.Target) error {
	failed := activities.TargetErrors{}
	for _, target := range batch {
		if err := r.one(ctx, target); err != nil {
			failed[target.Name] = err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("making the request for %s: %w", target.Name, ctx.Err())
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return failed
}

// one makes the request for one target.
func (r *requester) one(ctx context.Context, target activities.Target) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.params.Timeout))
	defer cancel()
	request, err := r.request(ctx, target)
	if err != nil {
		return activities.Refused(CodeBadTarget, "making the request: %w", err)
	}
	what := request.Method + " " + shown(request.URL)
	response, err := r.http.Do(request)
	if err != nil {
		return r.transportError(what, err)
	}
	defer func() { _ = response.Body.Close() }() // all that is wanted was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBodyBytes))
	if err != nil {
		return r.transportError(what+", reading the answer", err)
	}
	if r.params.success(response.StatusCode) {
		return nil
	}
	said := r.excerpt(string(body), request)
	return statusError(response.StatusCode, "%s was answered %d: %s", what, response.StatusCode, said)
}

// request makes the request with the target's name in it.
func (r *requester) request(ctx context.Context, target activities.Target) (*http.Request, error) {
	address, err := placeholder.URL(r.params.URL, target.Name)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, r.params.Method, address.String(), strings.NewReader(r.params.body(target.Name)))
	if err != nil {
		return nil, withoutURL(err)
	}
	if r.params.isJSON() {
		request.Header.Set("Content-Type", "application/json")
	}
	if err := placeholder.SetHeaders(request, r.params.Headers, target.Name); err != nil {
		return nil, err
	}
	request.Header.Set(headerKey, target.Key)
	request.Header.Set(headerFence, strconv.FormatInt(target.Fence, 10))
	return request, nil
}

// statusError says whether a status that is no success may pass.
func statusError(status int, format string, args ...any) error {
	code := "HTTP_" + strconv.Itoa(status)
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return activities.Unavailable(code, format, args...)
	}
	if status >= 500 {
		return activities.Unavailable(code, format, args...)
	}
	return activities.Refused(code, format, args...)
}

// transportError says what kind of error it is that no whole answer came.
func (r *requester) transportError(what string, err error) error {
	err = withoutURL(err)
	var (
		refused   *egress.DeniedError
		redirect  *redirectError
		connected net.Error
	)
	switch {
	case errors.As(err, &refused):
		return activities.Refused(CodeDenied, "%s: %w", what, refused)
	case errors.As(err, &redirect):
		return activities.Refused(redirect.code, "%s: %w", what, redirect)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &connected) && connected.Timeout():
		return activities.Unavailable(domain.CodeTimeout, "%s took longer than %s: %w", what, r.params.Timeout, err)
	}
	return activities.Unavailable(CodeUnreachable, "%s: %w", what, err)
}

// withoutURL takes the URL out of an error of package http; it may hold
// secrets, and the caller says better where the request went.
func withoutURL(err error) error {
	var fault *url.Error
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}

// shown returns the URL without its query, which may hold secrets.
func shown(address *url.URL) string {
	return address.Scheme + "://" + address.Host + address.EscapedPath()
}
