package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Options are those of every benchmark.
type Options struct {
	Root, Upstream, Plimsoll, Write string
	Timeout                         time.Duration
}

// Flags defines them. The section is that of the document.
func (o *Options) Flags(flags *flag.FlagSet, section string, timeout time.Duration) {
	flags.StringVar(&o.Root, "root", ".", "the repository")
	flags.StringVar(&o.Upstream, "upstream", "", "the upstream webhook's binary (run builds it)")
	flags.StringVar(&o.Plimsoll, "plimsoll", "", "Plimsoll's binary (default build/release/plimsoll of the repository)")
	flags.StringVar(&o.Write, "write", "", "the document whose "+section+" section to write, or none (default docs/performance.md of the repository)")
	flags.DurationVar(&o.Timeout, "timeout", timeout, "when to give up")
}

// Parse reads the arguments. The quick values are those of the flags that are not given beside --quick.
func (o *Options) Parse(flags *flag.FlagSet, arguments []string, quick map[string]string) error {
	shorten := flags.Bool("quick", false, "a run of a minute, to see that everything works: not for quoting, and by default not written")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *shorten {
		flags.Visit(func(given *flag.Flag) { delete(quick, given.Name) })
		for name, value := range quick {
			if err := flags.Lookup(name).Value.Set(value); err != nil {
				return err
			}
		}
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.Write == "" {
		o.Write = filepath.Join(o.Root, "docs/performance.md")
	}
	if o.Plimsoll == "" {
		o.Plimsoll = filepath.Join(o.Root, "build/release/plimsoll")
	}
	if _, err := os.Stat(o.Plimsoll); err != nil {
		return fmt.Errorf("%w; build it with: cmake --preset release && cmake --build --preset release", err)
	}
	return nil
}

// Main is a benchmark's: it exits with 2 when that could not measure.
func Main(name string, run func(ctx context.Context, flags *flag.FlagSet, arguments []string) error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	if err := run(ctx, flags, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(2)
	}
}
