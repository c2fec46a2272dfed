package operate

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

// families scrapes the worker's metrics.
func (s *shown) families() map[string]*dto.MetricFamily {
	s.t.Helper()
	_, text := s.get("/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text + "\n"))
	require.NoError(s.t, err)
	return families
}

// count adds up what a metric shows where it has the labels: the value of a
// counter or gauge, and how many a histogram holds. Labels are given in turn
// with their values.
func (s *shown) count(name string, labels ...string) float64 {
	s.t.Helper()
	sum := 0.0
	for _, m := range s.families()[name].GetMetric() {
		has := map[string]string{}
		for _, label := range m.GetLabel() {
			has[label.GetName()] = label.GetValue()
		}
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && has[labels[i]] == labels[i+1]
		}
		if fits {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// change is a line of the log about a change of a state.
type change struct {
	Plan, Task, From, To string
	Version              int64
	Actor                string
}

// changes reads the log of a worker.
func changes(t *testing.T, log string) []change {
	t.Helper()
	var list []change
	for line := range strings.Lines(log) {
		var entry struct {
			Level, Msg string
			change
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		if entry.Msg == "state" {
			require.Equal(t, "info", entry.Level)
			list = append(list, entry.change)
		}
	}
	return list
}

// awaitTold returns once the one execution of a plan has been told to stop: a
// heartbeat that came after the cancel was answered, for another one followed.
func (s *shown) awaitTold(plan string) {
	s.t.Helper()
	beats := map[string]bool{}
	s.Await("be told to stop", func() bool {
		var view struct {
			InFlight []struct{ State, Heartbeat string }
		}
		require.NoError(s.t, json.Unmarshal([]byte(s.sluice(0, "get", plan, "-o", "json").out), &view))
		if len(view.InFlight) == 1 && view.InFlight[0].State == "STOPPING" {
			beats[view.InFlight[0].Heartbeat] = true
		}
		return len(beats) > 2
	})
}

// TestAChangeOfAStateIsCountedAndLoggedOnceThoughItIsReplayed pauses a plan at
// one worker, and has another one replay it and bring it to its end.
func TestAChangeOfAStateIsCountedAndLoggedOnceThoughItIsReplayed(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	targets := startTargets(t)
	release := targets.hold("b")
	defer release()
	first := showWorker(t, server.Address, nil)
	first.sluice(0, "start", targets.plan(t, "twice", "", "a", "b", "c"))
	first.Await("be at the second target", func() bool { return targets.asked("b") > 0 })
	first.sluice(0, "pause", "twice", "--no-wait", "--actor", "ada")
	first.awaitTold("twice")
	release()
	first.sluice(0, "wait", "twice", "--for", "PAUSED")
	require.Equal(t, 1.0, first.count("sluice_plan_state_changes_total", "from", "CREATED", "to", "RUNNING"))
	require.Equal(t, 1.0, first.count("sluice_plan_state_changes_total", "from", "RUNNING", "to", "PAUSED"))
	require.Equal(t, 2.0, first.count("sluice_plan_state_changes_total"))
	require.Equal(t, 2.0, first.count("sluice_task_state_changes_total", "executor", "http"))
	require.Equal(t, 1.0, first.count("sluice_pause_latency_seconds"))
	require.Equal(t, 2.0, first.count("sluice_targets_total", "executor", "http", "mode", "apply", "outcome", "done"))
	require.Equal(t, 0, first.Stop())
	before := changes(t, first.Output())

	second := showWorker(t, server.Address, nil)
	second.Await("answer for the plan that it has to replay", func() bool { return strings.Contains(second.sluice(0, "get", "twice").out, "PAUSED") })
	require.Zero(t, second.count("sluice_plan_state_changes_total"))
	require.Equal(t, 1.0, second.count("sluice_open_plans", "state", "PAUSED"))
	second.sluice(0, "resume", "twice", "--actor", "bob")
	second.sluice(0, "wait", "twice")
	require.Equal(t, 1.0, second.count("sluice_plan_state_changes_total", "from", "PAUSED", "to", "RUNNING"))
	require.Equal(t, 1.0, second.count("sluice_plan_state_changes_total", "from", "RUNNING", "to", "COMPLETED"))
	require.Equal(t, 2.0, second.count("sluice_plan_state_changes_total"))
	require.Zero(t, second.count("sluice_pause_latency_seconds"))
	require.Equal(t, 1.0, second.count("sluice_targets_total", "outcome", "done"))
	require.Equal(t, 0, second.Stop())

	all := slices.Concat(before, changes(t, second.Output()))
	versions := map[int64]bool{}
	for i := range all {
		versions[all[i].Version] = true
		all[i].Version = 0
	}
	require.Equal(t, []change{
		{"twice", "", "CREATED", "RUNNING", 0, ""},
		{"twice", "switch", "CREATED", "RUNNING", 0, ""},
		{"twice", "switch", "RUNNING", "PAUSED", 0, ""},
		{"twice", "", "RUNNING", "PAUSED", 0, "ada"},
		{"twice", "", "PAUSED", "RUNNING", 0, "bob"},
		{"twice", "switch", "PAUSED", "RUNNING", 0, "bob"},
		{"twice", "switch", "RUNNING", "COMPLETED", 0, ""},
		{"twice", "", "RUNNING", "COMPLETED", 0, ""},
	}, all)
	require.Len(t, versions, len(all), "each change has a version of its own")
}

// TestAnAttemptThatIsLostWithItsWorkerIsCounted kills a worker in the midst of
// a target, once where the server tries again by itself, and once where it may
// not.
func TestAnAttemptThatIsLostWithItsWorkerIsCounted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ spec, metric string }{
		"an attempt":            {"", "sluice_attempts_lost_total"},
		"an execution as whole": {"retry: {maxRetries: 0}", "sluice_executions_lost_total"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := producttest.StartTemporal(t)
			targets := startTargets(t)
			release := targets.hold("b")
			defer release()
			first := showWorker(t, server.Address, nil)
			first.sluice(0, "start", targets.plan(t, "killed", "heartbeatTimeout: 1s\n      "+test.spec, "a", "b", "c"))
			first.Await("be at the second target", func() bool { return targets.asked("b") > 0 })
			first.Kill()
			second := showWorker(t, server.Address, nil)
			second.Await("take the task up", func() bool { return targets.asked("b") > 1 })
			release()
			second.sluice(0, "wait", "killed")
			counted := map[string]float64{}
			for _, metric := range []string{"sluice_attempts_lost_total", "sluice_executions_lost_total"} {
				if n := second.count(metric, "executor", "http"); n > 0 {
					counted[metric] = n
				}
			}
			require.True(t, maps.Equal(counted, map[string]float64{test.metric: 1}), "%v", counted)
		})
	}
}
