package main

import (
	"cmp"
	"slices"
	"time"
)

// median returns the middle value, or the mean of the two middle values. It is zero for no values.
func median[T int64 | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile returns the smallest of the sorted values that at least perMille thousandths of them do not exceed
// (nearest rank). It is zero for no values.
func percentile[T cmp.Ordered](sorted []T, perMille int) T {
	var zero T
	if len(sorted) == 0 {
		return zero
	}
	rank := (len(sorted)*perMille + 999) / 1000
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// growth returns by what part the last sample exceeds the one taken half-way, by when pools and caches have reached
// their size. It is zero for fewer than two samples.
func growth(samples []int64) float64 {
	if len(samples) < 2 {
		return 0
	}
	settled := samples[len(samples)/2-1]
	if settled == 0 {
		return 0
	}
	return float64(samples[len(samples)-1])/float64(settled) - 1
}
