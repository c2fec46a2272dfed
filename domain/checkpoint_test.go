package domain

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func value(text string) Prior { return Prior{Value: json.RawMessage(text)} }

var absent = Prior{Absent: true}

// prior returns what is recorded of a target, as text: "absent", or the JSON,
// or "" where nothing is recorded.
func prior(p *Priors, target int) string {
	got, ok := p.Get(target)
	switch {
	case !ok:
		return ""
	case got.Absent:
		return "absent"
	}
	return string(got.Value)
}

func TestAPriorValueIsWrittenOnce(t *testing.T) {
	t.Parallel()
	for _, first := range []Prior{value(`"blue"`), value("null"), absent} {
		for _, later := range []Prior{value(`"green"`), value("null"), absent, value(`"blue"`)} {
			var p Priors
			p.Record(4, first)
			want := prior(&p, 4)
			p.Record(4, later)
			require.Equal(t, want, prior(&p, 4))

			var other Priors
			other.Record(4, later)
			other.Record(5, later)
			p.Union(&other)
			require.Equal(t, want, prior(&p, 4), "a union keeps what is known")
			require.Equal(t, prior(&other, 5), prior(&p, 5), "and takes what is not")
			require.Equal(t, 2, p.Count())
		}
	}
}

func TestPriorValuesAreGroupedByValue(t *testing.T) {
	t.Parallel()
	var p Priors
	for target := range 3000 {
		p.Record(target, value(fmt.Sprintf(`"pool-%d"`, target/1000)))
	}
	p.Record(3000, absent)
	p.Record(3001, value("null"))
	p.Record(3002, absent)
	require.Equal(t, 3003, p.Count())
	require.Len(t, p.Groups(), 5)
	require.JSONEq(t, `[
		{"value": "pool-0", "targets": "0-999"},
		{"value": "pool-1", "targets": "1000-1999"},
		{"value": "pool-2", "targets": "2000-2999"},
		{"absent": true, "targets": "3000,3002"},
		{"value": null, "targets": "3001"}
	]`, encode(t, p))
}

func TestAnAbsentPriorValueIsSomethingElseThanNull(t *testing.T) {
	t.Parallel()
	var p, back Priors
	p.Record(0, absent)
	p.Record(1, value("null"))
	require.NoError(t, json.Unmarshal([]byte(encode(t, p)), &back))
	for _, table := range []*Priors{&p, &back} {
		require.Equal(t, "absent", prior(table, 0))
		require.Equal(t, "null", prior(table, 1))
		require.Equal(t, "", prior(table, 2))
		require.Len(t, table.Groups(), 2)
	}
}

func TestAPriorValueIsKeptAsCompactJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{ \"a\" : [ 1,\n 2 ] }": `{"a":[1,2]}`,
		` "blue" `:               `"blue"`,
		`1e400`:                  `1e400`,
		`12345678901234567890`:   `12345678901234567890`,
		`{"b":1,"a":2,"b":3}`:    `{"b":1,"a":2,"b":3}`,
		`"<a href=\"x\">&</a>"`:  `"\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e"`, // as encoding/json writes it
		"":                       "null",
	} {
		var p, back Priors
		p.Record(0, value(text))
		require.Equal(t, want, prior(&p, 0))
		require.NoError(t, json.Unmarshal([]byte(encode(t, p)), &back))
		require.Equal(t, want, prior(&back, 0), "and the same after it has travelled")
		back.Record(1, value(text))
		require.Len(t, back.Groups(), 1, "the same value stands in one group before and after")
	}
}

func TestTheSizeOfPriorValuesIsNotUnderrated(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(i int) Prior{
		"one value":           func(int) Prior { return value(`"blue"`) },
		"five values":         func(i int) Prior { return value(fmt.Sprintf(`"pool-%d"`, i%5)) },
		"all different":       func(i int) Prior { return value(fmt.Sprintf(`"pool-%d"`, i)) },
		"markup, escaped":     func(i int) Prior { return value(fmt.Sprintf(`"%s%d"`, strings.Repeat("<", 40), i)) },
		"absent every second": func(i int) Prior { return map[int]Prior{0: absent, 1: value("1")}[i%2] },
	} {
		var p Priors
		for target := range 5000 {
			p.Record(target, of(target))
		}
		require.GreaterOrEqual(t, p.Size()+2, len(encode(t, p)), name)
	}
}

func TestPriorValuesComeBackFromJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p, back Priors
		model := map[int]string{}
		for range rapid.IntRange(0, 40).Draw(t, "count") {
			target := rapid.IntRange(0, 30).Draw(t, "target")
			p.Record(target, drawPrior(t))
			if _, known := model[target]; !known {
				model[target] = prior(&p, target)
			}
		}
		text := encode(t, p)
		require.Equal(t, encode(t, p.Groups()), text, "it is written by hand as encoding/json would write it")
		require.NoError(t, json.Unmarshal([]byte(text), &back))
		require.Equal(t, len(model) == 0, p.IsZero())
		require.Equal(t, text, encode(t, back))
		require.Equal(t, p.Size(), back.Size())

		first, last := rapid.IntRange(0, 30).Draw(t, "first"), rapid.IntRange(0, 30).Draw(t, "last")
		part := p.Within(first, last)
		inside := 0
		for target := range 31 {
			require.Equal(t, model[target], prior(&p, target))
			require.Equal(t, model[target], prior(&back, target))
			if first <= target && target <= last {
				require.Equal(t, model[target], prior(&part, target))
				if model[target] != "" {
					inside++
				}
			}
		}
		require.Equal(t, inside, part.Count())
		require.Equal(t, len(model), p.Count())
	})
}

func TestPriorValuesThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `"x"`, `[{"targets":"0"}]`, `[{"value":1,"targets":"x"}]`, `[{"value":1,"targets":5}]`,
		`[{"value":1,"targets":"0-99999999999999"}]`,
	} {
		require.Error(t, json.Unmarshal([]byte(text), new(Priors)), text)
	}
	var p Priors
	require.NoError(t, json.Unmarshal([]byte(`[{"value":1,"targets":"0-2"},{"value":2,"targets":"2-3"}]`), &p))
	require.Equal(t, "1", prior(&p, 2), "a target in two groups keeps the first")
	require.NoError(t, json.Unmarshal([]byte(`null`), &p))
	require.Zero(t, p.Count())
}

// checkpointOf returns a checkpoint of a slice, from texts of its sets.
func checkpointOf(t *testing.T, first, last int, done, failed, batch string) Checkpoint {
	t.Helper()
	c := Checkpoint{Format: CheckpointFormat, First: first, Last: last, CreatedAt: noon}
	for text, set := range map[*RangeSet]string{&c.Done: done, &c.Failed: failed, &c.Batch: batch} {
		parsed, err := ParseRangeSet(set)
		require.NoError(t, err)
		*text = parsed
	}
	return c
}

func TestACheckpointAbsorbsWhatASliceReports(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                string
		was                 [3]string // done, failed, batch
		first, last         int
		slice               [3]string
		done, failed, batch string
	}{
		{"the first report", [3]string{}, 0, 9, [3]string{"0-3", "4", "5-6"}, "0-3", "4", "5-6"},
		{"what is done stays done", [3]string{"0-3", "", ""}, 0, 9, [3]string{"5", "", ""}, "0-3,5", "", ""},
		{"a batch that is over goes", [3]string{"", "", "5-6"}, 0, 9, [3]string{"5-6", "", ""}, "5-6", "", ""},
		{"another slice's batch stays", [3]string{"", "", "15"}, 0, 9, [3]string{"", "", "1"}, "", "", "1,15"},
		{"another slice's failures stay", [3]string{"", "12", ""}, 0, 9, [3]string{"", "2", ""}, "", "2,12", ""},
		{"a failed target that is done later is not failed", [3]string{"", "2-3", ""}, 0, 9, [3]string{"2", "3", ""}, "2", "3", ""},
		{"a done target cannot fail", [3]string{"2", "", ""}, 0, 9, [3]string{"", "2-3", ""}, "2", "3", ""},
		{"what lies outside the slice is none of its business", [3]string{"", "11", "12"}, 0, 9, [3]string{"9-20", "15", "12-13"}, "9", "11", "12"},
		{"a slice that reports nothing", [3]string{"1", "2", "3"}, 10, 19, [3]string{"", "", ""}, "1", "2", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			whole := checkpointOf(t, 0, 19, c.was[0], c.was[1], c.was[2])
			slice := checkpointOf(t, c.first, c.last, c.slice[0], c.slice[1], c.slice[2])
			slice.Step, slice.CreatedAt = "SWITCH_GATEWAY", noon.Add(time.Minute)
			before := encode(t, slice)
			whole.Absorb(slice)
			require.Equal(t, c.done, whole.Done.String(), "done")
			require.Equal(t, c.failed, whole.Failed.String(), "failed")
			require.Equal(t, c.batch, whole.Batch.String(), "batch")
			require.Equal(t, "SWITCH_GATEWAY", whole.Step)
			require.Equal(t, noon.Add(time.Minute), whole.CreatedAt)
			require.Equal(t, 0, whole.First)
			require.Equal(t, 19, whole.Last)
			whole.Done.AddRange(0, 19)
			whole.Failed.AddRange(0, 19)
			require.Equal(t, before, encode(t, slice), "the slice's checkpoint shares nothing with the task's")
		})
	}
}

func TestACheckpointKeepsThePriorValuesThatItKnows(t *testing.T) {
	t.Parallel()
	whole, slice := checkpointOf(t, 0, 9, "", "", ""), checkpointOf(t, 0, 4, "", "", "")
	whole.Prior.Record(1, value(`"blue"`))
	slice.Prior.Record(1, value(`"green"`))
	slice.Prior.Record(2, absent)
	slice.Prior.Record(7, value(`"outside"`))
	whole.Absorb(slice)
	require.Equal(t, `"blue"`, prior(&whole.Prior, 1))
	require.Equal(t, "absent", prior(&whole.Prior, 2))
	require.Equal(t, "", prior(&whole.Prior, 7))
}

