package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"plimsoll.dev/plimsoll/bench/lab"
)

// bench calls the two servers in turn. Each measurement has a fresh process, and the other server does not run.
type bench struct {
	reviews  []review
	expected []bool // the verdict on each review
	stage    lab.Stage
	progress io.Writer
}

// measurement is what one server did under one load.
type measurement struct {
	perSecond         float64
	cpu, generatorCPU time.Duration // a review
	p50, p99, p999    time.Duration
	memory            lab.Memory
	elsewhere         float64 // the part of all cores' time that neither server nor generator used, nor idled
	dials             int64
}

// with runs a server for as long as the measurement of it takes.
func (b *bench) with(ctx context.Context, hook lab.Webhook, measure func(*lab.Process, *client) error) error {
	process, err := hook.Start(ctx)
	if err != nil {
		return err
	}
	defer process.Stop()
	client := newClient(b.stage.Authority)
	defer client.close()
	if err := measure(process, client); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx) // the server is not to blame
		}
		return fmt.Errorf("%s: %w", hook.Name, process.Wrap(err))
	}
	return nil
}

// agree gets each server's verdicts and refuses to go on if they differ: then the two would not do the same work.
func (b *bench) agree(ctx context.Context, hooks []lab.Webhook) error {
	verdicts := make([][]bool, len(hooks))
	for index, hook := range hooks {
		err := b.with(ctx, hook, func(process *lab.Process, client *client) (err error) {
			verdicts[index], err = compare(endpoint(process.Reviews), client, b.reviews)
			return err
		})
		if err != nil {
			return err
		}
	}
	differ := 0
	for index, review := range b.reviews {
		fmt.Fprintf(b.progress, "%-36s", review.name)
		for which, hook := range hooks {
			fmt.Fprintf(b.progress, " %s: %-8s", hook.Name, verdict(verdicts[which][index]))
			if verdicts[which][index] != verdicts[0][index] {
				differ++
			}
		}
		fmt.Fprintln(b.progress)
	}
	if differ > 0 {
		return fmt.Errorf("the servers disagree on %d of %d reviews", differ, len(b.reviews))
	}
	b.expected = verdicts[0]
	return nil
}

func verdict(allowed bool) string {
	if allowed {
		return "allowed"
	}
	return "denied"
}

// measure applies a load to a fresh server, after a warm-up in the same manner that is not counted.
func (b *bench) measure(ctx context.Context, hook lab.Webhook, load load, warmUp int) (measurement, error) {
	var result measurement
	err := b.with(ctx, hook, func(process *lab.Process, client *client) error {
		warm := load
		warm.reviews, warm.rate = warmUp, 0
		if _, err := warm.generate(ctx, endpoint(process.Reviews), client, b.reviews, b.expected); err != nil {
			return err
		}
		before, err := usage(process)
		if err != nil {
			return err
		}
		dials := client.dials.Load()
		begun := time.Now()
		took, err := load.generate(ctx, endpoint(process.Reviews), client, b.reviews, b.expected)
		elapsed := time.Since(begun)
		if err != nil {
			return err
		}
		after, err := usage(process)
		if err != nil {
			return err
		}
		spent := cpuUsage{after.server - before.server, after.generator - before.generator, after.machine - before.machine}
		result = measurement{
			perSecond:    float64(load.reviews) / elapsed.Seconds(),
			cpu:          spent.server / time.Duration(load.reviews),
			generatorCPU: spent.generator / time.Duration(load.reviews),
			elsewhere:    max(0, float64(spent.machine-spent.server-spent.generator)/float64(elapsed)/float64(runtime.NumCPU())),
			p50:          lab.Percentile(took, 500),
			p99:          lab.Percentile(took, 990),
			p999:         lab.Percentile(took, 999),
			dials:        client.dials.Load() - dials,
		}
		result.memory, err = lab.ReadMemory(process.PID)
		return err
	})
	return result, err
}

type cpuUsage struct{ server, generator, machine time.Duration }

func usage(process *lab.Process) (now cpuUsage, err error) {
	if now.server, err = lab.CPUTime(process.PID); err != nil {
		return now, err
	}
	if now.generator, err = lab.CPUTime(os.Getpid()); err != nil {
		return now, err
	}
	now.machine, err = lab.BusyTime()
	return now, err
}

// middle takes the median of each figure over the rounds.
func middle(rounds []measurement) measurement {
	return measurement{
		perSecond:    lab.Median(lab.Each(rounds, func(m measurement) float64 { return m.perSecond })),
		cpu:          lab.Median(lab.Each(rounds, func(m measurement) time.Duration { return m.cpu })),
		generatorCPU: lab.Median(lab.Each(rounds, func(m measurement) time.Duration { return m.generatorCPU })),
		p50:          lab.Median(lab.Each(rounds, func(m measurement) time.Duration { return m.p50 })),
		p99:          lab.Median(lab.Each(rounds, func(m measurement) time.Duration { return m.p99 })),
		p999:         lab.Median(lab.Each(rounds, func(m measurement) time.Duration { return m.p999 })),
		elsewhere:    lab.Median(lab.Each(rounds, func(m measurement) float64 { return m.elsewhere })),
		dials:        lab.Median(lab.Each(rounds, func(m measurement) int64 { return m.dials })),
		memory: lab.Memory{
			Resident: lab.Median(lab.Each(rounds, func(m measurement) int64 { return m.memory.Resident })),
			Peak:     lab.Median(lab.Each(rounds, func(m measurement) int64 { return m.memory.Peak })),
		},
	}
}

// growth returns by what part the last sample exceeds the one taken half-way, by when pools and caches have reached
// their size. It is zero for fewer than two samples.
func growth(samples []int64) float64 {
	if len(samples) < 2 {
		return 0
	}
	settled := samples[len(samples)/2-1]
	if settled == 0 {
		return 0
	}
	return float64(samples[len(samples)-1])/float64(settled) - 1
}

// series is a server's memory after each tenth of a long load.
type series struct {
	step     int // reviews between two samples
	resident []int64
	peak     int64
}

func (b *bench) endure(ctx context.Context, hook lab.Webhook, load load) (series, error) {
	result := series{step: load.reviews / 10}
	load.reviews = result.step
	err := b.with(ctx, hook, func(process *lab.Process, client *client) error {
		for range 10 {
			if _, err := load.generate(ctx, endpoint(process.Reviews), client, b.reviews, b.expected); err != nil {
				return err
			}
			now, err := lab.ReadMemory(process.PID)
			if err != nil {
				return err
			}
			result.resident, result.peak = append(result.resident, now.Resident), now.Peak
		}
		return nil
	})
	return result, err
}

// starts times a server's way from exec to ready, and returns the median.
func (b *bench) starts(ctx context.Context, hook lab.Webhook, times int) (time.Duration, error) {
	var ready []time.Duration
	for range times {
		err := b.with(ctx, hook, func(process *lab.Process, _ *client) error {
			ready = append(ready, process.Ready)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return lab.Median(ready), nil
}
