package workflows

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
)

// hundredThousand returns a run in the middle of a plan of 100,000 targets
// with the most prior values that are allowed: each target had one of five,
// as they came, so that hardly two neighbours share a range.
func hundredThousand(t *testing.T) *run {
	t.Helper()
	const targets = 100_000
	doc := domain.Document{
		APIVersion: domain.APIVersion, Kind: domain.KindPlan, Metadata: domain.Metadata{Name: "large"},
		Spec: domain.Spec{Tasks: []domain.TaskSpec{{Name: "a", Executor: "fake"}}},
	}
	for i := range targets {
		doc.Spec.Targets = append(doc.Spec.Targets, fmt.Sprintf("tenant-%06d", i))
	}
	require.Empty(t, doc.Validate())
	now := time.Date(2025, 11, 22, 10, 30, 0, 0, time.UTC)
	plan := domain.NewPlan("large", "g", doc, now)
	require.NoError(t, plan.Start(now))
	all, _ := plan.Task("a")
	require.NoError(t, plan.Execute(all, now))
	random := rand.New(rand.NewPCG(1, 2))
	for {
		slice, left := all.Pending()
		if !left || slice.First >= targets/2 {
			break
		}
		plan.Dispatch(all, slice, 0)
		cp := domain.Checkpoint{Format: domain.CheckpointFormat, Step: "APPLY", First: slice.First, Last: slice.Last,
			Done: domain.NewRangeSet(slice.First, slice.Last), CreatedAt: now}
		for i := slice.First; i <= slice.Last; i++ {
			value := fmt.Sprintf(`{"pool":"blue-%d","weight":%d}`, random.IntN(5), 100)
			cp.Prior.Record(i, domain.Prior{Value: json.RawMessage(value)})
		}
		require.True(t, plan.Advance(all, &cp))
	}
	// The other half was recorded and is not done yet.
	rest := domain.Checkpoint{Format: domain.CheckpointFormat, First: targets / 2, Last: targets - 1, CreatedAt: now}
	for i := targets / 2; i < targets; i++ {
		rest.Prior.Record(i, domain.Prior{Value: json.RawMessage(fmt.Sprintf(`{"pool":"blue-%d","weight":100}`, random.IntN(5)))})
	}
	plan.Advance(all, &rest)
	require.LessOrEqual(t, all.Checkpoint().Prior.Size(), domain.MaxPriorBytes, "the runner would have refused them")
	require.Len(t, all.Checkpoint().Prior.Groups(), 5)
	return &run{plan: plan, settings: Settings{SearchAttributes: true}, published: published{State: domain.PlanRunning, Step: 10}}
}

func TestAPlanOf100000TargetsWithTheirPriorValuesIsCarriedOverWithinItsBoundAndUnchanged(t *testing.T) {
	t.Parallel()
	r := hundredThousand(t)
	carried, err := r.carry()
	require.NoError(t, err)
	size := len(carried.Payload().GetData())
	t.Logf("%d KiB are carried over", size>>10)
	require.LessOrEqual(t, size, maxCarryBytes)

	// As the next run's worker reads it.
	var arrived converter.RawValue
	require.NoError(t, payload.NewDataConverter().FromPayload(carried.Payload(), &arrived))
	var state RunState
	require.NoError(t, json.Unmarshal(arrived.Payload().GetData(), &state))
	require.Equal(t, CarryKind, state.Kind)
	require.Equal(t, domain.APIVersion, state.APIVersion)
	require.Equal(t, r.settings, state.Settings)
	require.Equal(t, r.published, state.Published)
	restored, err := domain.RestorePlan(state.Plan)
	require.NoError(t, err)
	want, got := r.plan.Record(), restored.Record()
	require.Equal(t, inJSON(t, want), inJSON(t, got))
	before, after := r.plan.Tasks()[0].Checkpoint(), restored.Tasks()[0].Checkpoint()
	require.Equal(t, before.Prior.Size(), after.Prior.Size(), "or the budget for further prior values would shift")
	for i := range 100_000 {
		was, _ := before.Prior.Get(i)
		is, ok := after.Prior.Get(i)
		require.True(t, ok && string(was.Value) == string(is.Value), "target %d", i)
	}
}

func TestAStateBeyondTheBoundIsNotCarriedOverAndTheErrorSaysHowLargeItIs(t *testing.T) {
	t.Parallel()
	doc := domain.Document{APIVersion: domain.APIVersion, Kind: domain.KindPlan, Metadata: domain.Metadata{Name: "large"}}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 { // random text does not compress
		var text strings.Builder
		for range 10_000 {
			text.WriteByte(byte(33 + random.IntN(90)))
		}
		doc.Spec.Targets = append(doc.Spec.Targets, text.String())
	}
	doc.Spec.Tasks = []domain.TaskSpec{{Name: "a", Executor: "fake"}}
	r := &run{plan: domain.NewPlan("large", "g", doc, time.Now())}
	_, err := r.carry()
	require.ErrorContains(t, err, "1572864 can be carried over")
}

func inJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return string(data)
}
