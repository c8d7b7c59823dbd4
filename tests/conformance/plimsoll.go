package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
)

// connections is how many are kept open to a server: enough to keep it busy while upstream is asked.
func connections() int { return 4 * cores() }

const (
	startDeadline = 60 * time.Second // a sanitizer's binary is slow to start on a busy machine
	stopDeadline  = 60 * time.Second
	askDeadline   = 60 * time.Second
)

// server is a running `plimsoll serve` with a certificate of its own.
type server struct {
	url     string
	client  *http.Client
	process *exec.Cmd
	folder  string
	log     *tail
	ended   chan struct{} // closed once the process is gone
	err     error         // how it went; read after ended
}

// start runs a binary and returns once it listens. `arguments` are further ones for serve.
func start(binary string, arguments ...string) (*server, error) {
	folder, err := os.MkdirTemp("", "plimsoll-conformance-")
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder, log: &tail{}, ended: make(chan struct{})}
	if err := s.start(binary, arguments); err != nil {
		os.RemoveAll(folder)
		return nil, fmt.Errorf("%s: %w", binary, err)
	}
	return s, nil
}

func (s *server) start(binary string, arguments []string) error {
	if out, err := exec.Command(binary, "certs", s.folder, "--host", "localhost", "--host", "127.0.0.1").CombinedOutput(); err != nil {
		return fmt.Errorf("certs: %w\n%s", err, out)
	}
	authority, err := os.ReadFile(filepath.Join(s.folder, "ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return errors.New("ca.crt holds no certificate")
	}
	s.client = &http.Client{Timeout: askDeadline, Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		MaxIdleConnsPerHost: connections(),
		MaxConnsPerHost:     connections(),
		DisableCompression:  true,
	}}

	s.process = exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--management", "127.0.0.1:0",
		"--tls-cert", filepath.Join(s.folder, "tls.crt"), "--tls-key", filepath.Join(s.folder, "tls.key")}, arguments...)...)
	stderr, err := s.process.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	address := make(chan string, 1)
	go s.follow(stderr, address)
	select {
	case at := <-address:
		s.url = "https://" + at
		return nil
	case <-s.ended:
		return fmt.Errorf("serve ended before it listened: %v\n%s", s.err, s.log)
	case <-time.After(startDeadline):
		s.process.Process.Kill()
		<-s.ended
		return fmt.Errorf("serve did not listen within %s\n%s", startDeadline, s.log)
	}
}

// follow reads the log to its end, so that the server never waits for its reader.
func (s *server) follow(stderr io.Reader, address chan<- string) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.log.add(line)
			var entry struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" && entry.Address != "" {
				select {
				case address <- entry.Address:
				default:
				}
			}
		}
		if err != nil {
			break
		}
	}
	s.err = s.process.Wait()
	close(s.ended)
}

// stop ends the server as a node does, and complains if it had ended before or ends badly: that is
// also where a sanitizer's findings show.
func (s *server) stop() error {
	defer os.RemoveAll(s.folder)
	s.client.CloseIdleConnections()
	select {
	case <-s.ended:
		return fmt.Errorf("the server ended before its time: %v\n%s", s.err, s.log)
	default:
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(stopDeadline):
		s.process.Process.Kill()
		<-s.ended
		return fmt.Errorf("the server did not stop within %s\n%s", stopDeadline, s.log)
	}
	if s.err != nil {
		return fmt.Errorf("the server stopped badly: %w\n%s", s.err, s.log)
	}
	return nil
}

// kill ends the server at once: for one that is not under test itself.
func (s *server) kill() {
	defer os.RemoveAll(s.folder)
	s.client.CloseIdleConnections()
	s.process.Process.Kill()
	<-s.ended
}

// post sends a body to a route.
func (s *server) post(route string, body []byte) (status int, answer []byte, err error) {
	ask, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+route, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	ask.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(ask)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// ask sends a review to a fixed route and returns the answer to it.
func (s *server) ask(mode string, at api.LevelVersion, r request, order int) (*admissionv1.AdmissionResponse, error) {
	return s.askRoute("/validate/"+mode+"/"+templateRef(at), r, order)
}

func (s *server) askRoute(route string, r request, order int) (*admissionv1.AdmissionResponse, error) {
	status, body, err := s.post(route, r.review(order))
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d: %s", route, status, body)
	}
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, fmt.Errorf("%s answers what is no review: %w\n%s", route, err, body)
	}
	switch {
	case review.Kind != "AdmissionReview" || review.APIVersion != "admission.k8s.io/v1":
		return nil, fmt.Errorf("%s answers with %s of %s", route, review.Kind, review.APIVersion)
	case review.Response == nil:
		return nil, fmt.Errorf("%s answers without a response: %s", route, body)
	case string(review.Response.UID) != r.uid:
		return nil, fmt.Errorf("%s answers to %q, asked was %q", route, review.Response.UID, r.uid)
	}
	return review.Response, nil
}

// failing reads the controls that an answer of an enforcing route says to be failing, and holds the
// answer to the form that the API server and people rely on.
func failing(response *admissionv1.AdmissionResponse, at api.LevelVersion) (controls, error) {
	if response.Allowed {
		if response.Result != nil && response.Result.Details != nil && len(response.Result.Details.Causes) > 0 {
			return 0, errors.New("allowed, with causes")
		}
		return 0, nil
	}
	status := response.Result
	if status == nil || status.Details == nil || len(status.Details.Causes) == 0 {
		return 0, errors.New("denied without a cause")
	}
	if status.Code != http.StatusForbidden || status.Reason != metav1.StatusReasonForbidden || status.Message == "" {
		return 0, fmt.Errorf("denied with code %d, reason %q, message %q", status.Code, status.Reason, status.Message)
	}
	var all controls
	for _, cause := range status.Details.Causes {
		if cause.Field == "" || cause.Message == "" {
			return 0, fmt.Errorf("cause %q has field %q, message %q", cause.Type, cause.Field, cause.Message)
		}
		bit, err := controlOf(string(cause.Type), at)
		if err != nil {
			return 0, err
		}
		all |= bit
	}
	return all, nil
}

// tail keeps the last lines of a log.
type tail struct {
	lock  sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	const kept = 60 // a sanitizer's report fits
	t.lines = append(t.lines, line)
	if len(t.lines) > kept {
		t.lines = append([]string(nil), t.lines[len(t.lines)-kept:]...)
	}
}

func (t *tail) String() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return strings.Join(t.lines, "")
}
