package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample() *report {
	return &report{Rounds: 3, Scale: 100, Server: "1.2.3", SDK: "4.5.6", Rows: []row{
		compare("tasks", "time of a task", "ms", []float64{21, 22, 23}, []float64{20, 20, 20}, atMost(1.05)),
		alone("targets", "100 targets", "targets/s", []float64{60_000}, atLeast(50_000)),
	}}
}

func TestTheTableShowsFiguresOfBothSidesTheRatioAndWhetherTheAimIsMet(t *testing.T) {
	t.Parallel()
	var table bytes.Buffer
	require.NoError(t, sample().writeTable(&table))
	require.Regexp(t, `(?m)^  time of a task, ms +20\.0 +22\.0 \[21\.5, 22\.5\] +1\.100 \[1\.075, 1\.125\] +at most 1\.050: MISSED$`, table.String())
	require.Regexp(t, `(?m)^  100 targets, targets/s +60000 +at least 50000: met$`, table.String())
	require.NotContains(t, table.String(), "a try")
}

func TestTheTableSaysWhereItIsNoMeasurement(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Scale = 5
	var table bytes.Buffer
	require.NoError(t, r.writeTable(&table))
	require.Contains(t, table.String(), "a try at 5 % of the usual work, no measurement")
}

func TestTheJSONHoldsWhatTheTableShows(t *testing.T) {
	t.Parallel()
	var encoded bytes.Buffer
	require.NoError(t, sample().writeJSON(&encoded))
	var decoded report
	require.NoError(t, json.Unmarshal(encoded.Bytes(), &decoded))
	require.Equal(t, *sample(), decoded)
}
