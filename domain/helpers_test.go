package domain

import (
	"encoding/json"
	"fmt"
	"time"
)

// fataler is what helpers need of *testing.T, *testing.B and *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// noon is the time at which tests without a clock of their own play.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// names returns n different targets.
func names(n int) []string {
	targets := make([]string, n)
	for i := range targets {
		targets[i] = fmt.Sprintf("tenant-%06d", i)
	}
	return targets
}

// document returns a valid document of tasks over the same targets.
func document(targets []string, tasks ...TaskSpec) Document {
	for i := range tasks {
		if tasks[i].Executor == "" {
			tasks[i].Executor = "noop"
		}
	}
	return Document{
		APIVersion: APIVersion, Kind: KindPlan, Metadata: Metadata{Name: "green-cutover"},
		Spec: Spec{Targets: targets, Tasks: tasks},
	}
}

// encode returns v as JSON.
func encode(t fataler, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encoding %T: %v", v, err)
	}
	return string(data)
}

// restore returns the plan of a record, which is sent through JSON as between
// two runs, so that the plans share nothing.
func restore(t fataler, rec PlanRecord) *Plan {
	t.Helper()
	var copied PlanRecord
	if err := json.Unmarshal([]byte(encode(t, rec)), &copied); err != nil {
		t.Fatalf("reading a plan record back: %v", err)
	}
	p, err := RestorePlan(copied)
	if err != nil {
		t.Fatalf("restoring a plan: %v", err)
	}
	return p
}
