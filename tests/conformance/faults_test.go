package conformance

import (
	"slices"
	"sync"
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

// TestFaultsAreCaught holds the generator to the table of planted faults, with the seed of TestRandom
// and the number of pods that continuous integration sends. A fault is done with once a verdict shows
// it; one that only the list of failing controls can show is held to staying silent to the end. Only
// the faulty check is run anew: the others answer as upstream's.
func TestFaultsAreCaught(t *testing.T) {
	const step = 250 // pods between two looks at which faults are done with
	seed := seed(t)
	var upstream []single
	for _, check := range upstreamChecks {
		upstream = append(upstream, newSingle(check))
	}
	perCheck := map[policy.CheckID]int{}
	var hidden []planted
	for _, f := range faults {
		hidden = append(hidden, plantFault(t, f))
		perCheck[f.check]++
	}

	// The first pod that shows each fault, by its name; none: not in the map.
	type firsts map[string]int
	bySet, byVerdict := firsts{}, firsts{}
	note := func(seen firsts, f planted, index int) {
		if earlier, known := seen[f.name()]; !known || index < earlier {
			seen[f.name()] = index
		}
	}
	for begin := 0; begin < defaultPods && len(hidden) > 0; begin += step {
		var lock sync.Mutex
		inParallel(cores(), step, func(_, offset int) bool {
			index := begin + offset
			_, raw := generate(seed, index)
			pod, err := decodePod(raw)
			if err != nil {
				t.Errorf("pod %d: %v", index, err)
				return false
			}
			for _, version := range versionsFor(index) {
				var all controls
				for _, check := range upstream {
					all |= check.failing(version, pod)
				}
				for _, f := range hidden {
					faulty := all&^f.bit | f.single.failing(version, pod)
					for _, level := range levels {
						at := api.LevelVersion{Level: level, Version: version}
						right, wrong := all&upstreamAsked(at), faulty&f.asked(at)
						if right == wrong {
							continue
						}
						lock.Lock()
						note(bySet, f, index)
						if (right == 0) != (wrong == 0) {
							note(byVerdict, f, index)
						}
						lock.Unlock()
					}
				}
			}
			return true
		})
		if t.Failed() {
			return
		}
		hidden = slices.DeleteFunc(hidden, func(f planted) bool {
			_, shown := byVerdict[f.name()]
			return shown
		})
	}

	for _, f := range faults {
		atSet, inSet := bySet[f.name()]
		atVerdict, inVerdict := byVerdict[f.name()]
		switch {
		case !inSet:
			t.Errorf("%s: not caught by %d pods", f.name(), defaultPods)
		case !inVerdict && f.silent == "":
			t.Errorf("%s: no verdict of %d pods shows it, pod %d only its list of controls", f.name(), defaultPods, atSet)
		case inVerdict && f.silent != "":
			t.Errorf("%s: the verdict on pod %d shows it, though %s", f.name(), atVerdict, f.silent)
		case !inVerdict:
			t.Logf("%-85s pod %5d, by the list of controls: %s", f.name(), atSet, f.silent)
		default:
			t.Logf("%-85s pod %5d", f.name(), atVerdict)
		}
	}
	t.Logf("%d faults in %d checks, %d shown by a verdict", len(faults), len(perCheck), len(byVerdict))
	for _, id := range controlIDs {
		if perCheck[id] < 2 {
			t.Errorf("%d faults planted in %s, want two or more", perCheck[id], id)
		}
	}
}

// TestFaultsHaveNames shows that no fault stands in the table twice: each is looked up by its name.
func TestFaultsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults {
		if seen[f.name()] {
			t.Errorf("%s: planted twice", f.name())
		}
		seen[f.name()] = true
	}
}

// TestSoundJudgeHasNoFault shows that what the fault table takes for upstream's judgement is just
// that: check by check, and a fault that changes nothing is not caught.
func TestSoundJudgeHasNoFault(t *testing.T) {
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
				failing := reference.failing(at, pod)
				if failing != all&upstreamAsked(at) {
					t.Fatalf("pod %d at %s: together %s, apart %s", index, at, failing, all&upstreamAsked(at))
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
