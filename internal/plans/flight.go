package plans

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/seed-3652815f/sluice/domain"
)

// FlightState is what an execution in flight is about.
type FlightState string

// What an execution in flight is about.
const (
	FlightWorking          FlightState = "WORKING"
	FlightBackingOff       FlightState = "BACKING_OFF"        // an attempt failed, and the next one is to come
	FlightWaitingForWorker FlightState = "WAITING_FOR_WORKER" // no worker has taken it yet
	FlightStopping         FlightState = "STOPPING"           // told to stop at its next safe point
)

// Flight is an execution in flight: one slice of a task, as the server's
// record has it.
type Flight struct {
	Task        string      `json:"task"`
	Execution   int         `json:"execution"`
	Slice       int         `json:"slice"`
	Executor    string      `json:"executor"`
	State       FlightState `json:"state"`
	Attempt     int         `json:"attempt"`               // from 1
	MaxAttempts int         `json:"maxAttempts,omitempty"` // 0: not bounded
	Started     time.Time   `json:"started,omitzero"`      // the attempt
	NextAttempt time.Time   `json:"nextAttempt,omitzero"`  // while backing off
	LastFailure string      `json:"lastFailure,omitempty"` // of the attempt before
	Heartbeat   time.Time   `json:"heartbeat,omitzero"`    // the last one
	Worker      string      `json:"worker,omitempty"`      // who has it, or had it last
	TaskQueue   string      `json:"taskQueue,omitempty"`

	Remaining domain.Duration `json:"remaining,omitzero"` // of the whole task, if it goes on as it did; 0 where that is not known

	checkpoint *domain.Checkpoint // of the last heartbeat; nil where there was none
}

// flights lists what is in flight, in the order of the server's record.
func (c *Client) flights(description *workflowservice.DescribeWorkflowExecutionResponse) []Flight {
	var flights []Flight
	for _, pending := range description.GetPendingActivities() {
		f, ok := flightOf(pending)
		if !ok {
			continue
		}
		if f.TaskQueue == "" {
			f.TaskQueue = description.GetExecutionConfig().GetTaskQueue().GetName()
		}
		f.checkpoint = c.heartbeat(pending.GetHeartbeatDetails())
		flights = append(flights, f)
	}
	return flights
}

// heartbeat decodes a checkpoint; nil where it is none that this version
// reads: progress is then what the workflow knows.
func (c *Client) heartbeat(details *commonpb.Payloads) *domain.Checkpoint {
	if details == nil {
		return nil
	}
	var cp domain.Checkpoint
	if err := c.Data.FromPayloads(details, &cp); err != nil || cp.Check() != nil {
		return nil
	}
	return &cp
}

// flightOf reads one entry of the server's record; false for what is no
// execution of a task.
func flightOf(pending *workflowpb.PendingActivityInfo) (Flight, bool) {
	task, execution, slice, ok := parseActivityID(pending.GetActivityId())
	if !ok {
		return Flight{}, false
	}
	f := Flight{
		Task: task, Execution: execution, Slice: slice, Executor: pending.GetActivityType().GetName(),
		Attempt: int(pending.GetAttempt()), MaxAttempts: int(pending.GetMaximumAttempts()),
		LastFailure: pending.GetLastFailure().GetMessage(), Worker: pending.GetLastWorkerIdentity(),
		TaskQueue: pending.GetActivityOptions().GetTaskQueue().GetName(),
	}
	if f.MaxAttempts == math.MaxInt32 {
		f.MaxAttempts = 0
	}
	if at := pending.GetLastStartedTime(); at != nil {
		f.Started = at.AsTime()
	}
	if at := pending.GetLastHeartbeatTime(); at != nil {
		f.Heartbeat = at.AsTime()
	}
	switch pending.GetState() {
	case enumspb.PENDING_ACTIVITY_STATE_STARTED:
		f.State = FlightWorking
	case enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
		f.State = FlightStopping
	default:
		f.State = FlightWaitingForWorker
		if at := pending.GetScheduledTime(); at != nil && f.Attempt > 1 && at.AsTime().After(time.Now()) {
			f.State, f.NextAttempt = FlightBackingOff, at.AsTime()
		}
	}
	return f, true
}

