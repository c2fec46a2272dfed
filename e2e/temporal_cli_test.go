package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
)

// temporalCLI runs the temporal CLI and returns what it prints.
func temporalCLI(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), shared.temporal, append(args, "--address", shared.address)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestTheTemporalCLIDrivesAPlanAsWellAsSluiceDoes(t *testing.T) {
	t.Parallel()
	inProcess(t)
	hold := make(chan struct{})
	sink := ledger.NewSink(func(e ledger.Effect) int {
		if e.Target == "tenant-000003" {
			<-hold
		}
		return 0
	})
	t.Cleanup(sink.Close)
	doc := document(t, 10, ledger.Params{Sink: sink.URL(), To: "green", Blind: true})
	file := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(file, asJSON(t, doc), 0o600))
	id := fmt.Sprintf("by-cli-%d", time.Now().UnixNano())

	temporalCLI(t, "workflow", "start", "--type", "Plan", "--task-queue", queueOf(t), "--workflow-id", id, "--input-file", file)
	p := &planRun{t: t, id: id, queue: queueOf(t), run: shared.client.GetWorkflow(t.Context(), id, "")}
	until(t, "the third target is under way", func() bool { return len(sink.Entries()) == 2 })

	temporalCLI(t, "workflow", "signal", "--workflow-id", id, "--name", "pause") // no input
	p.awaitHeard()
	close(hold)
	p.awaitState(domain.PlanPaused)

	var answer struct{ QueryResult []domain.Snapshot }
	out := temporalCLI(t, "workflow", "query", "--workflow-id", id, "--type", "status", "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(out), &answer), out)
	require.Equal(t, domain.PlanPaused, answer.QueryResult[0].State)
	require.Equal(t, 3, answer.QueryResult[0].Progress.Done)
	require.Equal(t, []domain.CommandName{domain.CommandResume, domain.CommandRetry, domain.CommandRollback, domain.CommandSkip, domain.CommandAbort}, answer.QueryResult[0].Legal)
	require.Contains(t, temporalCLI(t, "workflow", "query", "--workflow-id", id, "--type", "report"), "PAUSED, 3 of 10 targets done")

	// Garbage is refused and recorded, and harms nothing.
	temporalCLI(t, "workflow", "signal", "--workflow-id", id, "--name", "resume", "--input", `"now, please"`)
	temporalCLI(t, "workflow", "signal", "--workflow-id", id, "--name", "explode")
	temporalCLI(t, "workflow", "signal", "--workflow-id", id, "--name", "pause", "--input", `{"actor":"bob"}`)
	audit := temporalCLI(t, "workflow", "query", "--workflow-id", id, "--type", "audit", "-o", "json")
	for _, text := range []string{"the input of a command is nothing", "there is no command of that name", "pause is not possible"} {
		require.Contains(t, audit, text)
	}
	require.Equal(t, domain.PlanPaused, p.status().State)

	temporalCLI(t, "workflow", "signal", "--workflow-id", id, "--name", "resume", "--input", `{}`)
	final := p.completed()
	require.Equal(t, 10, final.Progress.Done)
	requireEach(t, sink, 10)
	until(t, "the plan is found by its search attributes", func() bool {
		list := temporalCLI(t, "workflow", "list", "--query", `SluicePlanState="COMPLETED" AND SluiceLabels="test=e2e" AND SluiceProgress=1`)
		return strings.Contains(list, id)
	})
}

func TestAnInputThatIsNoPlanEndsTheRunWithEveryFault(t *testing.T) {
	t.Parallel()
	inProcess(t)
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"no input":      {nil, []string{"there is no plan"}},
		"a text":        {[]string{"--input", `"green"`}, []string{"has to be an object"}},
		"another API":   {[]string{"--input", `{"apiVersion":"sluice/v9","kind":"Plan"}`}, []string{"apiVersion", "metadata.name", "spec.tasks"}},
		"unknown field": {[]string{"--input", `{"apiVersion":"sluice/v1","kind":"Plan","spek":{}}`}, []string{`did you mean \"spec\"`}},
	} {
		t.Run(name, func(t *testing.T) {
			id := fmt.Sprintf("bad-%d", time.Now().UnixNano())
			queue := "q-TestAnInputThatIsNoPlanEndsTheRunWithEveryFault"
			temporalCLI(t, append([]string{"workflow", "start", "--type", "Plan", "--task-queue", queue, "--workflow-id", id}, tc.args...)...)
			err := shared.client.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil)
			require.ErrorContains(t, err, "InvalidPlan")
			for _, text := range tc.want {
				require.Contains(t, fmt.Sprintf("%q", err.Error()), text)
			}
		})
	}
}
