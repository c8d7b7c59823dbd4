package conformance

import (
	"slices"
	"testing"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// TestShrinkFindsTheCulprit reduces pods that give a planted fault away: what is left must be the
// few fields that do.
func TestShrinkFindsTheCulprit(t *testing.T) {
	const mistake = "ignores ephemeral containers"
	at := api.LevelVersion{Level: api.LevelBaseline, Version: api.LatestVersion()}
	i := slices.IndexFunc(faults, func(f fault) bool { return f.check == "privileged" && f.mistake == mistake })
	if i < 0 {
		t.Fatalf("no fault %q", mistake)
	}
	checks := slices.Clone(upstreamChecks)
	j := slices.IndexFunc(checks, func(check policy.Check) bool { return check.ID == "privileged" })
	checks[j] = faults[i].plant(checks[j])
	faulty := newJudge(checks)

	differs := func(tree *object) bool {
		pod, err := decodePod(plain(tree))
		return err == nil && faulty.failing(at, pod) != reference.failing(at, pod)
	}
	const want = `{"kind":"Pod","apiVersion":"v1","spec":{"ephemeralContainers":[{"securityContext":{"privileged":true}}]}}`
	found := 0
	for index := 0; found < 5; index++ {
		if index == defaultPods {
			t.Fatalf("%d pods of %d show the fault, want 5", found, index)
		}
		tree, _ := generate(defaultSeed, index)
		if !differs(tree) {
			continue
		}
		found++
		before := string(plain(tree))
		if got := string(plain(shrink(tree, differs))); got != want {
			t.Errorf("pod %d shrinks to %s, want %s", index, got, want)
		}
		if string(plain(tree)) != before {
			t.Errorf("pod %d was changed by shrinking a copy of it", index)
		}
	}
}

// TestShrinkKeepsWhatMatters reduces to something that only several fields together show.
func TestShrinkKeepsWhatMatters(t *testing.T) {
	tree := obj("kind", "Pod", "apiVersion", "v1", "metadata", obj("name", "web"),
		"spec", obj("list", arr(integer(1), "two", nil, obj("deep", arr(true, "long"))), "other", "kept as long as x"))
	got := shrink(tree, func(candidate *object) bool {
		spec, ok := candidate.get("spec").(*object)
		if !ok || spec.get("other") == nil {
			return false
		}
		l, ok := spec.get("list").(*list)
		return ok && len(l.items) >= 2
	})
	const want = `{"kind":"Pod","apiVersion":"v1","spec":{"list":[null,{}],"other":"x"}}`
	if string(plain(got)) != want {
		t.Errorf("got %s, want %s", plain(got), want)
	}
}
