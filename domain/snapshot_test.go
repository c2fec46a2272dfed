package domain

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The fields of the status as the contract has them (sections 1, 3 and 4),
// and those that Sluice adds, typed here: callers rely on each of them.
const (
	planFields       = "planId runId name labels state phase reason version exceptions progress createdAt startedAt endedAt tasks legal"
	planAdded        = "asOf taskCount"
	taskFields       = "name executor state phase attempt retries maxRetries progress checkpoint failure waiver startedAt endedAt"
	taskAdded        = "failures"
	progressFields   = "done failed total ratio"
	checkpointFields = "step data createdAt"
	dataFields       = "completedTargets currentTarget failedTargets rollbackInfo"
	dataAdded        = "completedCount failedCount"
	reasonFields     = "kind message task actor at"
	failureFields    = "category errorCode reason target attempt timestamp"
	waiverFields     = "actor reason at"
)

func requireFields(t *testing.T, object any, fields ...string) map[string]any {
	t.Helper()
	got, ok := object.(map[string]any)
	require.True(t, ok, "want an object, got %v", object)
	require.ElementsMatch(t, strings.Fields(strings.Join(fields, " ")), slices.Collect(maps.Keys(got)))
	return got
}

// fullPlan returns a closed plan in whose status every field is given, at
// times in another zone than UTC.
func fullPlan(t *testing.T) *Plan {
	t.Helper()
	at := noon.In(time.FixedZone("east", 2*3600))
	doc := document(names(5), TaskSpec{Name: "switch"})
	doc.Metadata.Labels = map[string]string{"team": "edge"}
	p := NewPlan("p1", "g1", doc, at)
	require.NoError(t, p.Start(at))
	task := p.Tasks()[0]
	require.NoError(t, p.Execute(task, at))
	slice, _ := task.Pending()
	cp := checkpointOf(t, 0, 4, "0-1", "3", "2")
	cp.Step, cp.CreatedAt = "SWITCH_GATEWAY", at
	cp.Failures = []FailureInfo{{Category: CategoryBusiness, ErrorCode: "NO", Reason: "no", Target: "tenant-000003", Attempt: 1, Timestamp: at}}
	cp.Prior.Record(0, value(`"blue"`))
	cp.Prior.Record(1, absent)
	cp.Prior.Record(2, value(`{"pool":"blue"}`))
	cp.Prior.Record(3, value(`"red"`))
	p.Advance(task, cp.Of(slice))
	require.NoError(t, p.Fail(task, FailureInfo{Category: CategoryExecutor, ErrorCode: "BROKEN", Reason: "it broke", Target: "tenant-000003", Attempt: 4, Timestamp: at}, at))
	rec := p.Record()
	rec.Reason.Actor, rec.State, rec.EndedAt = "alice", PlanFailed, at
	rec.Tasks[0].Waiver = &Waiver{Actor: "alice", Reason: "because", At: at}
	p, err := RestorePlan(rec)
	require.NoError(t, err)
	return p
}

func TestTheStatusHasTheFieldsOfTheContract(t *testing.T) {
	t.Parallel()
	var status any
	require.NoError(t, json.Unmarshal([]byte(encode(t, fullPlan(t).Snapshot("r1", noon))), &status))
	plan := requireFields(t, status, planFields, planAdded)
	requireFields(t, plan["progress"], progressFields)
	requireFields(t, plan["reason"], reasonFields)
	require.Equal(t, "p1", plan["planId"])
	require.Equal(t, "r1", plan["runId"])
	require.Equal(t, "green-cutover", plan["name"])
	require.Equal(t, []any{}, plan["legal"])

	task := requireFields(t, plan["tasks"].([]any)[0], taskFields, taskAdded)
	requireFields(t, task["progress"], progressFields)
	requireFields(t, task["failure"], failureFields)
	requireFields(t, task["failures"].([]any)[0], failureFields)
	requireFields(t, task["waiver"], waiverFields)
	checkpoint := requireFields(t, task["checkpoint"], checkpointFields)
	data := requireFields(t, checkpoint["data"], dataFields, dataAdded)
	require.Equal(t, map[string]any{
		"completedTargets": []any{"tenant-000000", "tenant-000001"}, "completedCount": 2.0,
		"currentTarget": "tenant-000002",
		"failedTargets": []any{"tenant-000003"}, "failedCount": 1.0,
		"rollbackInfo": map[string]any{
			"tenant-000000": "blue", "tenant-000001": nil, "tenant-000002": map[string]any{"pool": "blue"}, "tenant-000003": "red",
		},
	}, data)
}

