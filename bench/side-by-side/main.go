// Side-by-side measures Plimsoll beside the upstream Pod Security webhook on one machine: the same reviews, the same
// certificate, the same callers, each server in its turn. The script `run` builds what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"plimsoll.dev/plimsoll/bench/lab"
)

const script = "bench/side-by-side/run"

const enduranceCallers = 32

// measuredLevel is what both servers judge at while they are measured. The verdicts are compared at baseline too, which
// allows some of the reviews: a server that denied whatever it got would agree with upstream at restricted.
const measuredLevel = "restricted"

type options struct {
	lab.Options
	reviews                                  string
	rounds, count, warmUp, endurance, starts int
	rate                                     float64
	span                                     time.Duration
}

// quick is what --quick says of each flag that is not given: enough to see that everything works.
func quick() map[string]string {
	return map[string]string{
		"rounds": "1", "count": "2000", "warm-up": "500", "span": "2s", "endurance": "20000", "starts": "3", "write": lab.NoDocument,
	}
}

func parseOptions(flags *flag.FlagSet, arguments []string) (options, error) {
	var o options
	o.Flags(flags, "side-by-side", 30*time.Minute)
	flags.StringVar(&o.reviews, "reviews", "", "the folder of AdmissionReviews (default the bench's own)")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each server is measured under each load")
	flags.IntVar(&o.count, "count", 20_000, "reviews a measurement with 8 and with 32 callers")
	flags.IntVar(&o.warmUp, "warm-up", 2_000, "reviews before a measurement that do not count")
	flags.Float64Var(&o.rate, "rate", 500, "reviews a second of the measurement at a fixed rate; 0 leaves it out")
	flags.DurationVar(&o.span, "span", 10*time.Second, "how long a measurement at the fixed rate lasts")
	flags.IntVar(&o.endurance, "endurance", 500_000, "reviews while memory is watched; 0 leaves it out")
	flags.IntVar(&o.starts, "starts", 10, "how often each server is started to time that; 0 leaves it out")
	if err := o.Parse(flags, arguments, quick()); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.count < 1 || o.warmUp < 1 || o.rate < 0 || o.endurance < 0 || o.starts < 0 || o.endurance%10 != 0 {
		return o, errors.New("rounds, count and warm-up must be positive, rate, endurance and starts not negative, endurance a multiple of 10")
	}
	if o.rate > 0 && (o.rate*o.span.Seconds() < 1 || o.rate*o.span.Seconds() > 1e7) {
		return o, errors.New("rate and span must make at least one review, and at most ten million")
	}
	if o.reviews == "" {
		o.reviews = filepath.Join(o.Root, "bench/side-by-side/reviews")
	}
	return o, nil
}

func main() { lab.Main("side-by-side", run) }

func run(ctx context.Context, flags *flag.FlagSet, arguments []string) error {
	o, err := parseOptions(flags, arguments)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	debug.SetGCPercent(400) // of the generator: it competes with the server for the cores
	reviews, err := loadReviews(o.reviews)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "side-by-side-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if o.Plimsoll, err = lab.Keep(o.Plimsoll, folder); err != nil {
		return err
	}
	stage, err := lab.SetStage(ctx, folder, o.Plimsoll)
	if err != nil {
		return err
	}
	names := lab.Each(reviews, func(r review) string { return r.namespace })
	slices.Sort(names)
	names = slices.Compact(names)
	bench := bench{reviews: reviews, stage: stage, progress: os.Stderr}
	var hooks []lab.Webhook
	for _, level := range []string{"baseline", measuredLevel} {
		kube, err := startFakeKube(names, level)
		if err != nil {
			return err
		}
		defer kube.close()
		kubeconfig := stage.File("kubeconfig-" + level)
		if err := os.WriteFile(kubeconfig, []byte(kube.kubeconfig()), 0o600); err != nil {
			return err
		}
		theirs, err := lab.Upstream(o.Upstream, stage, kubeconfig, "privileged") // the level is in the labels
		if err != nil {
			return err
		}
		ours, err := lab.Plimsoll(ctx, o.Plimsoll, stage, "/validate/enforce/"+level)
		if err != nil {
			return err
		}
		hooks = []lab.Webhook{theirs, ours}
		bench.say("verdicts at %s:", level)
		if err := bench.agree(ctx, hooks); err != nil {
			return err
		}
	}
	got, err := bench.measureAll(ctx, hooks, o)
	if err != nil {
		return err
	}
	where := bench.setting(hooks, o, lab.CommandLine(script, flags, o.Root))
	fmt.Printf("%s\nupstream: %s\nPlimsoll: %s\n\n", where.machine, where.versions[0], where.versions[1])
	table(os.Stdout, got.rows())
	fmt.Printf("\n%s.%s\n", sum(got.rows()), disturbed(got))
	if o.Write == lab.NoDocument {
		return nil
	}
	if err := lab.WriteSection(o.Write, "side-by-side", markdown(where, got)); err != nil {
		return err
	}
	bench.say("written to %s", lab.FromRoot(o.Root, o.Write))
	return nil
}

