package domain

import "time"

// maxAudit bounds the audit trail that a plan carries; older entries stay in
// the histories of its earlier runs, and are counted.
const maxAudit = 200

// Bounds of what callers say about themselves.
const (
	maxActorBytes     = 200
	maxCommandIDBytes = 100 // a longer one is refused: cut, it would not be known again
)

// AuditEntry says who asked what, when and why, and what came of it.
type AuditEntry struct {
	At        time.Time   `json:"at"`
	Command   CommandName `json:"command"`
	CommandID string      `json:"commandId,omitempty"`
	Actor     string      `json:"actor,omitempty"` // as claimed
	Reason    string      `json:"reason,omitempty"`
	Task      string      `json:"task,omitempty"`
	Accepted  bool        `json:"accepted"`
	Repeat    bool        `json:"repeat,omitempty"`  // the commandId was seen before; nothing was done again
	Refusal   string      `json:"refusal,omitempty"` // why it was refused
	State     PlanState   `json:"state"`             // of the plan afterwards
	Version   int64       `json:"version"`           // of the plan afterwards
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
	e.State, e.Version = p.rec.State, p.rec.Version
	p.rec.Audit = append(p.rec.Audit, e)
	if over := len(p.rec.Audit) - maxAudit; over > 0 {
		p.rec.Audit = p.rec.Audit[over:]
		p.rec.AuditDropped += over
	}
	return e
}

// seen returns the first entry with a command id.
func (p *Plan) seen(id string) (AuditEntry, bool) {
	if id == "" {
		return AuditEntry{}, false
	}
	for _, e := range p.rec.Audit {
		if e.CommandID == id {
			return e, true
		}
	}
	return AuditEntry{}, false
}
