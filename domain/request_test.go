package domain

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheIdempotencyKeyIsTheSameForEveryAttempt(t *testing.T) {
	t.Parallel()
	r := TaskRequest{Plan: "p", Task: "t", Mode: ModeApply, Generation: "g", Revision: 1}
	want := r.IdempotencyKey("default", "SWITCH", "tenant-001")
	require.Len(t, want, 32)
	require.Equal(t, "036eb5c2d8a7a03dc04be27a772dc63d", want, "a key that changes with a release would apply targets twice")
	again := r
	again.Offset, again.FencingBase, again.MaxRetries, again.Parallel, again.PriorBytes = 5000, 3<<20, 9, 4, 77
	again.Executor, again.Params, again.Targets = "other", []byte(`{"to":"green"}`), []string{"x"}
	again.Checkpoint = &Checkpoint{Done: NewRangeSet(0, 9)}
	require.Equal(t, want, again.IdempotencyKey("default", "SWITCH", "tenant-001"), "it rests on nothing else")
}

func TestTheIdempotencyKeyDiffersWhereAnyOfItsPartsDiffers(t *testing.T) {
	t.Parallel()
	type key struct {
		request                 TaskRequest
		namespace, step, target string
	}
	base := key{TaskRequest{Plan: "p", Task: "t", Mode: ModeApply, Generation: "g", Revision: 1}, "n", "s", "x"}
	seen := map[string]string{base.request.IdempotencyKey(base.namespace, base.step, base.target): "none"}
	for part, change := range map[string]func(k *key){
		"namespace":  func(k *key) { k.namespace = "n2" },
		"plan":       func(k *key) { k.request.Plan = "p2" },
		"generation": func(k *key) { k.request.Generation = "g2" },
		"task":       func(k *key) { k.request.Task = "t2" },
		"step":       func(k *key) { k.step = "s2" },
		"target":     func(k *key) { k.target = "x2" },
		"mode":       func(k *key) { k.request.Mode = ModeRollback },
		"revision":   func(k *key) { k.request.Revision = 2 },
		// Parts that run into each other.
		"namespace and plan":        func(k *key) { k.namespace, k.request.Plan = "np", "" },
		"step and target":           func(k *key) { k.step, k.target = "", "sx" },
		"step and target, shifted":  func(k *key) { k.step, k.target = "sx", "" },
		"target and mode":           func(k *key) { k.target, k.request.Mode = "xa", "pply" },
		"a target like a framing":   func(k *key) { k.step, k.target = "s1:x", "" },
		"plan and generation moved": func(k *key) { k.request.Plan, k.request.Generation = "pg", "" },
	} {
		k := base
		change(&k)
		id := k.request.IdempotencyKey(k.namespace, k.step, k.target)
		require.NotContains(t, seen, id, "%s and %s have the same key", part, seen[id])
		seen[id] = part
	}
}

func TestSlicesAreCutAtTheSameBordersForEver(t *testing.T) {
	t.Parallel()
	same := func(n, size int) []string {
		targets := make([]string, n)
		for i := range targets {
			targets[i] = strings.Repeat("x", size)
		}
		return targets
	}
	for _, c := range []struct {
		name    string
		targets []string
		want    []Slice
	}{
		{"one target", same(1, 5), []Slice{{0, 0, 0}}},
		{"5,000 targets", same(5000, 5), []Slice{{0, 0, 4999}}},
		{"5,001 targets", same(5001, 5), []Slice{{0, 0, 4999}, {1, 5000, 5000}}},
		{"12,345 targets", same(12_345, 5), []Slice{{0, 0, 4999}, {1, 5000, 9999}, {2, 10_000, 12_344}}},
		{"128 KiB of names to the byte", same(512, 256), []Slice{{0, 0, 511}}},
		{"one name more", same(513, 256), []Slice{{0, 0, 511}, {1, 512, 512}}},
		{"long names", same(1500, 200), []Slice{{0, 0, 654}, {1, 655, 1309}, {2, 1310, 1499}}},
		{"a name larger than a slice", append(same(1, 5), same(2, 200<<10)...), []Slice{{0, 0, 0}, {1, 1, 1}, {2, 2, 2}}},
	} {
		require.Equal(t, c.want, cut(c.targets), c.name)
	}
}

func TestEachDispatchHasItsOwnFencingBaseAndOnlyItsSlice(t *testing.T) {
	t.Parallel()
	none := 0
	p := NewPlan("p", "g", document(names(6000), TaskSpec{Name: "t", FailureThreshold: Threshold{Count: 5}, Retry: Retry{MaxRetries: &none}}), noon)
	require.NoError(t, p.Start(noon))
	task := p.Tasks()[0]
	require.NoError(t, p.Execute(task, noon))

	slice, more := task.Pending()
	require.True(t, more)
	first := p.Dispatch(task, slice, 0)
	require.Equal(t, names(6000)[:5000], first.Targets)
	require.Equal(t, 0, first.Offset)
	require.Nil(t, first.Checkpoint)
	require.Equal(t, 5, first.FailuresAllowed)
	require.Equal(t, 0, first.MaxRetries)
	require.Equal(t, MaxPriorBytes, first.PriorBytes)

	cp := checkpointOf(t, 0, 4999, "0-4997", "4998-4999", "")
	cp.Prior.Record(0, value(`"blue"`))
	require.True(t, p.Advance(task, cp.Of(slice)))
	slice, more = task.Pending()
	require.True(t, more)
	require.Equal(t, Slice{1, 5000, 5999}, slice)
	require.Equal(t, 1000, task.Left(slice))
	second := p.Dispatch(task, slice, 0)
	require.Equal(t, names(6000)[5000:], second.Targets)
	require.Equal(t, 5000, second.Offset)
	require.Equal(t, 3, second.FailuresAllowed, "what another slice has used up is gone")
	require.Less(t, second.PriorBytes, MaxPriorBytes)
	require.True(t, second.Checkpoint.Done.Empty(), "of the other slice")
	require.Zero(t, second.Checkpoint.Prior.Count())
	require.GreaterOrEqual(t, second.FencingBase-first.FencingBase, int64(FencingStep))
	require.Less(t, second.FencingBase, int64(1)<<53, "JavaScript has no larger whole numbers")

	later := NewPlan("p", "h", document(names(10), TaskSpec{Name: "t"}), noon)
	require.NoError(t, later.Start(noon.Add(3*time.Second)))
	require.NoError(t, later.Execute(later.Tasks()[0], noon))
	whole, _ := later.Tasks()[0].Pending()
	require.Greater(t, later.Dispatch(later.Tasks()[0], whole, 0).FencingBase, second.FencingBase, "a run that was started later wins")
	require.Equal(t, 2, task.Executions())

	cp = checkpointOf(t, 5000, 5999, "5000-5999", "", "")
	require.True(t, p.Advance(task, cp.Of(slice)))
	_, more = task.Pending()
	require.False(t, more, "a failed target is given up")
	require.False(t, p.Advance(task, nil))
}
