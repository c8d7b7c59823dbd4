package main

import (
	"context"
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

// webhook is one of the two servers that are compared.
type webhook struct {
	name    string
	version string
	start   func(context.Context) (*process, error) // returns it ready
}

// stage is what both servers need in order to run: a folder of files, and a certificate whose CA the client trusts.
type stage struct {
	folder    string
	authority *x509.CertPool
}

func (s stage) file(name string) string { return filepath.Join(s.folder, name) }

// setStage makes one CA and one ECDSA P-256 serving certificate for both servers.
func setStage(ctx context.Context, folder, plimsoll string) (stage, error) {
	made := stage{folder, x509.NewCertPool()}
	certs := exec.CommandContext(ctx, plimsoll, "certs", folder, "--host", "localhost", "--host", "127.0.0.1")
	if output, err := certs.CombinedOutput(); err != nil {
		return made, fmt.Errorf("plimsoll certs: %w\n%s", err, output)
	}
	authority, err := os.ReadFile(made.file("ca.crt"))
	if err != nil {
		return made, err
	}
	if !made.authority.AppendCertsFromPEM(authority) {
		return made, errors.New("plimsoll certs: ca.crt holds no certificate")
	}
	return made, nil
}

// upstream is Kubernetes' own webhook, its namespaces read from the fake API and judged at the level by their labels.
func upstream(binary string, stage stage, kube *fakeKube) (webhook, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return webhook{}, err
	}
	const configuration = `apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: {enforce: privileged, enforce-version: latest, audit: privileged, audit-version: latest, warn: privileged, warn-version: latest}
exemptions: {usernames: [], runtimeClasses: [], namespaces: []}
`
	kubeconfig := "kubeconfig-" + kube.level
	for name, text := range map[string]string{"podsecurity.yaml": configuration, kubeconfig: kube.kubeconfig()} {
		if err := os.WriteFile(stage.file(name), []byte(text), 0o600); err != nil {
			return webhook{}, err
		}
	}
	start := func(ctx context.Context) (*process, error) {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		started, err := spawn(binary, "--bind-address", "127.0.0.1", "--secure-port", port,
			"--tls-cert-file", stage.file("tls.crt"), "--tls-private-key-file", stage.file("tls.key"),
			"--config", stage.file("podsecurity.yaml"), "--kubeconfig", stage.file(kubeconfig))
		if err != nil {
			return nil, err
		}
		address := "https://127.0.0.1:" + port
		started.reviews = endpoint(address + "/")
		if err := started.awaitReady(ctx, newClient(stage.authority).transport, address+"/readyz"); err != nil {
			started.stop()
			return nil, fmt.Errorf("upstream: %w", err)
		}
		return started, nil
	}
	version := fmt.Sprintf("%s %s, built with %s", info.Path, info.Main.Version, info.GoVersion)
	return webhook{"upstream", version, start}, nil
}

// plimsoll judges at the level by its fixed route.
func plimsoll(ctx context.Context, binary string, stage stage, level string) (webhook, error) {
	version, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return webhook{}, fmt.Errorf("plimsoll version: %w", err)
	}
	start := func(ctx context.Context) (*process, error) {
		started, err := spawn(binary, "serve", "--listen", "127.0.0.1:0", "--management", "127.0.0.1:0",
			"--tls-cert", stage.file("tls.crt"), "--tls-key", stage.file("tls.key"))
		if err != nil {
			return nil, err
		}
		address, management, err := listening(ctx, started)
		if err == nil {
			started.reviews = endpoint("https://" + address + "/validate/enforce/" + level)
			err = started.awaitReady(ctx, &http.Transport{}, "http://"+management+"/readyz")
		}
		if err != nil {
			started.stop()
			return nil, fmt.Errorf("plimsoll: %w", err)
		}
		return started, nil
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(version)), "\n")
	return webhook{"Plimsoll", first, start}, nil
}

// listening waits for Plimsoll to say where it listens.
func listening(ctx context.Context, started *process) (address, management string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		select {
		case line := <-started.lines:
			if address, management, found := parseListening(line); found {
				return address, management, nil
			}
		case <-started.ended:
			return "", "", started.wrap(errors.New("ended before it listened"))
		case <-ctx.Done():
			return "", "", started.wrap(errors.New("did not say where it listens"))
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
