package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-3652815f/sluice/domain"
)

// attempt is one attempt at one slice of a task's targets.
type attempt struct {
	request          domain.TaskRequest
	namespace        string
	number           int           // from 1
	deadline         time.Time     // of the attempt; zero means none
	heartbeatTimeout time.Duration // 0 means that the server expects no heartbeat
	workerStops      <-chan struct{}
	save             func(context.Context, encodedCheckpoint) error // durable once it returns nil
	now              func() time.Time
	observer         AttemptObserver // nil: nobody

	started  time.Time
	before   domain.Duration // what earlier attempts of this execution took
	saving   sync.Mutex      // one save at a time, so that none overtakes a newer one
	lastSave time.Time

	mu       sync.Mutex // guards what follows
	cp       domain.Checkpoint
	dirty    bool              // cp has changed since it was encoded
	encoded  encodedCheckpoint // cp as it was encoded last
	failures map[int]*Error    // of this attempt, by target
	order    []int             // the targets in failures, in the order in which they failed
	broken   error             // what ended the attempt as a whole
	stop     stopCause
	stopped  chan struct{} // closed once stop is set
}

// stopCause is why an attempt ends before its targets do.
type stopCause string

const (
	stopNone       stopCause = ""
	stopCanceled   stopCause = "canceled"                // the workflow asked: pause or abort
	stopWorker     stopCause = domain.CodeWorkerStopping // this worker is being stopped
	stopConnection stopCause = domain.CodeConnectionLost // the server takes this attempt for dead
	stopTimeout    stopCause = domain.CodeTimeout        // the task's timeout is reached
	stopHeld       stopCause = domain.CodeHeld           // somebody paused or reset the activity itself
)

// begin takes over the checkpoint that the attempt goes on from.
func (a *attempt) begin() error {
	a.failures, a.stopped, a.dirty = map[int]*Error{}, make(chan struct{}), true
	a.started, a.lastSave = a.now(), a.now()
	first, last := a.request.Offset, a.request.Offset+len(a.request.Targets)-1
	a.cp = domain.Checkpoint{Format: domain.CheckpointFormat, First: first, Last: last, CreatedAt: a.now().UTC()}
	if len(a.request.Targets) == 0 {
		return Refused(domain.CodeBadRequest, "the task request has no targets")
	}
	earlier := a.request.Checkpoint
	if earlier == nil {
		return nil
	}
	if err := earlier.Check(); err != nil {
		return Refused(domain.CodeBadRequest, "taking over a checkpoint: %w", err)
	}
	a.cp = *earlier.Of(domain.Slice{First: first, Last: last})
	a.before = earlier.Spent
	return nil
}