// measureAll runs every measurement, the servers in turn.
func (b *bench) measureAll(ctx context.Context, hooks []lab.Webhook, o options) (results, error) {
	var got results
	loads := []load{{callers: 8, reviews: o.count}, {callers: 32, reviews: o.count}}
	if o.rate > 0 {
		loads = append(loads, load{callers: 64, reviews: int(o.rate * o.span.Seconds()), rate: o.rate})
	}
	rounds := make([][2][]measurement, len(loads))
	for round := range o.rounds {
		for index, load := range loads {
			for which, hook := range hooks {
				measured, err := b.measure(ctx, hook, load, o.warmUp)
				if err != nil {
					return got, err
				}
				rounds[index][which] = append(rounds[index][which], measured)
				b.say("round %d/%d, %s, %s: %.0f reviews/s, CPU a review %s (generator %s), p50 %s, p99 %s, p99.9 %s, resident %s, %d new connections, %.0f %% of the cores used by others",
					round+1, o.rounds, load, hook.Name, measured.perSecond, lab.ShowTime(float64(measured.cpu)), lab.ShowTime(float64(measured.generatorCPU)),
					lab.ShowTime(float64(measured.p50)), lab.ShowTime(float64(measured.p99)), lab.ShowTime(float64(measured.p999)),
					showKiB(float64(measured.memory.Resident)), measured.dials, 100*measured.elsewhere)
			}
		}
	}
	for index, load := range loads {
		got.loads = append(got.loads, loadResult{load, [2]measurement{middle(rounds[index][0]), middle(rounds[index][1])}})
	}
	for which, hook := range hooks {
		var err error
		if o.endurance > 0 {
			if got.memory[which], err = b.endure(ctx, hook, load{callers: enduranceCallers, reviews: o.endurance}); err != nil {
				return got, err
			}
			b.say("resident, %s, every %s reviews: %s", hook.Name, thousands(got.memory[which].step), strings.Join(
				lab.Each(got.memory[which].resident, func(kib int64) string { return showKiB(float64(kib)) }), ", "))
		}
		if o.starts > 0 {
			if got.start[which], err = b.starts(ctx, hook, o.starts); err != nil {
				return got, err
			}
			b.say("exec to ready, %s: %s", hook.Name, lab.ShowTime(float64(got.start[which])))
		}
	}
	return got, nil
}

func (b *bench) say(format string, arguments ...any) {
	fmt.Fprintf(b.progress, format+"\n", arguments...)
}

func (b *bench) setting(hooks []lab.Webhook, o options, command string) setting {
	where := setting{
		command:  command,
		machine:  lab.Machine(),
		date:     time.Now().UTC().Format(time.DateOnly),
		versions: [2]string{hooks[0].Version, hooks[1].Version},
		reviews:  len(b.reviews),
		rounds:   o.rounds,
	}
	total := 0
	for index, review := range b.reviews {
		total += len(review.body)
		if b.expected[index] {
			where.allowed++
		}
	}
	where.meanBytes = total / len(b.reviews)
	return where
}
