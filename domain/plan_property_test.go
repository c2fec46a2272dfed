package domain

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The moves that the seed's matrices allow, typed once more as pairs: this
// test must not learn them from the code that it judges.
var (
	seedPlanMoves = map[[2]PlanState]bool{
		{"CREATED", "RUNNING"}: true, {"RUNNING", "PAUSED"}: true, {"RUNNING", "COMPLETED"}: true,
		{"RUNNING", "FAILED"}: true, {"PAUSED", "RUNNING"}: true,
	}
	seedTaskMoves = map[[2]TaskState]bool{
		{"CREATED", "RUNNING"}: true, {"RUNNING", "PAUSED"}: true, {"RUNNING", "COMPLETED"}: true,
		{"RUNNING", "FAILED"}: true, {"PAUSED", "RUNNING"}: true, {"FAILED", "RUNNING"}: true,
		{"FAILED", "ROLLED_BACK"}: true,
	}
	// What one command may do in two moves, both over RUNNING.
	seedPlanTwoMoves = map[[2]PlanState]CommandName{
		{"CREATED", "FAILED"}: "abort", {"PAUSED", "FAILED"}: "abort",
		{"CREATED", "COMPLETED"}: "start", {"PAUSED", "COMPLETED"}: "resume",
	}
)

func TestNoSequenceOfCommandsAndOutcomesBreaksAPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &planMachine{plan: NewPlan("p1", "g1", drawDocument(t), noon), now: noon}
		t.Repeat(map[string]func(*rapid.T){
			"":               m.check,
			"command":        m.command,
			"command repeat": m.repeat,
			"resume":         m.resume,
			"execute":        m.execute,
			"execute wrong":  m.executeWrong,
			"advance":        m.advance,
			"succeed":        m.succeed,
			"stop":           m.stop,
			"fail":           m.fail,
			"reverse":        m.reverse,
			"finish":         m.finish,
		})
	})
}

// drawDocument draws a plan of 1 to 5 tasks whose dependencies have no cycle.
func drawDocument(t *rapid.T) Document {
	tasks := make([]TaskSpec, rapid.IntRange(1, 5).Draw(t, "tasks"))
	for i := range tasks {
		retries := rapid.IntRange(0, 2).Draw(t, "maxRetries")
		tasks[i] = TaskSpec{
			Name:        fmt.Sprintf("task-%d", i),
			Retry:       Retry{MaxRetries: &retries},
			PauseBefore: rapid.IntRange(0, 3).Draw(t, "pauseBefore") == 0,
		}
		for j := range i {
			if rapid.IntRange(0, 3).Draw(t, "dependsOn") == 0 {
				tasks[i].DependsOn = append(tasks[i].DependsOn, tasks[j].Name)
			}
		}
	}
	// A dependency may stand behind the task that has it.
	if rapid.Bool().Draw(t, "reversed") {
		slices.Reverse(tasks)
	}
	doc := document(names(rapid.IntRange(1, 8).Draw(t, "targets")), tasks...)
	doc.Spec.MaxParallel = rapid.IntRange(1, 3).Draw(t, "maxParallel")
	doc.Spec.OnFailure = rapid.SampledFrom([]OnFailure{"", OnFailurePause, OnFailureFail, OnFailureRollback}).Draw(t, "onFailure")
	if faults := doc.Validate(); len(faults) > 0 {
		t.Fatalf("the drawn document is invalid: %v", faults)
	}
	return doc
}

// planMachine drives a plan and compares it before and after each step.
type planMachine struct {
	plan *Plan
	now  time.Time
	ids  []string // commandIds given so far
}

// step is one thing that is done to a plan.
type step struct {
	command  CommandName // empty where it is none
	accepted bool        // a command that was accepted and is no repeat
	refused  bool        // a command or event that was refused, or a repeat
	scratch  func(*Task) bool
}

