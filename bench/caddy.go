package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/seed-3652815f/sluice/activities/caddy"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/demogateway"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

const (
	tenants         = 10_000
	tenantsAtOnce   = 500 // of one reload, in batches
	tenantsOneByOne = 20  // so few, for each takes a reload
)

// caddyTenants compares Plans that switch the tenants of a Caddy, in batches
// and one by one, with a loop over its admin API.
func caddyTenants(ctx context.Context, l *lab) (rows []row, err error) {
	n := l.amount(tenants)
	group := fmt.Sprintf("Caddy, a map of %d tenants", n)
	err = l.onStage(ctx, func(s *stage) error {
		names := targetNames(n)
		config := demogateway.Config(producttest.FreeAddress(s), producttest.FreeAddress(s), producttest.FreeAddress(s), producttest.FreeAddress(s), names)
		g := &caddyRun{lab: l, admin: producttest.StartCaddy(s, config).Admin}
		batch, few := l.amount(tenantsAtOnce), l.amount(tenantsOneByOne)
		var bare, ours, single rates
		if err := l.interleave(ctx, group,
			func(ctx context.Context) error { return g.measure(ctx, &bare, names, batch, g.bare) },
			func(ctx context.Context) error { return g.measure(ctx, &ours, names, batch, g.plan) },
			func(ctx context.Context) error { return g.measure(ctx, &single, names[:few], 1, g.plan) },
		); err != nil {
			return err
		}
		rows = append(ours.rows(group, fmt.Sprintf("in batches of %d", batch), &bare),
			alone(group, fmt.Sprintf("one by one, %d of them", few), "targets/s", single.perSecond, nil),
			alone(group, "batches to one by one", "times", ratios(ours.perSecond, single.perSecond), atLeast(20)),
		)
		return nil
	})
	return rows, err
}

// caddyRun switches tenants to and fro.
type caddyRun struct {
	lab   *lab
	admin string
	calls int
}

// measure switches targets to the other pool than the call before has done.
func (g *caddyRun) measure(ctx context.Context, into *rates, targets []string, batch int, by func(ctx context.Context, targets []string, batch int, to string) (time.Duration, error)) error {
	g.calls++
	to := demogateway.Green
	if g.calls%2 == 0 {
		to = demogateway.Blue
	}
	return into.add(ctx, len(targets), func(ctx context.Context) (time.Duration, error) { return by(ctx, targets, batch, to) })
}

// plan is a Plan, from its start to its end.
func (g *caddyRun) plan(ctx context.Context, targets []string, batch int, to string) (time.Duration, error) {
	params := encode(caddy.Params{Admin: g.admin, To: to, BatchSize: batch})
	input, err := plan(1, len(targets), domain.TaskSpec{Executor: caddy.Name, Params: params})
	if err != nil {
		return 0, err
	}
	c, err := g.lab.measure(ctx, planType, input)
	return c.took, err
}

// bare reads the map, changes a batch of it and writes it back where nobody
// else has changed it, and so on.
func (g *caddyRun) bare(ctx context.Context, targets []string, batch int, to string) (time.Duration, error) {
	began := time.Now()
	for names := range slices.Chunk(targets, batch) {
		if err := g.change(ctx, names, to); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

func (g *caddyRun) change(ctx context.Context, names []string, to string) error {
	body, etag, err := g.request(ctx, http.MethodGet, nil, "")
	if err != nil {
		return err
	}
	var handler map[string]any
	if err := json.Unmarshal(body, &handler); err != nil {
		return fmt.Errorf("reading the map of Caddy: %w", err)
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	mappings, _ := handler["mappings"].([]any)
	for _, m := range mappings {
		mapping, _ := m.(map[string]any)
		if name, _ := mapping["input"].(string); wanted[name] {
			mapping["outputs"] = []any{to}
		}
	}
	if body, err = json.Marshal(handler); err != nil {
		return fmt.Errorf("writing the map of Caddy: %w", err)
	}
	_, _, err = g.request(ctx, http.MethodPatch, body, etag)
	return err
}

func (g *caddyRun) request(ctx context.Context, method string, body []byte, etag string) ([]byte, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, g.admin+"/id/"+demogateway.MapID, bytes.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("addressing Caddy: %w", err)
	}
	request.Close = true // a reload ends the connections that there are
	if etag != "" {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("If-Match", etag)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", fmt.Errorf("asking Caddy: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("reading Caddy's answer: %w", err)
	case response.StatusCode != http.StatusOK:
		return nil, "", fmt.Errorf("asking Caddy with %s: it answered %s: %s", method, response.Status, answer)
	}
	if etag = response.Header.Get("Etag"); etag == "" {
		etag = response.Trailer.Get("Etag")
	}
	return answer, etag, nil
}
