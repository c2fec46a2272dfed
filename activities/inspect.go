package activities

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/domain"
)

// RegisterInspect registers Inspect under the name by which workflows know it.
// The data converter is the one with which executors' heartbeats are encoded.
func RegisterInspect(registry worker.ActivityRegistry, dataConverter converter.DataConverter) {
	inspector := inspector{dataConverter}
	registry.RegisterActivityWithOptions(inspector.Inspect, activity.RegisterOptions{Name: domain.InspectActivity})
}

type inspector struct{ dataConverter converter.DataConverter }

// Inspect reads from the server's record what an activity of the calling
// workflow has saved, which workflow code cannot see: a cancel that meets the
// activity in back-off would throw its checkpoint away.
func (i inspector) Inspect(ctx context.Context, activityID string) (*domain.Inspection, error) {
	execution := activity.GetInfo(ctx).WorkflowExecution
	description, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, execution.ID, execution.RunID)
	if err != nil {
		return nil, fmt.Errorf("reading the server's record of activity %s: %w", activityID, err)
	}
	for _, pending := range description.GetPendingActivities() {
		if pending.GetActivityId() != activityID {
			continue
		}
		found := &domain.Inspection{Pending: true, Attempt: int(pending.GetAttempt())}
		if pending.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && pending.GetScheduledTime() != nil {
			found.NextAttempt = pending.GetScheduledTime().AsTime()
		}
		if pending.GetHeartbeatDetails() != nil {
			var cp domain.Checkpoint
			// Other executors may put anything into their heartbeats. What is no
			// checkpoint is as good as none, and reading it again mends nothing.
			if err := i.dataConverter.FromPayloads(pending.GetHeartbeatDetails(), &cp); err == nil && cp.Check() == nil {
				found.Checkpoint = &cp
			}
		}
		return found, nil
	}
	return &domain.Inspection{}, nil
}