// do carries out a step and holds every rule about what a step may change
// against it. Then the plan goes on as a restored one.
func (m *planMachine) do(t *rapid.T, act func(p *Plan) step) {
	m.now = m.now.Add(time.Second)
	before := restore(t, m.plan.Record())
	did := act(m.plan)
	text := encode(t, m.plan.Record())
	m.plan = restore(t, m.plan.Record())
	require.Equal(t, text, encode(t, m.plan.Record()), "a record comes back as it was")

	if did.refused {
		require.Equal(t, withoutAudit(t, before), withoutAudit(t, m.plan), "what is refused changes nothing but the audit trail")
	}
	if before.State().Closed() {
		require.Equal(t, withoutAudit(t, before), withoutAudit(t, m.plan), "a closed plan never changes")
	}
	moves := planMoves(t, before.State(), m.plan.State(), did.command)
	for i, old := range before.Tasks() {
		task := m.plan.Tasks()[i]
		if old.State() != task.State() {
			require.True(t, seedTaskMoves[[2]TaskState{old.State(), task.State()}], "task %s: %s to %s", task.Name(), old.State(), task.State())
			moves++
		}
		putBack := RangeSet{}
		if undo := task.rec.Undo; undo != nil && undo.Checkpoint != nil {
			putBack = undo.Checkpoint.Done
			require.False(t, slices.ContainsFunc(slices.Collect(putBack.All()), task.Checkpoint().Done.Contains), "what is put back is not done")
		}
		requireKept(t, old.Checkpoint(), task.Checkpoint(), putBack, did.scratch != nil && did.scratch(old))
	}
	if did.accepted {
		moves++
	}
	require.Equal(t, before.Version()+int64(moves), m.plan.Version(),
		"the version grows by one with each accepted command and each change of a state: %+v", did)
}

// planMoves counts the cells that lead from one plan state to another.
func planMoves(t *rapid.T, from, to PlanState, command CommandName) int {
	switch {
	case from == to:
		return 0
	case seedPlanMoves[[2]PlanState{from, to}]:
		return 1
	}
	by, ok := seedPlanTwoMoves[[2]PlanState{from, to}]
	require.True(t, ok && by == command, "plan: %s to %s by %q", from, to, command)
	return 2
}

// requireKept refuses a checkpoint that has lost or changed something.
func requireKept(t *rapid.T, old, now *Checkpoint, putBack RangeSet, scratch bool) {
	if old == nil {
		return
	}
	require.NotNil(t, now, "a checkpoint is never lost")
	for target := range old.Done.All() {
		require.True(t, scratch || putBack.Contains(target) || now.Done.Contains(target), "target %d was done and is not any more", target)
	}
	for target := range old.Prior.targets() {
		was, _ := old.Prior.Get(target)
		is, ok := now.Prior.Get(target)
		require.True(t, ok, "the prior value of target %d is gone", target)
		require.Equal(t, was, is, "the prior value of target %d has changed", target)
	}
}

func withoutAudit(t *rapid.T, p *Plan) string {
	rec := p.Record()
	rec.Audit, rec.AuditDropped, rec.Seen = nil, 0, nil
	return encode(t, rec)
}

// check holds what is true of a plan at any time.
func (m *planMachine) check(t *rapid.T) {
	p := m.plan
	running, working, settled := p.Running(), p.Working(), 0
	for _, task := range p.Tasks() {
		require.Contains(t, seedTaskMatrix, task.State())
		if task.Settled() {
			settled++
		}
		cp := task.Checkpoint()
		if cp == nil {
			continue
		}
		both := cp.Done.Count() + cp.Failed.Count()
		either := cp.Done.Clone()
		either.Union(cp.Failed)
		require.Equal(t, either.Count(), both, "a target is done or failed, not both")
	}
	require.LessOrEqual(t, len(running), p.Document().Spec.MaxParallel)
	all := settled == len(p.Tasks())
	switch p.State() {
	case PlanRunning:
		require.False(t, all && len(working) == 0 && p.Phase() != PhaseRollingBack, "a plan whose tasks are all settled completes")
		if len(working) == 0 && !p.ReversalDue() && !p.ReversalUnderWay() {
			probe := restore(t, p.Record())
			require.True(t, len(probe.Next(m.now)) > 0 || probe.State() == PlanPaused, "a RUNNING plan without a running task has something to do next")
		}
	case PlanPaused:
		require.Empty(t, working, "PAUSED is only said once nothing is in flight")
		require.NotNil(t, p.Reason(), "a PAUSED plan says why")
	case PlanCompleted:
		require.True(t, all, "a COMPLETED plan has no task that is not settled")
		require.Nil(t, p.Reason())
	case PlanFailed:
		require.Empty(t, working, "a closed plan has nothing in flight")
		require.NotNil(t, p.Reason(), "a FAILED plan says why")
	default:
		require.Equal(t, PlanCreated, p.State())
		require.Empty(t, running)
	}
	require.Equal(t, p.State().Closed(), !p.Record().EndedAt.IsZero())
	require.Equal(t, p.State() == PlanCreated, p.Record().StartedAt.IsZero())
	m.checkLegal(t)
}

