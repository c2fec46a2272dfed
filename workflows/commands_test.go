package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// held returns a plan that waits for its start, so that a test decides what it
// meets.
func held(tasks ...domain.TaskSpec) domain.Document {
	doc := document(tasks...)
	doc.Spec.Hold = true
	return doc
}

func TestAPauseKeepsTheCheckpointAndAResumeGoesOnFromIt(t *testing.T) {
	t.Parallel()
	var p *planTest
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if r.Checkpoint != nil || r.Task == "b" {
			return done(r)
		}
		return p.underWay(ctx, after(r, 2), func() { p.send(domain.CommandPause, domain.Command{Actor: "ann", Reason: "lunch"}) })
	})
	p.at(time.Hour, func() {
		s := p.status()
		require.Equal(t, domain.PlanPaused, s.State)
		require.Equal(t, domain.TaskPaused, s.Tasks[0].State)
		require.Equal(t, domain.TaskCreated, s.Tasks[1].State)
		require.Equal(t, []string{"t1", "t2"}, s.Tasks[0].Checkpoint.Data.CompletedTargets)
		require.Equal(t, domain.Reason{Kind: domain.ReasonOperator, Message: "lunch", Actor: "ann", At: s.Reason.At}, *s.Reason)
		require.Contains(t, s.Legal, domain.CommandResume)
		p.send(domain.CommandResume, domain.Command{})
	})
	final := p.completed(document(task("a"), task("b")))
	require.Equal(t, []string{"a", "a", "b"}, p.order())
	require.Equal(t, "0-1", p.request(1).Checkpoint.Done.String())
	require.Greater(t, p.request(1).FencingBase, p.request(0).FencingBase)
	require.Equal(t, 1, final.Tasks[0].Attempt, "a resume is no further attempt")
	require.Nil(t, final.Reason)
	// pause and resume, the plan's four changes of state, a's four and b's two.
	require.Equal(t, int64(1+2+4+4+2), final.Version)
}

func TestWhileARunningTaskHasNotStoppedThePlanIsRunningAndPausing(t *testing.T) {
	t.Parallel()
	var p *planTest
	seen := make(chan domain.Snapshot, 1)
	p = newPlanTest(t, func(ctx context.Context, r domain.TaskRequest) (*domain.TaskResult, error) {
		if r.Checkpoint != nil || r.Task == "b" {
			return done(r)
		}
		return p.underWay(ctx, after(r, 1), func() {
			p.send(domain.CommandPause, domain.Command{})
			p.at(0, func() { seen <- p.status() })
		})
	})
	p.at(time.Hour, func() {
		require.Equal(t, domain.PlanPaused, p.status().State)
		p.send(domain.CommandResume, domain.Command{})
	})
	p.completed(document(task("a"), task("b")))
	s := <-seen
	require.Equal(t, domain.PlanRunning, s.State)
	require.Equal(t, domain.PhasePausing, s.Phase)
	require.Equal(t, domain.PhasePausing, s.Tasks[0].Phase)
	require.Empty(t, s.Tasks[1].Phase)
	require.Equal(t, domain.ReasonOperator, s.Reason.Kind)
}

func TestCommandsThatArriveTogetherAreCarriedOutInTheirOrder(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	stop := task("a")
	stop.PauseBefore = true
	p.at(time.Hour, func() {
		require.Equal(t, domain.PlanPaused, p.status().State)
		// Each is legal only because of the one before it.
		p.sendAll(domain.CommandPause, domain.CommandResume, domain.CommandPause, domain.CommandResume)
	})
	p.completed(document(stop))
	var commands []domain.CommandName
	var accepted []bool
	var versions []int64
	for _, e := range p.audit() {
		commands, accepted, versions = append(commands, e.Command), append(accepted, e.Accepted), append(versions, e.Version)
	}
	require.Equal(t, []domain.CommandName{domain.CommandPause, domain.CommandResume, domain.CommandPause, domain.CommandResume}, commands)
	require.Equal(t, []bool{false, true, true, true}, accepted)
	require.IsNonDecreasing(t, versions)
}

