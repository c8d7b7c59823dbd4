package lab

import (
	"cmp"
	"slices"
	"time"
)

// Median returns the middle value, or the mean of the two middle values. It is zero for no values.
func Median[T int64 | float64 | time.Duration](values []T) T {
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

// Percentile returns the smallest of the sorted values that at least perMille thousandths of them do not exceed
// (nearest rank). It is zero for no values.
func Percentile[T cmp.Ordered](sorted []T, perMille int) T {
	var zero T
	if len(sorted) == 0 {
		return zero
	}
	rank := (len(sorted)*perMille + 999) / 1000
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func Each[T, U any](values []T, take func(T) U) []U {
	taken := make([]U, len(values))
	for index, value := range values {
		taken[index] = take(value)
	}
	return taken
}
