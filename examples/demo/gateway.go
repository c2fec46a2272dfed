package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-3652815f/sluice/internal/demogateway"
)

// tenants reads the targets of the example plan.
func tenants() ([]string, error) {
	data, err := os.ReadFile("examples/tenants.txt")
	if err != nil {
		return nil, fmt.Errorf("reading the tenants; run the demo with make demo: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names, nil
}

// startGateway starts Caddy with two pools and a mapping for each tenant.
func (d *demo) startGateway(ctx context.Context) error {
	config := demogateway.Config(adminAddress, gatewayAddress, blueAddress, greenAddress, d.tenants)
	path := filepath.Join(d.folder, "caddy.json")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return fmt.Errorf("writing the gateway's configuration: %w", err)
	}
	if err := d.start("caddy", filepath.Join(".tools", "bin", "caddy"), "run", "--config", path); err != nil {
		return err
	}
	return d.await(ctx, "the gateway answers", func() bool {
		_, err := poolOf(ctx, d.tenants[0])
		return err == nil
	})
}

// poolOf asks the gateway, as a tenant, and returns the pool that answered.
func poolOf(ctx context.Context, tenant string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+gatewayAddress+"/", nil)
	if err != nil {
		return "", fmt.Errorf("asking the gateway: %w", err)
	}
	request.Header.Set(demogateway.Header, tenant)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("asking the gateway as %s: %w", tenant, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return "", fmt.Errorf("reading the gateway's answer for %s: %w", tenant, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking the gateway as %s: it answered %s", tenant, response.Status)
	}
	return strings.TrimSpace(string(body)), nil
}

// routes asks the gateway as each tenant.
func (d *demo) routes(ctx context.Context) (map[string]string, error) {
	routes := map[string]string{}
	for _, tenant := range d.tenants {
		pool, err := poolOf(ctx, tenant)
		if err != nil {
			return nil, err
		}
		routes[tenant] = pool
	}
	return routes, nil
}

// count returns how many tenants a pool serves.
func count(routes map[string]string, pool string) int {
	n := 0
	for _, p := range routes {
		if p == pool {
			n++
		}
	}
	return n
}

// errMoved says that a tenant moved where none should have.
var errMoved = errors.New("a tenant moved while the plan was paused")

// watchStill makes requests for a while and fails where one is answered by
// another pool than before.
func (d *demo) watchStill(ctx context.Context, before map[string]string, howLong time.Duration) (requests int, err error) {
	for began := time.Now(); time.Since(began) < howLong; requests += len(d.tenants) {
		now, err := d.routes(ctx)
		if err != nil {
			return requests, err
		}
		if !maps.Equal(before, now) {
			return requests, errMoved
		}
	}
	return requests, nil
}