func TestASignalThatIsNoCommandChangesNothingAndTheAuditTrailSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal  string
		input   any
		command domain.CommandName
		why     string
	}{
		"a text":                  {"pause", "now", domain.CommandPause, "the input of a command is"},
		"a number":                {"abort", 7, domain.CommandAbort, "the input of a command is"},
		"a list":                  {"start", []string{"a"}, domain.CommandStart, "the input of a command is"},
		"a field of a wrong type": {"start", raw(`{"ifVersion":"7"}`), domain.CommandStart, "ifVersion"},
		"an unknown field":        {"start", raw(`{"taks":"a"}`), domain.CommandStart, `unknown field "taks"`},
		"two objects":             {"start", []byte(`{} {}`), domain.CommandStart, "more than one"},
		"no JSON":                 {"start", []byte{0xff, 0x00}, domain.CommandStart, "the input of a command is"},
		"two arguments":           {withTwoArguments + "start", domain.Command{}, domain.CommandStart, "there are 2 arguments"},
		"an unknown name":         {"explode", domain.Command{}, "explode", domain.ErrUnknownCommand.Error()},
		"an empty name":           {"", domain.Command{}, "", domain.ErrUnknownCommand.Error()},
		"an unknown task":         {"skip", domain.Command{Task: "zz", Reason: "x"}, domain.CommandSkip, domain.ErrUnknownTask.Error()},
		"what is illegal now":     {"resume", domain.Command{Actor: "ann"}, domain.CommandResume, `is CREATED, so resume is not possible; legal now: start, skip, abort`},
		"too long a commandId":    {"start", domain.Command{CommandID: string(make([]byte, 10_000))}, domain.CommandStart, "commandId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlanTest(t, nil)
			p.at(time.Minute, func() { p.env.SignalWorkflow(c.signal, c.input) })
			p.at(time.Hour, func() {
				s := p.status()
				require.Equal(t, domain.PlanCreated, s.State)
				require.Equal(t, int64(1), s.Version)
				p.send(domain.CommandStart, domain.Command{})
			})
			p.completed(held(task("a")))
			audit := p.audit()
			require.Len(t, audit, 2)
			require.Equal(t, c.command, audit[0].Command)
			require.False(t, audit[0].Accepted)
			require.Contains(t, audit[0].Refusal, c.why)
			require.Equal(t, domain.PlanCreated, audit[0].State)
			require.Equal(t, int64(1), audit[0].Version)
			require.False(t, audit[0].At.IsZero())
			require.True(t, audit[1].Accepted)
		})
	}
}

func TestACommandMayHaveNoArgumentNullOrNoFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal string
		input  any
	}{
		"no argument": {withoutArguments + "start", nil},
		"null":        {"start", raw("null")},
		"nil":         {"start", nil},
		"no fields":   {"start", raw("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlanTest(t, nil)
			p.at(time.Minute, func() { p.env.SignalWorkflow(c.signal, c.input) })
			p.completed(held(task("a")))
			require.True(t, p.audit()[0].Accepted)
		})
	}
}

func TestACommandIDThatWasSeenBeforeIsARepeatAndGetsTheFirstOutcome(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	stop := task("a")
	stop.PauseBefore = true
	p.at(1*time.Minute, func() { p.send(domain.CommandResume, domain.Command{CommandID: "x"}) }) // refused: CREATED
	p.at(2*time.Minute, func() { p.send(domain.CommandStart, domain.Command{CommandID: "y"}) })
	p.at(3*time.Minute, func() {
		require.Equal(t, domain.PlanPaused, p.status().State)
		version := p.status().Version
		p.send(domain.CommandResume, domain.Command{CommandID: "x"}) // would be legal by now
		p.at(time.Second, func() {
			require.Equal(t, domain.PlanPaused, p.status().State)
			require.Equal(t, version, p.status().Version)
			p.send(domain.CommandStart, domain.Command{CommandID: "y"})
			p.send(domain.CommandResume, domain.Command{CommandID: "z"})
		})
	})
	p.completed(held(stop))
	audit := p.audit()
	require.Len(t, audit, 5)
	require.True(t, audit[2].Repeat)
	require.False(t, audit[2].Accepted)
	require.Equal(t, audit[0].Refusal, audit[2].Refusal)
	require.True(t, audit[3].Repeat)
	require.True(t, audit[3].Accepted, "the first one was accepted")
	require.False(t, audit[4].Repeat)
	require.True(t, audit[4].Accepted)
}

func TestACommandForAnotherVersionIsAConflictAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.at(1*time.Minute, func() { p.send(domain.CommandStart, domain.Command{IfVersion: 2}) })
	p.at(2*time.Minute, func() {
		require.Equal(t, domain.PlanCreated, p.status().State)
		p.send(domain.CommandStart, domain.Command{IfVersion: 1})
	})
	p.completed(held(task("a")))
	audit := p.audit()
	require.False(t, audit[0].Accepted)
	require.Contains(t, audit[0].Refusal, "has version 1, but the command was meant for version 2")
	require.True(t, audit[1].Accepted)
}

func TestTheAuditTrailSaysWhoAskedWhatWhenAndWhy(t *testing.T) {
	t.Parallel()
	p := newPlanTest(t, nil)
	p.at(time.Minute, func() {
		p.send(domain.CommandStart, domain.Command{CommandID: "c-1", Actor: "ann", Reason: "the window is open"})
	})
	final := p.completed(held(task("a")))
	trail := query[workflows.AuditTrail](p, workflows.QueryAudit)
	require.Zero(t, trail.Dropped)
	require.Equal(t, []domain.AuditEntry{{
		At: final.StartedAt, Command: domain.CommandStart, CommandID: "c-1", Actor: "ann", Reason: "the window is open",
		Accepted: true, State: domain.PlanRunning, Version: 3,
	}}, trail.Entries)
}
