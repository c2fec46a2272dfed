package main

import (
	"context"
	"fmt"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

const planType = workflows.PlanType

// targets measures how many targets one task works off in a second, where
// nothing is to be done for each: from the plan's start to its end.
func targets(ctx context.Context, l *lab) ([]row, error) {
	const group = "targets of one task that do nothing"
	sizes := []int{l.amount(1_000), l.amount(10_000), l.amount(100_000)}
	rates := make([][]float64, len(sizes))
	var runs []func(context.Context) error
	for i, n := range sizes {
		input, err := plan(1, n, domain.TaskSpec{Executor: noopName})
		if err != nil {
			return nil, err
		}
		runs = append(runs, func(ctx context.Context) error {
			c, err := l.measure(ctx, planType, input)
			if err != nil {
				return err
			}
			rates[i] = append(rates[i], float64(n)/c.took.Seconds())
			return nil
		})
	}
	if err := l.interleave(ctx, group, runs...); err != nil {
		return nil, err
	}
	var rows []row
	for i, n := range sizes {
		var bound *aim
		if i == len(sizes)-1 {
			bound = atLeast(50_000)
		}
		rows = append(rows, alone(group, fmt.Sprintf("%d targets", n), "targets/s", rates[i], bound))
	}
	return rows, nil
}
