package httpexec

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
)

const (
	maxExcerptBytes = 200 // of an answer's body, in an error
	minSecretBytes  = 6   // shorter texts stand in many answers and hide nothing
)

// Headers whose values are not secret.
var public = []string{"Accept", "Accept-Language", "Content-Type", "User-Agent", headerKey, headerFence}

// excerpt returns the beginning of an answer's body on one line. Servers often
// repeat what they were sent, so the values of the task's headers are taken
// out of it, and so is each word of them.
func (r *requester) excerpt(body string, request *http.Request) string {
	for _, secret := range secrets(request.Header) {
		body = strings.ReplaceAll(body, secret, "***")
	}
	isGap := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	text := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(body, ""), isGap), " ")
	switch {
	case text == "":
		return "(no body)"
	case len(text) > maxExcerptBytes:
		return strings.ToValidUTF8(text[:maxExcerptBytes], "") + "…"
	}
	return text
}

// secrets returns the values of the headers that may be secret, and their
// words, longest first.
func secrets(headers http.Header) []string {
	var found []string
	for name, values := range headers {
		if slices.Contains(public, name) {
			continue
		}
		for _, value := range values {
			found = append(append(found, value), strings.FieldsFunc(value, isSeparator)...)
		}
	}
	found = slices.DeleteFunc(found, func(s string) bool { return len(s) < minSecretBytes })
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}

func isSeparator(r rune) bool { return unicode.IsSpace(r) || r == ';' || r == ',' || r == '"' }
