package ci

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	update = os.Getenv("PLIMSOLL_UPDATE") != "" // write what commands print into docs/ci.md
	root   string                               // of the repository
	bin    string                               // a folder with plimsoll, kubectl, helm, docker and what tools has installed
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "tests/ci:", err)
		return 2
	}
	var err error
	if root, err = filepath.Abs("../.."); err != nil {
		return fail(err)
	}
	if bin, err = os.MkdirTemp("", "plimsoll-ci"); err != nil {
		return fail(err)
	}
	defer os.RemoveAll(bin)
	plimsoll := os.Getenv("PLIMSOLL_BIN")
	if plimsoll == "" {
		plimsoll = filepath.Join(root, "build/release/plimsoll")
	}
	for name, target := range map[string]string{
		"plimsoll":         plimsoll,
		"docker":           filepath.Join(root, "tests/ci/testdata/docker"),
		"kubectl":          filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"),
		"helm":             filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "helm"),
		"check-jsonschema": filepath.Join(os.Getenv("PLIMSOLL_CI_TOOLS"), "check-jsonschema"),
		"pre-commit":       filepath.Join(os.Getenv("PLIMSOLL_CI_TOOLS"), "pre-commit"),
	} {
		if _, err := os.Stat(target); err != nil {
			return fail(fmt.Errorf("%w; scripts/test ci says where it is", err))
		}
		if err := os.Symlink(target, filepath.Join(bin, name)); err != nil {
			return fail(err)
		}
	}
	return m.Run()
}

// ran is what a program has left.
type ran struct {
	status         int
	stdout, stderr string
}

// command runs a program in a folder, with the variables and nothing else of this process's environment but HOME, in which
// Git must find no settings of anybody.
func command(t *testing.T, folder string, variables map[string]string, name string, arguments ...string) ran {
	t.Helper()
	path, err := exec.LookPath(name)
	if linked := filepath.Join(bin, name); err != nil || exists(linked) {
		path = linked
	}
	c := exec.Command(path, arguments...)
	c.Dir = folder
	c.Env = []string{"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
	for key, value := range variables {
		c.Env = append(c.Env, key+"="+value)
	}
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%s: %v", name, err)
	}
	return ran{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err == nil {
		err = os.WriteFile(path, []byte(text), 0o666)
		if err == nil {
			return
		}
	}
	t.Fatalf("%s cannot be written", path)
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// workspace is a folder with what the examples of docs/ci.md speak of: examples/ as in the repository, a chart, a
// kustomization.
func workspace(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for from, to := range map[string]string{"tests/ci/testdata/work": ".", "examples": "examples"} {
		if err := os.CopyFS(filepath.Join(folder, to), os.DirFS(filepath.Join(root, from))); err != nil {
			t.Fatal(err)
		}
	}
	// Reviews are no manifests.
	if err := os.RemoveAll(filepath.Join(folder, "examples/reviews")); err != nil {
		t.Fatal(err)
	}
	return folder
}

func expect(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not have %q:\n%s", what, part, text)
		}
	}
}

func expectStatus(t *testing.T, got ran, status int) {
	t.Helper()
	if got.status != status {
		t.Errorf("exit status %d, want %d\n%s%s", got.status, status, got.stdout, got.stderr)
	}
}

const passing = `apiVersion: v1
kind: Pod
metadata: {name: good}
spec:
  securityContext:
    runAsNonRoot: true
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: app
    image: registry.example.com/app:1.0
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
`
