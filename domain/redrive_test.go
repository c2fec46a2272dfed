package domain

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARedriveKeepsWhatIsDoneAndSetsTheFailedTaskGoingAgain(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"}, TaskSpec{Name: "b"})
	require.True(t, p.Apply(CommandAbort, Command{}, noon).Accepted)
	require.Equal(t, PlanFailed, p.State())
	before := encode(t, p.Record())
	rec, err := Redrive(p.Record(), Command{Actor: "ann", CommandID: "c-9"}, Interruption{}, noon)
	require.NoError(t, err)
	require.Equal(t, before, encode(t, p.Record()), "a closed run never changes")
	next := restore(t, rec)
	require.Equal(t, PlanCreated, next.State())
	require.Equal(t, p.Version()+1, next.Version(), "the version goes on")
	require.Equal(t, TaskFailed, next.Tasks()[0].State())
	require.True(t, next.Apply(CommandResume, Command{CommandID: "c-9"}, noon).Repeat)
	require.NoError(t, next.Start(noon))
	require.Equal(t, TaskRunning, next.Tasks()[0].State())
	slice, _ := next.Tasks()[0].Pending()
	request := next.Dispatch(next.Tasks()[0], slice, 0)
	require.Equal(t, "0-2", request.Checkpoint.Done.String())
	require.True(t, request.Checkpoint.Failed.Empty())
	require.Equal(t, "g1", request.Generation)
	succeedAll(t, next)
	require.Equal(t, PlanCompleted, next.State())
}

func TestARedriveOfATerminatedRunTakesTheServersRecordOfTasksThatWereRunning(t *testing.T) {
	t.Parallel()
	p := NewPlan("p1", "g1", document(names(6), TaskSpec{Name: "a"}), noon)
	require.NoError(t, p.Start(noon))
	require.NoError(t, p.Execute(p.Next(noon)[0], noon))
	rec, err := Redrive(p.Record(), Command{}, Interruption{Code: CodeTerminated, Checkpoints: map[string]*Checkpoint{"a": after(6, 4)}}, noon)
	require.NoError(t, err)
	next := restore(t, rec)
	require.Equal(t, CodeTerminated, next.Tasks()[0].Failure().ErrorCode)
	require.Equal(t, 4, next.Tasks()[0].Progress().Done)
	require.NoError(t, next.Start(noon))
	require.Equal(t, TaskRunning, next.Tasks()[0].State())
}

func TestARedriveOfAPlanThatWasTerminatedWhilePausedGoesOn(t *testing.T) {
	t.Parallel()
	p := NewPlan("p1", "g1", document(names(6), TaskSpec{Name: "a"}), noon)
	require.NoError(t, p.Start(noon))
	task := p.Next(noon)[0]
	require.NoError(t, p.Execute(task, noon))
	require.True(t, p.Apply(CommandPause, Command{}, noon).Accepted)
	require.NoError(t, p.Stop(task, noon))
	rec, err := Redrive(p.Record(), Command{}, Interruption{Code: CodeTerminated}, noon)
	require.NoError(t, err)
	next := restore(t, rec)
	succeedAll(t, next)
	require.Equal(t, PlanCompleted, next.State())
}

func TestARedriveIsRefusedWhereItWouldLie(t *testing.T) {
	t.Parallel()
	completed := NewPlan("p1", "g1", document(names(1), TaskSpec{Name: "a"}), noon)
	succeedAll(t, completed)
	_, err := Redrive(completed.Record(), Command{}, Interruption{}, noon)
	require.ErrorIs(t, err, ErrCompleted)

	p := failedPlan(t, TaskSpec{Name: "a"})
	_, err = Redrive(p.Record(), Command{Task: "zz"}, Interruption{}, noon)
	require.ErrorIs(t, err, ErrUnknownTask)
	_, err = Redrive(p.Record(), Command{IfVersion: 99}, Interruption{}, noon)
	require.True(t, IsConflict(err))
	reverse := rolledBack(t, p, Command{})
	_, err = Redrive(p.Record(), Command{}, Interruption{}, noon)
	require.ErrorIs(t, err, ErrReversing)
	succeedAll(t, reverse)
	p.Reversed(reverse.Outcome(), noon)
	_, err = Redrive(p.Record(), Command{}, Interruption{}, noon)
	var taken *TakenBackError
	require.ErrorAs(t, err, &taken)
}

func TestSetChangesParametersOfWhatIsNotDoneAndKeepsTheEarlierOnes(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a.b", Params: json.RawMessage(`{"to":"gren","probe":{"url":"x"}}`)}, TaskSpec{Name: "a", Params: json.RawMessage(`{}`)})
	entry := p.Apply(CommandRetry, Command{Set: map[string]json.RawMessage{
		"a.b.to": []byte(`"green"`), "a.b.probe.url": []byte(`null`), "a.new": []byte(`{ "x": 1 }`),
	}}, noon)
	require.Empty(t, entry.Refusal)
	require.Equal(t, []ParamChange{
		{Task: "a.b", Param: "probe.url", Old: `"x"`}, {Task: "a.b", Param: "to", Old: `"gren"`, New: `"green"`}, {Task: "a", Param: "new", New: `{"x":1}`},
	}, entry.Changes)
	p = restore(t, p.Record())
	first, _ := p.Task("a.b")
	slice, _ := first.Pending()
	request := p.Dispatch(first, slice, 0)
	require.JSONEq(t, `{"to":"green","probe":{}}`, string(request.Params))
	require.Len(t, request.EarlierParams, 1)
	require.JSONEq(t, `{"to":"gren","probe":{"url":"x"}}`, string(request.EarlierParams[0]))
	require.Equal(t, 1, request.Revision)
	second, _ := p.Task("a")
	require.Empty(t, second.rec.Earlier, "a task that has not begun has set nothing with its parameters")
}

