package lab

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The reading must lie between two of the account that getrusage gives of the same process, each cut to a tick.
func TestCPUTimeIsThatOfTheWholeProcess(t *testing.T) {
	account := func() time.Duration {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			t.Fatal(err)
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	for begun := account(); account() < begun+5*tick; { // all of it spent by threads of this process
	}
	before := account()
	got, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after := account(); got < before-2*tick || got > after+2*tick {
		t.Errorf("CPUTime = %v, want it from %v to %v", got, before, after)
	}
	if busy, err := BusyTime(); err != nil || busy < got-2*tick {
		t.Errorf("BusyTime = %v, %v, want at least this process's %v", busy, err, got)
	}
}

func TestParseCPUTime(t *testing.T) {
	const rest = " S 1 2 3 0 -1 4194304 100 0 0 0 123 45 9 9 20 0 1 0 40773 3133440 388"
	for _, name := range []string{"plimsoll", "a b", "a) R (b", ")"} {
		if got, err := parseCPUTime("9220 (" + name + ")" + rest); err != nil || got != 1680*time.Millisecond {
			t.Errorf("%s: parseCPUTime = %v, %v", name, got, err)
		}
	}
	for _, stat := range []string{"", "9220", "9220 (x) S 1 2 3", "9220 (x)" + strings.Replace(rest, "45", "x", 1), "9220 x" + rest} {
		if got, err := parseCPUTime(stat); err == nil {
			t.Errorf("parseCPUTime(%q) = %v, want an error", stat, got)
		}
	}
}

func TestParseBusyTime(t *testing.T) {
	if got, err := parseBusyTime("cpu  1 20 300 9000 9000 4000 50000 600000 9 9\ncpu0 1 1\n"); err != nil || got != 654321*tick {
		t.Errorf("parseBusyTime = %v, %v", got, err)
	}
	for _, stat := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu x 2 3 4 5 6 7 8"} {
		if got, err := parseBusyTime(stat); err == nil {
			t.Errorf("parseBusyTime(%q) = %v, want an error", stat, got)
		}
	}
}

func TestCPUTimeOfNoProcess(t *testing.T) {
	if got, err := CPUTime(1 << 22); err == nil {
		t.Errorf("CPUTime of a process that cannot be = %v, want an error", got)
	}
}

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("Name:\twebhook\nVmPeak:\t  999 kB\nVmHWM:\t   14336 kB\nVmRSS:\t   12288 kB\nThreads:\t9\n")
	if err != nil || got != (Memory{Resident: 12288, Peak: 14336}) {
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
