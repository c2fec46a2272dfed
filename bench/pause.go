package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

const (
	targetTime     = 10 * time.Millisecond // that a target under way takes at most until it has ended
	pausesPerRound = 20
)

// pauses measures how long a plan that is at work takes to be PAUSED, and to
// be at work again.
func pauses(ctx context.Context, l *lab) ([]row, error) {
	group := fmt.Sprintf("pause and resume, targets of %s", targetTime)
	var m stops
	if err := l.interleave(ctx, group, func(ctx context.Context) error { return m.run(ctx, l) }); err != nil {
		return nil, err
	}
	pause, resume := spreadOf(m.pause), spreadOf(m.resume)
	return []row{
		alone(group, "from the command pause to PAUSED", "ms", m.pause, nil),
		{Group: group, Name: "the same, p99", Unit: "ms", Ours: point(m.pause, 0.99, pause.N), Aim: atMost(700).of(point(m.pause, 0.99, pause.N).Median)},
		alone(group, "from the command resume to the next target", "ms", m.resume, nil),
		{Group: group, Name: "the same, p99", Unit: "ms", Ours: point(m.resume, 0.99, resume.N)},
	}, nil
}

// stops are the times that pauses and resumes took, in milliseconds.
type stops struct{ pause, resume []float64 }

func (m *stops) run(ctx context.Context, l *lab) error {
	input, err := plan(1, 20_000, domain.TaskSpec{Executor: paceName, Params: encode(map[string]string{"each": targetTime.String()})})
	if err != nil {
		return err
	}
	working := l.pacer.next()
	run, err := l.start(ctx, planType, input)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() {
		_ = l.client.TerminateWorkflow(context.WithoutCancel(ctx), run.GetID(), run.GetRunID(), "measured enough")
	}()
	paused := l.watchPaused(ctx, run)
	if _, err := receive(ctx, working); err != nil {
		return err
	}
	for range l.amount(pausesPerRound) {
		// At any moment between two heartbeats, for their rhythm is what counts.
		if err := wait(ctx, 100*time.Millisecond+rand.N(250*time.Millisecond)); err != nil {
			return err
		}
		sent := time.Now()
		if err := l.send(ctx, run, domain.CommandPause); err != nil {
			return err
		}
		at, err := receive(ctx, paused)
		if err != nil {
			return err
		}
		m.pause = append(m.pause, milliseconds(at.Sub(sent)))

		working := l.pacer.next()
		sent = time.Now()
		if err := l.send(ctx, run, domain.CommandResume); err != nil {
			return err
		}
		if at, err = receive(ctx, working); err != nil {
			return err
		}
		m.resume = append(m.resume, milliseconds(at.Sub(sent)))
	}
	return nil
}

func (l *lab) send(ctx context.Context, run client.WorkflowRun, command domain.CommandName) error {
	if err := l.client.SignalWorkflow(ctx, run.GetID(), run.GetRunID(), string(command), domain.Command{Actor: "bench"}); err != nil {
		return fmt.Errorf("sending %s: %w", command, err)
	}
	return nil
}

// watchPaused gives the times at which the plan wrote that it is PAUSED, by
// the server's clock, which is this machine's.
func (l *lab) watchPaused(ctx context.Context, run client.WorkflowRun) <-chan time.Time {
	times := make(chan time.Time)
	go func() {
		defer close(times)
		history := l.client.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			if err != nil {
				return // the run was ended, or nobody waits any more
			}
			if stateOf(event) != domain.PlanPaused {
				continue
			}
			select {
			case times <- event.GetEventTime().AsTime():
			case <-ctx.Done():
				return
			}
		}
	}()
	return times
}

// stateOf returns the plan state that an event writes; empty where it writes
// none.
func stateOf(event *historypb.HistoryEvent) domain.PlanState {
	written := event.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes().GetIndexedFields()
	var state domain.PlanState
	if encoded, ok := written[workflows.AttributeState.GetName()]; ok {
		_ = converter.GetDefaultDataConverter().FromPayload(encoded, &state) // else it is no state
	}
	return state
}

// receive waits for what somebody else sees.
func receive(ctx context.Context, times <-chan time.Time) (time.Time, error) {
	select {
	case at, ok := <-times:
		if !ok {
			return at, fmt.Errorf("the plan ended while it was measured")
		}
		return at, nil
	case <-time.After(time.Minute):
		return time.Time{}, fmt.Errorf("the plan did not do within a minute what it was told")
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// point is the spread of a single quantile of a series.
func point(series []float64, q float64, n int) spread {
	if n == 0 {
		return spread{}
	}
	value := quantileOf(series, q)
	return spread{Median: value, Q1: value, Q3: value, Min: value, Max: value, N: n}
}
