package domain

import (
	"fmt"
	"strings"
)

// PlanDiagram returns the plan matrix as a Mermaid state diagram.
func PlanDiagram() string {
	return diagram(planStates, planEvents, planMatrix)
}

// TaskDiagram returns the task matrix and the outcomes of an execution as a
// Mermaid state diagram.
func TaskDiagram() string {
	return diagram(taskStates, append(taskEvents[:len(taskEvents):len(taskEvents)], taskOutcomes...), taskMatrix, taskOutcomeMatrix)
}

// diagram prints the cells of matrices, state by state and event by event.
// The first state is where everything begins; one that no event leaves is
// where it ends.
func diagram[S, E ~string](states []S, events []E, matrices ...matrix[S, E]) string {
	var b strings.Builder
	fmt.Fprintf(&b, "stateDiagram-v2\n    [*] --> %s\n", states[0])
	for _, state := range states {
		final := true
		for _, event := range events {
			for _, m := range matrices {
				if to, ok := m.next(state, event); ok {
					fmt.Fprintf(&b, "    %s --> %s: %s\n", state, to, event)
					final = false
				}
			}
		}
		if final {
			fmt.Fprintf(&b, "    %s --> [*]\n", state)
		}
	}
	return b.String()
}
