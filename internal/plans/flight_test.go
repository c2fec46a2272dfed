package plans

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed-3652815f/sluice/domain"
)

func TestParseActivityIDReadsFromTheRight(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]struct {
		task             string
		execution, slice int
		ok               bool
	}{
		"switch/3/0":       {"switch", 3, 0, true},
		"a/b/12/7":         {"a/b", 12, 7, true},
		"switch/3":         {},
		"switch/x/0":       {},
		"switch/3/-1":      {},
		"/3/0":             {},
		"":                 {},
		"5":                {},
		"inspect switch/1": {},
	} {
		task, execution, slice, ok := parseActivityID(id)
		require.Equal(t, want.ok, ok, id)
		if ok {
			require.Equal(t, want.task, task)
			require.Equal(t, want.execution, execution)
			require.Equal(t, want.slice, slice)
		}
	}
}

func TestFlightOfSaysWhatAnExecutionIsAbout(t *testing.T) {
	t.Parallel()
	later, before := timestamppb.New(time.Now().Add(time.Hour)), timestamppb.New(time.Now().Add(-time.Hour))
	for name, test := range map[string]struct {
		pending *workflowpb.PendingActivityInfo
		want    FlightState
	}{
		"never taken":       {&workflowpb.PendingActivityInfo{State: enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, Attempt: 1, ScheduledTime: before}, FlightWaitingForWorker},
		"at work":           {&workflowpb.PendingActivityInfo{State: enumspb.PENDING_ACTIVITY_STATE_STARTED, Attempt: 1, ScheduledTime: before}, FlightWorking},
		"told to stop":      {&workflowpb.PendingActivityInfo{State: enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED, Attempt: 1}, FlightStopping},
		"between attempts":  {&workflowpb.PendingActivityInfo{State: enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, Attempt: 2, ScheduledTime: later}, FlightBackingOff},
		"due and not taken": {&workflowpb.PendingActivityInfo{State: enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, Attempt: 2, ScheduledTime: before}, FlightWaitingForWorker},
	} {
		test.pending.ActivityId = "switch/3/0"
		f, ok := flightOf(test.pending)
		require.True(t, ok, name)
		require.Equal(t, test.want, f.State, name)
		require.Equal(t, test.want == FlightBackingOff, !f.NextAttempt.IsZero(), name)
	}
}

func TestFlightOfReadsTheServersRecord(t *testing.T) {
	t.Parallel()
	beat := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f, ok := flightOf(&workflowpb.PendingActivityInfo{
		ActivityId: "switch/3/1", ActivityType: &commonpb.ActivityType{Name: "http"}, State: enumspb.PENDING_ACTIVITY_STATE_STARTED,
		Attempt: 2, MaximumAttempts: math.MaxInt32, LastHeartbeatTime: timestamppb.New(beat),
		LastFailure: &failurepb.Failure{Message: "503"}, LastWorkerIdentity: "root@host/1",
	})
	require.True(t, ok)
	require.Equal(t, Flight{
		Task: "switch", Execution: 3, Slice: 1, Executor: "http", State: FlightWorking,
		Attempt: 2, LastFailure: "503", Heartbeat: beat, Worker: "root@host/1",
	}, f)
}

func TestMergeProgressCountsASliceOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		done, failed, sliceDone, sliceFailed int // of the snapshot
		beatDone, beatFailed                 domain.RangeSet
		wantDone, wantFailed                 int
	}{
		"the first execution":           {0, 0, 0, 0, domain.NewRangeSet(0, 9), domain.NewRangeSet(10, 10), 10, 1},
		"a later slice":                 {5000, 0, 0, 0, domain.NewRangeSet(5000, 5099), domain.RangeSet{}, 5100, 0},
		"a slice that was paused":       {5100, 2, 100, 2, domain.NewRangeSet(5000, 5199), domain.NewRangeSet(5200, 5201), 5200, 2},
		"a heartbeat behind a snapshot": {5100, 0, 100, 0, domain.NewRangeSet(5000, 5049), domain.RangeSet{}, 5050, 0},
		"never more than there are":     {9990, 0, 0, 0, domain.NewRangeSet(0, 99), domain.RangeSet{}, 10000, 0},
		"never less than none":          {1, 0, 5, 0, domain.RangeSet{}, domain.RangeSet{}, 0, 0},
	} {
		task := domain.TaskSnapshot{
			Progress:  domain.Progress{Done: test.done, Failed: test.failed, Total: 10000},
			SliceDone: test.sliceDone, SliceFailed: test.sliceFailed,
		}
		got := mergeProgress(task, &domain.Checkpoint{Done: test.beatDone, Failed: test.beatFailed})
		require.Equal(t, test.wantDone, got.Done, name)
		require.Equal(t, test.wantFailed, got.Failed, name)
		require.InDelta(t, float64(test.wantDone)/10000, got.Ratio, 1e-9, name)
	}
}
