package caddy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
)

// maxWrites bounds how often one change is sent while others change the same
// map, or while answers are lost.
const maxWrites = 10

// edit changes the handler for one target, and says whether it had to. An
// error is that target's only.
type edit func(h *handler, target activities.Target) (changed bool, err error)

// change brings a batch of targets to where the edit wants them, with one
// write. It reads, edits and writes until a read shows that nothing is left to
// do; that is how a change whose answer was lost is found to have been made, and
// how no change that somebody else made meanwhile is lost.
func (g *mapHandler) change(ctx context.Context, batch []activities.Target, apply edit) error {
	if err := g.lane.Enter(ctx); err != nil {
		return fmt.Errorf("waiting for other changes of the map %q: %w", g.client.id, err)
	}
	defer g.lane.Leave()

	var last error // of the last write; nil where it succeeded
	for writes := 0; ; writes++ {
		h, etag, err := g.read(ctx)
		if err != nil {
			return err
		}
		changed, failed := editBatch(h, batch, apply)
		if !changed {
			g.memory.keep(h)
		}
		switch {
		case !changed && writes > 0:
			return g.settled(ctx, failed)
		case !changed:
			return gateway.OrNil(failed)
		case writes == maxWrites:
			return g.busy(last)
		}
		if last, err = g.attempt(ctx, h, etag, writes); err != nil {
			return err
		}
	}
}

// editBatch edits the handler for all targets of the batch.
func editBatch(h *handler, batch []activities.Target, apply edit) (changed bool, failed activities.TargetErrors) {
	failed = activities.TargetErrors{}
	for _, target := range batch {
		one, err := apply(h, target)
		if err != nil {
			failed[target.Name] = err
		}
		changed = changed || one
	}
	return changed, failed
}

// attempt writes the handler once. What another read can mend is returned as
// passing, after a short wait that keeps writers from running in step.
func (g *mapHandler) attempt(ctx context.Context, h *handler, etag string, writes int) (passing, err error) {
	object, err := h.encode()
	if err != nil {
		return nil, err
	}
	g.memory.keep(h) // where the write succeeds, the next read finds this text
	err = g.client.write(ctx, object, etag)
	var unknown *outcomeUnknownError
	if err == nil || !errors.Is(err, errConflict) && !errors.As(err, &unknown) {
		return nil, err
	}
	pause := time.Duration(1+rand.IntN(20*(writes+1))) * time.Millisecond
	return err, gateway.Wait(ctx, pause)
}

// settled waits for the gateway to settle after a change.
func (g *mapHandler) settled(ctx context.Context, failed activities.TargetErrors) error {
	if err := gateway.Wait(ctx, g.settle()); err != nil {
		return err
	}
	return gateway.OrNil(failed)
}

func (g *mapHandler) busy(last error) error {
	if last == nil {
		return activities.Unavailable(CodeBusy, "the map %q of Caddy at %s was changed %d times, and each time somebody else has changed it back", g.client.id, g.client.admin, maxWrites)
	}
	return activities.Unavailable(CodeBusy, "changing the map %q of Caddy at %s, %d times: %w", g.client.id, g.client.admin, maxWrites, last)
}
