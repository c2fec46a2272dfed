package plans

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// pollEvery is how often a plan is asked for what became of a command.
const pollEvery = 150 * time.Millisecond

// Post puts a command into a plan's history as a Signal and waits until the
// plan has taken it, as long as ctx lasts. It does not need a worker at once:
// the command waits for one. A command that is not possible gives a
// *RefusedError, and one that nobody took in time a *TimeoutError.
func (c *Client) Post(ctx context.Context, id string, name domain.CommandName, command domain.Command) (Outcome, error) {
	return c.post(ctx, id, name, identified(command))
}

func (c *Client) post(ctx context.Context, id string, name domain.CommandName, command domain.Command) (Outcome, error) {
	if err := c.signal(ctx, id, name, command); err != nil {
		return Outcome{}, err
	}
	return c.told(ctx, id, name, command.CommandID)
}

// told returns what the audit trail says of a command that the plan has got.
func (c *Client) told(ctx context.Context, id string, name domain.CommandName, commandID string) (Outcome, error) {
	entry, err := c.await(ctx, id, name, commandID)
	switch {
	case err != nil:
		return Outcome{}, err
	case !entry.Accepted:
		return Outcome{}, &RefusedError{Why: entry.Refusal}
	}
	return Outcome{State: entry.State, Phase: entry.Phase, Version: entry.Version}, nil
}

func (c *Client) signal(ctx context.Context, id string, name domain.CommandName, command domain.Command) error {
	calling, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	err := c.Temporal.SignalWorkflow(calling, id, "", string(name), command)
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return c.whyNotTaken(ctx, id, name)
	}
	return c.wrap(err, id)
}

// whyNotTaken finds out why no workflow takes a command: there is none, or it
// has ended.
func (c *Client) whyNotTaken(ctx context.Context, id string, name domain.CommandName) error {
	description, err := c.describe(ctx, id)
	if err != nil {
		return err
	}
	var snapshot domain.Snapshot
	if found, err := c.final(ctx, id, &snapshot); err == nil && found {
		return &RefusedError{Why: (&domain.TransitionError{Entity: "plan", Name: id, State: string(snapshot.State), Event: string(name)}).Error()}
	}
	return &RefusedError{Why: fmt.Sprintf("the workflow of plan %q has ended (%s), so %s is not possible", id, statusOf(description).word(), name)}
}

// await polls the audit trail until it tells what became of a command.
func (c *Client) await(ctx context.Context, id string, name domain.CommandName, commandID string) (domain.AuditEntry, error) {
	var last error
	for {
		trail, err := c.Audit(ctx, id)
		if entry, found := entryOf(trail, commandID); found {
			return entry, nil
		}
		if err != nil && !Passing(err) && ctx.Err() == nil {
			return domain.AuditEntry{}, err
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		if !pause(ctx, pollEvery) {
			return domain.AuditEntry{}, &TimeoutError{What: fmt.Sprintf(
				"%s was sent to plan %q and stays on the way, but nobody has taken it in time%s; see what becomes of it with: sluice audit %s", name, id, because(last), id)}
		}
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func entryOf(trail workflows.AuditTrail, commandID string) (domain.AuditEntry, bool) {
	for _, entry := range trail.Entries {
		if entry.CommandID == commandID {
			return entry, true
		}
	}
	return domain.AuditEntry{}, false
}

// pause waits, and reports whether ctx lasted that long.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
