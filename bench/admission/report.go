package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"plimsoll.dev/plimsoll/bench/lab"
)

func kindOf(violating bool) string {
	if violating {
		return "violating"
	}
	return "compliant"
}

// row is one configuration under all loads.
func (r results) row(configuration string, violating bool) []string {
	cells := []string{configuration}
	for _, load := range r.loads {
		of := cell{configuration, violating, load}
		all := r.all(of)
		hook := ""
		if find(configuration).hook != "" {
			hook = lab.ShowTime(r.cpu(of, func(m measurement) time.Duration { return m.hook }))
		}
		cells = append(cells, lab.ShowTime(float64(lab.Percentile(all, 500))), lab.ShowTime(float64(lab.Percentile(all, 900))),
			lab.ShowTime(r.cpu(of, func(m measurement) time.Duration { return m.apiServer })), hook)
	}
	return cells
}

// heads are the columns of rows.
func (r results) heads(violating bool) []string {
	heads := []string{kindOf(violating) + " pods"}
	for _, load := range r.loads {
		heads = append(heads, load.String()+": p50", "p90", "API server CPU", "webhook CPU")
	}
	return heads
}

// comparison is what is aimed at.
type comparison struct {
	what   string
	load   load
	got    lab.Interval
	target float64
	noise  float64 // how far the target may be missed by chance
}

func (c comparison) met() string {
	if c.got.Estimate <= c.target+c.noise {
		return "PASS"
	}
	return "MISS"
}

func (c comparison) cells() []string {
	target := fmt.Sprintf("≤ %.1f", c.target)
	if c.noise > 0 {
		target = fmt.Sprintf("%s ± %.3f", target, c.noise)
	}
	cells := []string{c.what, c.load.String(), fmt.Sprintf("%.3f", c.got.Estimate), fmt.Sprintf("%.3f to %.3f", c.got.Low, c.got.High)}
	if c.target == 0 {
		return append(cells, "", "")
	}
	return append(cells, target, c.met())
}

var comparisonHeads = []string{"p50", "", "ratio", "95 %", "target", "met"}

// comparisons are made of the medians of the rounds.
func (r results) comparisons() []comparison {
	var all []comparison
	for _, load := range r.loads {
		medians := func(configuration string, violating bool) []float64 {
			return r.percentiles(cell{configuration, violating, load}, 500)
		}
		over := func(one, other string) lab.Interval {
			above, below := medians(one, false), medians(other, false)
			return lab.Bootstrap(len(above), func(rounds []int) float64 {
				return lab.Median(lab.Each(rounds, func(round int) float64 { return above[round] / below[round] }))
			})
		}
		alike := over(celPolicyAgain, celPolicy)
		noise := max(alike.High-1, 1-alike.Low)
		all = append(all,
			comparison{what: "noise: the policy, again / the policy, compliant", load: load, got: alike},
			comparison{what: "prefilter / policy, compliant", load: load, got: over(withPrefilter, celPolicy), target: 1, noise: noise},
			comparison{what: "prefilter / no policy, compliant", load: load, got: over(withPrefilter, noPolicy)},
			comparison{what: "no prefilter / no policy, compliant", load: load, got: over(withoutPrefilter, noPolicy)},
			comparison{what: "upstream / no policy, compliant", load: load, got: over(upstreamHook, noPolicy)})
		ours, theirs := medians(withPrefilter, true), medians(upstreamHook, true)
		added := func(baseline string, target float64) comparison {
			base := medians(baseline, true)
			more := func(of []float64, rounds []int) float64 {
				return lab.Median(lab.Each(rounds, func(round int) float64 { return of[round] - base[round] }))
			}
			return comparison{what: "added to " + baseline + " by prefilter / by upstream, violating", load: load, target: target,
				got: lab.Bootstrap(len(base), func(rounds []int) float64 { return more(ours, rounds) / more(theirs, rounds) })}
		}
		all = append(all, added(noPolicy, 0.6), added(inTree, 0))
	}
	return all
}

