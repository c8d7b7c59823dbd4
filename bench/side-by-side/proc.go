package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the CPU time that all threads of a process have used, ended ones included. It reads the process's
// CPU clock, whose unit is a nanosecond; utime and stime of /proc/PID/stat are the same account cut to ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED of linux/posix-timers_types.h: user and system time as the scheduler counts it
	var spent unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &spent); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(spent.Nano()), nil
}

// memory is what a process has in physical memory, in KiB.
type memory struct{ resident, peak int64 }

func readMemory(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	return parseMemory(string(text))
}

func parseMemory(status string) (memory, error) {
	resident, err := parseKiB(status, "VmRSS")
	if err != nil {
		return memory{}, err
	}
	peak, err := parseKiB(status, "VmHWM")
	return memory{resident, peak}, err
}

func parseKiB(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			number, found := strings.CutSuffix(strings.TrimSpace(value), " kB")
			if !found {
				return 0, fmt.Errorf("%s is %q, want a number of kB", name, strings.TrimSpace(value))
			}
			return strconv.ParseInt(number, 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in the process status", name)
}

// machine describes where the numbers were measured.
func machine() string {
	model := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model = parseModel(string(text), model)
	}
	kernel := "unknown kernel"
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release, _, _ := bytes.Cut(name.Release[:], []byte{0})
		version, _, _ := bytes.Cut(release, []byte("-")) // without the builder's suffix
		kernel = "Linux " + string(version)
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), kernel)
}

func parseModel(cpuinfo, otherwise string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}
