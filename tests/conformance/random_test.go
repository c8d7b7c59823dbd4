package conformance

import (
	"fmt"
	"sync/atomic"
	"testing"

	"k8s.io/pod-security-admission/api"
)

// TestRandom sends every random pod to Plimsoll and to upstream, at all levels and six versions, and
// compares the verdict and the set of controls that fail.
func TestRandom(t *testing.T) {
	s, seed := plimsoll(t), seed(t)
	result, err := compareRandom(s, seed, randomPods(t), 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result)
	for _, d := range result.differences {
		t.Error(d)
	}
	if result.differing > 0 {
		t.Errorf("%d of %d reviews differ, in %d ways", result.differing, result.reviews, len(result.differences))
	}
}

// TestLeastPrivilegeIsNoWeaker shows that least-privilege refuses whatever upstream's restricted
// refuses at the same version, and by every control: a pod that fails one thing more must not hide
// another that is missed.
func TestLeastPrivilegeIsNoWeaker(t *testing.T) {
	s, seed := plimsoll(t), seed(t)
	var refused atomic.Int64
	inParallel(connections(), randomPods(t), func(_, index int) bool {
		_, raw := generate(seed, index)
		pod, err := decodePod(raw)
		if err != nil {
			t.Errorf("pod %d of seed %d is none to upstream: %v", index, seed, err)
			return false
		}
		for order, version := range versionsFor(index) {
			at := api.LevelVersion{Level: api.LevelRestricted, Version: version}
			upstream := wanted(at, pod)
			if upstream == 0 {
				continue
			}
			refused.Add(1)
			at.Level = "least-privilege"
			response, err := s.ask("enforce", at, createPod(fmt.Sprintf("%d-%d", seed, index), raw), order)
			if err != nil {
				t.Errorf("pod %d at %s: %v", index, templateRef(at), err)
				return false
			}
			if missed := upstream &^ mentioned(response); missed != 0 {
				t.Errorf("pod %d at %s: not refused by %s, as restricted does\n  %s", index, templateRef(at), missed, raw)
				return false
			}
		}
		return true
	})
	if refused.Load() == 0 {
		t.Error("upstream refuses none of the pods")
	}
}

// TestVersionsRotate shows that a handful of pods meets every version, and each pod different ones.
func TestVersionsRotate(t *testing.T) {
	seen := map[api.Version]bool{}
	for index := range len(versions) {
		own := map[api.Version]bool{}
		for _, version := range versionsFor(index) {
			own[version] = true
			seen[version] = true
		}
		if len(own) != versionsAPod {
			t.Errorf("pod %d is judged at %d versions, want %d", index, len(own), versionsAPod)
		}
	}
	if len(seen) != len(versions) {
		t.Errorf("%d versions are met, want %d", len(seen), len(versions))
	}
	if newest := versions[len(versions)-2]; newest.Minor() != newestMinor+1 || versions[0].Minor() != 0 {
		t.Errorf("versions are v1.%d to v1.%d, want v1.0 to v1.%d", versions[0].Minor(), newest.Minor(), newestMinor+1)
	}
}

// TestEveryControlHasAName shows that whatever upstream asks can be said in Plimsoll's words, and
// that no name speaks of something else.
func TestEveryControlHasAName(t *testing.T) {
	for _, level := range levels {
		for _, version := range versions {
			at := api.LevelVersion{Level: level, Version: version}
			var named controls
			for check := range aliases {
				if bit, err := controlOf(check, at); err == nil {
					named |= bit
				}
			}
			if named != upstreamAsked(at) {
				t.Errorf("%s: named are %s, upstream asks %s", at, named, upstreamAsked(at))
			}
		}
	}
	if bit, err := controlOf("seccomp-annotations", api.LevelVersion{Level: api.LevelBaseline, Version: api.LatestVersion()}); err == nil {
		t.Errorf("annotations stand for %s at latest", bit)
	}
	if bit, err := controlOf("run-as-group", api.LevelVersion{Level: api.LevelBaseline, Version: api.LatestVersion()}); err == nil {
		t.Errorf("a check that upstream has not stands for %s", bit)
	}
}
