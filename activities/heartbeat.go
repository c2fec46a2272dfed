package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// encodedCheckpoint is a domain.Checkpoint as JSON, encoded once and sent as
// often as it is due.
type encodedCheckpoint = json.RawMessage

const (
	// pulseInterval is how often an attempt tells the server that it lives.
	// Its answer is also how it learns of a pause, so that this bounds the time
	// from a pause to the last target's end.
	pulseInterval = 250 * time.Millisecond
	// saveTimeout bounds one save; a durable save is tried until the server
	// would take the attempt for dead.
	saveTimeout = 5 * time.Second
	// aliveShare is the part of the heartbeat time-out after which an attempt
	// that does not reach the server stops by itself, before another begins.
	aliveShare = 0.8
)

// startPulse sends the checkpoint now and then until the returned function is
// called, which returns once no save is under way.
func (a *attempt) startPulse(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(a.pulse())
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				a.beat(ctx)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// pulse returns the time between two heartbeats: several fit into the
// heartbeat time-out, one of them between aliveShare and its end.
func (a *attempt) pulse() time.Duration {
	if a.heartbeatTimeout > 0 {
		return min(pulseInterval, a.heartbeatTimeout/8)
	}
	return pulseInterval
}

// beat sends one heartbeat and notes what the server answers.
func (a *attempt) beat(ctx context.Context) {
	err := a.saveOnce(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	if cause := stopFor(err); cause != stopNone {
		a.stopFor(cause)
	} else if a.silent() {
		a.stopFor(stopConnection)
	}
}

// saveNow makes the checkpoint durable before it returns nil. Where somebody
// asks the attempt to stop meanwhile, it is durable all the same.
func (a *attempt) saveNow(ctx context.Context) error {
	for {
		err := a.saveOnce(ctx)
		switch cause := stopFor(err); {
		case err == nil:
			return nil
		case cause == stopConnection:
			a.stopFor(cause)
			return Unavailable(string(cause), "saving the checkpoint: %w", err)
		case cause != stopNone:
			a.stopFor(cause)
			return nil
		case ctx.Err() != nil:
			a.stopFor(stopTimeout)
			return fmt.Errorf("saving the checkpoint: %w", err)
		case a.silent():
			a.stopFor(stopConnection)
			return Unavailable(string(stopConnection), "saving the checkpoint: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(a.pulse()):
		}
	}
}

// saveOnce sends the checkpoint as it is now, after any save under way.
func (a *attempt) saveOnce(ctx context.Context) error {
	a.saving.Lock()
	defer a.saving.Unlock()
	encoded, err := a.encode()
	if err != nil {
		return err
	}
	began := a.now() // the server may have counted from then on
	ctx, cancel := context.WithTimeout(ctx, a.patience())
	defer cancel()
	err = a.save(ctx, encoded)
	if err == nil || stopFor(err) != stopNone {
		a.observed().Saved(len(encoded))
		a.mu.Lock()
		a.lastSave = began
		a.mu.Unlock()
	}
	return err
}

// patience returns how long one save may take: one that hangs must not hide
// for long that the server is not reached.
func (a *attempt) patience() time.Duration {
	if a.heartbeatTimeout == 0 {
		return saveTimeout
	}
	return min(saveTimeout, max(a.pulse(), a.aliveFor()))
}

// encode returns the checkpoint as JSON, and encodes it only where it has
// changed since.
func (a *attempt) encode() (encodedCheckpoint, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.dirty {
		return a.encoded, nil
	}
	data, err := json.Marshal(a.cp)
	if err != nil {
		return nil, fmt.Errorf("encoding the checkpoint: %w", err)
	}
	a.encoded, a.dirty = data, false
	return data, nil
}

// silent reports whether the server has heard nothing for so long that it may
// soon give the slice to another attempt.
func (a *attempt) silent() bool {
	return a.heartbeatTimeout > 0 && a.aliveFor() <= 0
}

// aliveFor returns how long the attempt may yet go on without a save.
func (a *attempt) aliveFor() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Duration(float64(a.heartbeatTimeout)*aliveShare) - a.now().Sub(a.lastSave)
}

// stopFor says why a save's answer means that the attempt has to stop. The
// save itself was taken where the server asks for a cancel, pause or reset.
func stopFor(err error) stopCause {
	var canceled *temporal.CanceledError
	var notFound *serviceerror.NotFound
	switch {
	case err == nil:
		return stopNone
	case errors.As(err, &canceled):
		return stopCanceled
	case errors.Is(err, activity.ErrActivityPaused), errors.Is(err, activity.ErrActivityReset):
		return stopHeld
	case errors.As(err, &notFound):
		return stopConnection // the server has closed this attempt
	}
	return stopNone
}

// stopFor lets no further batch begin; the first cause is kept.
func (a *attempt) stopFor(cause stopCause) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop == stopNone {
		a.stop = cause
		close(a.stopped)
	}
}

// runOut notes that the task's time is over. Where somebody asked the attempt
// to stop before, that stays the cause, unless the time-out broke something
// off, which must not be taken for a failure of its own.
func (a *attempt) runOut() {
	a.stopFor(stopTimeout)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != stopConnection && (a.broken != nil || len(a.failures) > 0) {
		a.stop = stopTimeout
	}
}

// watchForStop notices the end of the worker and of the task's time.
func (a *attempt) watchForStop(ctx context.Context) {
	select {
	case <-a.stopped:
	case <-a.workerStops:
		a.stopFor(stopWorker)
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			a.stopFor(stopTimeout)
		}
	}
}

// timeoutShare of an attempt's time is left for saying what became of it.
const timeoutShare = 20

// withTimeout returns the context that the steps see: it ends a little before
// the attempt's deadline, and earlier by the time that the attempts before
// took, for the timeout is of all of an execution's attempts together.
func (a *attempt) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	left := a.deadline.Sub(a.now()) - time.Duration(a.before)
	return context.WithTimeout(ctx, left-min(left/timeoutShare, 5*time.Second))
}
