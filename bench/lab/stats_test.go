package lab

import (
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []int64
		want   int64
	}{
		{nil, 0},
		{[]int64{7}, 7},
		{[]int64{9, 1, 5}, 5},
		{[]int64{4, 1, 3, 2}, 2},
		{[]int64{1, 1, 1, 1000}, 1},
	} {
		if got := Median(test.values); got != test.want {
			t.Errorf("Median(%v) = %d, want %d", test.values, got, test.want)
		}
	}
	values := []time.Duration{3, 1, 2}
	if Median(values); values[0] != 3 {
		t.Error("Median reorders its input")
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for index := range hundred {
		hundred[index] = index + 1
	}
	for _, test := range []struct {
		sorted   []int
		perMille int
		want     int
	}{
		{nil, 990, 0},
		{[]int{5}, 999, 5},
		{[]int{5, 6}, 0, 5},
		{hundred, 500, 50},
		{hundred, 990, 99},
		{hundred, 991, 100},
		{hundred, 999, 100},
		{hundred, 1000, 100},
	} {
		if got := Percentile(test.sorted, test.perMille); got != test.want {
			t.Errorf("Percentile(%d values, %d) = %d, want %d", len(test.sorted), test.perMille, got, test.want)
		}
	}
}

func TestBootstrap(t *testing.T) {
	same := []float64{2, 2, 2, 2}
	mean := func(values []float64) func([]int) float64 {
		return func(rounds []int) float64 {
			sum := 0.0
			for _, round := range rounds {
				sum += values[round]
			}
			return sum / float64(len(rounds))
		}
	}
	if got := Bootstrap(len(same), mean(same)); got != (Interval{2, 2, 2}) {
		t.Errorf("of four that are alike: %v", got)
	}
	// The standard error of the mean of 100 of these is 0.1.
	var spread []float64
	for index := range 100 {
		spread = append(spread, 9+2*float64(index%2))
	}
	got := Bootstrap(len(spread), mean(spread))
	if got.Estimate != 10 || got.Low < 9.75 || got.Low > 9.85 || got.High < 10.15 || got.High > 10.25 {
		t.Errorf("of a hundred that differ: %v", got)
	}
	if again := Bootstrap(len(spread), mean(spread)); again != got {
		t.Errorf("a second time it is %v, not %v", again, got)
	}
}
