package conformance

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// single judges by one check alone, whatever would override it.
type single struct {
	bit   controls
	judge judge
}

func newSingle(check policy.Check) single {
	return single{control(check.ID), newJudge([]policy.Check{check})}
}

// failing returns the check's bit if the pod fails it at that version.
func (s single) failing(version api.Version, pod *corev1.Pod) controls {
	return s.judge.failing(api.LevelVersion{Level: api.LevelRestricted, Version: version}, pod)
}

// planted is a fault in a judge that is otherwise upstream's.
type planted struct {
	fault
	single
	asked func(api.LevelVersion) controls
}

func plantFault(t *testing.T, f fault) planted {
	checks := slices.Clone(upstreamChecks)
	i := slices.IndexFunc(checks, func(check policy.Check) bool { return check.ID == f.check })
	if i < 0 {
		t.Fatalf("upstream has no check %s", f.check)
	}
	checks[i] = f.plant(checks[i])
	return planted{f, newSingle(checks[i]), asked(checks)}
}

// tally counts the pods that give a fault away, by the set of failing controls and by verdict.
type tally struct{ bySet, byVerdict int }

// TestFaultsAreCaught holds the generator to the table of planted faults, with the seed and the
// number of pods of TestRandom. Only the faulty check is run anew: the others answer as upstream's.
func TestFaultsAreCaught(t *testing.T) {
	seed, count := seed(t), randomPods(t)
	if testing.Short() {
		t.Skip("takes every pod")
	}
	upstreamAsked := asked(upstreamChecks)
	var upstream []single
	for _, check := range upstreamChecks {
		upstream = append(upstream, newSingle(check))
	}
	var table []planted
	for _, f := range faults {
		table = append(table, plantFault(t, f))
	}

	tallies := make([][]tally, cores())
	inParallel(cores(), count, func(worker, index int) bool {
		if tallies[worker] == nil {
			tallies[worker] = make([]tally, len(table))
		}
		_, raw := generate(seed, index)
		pod, err := decodePod(raw)
		if err != nil {
			t.Errorf("pod %d: %v", index, err)
			return false
		}
		type seen struct{ set, verdict bool }
		found := make([]seen, len(table))
		for _, version := range versionsFor(index) {
			var all controls
			for _, check := range upstream {
				all |= check.failing(version, pod)
			}
			for i, f := range table {
				faulty := all&^f.bit | f.single.failing(version, pod)
				for _, level := range levels {
					at := api.LevelVersion{Level: level, Version: version}
					right, wrong := all&upstreamAsked(at), faulty&f.asked(at)
					found[i].set = found[i].set || right != wrong
					found[i].verdict = found[i].verdict || (right == 0) != (wrong == 0)
				}
			}
		}
		for i, seen := range found {
			if seen.set {
				tallies[worker][i].bySet++
			}
			if seen.verdict {
				tallies[worker][i].byVerdict++
			}
		}
		return true
	})

	perCheck := map[policy.CheckID]int{}
	byVerdict := 0
	for i, f := range table {
		var total tally
		for _, tallies := range tallies {
			if tallies != nil {
				total.bySet += tallies[i].bySet
				total.byVerdict += tallies[i].byVerdict
			}
		}
		perCheck[f.check]++
		t.Logf("%-27s %-55s %6d pods, %6d by verdict %s", f.check, f.mistake, total.bySet, total.byVerdict, f.silent)
		if total.byVerdict > 0 {
			byVerdict++
		}
		switch {
		case total.bySet == 0:
			t.Errorf("%s %s: not caught by %d pods", f.check, f.mistake, count)
		case total.byVerdict == 0 && f.silent == "":
			t.Errorf("%s %s: no verdict of %d pods shows it", f.check, f.mistake, count)
		case total.byVerdict > 0 && f.silent != "":
			t.Errorf("%s %s: %d verdicts show it, though %s", f.check, f.mistake, total.byVerdict, f.silent)
		}
	}
	t.Logf("%d faults in %d checks, %d shown by a verdict", len(table), len(perCheck), byVerdict)
	for _, id := range controlIDs {
		if perCheck[id] < 2 {
			t.Errorf("%d faults planted in %s, want two or more", perCheck[id], id)
		}
	}
}

// TestSoundJudgeHasNoFault shows that what the fault table takes for upstream's judgement is just
// that: check by check, and a fault that changes nothing is not caught.
func TestSoundJudgeHasNoFault(t *testing.T) {
	whole, asks := newJudge(upstreamChecks), asked(upstreamChecks)
	plainEvaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var parts []single
	for _, check := range upstreamChecks {
		parts = append(parts, newSingle(sees(func(*corev1.Pod) {})(check)))
	}
	seed := seed(t)
	for index := range 500 {
		_, raw := generate(seed, index)
		pod, err := decodePod(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range versions {
			var all controls
			for _, part := range parts {
				all |= part.failing(version, pod)
			}
			for _, level := range levels {
				at := api.LevelVersion{Level: level, Version: version}
				failing := whole.failing(at, pod)
				if failing != all&asks(at) {
					t.Fatalf("pod %d at %s: together %s, apart %s", index, at, failing, all&asks(at))
				}
				results := plainEvaluator.EvaluatePod(at, &pod.ObjectMeta, &pod.Spec)
				if allowed := policy.AggregateCheckResults(results).Allowed; allowed != (failing == 0) {
					t.Fatalf("pod %d at %s: upstream allows: %t, failing: %s", index, at, allowed, failing)
				}
			}
		}
	}
}

// TestVolumeFieldNames holds the fault table's list of kinds to the generator's.
func TestVolumeFieldNames(t *testing.T) {
	for i, kind := range volumeFieldNames {
		raw := plain(obj("kind", "Pod", "apiVersion", "v1", "spec", obj("volumes", arr(obj("name", "v", kind, clone(volumeSources[kind]))))))
		pod, err := decodePod(raw)
		if err != nil {
			t.Fatal(err)
		}
		for j, set := range volumeFields(&pod.Spec.Volumes[0]) {
			if set != (i == j) {
				t.Errorf("%s sets the field of %s: %t", kind, volumeFieldNames[j], set)
			}
		}
	}
	if len(volumeFieldNames)+1 != len(volumeKinds) {
		t.Errorf("%d kinds and hostPath, want %d", len(volumeFieldNames), len(volumeKinds))
	}
}