// workOff brings the slice's targets through the executor's steps, until all
// were tried, the attempt has failed, or it is to stop.
func (a *attempt) workOff(ctx context.Context, work *Work) error {
	steps, err := a.steps(work)
	if err != nil {
		return err
	}
	// A pause must not break off a change that is under way: what the steps
	// see ends at the task's timeout only.
	workCtx, cancel := a.withTimeout(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	if workCtx.Err() != nil {
		a.stopFor(stopTimeout) // earlier attempts took all the time
	}
	watch.Go(func() { a.watchForStop(workCtx) })

	a.passOverUntouched(work)
	batchSize := max(1, work.BatchSize)
	parallel := max(1, a.request.Parallel)
	waveSize := len(a.request.Targets)
	if a.readsPriors(work) {
		waveSize = max(work.PriorBatch, batchSize*parallel)
	}
	for wave := range slices.Chunk(a.todo(), waveSize) {
		if a.ending() {
			break
		}
		if a.readsPriors(work) {
			if err := a.recordPriors(workCtx, work, wave); err != nil {
				a.breakOff(fmt.Errorf("recording what stands at the targets: %w", err))
				break
			}
		}
		a.applyWave(workCtx, steps, wave, batchSize, parallel)
	}
	if errors.Is(workCtx.Err(), context.DeadlineExceeded) {
		a.runOut()
	}
	return nil
}

// steps returns what is done to each batch in the request's mode.
func (a *attempt) steps(work *Work) ([]Step, error) {
	switch a.request.Mode {
	case domain.ModeApply:
		if len(work.Steps) == 0 {
			return nil, Refused(domain.CodeBadParams, "the executor %s has no steps, so nothing would be done", a.request.Executor)
		}
		return work.Steps, nil
	case domain.ModeRollback:
		if work.Rollback == nil {
			return nil, Refused(domain.CodeNotReversible, "the executor %s cannot put back what it did", a.request.Executor)
		}
		return []Step{{Name: "ROLLBACK", Do: work.Rollback}}, nil
	}
	return nil, Refused(domain.CodeBadRequest, "the task request has the mode %q, which this worker does not know", a.request.Mode)
}

func (a *attempt) readsPriors(work *Work) bool {
	return work.Prior != nil && a.request.Mode == domain.ModeApply
}

// passOverUntouched marks, where prior values are put back, the targets without
// one as done: theirs would have been saved before their first change, so they
// were never changed.
func (a *attempt) passOverUntouched(work *Work) {
	if a.request.Mode != domain.ModeRollback || work.Prior == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := a.cp.First; i <= a.cp.Last; i++ {
		if _, recorded := a.request.Prior.Get(i); !recorded {
			a.cp.Done.Add(i)
		}
	}
	a.touch()
}

// todo returns the targets that are neither done nor given up: in the order
// of the plan, or newest first where they are put back.
func (a *attempt) todo() []int {
	open := domain.NewRangeSet(a.cp.First, a.cp.Last)
	open = open.Without(a.cp.Done)
	open = open.Without(a.cp.Failed)
	if a.request.Mode == domain.ModeRollback {
		return slices.Collect(open.Backward())
	}
	return slices.Collect(open.All())
}

// recordPriors reads what stands at the targets whose prior value is not
// known yet, and saves it durably: after the first effect a read would find
// our own change.
func (a *attempt) recordPriors(ctx context.Context, work *Work, wave []int) error {
	var unknown []int
	for _, i := range wave {
		if _, ok := a.cp.Prior.Get(i); !ok {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	priors, err := guard(func() ([]domain.Prior, error) { return work.Prior(ctx, a.names(unknown)) })
	var single TargetErrors
	if errors.As(err, &single) {
		return a.failUnreadable(ctx, work, wave, unknown, single)
	}
	if err != nil {
		return err
	}
	if len(priors) != len(unknown) {
		return Broken("BAD_PRIOR", "the executor %s read %d prior values for %d targets", a.request.Executor, len(priors), len(unknown))
	}
	if err := a.keepPriors(unknown, priors); err != nil {
		return err
	}
	return a.saveNow(ctx)
}

// keepPriors puts prior values into the checkpoint, unless they do not fit.
func (a *attempt) keepPriors(targets []int, priors []domain.Prior) error {
	var read domain.Priors
	for k, i := range targets {
		if !priors[k].Absent {
			var compact bytes.Buffer
			if err := json.Compact(&compact, priors[k].Value); err != nil {
				return Refused("BAD_PRIOR", "the prior value of %s is no JSON: %w", a.name(i), err)
			}
			priors[k].Value = compact.Bytes()
		}
		read.Record(i, priors[k])
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	limit := min(a.request.PriorBytes, domain.MaxCheckpointBytes*3/4)
	if size := a.cp.Prior.Size() + read.Size(); size > limit {
		return Refused(domain.CodePriorTooLarge,
			"what stood at the targets takes about %d bytes, and %d fit; nothing of this wave was changed; split the plan into smaller ones", size, limit)
	}
	a.cp.Prior.Union(&read)
	a.cp.Wave++
	a.touch()
	return nil
}

// failUnreadable gives up the targets whose prior value cannot be read, and
// records that of the others.
func (a *attempt) failUnreadable(ctx context.Context, work *Work, wave, unknown []int, single TargetErrors) error {
	for _, i := range unknown {
		if err, failed := single[a.name(i)]; failed {
			a.fail(i, err)
		}
	}
	if a.ending() {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(wave), func(i int) bool { return a.hasFailed(i) })
	if len(rest) == len(wave) {
		return Broken("BAD_PRIOR", "the executor %s could not read prior values: %w", a.request.Executor, single)
	}
	return a.recordPriors(ctx, work, rest)
}

func (a *attempt) name(i int) string { return a.request.Targets[i-a.request.Offset] }

func (a *attempt) names(indices []int) []string {
	names := make([]string, len(indices))
	for k, i := range indices {
		names[k] = a.name(i)
	}
	return names
}

// touch notes that the checkpoint has changed. Call it with mu held.
func (a *attempt) touch() {
	a.dirty = true
	now := a.now()
	a.cp.CreatedAt = now.UTC()
	a.cp.Spent = a.before + domain.Duration(now.Sub(a.started).Round(time.Millisecond))
}
