package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/domain"
)

// Register registers each executor as the activity of its name.
func Register(registry worker.ActivityRegistry, executors ...Executor) {
	for _, e := range executors {
		registry.RegisterActivityWithOptions(e.Execute, activity.RegisterOptions{Name: e.Name})
	}
}

// Execute is the activity: one attempt at one slice of a task.
func (e Executor) Execute(ctx context.Context, request domain.TaskRequest) (*domain.TaskResult, error) {
	info, client := activity.GetInfo(ctx), activity.GetClient(ctx)
	a := &attempt{
		request: request, namespace: info.Namespace, number: int(info.Attempt), deadline: info.Deadline,
		heartbeatTimeout: info.HeartbeatTimeout, workerStops: activity.GetWorkerStopChannel(ctx),
		save: func(ctx context.Context, cp encodedCheckpoint) error {
			// Not activity.RecordHeartbeat: that one is throttled, so that a
			// crash loses what it holds back, and a held-back older checkpoint
			// could overtake a newer one that was saved at once.
			return client.RecordActivityHeartbeat(ctx, info.TaskToken, cp)
		},
		now: time.Now,
	}
	if activity.HasHeartbeatDetails(ctx) {
		var earlier domain.Checkpoint
		if err := activity.GetHeartbeatDetails(ctx, &earlier); err != nil {
			return nil, a.endWith(ctx, Refused(domain.CodeBadRequest, "reading the checkpoint of the attempt before: %w", err))
		}
		a.request.Checkpoint = &earlier
	}
	return a.run(ctx, e)
}

// run makes the attempt and words its end as Temporal has to see it.
func (a *attempt) run(ctx context.Context, e Executor) (*domain.TaskResult, error) {
	if err := a.begin(); err != nil {
		return nil, a.endWith(ctx, err)
	}
	work, err := e.open(ctx, a.request.Params)
	if err != nil {
		return nil, a.endWith(ctx, fmt.Errorf("opening the executor %s: %w", e.Name, err))
	}
	stopPulse := a.startPulse(ctx)
	err = a.workOff(ctx, work)
	stopPulse()
	if work.Close != nil {
		if closeErr := work.Close(); closeErr != nil && err == nil {
			err = fmt.Errorf("closing the executor %s: %w", e.Name, closeErr)
		}
	}
	return a.conclude(ctx, err)
}
