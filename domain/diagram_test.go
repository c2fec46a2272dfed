package domain

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is printed from the matrices into docs/states.md")

const (
	statesFile = "../docs/states.md"
	regenerate = "docs/states.md differs from the matrices; regenerate it with: go test ./domain -run Diagram -update"
)

// printedParts are the parts of docs/states.md that are printed, by the name
// in the comments around them.
func printedParts() []struct{ name, text string } {
	return []struct{ name, text string }{
		{"plan diagram", "```mermaid\n" + PlanDiagram() + "```\n"},
		{"plan matrix", table(planStates, planEvents, planMatrix)},
		{"task diagram", "```mermaid\n" + TaskDiagram() + "```\n"},
		{"task matrix", table(taskStates, append(taskEvents[:len(taskEvents):len(taskEvents)], taskOutcomes...), taskMatrix, taskOutcomeMatrix)},
	}
}

// table prints matrices as a Markdown table, a row a state.
func table[S, E ~string](states []S, events []E, matrices ...matrix[S, E]) string {
	var b strings.Builder
	b.WriteString("| state |")
	for _, event := range events {
		fmt.Fprintf(&b, " %s |", event)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(events)+1) + "\n")
	for _, state := range states {
		fmt.Fprintf(&b, "| %s |", state)
		for _, event := range events {
			cell := " – |"
			for _, m := range matrices {
				if to, ok := m.next(state, event); ok {
					cell = " " + string(to) + " |"
				}
			}
			b.WriteString(cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestDiagramsInTheDocsAreThoseOfTheMatrices(t *testing.T) {
	data, err := os.ReadFile(statesFile)
	require.NoError(t, err)
	doc := string(data)
	for _, part := range printedParts() {
		begin, end := "<!-- begin "+part.name+" -->\n", "<!-- end "+part.name+" -->\n"
		before, rest, hasBegin := strings.Cut(doc, begin)
		_, after, hasEnd := strings.Cut(rest, end)
		require.True(t, hasBegin && hasEnd, "docs/states.md lacks the comments %q and %q, between which the %s belongs", begin, end, part.name)
		if *update {
			doc = before + begin + part.text + end + after
			continue
		}
		require.True(t, strings.HasPrefix(rest, part.text+end), "%s: %s\nwant:\n%s", regenerate, part.name, part.text)
	}
	if *update {
		require.NoError(t, os.WriteFile(statesFile, []byte(doc), 0o644))
	}
}

func TestDiagramOfAPlanHasEveryCellOfTheSeedOnce(t *testing.T) {
	t.Parallel()
	require.Equal(t, `stateDiagram-v2
    [*] --> CREATED
    CREATED --> RUNNING: start
    RUNNING --> PAUSED: pause
    RUNNING --> COMPLETED: complete
    RUNNING --> FAILED: fail
    PAUSED --> RUNNING: resume
    COMPLETED --> [*]
    FAILED --> [*]
`, PlanDiagram())
}

func TestDiagramOfATaskHasEveryCellOfTheSeedAndBothOutcomesOnce(t *testing.T) {
	t.Parallel()
	require.Equal(t, `stateDiagram-v2
    [*] --> CREATED
    CREATED --> RUNNING: execute
    RUNNING --> PAUSED: pause
    RUNNING --> COMPLETED: succeed
    RUNNING --> FAILED: fail
    PAUSED --> RUNNING: resume
    PAUSED --> RUNNING: retry
    COMPLETED --> [*]
    FAILED --> RUNNING: retry
    FAILED --> ROLLED_BACK: rollback
    ROLLED_BACK --> [*]
`, TaskDiagram())
}