// checkLegal tries every command on a copy with every argument that could
// make sense: one that is legal is accepted for some, one that is not for none.
func (m *planMachine) checkLegal(t *rapid.T) {
	rec := m.plan.Record()
	legal := m.plan.Legal()
	probe := restore(t, rec)
	for _, name := range Commands {
		accepted := false
		for _, task := range append(slices.Clone(m.plan.Tasks()), &Task{}) {
			c := Command{Task: task.Name(), Reason: "because"}
			text := encode(t, probe.Record())
			refusal := probe.Check(name, c, m.now)
			require.Equal(t, text, encode(t, probe.Record()), "a check changes nothing")
			entry := probe.Apply(name, c, m.now)
			require.Equal(t, refusal == nil, entry.Accepted, "a check says what would come of the command")
			if entry.Accepted {
				accepted = true
				probe = restore(t, rec)
			}
		}
		require.Equal(t, slices.Contains(legal, name), accepted, "%s in %s %s", name, m.plan.State(), m.plan.Phase())
	}
}

func (m *planMachine) drawTask(t *rapid.T) *Task {
	return rapid.SampledFrom(m.plan.Tasks()).Draw(t, "task")
}

// command applies any command with any arguments.
func (m *planMachine) command(t *rapid.T) {
	name := rapid.SampledFrom(append([]CommandName{"explode", ""}, Commands...)).Draw(t, "name")
	c := Command{
		CommandID:  fmt.Sprintf("c%d", len(m.ids)),
		Actor:      "alice",
		Task:       rapid.SampledFrom([]string{m.drawTask(t).Name(), "", "nobody"}).Draw(t, "of"),
		Reason:     rapid.SampledFrom([]string{"because", ""}).Draw(t, "reason"),
		From:       rapid.SampledFrom([]From{"", FromCheckpoint, FromScratch, "nowhere"}).Draw(t, "from"),
		MaxRetries: rapid.IntRange(-1, 3).Draw(t, "raise"),
		IfVersion:  rapid.SampledFrom([]int64{0, 0, m.plan.Version(), m.plan.Version() + 1, -1}).Draw(t, "ifVersion"),
	}
	m.apply(t, name, c)
}

// resume lets a plan that is paused go on, so that sequences get far.
func (m *planMachine) resume(t *rapid.T) {
	name := map[PlanState]CommandName{PlanCreated: CommandStart, PlanPaused: CommandResume}[m.plan.State()]
	if name == CommandResume && !slices.Contains(m.plan.Legal(), CommandResume) {
		name = CommandRetry
	}
	if name == "" {
		t.Skip("the plan goes on or has ended")
	}
	m.apply(t, name, Command{MaxRetries: 1000})
}

func (m *planMachine) apply(t *rapid.T, name CommandName, c Command) {
	if c.CommandID != "" {
		m.ids = append(m.ids, c.CommandID)
	}
	conflict := c.IfVersion != 0 && c.IfVersion != m.plan.Version()
	m.do(t, func(p *Plan) step {
		entry := p.Apply(name, c, m.now)
		requireNoted(t, p, entry)
		require.Equal(t, entry.Accepted, entry.Refusal == "", "a refusal says why")
		if entry.Accepted {
			require.Contains(t, Commands, name, "a command that nobody knows is refused")
			require.False(t, conflict, "a command for another version is refused")
			require.False(t, name == CommandSkip && c.Reason == "", "skip needs a reason")
			require.False(t, c.Task == "nobody" && (name == CommandRetry || name == CommandSkip), "a task that the plan lacks is refused")
		}
		return step{
			command: name, accepted: entry.Accepted, refused: !entry.Accepted,
			scratch: func(old *Task) bool {
				meant := c.Task == old.Name() || c.Task == "" && old.State() == TaskFailed
				return entry.Accepted && name == CommandRetry && c.From == FromScratch && meant
			},
		}
	})
}

// requireNoted refuses an audit trail whose last entry is not this one.
func requireNoted(t *rapid.T, p *Plan, entry AuditEntry) {
	trail, _ := p.Audit()
	require.NotEmpty(t, trail)
	require.Equal(t, entry, trail[len(trail)-1])
	require.Equal(t, p.State(), entry.State)
	require.Equal(t, p.Version(), entry.Version)
}

