// Package placeholder writes a target's name where a plan's parameters say
// {{target}}, escaped for the place where it stands, so that a target's name
// can never change what a request means.
package placeholder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"unicode"
)

// Target is what stands for the target's name in a text.
const Target = "{{target}}"

// sample is a target's name that is allowed in every place; texts are checked
// with it before there is a target.
const sample = "t"

// Text returns the text with the target's name as it is.
func Text(text, target string) string { return strings.ReplaceAll(text, Target, target) }

// JSON returns the text with the target's name escaped as within the quotes of
// a JSON string.
func JSON(text, target string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(target); err != nil { // a string always encodes
		return strings.ReplaceAll(text, Target, "")
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(quoted.String()), `"`), `"`)
	return strings.ReplaceAll(text, Target, inner)
}

// Header returns the header value with the target's name. It refuses control
// characters, which would end the header and begin another.
func Header(value, target string) (string, error) {
	text := Text(value, target)
	if strings.ContainsFunc(text, isControl) {
		return "", fmt.Errorf("target %q cannot stand in a header, because it has control characters", target)
	}
	return text, nil
}

// SetHeaders sets headers with the target's name in them. The header Host sets
// the host that the request asks for, where the target's name may stand only
// where it is a valid host name.
func SetHeaders(request *http.Request, headers map[string]string, target string) error {
	for name, value := range headers {
		text, err := Header(value, target)
		if err != nil {
			return err
		}
		if textproto.CanonicalMIMEHeaderKey(name) != "Host" {
			request.Header.Set(name, text)
			continue
		}
		if strings.Contains(value, Target) && !IsHostName(target) {
			return fmt.Errorf("target %q cannot stand in the header Host, because it is no host name", target)
		}
		request.Host = text
	}
	return nil
}

// CheckHeaders returns what is wrong with the names and values of headers, nil
// where nothing is. Values are never part of the error, for they may be secret.
func CheckHeaders(headers map[string]string) error {
	seen := make(map[string]string, len(headers))
	for name, value := range headers {
		if !isToken(name) {
			return fmt.Errorf("%q is no name of a header", name)
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if other, twice := seen[canonical]; twice {
			return fmt.Errorf("the header %s stands twice, as %q and as %q", canonical, min(name, other), max(name, other))
		}
		seen[canonical] = name
		if strings.ContainsFunc(value, isControl) {
			return fmt.Errorf("the value of the header %s has control characters", canonical)
		}
	}
	return nil
}

func isControl(r rune) bool { return r != '\t' && unicode.IsControl(r) }

// isToken reports whether the name is what RFC 9110 calls a token.
func isToken(name string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	for _, r := range name {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(marks, r) {
			return false
		}
	}
	return name != ""
}
