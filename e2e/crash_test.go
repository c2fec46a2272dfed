package e2e

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/payload"
)

// saved returns the last checkpoint that the server has of the plan's one
// activity; nil where it has none.
func (p *planRun) saved() *domain.Checkpoint {
	p.t.Helper()
	pending := p.pending()
	if len(pending) == 0 || pending[0].GetHeartbeatDetails() == nil {
		return nil
	}
	var cp domain.Checkpoint
	require.NoError(p.t, payload.NewDataConverter().FromPayloads(pending[0].GetHeartbeatDetails(), &cp))
	return &cp
}

// TestKilledTwentyTimesNoTargetIsMissingAndNothingDurableIsRepeated kills the
// worker with kill -9 at random moments. What the server knew to be done at
// that moment must never be applied again; the few targets since then may be.
func TestKilledTwentyTimesNoTargetIsMissingAndNothingDurableIsRepeated(t *testing.T) {
	t.Parallel()
	const targets, rounds = 8000, 20
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	sink := ledger.NewSink(nil)
	t.Cleanup(sink.Close)
	doc := document(t, targets, ledger.Params{Sink: sink.URL(), To: "green", Blind: true, Priors: true, Batch: 5})
	doc.Spec.Tasks[0].HeartbeatTimeout = domain.Duration(time.Second)
	p := start(t, doc)

	// moment is what the server and the sink knew when a worker was killed.
	type moment struct {
		durable *domain.Checkpoint
		applied int
	}
	var moments []moment
	w := startWorker(t)
	kills := 0
	for ; kills < rounds; kills++ {
		before := len(sink.Entries())
		until(t, "the new worker has begun, or the plan has ended", func() bool {
			return len(sink.Entries()) > before || p.closed()
		})
		// A random moment is what is tested, not a condition that is awaited.
		<-time.After(time.Duration(random.IntN(500)) * time.Millisecond)
		w.kill()
		durable, applied := p.saved(), len(sink.Entries())
		w = startWorker(t)
		if p.closed() {
			break
		}
		if durable == nil {
			continue
		}
		moments = append(moments, moment{durable, applied})
	}
	final := p.completed()
	times := sink.Times()
	require.Len(t, times, targets)
	twice := 0
	for _, n := range times {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d kills, %d of %d targets applied more than once", kills, twice, targets)
	require.GreaterOrEqual(t, kills, rounds/2, "the plan ended too early for the test to say much")
	require.Equal(t, targets, final.Progress.Done)
	entries := sink.Entries()
	for i, m := range moments {
		durable := doneNames(m.durable)
		for _, e := range entries[m.applied:] {
			require.False(t, durable[e.Target], "target %s was durably done at kill %d and applied again", e.Target, i+1)
		}
	}
	for _, before := range final.Tasks[0].Checkpoint.Data.RollbackInfo {
		require.JSONEq(t, `"blue"`, string(before), "a prior value is never read again after the change")
	}
}

// doneNames returns the names of the targets that a checkpoint says are done.
func doneNames(cp *domain.Checkpoint) map[string]bool {
	all, done := names(cp.Last+1), map[string]bool{}
	for i := range cp.Done.All() {
		done[all[i]] = true
	}
	return done
}

func TestKilledBetweenTheEffectAndItsCheckpointThePriorValueIsStillTheOldOne(t *testing.T) {
	t.Parallel()
	var w atomic.Pointer[worker]
	killed := make(chan struct{})
	sink := ledger.NewSink(nil)
	t.Cleanup(sink.Close)
	sink.After(func(e ledger.Effect) {
		if e.Target == "tenant-000007" {
			if first := w.Swap(nil); first != nil {
				first.kill()
				close(killed)
			}
		}
	})
	doc := document(t, 12, ledger.Params{Sink: sink.URL(), To: "green", Priors: true})
	doc.Spec.Tasks[0].HeartbeatTimeout = domain.Duration(time.Second)
	p := start(t, doc)
	w.Store(startWorker(t))
	<-killed
	startWorker(t)
	final := p.completed()
	requireEach(t, sink, 12)
	require.Len(t, final.Tasks[0].Checkpoint.Data.RollbackInfo, 12)
	require.JSONEq(t, `"blue"`, string(final.Tasks[0].Checkpoint.Data.RollbackInfo["tenant-000007"]))
}

func TestFourGracefulRestartsDoNotFailATaskThatMayNotBeRetried(t *testing.T) {
	t.Parallel()
	const targets = 5000
	step := make(chan struct{})
	sink := ledger.NewSink(func(ledger.Effect) int {
		<-step
		return 0
	})
	t.Cleanup(sink.Close)
	doc := document(t, targets, ledger.Params{Sink: sink.URL(), To: "green", Blind: true})
	none := 0
	doc.Spec.Tasks[0].Retry.MaxRetries = &none
	p := start(t, doc)
	for range 4 {
		w := startWorker(t)
		before := len(sink.Entries())
		step <- struct{}{}
		step <- struct{}{}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			w.stop()
		}()
		// The target under way comes to its end, and then no further one begins.
		for open := true; open; {
			select {
			case step <- struct{}{}:
			case <-stopped:
				open = false
			}
		}
		require.Greater(t, len(sink.Entries()), before)
		require.Less(t, len(sink.Entries()), targets, "the worker did not stop at a safe point")
	}
	close(step)
	startWorker(t)
	p.completed()
	requireEach(t, sink, targets)
}
