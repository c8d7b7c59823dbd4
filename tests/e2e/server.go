package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/yaml"
)

// server is a running `plimsoll serve`.
type server struct {
	*process
	address    string // of the webhook
	management string
	listening  chan struct{} // closed once it says so
	since      time.Time     // when it said so; read after listening
	expected   bool          // that it ends before the test does
}

// settings are the configuration file of a server, as YAML has them.
type settings map[string]any

// section is a mapping inside of the settings, made where it is not there.
func (s settings) section(name string) settings {
	switch found := s[name].(type) {
	case settings:
		return found
	case map[string]any:
		return found
	}
	made := settings{}
	s[name] = made
	return made
}

// serve starts a server that ends with the test, and returns at once. `at` is where it listens.
func serve(t testing.TB, at string, configuration settings, environment ...string) *server {
	t.Helper()
	configuration = maps.Clone(configuration)
	if configuration == nil {
		configuration = settings{}
	}
	configuration["apiVersion"], configuration["kind"] = "plimsoll.dev/v1alpha1", "Configuration"
	serving := maps.Clone(configuration.section("server"))
	serving["listen"], serving["management"] = at, "127.0.0.1:0"
	configuration["server"] = serving
	file := filepath.Join(t.TempDir(), "plimsoll.yaml")
	text := must(yaml.Marshal(configuration))(t)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{address: at, listening: make(chan struct{})}
	said := func(line string) {
		var entry struct{ Msg, Address, Management string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
			s.address, s.management, s.since = entry.Address, entry.Management, time.Now()
			close(s.listening)
		}
	}
	s.process = must(spawn("plimsoll", said, environment, must(binary())(t), "serve", "--config", file))(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("plimsoll at %s, configured with\n%s\nsaid last:\n\t%s", s.address, text, s.last(40))
		}
		if s.expected || t.Failed() {
			if s.running() {
				s.kill()
			}
		} else if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stop ends the server as a person at a terminal does: without the delay that SIGTERM has for the sake
// of load balancers.
func (s *server) stop() error {
	return s.process.stop(syscall.SIGINT)
}

// ready waits until the server says that it is.
func (s *server) ready(t testing.TB) *server {
	t.Helper()
	select {
	case <-s.listening:
	case <-s.ended:
		t.Fatalf("plimsoll ended before it listened: %v\n\t%s", s.err, s.last(20))
	case <-time.After(startDeadline):
		t.Fatalf("plimsoll did not listen within %s\n\t%s", startDeadline, s.last(20))
	}
	eventually(t, startDeadline, func() (bool, string) {
		status, body, err := get("http://" + s.management + "/readyz")
		return err == nil && status == http.StatusOK, fmt.Sprintf("/readyz: %d %s %v", status, body, err)
	})
	return s
}

func get(url string) (int, string, error) {
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// metric is the sum of all samples of a metric that have these labels.
func (s *server) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	_, body, err := get("http://" + s.management + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
lines:
	for line := range strings.Lines(body) {
		sample, value, is := strings.Cut(strings.TrimSpace(line), " ")
		own, all, _ := strings.Cut(sample, "{")
		if !is || own != name {
			continue
		}
		found = true
		for _, label := range labels {
			if !strings.Contains(all, label) {
				continue lines
			}
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sum += number
	}
	if !found {
		t.Errorf("/metrics knows no %s", name)
	}
	return sum
}

// files are a CA and a serving certificate of loopback, as `plimsoll certs` makes them.
type files struct{ folder string }

func makeFiles(t testing.TB) files {
	t.Helper()
	f := files{t.TempDir()}
	f.renew(t)
	return f
}

// renew makes all of them anew.
func (f files) renew(t testing.TB) {
	t.Helper()
	out, err := exec.Command(must(binary())(t), "certs", f.folder, "--host", "localhost", "--host", "127.0.0.1").CombinedOutput()
	if err != nil {
		t.Fatalf("certs: %v\n%s", err, out)
	}
}

func (f files) read(t testing.TB, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join(f.folder, name)))(t)
}

func (f files) settings() settings {
	return settings{"tlsCert": filepath.Join(f.folder, "tls.crt"), "tlsKey": filepath.Join(f.folder, "tls.key")}
}

// poster sends reviews straight to a server, as the API server does.
type poster struct {
	client *http.Client
	url    string
}

func newPoster(t testing.TB, at string, authority []byte, connections int) poster {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatal("no certificate of the authority")
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
	}}
	t.Cleanup(client.CloseIdleConnections)
	return poster{client, "https://" + at}
}

// ask sends a review and returns the answer to it, or why there was none within the time given.
func (p poster) ask(within time.Duration, route string, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, error) {
	review := admissionv1.AdmissionReview{Request: request}
	review.Kind, review.APIVersion = "AdmissionReview", "admission.k8s.io/v1"
	body, err := json.Marshal(review)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s%s?timeout=%s", p.url, route, within), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	ask.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(ask)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d: %s", route, response.StatusCode, answer)
	}
	review.Response = nil
	if err := json.Unmarshal(answer, &review); err != nil {
		return nil, err
	}
	if review.Response == nil || review.Response.UID != request.UID {
		return nil, fmt.Errorf("%s answers not to what was asked: %s", route, answer)
	}
	return review.Response, nil
}
