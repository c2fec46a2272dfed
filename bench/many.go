package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
)

// The load of many plans at once.
const (
	plansAtOnce = 40
	tasksOfEach = 10
)

// manyAtOnce compares 40 Plans that run at once with as many bare loops.
func manyAtOnce(ctx context.Context, l *lab) ([]row, error) {
	n := l.amount(plansAtOnce)
	group := fmt.Sprintf("%d at once, %d tasks each", n, tasksOfEach)
	var ours, bare crowd
	if err := l.interleave(ctx, group,
		func(ctx context.Context) error { return bare.run(ctx, l, n, loop) },
		func(ctx context.Context) error { return ours.run(ctx, l, n, sluice) },
	); err != nil {
		return nil, err
	}
	return []row{
		compare(group, "throughput", "tasks/s", ours.rate, bare.rate, nil),
		compare(group, "the slowest one's time", "ms", ours.slowest, bare.slowest, nil),
		compare(group, "the median one's time", "ms", ours.median, bare.median, nil),
	}, nil
}

// crowd is what many runs at once took, round by round.
type crowd struct{ rate, slowest, median []float64 }

func (c *crowd) run(ctx context.Context, l *lab, n int, of chain) error {
	workflowType, input, err := of(tasksOfEach, "")
	if err != nil {
		return err
	}
	runs := make([]client.WorkflowRun, n)
	for i := range runs {
		if runs[i], err = l.start(ctx, workflowType, input); err != nil {
			return err
		}
	}
	var began, ended time.Time
	var each []float64
	for _, run := range runs {
		one, err := l.await(ctx, run)
		if err != nil {
			return err
		}
		if began.IsZero() || one.began.Before(began) {
			began = one.began
		}
		if one.ended.After(ended) {
			ended = one.ended
		}
		each = append(each, milliseconds(one.took))
	}
	c.rate = append(c.rate, float64(n*tasksOfEach)/ended.Sub(began).Seconds())
	c.slowest = append(c.slowest, spreadOf(each).Max)
	c.median = append(c.median, spreadOf(each).Median)
	return nil
}
