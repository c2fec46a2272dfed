package telemetry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"

	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/interceptor"
)

// A run of a plan is one span, but it is begun again whenever a worker replays
// it: after a restart, or when it was not kept in memory. With random ids each
// replay would be a trace of its own, and what the run had begun before would
// lose its parent. So the ids of these spans follow from the id of the run.

// mark separates the id of a run from the name of its span, on the way from
// the tracer to startSpan: the SDK hands nothing else through.
const mark = "\x00"

// steadyTracer is Temporal's tracer with ids for runs that stay the same.
type steadyTracer struct{ interceptor.Tracer }

// StartSpan lets startSpan know of which run a span is.
func (t steadyTracer) StartSpan(options *interceptor.TracerStartSpanOptions) (interceptor.TracerSpan, error) {
	if options.Operation == "RunWorkflow" {
		named := *options
		named.Name += mark + options.Tags["temporalRunID"]
		options = &named
	}
	return t.Tracer.StartSpan(options)
}

// runKey finds the id of a run in the context in which its span begins.
type runKey struct{}

// startSpan begins a span.
func startSpan(ctx context.Context, t trace.Tracer, name string, options ...trace.SpanStartOption) trace.Span {
	name, run, ofRun := strings.Cut(name, mark)
	if ofRun {
		ctx = context.WithValue(ctx, runKey{}, run)
	}
	_, span := t.Start(ctx, name, options...)
	return span
}

// steadyIDs gives the spans of runs ids that follow from the run, and all
// others random ones.
type steadyIDs struct{}

// NewIDs returns ids for a span without a parent.
func (g steadyIDs) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	copy(id[:], source(ctx, "trace"))
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID returns an id for a span of a trace.
func (steadyIDs) NewSpanID(ctx context.Context, _ trace.TraceID) (id trace.SpanID) {
	copy(id[:], source(ctx, "span"))
	return id
}

// source returns 32 bytes for an id.
func source(ctx context.Context, of string) []byte {
	if run, ok := ctx.Value(runKey{}).(string); ok {
		sum := sha256.Sum256([]byte(of + run))
		return sum[:]
	}
	random := make([]byte, sha256.Size)
	_, _ = rand.Read(random) // it never fails
	return random
}
