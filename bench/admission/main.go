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
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"plimsoll.dev/plimsoll/bench/lab"
	"plimsoll.dev/plimsoll/tests/e2e/controlplane"
)

const script = "bench/admission/run"

type options struct {
	lab.Options
	rounds, alone, together int
}

// quick is what --quick says of each flag that is not given: enough to see that everything works.
func quick() map[string]string {
	return map[string]string{"rounds": "2", "alone": "10", "together": "32", "write": lab.NoDocument}
}

func parseOptions(flags *flag.FlagSet, arguments []string) (options, error) {
	var o options
	o.Flags(flags, "admission", 45*time.Minute)
	flags.IntVar(&o.rounds, "rounds", 30, "how often each configuration is measured with each kind of pods and number of callers")
	flags.IntVar(&o.alone, "alone", 150, "pods a measurement with one caller")
	flags.IntVar(&o.together, "together", 600, "pods a measurement with 16 callers")
	if err := o.Parse(flags, arguments, quick()); err != nil {
		return o, err
	}
	if o.rounds < 2 || o.alone < 1 || o.together < 16 {
		return o, errors.New("rounds must be at least 2, alone 1, together 16")
	}
	return o, nil
}

func main() { lab.Main("admission", run) }

func run(ctx context.Context, flags *flag.FlagSet, arguments []string) error {
	o, err := parseOptions(flags, arguments)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	debug.SetGCPercent(400) // of the callers: they compete with the servers for the cores
	logf.SetLogger(logr.Discard())
	pods, err := loadPods(filepath.Join(o.Root, "bench/admission/pods"))
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "admission-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if o.Plimsoll, err = lab.Keep(o.Plimsoll, folder); err != nil {
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
	where := setting{command: lab.CommandLine(script, flags, o.Root), machine: lab.Machine(), date: time.Now().UTC().Format(time.DateOnly), versions: bench.versions,
		rounds: o.rounds, loads: got.loads, pods: pods.describe()}
	fmt.Printf("%s\n%s\n\n", where.machine, strings.Join(where.versions, "\n"))
	got.print(os.Stdout)
	if o.Write == lab.NoDocument {
		return nil
	}
	if err := lab.WriteSection(o.Write, "admission", markdown(where, got)); err != nil {
		return err
	}
	say(os.Stderr, "written to %s", lab.FromRoot(o.Root, o.Write))
	return nil
}

func say(to io.Writer, format string, arguments ...any) { fmt.Fprintf(to, format+"\n", arguments...) }