func TestACheckpointListsTheFirstTwentyFailuresOnceAndBounded(t *testing.T) {
	t.Parallel()
	whole := checkpointOf(t, 0, 99, "", "", "")
	for range 2 {
		slice := checkpointOf(t, 0, 99, "", "", "")
		for i := range 30 {
			slice.Failures = append(slice.Failures, FailureInfo{
				Category: CategoryTechnical, ErrorCode: "HTTP", Target: fmt.Sprintf("tenant-%d", i),
				Reason: strings.Repeat("ä", 10_000), Timestamp: noon.In(time.FixedZone("east", 3600)),
			})
		}
		whole.Absorb(slice)
	}
	require.Len(t, whole.Failures, MaxListedFailures)
	for i, f := range whole.Failures {
		require.Equal(t, fmt.Sprintf("tenant-%d", i), f.Target)
		require.LessOrEqual(t, len(f.Reason), 500)
		require.True(t, strings.HasSuffix(f.Reason, "ä…"), "cut at a rune's border")
		require.Equal(t, noon, f.Timestamp)
	}
}

func TestPartsOfACheckpointMakeTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		done, failed, batch := drawSet(t, "done").set, drawSet(t, "failed").set, drawSet(t, "batch").set
		c := Checkpoint{Format: CheckpointFormat, Step: "S", Wave: 3, Last: 99, Done: done, Failed: failed.Without(done), Batch: batch, CreatedAt: noon}
		for target := range done.All() {
			c.Prior.Record(target, drawPrior(t))
		}
		var back Checkpoint
		require.NoError(t, json.Unmarshal([]byte(encode(t, c)), &back))
		require.Equal(t, encode(t, c), encode(t, back))

		cutAt := rapid.IntRange(0, 98).Draw(t, "cut")
		whole := Checkpoint{Format: CheckpointFormat, Last: 99}
		for _, s := range []Slice{{Index: 1, First: cutAt + 1, Last: 99}, {First: 0, Last: cutAt}} {
			part := back.Of(s)
			require.Equal(t, s.First, part.First)
			require.Equal(t, s.Last, part.Last)
			require.Equal(t, part.Done.Within(s.First, s.Last).String(), part.Done.String())
			whole.Absorb(*part)
		}
		require.Equal(t, c.Done.String(), whole.Done.String())
		require.Equal(t, c.Failed.String(), whole.Failed.String())
		require.Equal(t, c.Batch.String(), whole.Batch.String())
		for target := range 100 {
			require.Equal(t, prior(&c.Prior, target), prior(&whole.Prior, target))
		}
	})
}

func TestNothingReportedIsNothingOfASlice(t *testing.T) {
	t.Parallel()
	var none *Checkpoint
	require.Nil(t, none.Of(Slice{Last: 5}))
}

func TestACheckpointOfAnotherFormatIsRefused(t *testing.T) {
	t.Parallel()
	require.NoError(t, (&Checkpoint{Format: 1}).Check())
	for _, format := range []int{-1, 0, 2, 99} {
		require.ErrorContains(t, (&Checkpoint{Format: format}).Check(), fmt.Sprintf("format %d, but this worker reads format 1", format))
	}
}

func TestAFullCheckpointInTheWorstPatternFits(t *testing.T) {
	t.Parallel()
	c := Checkpoint{Format: CheckpointFormat, Step: "SWITCH_GATEWAY", First: 95_000, Last: 99_999, CreatedAt: noon}
	for i := range MaxSliceTargets {
		target := c.First + i
		c.Prior.Record(target, value(fmt.Sprintf(`"pool-%d"`, i%5)))
		if i%2 == 0 {
			c.Done.Add(target)
		} else {
			c.Failed.Add(target)
		}
	}
	for i := range MaxListedFailures {
		c.Failures = append(c.Failures, FailureInfo{Category: CategoryExecutor, ErrorCode: "X", Reason: strings.Repeat("x", 500), Target: fmt.Sprint(i)})
	}
	require.Len(t, c.Prior.Groups(), 5)
	require.Less(t, len(encode(t, c)), 256<<10)
	require.Equal(t, 256<<10, MaxCheckpointBytes)
}

func TestAHundredThousandDoneTargetsTakeAFewBytesInACheckpoint(t *testing.T) {
	t.Parallel()
	c := Checkpoint{Format: CheckpointFormat, Last: 99_999, Done: NewRangeSet(0, 99_999), CreatedAt: noon}
	for target := range 100_000 {
		c.Prior.Record(target, value(`"blue"`))
	}
	require.Less(t, len(encode(t, c)), 300)
}
