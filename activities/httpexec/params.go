package httpexec

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/placeholder"
)

// Defaults and bounds of the parameters.
const (
	DefaultTimeout = 5 * time.Second
	MaxTimeout     = 10 * time.Minute
)

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// Headers that the executor sets itself, and those that Go would not send as
// they are given.
var reserved = []string{
	headerKey, headerFence,
	"Connection", "Content-Length", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// Params are the parameters of the executor http. In URL, Headers and Body,
// {{target}} stands for the target's name.
type Params struct {
	// Method is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in any case.
	// Empty: POST.
	Method string `json:"method,omitempty"`

	// URL is where the request goes; http or https. The target's name is
	// escaped for the path or the query; in the host it stands only where it
	// is a valid host name. Required.
	URL string `json:"url"`

	// Headers are sent along. The header Host sets the host that is asked for,
	// not the one that is connected to. Idempotency-Key and
	// Sluice-Fencing-Token are the executor's own.
	Headers map[string]string `json:"headers,omitempty"`

	// Body is sent as it is, with the target's name escaped as in a JSON
	// string where Content-Type is JSON or the body is valid JSON, and
	// unescaped elsewhere. A body that is valid JSON is sent as
	// application/json unless Content-Type is given.
	Body string `json:"body,omitempty"`

	// ExpectStatus lists the statuses that are a success, from 200 to 599.
	// Empty: any 2xx.
	ExpectStatus []int `json:"expectStatus,omitempty"`

	// Timeout is how long one request may take, with redirects and the answer
	// (of which at most 64 KiB are read); from 1ms to 10m. 0: 5s.
	Timeout domain.Duration `json:"timeout,omitempty"`
}

// Validate returns everything that is wrong with the parameters.
func (p Params) Validate() error {
	var faults []error
	if p.Method != "" && !slices.Contains(methods, strings.ToUpper(p.Method)) {
		faults = append(faults, activities.BadParam("method", "is %q, but has to be one of %s", p.Method, strings.Join(methods, ", ")))
	}
	if p.URL == "" {
		faults = append(faults, activities.BadParam("url", "is missing"))
	} else if err := placeholder.CheckURL(p.URL); err != nil {
		faults = append(faults, activities.BadParam("url", "%w", err))
	}
	faults = append(faults, checkHeaders(p.Headers))
	for i, status := range p.ExpectStatus {
		if status < 200 || status > 599 {
			faults = append(faults, activities.BadParam(fmt.Sprintf("expectStatus[%d]", i), "is %d, but a status is from 200 to 599", status))
		}
	}
	if timeout := time.Duration(p.Timeout); timeout != 0 && (timeout < time.Millisecond || timeout > MaxTimeout) {
		faults = append(faults, activities.BadParam("timeout", "is %s, but has to be from 1ms to %s", timeout, MaxTimeout))
	}
	return errors.Join(faults...)
}

func checkHeaders(headers map[string]string) error {
	if err := placeholder.CheckHeaders(headers); err != nil {
		return activities.BadParam("headers", "%w", err)
	}
	for name := range headers {
		if slices.Contains(reserved, http.CanonicalHeaderKey(name)) {
			return activities.BadParam("headers", "%s cannot be given, because the executor sets it", http.CanonicalHeaderKey(name))
		}
	}
	return nil
}

// withDefaults returns the parameters with what was left out filled in.
func (p Params) withDefaults() Params {
	p.Method = strings.ToUpper(p.Method)
	if p.Method == "" {
		p.Method = http.MethodPost
	}
	if p.Timeout == 0 {
		p.Timeout = domain.Duration(DefaultTimeout)
	}
	return p
}

// success reports whether the status is one that is wanted.
func (p Params) success(status int) bool {
	if len(p.ExpectStatus) == 0 {
		return status/100 == 2
	}
	return slices.Contains(p.ExpectStatus, status)
}

// body returns what is sent for a target.
func (p Params) body(target string) string {
	if p.isJSON() {
		return placeholder.JSON(p.Body, target)
	}
	return placeholder.Text(p.Body, target)
}

func (p Params) isJSON() bool {
	for name, value := range p.Headers {
		if http.CanonicalHeaderKey(name) != "Content-Type" {
			continue
		}
		media, _, err := mime.ParseMediaType(value)
		if err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
			return true
		}
	}
	return json.Valid([]byte(p.Body))
}
