package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// build runs kustomize over files in memory, beside those of deploy/.
func build(t *testing.T, folder string, more map[string]string) string {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	entries, err := os.ReadDir(filepath.Join(root, "deploy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(root, "deploy", e.Name()))
		if err == nil {
			err = disk.WriteFile("/deploy/"+e.Name(), data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range more {
		if err := disk.WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := out.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func accepted(t *testing.T, all string) {
	t.Helper()
	count := 0
	for _, part := range strings.Split(all, "\n---\n") {
		d, err := parse(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(d); err != nil {
			t.Errorf("%s %s: %v", d.kind(), d.name(), err)
		}
		count++
	}
	if count < 10 {
		t.Errorf("only %d objects", count)
	}
}

func TestManifestsAreAccepted(t *testing.T) {
	for _, p := range plain {
		t.Run(p.name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(root, "deploy", p.name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, string(data))
			for _, never := range []string{"Helm", "helm.sh"} {
				if strings.Contains(string(data), never) {
					t.Errorf("%q is left", never)
				}
			}
		})
	}
}

func TestKustomize(t *testing.T) {
	t.Run("as it is", func(t *testing.T) { accepted(t, build(t, "/deploy", nil)) })
	for _, p := range plain {
		t.Run(p.name, func(t *testing.T) {
			out := build(t, "/deploy", map[string]string{"/deploy/kustomization.yaml": `
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [` + p.name + `.yaml]
images: [{name: plimsoll, newName: registry.example/a/plimsoll, newTag: "9"}]
replicas: [{name: plimsoll, count: 3}]
labels: [{pairs: {team: a}}]
patches:
- patch: '[{"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 7}]'
  target: {kind: ValidatingWebhookConfiguration}
`})
			accepted(t, out)
			for _, want := range []string{"image: registry.example/a/plimsoll:9\n", "replicas: 3\n", "team: a\n", "timeoutSeconds: 7\n"} {
				if !strings.Contains(out, want) {
					t.Errorf("want %q in\n%s", want, out)
				}
			}
		})
	}
}
