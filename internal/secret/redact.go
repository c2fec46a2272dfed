package secret

import (
	"errors"
	"slices"
	"strings"
	"sync"
)

// Mask stands where a secret stood.
const Mask = "***"

// Redactor takes the values of secrets out of texts. The zero value knows none
// and is ready for use, from several goroutines.
type Redactor struct {
	mu     sync.RWMutex
	values []string // longest first, so that none is left in part
}

// Add makes further values secret. Empty ones are left out.
func (r *Redactor) Add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, value := range values {
		if value != "" && !slices.Contains(r.values, value) {
			r.values = append(r.values, value)
		}
	}
	slices.SortStableFunc(r.values, func(a, b string) int { return len(b) - len(a) })
}

// Text returns the text with Mask in the place of each secret.
func (r *Redactor) Text(text string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, value := range r.values {
		text = strings.ReplaceAll(text, value, Mask)
	}
	return text
}

// Error returns err with its text redacted; nil for nil. errors.Is and
// errors.As still find what err wraps, but errors.Unwrap does not: Temporal
// records the text of every error in the chain.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	return &redactedError{text: r.Text(err.Error()), err: err}
}

type redactedError struct {
	text string
	err  error // not unwrapped, for its text holds the secret
}

func (e *redactedError) Error() string { return e.text }

// Is lets errors.Is look at what was redacted.
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }

// As lets errors.As find what was redacted. What it finds has its own text:
// take its kind, not its words.
func (e *redactedError) As(target any) bool { return errors.As(e.err, target) }