func TestEveryTimeOfTheStatusIsInUTC(t *testing.T) {
	t.Parallel()
	var status any
	require.NoError(t, json.Unmarshal([]byte(encode(t, fullPlan(t).Snapshot("r1", noon.In(time.FixedZone("west", -3600))))), &status))
	times := 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, field := range v {
				walk(path+"."+key, field)
			}
		case []any:
			for _, element := range v {
				walk(path, element)
			}
		case string:
			if strings.HasSuffix(path, "At") || strings.HasSuffix(path, ".at") || strings.HasSuffix(path, ".timestamp") || strings.HasSuffix(path, ".asOf") {
				times++
				require.Equal(t, "2026-01-02T12:00:00Z", v, path)
			}
		}
	}
	walk("", status)
	require.Equal(t, 11, times)
}

func TestTheStatusOfANewPlanLeavesOutWhatIsNotThereYet(t *testing.T) {
	t.Parallel()
	var status any
	p := NewPlan("p1", "g1", document(names(2), TaskSpec{Name: "switch"}), noon)
	require.NoError(t, json.Unmarshal([]byte(encode(t, p.Snapshot("r1", noon))), &status))
	plan := requireFields(t, status, "planId runId name state phase version exceptions progress createdAt tasks legal", planAdded)
	require.Equal(t, "CREATED", plan["state"])
	require.Equal(t, "", plan["phase"])
	require.InDelta(t, 1, plan["version"], 0)
	requireFields(t, plan["tasks"].([]any)[0], "name executor state phase attempt retries maxRetries progress")
}

func TestTheStatusListsTheCommandsThatAreLegalNow(t *testing.T) {
	t.Parallel()
	p := NewPlan("p1", "g1", document(names(2), TaskSpec{Name: "a"}, TaskSpec{Name: "b"}), noon)
	legal := func() string {
		s := p.Snapshot("r1", noon)
		return strings.TrimSpace(string(s.State)+" "+string(s.Phase)) + ": " + fmt.Sprint(s.Legal)
	}
	require.Equal(t, "CREATED: [start skip abort]", legal())
	require.True(t, p.Apply(CommandStart, Command{}, noon).Accepted)
	require.NoError(t, p.Execute(p.Next(noon)[0], noon))
	require.Equal(t, "RUNNING: [pause rollback skip abort]", legal())
	require.True(t, p.Apply(CommandPause, Command{}, noon).Accepted)
	require.Equal(t, "RUNNING PAUSING: [pause rollback skip abort]", legal())
	require.Equal(t, PhasePausing, p.Snapshot("r1", noon).Tasks[0].Phase, "and so is the task that is still at work")
	require.Empty(t, p.Snapshot("r1", noon).Tasks[1].Phase)
	require.NoError(t, p.Stop(p.Tasks()[0], noon))
	require.Equal(t, "PAUSED: [resume retry skip abort]", legal())
	require.True(t, p.Apply(CommandResume, Command{}, noon).Accepted)
	require.NoError(t, p.Fail(p.Tasks()[0], FailureInfo{Reason: "no"}, noon))
	require.Equal(t, "PAUSED: [retry rollback skip abort]", legal(), "a failure that nobody has dealt with bars resume")
	require.True(t, p.Apply(CommandAbort, Command{}, noon).Accepted)
	require.Equal(t, "FAILED: []", legal())
}

// donePlan returns a plan of tasks, each with targets that are done and had
// prior values, in a state.
func donePlan(t *testing.T, tasks, targets int, state TaskState) *Plan {
	t.Helper()
	specs := make([]TaskSpec, tasks)
	for i := range specs {
		specs[i] = TaskSpec{Name: fmt.Sprintf("task-%04d", i)}
	}
	rec := NewPlan("p1", "g1", document(names(targets), specs...), noon).Record()
	rec.State, rec.StartedAt = PlanRunning, noon
	for i := range rec.Tasks {
		cp := Checkpoint{Format: CheckpointFormat, Last: targets - 1, Done: NewRangeSet(0, targets-1), CreatedAt: noon}
		for target := range targets {
			cp.Prior.Record(target, value(`"blue"`))
		}
		rec.Tasks[i].State, rec.Tasks[i].Checkpoint = state, &cp
	}
	p, err := RestorePlan(rec)
	require.NoError(t, err)
	return p
}

func TestTheStatusOfFiveHundredTasksOfAThousandTargetsFits(t *testing.T) {
	t.Parallel()
	require.Equal(t, 256<<10, MaxSnapshotBytes)
	for _, state := range []TaskState{TaskCompleted, TaskPaused, TaskRunning} {
		s := donePlan(t, 500, 1000, state).Snapshot("r1", noon)
		require.LessOrEqual(t, len(encode(t, s)), 256<<10, state)
		require.Len(t, s.Tasks, 100)
		require.Equal(t, 500, s.TaskCount)
		require.Equal(t, 500_000, s.Progress.Done)
		require.Equal(t, 500_000, s.Progress.Total)
		require.InDelta(t, 1, s.Progress.Ratio, 0)
		for _, task := range s.Tasks {
			require.Equal(t, 1000, task.Progress.Done, "counts stay in any case")
		}
	}
}

