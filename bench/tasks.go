package main

import (
	"context"
	"fmt"
	"time"
)

// The lengths between which the marginal cost of a task is taken: what the
// start and the end of a run cost falls out. In each round the short runs are
// repeated, for one of them is soon over.
const (
	fewTasks, manyTasks = 10, 200
	fewTimes            = 5
)

// tasks compares a bare loop of activities that do nothing with a Plan of as
// many tasks, with and without eager activities.
func tasks(ctx context.Context, l *lab) ([]row, error) {
	var rows []row
	for _, kind := range []struct{ name, queue string }{
		{"tasks one after the other, activities handed out eagerly", ""},
		{"tasks one after the other, on another task queue", queueNotEagerly},
	} {
		bare, ours := newLengths(l, loop, kind.queue), newLengths(l, sluice, kind.queue)
		if err := l.interleave(ctx, kind.name, bare.runFew, ours.runFew, bare.runMany, ours.runMany); err != nil {
			return nil, err
		}
		rows = append(rows, compareLengths(kind.name, ours, bare)...)
	}
	return rows, nil
}

func compareLengths(group string, ours, bare *lengths) []row {
	few, many := fmt.Sprintf("a task of %d", bare.few), fmt.Sprintf("a task of %d", bare.many)
	further := fmt.Sprintf("a further task, from %d to %d", bare.few, bare.many)
	rows := []row{
		compare(group, "time, "+few, "ms", each(ours.ofFew, timeOf), each(bare.ofFew, timeOf), atMost(1.05)),
		compare(group, "time, "+many, "ms", each(ours.ofMany, timeOf), each(bare.ofMany, timeOf), atMost(1.05)),
		compare(group, "processor time, "+few, "ms", each(ours.ofFew, processorOf), each(bare.ofFew, processorOf), nil),
		compare(group, "processor time, "+many, "ms", each(ours.ofMany, processorOf), each(bare.ofMany, processorOf), nil),
		compare(group, "history, "+few, "events", each(ours.ofFew, eventsOf), each(bare.ofFew, eventsOf), nil),
		compare(group, "history, "+many, "events", each(ours.ofMany, eventsOf), each(bare.ofMany, eventsOf), nil),
		compare(group, "history, "+further, "events", ours.slope(), bare.slope(), atMost(1.02)),
	}
	return rows
}

// chain starts n tasks one after the other, whose activities go to a queue.
type chain func(n int, queue string) (workflowType string, input any, err error)

func loop(n int, queue string) (string, any, error) {
	return loopType, loopInput{Tasks: n, TaskQueue: queue}, nil
}

func sluice(n int, queue string) (string, any, error) {
	input, err := noopPlan(n, queue)
	return planType, input, err
}

// lengths is what runs of two lengths took, round by round.
type lengths struct {
	lab           *lab
	chain         chain
	queue         string
	few, many     int
	ofFew, ofMany []share
}

func newLengths(l *lab, of chain, queue string) *lengths {
	return &lengths{lab: l, chain: of, queue: queue, few: l.amount(fewTasks), many: l.amount(manyTasks)}
}

// share is what one task of a run took of it.
type share struct {
	time, processor time.Duration
	events          float64
}

func timeOf(s share) float64      { return milliseconds(s.time) }
func processorOf(s share) float64 { return milliseconds(s.processor) }
func eventsOf(s share) float64    { return s.events }

func (s *lengths) runFew(ctx context.Context) error {
	return s.run(ctx, s.few, fewTimes, &s.ofFew)
}

func (s *lengths) runMany(ctx context.Context) error {
	return s.run(ctx, s.many, 1, &s.ofMany)
}

// run measures several runs of n tasks, one after the other.
func (s *lengths) run(ctx context.Context, n, times int, into *[]share) error {
	workflowType, input, err := s.chain(n, s.queue)
	if err != nil {
		return err
	}
	var sum cost
	before, err := processorTime()
	if err != nil {
		return err
	}
	for range times {
		c, err := s.lab.measure(ctx, workflowType, input)
		if err != nil {
			return err
		}
		sum.took += c.took
		sum.events += c.events
	}
	after, err := processorTime()
	if err != nil {
		return err
	}
	count := n * times
	*into = append(*into, share{
		time: sum.took / time.Duration(count), processor: (after - before) / time.Duration(count),
		events: float64(sum.events) / float64(count),
	})
	return nil
}

// slope returns the events of each further task.
func (s *lengths) slope() []float64 {
	var series []float64
	for i, many := range s.ofMany {
		series = append(series, (many.events*float64(s.many)-s.ofFew[i].events*float64(s.few))/float64(s.many-s.few))
	}
	return series
}

func each(shares []share, of func(share) float64) []float64 {
	var series []float64
	for _, s := range shares {
		series = append(series, of(s))
	}
	return series
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
