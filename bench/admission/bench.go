package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll.dev/plimsoll/bench/lab"
)

// measurement is one block of requests.
type measurement struct {
	took                      []time.Duration // sorted
	apiServer, hook, callers_ time.Duration   // CPU of the whole block
	elsewhere                 float64         // the part of the cores' time that none of these used, nor idled
}

// cell is what is measured in every round.
type cell struct {
	configuration string
	violating     bool
	load          load
}

type results struct {
	loads  []load
	rounds map[cell][]measurement
}

// warming is the part of a block's number that is sent before it and not counted: connections and caches were used by
// somebody else in between.
const warming = 10

// measureAll takes all cells in each round, each time in another order, so that what else the machine does hits all
// of them, and none always follows the same one.
func (b *bench) measureAll(ctx context.Context, o options) (results, error) {
	got := results{loads: []load{{1, o.alone}, {16, o.together}}, rounds: map[cell][]measurement{}}
	var cells []cell
	for _, load := range got.loads {
		for _, violating := range []bool{false, true} {
			for _, one := range configurations {
				cells = append(cells, cell{one.name, violating, load})
			}
		}
	}
	reviews, err := b.reviews()
	if err != nil {
		return got, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range o.rounds + 1 {
		random.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		begun := time.Now()
		for _, one := range cells {
			measured, err := b.measure(ctx, one)
			if err != nil {
				return got, fmt.Errorf("%s: %w", one.configuration, err)
			}
			if round > 0 { // the first warms everything
				got.rounds[one] = append(got.rounds[one], measured)
			}
		}
		say(os.Stderr, "round %d/%d: %.1f s", round, o.rounds, time.Since(begun).Seconds())
	}
	return got, b.counted(reviews)
}

func (b *bench) measure(ctx context.Context, one cell) (measurement, error) {
	configuration := find(one.configuration)
	at, bodies := b.target(configuration, one.violating), b.pods.of(one.violating)
	warm := load{one.load.callers, max(len(bodies), one.load.requests/warming)}
	if _, err := warm.generate(ctx, at, bodies); err != nil {
		return measurement{}, err
	}
	before, err := b.usage(configuration)
	if err != nil {
		return measurement{}, err
	}
	begun := time.Now()
	took, err := one.load.generate(ctx, at, bodies)
	elapsed := time.Since(begun)
	if err != nil {
		return measurement{}, err
	}
	after, err := b.usage(configuration)
	if err != nil {
		return measurement{}, err
	}
	b.sent[configuration.name+fmt.Sprint(one.violating)] += warm.requests + one.load.requests
	spent := usage{after.apiServer - before.apiServer, after.hook - before.hook, after.callers - before.callers, after.machine - before.machine}
	others := spent.machine - spent.apiServer - spent.hook - spent.callers
	return measurement{took, spent.apiServer, spent.hook, spent.callers,
		max(0, float64(others)/float64(elapsed)/float64(runtime.NumCPU()))}, nil
}

type usage struct{ apiServer, hook, callers, machine time.Duration }

func (b *bench) usage(of configuration) (now usage, err error) {
	if now.apiServer, err = lab.CPUTime(b.apiServer); err != nil {
		return now, err
	}
	if of.hook != "" {
		if now.hook, err = lab.CPUTime(b.servers[of.hook].PID); err != nil {
			return now, err
		}
	}
	if now.callers, err = lab.CPUTime(os.Getpid()); err != nil {
		return now, err
	}
	now.machine, err = lab.BusyTime()
	return now, err
}

// reviews is how many Plimsoll was asked for so far.
func (b *bench) reviews() (int, error) {
	response, err := http.Get(b.servers[plimsollServer].Management + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	return countReviews(string(text))
}

func countReviews(metrics string) (int, error) {
	count := 0
	for line := range strings.Lines(metrics) {
		sample, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name, _, _ := strings.Cut(sample, "{"); name != "plimsoll_reviews_total" {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", line, err)
		}
		count += int(number)
	}
	return count, nil
}

// counted holds the reviews that came to what had to be sent: all without the prefilter, with it the violating ones.
func (b *bench) counted(before int) error {
	now, err := b.reviews()
	if err != nil {
		return err
	}
	expected := b.sent[withoutPrefilter+"true"] + b.sent[withoutPrefilter+"false"] + b.sent[withPrefilter+"true"]
	if now-before != expected {
		return fmt.Errorf("Plimsoll was asked %d times, and should have been %d times: the prefilter let through what it should not, or sent what it need not", now-before, expected)
	}
	return nil
}

// percentiles are those of each round.
func (r results) percentiles(of cell, perMille int) []float64 {
	return lab.Each(r.rounds[of], func(m measurement) float64 { return float64(lab.Percentile(m.took, perMille)) })
}

// all are the times of all rounds, sorted.
func (r results) all(of cell) []time.Duration {
	var all []time.Duration
	for _, one := range r.rounds[of] {
		all = append(all, one.took...)
	}
	slices.Sort(all)
	return all
}

// cpu is what a request cost on average.
func (r results) cpu(of cell, take func(measurement) time.Duration) float64 {
	var sum time.Duration
	for _, one := range r.rounds[of] {
		sum += take(one)
	}
	return float64(sum) / float64(len(r.rounds[of])*of.load.requests)
}
