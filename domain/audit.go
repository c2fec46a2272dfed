package domain

import "time"

// Bounds of the audit trail that a plan carries; older entries stay in the
// histories of its earlier runs, and are counted.
const (
	maxAudit      = 1000
	maxAuditBytes = 256 << 10
)

// Bounds of what callers say about themselves.
const (
	maxActorBytes     = 200
	maxCommandIDBytes = 100 // a longer one is refused: cut, it would not be known again
)

// AuditEntry says who asked what, when and why, and what came of it.
type AuditEntry struct {
	At        time.Time     `json:"at"`
	Command   CommandName   `json:"command"`
	CommandID string        `json:"commandId,omitempty"`
	Actor     string        `json:"actor,omitempty"` // as claimed
	Reason    string        `json:"reason,omitempty"`
	Task      string        `json:"task,omitempty"`
	Accepted  bool          `json:"accepted"`
	Repeat    bool          `json:"repeat,omitempty"`   // the commandId was seen before; nothing was done again
	Refusal   string        `json:"refusal,omitempty"`  // why it was refused
	Conflict  bool          `json:"conflict,omitempty"` // it was refused because of its ifVersion
	Changes   []ParamChange `json:"changes,omitempty"`  // parameters that it has changed
	State     PlanState     `json:"state"`              // of the plan afterwards
	Phase     Phase         `json:"phase,omitempty"`    // of the plan afterwards
	Version   int64         `json:"version"`            // of the plan afterwards
}

// Audit returns the audit trail, oldest first, and how many older entries
// were dropped from it.
func (p *Plan) Audit() (entries []AuditEntry, dropped int) {
	return p.rec.Audit, p.rec.AuditDropped
}

// note completes an entry, keeps it, and returns it.
func (p *Plan) note(e AuditEntry) AuditEntry {
	e.Actor, e.Reason = truncate(e.Actor, maxActorBytes), truncate(e.Reason, maxReasonBytes)
	e.CommandID, e.Task = truncate(e.CommandID, maxCommandIDBytes), truncate(e.Task, MaxNameBytes)
	e.State, e.Phase, e.Version = p.rec.State, p.Phase(), p.rec.Version
	if !e.Repeat {
		p.remember(e.CommandID, e.Accepted)
	}
	p.rec.Audit = append(p.rec.Audit, e)
	p.auditBytes += e.size()
	for len(p.rec.Audit) > maxAudit || p.auditBytes > maxAuditBytes && len(p.rec.Audit) > 1 {
		p.auditBytes -= p.rec.Audit[0].size()
		p.rec.Audit = p.rec.Audit[1:]
		p.rec.AuditDropped++
	}
	return e
}

// size returns about how many bytes the entry takes in JSON.
func (e *AuditEntry) size() int {
	const names = 150 // of the fields, and what is short in any case
	size := names + len(e.CommandID) + len(e.Actor) + len(e.Reason) + len(e.Task) + len(e.Refusal)
	for _, c := range e.Changes {
		size += len(c.Task) + len(c.Param) + len(c.Old) + len(c.New)
	}
	return size
}

// Outcome is the answer to a command that was accepted.
type Outcome struct {
	State      PlanState `json:"state"`
	Phase      Phase     `json:"phase"`
	Version    int64     `json:"version"`
	Repeat     bool      `json:"repeat,omitempty"`     // the commandId was seen before; nothing was done again
	Superseded bool      `json:"superseded,omitempty"` // pause: the plan came to something else than PAUSED
}
