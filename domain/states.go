package domain

// PlanState is the state of a Plan. The zero value is no state at all.
type PlanState string

// The states of a Plan, as the seed's process view names them.
const (
	PlanCreated   PlanState = "CREATED"
	PlanRunning   PlanState = "RUNNING"
	PlanPaused    PlanState = "PAUSED"
	PlanCompleted PlanState = "COMPLETED"
	PlanFailed    PlanState = "FAILED"
)

// Closed reports whether no event can leave the state any more.
func (s PlanState) Closed() bool { return s == PlanCompleted || s == PlanFailed }

// PlanEvent is what may happen to a Plan.
type PlanEvent string

// The events of a Plan, one for each column of the seed's matrix.
const (
	PlanStart    PlanEvent = "start"
	PlanPause    PlanEvent = "pause"
	PlanResume   PlanEvent = "resume"
	PlanComplete PlanEvent = "complete"
	PlanFail     PlanEvent = "fail"
)

// TaskState is the state of a Task. The zero value is no state at all.
type TaskState string

// The states of a Task, as the seed's process view names them.
const (
	TaskCreated    TaskState = "CREATED"
	TaskRunning    TaskState = "RUNNING"
	TaskPaused     TaskState = "PAUSED"
	TaskCompleted  TaskState = "COMPLETED"
	TaskFailed     TaskState = "FAILED"
	TaskRolledBack TaskState = "ROLLED_BACK"
)

// TaskEvent is what may happen to a Task.
type TaskEvent string

// The events of a Task: the five columns of the seed's matrix, and the two
// outcomes of an execution (seed, "Task execution flow", step 4).
const (
	TaskExecute  TaskEvent = "execute"
	TaskPause    TaskEvent = "pause"
	TaskResume   TaskEvent = "resume"
	TaskRetry    TaskEvent = "retry"
	TaskRollback TaskEvent = "rollback"

	TaskSucceed TaskEvent = "succeed"
	TaskFail    TaskEvent = "fail"
)

// The columns in the order in which messages and diagrams list them.
var (
	planStates = []PlanState{PlanCreated, PlanRunning, PlanPaused, PlanCompleted, PlanFailed}
	planEvents = []PlanEvent{PlanStart, PlanPause, PlanResume, PlanComplete, PlanFail}

	taskStates   = []TaskState{TaskCreated, TaskRunning, TaskPaused, TaskCompleted, TaskFailed, TaskRolledBack}
	taskEvents   = []TaskEvent{TaskExecute, TaskPause, TaskResume, TaskRetry, TaskRollback}
	taskOutcomes = []TaskEvent{TaskSucceed, TaskFail}
)

// matrix says, for a state and an event, which state follows. A pair that it
// lacks is not allowed.
type matrix[S, E ~string] map[S]map[E]S

// planMatrix is the seed's plan transition matrix, cell by cell.
var planMatrix = matrix[PlanState, PlanEvent]{
	PlanCreated: {PlanStart: PlanRunning},
	PlanRunning: {PlanPause: PlanPaused, PlanComplete: PlanCompleted, PlanFail: PlanFailed},
	PlanPaused:  {PlanResume: PlanRunning},
}

// taskMatrix is the seed's task transition matrix, cell by cell.
var taskMatrix = matrix[TaskState, TaskEvent]{
	TaskCreated: {TaskExecute: TaskRunning},
	TaskRunning: {TaskPause: TaskPaused},
	TaskPaused:  {TaskResume: TaskRunning, TaskRetry: TaskRunning},
	TaskFailed:  {TaskRetry: TaskRunning, TaskRollback: TaskRolledBack},
}

// taskOutcomeMatrix is how a Task leaves RUNNING by its execution's outcome.
var taskOutcomeMatrix = matrix[TaskState, TaskEvent]{
	TaskRunning: {TaskSucceed: TaskCompleted, TaskFail: TaskFailed},
}

// next returns the state that follows, or false where the matrix has no cell.
func (m matrix[S, E]) next(state S, event E) (S, bool) {
	to, ok := m[state][event]
	return to, ok
}

// legal lists the events that may happen in state, in the order of events.
func (m matrix[S, E]) legal(state S, events []E) []string {
	names := []string{}
	for _, e := range events {
		if _, ok := m[state][e]; ok {
			names = append(names, string(e))
		}
	}
	return names
}
