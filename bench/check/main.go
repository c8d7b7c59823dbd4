// Check measures `plimsoll check` on a folder of many manifests: how long it takes, on one core and on all, and what memory it
// needs for few files and for many. The script `run` builds what it needs.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
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

const script = "bench/check/run"

// What the table is held to. The time is that of all cores and 10,000 files.
const (
	wantSeconds = 2.0
	wantMemory  = 1.5 // of many files / of a tenth of them
)

type options struct {
	lab.Options
	files, rounds int
}

func parseOptions(flags *flag.FlagSet, arguments []string) (options, error) {
	var o options
	o.Flags(flags, "check", 10*time.Minute)
	flags.IntVar(&o.files, "files", 10_000, "manifest files")
	flags.IntVar(&o.rounds, "rounds", 7, "how often each way is measured")
	quick := map[string]string{"files": "500", "rounds": "1", "write": lab.NoDocument}
	if err := o.Parse(flags, arguments, quick); err != nil {
		return o, err
	}
	if o.files < 100 || o.files > 100_000 || o.rounds < 1 {
		return o, errors.New("files must be 100 to 100000, rounds positive")
	}
	return o, nil
}

func main() { lab.Main("check", run) }

func run(ctx context.Context, flags *flag.FlagSet, arguments []string) error {
	o, err := parseOptions(flags, arguments)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	folder, err := os.MkdirTemp("", "plimsoll-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	binary, err := lab.Keep(o.Plimsoll, folder)
	if err != nil {
		return err
	}
	few, many := filepath.Join(folder, "few"), filepath.Join(folder, "many")
	if err := errors.Join(manifests(few, o.files/10), manifests(many, o.files)); err != nil {
		return err
	}
	table, err := measureAll(ctx, o, binary, few, many)
	if err != nil {
		return err
	}
	section := table.markdown(o)
	fmt.Print(section)
	if o.Write == lab.NoDocument {
		return nil
	}
	return lab.WriteSection(o.Write, "check", section)
}

// manifests writes files of 1 to 3 Deployments each, a quarter of which may gain privileges.
func manifests(folder string, count int) error {
	for i := range count {
		var text strings.Builder
		for j := range 1 + i%3 {
			fmt.Fprintf(&text, manifest, i, j, i%50, (i+j)%4 == 0)
		}
		below := filepath.Join(folder, fmt.Sprintf("team-%02d", i%100))
		if err := os.MkdirAll(below, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(below, fmt.Sprintf("app-%05d.yaml", i)), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const manifest = `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-%d-%d
  namespace: team-%d
  labels: {app.kubernetes.io/name: app}
spec:
  replicas: 3
  selector:
    matchLabels: {app.kubernetes.io/name: app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: app}
    spec:
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: app
        image: registry.example/app:1.2.3
        ports:
        - {name: http, containerPort: 8080}
        env:
        - {name: LISTEN, value: ":8080"}
        - name: TOKEN
          valueFrom: {secretKeyRef: {name: app, key: token}}
        securityContext:
          allowPrivilegeEscalation: %t
          capabilities: {drop: [ALL]}
        resources:
          requests: {cpu: 100m, memory: 64Mi}
          limits: {memory: 128Mi}
        volumeMounts:
        - {name: cache, mountPath: /cache}
      volumes:
      - name: cache
        emptyDir: {}
`

// sample is one call.
type sample struct {
	wall, cpu time.Duration
	peak      int64 // KiB
	output    [sha256.Size]byte
}

// check calls `plimsoll check` and gives what that cost. That violations are found is right.
func check(ctx context.Context, cores int, binary, folder, format string) (sample, error) {
	words := []string{binary, "check", folder, "-o", format}
	if cores == 1 {
		words = append([]string{"taskset", "-c", "0"}, words...)
	}
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	// What a child's memory peaked at counts from that of the program which starts it: this one keeps nothing.
	output, errs := sha256.New(), new(bytes.Buffer)
	command.Stdout, command.Stderr = output, errs
	begun := time.Now()
	err := command.Run()
	wall := time.Since(begun)
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return sample{}, fmt.Errorf("%s: %v, want exit status 1: %s", strings.Join(words, " "), err, errs.String())
	}
	usage := command.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{wall, command.ProcessState.UserTime() + command.ProcessState.SystemTime(), usage.Maxrss, [sha256.Size]byte(output.Sum(nil))}, nil
}

// row is one way to call it, and the medians of its samples.
type row struct {
	name, format string
	cores, files int
	folder       string
	samples      []sample
}

func (r row) wall() time.Duration {
	return median(r.samples, func(s sample) time.Duration { return s.wall })
}
func (r row) cpu() time.Duration {
	return median(r.samples, func(s sample) time.Duration { return s.cpu })
}
func (r row) peak() int64 { return median(r.samples, func(s sample) int64 { return s.peak }) }

func median[T int64 | time.Duration](samples []sample, of func(sample) T) T {
	var all []T
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

type table []row

func measureAll(ctx context.Context, o options, binary, few, many string) (table, error) {
	cores := runtime.NumCPU()
	rows := table{
		{name: "a tenth of the files", format: "text", cores: cores, files: o.files / 10, folder: few},
		{name: "all files", format: "text", cores: cores, files: o.files, folder: many},
		{name: "all files, JSON", format: "json", cores: cores, files: o.files, folder: many},
		{name: "all files, one core", format: "text", cores: 1, files: o.files, folder: many},
	}
	for range o.rounds {
		for i := range rows {
			r := &rows[i]
			s, err := check(ctx, r.cores, binary, r.folder, r.format)
			if err != nil {
				return nil, err
			}
			// The order of the output must not depend on which file was read first.
			if len(r.samples) > 0 && s.output != r.samples[0].output {
				return nil, fmt.Errorf("%s: the output is not the same each time", r.name)
			}
			r.samples = append(r.samples, s)
		}
	}
	if rows[1].samples[0].output != rows[3].samples[0].output {
		return nil, errors.New("one core gives another output than all")
	}
	return rows, nil
}

func (t table) markdown(o options) string {
	var out strings.Builder
	fmt.Fprintf(&out, "## Checking manifests\n\nWritten by `%s`, on %s.\n%d files with 1 to 3 Deployments each are checked against `restricted`, %d times each way; medians. The output is the same each time.\n\n",
		script, lab.Machine(), o.files, o.rounds)
	out.WriteString("| | files | time | CPU | CPU / time | peak memory |\n|---|--:|--:|--:|--:|--:|\n")
	for _, r := range t {
		fmt.Fprintf(&out, "| %s | %d | %.2f s | %.2f s | %.1f | %.1f MiB |\n",
			r.name, r.files, r.wall().Seconds(), r.cpu().Seconds(), r.cpu().Seconds()/r.wall().Seconds(), float64(r.peak())/1024)
	}
	few, all, one := t[0], t[1], t[3]
	memory := float64(all.peak()) / float64(few.peak())
	met := func(ok bool) string {
		if ok {
			return "PASS"
		}
		return "MISSED"
	}
	out.WriteString("\n| | value | target | met |\n|---|--:|--:|--:|\n")
	fmt.Fprintf(&out, "| all files | %.2f s | ≤ %.0f s | %s |\n", all.wall().Seconds(), wantSeconds, met(all.wall().Seconds() <= wantSeconds))
	fmt.Fprintf(&out, "| peak memory, all files / a tenth of them | %.2f | ≤ %.1f | %s |\n", memory, wantMemory, met(memory <= wantMemory))
	fmt.Fprintf(&out, "| time, one core / all | %.2f |  |  |\n", one.wall().Seconds()/all.wall().Seconds())
	return out.String()
}
