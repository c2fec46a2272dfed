package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// situation is a state, phase and states of tasks that a plan can be in.
type situation struct {
	change func(*domain.Document)
	reach  func(*stage)

	plan  string // state, and /phase where it has one
	tasks string // states of done, at and later

	// accepted says where each command leads that is accepted; all others are
	// to be refused. A command is its name, and after a space its task.
	accepted map[string]string
}

// situations are typed from the seed's two matrices and section 3 of the
// contract, and not from the code. In particular:
//   - the plan's matrix: start CREATED, pause RUNNING, resume PAUSED;
//   - the task's matrix: retry PAUSED and FAILED, rollback FAILED;
//   - skip: a task CREATED, PAUSED, FAILED or ROLLED_BACK;
//   - abort: wherever the plan is not closed;
//   - rollback without a task: a plan that has changed something, and is
//     RUNNING or PAUSED;
//   - a plan that is on its way somewhere (ROLLING_BACK, an abort) or was
//     rolled back as a whole does not set anything going.
var situations = map[string]situation{
	"held": {
		change: func(doc *domain.Document) { doc.Spec.Hold = true },
		reach:  func(s *stage) { s.awaitState(domain.PlanCreated) },
		plan:   "CREATED", tasks: "CREATED CREATED CREATED",
		accepted: map[string]string{
			"start": "RUNNING", "skip done": "CREATED", "skip at": "CREATED", "skip later": "CREATED", "abort": "FAILED",
		},
	},
	"running": {
		reach: func(s *stage) { s.awaitHeld("at-2", "green") },
		plan:  "RUNNING", tasks: "COMPLETED RUNNING CREATED",
		accepted: map[string]string{
			"pause": "RUNNING/PAUSING", "rollback": "RUNNING/ROLLING_BACK", "skip later": "RUNNING", "abort": "RUNNING",
		},
	},
	"pausing": {
		reach: func(s *stage) { s.awaitHeld("at-2", "green"); s.signaled(domain.CommandPause, "") },
		plan:  "RUNNING/PAUSING", tasks: "COMPLETED RUNNING CREATED",
		accepted: map[string]string{
			"pause": "RUNNING/PAUSING", "rollback": "RUNNING/ROLLING_BACK", "skip later": "RUNNING/PAUSING", "abort": "RUNNING",
		},
	},
	"pausing after a failure": {
		change: func(doc *domain.Document) { doc.Spec.MaxParallel = 2; doc.Spec.Tasks[1].DependsOn = []string{"done"} },
		reach: func(s *stage) {
			s.hold("later-1", "green")
			s.refuse("at-2", "green", true)
			s.awaitHeld("later-1", "green")
			s.awaitHeld("at-2", "green")
			s.release("at-2", "green")
			s.await("at has failed", func(now domain.Snapshot) bool { return now.Tasks[1].State == domain.TaskFailed })
		},
		plan: "RUNNING/PAUSING", tasks: "COMPLETED FAILED RUNNING",
		accepted: map[string]string{
			"pause": "RUNNING/PAUSING", "rollback": "RUNNING/ROLLING_BACK", "skip at": "RUNNING/PAUSING", "abort": "RUNNING",
		},
	},
	"paused by an operator": {
		reach: func(s *stage) {
			s.awaitHeld("at-2", "green")
			s.signaled(domain.CommandPause, "")
			s.awaitHeard()
			s.releaseAll()
			s.awaitState(domain.PlanPaused)
		},
		change: func(doc *domain.Document) { doc.Spec.Tasks[1].Targets = []string{"at-1", "at-2", "at-3"} },
		plan:   "PAUSED", tasks: "COMPLETED PAUSED CREATED",
		accepted: map[string]string{
			"resume": "RUNNING", "retry at": "RUNNING", "rollback": "RUNNING/ROLLING_BACK",
			"skip at": "PAUSED", "skip later": "PAUSED", "abort": "FAILED",
		},
	},
	"paused by a failure": {
		reach: (*stage).fail,
		plan:  "PAUSED", tasks: "COMPLETED FAILED CREATED",
		accepted: map[string]string{
			"retry": "RUNNING", "retry at": "RUNNING", "rollback": "RUNNING/ROLLING_BACK", "rollback at": "RUNNING/ROLLING_BACK",
			"skip at": "PAUSED", "skip later": "PAUSED", "abort": "FAILED",
		},
	},
	"paused by a failure that was skipped": {
		reach: func(s *stage) { s.fail(); s.signaled(domain.CommandSkip, "at") },
		plan:  "PAUSED", tasks: "COMPLETED FAILED CREATED",
		accepted: map[string]string{
			"resume": "RUNNING", "rollback": "RUNNING/ROLLING_BACK", "rollback at": "RUNNING/ROLLING_BACK",
			"skip later": "PAUSED", "abort": "FAILED",
		},
	},
	"paused at a breakpoint": {
		change: func(doc *domain.Document) { doc.Spec.Tasks[1].PauseBefore = true },
		reach:  func(s *stage) { s.releaseAll(); s.awaitState(domain.PlanPaused) },
		plan:   "PAUSED", tasks: "COMPLETED CREATED CREATED",
		accepted: map[string]string{
			"resume": "RUNNING", "rollback": "RUNNING/ROLLING_BACK", "skip at": "PAUSED", "skip later": "PAUSED", "abort": "FAILED",
		},
	},
	"rolling a task back": {
		reach: (*stage).rollTaskBack,
		plan:  "RUNNING/ROLLING_BACK", tasks: "COMPLETED FAILED CREATED",
		accepted: map[string]string{
			"pause": "RUNNING/PAUSING", "rollback": "RUNNING/ROLLING_BACK", "skip later": "RUNNING/ROLLING_BACK", "abort": "RUNNING",
		},
	},
	"pausing the rollback of a task": {
		reach: func(s *stage) { s.rollTaskBack(); s.signaled(domain.CommandPause, "") },
		plan:  "RUNNING/PAUSING", tasks: "COMPLETED FAILED CREATED",
		accepted: map[string]string{
			"pause": "RUNNING/PAUSING", "rollback": "RUNNING/ROLLING_BACK", "skip later": "RUNNING/PAUSING", "abort": "RUNNING",
		},
	},
	"paused after the rollback of a task": {
		reach: func(s *stage) {
			s.fail()
			s.send(domain.CommandRollback, domain.Command{Task: "at"})
			s.await("at is ROLLED_BACK", func(now domain.Snapshot) bool {
				return now.State == domain.PlanPaused && now.Tasks[1].State == domain.TaskRolledBack
			})
		},
		plan: "PAUSED", tasks: "COMPLETED ROLLED_BACK CREATED",
		accepted: map[string]string{
			"rollback": "RUNNING/ROLLING_BACK", "skip at": "PAUSED", "skip later": "PAUSED", "abort": "FAILED",
		},
	},
	"rolling the plan back": {
		reach: (*stage).rollPlanBack,
		plan:  "RUNNING/ROLLING_BACK", tasks: "COMPLETED FAILED CREATED",
		accepted: map[string]string{"abort": "FAILED"}, // no task of its own runs
	},
	"paused after the rollback of the plan": {
		reach: func(s *stage) { s.rollPlanBack(); s.releaseAll(); s.awaitState(domain.PlanPaused) },
		plan:  "PAUSED", tasks: "COMPLETED ROLLED_BACK CREATED",
		accepted: map[string]string{"skip at": "PAUSED", "skip later": "PAUSED", "abort": "FAILED"},
	},
	"aborting": {
		reach: func(s *stage) { s.awaitHeld("at-2", "green"); s.signaled(domain.CommandAbort, "") },
		plan:  "RUNNING", tasks: "COMPLETED RUNNING CREATED",
		accepted: map[string]string{"abort": "RUNNING"},
	},
}

