package main

import "testing"

func TestGrowth(t *testing.T) {
	for _, test := range []struct {
		samples []int64
		want    float64
	}{
		{nil, 0},
		{[]int64{10}, 0},
		{[]int64{0, 10}, 0},
		{[]int64{1, 1, 1, 1, 100, 1, 1, 1, 1, 150}, 0.5}, // from the fifth of ten
		{[]int64{1, 1, 1, 1, 100, 1, 1, 1, 1, 75}, -0.25},
		{[]int64{100, 150}, 0.5},
	} {
		if got := growth(test.samples); got != test.want {
			t.Errorf("growth(%v) = %v, want %v", test.samples, got, test.want)
		}
	}
}
