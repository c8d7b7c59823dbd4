package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Webhook is a server that is measured.
type Webhook struct {
	Name    string
	Version string
	Start   func(context.Context) (*Process, error) // returns it ready
}

// Stage is what the servers need in order to run: a folder of files, and a certificate whose CA the client trusts.
type Stage struct {
	Folder    string
	Authority *x509.CertPool
}

func (s Stage) File(name string) string { return filepath.Join(s.Folder, name) }

// SetStage makes one CA and one ECDSA P-256 serving certificate for all servers.
func SetStage(ctx context.Context, folder, plimsoll string) (Stage, error) {
	made := Stage{folder, x509.NewCertPool()}
	certs := exec.CommandContext(ctx, plimsoll, "certs", folder, "--host", "localhost", "--host", "127.0.0.1")
	if output, err := certs.CombinedOutput(); err != nil {
		return made, fmt.Errorf("plimsoll certs: %w\n%s", err, output)
	}
	authority, err := os.ReadFile(made.File("ca.crt"))
	if err != nil {
		return made, err
	}
	if !made.Authority.AppendCertsFromPEM(authority) {
		return made, errors.New("plimsoll certs: ca.crt holds no certificate")
	}
	return made, nil
}

// Upstream is Kubernetes' own webhook. It reads namespaces from the API server of the kubeconfig, and holds those without
// labels to the level.
func Upstream(binary string, stage Stage, kubeconfig, level string) (Webhook, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return Webhook{}, err
	}
	configuration := fmt.Sprintf(`apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: {enforce: %s, enforce-version: latest, audit: privileged, audit-version: latest, warn: privileged, warn-version: latest}
exemptions: {usernames: [], runtimeClasses: [], namespaces: []}
`, level)
	file := stage.File("podsecurity-" + level + ".yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return Webhook{}, err
	}
	start := func(ctx context.Context) (*Process, error) {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		started, err := Spawn(binary, "--bind-address", "127.0.0.1", "--secure-port", port,
			"--tls-cert-file", stage.File("tls.crt"), "--tls-private-key-file", stage.File("tls.key"),
			"--config", file, "--kubeconfig", kubeconfig)
		if err != nil {
			return nil, err
		}
		address := "https://127.0.0.1:" + port
		started.Reviews = address + "/"
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: stage.Authority, MinVersion: tls.VersionTLS13}}
		if err := started.AwaitReady(ctx, transport, address+"/readyz"); err != nil {
			started.Stop()
			return nil, fmt.Errorf("upstream: %w", err)
		}
		return started, nil
	}
	version := fmt.Sprintf("%s %s, built with %s", info.Path, info.Main.Version, info.GoVersion)
	return Webhook{"upstream", version, start}, nil
}

// Plimsoll is our own. The route is where reviews go, the arguments are for `serve` beside the addresses and the certificate.
func Plimsoll(ctx context.Context, binary string, stage Stage, route string, arguments ...string) (Webhook, error) {
	version, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return Webhook{}, fmt.Errorf("plimsoll version: %w", err)
	}
	start := func(ctx context.Context) (*Process, error) {
		started, err := Spawn(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--management", "127.0.0.1:0",
			"--tls-cert", stage.File("tls.crt"), "--tls-key", stage.File("tls.key")}, arguments...)...)
		if err != nil {
			return nil, err
		}
		address, management, err := listening(ctx, started)
		if err == nil {
			started.Reviews, started.Management = "https://"+address+route, "http://"+management
			err = started.AwaitReady(ctx, &http.Transport{}, "http://"+management+"/readyz")
		}
		if err != nil {
			started.Stop()
			return nil, fmt.Errorf("plimsoll: %w", err)
		}
		return started, nil
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(version)), "\n")
	return Webhook{"Plimsoll", first, start}, nil
}

// listening waits for Plimsoll to say where it listens.
func listening(ctx context.Context, started *Process) (address, management string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		select {
		case line := <-started.lines:
			if address, management, found := parseListening(line); found {
				return address, management, nil
			}
		case <-started.ended:
			return "", "", started.Wrap(errors.New("ended before it listened"))
		case <-ctx.Done():
			return "", "", started.Wrap(errors.New("did not say where it listens"))
		}
	}
}

func parseListening(line string) (address, management string, found bool) {
	var entry struct{ Msg, Address, Management string }
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "listening" {
		return "", "", false
	}
	return entry.Address, entry.Management, true
}

// freePort finds a port for upstream, which cannot be told to choose one itself.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