// fail lets task at fail at its second target, so that the plan is PAUSED.
func (s *stage) fail() {
	s.refuse("at-2", "green", true)
	s.releaseAll()
	s.awaitState(domain.PlanPaused)
}

// rollTaskBack brings the plan to where task at is being rolled back.
func (s *stage) rollTaskBack() {
	s.fail()
	s.hold("at-1", "blue")
	s.send(domain.CommandRollback, domain.Command{Task: "at"})
	s.awaitHeld("at-1", "blue")
}

// rollPlanBack brings the plan to where all of it is being rolled back.
func (s *stage) rollPlanBack() {
	s.fail()
	s.hold("at-1", "blue")
	s.send(domain.CommandRollback, domain.Command{})
	s.awaitHeld("at-1", "blue")
}

// signaled sends a command as a Signal and waits until it was taken.
func (s *stage) signaled(name domain.CommandName, task string) domain.AuditEntry {
	s.t.Helper()
	before := len(s.audit())
	s.send(name, domain.Command{Task: task, Reason: "the test"})
	trail := s.awaitAudit(before + 1)
	return trail[len(trail)-1]
}

// inMatrix are the commands that are tried in each situation.
func inMatrix() []string {
	commands := []string{"start", "pause", "resume", "abort"}
	for _, name := range []string{"retry", "rollback", "skip"} {
		commands = append(commands, name, name+" done", name+" at", name+" later", name+" nobody")
	}
	return commands
}

// parse splits a command of the table.
func parse(command string) (domain.CommandName, domain.Command) {
	name, task, _ := strings.Cut(command, " ")
	return domain.CommandName(name), domain.Command{Task: task, Reason: "the test"}
}

// where returns a plan's state and phase as the table has them.
func where(state domain.PlanState, phase domain.Phase) string {
	if phase == "" {
		return string(state)
	}
	return string(state) + "/" + string(phase)
}

// in brings a new plan into the situation, which has to be the one that is
// described.
func (is situation) in(t *testing.T, queue string) *stage {
	t.Helper()
	s := newStage(t)
	s.hold("at-2", "green")
	s.begin(t, queue, is.change)
	is.reach(s)
	is.require(s)
	return s
}

