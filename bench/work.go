package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
)

// The names of the bare loop and its activity.
const (
	loopType     = "BareLoop"
	loopActivity = "bench.bare"
)

// loopInput is how long a bare loop is.
type loopInput struct {
	Tasks     int    `json:"tasks"`
	TaskQueue string `json:"taskQueue"` // of the activities; empty means the loop's own
}

// bareLoop is what somebody would write without Sluice to do one thing after
// the other: the same activity options as a Plan's tasks, and activities whose
// argument and result are as large.
func bareLoop(ctx workflow.Context, in loopInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           in.TaskQueue,
		StartToCloseTimeout: domain.DefaultTimeout,
		HeartbeatTimeout:    domain.DefaultHeartbeatTimeout,
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    domain.DefaultInitialInterval,
			BackoffCoefficient: domain.DefaultBackoffCoefficient,
			MaximumInterval:    domain.DefaultMaxInterval,
			MaximumAttempts:    domain.DefaultMaxRetries + 1,
		},
	})
	info := workflow.GetInfo(ctx)
	for i := range in.Tasks {
		request := domain.TaskRequest{
			Plan: info.WorkflowExecution.ID, Task: taskName(i), Executor: noopName, Mode: domain.ModeApply,
			Targets: targetNames(1), Generation: info.FirstRunID, FencingBase: int64(i+1) * domain.FencingStep,
			MaxRetries: domain.DefaultMaxRetries, Parallel: 1, PriorBytes: domain.MaxPriorBytes,
		}
		var result domain.TaskResult
		if err := workflow.ExecuteActivity(ctx, loopActivity, request).Get(ctx, &result); err != nil {
			return fmt.Errorf("task %d: %w", i, err)
		}
	}
	return nil
}

// bareActivity does nothing and says so in as many bytes as an executor.
func bareActivity(_ context.Context, request domain.TaskRequest) (*domain.TaskResult, error) {
	return &domain.TaskResult{Done: len(request.Targets), Checkpoint: domain.Checkpoint{
		Format: domain.CheckpointFormat, Step: "NOOP", Done: domain.NewRangeSet(0, len(request.Targets)-1), CreatedAt: time.Now().UTC(),
	}}, nil
}

// noopName is the executor that does nothing.
const noopName = "bench.noop"

func noop() activities.Executor {
	return activities.Define(noopName, func(context.Context, struct{}) (*activities.Work, error) {
		nothing := func(context.Context, []activities.Target) error { return nil }
		return &activities.Work{Steps: []activities.Step{{Name: "NOOP", Do: nothing}}}, nil
	})
}

// paceName is the executor that takes its time for each target.
const paceName = "bench.pace"

// pacer is that executor, and says when it begins with a target.
type pacer struct {
	mu      sync.Mutex
	waiting chan time.Time
}

// next returns a channel that is given the time at which the next target is
// begun.
func (p *pacer) next() <-chan time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = make(chan time.Time, 1)
	return p.waiting
}

func (p *pacer) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting != nil {
		p.waiting <- time.Now()
		p.waiting = nil
	}
}

func (p *pacer) executor() activities.Executor {
	type params struct {
		Each domain.Duration `json:"each"`
	}
	return activities.Define(paceName, func(_ context.Context, params params) (*activities.Work, error) {
		apply := func(ctx context.Context, _ []activities.Target) error {
			p.begin()
			return wait(ctx, time.Duration(params.Each))
		}
		return &activities.Work{Steps: []activities.Step{{Name: "PACE", Do: apply}}}, nil
	})
}

// wait returns after d, or earlier with an error where the context ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func taskName(i int) string { return fmt.Sprintf("task-%04d", i+1) }

func targetNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%06d", i+1)
	}
	return names
}

// plan returns the input of a plan of tasks of one executor over n targets,
// encoded as the command line sends it.
func plan(tasks, targets int, spec domain.TaskSpec) (converter.RawValue, error) {
	doc := domain.Document{
		APIVersion: domain.APIVersion, Kind: domain.KindPlan,
		Metadata: domain.Metadata{Name: "bench"},
		Spec:     domain.Spec{Targets: targetNames(targets)},
	}
	for i := range tasks {
		spec.Name = taskName(i)
		doc.Spec.Tasks = append(doc.Spec.Tasks, spec)
	}
	if faults := doc.Validate(); len(faults) > 0 {
		return converter.RawValue{}, &domain.InvalidPlanError{Faults: faults}
	}
	return payload.Encode(doc)
}

// noopPlan is a plan of tasks that do nothing for one target each.
func noopPlan(tasks int, taskQueue string) (converter.RawValue, error) {
	return plan(tasks, 1, domain.TaskSpec{Executor: noopName, TaskQueue: taskQueue})
}

func encode(value any) json.RawMessage {
	data, err := json.Marshal(value)
	if err != nil {
		panic("bench: parameters always encode: " + err.Error())
	}
	return data
}
