package domain

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that reads and writes Go's text form ("90s").
// The zero value is no time at all, which plan files take for "not given".
type Duration time.Duration

// String returns Go's text form.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes Go's text form as a JSON string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads Go's text form; null is the same as a field left out.
func (d *Duration) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a duration is a text such as 90s or 1h, not %s", data)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no duration; write it as 90s, 5m or 1h", text)
	}
	*d = Duration(parsed)
	return nil
}

// Threshold is how many targets may fail: a number, or a percentage of a
// task's targets rounded down. The zero value tolerates none.
type Threshold struct {
	Count   int // targets; 0 or more
	Percent int // 0 to 100; used where Count is 0
}

// Of returns how many of total targets may fail.
func (t Threshold) Of(total int) int {
	if t.Percent > 0 {
		return total * t.Percent / 100
	}
	return t.Count
}

// MarshalJSON writes a number, or a text such as "10%".
func (t Threshold) MarshalJSON() ([]byte, error) {
	if t.Percent > 0 {
		return json.Marshal(strconv.Itoa(t.Percent) + "%")
	}
	return json.Marshal(t.Count)
}

// UnmarshalJSON reads a number, or a text such as "10%" or "5"; null is
// the same as a field left out.
func (t *Threshold) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	text := strings.Trim(string(data), `"`)
	digits, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || isPercent && n > 100 {
		return fmt.Errorf("%s is neither a number of targets such as 5 nor a percentage such as \"10%%\"", data)
	}
	*t = Threshold{Count: n}
	if isPercent {
		*t = Threshold{Percent: n}
	}
	return nil
}
