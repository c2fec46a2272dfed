package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/heartbeat"
)

// Register registers each executor as the activity of its name.
func Register(registry worker.ActivityRegistry, executors ...Executor) {
	for _, e := range executors {
		registry.RegisterActivityWithOptions(e.Execute, activity.RegisterOptions{Name: e.Name})
	}
}

// Execute is the activity: one attempt at one slice of a task.
func (e Executor) Execute(ctx context.Context, request domain.TaskRequest) (*domain.TaskResult, error) {
	info := activity.GetInfo(ctx)
	send := heartbeat.From(ctx, func(ctx context.Context, details any) error {
		// Not activity.RecordHeartbeat: that one is throttled, so that a crash
		// loses what it holds back, and a held-back older checkpoint could
		// overtake a newer one that was saved at once.
		return activity.GetClient(ctx).RecordActivityHeartbeat(ctx, info.TaskToken, details)
	})
	a := &attempt{
		request: request, namespace: info.Namespace, number: int(info.Attempt), deadline: info.Deadline,
		heartbeatTimeout: info.HeartbeatTimeout, workerStops: activity.GetWorkerStopChannel(ctx),
		save: func(ctx context.Context, cp encodedCheckpoint) error { return send(ctx, cp) },
		now:  time.Now, observer: observe(ctx, request),
	}
	sent := failedAttempts(request.Checkpoint)
	if activity.HasHeartbeatDetails(ctx) {
		var earlier domain.Checkpoint
		if err := activity.GetHeartbeatDetails(ctx, &earlier); err != nil {
			return nil, a.endWith(ctx, Refused(domain.CodeBadRequest, "reading the checkpoint of the attempt before: %w", err))
		}
		a.request.Checkpoint = &earlier
	}
	failed := failedAttempts(a.request.Checkpoint) - sent
	result, err := a.run(ctx, e)
	a.tellLost(failed, err)
	if temporal.IsCanceledError(err) {
		// The SDK reports an end as canceled only where a heartbeat of its own
		// was answered so; else history would call the pause a failure.
		activity.RecordHeartbeat(ctx, a.cp)
	}
	return result, err
}

// run makes the attempt and words its end as Temporal has to see it.
func (a *attempt) run(ctx context.Context, e Executor) (*domain.TaskResult, error) {
	if err := a.begin(); err != nil {
		return nil, a.endWith(ctx, err)
	}
	stopPulse := a.startPulse(ctx) // before open, which may take longer than the heartbeat time-out
	err := a.openAndWorkOff(ctx, e)
	stopPulse()
	return a.conclude(ctx, err)
}

// openAndWorkOff works the targets off between the executor's open and Close.
func (a *attempt) openAndWorkOff(ctx context.Context, e Executor) error {
	work, err := guard(func() (*Work, error) {
		return e.open(context.WithValue(ctx, earlierKey{}, a.request.EarlierParams), a.request.Params)
	})
	if err != nil {
		return fmt.Errorf("opening the executor %s: %w", e.Name, err)
	}
	err = a.workOff(ctx, work)
	if work.Close != nil {
		_, closeErr := guard(func() (struct{}, error) { return struct{}{}, work.Close() })
		if closeErr != nil && err == nil {
			err = fmt.Errorf("closing the executor %s: %w", e.Name, closeErr)
		}
	}
	return err
}
