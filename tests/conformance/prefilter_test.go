package conformance

import (
	"math/rand/v2"
	"testing"
	"time"
)

// How many pod x template cases continuous integration looks at.
const defaultCases = 240_000

// cases is how many are looked at: PLIMSOLL_CEL_CASES.
func cases(t testing.TB) int { return int(setting(t, "PLIMSOLL_CEL_CASES", defaultCases)) }

// brief says that fewer cases are looked at than in continuous integration: some things then need not show.
func brief(t testing.TB) bool { return cases(t) < defaultCases }

// How much of what passes must be skipped, in percent. 99 is what was promised; it is all, so that a mistake that makes an expression
// more often false shows as well.
const leastSkipped = 100.0

var builtin = []string{"baseline", "restricted", "least-privilege"}

func candidates(t testing.TB, names []string, arguments ...string) []candidate {
	t.Helper()
	binary, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var out []candidate
	for _, name := range names {
		text, err := export(binary, name, arguments...)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newCandidate(name, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func newPrefilterRun(s *server, candidates []candidate) *prefilterRun {
	return &prefilterRun{server: s, asked: true, candidates: candidates, faults: map[string]finding{}, sent: map[string]finding{}}
}

// pods looks at that many random pods, each bare and as one workload; of these every kind has its turn.
func (r *prefilterRun) pods(t *testing.T, seed uint64, count int) {
	t.Helper()
	inParallel(connections(), count, func(_, index int) bool {
		tree := furnished(seed, index)
		for _, w := range []workload{podKind, workloads[index%len(workloads)]} {
			if err := r.at(w, w.with(tree), index); err != nil {
				t.Error(err)
				return false
			}
		}
		if index%100 == 0 { // one that may have no template
			bare := workloads[0].object()
			bare.set("spec", pick(&generator{chance: rand.New(rand.NewPCG(seed, uint64(index)))}, []node{obj(), obj("template", nil), obj("replicas", integer(1)), nil}))
			if err := r.at(workloads[0], bare, index); err != nil {
				t.Error(err)
				return false
			}
		}
		r.lock.Lock()
		defer r.lock.Unlock()
		return len(r.faults) < 20
	})
}

func (r *prefilterRun) report(t *testing.T, brief bool) {
	t.Helper()
	lines := r.shares()
	if brief {
		lines = r.byTemplate()
	}
	for _, line := range lines {
		t.Log(line)
	}
	for _, text := range r.describeAll(r.faults) {
		t.Error(text)
	}
	for _, text := range r.describeAll(r.sent) {
		t.Log(text)
	}
}

// TestPrefilter holds the conditions of the templates that everybody has to what upstream's library, and Plimsoll where upstream
// has no such level, say of random pods and workloads: none that fails is skipped, none is an error, nearly all that pass are
// skipped.
func TestPrefilter(t *testing.T) {
	s, seed := plimsoll(t), seed(t)
	r := newPrefilterRun(s, candidates(t, builtin))
	count := cases(t) / (2 * len(builtin))
	r.asked = cases(t) <= 1_000_000 // Plimsoll's word beside upstream's is TestRandom's matter
	began := time.Now()
	r.pods(t, seed, count)
	elapsed := time.Since(began)
	t.Logf("%d pods, %d cases in %.1f s (%.0f cases/s)", count, r.cases.Load(), elapsed.Seconds(), float64(r.cases.Load())/elapsed.Seconds())
	r.report(t, false)
	for _, s := range r.shares() {
		if s.percent() < leastSkipped {
			t.Errorf("%s: want %.0f %%", s, leastSkipped)
		}
		if all := s.passing + s.failing; !brief(t) && (s.passing*20 < all || s.failing*20 < all || all < 1000) {
			t.Errorf("%s: too few of one sort", s)
		}
	}
}
