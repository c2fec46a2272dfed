package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/heartbeat"
)

// answer is what the server says to a save.
type answer int

const (
	answerNothing answer = iota
	answerCancel         // stop at the next safe point; the save is taken
	answerGone           // the save is lost, as where the worker had died before it
)

func (a answer) err() error {
	switch a {
	case answerCancel:
		return temporal.NewCanceledError()
	case answerGone:
		return serviceerror.NewNotFound("the attempt is closed")
	}
	return nil
}

// heartbeatTimeout makes the runner send its checkpoint every 10 ms.
const heartbeatTimeout = 80 * time.Millisecond

// server is what an attempt sees of Temporal: it keeps the checkpoints that it
// takes, and may ask the attempt to stop.
type server struct {
	mu      sync.Mutex
	changed sync.Cond
	answer  answer
	heard   int               // saves that came, taken or not
	last    json.RawMessage   // the checkpoint that was taken last
	largest int               // bytes of the largest one
	sent    []json.RawMessage // all that came and differed from the one before
	number  int32             // of the attempt
}

func newServer(attempt int) *server {
	s := &server{number: int32(attempt)}
	s.changed.L = &s.mu
	return s
}

// take takes a checkpoint, unless the attempt is gone.
func (s *server) take(_ context.Context, details any) error {
	data, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard++
	s.changed.Broadcast()
	if len(s.sent) == 0 || string(s.sent[len(s.sent)-1]) != string(data) {
		s.sent = append(s.sent, data)
	}
	if s.answer != answerGone {
		s.last, s.largest = data, max(s.largest, len(data))
	}
	return s.answer.err()
}

// tell lets the server answer so from now on, and returns when the attempt has
// understood: it saves one at a time, so once a second save has come, the first
// one's answer was read.
func (s *server) tell(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
	for until := s.heard + 2; s.heard < until; {
		s.changed.Wait()
	}
}

// gone reports whether the attempt was cut off.
func (s *server) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer == answerGone
}

// checkpoint returns what was taken last; nil where nothing was.
func (s *server) checkpoint(t testing.TB) *domain.Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return nil
	}
	var cp domain.Checkpoint
	if err := json.Unmarshal(s.last, &cp); err != nil {
		t.Fatalf("reading a checkpoint: %v", err)
	}
	return &cp
}

// everything returns all checkpoints that were sent.
func (s *server) everything() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// between puts the server between an attempt and the SDK's test environment.
type between struct {
	interceptor.WorkerInterceptorBase
	server *server
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (b *between) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &inbound{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, server: b.server}
}

type inbound struct {
	interceptor.ActivityInboundInterceptorBase
	server *server
}

// Init implements interceptor.ActivityInboundInterceptor.
func (i *inbound) Init(next interceptor.ActivityOutboundInterceptor) error {
	return i.Next.Init(&outbound{ActivityOutboundInterceptorBase: interceptor.ActivityOutboundInterceptorBase{Next: next}, server: i.server})
}

// ExecuteActivity sends the activity's heartbeats to the server.
func (i *inbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	return i.Next.ExecuteActivity(heartbeat.With(ctx, i.server.take), in)
}

type outbound struct {
	interceptor.ActivityOutboundInterceptorBase
	server *server
}

// GetInfo says what an attempt of a plan is told.
func (o *outbound) GetInfo(ctx context.Context) activity.Info {
	info := o.Next.GetInfo(ctx)
	info.Attempt, info.HeartbeatTimeout, info.Deadline = o.server.number, heartbeatTimeout, time.Time{}
	return info
}
