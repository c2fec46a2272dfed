package workflows_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// histories is where the runs of each release are kept. They are recorded by
// go test ./e2e -run 'TestEveryScenario|TestOverContinueAsNew' -record.
var histories = filepath.Join("testdata", "histories")

// recorded returns the files with recorded histories, by name.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(histories, "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 9, "recorded histories are missing from %s", histories)
	byName := map[string]string{}
	for _, file := range files {
		byName[strings.TrimSuffix(filepath.Base(file), ".json")] = file
	}
	return byName
}

// newReplayer returns a replayer that is made as workers are. It always fails
// where the code panics, or asks for something else than the history has.
func newReplayer(t *testing.T, settings workflows.Settings) worker.WorkflowReplayer {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter:               payload.NewDataConverter(),
		Interceptors:                []interceptor.WorkerInterceptor{workflows.NewInboxInterceptor()},
		DisableRegistrationAliasing: true,
	})
	require.NoError(t, err)
	workflows.Register(replayer, settings)
	return replayer
}

func TestEveryRecordedHistoryIsReplayedWhateverTheWorkersSettings(t *testing.T) {
	t.Parallel()
	for name, file := range recorded(t) {
		for setting, on := range map[string]bool{"with search attributes": true, "without": false} {
			t.Run(name+" "+setting, func(t *testing.T) {
				t.Parallel()
				// Those were recorded with search attributes: that stands in the history.
				err := newReplayer(t, workflows.Settings{SearchAttributes: on}).ReplayWorkflowHistoryFromJSONFile(quiet{}, file)
				require.NoError(t, err)
			})
		}
	}
}

// TestEveryBeginningOfARecordedHistoryIsReplayed takes over each run at each of
// its workflow tasks, as a worker does that gets it after another one has died.
func TestEveryBeginningOfARecordedHistoryIsReplayed(t *testing.T) {
	t.Parallel()
	for name, file := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := read(t, file).GetEvents()
			for i, event := range events {
				if event.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
					continue
				}
				// Up to what the task has caused, which is what replay compares.
				end := i + 1
				for end < len(events) && caused(events[end], event.GetEventId()) {
					end++
				}
				if end == len(events) {
					break // the whole history; the other test replays it
				}
				beginning := &historypb.History{Events: events[:end]}
				require.NoError(t, newReplayer(t, workflows.Settings{}).ReplayWorkflowHistory(quiet{}, beginning), "up to event %d", end)
			}
		})
	}
}

// caused reports whether an event is a command of the workflow task that ended
// with the event of an id.
func caused(event *historypb.HistoryEvent, id int64) bool {
	switch event.GetEventType() {
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		return event.GetActivityTaskScheduledEventAttributes().GetWorkflowTaskCompletedEventId() == id
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
		return event.GetActivityTaskCancelRequestedEventAttributes().GetWorkflowTaskCompletedEventId() == id
	case enumspb.EVENT_TYPE_TIMER_STARTED:
		return event.GetTimerStartedEventAttributes().GetWorkflowTaskCompletedEventId() == id
	case enumspb.EVENT_TYPE_MARKER_RECORDED:
		return event.GetMarkerRecordedEventAttributes().GetWorkflowTaskCompletedEventId() == id
	case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
		return event.GetUpsertWorkflowSearchAttributesEventAttributes().GetWorkflowTaskCompletedEventId() == id
	}
	return false
}

func TestTheRecordedHistoriesShowWhatTheirNamesSay(t *testing.T) {
	t.Parallel()
	const (
		canceled  = enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED
		failed    = enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED
		timedOut  = enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT
		signaled  = enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
		completed = enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
		ended     = enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED
	)
	files := recorded(t)
	for name, want := range map[string][]enumspb.EventType{
		"v1-plain":                  {completed},
		"v1-parallel":               {completed},
		"v1-commands":               {signaled, completed},
		"v1-pause-resume":           {signaled, canceled, completed},
		"v1-pause-in-back-off":      {signaled, canceled, completed},
		"v1-retries-then-fail":      {failed, ended},
		"v1-failure-retry":          {failed, signaled, completed},
		"v1-abort":                  {signaled, canceled, ended},
		"v1-abort-paused":           {signaled, ended},
		"v1-abort-grace":            {signaled, enumspb.EVENT_TYPE_TIMER_FIRED, ended},
		"v1-cancel":                 {enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED, canceled, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED},
		"v1-worker-lost":            {timedOut, completed},
		"v1-foreign-executor":       {signaled, canceled, completed},
		"v1-continue-as-new-first":  {enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW},
		"v1-continue-as-new-second": {enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW},
	} {
		require.Contains(t, files, name)
		seen := map[enumspb.EventType]bool{}
		for _, event := range read(t, files[name]).GetEvents() {
			seen[event.GetEventType()] = true
		}
		for _, eventType := range want {
			require.True(t, seen[eventType], "%s has no %s", name, eventType)
		}
	}
}

// read returns a recorded history.
func read(t *testing.T, file string) *historypb.History {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return history
}
