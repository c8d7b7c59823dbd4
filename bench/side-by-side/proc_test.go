package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// The CPU clock must hold between two readings of the account that getrusage gives of the same process.
func TestCPUTimeIsThatOfTheWholeProcess(t *testing.T) {
	account := func() time.Duration {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			t.Fatal(err)
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	for begun := account(); account() < begun+50*time.Millisecond; { // all of it spent by threads of this process
	}
	before := account()
	got, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after := account(); got < before-time.Millisecond || got > after+time.Millisecond {
		t.Errorf("cpuTime = %v, want it from %v to %v", got, before, after)
	}
	if own, err := cpuTime(0); err != nil || own < got {
		t.Errorf("cpuTime of oneself = %v, %v, want at least %v", own, err, got)
	}
}

func TestCPUTimeOfNoProcess(t *testing.T) {
	if got, err := cpuTime(1 << 22); err == nil {
		t.Errorf("cpuTime of a process that cannot be = %v, want an error", got)
	}
}

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("Name:\twebhook\nVmPeak:\t  999 kB\nVmHWM:\t   14336 kB\nVmRSS:\t   12288 kB\nThreads:\t9\n")
	if err != nil || got != (memory{resident: 12288, peak: 14336}) {
		t.Errorf("parseMemory = %+v, %v", got, err)
	}
	for _, status := range []string{"", "VmRSS:\t12 kB\n", "VmRSS:\t12 MB\nVmHWM:\t12 kB\n", "VmRSS:\tx kB\nVmHWM:\t12 kB\n"} {
		if got, err := parseMemory(status); err == nil {
			t.Errorf("parseMemory(%q) = %+v, want an error", status, got)
		}
	}
}

func TestParseModel(t *testing.T) {
	if got := parseModel("processor\t: 0\nmodel\t\t: 17\nmodel name\t: ACME Nine 9000\nmodel name\t: other\n", "unknown"); got != "ACME Nine 9000" {
		t.Errorf("parseModel = %q", got)
	}
	if got := parseModel("processor\t: 0\n", "unknown"); got != "unknown" {
		t.Errorf("parseModel without a name = %q", got)
	}
}
