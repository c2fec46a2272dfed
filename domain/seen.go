package domain

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxSeen is how many commandIds are known again: as many Updates as the
// server takes in one run. Each takes some 40 bytes of what is carried over.
const maxSeen = 2000

// SeenID is what came of a command whose id was given.
type SeenID struct {
	Hash     string `json:"h"` // of the commandId
	Accepted bool   `json:"a,omitempty"`
}

// hashID shortens a commandId to 16 characters.
func hashID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}

// indexSeen makes commandIds quick to find.
func (p *Plan) indexSeen() {
	p.seenAt = make(map[string]int, len(p.rec.Seen))
	for i, s := range p.rec.Seen {
		p.seenAt[s.Hash] = i
	}
}

// remember keeps what came of a command, and forgets the oldest.
func (p *Plan) remember(id string, accepted bool) {
	if id == "" {
		return
	}
	p.rec.Seen = append(p.rec.Seen, SeenID{Hash: hashID(id), Accepted: accepted})
	if len(p.rec.Seen) > maxSeen+maxSeen/10 { // now and then, for the index is made anew
		p.rec.Seen = append([]SeenID(nil), p.rec.Seen[len(p.rec.Seen)-maxSeen:]...)
		p.indexSeen()
		return
	}
	p.seenAt[p.rec.Seen[len(p.rec.Seen)-1].Hash] = len(p.rec.Seen) - 1
}

// refusedBefore is why a repeat is refused whose first audit entry is gone.
const refusedBefore = "the command was refused when it came first; the audit trail of that run says why"

// seen returns what came of a command when its id was seen first.
func (p *Plan) seen(id string) (AuditEntry, bool) {
	if id == "" {
		return AuditEntry{}, false
	}
	at, ok := p.seenAt[hashID(id)]
	for _, e := range p.rec.Audit {
		// Records from before there was a list of ids have the trail alone.
		if e.CommandID == id {
			return e, true
		}
	}
	if !ok {
		return AuditEntry{}, false
	}
	first := AuditEntry{Accepted: p.rec.Seen[at].Accepted}
	if !first.Accepted {
		first.Refusal = refusedBefore
	}
	return first, true
}
