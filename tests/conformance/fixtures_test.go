package conformance

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

// What upstream's module holds at the version that go.mod asks for, beside a README.md.
const fixtureFiles = 4537

// fixture is one of upstream's own pods.
type fixture struct {
	name  string
	at    api.LevelVersion
	fails bool // by the folder it lies in
	path  string
}

var fixturePath = regexp.MustCompile(`^(baseline|restricted)/v1\.(\d+)/(pass|fail)/[^/]+\.yaml$`)

// fixtures finds them in the module that is in use, wherever the go command keeps it.
func fixtures(t *testing.T) []fixture {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "test", "testdata")
	var all []fixture
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if name == "README.md" {
			return nil
		}
		parts := fixturePath.FindStringSubmatch(filepath.ToSlash(name))
		if parts == nil {
			return fmt.Errorf("%s is no fixture as they are known", name)
		}
		minor, err := strconv.Atoi(parts[2])
		if err != nil {
			return err
		}
		all = append(all, fixture{name, api.LevelVersion{Level: api.Level(parts[1]), Version: api.MajorMinorVersion(1, minor)}, parts[3] == "fail", path})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// asStored fills in what the API server would, as far as a check reads it, and says whether it did: a
// volume without a source is an emptyDir. It works on a pod as it is written in the fixtures.
func asStored(pod *object) bool {
	filled := false
	for _, volume := range pod.object("spec").objects("volumes") {
		if len(volume.members) == 1 && volume.members[0].key == "name" {
			volume.set("emptyDir", obj())
			filled = true
		}
	}
	return filled
}

// TestFixtures sends every fixture of upstream's to Plimsoll, bare and as the template of a
// Deployment, as upstream's own suite does.
//
// The fixtures are manifests, and that suite has an API server fill in their defaults. A webhook gets
// pods that are defaulted already, so the test must fill them in itself; one default is enough, which
// it shows by requiring of every fixture that upstream's checks then find what its folder says.
func TestFixtures(t *testing.T) {
	s, all := plimsoll(t), fixtures(t)
	if len(all) != fixtureFiles {
		t.Errorf("%d fixtures, want %d", len(all), fixtureFiles)
	}
	deployment := workloads[slices.IndexFunc(workloads, func(w workload) bool { return w.kind == "Deployment" })]
	began := time.Now()
	var passes, fails, filled, differ atomic.Int64
	inParallel(connections(), len(all), func(_, index int) bool {
		f := all[index]
		text, err := os.ReadFile(f.path)
		if err != nil {
			t.Error(err)
			return false
		}
		manifest, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			return true
		}
		read, err := parse(manifest)
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			return true
		}
		tree, isObject := read.(*object)
		if !isObject {
			t.Errorf("%s is no object", f.name)
			return true
		}
		if asStored(tree) {
			filled.Add(1)
		}
		raw := plain(tree)
		pod, err := decodePod(raw)
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			return true
		}
		upstream := wanted(f.at, pod)
		if (upstream != 0) != f.fails {
			t.Errorf("%s: upstream's checks: %s; is one of the API server's defaults missing?", f.name, orNone(upstream))
			return true
		}
		if f.fails {
			fails.Add(1)
		} else {
			passes.Add(1)
		}
		for _, r := range []request{
			createPod(f.name, raw),
			deployment.request(admissionv1.Create, plain(deployment.with(tree)), nil),
		} {
			response, err := s.ask("enforce", f.at, r, index)
			var got controls
			if err == nil {
				got, err = failing(response, f.at)
			}
			if err != nil || got != upstream {
				differ.Add(1)
				t.Errorf("%s as %s: Plimsoll %s, upstream %s, %v\n%s", f.name, r.kind.Kind, orNone(got), orNone(upstream), err, raw)
			}
		}
		return differ.Load() < 20
	})
	t.Logf("%d fixtures: %d pass, %d fail (%d with a default filled in); each as a pod and as a Deployment: %d differ; %.1f s",
		len(all), passes.Load(), fails.Load(), filled.Load(), differ.Load(), time.Since(began).Seconds())
}
