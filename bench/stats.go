package main

import (
	"math"
	"slices"
)

// spread is what a series of measurements says: its median and quartiles.
// The zero value is that of no measurement.
type spread struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// spreadOf sums up a series in any order.
func spreadOf(series []float64) spread {
	if len(series) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(series))
	return spread{
		Median: quantile(sorted, 0.5), Q1: quantile(sorted, 0.25), Q3: quantile(sorted, 0.75),
		Min: sorted[0], Max: sorted[len(sorted)-1], N: len(sorted),
	}
}

// quantile returns the value below which the share q of a sorted series lies,
// from 0 to 1, interpolated between its neighbours.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	below := int(math.Floor(at))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// ratios divides two series of the same rounds, round by round.
func ratios(ours, bare []float64) []float64 {
	each := make([]float64, min(len(ours), len(bare)))
	for i := range each {
		each[i] = ours[i] / bare[i]
	}
	return each
}

// quantileOf is quantile of a series in any order, which is not empty.
func quantileOf(series []float64, q float64) float64 {
	return quantile(slices.Sorted(slices.Values(series)), q)
}
