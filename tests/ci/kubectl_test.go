package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kubectlPlimsoll is a folder for the PATH with the program as kubectl's plugin.
func kubectlPlimsoll(t *testing.T) map[string]string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Symlink(filepath.Join(bin, "plimsoll"), filepath.Join(folder, "kubectl-plimsoll")); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"PATH": folder + ":" + bin + ":/usr/bin:/bin"}
}

func TestKubectlRunsThePlugin(t *testing.T) {
	path := kubectlPlimsoll(t)
	folder := workspace(t)
	got := command(t, folder, path, "kubectl", "plugin", "list")
	expect(t, "kubectl plugin list", got.stdout, "/kubectl-plimsoll\n")

	got = command(t, folder, path, "kubectl", "plimsoll", "check", "examples/web.yaml")
	expectStatus(t, got, 1)
	expect(t, "the report", got.stdout, "examples/web.yaml:17:9: container \"app\" does not drop ALL capabilities [drop-all")

	plain := command(t, folder, nil, "plimsoll", "check", "examples/web.yaml")
	if got != plain {
		t.Errorf("as a plugin it says\n%+v\nand else\n%+v", got, plain)
	}
	expectStatus(t, command(t, folder, path, "kubectl", "plimsoll", "check", "examples", "-t", "privileged"), 0)
}

func TestPluginSpeaksAsItIsCalled(t *testing.T) {
	path := kubectlPlimsoll(t)
	folder := t.TempDir()
	write(t, filepath.Join(folder, "own.yaml"), `apiVersion: plimsoll.dev/v1alpha1
kind: SecurityTemplate
metadata: {name: own}
spec:
  rules:
  - check: nosuch
`)
	for _, row := range []struct {
		arguments string
		says      []string
	}{
		{"--help", []string{"kubectl plimsoll [OPTIONS] [SUBCOMMAND]"}},
		{"check --help", []string{"kubectl plimsoll check [OPTIONS] "}},
		{"templates show --help", []string{"kubectl plimsoll templates show [OPTIONS] "}},
		{"kubernetes", []string{"plimsoll: \"kubernetes\" is not known; `kubectl plimsoll --help` tells more"}},
		{"explain", []string{"`kubectl plimsoll explain --help` tells more"}},
		{"explain nosuch", []string{"`kubectl plimsoll checks` and `kubectl plimsoll bench --list` list them"}},
		{"explain privileged", []string{"`kubectl plimsoll fix` makes the change"}},
		{"explain read-only-root-filesystem", []string{"`kubectl plimsoll fix --allow-risky` makes the change", "`kubectl plimsoll fix --allow-risky` also"}},
		{"templates", []string{"`kubectl plimsoll templates` needs a subcommand"}},
		{"templates lint own.yaml", []string{"`kubectl plimsoll checks` lists them"}},
		{"version", []string{"plimsoll 0."}},
	} {
		t.Run(row.arguments, func(t *testing.T) {
			got := command(t, folder, path, "kubectl", append([]string{"plimsoll"}, strings.Fields(row.arguments)...)...)
			text := got.stdout + got.stderr
			expect(t, "it", text, row.says...)
			if strings.Contains(text, "`plimsoll") {
				t.Errorf("a command that nobody can type:\n%s", text)
			}
			plain := command(t, folder, nil, "plimsoll", strings.Fields(row.arguments)...)
			if text := plain.stdout + plain.stderr; strings.Contains(text, "kubectl") || plain.status != got.status {
				t.Errorf("called plimsoll it says %d %s", plain.status, text)
			}
		})
	}
}