func TestTheStatusFitsWhateverExecutorsAndActorsSay(t *testing.T) {
	t.Parallel()
	rec := donePlan(t, 150, 30, TaskFailed).Record()
	for i := range rec.Tasks {
		long := FailureInfo{Reason: strings.Repeat("<", 100_000), Target: strings.Repeat("<", 300), ErrorCode: strings.Repeat("<", 300)}.Bounded()
		rec.Tasks[i].Failure = &long
		rec.Tasks[i].Waiver = &Waiver{Actor: strings.Repeat("<", 200), Reason: strings.Repeat("<", 500)}
		rec.Tasks[i].Checkpoint.Failures = slices.Repeat([]FailureInfo{long}, 20)
	}
	p, err := RestorePlan(rec)
	require.NoError(t, err)
	s := p.Snapshot("r1", noon)
	require.LessOrEqual(t, len(encode(t, s)), 256<<10)
	require.NotEmpty(t, s.Tasks)
	require.Equal(t, 150, s.TaskCount)

	huge := Command{Task: "task-0000", Reason: strings.Repeat("x", 1<<20), Actor: strings.Repeat("y", 1<<20)}
	for _, name := range []CommandName{CommandPause, CommandSkip, CommandAbort} {
		p := NewPlan("p1", "g1", document(names(1), TaskSpec{Name: "task-0000"}, TaskSpec{Name: "b"}), noon)
		require.NoError(t, p.Start(noon))
		require.True(t, p.Apply(name, huge, noon).Accepted)
		require.LessOrEqual(t, len(encode(t, p.Snapshot("r1", noon))), 10_000, name)
		require.LessOrEqual(t, len(encode(t, p.Record())), 10_000, name)
	}
}

func TestAStatusWithTooManyTasksListsTheRunningAndFailedOnesFirst(t *testing.T) {
	t.Parallel()
	rec := donePlan(t, 300, 1, TaskCompleted).Record()
	rec.Tasks[299].State, rec.Tasks[250].State, rec.Tasks[200].State = TaskRunning, TaskFailed, TaskPaused
	p, err := RestorePlan(rec)
	require.NoError(t, err)
	s := p.Snapshot("r1", noon)
	require.Len(t, s.Tasks, 100)
	var listed []string
	for _, task := range s.Tasks {
		listed = append(listed, task.Name)
	}
	require.Equal(t, []string{"task-0200", "task-0250", "task-0299"}, listed[97:], "in the order of the plan file")
	require.Equal(t, "task-0000", listed[0])
}

func TestACheckpointShowsTheLastHundredOfVeryManyDoneTargets(t *testing.T) {
	t.Parallel()
	s := donePlan(t, 1, 100_000, TaskPaused).Snapshot("r1", noon)
	data := s.Tasks[0].Checkpoint.Data
	require.Equal(t, 100_000, data.CompletedCount)
	require.Equal(t, names(100_000)[99_900:], data.CompletedTargets)
	require.Len(t, data.RollbackInfo, 100)
	require.LessOrEqual(t, len(encode(t, s)), 256<<10)

	for done, listed := range map[int]int{0: 0, 1: 1, 999: 999, 1000: 1000, 1001: 100} {
		cp := Checkpoint{Format: CheckpointFormat, Last: 1999, Done: NewRangeSet(0, done-1)}
		view := cp.View(names(2000))
		require.Len(t, view.Data.CompletedTargets, listed)
		require.Equal(t, done, view.Data.CompletedCount)
	}
}

func TestACheckpointThatNamesTargetsBeyondTheListIsShownWithoutThem(t *testing.T) {
	t.Parallel()
	cp := Checkpoint{Format: CheckpointFormat, Last: 5000, Done: NewRangeSet(0, 5000), Failed: NewRangeSet(6000, 6001), Batch: NewRangeSet(7000, 7000)}
	cp.Prior.Record(4000, value("1"))
	view := cp.View(names(3))
	require.Equal(t, names(3), view.Data.CompletedTargets)
	require.Empty(t, view.Data.FailedTargets)
	require.Empty(t, view.Data.CurrentTarget)
	require.Empty(t, view.Data.RollbackInfo)
}

func TestExceptionsCountWaivedTasksAndToleratedFailures(t *testing.T) {
	t.Parallel()
	rec := donePlan(t, 3, 10, TaskCompleted).Record()
	for i := range rec.Tasks {
		rec.Tasks[i].Checkpoint.Done, rec.Tasks[i].Checkpoint.Failed = NewRangeSet(0, 6), NewRangeSet(7, 9)
	}
	rec.Tasks[1].State, rec.Tasks[1].Waiver = TaskFailed, &Waiver{Reason: "because"}
	rec.Tasks[2].State = TaskPaused
	p, err := RestorePlan(rec)
	require.NoError(t, err)
	s := p.Snapshot("r1", noon)
	require.Equal(t, 4, s.Exceptions, "three failed targets of the completed task, and one waived task")
	require.Equal(t, Progress{Done: 21, Failed: 9, Total: 30, Ratio: 0.7}, s.Progress)
}
