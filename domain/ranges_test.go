package domain

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// setPair is a set, and the same one as a map: what it has to agree with.
type setPair struct {
	set   RangeSet
	model map[int]bool
}

// drawSet draws a set of small numbers, so that ranges touch and overlap.
func drawSet(t *rapid.T, label string) setPair {
	p := setPair{model: map[int]bool{}}
	for range rapid.IntRange(0, 12).Draw(t, label+" ranges") {
		first := rapid.IntRange(0, 60).Draw(t, label+" first")
		last := first + rapid.IntRange(-1, 8).Draw(t, label+" more")
		p.set.AddRange(first, last)
		for n := first; n <= last; n++ {
			p.model[n] = true
		}
	}
	return p
}

// require compares everything that a set says with the model.
func (p setPair) require(t *rapid.T) {
	want := slices.Sorted(maps.Keys(p.model))
	require.Equal(t, want, slices.Collect(p.set.All()))
	slices.Reverse(want)
	require.Equal(t, want, slices.Collect(p.set.Backward()))
	require.Equal(t, len(p.model), p.set.Count())
	require.Equal(t, len(p.model) == 0, p.set.Empty())
	require.Equal(t, len(p.model) == 0, p.set.IsZero())
	for n := -2; n < 75; n++ {
		require.Equal(t, p.model[n], p.set.Contains(n), n)
	}
	for i, s := range p.set.spans {
		require.LessOrEqual(t, s.first, s.last)
		require.True(t, i == 0 || p.set.spans[i-1].last+1 < s.first, "ranges neither touch nor overlap: %s", p.set)
	}
}

func TestARangeSetHoldsWhatAMapHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSet(t, "a"), drawSet(t, "b")
		a.require(t)

		first, last := rapid.IntRange(-3, 70).Draw(t, "from"), rapid.IntRange(-3, 70).Draw(t, "to")
		within := setPair{a.set.Within(first, last), maps.Clone(a.model)}
		maps.DeleteFunc(within.model, func(n int, _ bool) bool { return n < first || n > last })
		within.require(t)

		without := setPair{a.set.Without(b.set), maps.Clone(a.model)}
		maps.DeleteFunc(without.model, func(n int, _ bool) bool { return b.model[n] })
		without.require(t)

		union := setPair{a.set.Clone(), maps.Clone(a.model)}
		union.set.Union(b.set)
		maps.Copy(union.model, b.model)
		union.require(t)

		a.require(t) // the clone and the parts share nothing with it
		b.require(t)

		n := rapid.IntRange(0, 70).Draw(t, "n")
		a.set.Add(n)
		a.model[n] = true
		a.require(t)
	})
}

func TestARangeSetStopsYieldingWhenAsked(t *testing.T) {
	t.Parallel()
	set := NewRangeSet(3, 9)
	set.Add(20)
	for n := range set.All() {
		require.Equal(t, 3, n)
		break
	}
	for n := range set.Backward() {
		require.Equal(t, 20, n)
		break
	}
}

func TestARangeSetComesBackFromItsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawSet(t, "set")
		parsed, err := ParseRangeSet(p.set.String())
		require.NoError(t, err)
		setPair{parsed, p.model}.require(t)
		require.Equal(t, p.set.String(), parsed.String())

		var decoded RangeSet
		require.NoError(t, json.Unmarshal([]byte(encode(t, p.set)), &decoded))
		setPair{decoded, p.model}.require(t)
	})
}

func TestTheTextOfARangeSetIsReadInAnyOrderAndWrittenInOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                   "",
		"7":                  "7",
		"0-119,121":          "0-119,121",
		"5,3,4":              "3-5",
		"8-9,0-3,2-8":        "0-9",
		"1,1,1":              "1",
		"4-4":                "4",
		"10-20,5,22,21":      "5,10-22",
		"0-1,3-4,6-7,2,5":    "0-7",
		"100000-199999,0-10": "0-10,100000-199999",
		"16777214-16777215":  "16777214-16777215",
	} {
		set, err := ParseRangeSet(text)
		require.NoError(t, err, text)
		require.Equal(t, want, set.String())
		require.Equal(t, strconv.Quote(want), encode(t, set))
	}
}

func TestATextThatIsNoRangeSetIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		" ", ",", "1,", ",1", "1,,2", "a", "1-", "-1", "-", "1-2-3", "1--2", "--1", "5-3", "1.5", "0x10", "1e3", "1 - 2", " 1", "1_000",
		"99999999999999999999", "1;2", "+1", "1-+2", "０", "16777216", "0-16777216", "0-9223372036854775807", "1-a", "1-2,x",
	} {
		_, err := ParseRangeSet(text)
		require.Error(t, err, "%q", text)
		require.Error(t, json.Unmarshal([]byte(strconv.Quote(text)), new(RangeSet)), "%q", text)
	}
	for _, data := range []string{"1", "true", "{}", "[0]", `["0-1"]`} {
		require.Error(t, json.Unmarshal([]byte(data), new(RangeSet)), data)
	}
}

func TestARefusedTextLeavesTheSetAsItWas(t *testing.T) {
	t.Parallel()
	set := NewRangeSet(1, 3)
	require.Error(t, set.UnmarshalJSON([]byte(`"5,x"`)))
	require.Equal(t, "1-3", set.String())
}

func TestAHundredThousandTargetsDoneInOrderTakeAFewBytes(t *testing.T) {
	t.Parallel()
	var set RangeSet
	for n := range 100_000 {
		set.Add(n)
	}
	require.Equal(t, "0-99999", set.String())
	require.Equal(t, 100_000, set.Count())
	require.Len(t, set.spans, 1)
}

func BenchmarkAddOneHundredThousandInOrder(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var set RangeSet
		for n := range 100_000 {
			set.Add(n)
		}
	}
}

func BenchmarkAddOneHundredThousandEverySecond(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var set RangeSet
		for n := range 100_000 {
			set.Add(2 * n)
		}
	}
}
