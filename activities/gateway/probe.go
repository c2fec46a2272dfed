package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/placeholder"
)

const (
	maxContainsBytes = 1024
	parallelProbes   = 8       // requests at once, for one batch
	maxProbeBytes    = 1 << 20 // of the body, in which the text is looked for
	maxShownBytes    = 120     // of the body, in an error
)

// Probe is a GET request through the gateway. It succeeds when it is answered
// 2xx with a body that contains Contains; redirects are not followed. The
// comments stand in tags as well, for the schemas of other packages' parameters.
type Probe struct {
	// URL is where the gateway takes requests. {{target}} stands for the
	// target's name, escaped. Required.
	URL string `json:"url" jsonschema_description:"url is where the gateway takes requests. {{target}} stands for the target's name, escaped. Required."`

	// Headers are sent along; {{target}} stands for the target's name. The
	// header Host sets the host that is asked for.
	Headers map[string]string `json:"headers,omitempty" jsonschema_description:"headers are sent along; {{target}} stands for the target's name. The header Host sets the host that is asked for."`

	// Contains is a text that stands in the first MiB of the body. Empty: the
	// parameter to.
	Contains string `json:"contains,omitempty" jsonschema_description:"contains is a text that stands in the first MiB of the body. Empty: the parameter to."`
}

// Check returns everything that is wrong with a probe, which may be nil, as the
// faults of the parameter probe.
func (p *Probe) Check() error {
	if p == nil {
		return nil
	}
	var faults []error
	if err := placeholder.CheckURL(p.URL); err != nil {
		faults = append(faults, activities.BadParam("probe.url", "%w", err))
	}
	if err := placeholder.CheckHeaders(p.Headers); err != nil {
		faults = append(faults, activities.BadParam("probe.headers", "%w", err))
	}
	if len(p.Contains) > maxContainsBytes {
		faults = append(faults, activities.BadParam("probe.contains", "has %d bytes, but may have %d at most", len(p.Contains), maxContainsBytes))
	}
	return errors.Join(faults...)
}

// Prober makes requests through a gateway.
type Prober struct {
	http    *http.Client
	probe   Probe
	timeout time.Duration // of one request, its body included
}

// NewProber makes a prober that reaches what allow says. Where the probe names
// no text, to is what the body has to contain.
func NewProber(allow egress.Allow, probe Probe, to string, timeout time.Duration) *Prober {
	if probe.Contains == "" {
		probe.Contains = to
	}
	return &Prober{http: NewHTTPClient(allow), probe: probe, timeout: timeout}
}

// All makes one request for each target (and another where its connection is
// lost before an answer), and adds those that went wrong to
// failed. It returns an error only where the context has ended.
func (p *Prober) All(ctx context.Context, targets []string, failed activities.TargetErrors) error {
	var (
		mu      sync.Mutex
		workers sync.WaitGroup
		next    = make(chan string)
	)
	for range min(parallelProbes, len(targets)) {
		workers.Go(func() {
			for target := range next {
				if err := p.one(ctx, target); err != nil {
					mu.Lock()
					failed[target] = err
					mu.Unlock()
				}
			}
		})
	}
	for _, target := range targets {
		next <- target
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("probing the routes of %d targets: %w", len(targets), ctx.Err())
	}
	return nil
}

// one makes the request for one target.
func (p *Prober) one(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	request, err := p.request(ctx, target)
	if err != nil {
		return activities.Refused(CodeUnknownTarget, "making the request that probes the route: %w", err)
	}
	a, err := ReadAgain(ctx, func() (answer, error) { return p.send(request) })
	if err != nil {
		return Unreachable(err, "probing the route through %s", request.URL.Host)
	}
	if a.status/100 != 2 || !bytes.Contains(a.body, []byte(p.probe.Contains)) {
		return activities.Broken(CodeNotSwitched, "the request through %s was answered %d with %q, but a 2xx answer with %q was expected",
			request.URL.Host, a.status, OneLine(string(a.body), maxShownBytes), p.probe.Contains)
	}
	return nil
}

// answer is what came back to one request.
type answer struct {
	status int
	body   []byte
}

// send makes the request and reads the beginning of its answer.
func (p *Prober) send(request *http.Request) (answer, error) {
	response, err := p.http.Do(request)
	if err != nil {
		return answer{}, WithoutURL(err)
	}
	defer func() { _ = response.Body.Close() }() // all that is wanted was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProbeBytes))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	return answer{status: response.StatusCode, body: body}, nil
}

// request makes the request with the target's name in its URL and headers.
func (p *Prober) request(ctx context.Context, target string) (*http.Request, error) {
	address, err := placeholder.URL(p.probe.URL, target)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, WithoutURL(err)
	}
	if err := placeholder.SetHeaders(request, p.probe.Headers, target); err != nil {
		return nil, err
	}
	return request, nil
}

const (
	maxReads  = 6                    // of one thing, while connections are lost
	readPause = 8 * time.Millisecond // before the second read; doubled for each one after it
)

// ReadAgain repeats a read whose connection was lost, for up to a quarter of a
// second: a reload, ours or another's, resets the connections that reach the
// gateway at that moment. A read that timed out or was denied is not repeated.
func ReadAgain[T any](ctx context.Context, read func() (T, error)) (T, error) {
	var denied *egress.DeniedError
	pause := readPause
	for reads := 1; ; reads++ {
		value, err := read()
		if err == nil || reads == maxReads || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &denied) || Wait(ctx, pause) != nil {
			return value, err
		}
		pause *= 2
	}
}