// repeat sends a commandId for the second time, with whatever command.
func (m *planMachine) repeat(t *rapid.T) {
	if len(m.ids) == 0 {
		t.Skip("no command was sent yet")
	}
	id := rapid.SampledFrom(m.ids).Draw(t, "id")
	name := rapid.SampledFrom(Commands).Draw(t, "name")
	m.do(t, func(p *Plan) step {
		trail, _ := p.Audit()
		first := trail[slices.IndexFunc(trail, func(e AuditEntry) bool { return e.CommandID == id })]
		entry := p.Apply(name, Command{CommandID: id, Task: m.drawTask(t).Name(), Reason: "again"}, m.now)
		requireNoted(t, p, entry)
		require.True(t, entry.Repeat)
		require.Equal(t, first.Accepted, entry.Accepted, "a repeat gets the first outcome")
		require.Equal(t, first.Refusal, entry.Refusal)
		return step{refused: true}
	})
}

// execute does what a run does: it sets everything going that is next.
func (m *planMachine) execute(t *rapid.T) {
	if m.plan.State() != PlanRunning {
		t.Skip("the plan does not run")
	}
	m.do(t, func(p *Plan) step {
		for _, task := range p.Next(m.now) {
			require.True(t, task.State() == TaskCreated && !task.Settled())
			for _, other := range p.Tasks() {
				require.True(t, other.Settled() || !slices.Contains(task.Spec().DependsOn, other.Name()), "a task waits for what it depends on")
			}
			require.NoError(t, p.Execute(task, m.now))
		}
		return step{}
	})
}

// executeWrong executes a task that has been, or in a plan that stops.
func (m *planMachine) executeWrong(t *rapid.T) {
	name := m.drawTask(t).Name()
	m.do(t, func(p *Plan) step {
		task, _ := p.Task(name)
		if p.State() == PlanRunning && p.Phase() == "" && !p.Stopping() && task.State() == TaskCreated {
			return step{}
		}
		require.Error(t, p.Execute(task, m.now))
		return step{refused: true}
	})
}

// advance reports some progress of a running task, and what stood before.
func (m *planMachine) advance(t *rapid.T) {
	running := m.plan.Working()
	if len(running) == 0 {
		t.Skip("no task is worked on")
	}
	name := rapid.SampledFrom(running).Draw(t, "task").Name()
	m.do(t, func(p *Plan) step {
		task, _ := p.Task(name)
		slice, more := task.Pending()
		if !more {
			return step{}
		}
		request := p.Dispatch(task, slice, 0)
		cp := Checkpoint{Format: CheckpointFormat, First: slice.First, Last: slice.Last, CreatedAt: m.now}
		if request.Checkpoint != nil {
			cp = *request.Checkpoint
		}
		for target := slice.First; target <= slice.Last; target++ {
			if cp.Done.Contains(target) || cp.Failed.Contains(target) {
				continue
			}
			switch rapid.SampledFrom([]string{"done", "done", "failed", "begun", "none"}).Draw(t, "outcome") {
			case "done":
				cp.Done.Add(target)
			case "failed":
				cp.Failed.Add(target)
			case "begun":
				cp.Batch.Add(target)
			default:
				continue
			}
			cp.Prior.Record(target, drawPrior(t))
		}
		if rapid.IntRange(0, 4).Draw(t, "forgetful") == 0 {
			cp.Prior = Priors{} // a worker that reads anew, against the rules
			for target := slice.First; target <= slice.Last; target++ {
				cp.Prior.Record(target, Prior{Value: json.RawMessage(`"overwritten"`)})
			}
		}
		p.Advance(task, cp.Of(slice))
		return step{}
	})
}

func drawPrior(t *rapid.T) Prior {
	value := rapid.SampledFrom([]string{"", "null", `"blue"`, `{"pool":"blue","weight":1}`}).Draw(t, "prior")
	return Prior{Value: json.RawMessage(value), Absent: value == ""}
}

// end gives a task an outcome, which only a RUNNING task can have.
func (m *planMachine) end(t *rapid.T, name string, outcome func(p *Plan, task *Task) error) {
	m.do(t, func(p *Plan) step {
		task, _ := p.Task(name)
		was, worked := task.State(), task.Working()
		err := outcome(p, task)
		require.Equal(t, worked, err == nil, "%s: %v", was, err)
		return step{refused: err != nil}
	})
}

// drawEnding draws a task, mostly one that runs.
func (m *planMachine) drawEnding(t *rapid.T) string {
	if running := m.plan.Working(); len(running) > 0 && rapid.IntRange(0, 4).Draw(t, "any") > 0 {
		return rapid.SampledFrom(running).Draw(t, "running").Name()
	}
	return m.drawTask(t).Name()
}

func (m *planMachine) succeed(t *rapid.T) {
	m.end(t, m.drawEnding(t), func(p *Plan, task *Task) error { return p.Succeed(task, m.now) })
}

