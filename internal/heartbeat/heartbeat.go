// Package heartbeat lets tests stand between an activity and the server that
// takes its heartbeats, for which the SDK's test environment has no way.
package heartbeat

import "context"

// Send sends the details of a heartbeat and returns the server's answer.
type Send func(ctx context.Context, details any) error

type key struct{}

// With returns a context in which heartbeats are sent by send.
func With(ctx context.Context, send Send) context.Context {
	return context.WithValue(ctx, key{}, send)
}

// From returns what sends heartbeats in a context; otherwise is what does so
// where With says nothing.
func From(ctx context.Context, otherwise Send) Send {
	if send, ok := ctx.Value(key{}).(Send); ok {
		return send
	}
	return otherwise
}