func (r results) tables(table func(heads []string, rows [][]string)) {
	for _, violating := range []bool{false, true} {
		table(r.heads(violating), lab.Each(configurations, func(one configuration) []string { return r.row(one.name, violating) }))
	}
	table(comparisonHeads, lab.Each(r.comparisons(), comparison.cells))
}

// print is for a terminal.
func (r results) print(to io.Writer) {
	r.tables(func(heads []string, rows [][]string) {
		aligned := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{heads}, rows...) {
			fmt.Fprintln(aligned, strings.Join(row, "\t"))
		}
		aligned.Flush()
		fmt.Fprintln(to)
	})
	fmt.Fprintf(to, "%s%s\n", r.sum(), r.disturbed())
}

func (r results) sum() string {
	met, all := 0, 0
	for _, one := range r.comparisons() {
		if one.target == 0 {
			continue
		}
		if all++; one.met() == "PASS" {
			met++
		}
	}
	return fmt.Sprintf("%d of %d targets met.", met, all)
}

// elsewhere is the part of the cores' time, over all rounds, that other work took.
func (r results) elsewhere() float64 {
	sum, count := 0.0, 0
	for _, rounds := range r.rounds {
		for _, one := range rounds {
			sum, count = sum+one.elsewhere, count+1
		}
	}
	return sum / float64(count)
}

func (r results) disturbed() string {
	if r.elsewhere() > 0.1 {
		return " The machine was busy with other work: measure again when it is not."
	}
	return ""
}

// setting says where, when and how the results came about.
type setting struct {
	command, machine, date, pods string
	versions                     []string
	rounds                       int
	loads                        []load
}

// markdown writes the section of docs/performance.md.
func markdown(where setting, got results) string {
	var to strings.Builder
	line := func(format string, arguments ...any) { fmt.Fprintf(&to, format+"\n", arguments...) }
	line("## Through the API server\n")
	line("Written by `%s` on %s.\n", where.command, where.date)
	line("- Machine: %s; the API server, etcd, the webhooks and the callers share it.", where.machine)
	for _, version := range where.versions {
		line("- %s", version)
	}
	line("- What is timed: a pod is created as a dry run, so that all of admission takes place and nothing is stored;")
	line("  %s.", where.pods)
	line("  Each answer is the expected one: a pod, or the refusal by whom it was to come from. Everything is held to `restricted`.\n")
	got.tables(func(heads []string, rows [][]string) {
		line("| %s |", strings.Join(heads, " | "))
		line("|---%s|", strings.Repeat("|--:", len(heads)-1))
		for _, row := range rows {
			line("| %s |", strings.Join(row, " | "))
		}
		line("")
	})
	line("%s%s\n", got.sum(), got.disturbed())
	line("### How to read it\n")
	line("- One API server has all of this at once, each in a namespace of its own. Per round (%d of them, after one that is not counted) each", where.rounds)
	line("  row is measured once with each number of callers, %s, in random order. CPU is that of a request, on average.",
		strings.Join(lab.Each(where.loads, func(load load) string { return fmt.Sprintf("%d pods with %s", load.requests, load) }), " and "))
	line("- The ratios are of the rounds' medians: the median over the rounds, and in what range it lies when rounds are drawn again at random.")
	line("  The policy stands there twice, in two namespaces: what those two differ by is what chance makes of no difference.")
	line("- `added` is what comes on top of no policy, and on top of the in-tree admission's refusal: who is refused is spared what follows")
	line("  admission, so that a refusal can be faster than no policy.")
	line("- Plimsoll's registrations are the chart's, with the default values and with `prefilter: false`; one server is behind both. It counts reviews:")
	line("  with the prefilter, not one was asked for of a compliant pod.")
	line("- The policy is what `plimsoll templates export restricted --as validating-admission-policy` prints.")
	line("- All other work on the machine, etcd and the kernel's own included, took %.0f %% of the cores' time.", 100*got.elsewhere())
	return to.String()
}
