package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
)

// pollInterval is how long a poll of a worker may last: one that has not
// asked for work for longer is gone.
const pollInterval = 70 * time.Second

// workers looks who serves the task queue.
func (e *examination) workers(ctx context.Context) Check {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	queue := e.doctor.TaskQueue
	start := fmt.Sprintf("start one with: sluice-worker --task-queue %s; or name the queue of your workers with --task-queue or SLUICE_TASK_QUEUE", queue)
	plans, last, err := e.polling(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return unanswered(CheckWorkers, "who serves the task queue", err)
	}
	tasks, _, err := e.polling(ctx, queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return unanswered(CheckWorkers, "who serves the task queue", err)
	}
	if len(plans) == 0 && len(tasks) > 0 {
		return wrong(CheckWorkers, fmt.Sprintf("the workers of the task queue %q carry out tasks, but run no plans", queue),
			start+"; where only the taskQueue of a task names it, all is well")
	}
	if len(plans) == 0 {
		found := fmt.Sprintf("no worker serves the task queue %q", queue)
		if !last.IsZero() {
			found += fmt.Sprintf(" (one asked for work last at %s)", last.UTC().Format(time.RFC3339))
		}
		return wrong(CheckWorkers, found, start)
	}
	if len(tasks) == 0 {
		return wrong(CheckWorkers, fmt.Sprintf("the workers of the task queue %q run plans, but none of their tasks", queue), start)
	}
	return fine(CheckWorkers, "%d serve the task queue %q: %s", len(plans), queue, strings.Join(plans[:min(len(plans), 5)], ", "))
}

// polling lists who asks a task queue for work, and when somebody did last;
// zero where nobody did in the last minutes.
func (e *examination) polling(ctx context.Context, queue string, kind enumspb.TaskQueueType) (alive []string, last time.Time, err error) {
	described, err := e.client.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return nil, time.Time{}, err
	}
	now := e.doctor.Now().Add(-e.ahead) // on the server
	for _, poller := range described.GetPollers() {
		seen := poller.GetLastAccessTime().AsTime()
		if now.Sub(seen) < pollInterval {
			alive = append(alive, poller.GetIdentity())
		}
		if seen.After(last) {
			last = seen
		}
	}
	slices.Sort(alive)
	return slices.Compact(alive), last, nil
}
