package e2e

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// client returns Sluice's own client, as the command line has it.
func (p *planRun) client() *plans.Client {
	return &plans.Client{Temporal: shared.client, Data: payload.NewDataConverter(), Address: shared.address, Namespace: "default", TaskQueue: p.queue}
}

// failingAt is a sink that refuses one target while it is told to, and fails
// the test where a target is applied twice.
func failingAt(t *testing.T, target string, on *atomic.Bool) *ledger.Sink {
	t.Helper()
	return sinkThat(t, func(e ledger.Effect) int {
		if e.Target == target && e.Value == "green" && on.Load() {
			return http.StatusBadRequest
		}
		return 0
	})
}

func TestAPlanThatFailedIsTakenUpByARunOfItsOwnThatRepeatsNothing(t *testing.T) {
	t.Parallel()
	inProcess(t)
	var refuse atomic.Bool
	refuse.Store(true)
	sink := failingAt(t, "tenant-000005", &refuse)
	doc := small(t, 8, sink)
	doc.Spec.OnFailure = domain.OnFailureFail
	p := start(t, doc)
	first := p.failed()
	refuse.Store(false)
	outcome, err := p.client().Redrive(t.Context(), p.id, domain.Command{Actor: "ann", Reason: "mended"})
	require.NoError(t, err)
	require.Equal(t, first.Version+1, outcome.Version)
	var final domain.Snapshot
	require.NoError(t, shared.client.GetWorkflow(t.Context(), p.id, "").Get(t.Context(), &final))
	require.Equal(t, domain.PlanCompleted, final.State)
	require.Equal(t, 1, final.Redrives)
	require.NotEqual(t, first.RunID, final.RunID)
	for _, name := range names(8) {
		require.Equal(t, 1, sink.Times()[name], name)
	}
	_, err = p.client().Redrive(t.Context(), p.id, domain.Command{})
	require.ErrorContains(t, err, "COMPLETED")
}

func TestAPlanThatWasTerminatedGoesOnFromTheServersRecord(t *testing.T) {
	t.Parallel()
	w := startWorker(t)
	held, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	sink := sinkThat(t, func(e ledger.Effect) int {
		if e.Target == "tenant-000006" && once.CompareAndSwap(false, true) {
			close(held)
			<-release
			return http.StatusBadRequest // what comes too late must not count
		}
		return 0
	})
	p := start(t, small(t, 8, sink))
	<-held
	p.awaitSaved(5)
	require.NoError(t, shared.client.TerminateWorkflow(t.Context(), p.id, "", "by the test"))
	w.kill() // the whole fleet is away
	close(release)
	startWorker(t)
	var outcome plans.Outcome
	until(t, "a worker reads the run that was terminated", func() bool {
		var err error
		outcome, err = p.client().Redrive(t.Context(), p.id, domain.Command{Actor: "ann"})
		if err != nil {
			require.True(t, plans.Passing(err), "%v", err)
		}
		return err == nil
	})
	require.Equal(t, domain.PlanCreated, outcome.State)
	var final domain.Snapshot
	require.NoError(t, shared.client.GetWorkflow(t.Context(), p.id, "").Get(t.Context(), &final))
	require.Equal(t, domain.PlanCompleted, final.State)
	for _, name := range names(8) {
		require.Equal(t, 1, sink.Times()[name], name)
	}
}

func TestAPlanThatHasEndedIsRolledBackByAPlanOfItsOwn(t *testing.T) {
	t.Parallel()
	inProcess(t)
	var refuse atomic.Bool
	sink := failingAt(t, "nobody", &refuse)
	p := start(t, small(t, 8, sink))
	p.completed()
	preview, err := p.client().PreviewReverse(t.Context(), p.id)
	require.NoError(t, err)
	require.Equal(t, 8, preview.Records)
	require.Equal(t, 8, preview.Tasks[0].Values[0].Targets)
	id, err := p.client().Reverse(t.Context(), p.id, domain.Command{Actor: "ann"})
	require.NoError(t, err)
	require.Equal(t, domain.ReverseID(p.id), id)
	var final domain.Snapshot
	require.NoError(t, shared.client.GetWorkflow(t.Context(), id, "").Get(t.Context(), &final))
	require.Equal(t, domain.PlanCompleted, final.State)
	require.Equal(t, p.id, final.Reverses)
	for _, name := range names(8) {
		require.Equal(t, "blue", sink.Value(name))
	}
	_, err = p.client().Reverse(t.Context(), p.id, domain.Command{})
	require.ErrorContains(t, err, "rolled back already")
	_, err = p.client().Reverse(t.Context(), id, domain.Command{})
	require.ErrorContains(t, err, "a rollback is not rolled back")
}

// awaitSaved waits until the server's record says that so many targets of the
// execution under way are done.
func (p *planRun) awaitSaved(done int) {
	p.t.Helper()
	until(p.t, "what is done is saved", func() bool {
		view, err := p.client().View(p.t.Context(), p.id)
		return err == nil && view.Progress.Done >= done
	})
}
