// Package ledger is the executor of Sluice's own end-to-end tests and the sink
// that it works on: a small product with values by target that writes down
// each effect, so that a test can say what was applied, how often, and when.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// Params are the parameters of the executor "ledger".
type Params struct {
	Sink   string `json:"sink"`             // URL of the sink
	To     string `json:"to"`               // the value that each target gets
	Priors bool   `json:"priors,omitempty"` // record what stood before
	Batch  int    `json:"batch,omitempty"`  // targets at once; 0 means 1
	Blind  bool   `json:"blind,omitempty"`  // write without reading first, so that a second time shows
}

// Effect is one request for a change, as the executor sends it.
type Effect struct {
	Target string `json:"target"`
	Value  string `json:"value"`
	Key    string `json:"key"`
	Fence  int64  `json:"fence"`
	Blind  bool   `json:"blind,omitempty"`
}

// Executor returns the executor "ledger".
func Executor() activities.Executor {
	return activities.Define("ledger", func(_ context.Context, p Params) (*activities.Work, error) {
		c := client{p}
		work := &activities.Work{
			Steps:     []activities.Step{{Name: "APPLY", Do: c.apply}},
			BatchSize: p.Batch,
			Rollback:  c.rollback,
		}
		if p.Priors {
			work.Prior = c.read
		}
		return work, nil
	})
}

// Noop returns the executor "noop", which does nothing for each target.
func Noop() activities.Executor {
	return activities.Define("noop", func(context.Context, struct{}) (*activities.Work, error) {
		nothing := func(context.Context, []activities.Target) error { return nil }
		return &activities.Work{Steps: []activities.Step{{Name: "NOOP", Do: nothing}}}, nil
	})
}

type client struct{ params Params }

func (c client) apply(ctx context.Context, batch []activities.Target) error {
	failed := activities.TargetErrors{}
	for _, t := range batch {
		if err := c.put(ctx, t, c.params.To); err != nil {
			failed[t.Name] = err
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

func (c client) rollback(ctx context.Context, batch []activities.Target) error {
	failed := activities.TargetErrors{}
	for _, t := range batch {
		var before string
		if err := json.Unmarshal(t.Prior.Value, &before); err != nil {
			failed[t.Name] = activities.Refused("NO_PRIOR", "reading what to put back: %w", err)
		} else if err := c.put(ctx, t, before); err != nil {
			failed[t.Name] = err
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

func (c client) put(ctx context.Context, t activities.Target, value string) error {
	body, err := json.Marshal(Effect{Target: t.Name, Value: value, Key: t.Key, Fence: t.Fence, Blind: c.params.Blind})
	if err != nil {
		return fmt.Errorf("encoding the effect at %s: %w", t.Name, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.params.Sink+"/apply", bytes.NewReader(body))
	if err != nil {
		return activities.Refused(domain.CodeBadParams, "addressing the sink: %w", err)
	}
	return do(request, nil)
}

func (c client) read(ctx context.Context, targets []string) ([]domain.Prior, error) {
	priors := make([]domain.Prior, len(targets))
	for i, name := range targets {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.params.Sink+"/value?target="+url.QueryEscape(name), nil)
		if err != nil {
			return nil, activities.Refused(domain.CodeBadParams, "addressing the sink: %w", err)
		}
		if err := do(request, &priors[i].Value); err != nil {
			return nil, err
		}
	}
	return priors, nil
}

// do sends a request; into is nil where the answer does not matter.
func do(request *http.Request, into *json.RawMessage) error {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return activities.Unavailable("SINK_UNREACHABLE", "asking the sink: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return activities.Unavailable("SINK_UNREACHABLE", "reading the sink's answer: %w", err)
	case response.StatusCode >= 500:
		return activities.Unavailable("SINK_BUSY", "the sink answered %s: %s", response.Status, body)
	case response.StatusCode >= 300:
		return activities.Refused("SINK_REFUSED", "the sink answered %s: %s", response.Status, body)
	}
	if into != nil {
		*into = body
	}
	return nil
}
