package caddy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/internal/egress"
)

const (
	maxObjectBytes  = 64 << 20 // of a map handler; 500,000 mappings have about 20 MiB
	maxMessageBytes = 300      // of what Caddy says, in an error
)

// errConflict says that the object has changed since it was read (412).
var errConflict = errors.New("the configuration has changed since it was read")

// outcomeUnknownError says that a change was sent and that no answer came:
// it may have been applied, or be applied later. Read back.
type outcomeUnknownError struct{ cause error }

func (e *outcomeUnknownError) Error() string {
	return "no answer came to the change, which may have been applied or not: " + e.cause.Error()
}

func (e *outcomeUnknownError) Unwrap() error { return e.cause }

// client reads and replaces one object of Caddy's configuration through the
// admin API.
type client struct {
	http    *http.Client
	url     string        // of the object
	admin   string        // the API's URL, for people; without a password
	id      string        // the object's @id
	timeout time.Duration // of one request, its answer included
}

// newClient makes a client for the object with the @id, which reaches what
// allow says. Each reload of Caddy ends the old connections, so that each request
// has its own. Params are valid.
func newClient(p Params, allow egress.Allow) (*client, error) {
	admin, err := url.Parse(p.Admin)
	if err != nil {
		return nil, fmt.Errorf("reading the URL of the admin API: %w", err)
	}
	return &client{
		http:    gateway.NewHTTPClient(allow),
		url:     admin.JoinPath("id", url.PathEscape(p.ID)).String(),
		admin:   admin.Redacted(),
		id:      p.ID,
		timeout: time.Duration(p.Timeout),
	}, nil
}

// read returns the object, and the tag under which it may be replaced.
func (c *client) read(ctx context.Context) (object []byte, etag string, err error) {
	a, err := gateway.ReadAgain(ctx, func() (answer, error) { return c.send(ctx, http.MethodGet, nil, "") })
	switch {
	case ctx.Err() != nil:
		return nil, "", fmt.Errorf("reading the map %q of Caddy at %s: %w", c.id, c.admin, ctx.Err())
	case err != nil:
		return nil, "", gateway.Unreachable(err, "reading the map %q of Caddy at %s", c.id, c.admin)
	case a.status != http.StatusOK:
		return nil, "", c.refusal("reading", a)
	case len(a.body) > maxObjectBytes:
		return nil, "", activities.Refused(CodeBadMap, "the object %q of Caddy at %s has more than %d bytes", c.id, c.admin, maxObjectBytes)
	case a.etag == "":
		return nil, "", activities.Refused(CodeUnsupported, "Caddy at %s answers without an Etag, so that changes of others could be lost; use Caddy 2.6 or later, and a proxy before it that keeps trailers", c.admin)
	}
	return a.body, a.etag, nil
}

// write replaces the object as a whole, which reloads Caddy. It returns
// errConflict where the object is no longer what etag was given for, and an
// *outcomeUnknownError where nobody knows.
func (c *client) write(ctx context.Context, object []byte, etag string) error {
	a, err := c.send(ctx, http.MethodPatch, object, etag)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("changing the map %q of Caddy at %s: %w", c.id, c.admin, ctx.Err())
	case err != nil:
		return &outcomeUnknownError{cause: err}
	case a.status == http.StatusPreconditionFailed:
		return errConflict
	case a.status != http.StatusOK:
		return c.refusal("changing", a)
	}
	return nil
}

// answer is what came back to one request.
type answer struct {
	status int
	etag   string
	body   []byte
}

// send makes one request and reads the whole answer, because some
// versions of Caddy give the Etag in a trailer, which stands behind the body.
func (c *client) send(ctx context.Context, method string, body []byte, etag string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("making the request: %w", err)
	}
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("If-Match", etag)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, gateway.WithoutURL(err)
	}
	defer func() { _ = response.Body.Close() }() // all that is wanted was read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxObjectBytes+1))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	a := answer{status: response.StatusCode, body: text, etag: response.Header.Get("Etag")}
	if a.etag == "" {
		a.etag = response.Trailer.Get("Etag")
	}
	return a, nil
}

// refusal is the error for an answer that is not a success.
func (c *client) refusal(doing string, a answer) error {
	said := message(a.body)
	switch {
	case a.status == http.StatusNotFound:
		return activities.Refused(CodeUnknownMap, "Caddy at %s has no object with the @id %q; give the map handler that @id, or name another one in the parameter id", c.admin, c.id)
	case a.status >= 500, a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly, a.status == http.StatusTooManyRequests:
		return activities.Unavailable(CodeUnreachable, "%s the map %q: Caddy at %s answered %d: %s", doing, c.id, c.admin, a.status, said)
	}
	return activities.Refused(CodeRefused, "%s the map %q: Caddy at %s answered %d: %s", doing, c.id, c.admin, a.status, said)
}
