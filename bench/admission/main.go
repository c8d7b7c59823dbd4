// Admission measures what creating a pod costs at a real API server: with no policy, with the in-tree PodSecurity
// admission, with the exported ValidatingAdmissionPolicy, with Plimsoll behind its registration, with and without the
// prefilter, and with the upstream webhook. The script `run` builds what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"plimsoll.dev/plimsoll/bench/lab"
	"plimsoll.dev/plimsoll/tests/e2e/controlplane"
)

const script = "bench/admission/run"

type options struct {
	root, upstream, plimsoll, write string
	rounds, alone, together         int
	timeout                         time.Duration
}

// quick is what --quick says of each flag that is not given: enough to see that everything works.
func quick() map[string]string {
	return map[string]string{"rounds": "2", "alone": "10", "together": "32", "write": lab.NoDocument}
}

func parseOptions(flags *flag.FlagSet, arguments []string) (options, error) {
	var o options
	flags.StringVar(&o.root, "root", ".", "the repository")
	flags.StringVar(&o.upstream, "upstream", "", "the upstream webhook's binary (run builds it)")
	flags.StringVar(&o.plimsoll, "plimsoll", "", "Plimsoll's binary (default build/release/plimsoll of the repository)")
	flags.StringVar(&o.write, "write", "", "the document whose admission section to write, or none (default docs/performance.md of the repository)")
	flags.IntVar(&o.rounds, "rounds", 30, "how often each configuration is measured with each kind of pods and number of callers")
	flags.IntVar(&o.alone, "alone", 150, "pods a measurement with one caller")
	flags.IntVar(&o.together, "together", 600, "pods a measurement with 16 callers")
	flags.DurationVar(&o.timeout, "timeout", 45*time.Minute, "when to give up")
	shorten := flags.Bool("quick", false, "a run of half a minute, to see that everything works: not for quoting, and by default not written")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if *shorten {
		if err := lab.Instead(flags, quick()); err != nil {
			return o, err
		}
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.rounds < 2 || o.alone < 1 || o.together < 16 {
		return o, errors.New("rounds must be at least 2, alone 1, together 16")
	}
	if o.write == "" {
		o.write = filepath.Join(o.root, "docs/performance.md")
	}
	if o.plimsoll == "" {
		o.plimsoll = filepath.Join(o.root, "build/release/plimsoll")
	}
	if _, err := os.Stat(o.plimsoll); err != nil {
		return o, fmt.Errorf("%w; build it with: cmake --preset release && cmake --build --preset release", err)
	}
	return o, nil
}

func main() {
	flags := flag.NewFlagSet("admission", flag.ContinueOnError)
	options, err := parseOptions(flags, os.Args[1:])
	if err == nil {
		ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer cancel()
		err = run(ctx, options, lab.CommandLine(script, flags, options.root))
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "admission:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, o options, command string) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	debug.SetGCPercent(400) // of the callers: they compete with the servers for the cores
	logf.SetLogger(logr.Discard())
	pods, err := loadPods(filepath.Join(o.root, "bench/admission/pods"))
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "admission-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if o.plimsoll, err = lab.Keep(o.plimsoll, folder); err != nil {
		return err
	}
	plane, err := controlplane.Start(controlplane.Options{Start: time.Minute, Stop: time.Minute})
	if err != nil {
		return err
	}
	defer plane.Stop()
	bench, err := newBench(ctx, o, plane, folder, pods)
	if err != nil {
		return err
	}
	defer bench.stop()
	if err := bench.prepare(ctx); err != nil {
		return bench.wrap(err)
	}
	got, err := bench.measureAll(ctx, o)
	if err != nil {
		return bench.wrap(err)
	}
	where := setting{command: command, machine: lab.Machine(), date: time.Now().UTC().Format(time.DateOnly), versions: bench.versions,
		rounds: o.rounds, loads: got.loads, pods: pods.describe()}
	fmt.Printf("%s\n%s\n\n", where.machine, strings.Join(where.versions, "\n"))
	got.print(os.Stdout)
	if o.write == lab.NoDocument {
		return nil
	}
	if err := lab.WriteSection(o.write, "admission", markdown(where, got)); err != nil {
		return err
	}
	say(os.Stderr, "written to %s", lab.FromRoot(o.root, o.write))
	return nil
}

func say(to io.Writer, format string, arguments ...any) { fmt.Fprintf(to, format+"\n", arguments...) }
