package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// customFile holds a template for each check alone, and for each of its parameters.
const customFile = "testdata/templates.yaml"

// conservative are the templates of which less is skipped, and why that is all right.
var conservative = map[string]string{
	"runtime-socket":           "which folders of the node lead to a socket is not for CEL to find out: every hostPath is sent",
	"seccomp-annotations":      annotationsOfNobody,
	"baseline-before-profiles": annotationsOfNobody,
}

const annotationsOfNobody = "annotations for containers that the pod does not have count as well: to look each up would cost too much"

func customFileOf(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs(customFile)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// customNames are the templates of the file and the checks that their rules name.
func customNames(t testing.TB) (names, checks []string) {
	t.Helper()
	text, err := os.ReadFile(customFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(text, []byte("\n---\n"))[1:] {
		var template struct {
			Metadata struct{ Name string }
			Spec     struct{ Rules []struct{ Check string } }
		}
		if err := yaml.Unmarshal(document, &template); err != nil {
			t.Fatal(err)
		}
		names = append(names, template.Metadata.Name)
		for _, rule := range template.Spec.Rules {
			checks = append(checks, rule.Check)
		}
	}
	return names, checks
}

func customCandidates(t testing.TB) []candidate {
	t.Helper()
	names, _ := customNames(t)
	return candidates(t, names, "--templates", customFileOf(t))
}

// TestPrefilterOfEachCheck holds the expression of each check alone, with each of its parameters, to Plimsoll's own verdict.
// Here no other check hides what one of them gets wrong.
func TestPrefilterOfEachCheck(t *testing.T) {
	_, checks := customNames(t)
	sources, err := filepath.Glob("../../src/checks/*.cc")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no checks are found: %v", err)
	}
	for _, path := range sources {
		if check := checkOfFile(path); !slices.Contains(checks, check) {
			t.Errorf("%s stands in no template of %s", check, customFile)
		}
	}
	binary, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(binary, "--templates", customFileOf(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	seed := seed(t)
	r := newPrefilterRun(s, customCandidates(t))
	began := time.Now()
	r.pods(t, seed, min(cases(t), 2*defaultCases)/160)
	t.Logf("%d templates, %d cases in %.1f s", len(r.candidates), r.cases.Load(), time.Since(began).Seconds())
	r.report(t, true)
	for _, s := range r.byTemplate() {
		if why := conservative[s.template]; why != "" {
			t.Logf("%s: %s", s, why)
			if s.percent() < 90 {
				t.Errorf("%s: want 90 %%", s)
			}
		} else if s.percent() < leastSkipped {
			t.Errorf("%s: want %.0f %%", s, leastSkipped)
		}
		if !brief(t) && (s.passing < 200 || s.failing < 20) {
			t.Errorf("%s: too few of one sort", s)
		}
	}
}
