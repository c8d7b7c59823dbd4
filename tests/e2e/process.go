package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that a test started. It dies with the tests, however they end.
type process struct {
	name    string
	command *exec.Cmd
	lines   func(string) // called for each line of its stderr, if set
	ended   chan struct{}
	err     error // how it went; read after ended

	lock sync.Mutex
	said []string // what it said last
}

// spawn starts a program whose output is kept. Nothing of the tests' own environment reaches it but
// what is given.
func spawn(name string, lines func(string), environment []string, binary string, arguments ...string) (*process, error) {
	p := &process{name: name, lines: lines, ended: make(chan struct{})}
	p.command = exec.Command(binary, arguments...)
	p.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.command.Stdout, p.command.Stderr = writer, writer
	started := make(chan error)
	// The kernel sends the signal when the thread that forked ends: this one ends with the process.
	threads.Do(func() { go forkAll() })
	forks <- func() { started <- p.command.Start() }
	err = <-started
	writer.Close()
	if err != nil {
		reader.Close()
		return nil, err
	}
	go p.follow(reader)
	return p, nil
}

// follow reads to the end, so that the process never waits for its reader.
func (p *process) follow(output io.ReadCloser) {
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimRight(line, "\n"); line != "" {
			// What the server decided would push out all else.
			if !strings.Contains(line, `"msg":"decision"`) {
				const kept = 400
				p.lock.Lock()
				p.said = append(p.said[max(0, len(p.said)-kept):], line)
				p.lock.Unlock()
			}
			if p.lines != nil {
				p.lines(line)
			}
		}
		if err != nil {
			break
		}
	}
	output.Close()
	p.err = p.command.Wait()
	close(p.ended)
}

// last is what the process said last.
func (p *process) last(lines int) string {
	p.lock.Lock()
	defer p.lock.Unlock()
	return strings.Join(p.said[max(0, len(p.said)-lines):], "\n\t")
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop ends the process as a node does, and complains if it had ended before or ends badly.
func (p *process) stop(signal os.Signal) error {
	if !p.running() {
		return fmt.Errorf("%s ended before its time: %v\n\t%s", p.name, p.err, p.last(20))
	}
	p.command.Process.Signal(signal)
	select {
	case <-p.ended:
	case <-time.After(stopDeadline):
		p.kill()
		return fmt.Errorf("%s did not stop within %s\n\t%s", p.name, stopDeadline, p.last(20))
	}
	if p.err != nil {
		return fmt.Errorf("%s stopped badly: %w\n\t%s", p.name, p.err, p.last(20))
	}
	return nil
}

// kill ends the process at once.
func (p *process) kill() {
	p.command.Process.Kill()
	<-p.ended
}

var (
	threads sync.Once
	forks   = make(chan func())
)
