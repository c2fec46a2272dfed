// Package caddy is the executor gateway.caddy: it moves the mapping of each
// target in a map handler of Caddy to another pool, through the admin API, a
// batch of targets at a reload.
package caddy

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// Name is what a plan file names as executor.
const Name = "gateway.caddy"

// The steps.
const (
	StepSwitch = "SWITCH_GATEWAY"
	StepVerify = "VERIFY_ROUTE"
)

//go:embed params.go
var paramsSource string

// Executor returns the executor gateway.caddy. The attempts of one executor
// change the same map one after the other. They reach what allow says.
func Executor(allow egress.Allow) activities.Executor {
	writers := gateway.NewLanes()
	return activities.Define(Name, func(ctx context.Context, p Params) (*activities.Work, error) {
		return open(p, activities.EarlierParams[Params](ctx), allow, writers)
	}).Describe(activities.About{
		Summary:      "move each target's mapping in a map handler of Caddy to another pool, through the admin API",
		Steps:        []string{StepSwitch, StepVerify},
		RecordsPrior: true, Reversible: true, BatchSize: DefaultBatchSize,
		Source: paramsSource,
	})
}

// open makes the work of one attempt.
func open(p Params, earlier []Params, allow egress.Allow, writers *gateway.Lanes) (*activities.Work, error) {
	p = p.withDefaults()
	client, err := newClient(p, allow)
	if err != nil {
		return nil, err
	}
	want, err := p.value()
	if err != nil {
		return nil, err
	}
	ours := []json.RawMessage{want}
	for _, before := range earlier {
		value, err := before.value()
		if err != nil {
			return nil, err
		}
		ours = append(ours, value)
	}
	g := &mapHandler{client: client, params: p, want: want, ours: ours, lane: writers.Of(client.url)}
	if p.Probe != nil {
		g.prober = gateway.NewProber(allow, *p.Probe, p.To, time.Duration(p.Timeout))
	}
	return &activities.Work{
		BatchSize:  p.BatchSize,
		PriorBatch: MaxBatchSize, // one read tells them all
		Prior:      g.prior,
		Steps:      []activities.Step{{Name: StepSwitch, Do: g.switchBatch}, {Name: StepVerify, Do: g.verify}},
		Rollback:   g.rollback,
	}, nil
}

// mapHandler is one map handler, and what is wanted of it.
type mapHandler struct {
	client *client
	params Params
	want   json.RawMessage   // the output that targets are given
	ours   []json.RawMessage // want, and what the task's earlier parameters wanted
	lane   gateway.Lane
	prober *gateway.Prober // nil: no request is made
	memory memory
}

// prior reads what each target is mapped to. Where targets are unknown it
// returns the values of the others as well.
func (g *mapHandler) prior(ctx context.Context, targets []string) ([]domain.Prior, error) {
	h, _, err := g.read(ctx)
	if err != nil {
		return nil, err
	}
	defer g.memory.keep(h)
	values, failed := make([]domain.Prior, len(targets)), activities.TargetErrors{}
	for i, target := range targets {
		current, err := h.find(target)
		switch {
		case err != nil:
			failed[target] = err
		case current == nil && !g.params.Create:
			failed[target] = g.unknown()
		default:
			values[i] = domain.Prior{Value: current, Absent: current == nil}
		}
	}
	return values, gateway.OrNil(failed)
}

// switchBatch maps the targets to what is wanted.
func (g *mapHandler) switchBatch(ctx context.Context, batch []activities.Target) error {
	return g.change(ctx, batch, g.switchTarget)
}

// rollback maps the targets to what they were mapped to before.
func (g *mapHandler) rollback(ctx context.Context, batch []activities.Target) error {
	return g.change(ctx, batch, g.putBack)
}

// switchTarget maps a target to what is wanted, and leaves alone one that is
// mapped to it already. A target that is mapped to something else than it was
// before the task was changed by somebody else.
func (g *mapHandler) switchTarget(h *handler, target activities.Target) (changed bool, err error) {
	current, err := h.find(target.Name)
	switch {
	case err != nil:
		return false, err
	case sameJSON(current, g.want):
		return false, nil
	case !sameJSON(current, target.Prior.Value) && !g.isOurs(current):
		return false, drift(current, describe(target.Prior.Value)+" was recorded before the change")
	case current == nil && !g.params.Create:
		return false, g.unknown()
	}
	return true, h.set(target.Name, g.want)
}

// putBack maps a target to what was recorded, or removes its mapping where
// there was none. It touches only what the task has made of it.
func (g *mapHandler) putBack(h *handler, target activities.Target) (changed bool, err error) {
	current, err := h.find(target.Name)
	prior := target.Prior
	switch {
	case err != nil:
		return false, err
	case sameJSON(current, prior.Value), prior.Absent && sameJSON(current, null):
		return false, nil
	case !g.isOurs(current):
		return false, drift(current, fmt.Sprintf("this task has made it %s, and %s was recorded before", g.want, describe(prior.Value)))
	case prior.Absent:
		h.unset(target.Name)
		return true, nil
	case prior.Value == nil:
		return false, activities.Refused(CodeDrift, "nothing was recorded that could be put back; the mapping is left at %s", describe(current))
	}
	return true, h.set(target.Name, prior.Value)
}

// verify sees that the targets are mapped to what is wanted, and where a probe
// is given that requests go there.
func (g *mapHandler) verify(ctx context.Context, batch []activities.Target) error {
	h, _, err := g.read(ctx)
	if err != nil {
		return err
	}
	var mapped []string
	failed := activities.TargetErrors{}
	for _, target := range batch {
		current, err := h.find(target.Name)
		switch {
		case err != nil:
			failed[target.Name] = err
		case !sameJSON(current, g.want):
			failed[target.Name] = activities.Broken(CodeNotSwitched, "the mapping is %s after it was changed to %s; somebody else changes it", describe(current), g.want)
		default:
			mapped = append(mapped, target.Name)
		}
	}
	g.memory.keep(h)
	if g.prober != nil {
		if err := g.prober.All(ctx, mapped, failed); err != nil {
			return err
		}
	}
	return gateway.OrNil(failed)
}

// read reads the handler, and the tag under which it may be replaced.
func (g *mapHandler) read(ctx context.Context) (*handler, string, error) {
	object, etag, err := g.client.read(ctx)
	if err != nil {
		return nil, "", err
	}
	h, err := g.memory.parse(object, g.params.Destination)
	if err != nil {
		return nil, "", fmt.Errorf("the @id %q of Caddy at %s: %w", g.client.id, g.client.admin, err)
	}
	return h, etag, nil
}

func (g *mapHandler) unknown() error {
	return activities.Refused(CodeUnknownTarget, "the map %q of Caddy at %s has no mapping for the target; add one, take the target out of the plan, or set create", g.client.id, g.client.admin)
}

// isOurs reports whether the task has made a mapping what it is.
func (g *mapHandler) isOurs(current json.RawMessage) bool {
	return slices.ContainsFunc(g.ours, func(value json.RawMessage) bool { return sameJSON(current, value) })
}

func (g *mapHandler) settle() time.Duration { return time.Duration(g.params.Settle) }

func drift(found json.RawMessage, expected string) error {
	return activities.Refused(CodeDrift, "the mapping is %s, but %s; somebody else has changed it, so it is left as it is", describe(found), expected)
}

// describe says what a mapping's output is.
func describe(output json.RawMessage) string {
	if output == nil {
		return "absent"
	}
	return string(output)
}
