package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"plimsoll.dev/plimsoll/bench/lab"
)

// row compares one figure of the two servers.
type row struct {
	what               string
	upstream, plimsoll float64
	show               func(float64) string
	target             target
}

// target is the most that Plimsoll's figure may be. The zero value asks for nothing.
type target struct {
	part  float64 // of upstream's figure
	limit float64 // in itself
	text  string
}

func (t target) verdict(upstream, plimsoll float64) string {
	if t == targetless {
		return ""
	}
	if (t.part > 0 && plimsoll > t.part*upstream) || (t.part == 0 && plimsoll > t.limit) {
		return "MISS"
	}
	return "PASS"
}

var (
	targetless target
	tenth      = target{part: 1. / 10, text: "≤ 1/10"}
	third      = target{part: 1. / 3, text: "≤ 1/3"}
	readySoon  = target{limit: 100 * float64(time.Millisecond), text: "≤ 100 ms"}
	notGrowing = target{limit: 0.05, text: "≤ 5 %"}
)

func (r row) cells() []string {
	times := lab.Ratio(r.upstream, r.plimsoll)
	if r.target == notGrowing {
		times = "" // of two changes, each of which may be none
	}
	return []string{r.what, r.show(r.upstream), r.show(r.plimsoll), times, r.target.text, r.target.verdict(r.upstream, r.plimsoll)}
}

func showRate(perSecond float64) string { return fmt.Sprintf("%.0f", perSecond) }
func showKiB(kib float64) string        { return fmt.Sprintf("%.1f MiB", kib/1024) }
func showPart(part float64) string      { return fmt.Sprintf("%+.1f %%", 100*part) }

// results is everything measured, upstream's figure first in each pair.
type results struct {
	loads  []loadResult
	memory [2]series
	start  [2]time.Duration
}

type loadResult struct {
	load   load
	median [2]measurement
}

func (l load) String() string {
	if l.rate > 0 {
		return fmt.Sprintf("%.0f reviews/s", l.rate)
	}
	return fmt.Sprintf("%d callers", l.callers)
}

func (r results) rows() []row {
	var rows []row
	for _, result := range r.loads {
		up, own := result.median[0], result.median[1]
		add := func(what string, upstream, plimsoll float64, show func(float64) string, target target) {
			if result.load.rate > 0 {
				target = targetless // the targets are for callers that do not pause
			}
			rows = append(rows, row{fmt.Sprintf("%s: %s", result.load, what), upstream, plimsoll, show, target})
		}
		add("CPU a review", float64(up.cpu), float64(own.cpu), lab.ShowTime, tenth)
		if result.load.rate == 0 {
			add("reviews/s", up.perSecond, own.perSecond, showRate, targetless)
		}
		add("p50", float64(up.p50), float64(own.p50), lab.ShowTime, targetless)
		add("p99", float64(up.p99), float64(own.p99), lab.ShowTime, third)
		add("p99.9", float64(up.p999), float64(own.p999), lab.ShowTime, targetless)
		if result.load.rate == 0 {
			add("resident", float64(up.memory.Resident), float64(own.memory.Resident), showKiB, targetless)
			add("peak resident", float64(up.memory.Peak), float64(own.memory.Peak), showKiB, targetless)
		}
	}
	up, own := r.memory[0], r.memory[1]
	if len(up.resident) > 0 && len(own.resident) > 0 {
		last := len(up.resident) - 1
		after := fmt.Sprintf("after %s reviews", thousands(up.step*(last+1)))
		rows = append(rows,
			row{"resident " + after, float64(up.resident[last]), float64(own.resident[last]), showKiB, third},
			row{"peak resident " + after, float64(up.peak), float64(own.peak), showKiB, targetless},
			row{"growth from " + thousands(up.step*5) + " on", growth(up.resident), growth(own.resident), showPart, notGrowing})
	}
	if r.start[0] > 0 && r.start[1] > 0 {
		rows = append(rows, row{"exec to ready", float64(r.start[0]), float64(r.start[1]), lab.ShowTime, readySoon})
	}
	return rows
}

