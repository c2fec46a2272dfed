package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASpreadIsTheMedianAndTheQuartilesOfASeriesInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		series []float64
		want   spread
	}{
		"none":                   {nil, spread{}},
		"one":                    {[]float64{7}, spread{7, 7, 7, 7, 7, 1}},
		"between two":            {[]float64{4, 2}, spread{3, 2.5, 3.5, 2, 4, 2}},
		"five, in any order":     {[]float64{50, 10, 40, 20, 30}, spread{30, 20, 40, 10, 50, 5}},
		"one far off moves none": {[]float64{1, 2, 3, 4, 1000}, spread{3, 2, 4, 1, 1000, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, spreadOf(c.series))
		})
	}
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	t.Parallel()
	// The machine was slow in the second round, for both alike.
	require.Equal(t, []float64{1.5, 1.5}, ratios([]float64{3, 30}, []float64{2, 20}))
}