func (m *planMachine) stop(t *rapid.T) {
	if !m.plan.Stopping() {
		t.Skip("nobody asked the tasks to stop")
	}
	m.end(t, m.drawEnding(t), func(p *Plan, task *Task) error { return p.Stop(task, m.now) })
}

func (m *planMachine) fail(t *rapid.T) {
	why := FailureInfo{Category: CategoryExecutor, ErrorCode: "BROKEN", Reason: "it broke", Timestamp: m.now}
	m.end(t, m.drawEnding(t), func(p *Plan, task *Task) error { return p.Fail(task, why, m.now) })
}

// reverse does what a run does for a rollback of the whole plan: it starts the
// reverse plan, and hears of its end.
func (m *planMachine) reverse(t *rapid.T) {
	if !m.plan.ReversalDue() && !m.plan.ReversalUnderWay() {
		t.Skip("the plan is not rolled back")
	}
	m.do(t, func(p *Plan) step {
		if p.ReversalUnderWay() {
			p.Reversed(m.drawOutcome(t, p), m.now)
			return step{}
		}
		rec, err := p.Reverse(m.now)
		if err != nil {
			p.ReversalRefused(err.Error(), m.now)
			return step{}
		}
		reverse := restore(t, rec)
		for _, task := range reverse.Tasks() {
			meant, _ := p.Task(task.Name())
			changed := meant.changed()
			require.Equal(t, changed.Count(), task.Progress().Total, "exactly the targets that were changed are put back")
			for target := range task.rec.Restore.targets() {
				was, _ := meant.Checkpoint().Prior.Get(target)
				is, _ := task.rec.Restore.Get(target)
				require.Equal(t, was, is)
			}
		}
		p.ReversalBegun("r2")
		return step{}
	})
}

// drawOutcome draws what a reverse plan may tell.
func (m *planMachine) drawOutcome(t *rapid.T, p *Plan) ReversalOutcome {
	o := ReversalOutcome{Generation: "g1", PlanID: ReverseID(p.ID()), State: rapid.SampledFrom([]PlanState{PlanCompleted, PlanFailed, ""}).Draw(t, "end")}
	for _, task := range p.Tasks() {
		if changed := task.changed(); !changed.Empty() && o.State != "" {
			state := rapid.SampledFrom([]TaskState{TaskCompleted, TaskFailed, TaskCreated}).Draw(t, "reversed")
			o.Tasks = append(o.Tasks, ReversedTask{Name: task.Name(), State: state, Progress: Progress{Total: changed.Count()}})
		}
	}
	return o
}

// finish lets everything go well from here: the plan then completes.
func (m *planMachine) finish(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "finish") > 0 {
		t.Skip("not yet")
	}
	aborted := m.plan.State().Closed()
	for range 100 {
		switch {
		case m.plan.State().Closed():
			if !aborted {
				for _, task := range m.plan.Tasks() {
					require.True(t, task.Settled(), "task %s is %s", task.Name(), task.State())
				}
				require.Equal(t, PlanCompleted, m.plan.State())
			}
			return
		case m.plan.ReversalDue(), m.plan.ReversalUnderWay():
			aborted = aborted || m.plan.Reversal().OnFailure
			m.reverse(t)
		case m.plan.State() != PlanRunning && !m.canGoOn():
			m.apply(t, CommandAbort, Command{})
			aborted = true
		case m.plan.State() != PlanRunning:
			m.resume(t)
		case m.plan.Stopping() && m.plan.Record().Intent != intentPause:
			aborted = true
			fallthrough
		case len(m.plan.Working()) > 0:
			m.end(t, m.plan.Working()[0].Name(), func(p *Plan, task *Task) error { return p.Succeed(task, m.now) })
		default:
			m.execute(t)
		}
	}
	t.Fatalf("the plan does not end: %s", encode(t, m.plan.Record()))
}

// canGoOn reports whether a plan that does not run can be led to its end by
// start, resume or retry: one with a task that was rolled back cannot.
func (m *planMachine) canGoOn() bool {
	legal := m.plan.Legal()
	if slices.ContainsFunc(m.plan.Tasks(), func(t *Task) bool { return t.State() == TaskRolledBack && !t.Settled() }) {
		return false
	}
	return slices.Contains(legal, CommandStart) || slices.Contains(legal, CommandResume) ||
		slices.ContainsFunc(m.plan.Tasks(), (*Task).unresolved) && !m.plan.takenBack()
}
