package caddy

import (
	"encoding/json"

	"github.com/seed-3652815f/sluice/activities/gateway"
)

// Error codes of this executor.
const (
	CodeDenied        = gateway.CodeDenied
	CodeUnreachable   = gateway.CodeUnreachable
	CodeBusy          = gateway.CodeBusy
	CodeRefused       = gateway.CodeRefused
	CodeUnsupported   = "GATEWAY_UNSUPPORTED" // Caddy lacks what safe changes need
	CodeUnknownMap    = gateway.CodeUnknownMap
	CodeBadMap        = gateway.CodeBadMap
	CodeUnknownTarget = gateway.CodeUnknownTarget
	CodeDuplicate     = gateway.CodeDuplicate
	CodeShadowed      = "SHADOWED_MAPPING" // another mapping matches before the target's own
	CodeDrift         = gateway.CodeDrift
	CodeNotSwitched   = gateway.CodeNotSwitched
)

// message returns what Caddy says in the body of an error, bounded and on one
// line.
func message(body []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	text := string(body)
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		text = said.Error
	}
	return gateway.OneLine(text, maxMessageBytes)
}
