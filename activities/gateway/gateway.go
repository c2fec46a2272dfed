// Package gateway holds what the executors of gateways share: their error
// codes, the request that sees whether a route has changed, and lanes that keep
// writers of one gateway apart.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// Error codes that several gateways have.
const (
	CodeDenied        = "ADDRESS_DENIED"      // SLUICE_HTTP_ALLOW does not hold the address
	CodeUnreachable   = "GATEWAY_UNREACHABLE" // no answer, or one that says to come again
	CodeBusy          = "GATEWAY_BUSY"        // others keep it busy, or change the map faster than we do
	CodeRefused       = "GATEWAY_REFUSED"     // it does not take what it is asked
	CodeUnknownMap    = "UNKNOWN_MAP"         // it has no such map
	CodeBadMap        = "BAD_MAP"             // the map is none that can be changed
	CodeUnknownTarget = "UNKNOWN_TARGET"      // the target has no entry, or cannot have one
	CodeDuplicate     = "DUPLICATE_MAPPING"   // the target has several entries
	CodeDrift         = "DRIFT"               // somebody else has changed the entry
	CodeNotSwitched   = "ROUTE_NOT_SWITCHED"  // the route is not what it was changed to
)

// NewHTTPClient makes a client that opens a connection for each request, since
// one from before a reload could still be served by the old configuration; that
// reaches what allow says, past any proxy; and that follows no redirect.
func NewHTTPClient(allow egress.Allow) *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: nil, DialContext: allow.Dial, DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Unreachable is the error of a gateway from which no whole answer came. The
// format says what was wanted of it; err is why.
func Unreachable(err error, format string, args ...any) error {
	var denied *egress.DeniedError
	if errors.As(err, &denied) {
		return activities.Refused(CodeDenied, format+": %w", append(args, denied)...)
	}
	return activities.Unavailable(CodeUnreachable, format+": %w", append(args, err)...)
}

// Wait returns after d, or earlier with an error where the context ends.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the gateway: %w", ctx.Err())
	}
}

// OrNil keeps an empty table from being taken for an error.
func OrNil(failed activities.TargetErrors) error {
	if len(failed) == 0 {
		return nil
	}
	return failed
}

// OneLine returns at most n bytes of what a gateway says, each run of blanks
// and control characters as one blank.
func OneLine(text string, n int) string {
	cut := len(text) > n
	text = strings.ToValidUTF8(text[:min(len(text), n)], "")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	switch {
	case text == "":
		return "(nothing)"
	case cut:
		return text + "…"
	}
	return text
}

// WithoutURL takes the URL out of an error of package http; the caller says
// better where it went, and the URL may hold secrets.
func WithoutURL(err error) error {
	var fault *url.Error
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}
