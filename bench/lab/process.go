package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a server that this bench started. It dies with the bench, however that ends.
type Process struct {
	Reviews    string        // where it takes reviews, once ready: a URL without its query
	Management string        // of Plimsoll: the URL of its management port
	Ready      time.Duration // from exec to the first 200 of its readiness probe
	PID        int
	process    *os.Process
	begun      time.Time
	lines      chan string   // what it says first, on either output
	ended      chan struct{} // closed when it has

	mutex sync.Mutex
	said  []string // what it said last
}

// Keep copies a program, so that a build during a run does not change what is measured, and returns the copy's path.
func Keep(binary, folder string) (string, error) {
	from, err := os.Open(binary)
	if err != nil {
		return "", err
	}
	defer from.Close()
	kept := filepath.Join(folder, "kept-"+filepath.Base(binary))
	to, err := os.OpenFile(kept, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return kept, errors.Join(err, to.Close())
}

// Spawn starts a program with the runtime's defaults: nothing of the bench's own environment reaches it.
func Spawn(binary string, arguments ...string) (*Process, error) {
	command := exec.Command(binary, arguments...)
	command.Env = []string{"PATH=/usr/bin:/bin"}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	started := &Process{lines: make(chan string, 64), ended: make(chan struct{}), begun: time.Now()}
	if err := command.Start(); err != nil {
		return nil, err
	}
	started.process, started.PID = command.Process, command.Process.Pid
	go started.listen(reader)
	go func() {
		command.Wait()
		writer.Close()
		close(started.ended)
	}()
	return started, nil
}

func (p *Process) listen(output io.Reader) {
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimRight(line, "\n"); line != "" {
			p.mutex.Lock()
			p.said = append(p.said[max(0, len(p.said)-9):], line)
			p.mutex.Unlock()
			select {
			case p.lines <- line:
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

// Stop asks the process to end and makes it.
func (p *Process) Stop() {
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		p.process.Signal(signal)
		select {
		case <-p.ended:
			return
		case <-time.After(10 * time.Second):
		}
	}
}

// Wrap adds to an error what the process said last.
func (p *Process) Wrap(err error) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if err == nil || len(p.said) == 0 {
		return err
	}
	return fmt.Errorf("%w; the server said last:\n\t%s", err, strings.Join(slices.Clone(p.said), "\n\t"))
}

// AwaitReady asks the probe again and again until it answers 200, and notes how long that took since exec.
func (p *Process) AwaitReady(ctx context.Context, transport *http.Transport, probe string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, probe, nil)
	if err != nil {
		return err
	}
	for {
		response, err := transport.RoundTrip(request)
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				p.Ready = time.Since(p.begun)
				return nil
			}
			err = fmt.Errorf("%s", response.Status)
		}
		select {
		case <-p.ended:
			return p.Wrap(fmt.Errorf("ended before it was ready"))
		case <-ctx.Done():
			return p.Wrap(fmt.Errorf("not ready: %w", err))
		case <-time.After(250 * time.Microsecond):
		}
	}
}