// thousands writes 500000 as 500,000.
func thousands(number int) string {
	text := fmt.Sprint(number)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

var columns = []string{"", "upstream", "Plimsoll", "ratio", "target", "met"}

// table prints the rows for a terminal.
func table(to io.Writer, rows []row) {
	aligned := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(aligned, strings.Join(columns, "\t"))
	for _, row := range rows {
		fmt.Fprintln(aligned, strings.Join(row.cells(), "\t"))
	}
	aligned.Flush()
}

// sum counts the targets.
func sum(rows []row) string {
	met, missed := 0, 0
	for _, row := range rows {
		switch row.target.verdict(row.upstream, row.plimsoll) {
		case "PASS":
			met++
		case "MISS":
			missed++
		}
	}
	return fmt.Sprintf("%d of %d targets met", met, met+missed)
}

// setting says where, when and how the results came about.
type setting struct {
	command, machine, date string
	versions               [2]string
	reviews, allowed       int
	meanBytes              int
	rounds                 int
}

// markdown writes the section of docs/performance.md.
func markdown(where setting, got results) string {
	var to strings.Builder
	line := func(format string, arguments ...any) { fmt.Fprintf(&to, format+"\n", arguments...) }
	line("## Side by side with the upstream webhook\n")
	line("Written by `%s` on %s.\n", where.command, where.date)
	line("- Machine: %s; servers and load generator share it.", where.machine)
	line("- upstream: %s", where.versions[0])
	line("- Plimsoll: %s", where.versions[1])
	line("- Reviews: %d recorded pod creations, mean %d bytes, judged at %s; both servers allow %d and deny %d of them, and every",
		where.reviews, where.meanBytes, measuredLevel, where.allowed, where.reviews-where.allowed)
	line("  reply's uid and verdict are verified. The verdicts at baseline were compared first. HTTP/1.1 over TLS 1.3, ECDSA P-256, at most 25 idle connections, kube-apiserver's headers.\n")
	line("| %s |", strings.Join(columns, " | "))
	line("|---|--:|--:|--:|--:|---|")
	for _, row := range got.rows() {
		line("| %s |", strings.Join(row.cells(), " | "))
	}
	line("\n%s.%s", sum(got.rows()), disturbed(got))
	if up, own := got.memory[0], got.memory[1]; len(up.resident) > 0 && len(own.resident) > 0 {
		line("\nResident memory under %d callers:\n", enduranceCallers)
		line("| reviews | upstream | Plimsoll |\n|--:|--:|--:|")
		for index := range up.resident {
			line("| %s | %s | %s |", thousands(up.step*(index+1)), showKiB(float64(up.resident[index])), showKiB(float64(own.resident[index])))
		}
	}
	line("\n### How to read it\n")
	line("- Rounds: %d, of which each figure under a load is the median. In a round each server is measured in turn, as a fresh process, after", where.rounds)
	line("  a warm-up; while one runs the other does not.")
	line("- CPU a review is user and system time (utime and stime of /proc/PID/stat, in ticks of 10 ms) of the server alone over the load,")
	line("  nothing subtracted, divided by its reviews.")
	line("- The generator, on the same cores, took this much CPU a review (with upstream, with Plimsoll):%s.", generatorShare(got))
	line("  With N callers that send again at once, the cores are never idle, so the rate is what server and generator reach together,")
	line("  and latency is mostly waiting for a core: about N divided by the rate. A gain there is smaller than the server's own.")
	line("- At a fixed rate both servers get the same random arrivals, timed from the moment each was due: that is what kube-apiserver would wait.")
	line("  The cores are idle in between, so a review costs either server, and the generator, more CPU: each wakes up for nearly every one.")
	line("- All other work on the machine, the kernel's own and the hypervisor's included, took this part of the cores' time:%s.", elsewhere(got))
	line("- Growth is from half-way through the long load to its end.")
	line("- Ready is the time from exec to the first 200 of /readyz; for upstream that includes listing namespaces from a fake API on this machine.")
	return to.String()
}

func generatorShare(got results) string {
	var parts []string
	for _, result := range got.loads {
		parts = append(parts, fmt.Sprintf(" %s and %s at %s", lab.ShowTime(float64(result.median[0].generatorCPU)),
			lab.ShowTime(float64(result.median[1].generatorCPU)), result.load))
	}
	return strings.Join(parts, ",")
}

// disturbed warns of figures that owe as much to what else ran as to the servers. It is empty if the machine was quiet.
func disturbed(got results) string {
	for _, result := range got.loads {
		for _, measured := range result.median {
			if measured.elsewhere > 0.1 {
				return " The machine was busy with other work: measure again when it is not."
			}
		}
	}
	return ""
}

func elsewhere(got results) string {
	var parts []string
	for _, result := range got.loads {
		parts = append(parts, fmt.Sprintf(" %.0f %% and %.0f %% at %s", 100*result.median[0].elsewhere, 100*result.median[1].elsewhere, result.load))
	}
	return strings.Join(parts, ",")
}
