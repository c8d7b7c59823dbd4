package conformance

import (
	"os"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestPrefilterFixtures holds the conditions to every fixture of upstream's, as a pod and as a Deployment: of all versions, judged by
// the newest.
func TestPrefilterFixtures(t *testing.T) {
	all := fixtures(t)
	deployment := workloads[slices.IndexFunc(workloads, func(w workload) bool { return w.kind == "Deployment" })]
	r := newPrefilterRun(plimsoll(t), candidates(t, builtin))
	inParallel(connections(), len(all), func(_, index int) bool {
		text, err := os.ReadFile(all[index].path)
		if err != nil {
			t.Error(err)
			return false
		}
		manifest, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Error(err)
			return false
		}
		read, err := parse(manifest)
		if err != nil {
			t.Error(err)
			return false
		}
		tree := read.(*object)
		for _, w := range []workload{podKind, deployment} {
			if err := r.at(w, w.with(tree), index); err != nil {
				t.Error(err)
				return false
			}
		}
		return true
	})
	t.Logf("%d fixtures, %d cases", len(all), r.cases.Load())
	r.report(t, false)
	for _, s := range r.shares() {
		if s.passing > 0 && s.percent() < leastSkipped {
			t.Errorf("%s: want %.0f %%", s, leastSkipped)
		}
		if s.failing == 0 || s.passing == 0 && s.template != "least-privilege" { // no fixture has a read-only root file system
			t.Errorf("%s: too few of one sort", s)
		}
	}
}
