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

func TestTargetVerdict(t *testing.T) {
	for _, test := range []struct {
		target             target
		upstream, plimsoll float64
		want               string
	}{
		{targetless, 1, 9, ""},
		{tenth, 400, 40, "PASS"},
		{tenth, 400, 40.1, "MISS"},
		{third, 9, 3, "PASS"},
		{third, 9, 3.1, "MISS"},
		{readySoon, 9e9, 100e6, "PASS"},
		{readySoon, 9e9, 100e6 + 1, "MISS"},
		{notGrowing, 0, -0.1, "PASS"},
		{notGrowing, 0, 0.06, "MISS"},
	} {
		if got := test.target.verdict(test.upstream, test.plimsoll); got != test.want {
			t.Errorf("%q of %v and %v: %s, want %s", test.target.text, test.upstream, test.plimsoll, got, test.want)
		}
	}
}

func TestShown(t *testing.T) {
	for got, want := range map[string]string{
		lab.ShowTime(27_400):                    "27.4 µs",
		lab.ShowTime(float64(time.Millisecond)): "1 ms",
		lab.ShowTime(2.345e6):                   "2.35 ms",
		showKiB(14336):                          "14.0 MiB",
		showPart(-0.012):                        "-1.2 %",
		lab.Ratio(300, 25):                      "1/12.0",
		lab.Ratio(2000, 25000):                  "12.5 ×",
		lab.Ratio(0, 1):                         "",
		thousands(500000):                       "500,000",
		thousands(1234567):                      "1,234,567",
		thousands(999):                          "999",
		load{callers: 8}.String():               "8 callers",
		load{callers: 64, rate: 1000}.String():  "1000 reviews/s",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func sample() results {
	pair := [2]measurement{
		{perSecond: 3000, cpu: 400e3, p99: 9e6, memory: lab.Memory{Resident: 60000, Peak: 61000}},
		{perSecond: 20000, cpu: 30e3, p99: 4e6, memory: lab.Memory{Resident: 12000, Peak: 12500}},
	}
	return results{
		loads: []loadResult{{load{callers: 8}, pair}, {load{callers: 64, rate: 1000}, pair}},
		memory: [2]series{
			{50_000, []int64{60000, 60000, 60000, 60000, 60000, 60000, 60000, 60000, 60000, 60000}, 61000},
			{50_000, []int64{12000, 12000, 12000, 12000, 12000, 12000, 12000, 12000, 12000, 15000}, 15000},
		},
		start: [2]time.Duration{50e6, 5e6},
	}
}

func TestRows(t *testing.T) {
	got := map[string]string{}
	for _, row := range sample().rows() {
		got[row.what] = row.cells()[5]
	}
	for what, want := range map[string]string{
		"8 callers: CPU a review":        "PASS",
		"8 callers: p99":                 "MISS",
		"8 callers: p50":                 "",
		"1000 reviews/s: p99":            "",
		"resident after 500,000 reviews": "PASS",
		"growth from 250,000 on":         "MISS",
		"exec to ready":                  "PASS",
	} {
		if verdict, found := got[what]; !found || verdict != want {
			t.Errorf("%s: %q, %t, want %q", what, verdict, found, want)
		}
	}
	left := results{loads: sample().loads}
	for _, row := range left.rows() {
		if strings.Contains(row.what, "ready") || strings.Contains(row.what, "growth") {
			t.Errorf("a row for what was left out: %s", row.what)
		}
	}
}

func TestMiddle(t *testing.T) {
	got := middle([]measurement{{perSecond: 1, cpu: 30, dials: 5}, {perSecond: 9, cpu: 10, dials: 6}, {perSecond: 5, cpu: 20, dials: 7}})
	if got.perSecond != 5 || got.cpu != 20 || got.dials != 6 {
		t.Errorf("middle = %+v", got)
	}
}

func TestMarkdown(t *testing.T) {
	text := markdown(setting{command: "bench/side-by-side/run", machine: "ACME", versions: [2]string{"v1", "v2"}, reviews: 9, allowed: 2, rounds: 5}, sample())
	for _, want := range []string{"`bench/side-by-side/run`", "ACME", "allow 2 and deny 7", "| 8 callers: CPU a review | 400 µs | 30 µs | 1/13.3 | ≤ 1/10 | PASS |", "| 500,000 | 58.6 MiB | 14.6 MiB |", "3 of 5 targets met"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "%!") {
		t.Errorf("a wrong format in\n%s", text)
	}
}

func TestDisturbed(t *testing.T) {
	got := sample()
	if text := disturbed(got); text != "" {
		t.Errorf("a quiet machine: %q", text)
	}
	got.loads[1].median[1].elsewhere = 0.11
	if disturbed(got) == "" || !strings.Contains(markdown(setting{}, got), disturbed(got)) {
		t.Error("no word of other work")
	}
}

func TestOptions(t *testing.T) {
	root := t.TempDir()
	binary := filepath.Join(root, "build/release/plimsoll")
	os.MkdirAll(filepath.Dir(binary), 0o755)
	parse := func(arguments ...string) (options, string, error) {
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		flags.SetOutput(&strings.Builder{})
		options, err := parseOptions(flags, append([]string{"--root", root}, arguments...))
		return options, lab.CommandLine(script, flags, root), err
	}
	if _, _, err := parse(); err == nil || !strings.Contains(err.Error(), "cmake --build") {
		t.Errorf("without a binary: %v", err)
	}
	os.WriteFile(binary, nil, 0o755)
	got, command, err := parse("--upstream", "/elsewhere/upstream", "--write", filepath.Join(root, "docs/performance.md"), "--reviews", "/elsewhere/mine", "--rounds", "3")
	if err != nil || got.Plimsoll != binary || got.rounds != 3 || got.endurance != 500_000 {
		t.Errorf("%+v, %v", got, err)
	}
	if want := "bench/side-by-side/run --reviews mine --rounds 3 --write docs/performance.md"; command != want {
		t.Errorf("the command is %q, want %q", command, want)
	}
	if want := filepath.Join(root, "docs/performance.md"); got.Write != want {
		t.Errorf("writes %s, want %s", got.Write, want)
	}
	if got, _, err = parse(); err != nil || got.Write != filepath.Join(root, "docs/performance.md") {
		t.Errorf("a whole run writes %q, %v", got.Write, err)
	}
	got, command, err = parse("--quick", "--starts", "7")
	if err != nil || got.rounds != 1 || got.starts != 7 || got.Write != lab.NoDocument || got.span != 2*time.Second {
		t.Errorf("a quick run: %+v, %v", got, err)
	}
	if want := "bench/side-by-side/run --quick --starts 7"; command != want {
		t.Errorf("the command is %q, want %q", command, want)
	}
	for _, wrong := range [][]string{{"--rounds", "0"}, {"--span", "1us"}, {"--span", "1000h"}, {"--rate", "-1"}, {"--endurance", "15"}, {"--none"}, {"extra"}} {
		if _, _, err := parse(wrong...); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
