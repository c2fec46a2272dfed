package gateway

import (
	"context"
	"sync"
)

// Lane lets one writer at a time change a gateway.
type Lane chan struct{}

// Enter waits until nobody else is in the lane.
func (l Lane) Enter(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave lets the next one in.
func (l Lane) Leave() { <-l }

// Lanes holds a lane for each gateway that a worker has changed. Make it with
// NewLanes.
type Lanes struct {
	mu     sync.Mutex
	byName map[string]Lane
}

// NewLanes returns a set without any lane.
func NewLanes() *Lanes { return &Lanes{byName: map[string]Lane{}} }

// Of returns the lane of the gateway with a name.
func (l *Lanes) Of(name string) Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byName[name] == nil {
		l.byName[name] = make(Lane, 1)
	}
	return l.byName[name]
}
