package caddy

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"unicode"
)

// Error codes of this executor.
const (
	CodeUnreachable   = "GATEWAY_UNREACHABLE" // no answer, or one that says to come again
	CodeBusy          = "GATEWAY_BUSY"        // others change the map faster than we do
	CodeRefused       = "GATEWAY_REFUSED"     // Caddy does not take the request
	CodeUnsupported   = "GATEWAY_UNSUPPORTED" // Caddy lacks what safe changes need
	CodeUnknownMap    = "UNKNOWN_MAP"         // there is no object with the @id
	CodeBadMap        = "BAD_MAP"             // the object is no map that can be changed
	CodeUnknownTarget = "UNKNOWN_TARGET"      // the target has no mapping
	CodeDuplicate     = "DUPLICATE_MAPPING"   // the target has several mappings
	CodeShadowed      = "SHADOWED_MAPPING"    // another mapping matches before the target's own
	CodeDrift         = "DRIFT"               // somebody else has changed the mapping
	CodeNotSwitched   = "ROUTE_NOT_SWITCHED"  // the route is not what it was changed to
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
	return oneLine(text, maxMessageBytes)
}

// oneLine returns at most n bytes of the text, each blank or control character
// run as one blank.
func oneLine(text string, n int) string {
	cut := len(text) > n
	text = strings.ToValidUTF8(text[:min(len(text), n)], "")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	switch {
	case text == "":
		return "(nothing)"
	case cut:
		return text + "…"
	}
	return text
}

// withoutURL takes the URL out of an error of package http; the caller says
// better where it went, and the URL may hold secrets.
func withoutURL(err error) error {
	var fault *url.Error
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}
