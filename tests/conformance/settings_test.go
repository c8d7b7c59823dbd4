package conformance

import (
	"os"
	"strconv"
	"testing"
)

// What continuous integration runs. The fault table is held to the same seed and number of pods, so
// a change of either shows at once whether the net is still as fine.
const (
	defaultSeed = 20_260_137
	defaultPods = 20_000
)

func seed(t testing.TB) uint64 {
	value := setting(t, "PLIMSOLL_SEED", defaultSeed)
	t.Logf("seed %d (PLIMSOLL_SEED)", value)
	return value
}

func randomPods(t testing.TB) int {
	return int(setting(t, "PLIMSOLL_RANDOM_PODS", defaultPods))
}

// setting reads a number from the environment.
func setting(t testing.TB, name string, otherwise uint64) uint64 {
	text, set := os.LookupEnv(name)
	if !set {
		return otherwise
	}
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}
