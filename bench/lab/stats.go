package lab

import (
	"cmp"
	"math/rand/v2"
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

// Each takes something of each value.
func Each[T, U any](values []T, take func(T) U) []U {
	taken := make([]U, len(values))
	for index, value := range values {
		taken[index] = take(value)
	}
	return taken
}

// Interval is an estimate and the range in which it lies in 95 of 100 repetitions of the same measurement.
type Interval struct{ Estimate, Low, High float64 }

// Bootstrap estimates what a function makes of rounds, and how much that owes to which rounds there were: it draws as
// many of them again, a thousand times, and leaves out the outermost 25 results at each end. The rounds of all that
// is compared are drawn together, so that what slowed a whole round cancels out.
func Bootstrap(rounds int, of func(round []int) float64) Interval {
	drawn := make([]int, rounds)
	for index := range drawn {
		drawn[index] = index
	}
	made := Interval{Estimate: of(drawn)}
	random := rand.New(rand.NewPCG(1, 2))
	results := make([]float64, 1000)
	for index := range results {
		for at := range drawn {
			drawn[at] = random.IntN(rounds)
		}
		results[index] = of(drawn)
	}
	slices.Sort(results)
	made.Low, made.High = Percentile(results, 25), Percentile(results, 975)
	return made
}
