package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// transcript runs kubectl as a person does and holds what it prints to testdata/kubectl/NAME.txt.
// PLIMSOLL_E2E_REWRITE=1 writes the files instead.
func (c *cluster) transcript(t testing.TB, name string, commands ...string) {
	t.Helper()
	var all strings.Builder
	for _, command := range commands {
		fmt.Fprintf(&all, "$ kubectl %s\n", command)
		arguments := append(strings.Fields(command), "--kubeconfig", c.Kubeconfig)
		stdout, stderr, err := run(t, "", "kubectl", arguments...)
		all.WriteString(stderr) // warnings are printed before the object is said to be made
		all.WriteString(stdout)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			fmt.Fprintf(&all, "exit status %d\n", exit.ExitCode())
		} else if err != nil {
			t.Fatal(err)
		}
	}
	said := all.String()
	if c.hide != nil {
		said = c.hide.Replace(said)
	}
	golden := filepath.Join("testdata", "kubectl", name+".txt")
	if os.Getenv("PLIMSOLL_E2E_REWRITE") != "" {
		if err := os.WriteFile(golden, []byte(said), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	wanted, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if said != string(wanted) {
		t.Errorf("kubectl says\n%s\nand %s (PLIMSOLL_E2E_REWRITE=1 rewrites it)\n%s", said, golden, wanted)
	}
}

// TestKubectl is what a person sees.
func TestKubectl(t *testing.T) {
	c := sharedCluster(t)
	t.Run("optIn", func(t *testing.T) {
		c.install(t, options{})
		c.makeNamespace(t, "shop", map[string]string{enforceLabel: "restricted"})
		c.makeNamespace(t, "warehouse", map[string]string{warnLabel: "baseline"})
		c.denies(t, "shop")
		c.transcript(t, "denial",
			"create -n shop -f ../../examples/debug.yaml",
			"create -n shop -f ../../examples/debug.yaml --dry-run=server",
			"create -n shop -f testdata/good.yaml")
		c.transcript(t, "warning",
			"create -n shop -f ../../examples/web.yaml",
			"create -n warehouse -f ../../examples/debug.yaml",
			"create -n warehouse -f testdata/good.yaml")
		c.transcript(t, "namespace",
			"label namespace shop plimsoll.dev/enforce=restrictde --overwrite",
			"label namespace shop plimsoll.dev/enforce-version=v1.x",
			"label namespace warehouse plimsoll.dev/enforce=restricted")
	})
	t.Run("dryRun", func(t *testing.T) {
		c.install(t, options{values: settings{"dryRun": true}})
		c.makeNamespace(t, "trial", map[string]string{enforceLabel: "restricted"})
		a := c.audience(t, "")
		eventually(t, soon, func() (bool, string) {
			a.heard.take()
			_, err := a.CoreV1().Pods("trial").Create(t.Context(), badPod("probe"), dryRun)
			return len(a.heard.take()) > 0, "no warning; " + errorText(err)
		})
		c.transcript(t, "dry-run",
			"create -n trial -f ../../examples/debug.yaml",
			"create -n trial -f testdata/good.yaml")
	})
}
