package caddy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/placeholder"
)

const (
	parallelProbes = 8       // requests at once, for one batch
	maxProbeBytes  = 1 << 20 // of the body, in which the text is looked for
	maxShownBytes  = 120     // of the body, in an error
)

// prober makes requests through the gateway.
type prober struct {
	http    *http.Client
	probe   Probe
	timeout time.Duration // of one request, its body included
}

// newProber makes a prober. Each request has a connection of its own: one from
// before a reload could still be served by the old configuration.
func newProber(p Params) *prober {
	probe := *p.Probe
	if probe.Contains == "" {
		probe.Contains = p.To
	}
	return &prober{http: newHTTPClient(), probe: probe, timeout: time.Duration(p.Timeout)}
}

// all makes one request for each target (and another where its connection is
// lost before an answer), and adds those that went wrong to
// failed. It returns an error only where the context has ended.
func (p *prober) all(ctx context.Context, targets []string, failed activities.TargetErrors) error {
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
func (p *prober) one(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	request, err := p.request(ctx, target)
	if err != nil {
		return activities.Refused(CodeUnknownTarget, "making the request that probes the route: %w", err)
	}
	a, err := readAgain(ctx, func() (answer, error) { return p.send(request) })
	if err != nil {
		return activities.Unavailable(CodeUnreachable, "probing the route through %s: %w", request.URL.Host, err)
	}
	if a.status/100 != 2 || !bytes.Contains(a.body, []byte(p.probe.Contains)) {
		return activities.Broken(CodeNotSwitched, "the request through %s was answered %d with %q, but a 2xx answer with %q was expected",
			request.URL.Host, a.status, oneLine(string(a.body), maxShownBytes), p.probe.Contains)
	}
	return nil
}

// send makes the request and reads the beginning of its answer.
func (p *prober) send(request *http.Request) (answer, error) {
	response, err := p.http.Do(request)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }() // all that is wanted was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProbeBytes))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	return answer{status: response.StatusCode, body: body}, nil
}

// request makes the request with the target's name in its URL and headers.
func (p *prober) request(ctx context.Context, target string) (*http.Request, error) {
	address, err := placeholder.URL(p.probe.URL, target)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	if err := placeholder.SetHeaders(request, p.probe.Headers, target); err != nil {
		return nil, err
	}
	return request, nil
}
