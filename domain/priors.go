package domain

import (
	"encoding/json"
	"fmt"
	"iter"
)

// Prior is what stood at a target before a task changed it. Absent says that
// nothing stood there, which is something else than a null value.
type Prior struct {
	Value  json.RawMessage `json:"value,omitempty"` // the executor's form, compact JSON
	Absent bool            `json:"absent,omitempty"`
}

// PriorGroup is one prior value and the targets at which it stood.
type PriorGroup struct {
	Prior
	Targets RangeSet `json:"targets"`
}

// Priors holds the prior values of targets, grouped by value, since thousands
// of targets mostly stand at a handful of values. A value that was recorded
// is never changed. The zero value is empty; in JSON it is a list of groups.
type Priors struct {
	groups   []PriorGroup
	byTarget map[int]int    // target → group
	byValue  map[string]int // value → group; absent is the empty text
	size     int
}

// What a group and a range take in JSON beside the value, in bytes: names and
// punctuation, and two numbers of five to six digits.
const (
	groupBytes = 24
	rangeBytes = 13
)

// Record notes what stood at a target, unless something is noted already:
// a later read would take our own change for the old value.
func (p *Priors) Record(target int, prior Prior) { p.put(target, prior.canonical()) }

// put is Record for a value that is in its canonical form.
func (p *Priors) put(target int, prior Prior) {
	if _, ok := p.byTarget[target]; ok {
		return
	}
	if p.byTarget == nil {
		p.byTarget, p.byValue = map[int]int{}, map[string]int{}
	}
	key := prior.key()
	group, ok := p.byValue[key]
	if !ok {
		group = len(p.groups)
		p.groups = append(p.groups, PriorGroup{Prior: prior})
		p.byValue[key] = group
		p.size += groupBytes + len(prior.Value)
	}
	ranges := len(p.groups[group].Targets.spans)
	p.groups[group].Targets.Add(target)
	p.size += rangeBytes * (len(p.groups[group].Targets.spans) - ranges)
	p.byTarget[target] = group
}

// canonical returns the prior value as JSON will write it, so that the same
// value stands in one group, before and after it has travelled, and counts
// with the bytes that it takes there. A value left empty is null.
func (p Prior) canonical() Prior {
	if p.Absent {
		return Prior{Absent: true}
	}
	if len(p.Value) == 0 {
		return Prior{Value: json.RawMessage("null")}
	}
	data, err := json.Marshal(p.Value)
	if err != nil {
		return p // no JSON; whoever reads prior values checks them
	}
	return Prior{Value: data}
}

// key is a text that only the same prior value has.
func (p Prior) key() string {
	if p.Absent {
		return ""
	}
	return string(p.Value)
}

// Get returns what stood at a target, and whether that was recorded.
func (p *Priors) Get(target int) (Prior, bool) {
	group, ok := p.byTarget[target]
	if !ok {
		return Prior{}, false
	}
	return p.groups[group].Prior, true
}

// Count returns at how many targets a value was recorded.
func (p *Priors) Count() int { return len(p.byTarget) }

// Size returns about how many bytes the table takes in JSON.
func (p *Priors) Size() int { return p.size }

// Groups returns the values in the order in which they were first recorded.
func (p *Priors) Groups() []PriorGroup { return p.groups }

// Union records what other holds and this lacks.
func (p *Priors) Union(other *Priors) {
	for _, group := range other.groups {
		for target := range group.Targets.All() {
			p.put(target, group.Prior)
		}
	}
}

// Within returns the values recorded from target first to last.
func (p *Priors) Within(first, last int) Priors {
	var part Priors
	for _, group := range p.groups {
		targets := group.Targets.Within(first, last)
		for target := range targets.All() {
			part.put(target, group.Prior)
		}
	}
	return part
}

// IsZero makes the option omitzero leave an empty table out.
func (p Priors) IsZero() bool { return len(p.groups) == 0 }

// MarshalJSON writes the groups. It does so by hand, for a checkpoint with
// thousands of them is saved before each change where an executor reads prior
// values one by one; they are in their canonical form already.
func (p Priors) MarshalJSON() ([]byte, error) {
	if p.groups == nil {
		return []byte("null"), nil
	}
	b := make([]byte, 0, p.size+2)
	b = append(b, '[')
	for i, group := range p.groups {
		if i > 0 {
			b = append(b, ',')
		}
		if group.Absent {
			b = append(b, `{"absent":true,"targets":"`...)
		} else {
			b = append(b, `{"value":`...)
			b = append(b, group.Value...)
			b = append(b, `,"targets":"`...)
		}
		b = group.Targets.appendText(b)
		b = append(b, `"}`...)
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads the groups; a target that stands in two of them keeps
// the first.
func (p *Priors) UnmarshalJSON(data []byte) error {
	var groups []PriorGroup
	if err := json.Unmarshal(data, &groups); err != nil {
		return fmt.Errorf("reading prior values: %w", err)
	}
	*p = Priors{}
	for _, group := range groups {
		if !group.Absent && len(group.Value) == 0 {
			return fmt.Errorf("reading the prior value of the targets %s: it is neither given nor absent", group.Targets)
		}
		group.Prior = group.canonical()
		for target := range group.Targets.All() {
			p.put(target, group.Prior)
		}
	}
	return nil
}

// targets yields the targets with a recorded value, group by group.
func (p *Priors) targets() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, group := range p.groups {
			for target := range group.Targets.All() {
				if !yield(target) {
					return
				}
			}
		}
	}
}
