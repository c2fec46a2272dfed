package domain

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// span is the whole numbers from first to last, both included.
type span struct{ first, last int }

// RangeSet is a set of whole numbers not below 0, kept as sorted ranges that
// neither touch nor overlap, so that 100,000 targets worked off in order take
// a few bytes. Its text form, also in JSON, is "0-119,121": readable for
// people and easy to parse in any language. The zero value is the empty set.
type RangeSet struct {
	spans []span
	count int
}

// NewRangeSet returns the set of the numbers from first to last, both
// included; it is empty where last is below first.
func NewRangeSet(first, last int) RangeSet {
	var r RangeSet
	r.AddRange(first, last)
	return r
}

// Count returns how many numbers the set holds.
func (r *RangeSet) Count() int { return r.count }

// Empty reports whether the set holds nothing.
func (r *RangeSet) Empty() bool { return r.count == 0 }

// Add puts n into the set.
func (r *RangeSet) Add(n int) { r.AddRange(n, n) }

// AddRange puts the numbers from first to last into the set, both included.
func (r *RangeSet) AddRange(first, last int) {
	if last < first {
		return
	}
	// lo is the first span that touches or follows the new one, hi the first
	// one wholly behind it; what lies between is merged.
	lo := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].last >= first-1 })
	hi := lo
	for hi < len(r.spans) && r.spans[hi].first <= last+1 {
		first, last = min(first, r.spans[hi].first), max(last, r.spans[hi].last)
		r.count -= r.spans[hi].last - r.spans[hi].first + 1
		hi++
	}
	r.spans = slices.Replace(r.spans, lo, hi, span{first, last})
	r.count += last - first + 1
}

// Union puts every number of other into the set.
func (r *RangeSet) Union(other RangeSet) {
	for _, s := range other.spans {
		r.AddRange(s.first, s.last)
	}
}

// Contains reports whether n is in the set.
func (r *RangeSet) Contains(n int) bool {
	i := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].last >= n })
	return i < len(r.spans) && r.spans[i].first <= n
}

// Within returns the part of the set from first to last, both included.
func (r *RangeSet) Within(first, last int) RangeSet {
	var part RangeSet
	for _, s := range r.spans {
		part.AddRange(max(s.first, first), min(s.last, last))
	}
	return part
}

// Without returns the set less every number of other.
func (r *RangeSet) Without(other RangeSet) RangeSet {
	var rest RangeSet
	i := 0
	for _, s := range r.spans {
		at := s.first
		for i < len(other.spans) && other.spans[i].last < at {
			i++
		}
		for j := i; j < len(other.spans) && other.spans[j].first <= s.last; j++ {
			rest.AddRange(at, other.spans[j].first-1)
			at = other.spans[j].last + 1
		}
		rest.AddRange(at, s.last)
	}
	return rest
}

// Clone returns a copy that shares nothing with the set.
func (r *RangeSet) Clone() RangeSet {
	return RangeSet{spans: slices.Clone(r.spans), count: r.count}
}

// All yields the numbers in ascending order.
func (r *RangeSet) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, s := range r.spans {
			for n := s.first; n <= s.last; n++ {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// Backward yields the numbers in descending order.
func (r *RangeSet) Backward() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, s := range slices.Backward(r.spans) {
			for n := s.last; n >= s.first; n-- {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// String returns the text form, as in "0-119,121".
func (r RangeSet) String() string { return string(r.appendText(nil)) }

// appendText appends the text form, which is the same within a JSON string.
func (r RangeSet) appendText(b []byte) []byte {
	for i, s := range r.spans {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(s.first), 10)
		if s.last > s.first {
			b = append(b, '-')
			b = strconv.AppendInt(b, int64(s.last), 10)
		}
	}
	return b
}

// MarshalJSON writes the text form as a JSON string.
func (r RangeSet) MarshalJSON() ([]byte, error) {
	return append(r.appendText([]byte{'"'}), '"'), nil
}

// IsZero makes the option omitzero leave an empty set out.
func (r RangeSet) IsZero() bool { return r.count == 0 }

// UnmarshalJSON reads the text form; the ranges may come in any order.
func (r *RangeSet) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a set of ranges is a text as in \"0-119,121\": %w", err)
	}
	parsed, err := ParseRangeSet(text)
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// numberBits bounds the numbers of a text, which may come from an executor in
// any language, to 16,777,215: more targets than a plan can name, and few
// enough that nobody counts through them for ever.
const numberBits = 24

// ParseRangeSet reads the text form; the ranges may come in any order.
func ParseRangeSet(text string) (RangeSet, error) {
	var r RangeSet
	if text == "" {
		return r, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, numberBits)
		last, err2 := strconv.ParseUint(to, 10, numberBits)
		if err1 != nil || err2 != nil || last < first {
			return RangeSet{}, fmt.Errorf("%q is no range of whole numbers as in 0-119", part)
		}
		r.AddRange(int(first), int(last))
	}
	return r, nil
}
