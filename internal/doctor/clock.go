package doctor

import (
	"context"
	"fmt"
	"os"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
)

const (
	// skewLimit is how far clocks may be apart: NTP keeps them within some
	// milliseconds, and tasks' time-outs are seconds and more.
	skewLimit = 2 * time.Second

	// clockQueue is a task queue that nobody uses. No call says what time it is
	// on the server, but it notes when somebody last asked a queue for work.
	clockQueue = "sluice-doctor"

	// pollTime is how long the server may keep the question for work; it takes
	// none that is shorter than some seconds.
	pollTime = 20 * time.Second
)

// clock compares this machine's clock with the server's.
func (e *examination) clock(ctx context.Context) Check {
	ahead, precision, err := e.measure(ctx)
	if err != nil {
		return unanswered(CheckClock, "what time it is there", err)
	}
	e.ahead = ahead
	how := fmt.Sprintf("%s ahead of", ahead.Round(10*time.Millisecond))
	if ahead < 0 {
		how = fmt.Sprintf("%s behind", (-ahead).Round(10*time.Millisecond))
	}
	if ahead.Abs()-precision > skewLimit {
		return wrong(CheckClock, fmt.Sprintf("this machine's clock is %s the server's", how),
			"let NTP set both; a worker with a wrong clock misjudges the time-outs of tasks")
	}
	return fine(CheckClock, "this machine's clock agrees with the server's to within %s", max(ahead.Abs(), precision).Round(time.Millisecond))
}

// measure returns how far this machine's clock is ahead of the server's, and
// how far off that may be.
func (e *examination) measure(ctx context.Context) (ahead, precision time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	identity := fmt.Sprintf("%s/doctor/%d/%d", e.options.Identity, os.Getpid(), time.Now().UnixNano())
	polling := make(chan error, 1)
	asked := e.doctor.Now()
	go func() {
		_, err := e.client.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{
			Namespace: e.options.Namespace, Identity: identity,
			TaskQueue: &taskqueuepb.TaskQueue{Name: clockQueue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		})
		polling <- err
	}()
	for {
		described, err := e.client.DescribeTaskQueue(ctx, clockQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			return 0, 0, err
		}
		seen := e.doctor.Now()
		for _, poller := range described.GetPollers() {
			if poller.GetIdentity() == identity {
				// The server took the question between asked and seen.
				precision = seen.Sub(asked) / 2
				return asked.Add(precision).Sub(poller.GetLastAccessTime().AsTime()), precision, nil
			}
		}
		select {
		case err := <-polling:
			if err == nil {
				err = fmt.Errorf("it did not note who asked for work")
			}
			return 0, 0, err
		case <-time.After(5 * time.Millisecond):
		}
	}
}
