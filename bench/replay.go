package main

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// replays measures the processor time that workflow code takes for a task,
// by replaying recorded plans of two lengths: it must not grow with the plan.
func replays(ctx context.Context, l *lab) ([]row, error) {
	const group = "processor time of workflow code"
	sizes := []int{l.amount(200), l.amount(2000)}
	each := make([][]float64, len(sizes))
	var runs []func(context.Context) error
	var last []*historypb.History
	for i, n := range sizes {
		l.say("%s: recording a plan of %d tasks", group, n)
		histories, err := l.record(ctx, n)
		if err != nil {
			return nil, err
		}
		last = histories
		runs = append(runs, func(context.Context) error {
			took, err := replay(histories)
			each[i] = append(each[i], 1000*milliseconds(took)/float64(n))
			return err
		})
	}
	if _, err := replay(last); err != nil { // once for nothing: types are looked at for the first time
		return nil, err
	}
	if err := l.interleave(ctx, group, runs...); err != nil {
		return nil, err
	}
	return []row{
		alone(group, fmt.Sprintf("a task of %d", sizes[0]), "µs", each[0], nil),
		alone(group, fmt.Sprintf("a task of %d", sizes[1]), "µs", each[1], nil),
		alone(group, "the latter to the former", "times", ratios(each[1], each[0]), atMost(1.2)),
	}, nil
}

// record runs a plan and returns the histories of its runs: a long plan goes
// on in further ones.
func (l *lab) record(ctx context.Context, tasks int) ([]*historypb.History, error) {
	input, err := noopPlan(tasks, "")
	if err != nil {
		return nil, err
	}
	run, err := l.start(ctx, planType, input)
	if err != nil {
		return nil, err
	}
	first := run.GetRunID() // Get goes on to that of the last run
	if err := run.Get(ctx, nil); err != nil {
		return nil, fmt.Errorf("waiting for %s: %w", run.GetID(), err)
	}
	var histories []*historypb.History
	for runID := first; runID != ""; {
		history, err := l.history(ctx, run, runID)
		if err != nil {
			return nil, err
		}
		histories = append(histories, history)
		last := history.GetEvents()[len(history.GetEvents())-1]
		runID = last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	return histories, nil
}

func (l *lab) history(ctx context.Context, run client.WorkflowRun, runID string) (*historypb.History, error) {
	var history historypb.History
	events := l.client.GetWorkflowHistory(ctx, run.GetID(), runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", run.GetID(), err)
		}
		history.Events = append(history.Events, event)
	}
	return &history, nil
}

// replay replays histories and returns the processor time that it took.
func replay(histories []*historypb.History) (time.Duration, error) {
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter:               payload.NewDataConverter(),
		Interceptors:                []interceptor.WorkerInterceptor{workflows.NewInboxInterceptor()},
		DisableRegistrationAliasing: true,
	})
	if err != nil {
		return 0, fmt.Errorf("making a replayer: %w", err)
	}
	workflows.Register(replayer, workflows.Settings{SearchAttributes: true})
	before, err := ownTime()
	if err != nil {
		return 0, err
	}
	for _, history := range histories {
		if err := replayer.ReplayWorkflowHistory(quiet{}, history); err != nil {
			return 0, fmt.Errorf("replaying a plan: %w", err)
		}
	}
	after, err := ownTime()
	return after - before, err
}
