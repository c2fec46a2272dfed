package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/proto"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
)

// footprint is what a plan cost the server.
type footprint struct {
	events       int
	bytes        int
	largestEvent int // bytes of the largest event, which bounds its payloads
}

// footprint reads the plan's history.
func (p *planRun) footprint() footprint {
	p.t.Helper()
	var f footprint
	history := shared.client.GetWorkflowHistory(p.t.Context(), p.id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(p.t, err)
		size := proto.Size(event)
		f.events++
		f.bytes += size
		f.largestEvent = max(f.largestEvent, size)
	}
	return f
}

func TestAPlanOf100000TargetsPausesInTheMiddleResumesAndKeepsWithinTheSizes(t *testing.T) {
	t.Parallel()
	inProcess(t)
	const targets = 100_000
	doc := document(t, targets, ledger.Params{})
	doc.Spec.Tasks[0].Executor, doc.Spec.Tasks[0].Params = "noop", nil
	began := time.Now()
	p := start(t, doc)
	// In the middle: some slices are done and others are not.
	p.await("some are done", func(s domain.Snapshot) bool { return s.Progress.Done > 0 })
	p.send(domain.CommandPause, domain.Command{})
	s := p.awaitState(domain.PlanPaused)
	require.Greater(t, s.Progress.Done, 0)
	require.Less(t, s.Progress.Done, targets)
	require.Len(t, s.Tasks[0].Checkpoint.Data.CompletedTargets, 100)
	require.Equal(t, s.Progress.Done, s.Tasks[0].Checkpoint.Data.CompletedCount)
	p.send(domain.CommandResume, domain.Command{})
	final := p.completed()
	require.Equal(t, targets, final.Progress.Done)

	f := p.footprint()
	t.Logf("100,000 targets: %s, %d events, %d KiB of history, largest event %d KiB",
		time.Since(began).Round(10*time.Millisecond), f.events, f.bytes>>10, f.largestEvent>>10)
	require.Less(t, f.largestEvent, 1<<20, "the encoded plan is the largest payload, and bounded")
	require.Less(t, f.events, 300)
}
