// Package controlplane runs etcd and kube-apiserver on loopback for as long as the program that started them lives.
package controlplane

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options are what not everybody wants alike.
type Options struct {
	AuditPolicy string // YAML; none: no audit log
	Keep        bool   // the folder, and print where it is
	Start, Stop time.Duration
}

// ControlPlane is etcd and kube-apiserver. Pods are stored; nothing runs them.
type ControlPlane struct {
	Folder     string       // certificates, the audit log and that of the API server
	Config     *rest.Config // an administrator's, without a limit of the client's own
	Kubeconfig string       // the same, as a file
	Address    string       // HOST:PORT of the API server

	options     Options
	environment *envtest.Environment
	output      *os.File
	release     func() // lets go what waits for the end of this program
}

// Start starts them, and returns when the API server answers.
func Start(options Options) (*ControlPlane, error) {
	folder, err := os.MkdirTemp("", "plimsoll-e2e-")
	if err != nil {
		return nil, err
	}
	c := &ControlPlane{Folder: folder, options: options}
	if err := c.reap(); err != nil {
		return nil, err
	}
	if err := c.start(); err != nil {
		said, _ := os.ReadFile(c.File("kube-apiserver.log"))
		c.Stop()
		return nil, fmt.Errorf("no control plane: %w\n%s", err, said[max(0, len(said)-4000):])
	}
	return c, nil
}

// reap sees to it that the control plane ends with this program even if that is killed: envtest's own
// processes would go on. The shell waits for the end of a pipe that nobody else holds.
func (c *ControlPlane) reap() error {
	const script = `cat; for entry in /proc/[0-9]*; do id=${entry#/proc/}
		[ "$id" = $$ ] || ! grep -qaF "$1/" "$entry/cmdline" 2>/dev/null || kill -KILL "$id"; done
		[ -n "$2" ] || rm -rf "$1"`
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	keep := ""
	if c.options.Keep {
		keep = "1"
	}
	reaper := exec.Command("/bin/sh", "-c", script, "reaper", c.Folder, keep)
	reaper.Stdin = reader
	reaper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := reaper.Start(); err != nil {
		writer.Close()
		return err
	}
	c.release = func() {
		writer.Close()
		reaper.Wait()
	}
	return nil
}

// File is a file of the folder.
func (c *ControlPlane) File(name string) string { return filepath.Join(c.Folder, name) }

func (c *ControlPlane) start() error {
	for _, folder := range []string{"certificates", "etcd"} {
		if err := os.Mkdir(c.File(folder), 0o700); err != nil {
			return err
		}
	}
	var err error
	if c.output, err = os.Create(c.File("kube-apiserver.log")); err != nil {
		return err
	}
	c.environment = &envtest.Environment{ControlPlaneStartTimeout: c.options.Start, ControlPlaneStopTimeout: c.options.Stop}
	server := c.environment.ControlPlane.GetAPIServer()
	etcd := &envtest.Etcd{DataDir: c.File("etcd")}
	c.environment.ControlPlane.Etcd = etcd
	for name, path := range map[string]*string{"etcd": &etcd.Path, "kube-apiserver": &server.Path, "kubectl": &c.environment.ControlPlane.KubectlPath} {
		if *path, err = Asset(name); err != nil {
			return err
		}
	}
	// A folder of ours, so that a restart finds the same certificates and keys.
	server.CertDir, server.Out, server.Err = c.File("certificates"), c.output, c.output
	flags := server.Configure().
		Set("service-account-issuer", "https://kubernetes.default.svc").
		Set("shutdown-watch-termination-grace-period", "1s"). // or a watch keeps it for a minute
		Set("endpoint-reconciler-type", "none").
		Set("profiling", "false")
	if c.options.AuditPolicy != "" {
		if err := os.WriteFile(c.File("audit-policy.yaml"), []byte(c.options.AuditPolicy), 0o600); err != nil {
			return err
		}
		flags.Set("audit-policy-file", c.File("audit-policy.yaml")).Set("audit-log-path", c.File("audit.log"))
	}
	if c.Config, err = c.environment.Start(); err != nil {
		return err
	}
	c.Config.QPS = -1
	c.Config.WarningHandler = rest.NoWarnings{} // who wants to hear them asks for them
	c.Address = net.JoinHostPort(server.SecureServing.Address, server.SecureServing.Port)
	c.Kubeconfig = c.File("admin.kubeconfig")
	return os.WriteFile(c.Kubeconfig, c.environment.KubeConfig, 0o600)
}

// Stop ends what Start started.
func (c *ControlPlane) Stop() error {
	var err error
	if c.environment != nil {
		err = c.environment.Stop()
	}
	c.release()
	if c.output != nil {
		err = errors.Join(err, c.output.Close())
	}
	if c.options.Keep {
		fmt.Fprintln(os.Stderr, "kept:", c.Folder)
		return err
	}
	return errors.Join(err, os.RemoveAll(c.Folder))
}

// Restart ends the API server and starts it again on the same port; `between` is called while it is away.
func (c *ControlPlane) Restart(between func()) error {
	server := c.environment.ControlPlane.GetAPIServer()
	if err := server.Stop(); err != nil {
		return err
	}
	between()
	return server.Start()
}

// PID is the process of the API server.
func (c *ControlPlane) PID() (int, error) {
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		text, err := os.ReadFile(entry)
		program, rest, _ := bytes.Cut(text, []byte{0})
		if err == nil && filepath.Base(string(program)) == "kube-apiserver" && bytes.Contains(rest, []byte(c.Folder+"/")) {
			return strconv.Atoi(strings.Split(entry, "/")[2])
		}
	}
	return 0, errors.New("the API server does not run")
}

// Asset is the path of a Kubernetes program: in KUBEBUILDER_ASSETS, or else in PATH.
func Asset(name string) (string, error) {
	if folder := os.Getenv("KUBEBUILDER_ASSETS"); folder != "" {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither in KUBEBUILDER_ASSETS nor in PATH: tests/e2e/assets builds it", name)
	}
	return filepath.Abs(path)
}
