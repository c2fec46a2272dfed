package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

// follower looks at plans again and again. It may follow several at once.
type follower struct {
	service service
	every   time.Duration
	show    display // takes calls from several goroutines

	mu     sync.Mutex
	away   map[string]bool            // who does not answer: the server, or a plan
	warned map[string]map[string]bool // by plan: the warnings of its last view
}

// follow shows a plan until its view is enough, or there is nothing more to
// see. That the server or the worker is away is said, and waited out.
func (f *follower) follow(ctx context.Context, id string, enough func(plans.View) bool) (plans.View, error) {
	var last plans.View
	for {
		view, err := f.service.View(ctx, id)
		switch {
		case ctx.Err() != nil:
			return last, ctx.Err()
		case err == nil:
			last = view
			f.back(id, view.Warnings)
			f.show.update(view)
			if enough(view) {
				return view, nil
			}
		case !plans.Passing(err):
			return view, err
		case view.Status != "" && view.Status != running:
			return view, nil // ended, and nobody there to ask for more
		default:
			f.miss(id, err)
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(f.every):
		}
	}
}

const theServer = "the server"

func theWorkerOf(id string) string { return fmt.Sprintf("plan %q", id) }

// miss says once what keeps a plan from being looked at.
func (f *follower) miss(id string, err error) {
	who := theWorkerOf(id)
	var server *plans.ServerError
	if errors.As(err, &server) {
		who = theServer
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away[who] {
		return
	}
	if f.away == nil {
		f.away = map[string]bool{}
	}
	f.away[who] = true
	f.show.say(fmt.Sprintf("sluice: %s; still watching.", report.Clean(err.Error())))
}

// back says once that a plan can be looked at again, and each of its warnings
// when it is new.
func (f *follower) back(id string, warnings []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, who := range []string{theServer, theWorkerOf(id)} {
		if f.away[who] {
			delete(f.away, who)
			f.show.say(fmt.Sprintf("sluice: %s answers again.", who))
		}
	}
	now := map[string]bool{}
	for _, warning := range warnings {
		if now[warning] = true; !f.warned[id][warning] {
			f.show.say("sluice: " + report.Clean(warning))
		}
	}
	if f.warned == nil {
		f.warned = map[string]map[string]bool{}
	}
	f.warned[id] = now
}

// guarded lets several goroutines show plans on one display.
type guarded struct {
	mu      sync.Mutex
	display display
}

func (g *guarded) update(view plans.View) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.display.update(view)
}

func (g *guarded) say(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.display.say(text)
}

func (g *guarded) close() { g.display.close() }