// parseActivityID takes task/execution/slice apart, from the right.
func parseActivityID(id string) (task string, execution, slice int, ok bool) {
	cut := func(text string) (string, int, bool) {
		i := strings.LastIndexByte(text, '/')
		if i < 0 {
			return "", 0, false
		}
		n, err := strconv.Atoi(text[i+1:])
		return text[:i], n, err == nil && n >= 0
	}
	rest, slice, hasSlice := cut(id)
	task, execution, hasExecution := cut(rest)
	return task, execution, slice, hasSlice && hasExecution && task != ""
}

// merge brings the snapshot's running tasks up to date with the heartbeats of
// what is in flight.
func (c *Client) merge(ctx context.Context, view *View) {
	for _, f := range view.InFlight {
		for i := range view.Tasks {
			t := &view.Tasks[i]
			if t.Name != f.Task || f.checkpoint == nil {
				continue
			}
			if t.Rollback != nil && t.Rollback.Running {
				t.Rollback = mergeRollback(*t, f.checkpoint)
				continue
			}
			if t.State != domain.TaskRunning {
				continue
			}
			before := t.Progress
			t.Progress = mergeProgress(*t, f.checkpoint)
			view.Progress = add(view.Progress, t.Progress.Done-before.Done, t.Progress.Failed-before.Failed)
			t.Checkpoint = mergeCheckpoint(t, f.checkpoint, c.targetsOf(ctx, view, f.Task))
			t.SliceDone, t.SliceFailed = f.checkpoint.Done.Count()-t.SliceOthers, f.checkpoint.Failed.Count()
		}
	}
}

// targetsOf returns a task's targets; none where they cannot be read, and then
// the checkpoint shows counts only.
func (c *Client) targetsOf(ctx context.Context, view *View, task string) []string {
	doc, err := c.document(ctx, view.PlanID, view.RunID)
	if err != nil {
		return nil
	}
	for _, t := range doc.Spec.Tasks {
		if t.Name == task {
			return doc.Spec.TargetsOf(t)
		}
	}
	return nil
}

// mergeProgress counts a slice's targets as its heartbeat has them, in the
// place of what the snapshot already counts of the slice.
func mergeProgress(t domain.TaskSnapshot, cp *domain.Checkpoint) domain.Progress {
	return add(t.Progress, cp.Done.Count()-t.SliceOthers-t.SliceDone, cp.Failed.Count()-t.SliceFailed)
}

// mergeRollback is the same for a task that is being rolled back.
func mergeRollback(t domain.TaskSnapshot, cp *domain.Checkpoint) *domain.RollbackView {
	rollback := *t.Rollback
	rollback.Progress = add(rollback.Progress, cp.Done.Count()-t.SliceOthers-t.SliceDone, cp.Failed.Count()-t.SliceFailed)
	return &rollback
}

func add(p domain.Progress, done, failed int) domain.Progress {
	p.Done = min(max(p.Done+done, 0), p.Total)
	p.Failed = min(max(p.Failed+failed, 0), p.Total)
	if p.Total > 0 {
		p.Ratio = float64(p.Done) / float64(p.Total)
	}
	return p
}

// mergeCheckpoint shows the heartbeat's checkpoint. Where the task has other
// slices too, their targets stay listed and the slice's are counted.
func mergeCheckpoint(t *domain.TaskSnapshot, cp *domain.Checkpoint, targets []string) *domain.CheckpointView {
	view := cp.View(targets)
	if t.Checkpoint != nil && t.Progress.Done > view.Data.CompletedCount {
		current := view.Data.CurrentTarget
		view.Data = t.Checkpoint.Data
		view.Data.CurrentTarget = current
	}
	view.Data.CompletedCount, view.Data.FailedCount = t.Progress.Done, t.Progress.Failed
	return &view
}
