package telemetry

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// taken is after how long a poll that is under way counts as taken by the
// server: one that it refuses fails at once, and one that waits for work lasts
// up to a minute.
const taken = time.Second

// Polling watches whether a worker asks the server for work, and is answered.
// The zero value has seen nothing yet.
type Polling struct {
	mu       sync.Mutex
	kinds    map[string]*poll
	stopping bool
}

// poll is what became of the polls of one kind.
type poll struct {
	asked    int
	underWay map[int]time.Time // when each began
	failing  error             // of the last one that ended; nil where it went well
	since    time.Time         // when failing began
}

// ErrStopping says that a worker takes no further work, for it is being
// stopped.
var ErrStopping = errors.New("the worker is being stopped")

// polled are the calls that a worker waits for work with.
var polled = []string{"PollWorkflowTaskQueue", "PollActivityTaskQueue"}

// Watch is a client's interceptor that watches its polls.
func (p *Polling) Watch(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := path.Base(method)
	if name != polled[0] && name != polled[1] {
		return invoke(ctx, method, request, reply, cc, opts...)
	}
	end := p.begin(name)
	err := invoke(ctx, method, request, reply, cc, opts...)
	end(err, ctx.Err() != nil)
	return err
}

// begin notes a poll, and returns what notes how it ended.
func (p *Polling) begin(name string) (end func(err error, givenUp bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kinds == nil {
		p.kinds = map[string]*poll{}
	}
	kind := p.kinds[name]
	if kind == nil {
		kind = &poll{underWay: map[int]time.Time{}}
		p.kinds[name] = kind
	}
	kind.asked++
	id := kind.asked
	kind.underWay[id] = time.Now()
	return func(err error, givenUp bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(kind.underWay, id)
		switch {
		case err == nil:
			kind.failing = nil
		case !givenUp && kind.failing == nil: // one that the worker itself gave up says nothing
			kind.failing, kind.since = err, time.Now()
		}
	}
}

// answered reports whether the server takes polls of a kind.
func (k *poll) answered() bool {
	if k.failing == nil {
		return true
	}
	for _, began := range k.underWay {
		if began.After(k.since) && time.Since(began) > taken {
			return true
		}
	}
	return false
}

// Stop notes that the worker is being stopped.
func (p *Polling) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
}

// Ready returns why the worker gets no work; nil where it does.
func (p *Polling) Ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return ErrStopping
	}
	for _, name := range polled {
		switch kind := p.kinds[name]; {
		case kind == nil:
			return fmt.Errorf("the worker has not asked for work by %s yet", name)
		case !kind.answered():
			return fmt.Errorf("since %s the server has not answered %s: %w", kind.since.UTC().Format(time.RFC3339), name, kind.failing)
		}
	}
	return nil
}