func TestSetIsRefusedWhereItNamesNoParameterThatCouldBeChanged(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a", Params: json.RawMessage(`{"to":"x"}`)})
	for key, want := range map[string]string{"b.to": "task.param", "a": "task.param", "a.": "task.param", "a.to.deep": "within a value that is no object"} {
		before := encode(t, p.Record().Document)
		entry := p.Apply(CommandRetry, Command{Set: map[string]json.RawMessage{key: []byte(`1`)}}, noon)
		require.Contains(t, entry.Refusal, want, key)
		require.Equal(t, before, encode(t, p.Record().Document))
		require.Equal(t, TaskFailed, p.Tasks()[0].State())
	}
}

func TestACommandIDIsKnownAgainLongAfterItsAuditEntryIsGone(t *testing.T) {
	t.Parallel()
	p := NewPlan("p1", "g1", document(names(1), TaskSpec{Name: "a"}), noon)
	require.False(t, p.Apply(CommandResume, Command{CommandID: "no"}, noon).Accepted)
	require.True(t, p.Apply(CommandStart, Command{CommandID: "yes"}, noon).Accepted)
	for range maxAudit {
		p.Apply(CommandResume, Command{}, noon)
	}
	p = restore(t, p.Record())
	trail, dropped := p.Audit()
	require.Equal(t, maxAudit+2, len(trail)+dropped)
	again := p.Apply(CommandStart, Command{CommandID: "yes"}, noon)
	require.True(t, again.Repeat && again.Accepted)
	again = p.Apply(CommandPause, Command{CommandID: "no"}, noon)
	require.True(t, again.Repeat && !again.Accepted)
	require.Equal(t, refusedBefore, again.Refusal)
}

func TestWhatIsKeptOfCommandsStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	p := NewPlan("p1", "g1", document(names(1), TaskSpec{Name: "a"}), noon)
	for i := range 3 * maxSeen {
		p.Apply(CommandResume, Command{CommandID: encode(t, i), Reason: string(make([]byte, 400))}, noon)
	}
	rec := p.Record()
	require.LessOrEqual(t, len(rec.Seen), maxSeen+maxSeen/10)
	require.Less(t, len(encode(t, rec.Seen)), 128<<10)
	bytes := 0
	for _, e := range rec.Audit {
		bytes += e.size()
	}
	require.LessOrEqual(t, bytes, maxAuditBytes)
	require.True(t, p.Apply(CommandPause, Command{CommandID: encode(t, 3*maxSeen-maxSeen)}, noon).Repeat)
}

func TestPagesOfTargetsAndRecordsAddUp(t *testing.T) {
	t.Parallel()
	p := failedPlan(t, TaskSpec{Name: "a"}, TaskSpec{Name: "b"})
	var seen []TargetItem
	query := PageQuery{Limit: 5}
	for {
		page, err := p.Targets(query)
		require.NoError(t, err)
		require.Equal(t, 12, page.Total)
		require.LessOrEqual(t, len(page.Items), 5)
		seen = append(seen, page.Items...)
		if query.Offset = page.Next; page.Next == 0 {
			break
		}
	}
	require.Len(t, seen, 12)
	require.Equal(t, TargetFailed, seen[3].State)
	failed, err := p.Targets(PageQuery{State: TargetFailed})
	require.NoError(t, err)
	require.Equal(t, 1, failed.Total)
	records, err := p.Records(PageQuery{Task: "a", Offset: 2})
	require.NoError(t, err)
	require.Equal(t, 4, records.Total)
	require.Len(t, records.Items, 2)
	require.JSONEq(t, `"blue"`, string(records.Items[0].Value))
	_, err = p.Records(PageQuery{Task: "zz"})
	require.ErrorIs(t, err, ErrUnknownTask)
	_, err = p.Targets(PageQuery{State: "ODD"})
	require.ErrorContains(t, err, "ODD")
}

func TestTheChangesOfStatesAreListedOnceWithWhoseCommandTheyWere(t *testing.T) {
	t.Parallel()
	p := NewPlan("p1", "g1", document(names(1), TaskSpec{Name: "a"}), noon)
	p.Apply(CommandStart, Command{Actor: "ann"}, noon)
	require.Equal(t, []Transition{{From: "CREATED", To: "RUNNING", Version: 2, Actor: "ann"}}, p.Transitions())
	require.NoError(t, p.Execute(p.Next(noon)[0], noon))
	require.Equal(t, []Transition{{Task: "a", From: "CREATED", To: "RUNNING", Version: 4}}, p.Transitions())
	require.Empty(t, p.Transitions())
}
