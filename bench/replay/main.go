// Replay measures `plimsoll replay` on an API server's audit log: how many bytes a second it takes, plain and compressed, and
// what memory it needs for a short log and for a long one. The script `run` builds what it needs.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"plimsoll.dev/plimsoll/bench/lab"
)

const script = "bench/replay/run"

// What the table is held to. The rate is that of all cores and the long log, uncompressed.
const (
	wantRate   = 200.0 // MB/s
	wantMemory = 1.5   // of the long log / of the short one
)

type options struct {
	lab.Options
	megabytes, rounds int
	quick             bool
}

func parseOptions(flags *flag.FlagSet, arguments []string) (options, error) {
	var o options
	o.Flags(flags, "replay", 20*time.Minute)
	flags.IntVar(&o.megabytes, "mib", 2048, "size of the long log; the short one has an eighth of it")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each way is measured")
	quick := map[string]string{"mib": "64", "rounds": "1", "write": lab.NoDocument}
	if err := o.Parse(flags, arguments, quick); err != nil {
		return o, err
	}
	o.quick = flags.Lookup("quick").Value.String() == "true"
	if o.megabytes < 16 || o.megabytes > 65536 || o.rounds < 1 {
		return o, errors.New("mib must be 16 to 65536, rounds positive")
	}
	return o, nil
}

func main() { lab.Main("replay", run) }

func run(ctx context.Context, flags *flag.FlagSet, arguments []string) error {
	o, err := parseOptions(flags, arguments)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	folder, err := os.MkdirTemp("", "plimsoll-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	binary, err := lab.Keep(o.Plimsoll, folder)
	if err != nil {
		return err
	}
	cores := runtime.NumCPU()
	short, long := filepath.Join(folder, "short.log"), filepath.Join(folder, "long.log")
	rows := table{
		{name: "short log", path: short, cores: cores},
		{name: "long log", path: long, cores: cores},
		{name: "long log, gzip", path: long + ".gz", cores: cores},
		{name: "long log, one core", path: long, cores: 1},
	}
	logs := map[string]*written{}
	for path, size := range map[string]int{short: o.megabytes / 8, long: o.megabytes} {
		if logs[path], err = write(path, int64(size)<<20); err != nil {
			return err
		}
	}
	for i := range rows {
		rows[i].log = logs[strings.TrimSuffix(rows[i].path, ".gz")]
	}
	for range o.rounds {
		for i := range rows {
			s, err := replay(ctx, rows[i], binary)
			if err != nil {
				return err
			}
			rows[i].samples = append(rows[i].samples, s)
		}
	}
	section := rows.markdown(o)
	fmt.Print(section)
	if o.Write != lab.NoDocument {
		if err := lab.WriteSection(o.Write, "replay", section); err != nil {
			return err
		}
	}
	for _, target := range rows.targets() {
		if !target.met && !o.quick {
			return fmt.Errorf("%s: %s, want %s", target.name, target.value, target.want)
		}
	}
	return nil
}

// sample is one call.
type sample struct {
	wall, cpu time.Duration
	peak      int64 // KiB
}

// replay calls `plimsoll replay` and gives what that cost. It must find what was put into the log.
func replay(ctx context.Context, r row, binary string) (sample, error) {
	words := []string{binary, "replay", "-t", "restricted", "-o", "json", r.path}
	if r.cores == 1 {
		words = append([]string{"taskset", "-c", "0"}, words...)
	}
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	output, errs := new(bytes.Buffer), new(bytes.Buffer)
	command.Stdout, command.Stderr = output, errs
	begun := time.Now()
	err := command.Run()
	wall := time.Since(begun)
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return sample{}, fmt.Errorf("%s: %v, want exit status 1: %s", strings.Join(words, " "), err, errs.String())
	}
	var report struct {
		Facts struct{ Lines, Requests, NewlyDenied int64 }
	}
	if err := json.Unmarshal(output.Bytes(), &report); err != nil {
		return sample{}, err
	}
	if f := report.Facts; f.Lines != r.log.lines || f.Requests != r.log.requests || f.NewlyDenied != r.log.denied {
		return sample{}, fmt.Errorf("%s: %+v, want %+v", r.path, f, *r.log)
	}
	usage := command.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{wall, command.ProcessState.UserTime() + command.ProcessState.SystemTime(), usage.Maxrss}, nil
}

// row is one way to call it, and the medians of its samples.
type row struct {
	name, path string
	log        *written
	cores      int
	samples    []sample
}

func (r row) wall() time.Duration {
	return median(r.samples, func(s sample) time.Duration { return s.wall })
}
func (r row) cpu() time.Duration {
	return median(r.samples, func(s sample) time.Duration { return s.cpu })
}
func (r row) peak() int64 { return median(r.samples, func(s sample) int64 { return s.peak }) }

// rate is in MB/s of the uncompressed log.
func (r row) rate() float64 { return float64(r.log.bytes) / 1e6 / r.wall().Seconds() }

func median[T int64 | time.Duration](samples []sample, of func(sample) T) T {
	var all []T
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

type table []row

func (t table) markdown(o options) string {
	var out strings.Builder
	long := t[1].log
	fmt.Fprintf(&out, "## Replaying audit logs\n\nWritten by `%s`, on %s.\nA generated audit log is replayed against `restricted`, %d times each way; medians. The long one has %d events, of which %d are about pods and\nworkloads and hold the object twice, as level RequestResponse does; %d of these would be denied, and each run has found them all.\n\n",
		script, lab.Machine(), o.rounds, long.lines, long.requests, long.denied)
	out.WriteString("| | size | time | CPU | MB/s | MB a CPU second | peak memory |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range t {
		fmt.Fprintf(&out, "| %s | %d MiB | %.2f s | %.2f s | %.0f | %.0f | %.1f MiB |\n", r.name, r.log.bytes>>20, r.wall().Seconds(), r.cpu().Seconds(),
			r.rate(), float64(r.log.bytes)/1e6/r.cpu().Seconds(), float64(r.peak())/1024)
	}
	out.WriteString("\n| | value | target | met |\n|---|--:|--:|--:|\n")
	for _, target := range t.targets() {
		met := "PASS"
		if !target.met {
			met = "MISSED"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", target.name, target.value, target.want, met)
	}
	return out.String()
}

// target is what the table is held to. A full run that misses one fails.
type target struct {
	name, value, want string
	met               bool
}

func (t table) targets() []target {
	rate, memory := t[1].rate(), float64(t[1].peak())/float64(t[0].peak())
	return []target{
		{"long log", fmt.Sprintf("%.0f MB/s", rate), fmt.Sprintf("≥ %.0f MB/s", wantRate), rate >= wantRate},
		{"peak memory, long log / short one", fmt.Sprintf("%.2f", memory), fmt.Sprintf("≤ %.1f", wantMemory), memory <= wantMemory},
	}
}
