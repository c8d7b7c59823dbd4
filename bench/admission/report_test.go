package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plimsoll.dev/plimsoll/bench/lab"
)

// sample has these medians, in milliseconds, in each of ten rounds.
func sample(compliant, violating map[string]int) results {
	alone := load{1, 3}
	got := results{loads: []load{alone}, rounds: map[cell][]measurement{}}
	for _, one := range configurations {
		for _, is := range []bool{false, true} {
			medians := compliant
			if is {
				medians = violating
			}
			took := time.Duration(medians[one.name]) * time.Millisecond
			for range 10 {
				got.rounds[cell{one.name, is, alone}] = append(got.rounds[cell{one.name, is, alone}],
					measurement{took: []time.Duration{took / 2, took, 2 * took}, apiServer: 6 * time.Millisecond, hook: 3 * time.Millisecond, elsewhere: 0.02})
			}
		}
	}
	return got
}

func TestComparisons(t *testing.T) {
	compliant := map[string]int{noPolicy: 10, inTree: 10, celPolicy: 12, celPolicyAgain: 12, withPrefilter: 12, withoutPrefilter: 14, upstreamHook: 20}
	violating := map[string]int{noPolicy: 10, inTree: 8, celPolicy: 10, celPolicyAgain: 10, withPrefilter: 15, withoutPrefilter: 15, upstreamHook: 20}
	got := sample(compliant, violating)
	found := map[string]comparison{}
	for _, one := range got.comparisons() {
		found[one.what] = one
	}
	for what, want := range map[string]struct {
		ratio float64
		met   string
	}{
		"prefilter / policy, compliant":                                      {1, "PASS"},
		"no prefilter / no policy, compliant":                                {1.4, ""},
		"upstream / no policy, compliant":                                    {2, ""},
		"added to no policy by prefilter / by upstream, violating":           {0.5, "PASS"},
		"added to in-tree PodSecurity by prefilter / by upstream, violating": {7. / 12, ""},
		"noise: the policy, again / the policy, compliant":                   {1, ""},
	} {
		one, is := found[what]
		if !is || one.got != (lab.Interval{Estimate: want.ratio, Low: want.ratio, High: want.ratio}) || one.cells()[5] != want.met {
			t.Errorf("%s: %v", what, one)
		}
	}
	if got.sum() != "2 of 2 targets met." {
		t.Error(got.sum())
	}
	compliant[withPrefilter], violating[withPrefilter] = 13, 17
	if worse := sample(compliant, violating).sum(); worse != "0 of 2 targets met." {
		t.Error(worse)
	}
	// What the policy differs by from itself is no difference.
	compliant[celPolicyAgain] = 13
	if noisy := sample(compliant, violating).sum(); noisy != "1 of 2 targets met." {
		t.Error(noisy)
	}
}

func TestMarkdown(t *testing.T) {
	medians := map[string]int{noPolicy: 10, inTree: 10, celPolicy: 12, celPolicyAgain: 12, withPrefilter: 12, withoutPrefilter: 14, upstreamHook: 20}
	got := sample(medians, medians)
	text := markdown(setting{command: "C", machine: "M", date: "D", pods: "P", versions: []string{"V"}, rounds: 10, loads: got.loads}, got)
	for _, want := range []string{
		"## Through the API server\n", "Written by `C` on D.", "- V\n", "| no policy | 10 ms | 20 ms | 2 ms |  |\n",
		"| Plimsoll, prefilter | 12 ms | 24 ms | 2 ms | 1 ms |\n", "| prefilter / policy, compliant | 1 caller | 1.000 | 1.000 to 1.000 | ≤ 1.0 | PASS |",
		"3 pods with 1 caller",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "busy") {
		t.Error("the machine was quiet")
	}
	for _, rounds := range got.rounds {
		for index := range rounds {
			rounds[index].elsewhere = 0.2
		}
	}
	if !strings.Contains(markdown(setting{}, got), "busy") {
		t.Error("the machine was busy")
	}
}

func TestCountReviews(t *testing.T) {
	count, err := countReviews("# TYPE plimsoll_reviews_total counter\nplimsoll_reviews_total{decision=\"allowed\"} 3\n" +
		"plimsoll_reviews_total{decision=\"denied\"} 4\nplimsoll_reviews_total_other 5\nother 6\n")
	if err != nil || count != 7 {
		t.Errorf("%d, %v", count, err)
	}
	if _, err := countReviews("plimsoll_reviews_total many\n"); err == nil {
		t.Error("no error")
	}
}

func TestDocuments(t *testing.T) {
	found, err := documents([]byte("# a comment\n---\n# a policy\nkind: A\n---\nkind: B\n"))
	if err != nil || len(found) != 2 || found[0]["kind"] != "A" || found[1]["kind"] != "B" {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := documents([]byte("a: [")); err == nil {
		t.Error("no error")
	}
}

func TestOptions(t *testing.T) {
	root := t.TempDir()
	binary := filepath.Join(root, "build/release/plimsoll")
	os.MkdirAll(filepath.Dir(binary), 0o755)
	os.WriteFile(binary, nil, 0o755)
	parse := func(arguments ...string) (options, string, error) {
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		flags.SetOutput(&strings.Builder{})
		options, err := parseOptions(flags, append([]string{"--root", root}, arguments...))
		return options, lab.CommandLine(script, flags, root), err
	}
	got, command, err := parse("--rounds", "7")
	if err != nil || got.rounds != 7 || got.Plimsoll != binary || got.Write != filepath.Join(root, "docs/performance.md") || command != script+" --rounds 7" {
		t.Errorf("%+v, %q, %v", got, command, err)
	}
	if got, _, err := parse("--quick", "--alone", "9"); err != nil || got.rounds != 2 || got.alone != 9 || got.Write != lab.NoDocument {
		t.Errorf("a quick run: %+v, %v", got, err)
	}
	for _, wrong := range [][]string{{"--rounds", "1"}, {"--alone", "0"}, {"--together", "15"}, {"--none"}, {"extra"}} {
		if _, _, err := parse(wrong...); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
