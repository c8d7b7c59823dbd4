package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The server reads its configuration, makes its policy and its certificates, and binds its port last: with an address that is none,
// that is all it complains of.
func TestServerTakesConfiguration(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command(binary(t), "certs", folder, "--host", "plimsoll.plimsoll.svc").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Nobody is there, and nobody is asked before the port is bound.
	const kubeconfig = `{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
  clusters: [{name: a, cluster: {server: "https://127.0.0.1:1", certificate-authority: ca.crt}}], users: [{name: a, user: {token: a}}]}`
	if err := os.WriteFile(filepath.Join(folder, "kubeconfig"), []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	overMatrix(t, func(t *testing.T, r *rendered) {
		files := t.TempDir()
		for name, text := range decode[corev1.ConfigMap](t, r, "ConfigMap").Data {
			if name == "config.yaml" {
				text = elsewhere(t, text, folder)
			}
			if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command(binary(t), "serve", "--config", filepath.Join(files, "config.yaml"), "--listen", "nowhere").CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.HasPrefix(string(out), `plimsoll: --listen: "nowhere" is not an address`) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// elsewhere puts what a pod mounts where this test has it.
func elsewhere(t testing.TB, text, certificates string) string {
	t.Helper()
	config := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	server := config["server"].(map[string]any)
	if config["selfManaged"] == nil {
		server["tlsCert"] = filepath.Join(certificates, "tls.crt")
		server["tlsKey"] = filepath.Join(certificates, "tls.key")
	}
	if config["namespaceLabels"] == true || config["selfManaged"] != nil {
		config["kubeconfig"] = filepath.Join(certificates, "kubeconfig")
	}
	if server["clientCA"] != nil {
		server["clientCA"] = filepath.Join(certificates, "ca.crt")
	}
	out, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
