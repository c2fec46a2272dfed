package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// TestOfThirtyClientsThatMeanTheSameVersionExactlyOneIsHeard lets 30 clients
// send commands that exclude each other, all for the version that the plan has.
// They are Sluice's own clients: beyond its 10 Updates in flight the server
// drops all of them whenever one more comes, as long as 30 callers keep asking.
// A client that is not heard sends its command as a Signal, under the same
// commandId.
func TestOfThirtyClientsThatMeanTheSameVersionExactlyOneIsHeard(t *testing.T) {
	t.Parallel()
	inProcess(t)
	const clients, rounds = 30, 5
	s := newStage(t)
	s.begin(t, queueOf(t), nil)
	s.refuse("at-2", "green", true)
	s.refuse("at-1", "blue", true)
	s.awaitState(domain.PlanPaused)
	accepted := 0
	for round := range rounds {
		version := s.status().Version
		var wg sync.WaitGroup
		outcomes := make([]plans.Outcome, clients)
		errs := make([]error, clients)
		for i := range clients {
			wg.Go(func() { outcomes[i], errs[i] = s.conflicting(t, i, round, version) })
		}
		wg.Wait()
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				require.Greater(t, outcomes[i].Version, version)
				continue
			}
			var refusal *plans.RefusedError
			require.ErrorAs(t, err, &refusal)
			require.Contains(t, refusal.Why, fmt.Sprintf("was meant for version %d", version))
		}
		require.Equal(t, 1, winners, "round %d", round)
		accepted++
		s.await("the plan has come to rest", func(now domain.Snapshot) bool { return now.State == domain.PlanPaused })
	}
	heard := 0
	for _, e := range s.audit() {
		if e.Repeat {
			continue // an Update that was late, after its Signal
		}
		if e.Accepted {
			heard++
		} else {
			require.True(t, e.Conflict)
		}
	}
	require.Equal(t, accepted, heard, "who was refused has changed nothing")
}

// conflicting sends one client's command: a retry, or a rollback of the task,
// which exclude each other. Either fails again, so that the next round finds
// the plan PAUSED.
func (s *stage) conflicting(t *testing.T, i, round int, version int64) (plans.Outcome, error) {
	name, task := domain.CommandRetry, ""
	if i%2 == 1 {
		name, task = domain.CommandRollback, "at"
	}
	c := domain.Command{IfVersion: version, Task: task, MaxRetries: 100, Actor: fmt.Sprintf("client-%d", i), CommandID: fmt.Sprintf("%d/%d", round, i)}
	return s.client().Send(t.Context(), s.id, name, c)
}

// TestCommandsAndQueriesWithoutInputWorkFromTheTemporalCLI is for operators who
// have nothing but the CLI: no Signal, Update or Query needs an input.
func TestCommandsAndQueriesWithoutInputWorkFromTheTemporalCLI(t *testing.T) {
	t.Parallel()
	inProcess(t)
	s := newStage(t)
	s.hold("at-2", "green")
	s.begin(t, queueOf(t), nil)
	s.awaitHeld("at-2", "green")
	cli := func(args ...string) string {
		return temporalCLI(t, append(args, "--workflow-id", s.id)...)
	}
	for _, name := range []string{"status", "report", "audit", "targets", "records", "record"} {
		require.NotEmpty(t, cli("workflow", "query", "--type", name), name)
	}
	answered := make(chan []byte, 1)
	go func() {
		out, _ := exec.CommandContext(t.Context(), shared.temporal, "workflow", "update", "execute", "--name", "pause",
			"-o", "json", "--workflow-id", s.id, "--address", shared.address).CombinedOutput() // what it prints tells
		answered <- out
	}()
	s.await("the plan is pausing", func(now domain.Snapshot) bool { return now.Phase == domain.PhasePausing })
	s.awaitHeard()
	s.releaseAll()
	var answer struct{ Result domain.Outcome }
	out := <-answered
	require.NoError(t, json.Unmarshal(out, &answer), string(out))
	require.Equal(t, domain.PlanPaused, answer.Result.State, string(out))
	cli("workflow", "signal", "--name", "resume")
	final := s.completed()
	require.Equal(t, 4, final.Progress.Done)
	require.Contains(t, cli("workflow", "query", "--type", "report"), "COMPLETED")
}
