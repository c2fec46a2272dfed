package main

import (
	"context"
	"time"
)

// rates is how quickly targets were worked off, round by round.
type rates struct {
	perSecond []float64 // targets, by the clock
	processor []float64 // milliseconds for a target, of all processes together
}

// add measures a run over n targets, which says itself how long it took.
func (r *rates) add(ctx context.Context, n int, run func(context.Context) (time.Duration, error)) error {
	before, err := processorTime()
	if err != nil {
		return err
	}
	took, err := run(ctx)
	if err != nil {
		return err
	}
	after, err := processorTime()
	if err != nil {
		return err
	}
	r.perSecond = append(r.perSecond, float64(n)/took.Seconds())
	r.processor = append(r.processor, milliseconds(after-before)/float64(n))
	return nil
}

// rows compares Sluice with the bare work.
func (r *rates) rows(group, name string, bare *rates) []row {
	return []row{
		compare(group, name, "targets/s", r.perSecond, bare.perSecond, atLeast(0.9)),
		compare(group, name+", processor time", "ms/target", r.processor, bare.processor, nil),
	}
}