// require fails unless the plan is in the situation.
func (is situation) require(s *stage) domain.Snapshot {
	s.t.Helper()
	now := s.status()
	require.Equal(s.t, is.plan, where(now.State, now.Phase))
	require.Equal(s.t, is.tasks, fmt.Sprintf("%s %s %s", now.Tasks[0].State, now.Tasks[1].State, now.Tasks[2].State))
	return now
}

func TestEachCommandIsAcceptedOrRefusedInEachStateAsTheMatricesAndTheContractSay(t *testing.T) {
	t.Parallel()
	inProcess(t)
	queue := queueOf(t)
	for name, is := range situations {
		t.Run(name+": refused", func(t *testing.T) {
			t.Parallel()
			is.refusals(t, queue)
		})
		for _, command := range inMatrix() {
			want, ok := is.accepted[command]
			if !ok {
				continue
			}
			t.Run(name+": "+command+" by Signal", func(t *testing.T) {
				t.Parallel()
				s := is.in(t, queue)
				name, c := parse(command)
				entry := s.signaled(name, c.Task)
				require.True(t, entry.Accepted, entry.Refusal)
				require.Equal(t, want, where(entry.State, entry.Phase))
			})
			t.Run(name+": "+command+" by Update", func(t *testing.T) {
				t.Parallel()
				s := is.in(t, queue)
				name, c := parse(command)
				if name == domain.CommandPause {
					s.pauseByUpdate(want)
					return
				}
				out := s.accepted(name, c)
				require.Equal(t, want, where(out.State, out.Phase))
			})
		}
	}
}

// pauseByUpdate pauses a plan of which a target is under way, and lets it come
// to its end once the plan is where the table says.
func (s *stage) pauseByUpdate(want string) {
	s.t.Helper()
	handle, err := shared.client.UpdateWorkflow(s.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: s.id, UpdateName: string(domain.CommandPause), Args: []any{domain.Command{}}, WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	require.NoError(s.t, err)
	now := s.status()
	require.Equal(s.t, want, where(now.State, now.Phase))
	s.awaitHeard()
	s.releaseAll()
	var out domain.Outcome
	require.NoError(s.t, handle.Get(s.t.Context(), &out))
	require.Equal(s.t, "PAUSED", where(out.State, out.Phase))
	require.False(s.t, out.Superseded)
}

// refusals sends every command that is not legal as a Signal and as an Update,
// and things that are no commands at all: nothing changes, each Signal is in
// the audit trail with why, and no Update leaves an event.
func (is situation) refusals(t *testing.T, queue string) {
	s := is.in(t, queue)
	before, trail := is.require(s), len(s.audit())
	updates := s.countEvents(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
	illegal := []string{}
	for _, command := range inMatrix() {
		if _, ok := is.accepted[command]; !ok {
			illegal = append(illegal, command)
		}
	}
	conflicts := []domain.Command{{IfVersion: before.Version + 1}, {IfVersion: -1}}
	malformed := []any{"now", 7, []string{"pause"}, map[string]any{"tsak": "at"}, map[string]any{"ifVersion": "seven"}}

	// Updates first: what is before one in the inbox decides about it, so that
	// the handler would answer and not the validator.
	for _, command := range illegal {
		name, c := parse(command)
		require.NotEmpty(t, s.refused(name, c, workflows.ErrorRefused), command)
	}
	for _, c := range conflicts {
		s.refused(domain.CommandAbort, c, workflows.ErrorConflict)
	}
	for _, input := range malformed {
		s.malformedUpdate(input)
	}
	require.Len(t, s.audit(), trail)
	require.Equal(t, updates, s.countEvents(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED), "a refused Update leaves no event")

	signals := 0
	for _, command := range illegal {
		name, c := parse(command)
		c.CommandID = command
		s.send(name, c)
		s.send(name, c) // a repeat
		signals += 2
	}
	for _, c := range conflicts {
		s.send(domain.CommandAbort, c)
		signals++
	}
	for _, input := range malformed {
		for _, name := range []string{"abort", "explode"} {
			require.NoError(t, shared.client.SignalWorkflow(t.Context(), s.id, "", name, input))
			signals++
		}
	}
	entries := s.awaitAudit(trail + signals)
	require.Equal(t, trail+signals, len(entries))
	for _, e := range entries[trail:] {
		require.False(t, e.Accepted, "%+v", e)
		require.NotEmpty(t, e.Refusal, "%+v", e)
		require.Equal(t, is.plan, where(e.State, e.Phase))
		require.Equal(t, before.Version, e.Version)
	}
	after := is.require(s)
	after.AsOf = before.AsOf
	require.Equal(t, before, after, "what is refused changes nothing")
	for _, name := range before.Legal {
		for command := range is.accepted {
			if strings.HasPrefix(command, string(name)) {
				name = ""
			}
		}
		require.Empty(t, name, "the status lists a command that is never accepted")
	}
}

// malformedUpdate sends an Update whose input is no command.
func (s *stage) malformedUpdate(input any) {
	s.t.Helper()
	handle, err := shared.client.UpdateWorkflow(s.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: s.id, UpdateName: "abort", Args: []any{input}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(s.t.Context(), nil)
	}
	require.ErrorContains(s.t, err, "the input of a command is nothing")
}
