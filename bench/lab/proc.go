package lab

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every architecture that Go supports.
const tick = 10 * time.Millisecond

// CPUTime returns the user and system time that all threads of a process have used, ended ones included.
func CPUTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPUTime(string(text))
}

// parseCPUTime adds utime and stime, the 14th and 15th field of /proc/PID/stat. The second field is the program's name
// in parentheses, which may itself hold blanks and parentheses.
func parseCPUTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 || len(fields) == len(strings.Fields(stat)) {
		return 0, fmt.Errorf("no process status: %.80q", stat)
	}
	return sumTicks(fields[11:13])
}

// BusyTime returns how long the cores of this machine have not been idle, summed over the cores, including the time
// that a hypervisor gave to others.
func BusyTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseBusyTime(string(text))
}

// parseBusyTime adds all times of the first line of /proc/stat but the 4th and 5th, idle and waiting for a disk, and
// those after the 8th, which are parts of the first two.
func parseBusyTime(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("no CPU times: %.80q", line)
	}
	return sumTicks(slices.Concat(fields[1:4], fields[6:9]))
}

func sumTicks(fields []string) (time.Duration, error) {
	var sum time.Duration
	for _, field := range fields {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

// Memory is what a process has in physical memory, in KiB.
type Memory struct{ Resident, Peak int64 }

func ReadMemory(pid int) (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	return parseMemory(string(text))
}

func parseMemory(status string) (Memory, error) {
	resident, err := parseKiB(status, "VmRSS")
	if err != nil {
		return Memory{}, err
	}
	peak, err := parseKiB(status, "VmHWM")
	return Memory{resident, peak}, err
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

// Machine describes where the numbers were measured.
func Machine() string {
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
