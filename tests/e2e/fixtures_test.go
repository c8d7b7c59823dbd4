package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	_ "k8s.io/pod-security-admission/test" // its module holds the fixtures
	"sigs.k8s.io/yaml"
)

// Every version at which a standard asked for more, and the newest.
var fixtureVersions = []string{"v1.0", "v1.8", "v1.19", "v1.22", "v1.25", "v1.29", "v1.34", "v1.37"}

const fewestFixtures = 400

type fixture struct {
	name, level, version string
	fails                bool // by the folder it lies in
	pod                  *corev1.Pod
}

// fixtures are upstream's own pods, from the module that is in use.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	out := must(exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output())(t)
	root := filepath.Join(strings.TrimSpace(string(out)), "test", "testdata")
	var all []fixture
	for _, level := range []string{"baseline", "restricted"} {
		for _, version := range fixtureVersions {
			for _, folder := range []string{"pass", "fail"} {
				files := must(filepath.Glob(filepath.Join(root, level, version, folder, "*.yaml")))(t)
				if len(files) == 0 {
					t.Fatalf("no fixtures of %s@%s that %s", level, version, folder)
				}
				for _, file := range files {
					pod := &corev1.Pod{}
					if err := yaml.UnmarshalStrict(must(os.ReadFile(file))(t), pod); err != nil {
						t.Fatalf("%s: %v", file, err)
					}
					pod.Name = folder + "-" + strings.ReplaceAll(pod.Name, "_", "-")
					all = append(all, fixture{fmt.Sprintf("%s/%s/%s", level, version, pod.Name), level, version, folder == "fail", pod})
				}
			}
		}
	}
	return all
}

// each does the same with all of them, several at a time.
func each[T any](all []T, do func(T)) {
	work := make(chan T)
	var workers sync.WaitGroup
	for range loadWorkers {
		workers.Go(func() {
			for one := range work {
				do(one)
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	workers.Wait()
}

// TestFixtures creates upstream's pods for good, each in a namespace that the in-tree PodSecurity
// admission guards and in one that Plimsoll does.
func TestFixtures(t *testing.T) {
	c := sharedCluster(t)
	c.install(t, options{})
	all := fixtures(t)
	if len(all) < fewestFixtures {
		t.Errorf("%d fixtures, want at least %d", len(all), fewestFixtures)
	}
	type pair struct{ inTree, plimsoll string }
	namespaces := map[string]pair{}
	var last string
	for _, one := range all {
		key := one.level + one.version
		if _, made := namespaces[key]; made {
			continue
		}
		namespaces[key] = pair{
			c.namespace(t, "in-tree", map[string]string{"pod-security.kubernetes.io/enforce": one.level,
				"pod-security.kubernetes.io/enforce-version": one.version}),
			c.namespace(t, "plimsoll", map[string]string{enforceLabel: one.level, enforceVersionLabel: one.version}),
		}
		last = namespaces[key].plimsoll
	}
	c.denies(t, last)
	began := time.Now()
	var denied, allowed, invalid, differ atomic.Int64
	create := func(pod *corev1.Pod, namespace string) error {
		pod = pod.DeepCopy()
		_, err := c.client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
		return err
	}
	each(all, func(one fixture) {
		where := namespaces[one.level+one.version]
		inTree, plimsoll := create(one.pod, where.inTree), create(one.pod, where.plimsoll)
		inTreeDenies := apierrors.IsForbidden(inTree) && strings.Contains(inTree.Error(), "violates PodSecurity")
		switch {
		case apierrors.IsInvalid(inTree) && apierrors.IsInvalid(plimsoll) && strings.Contains(one.name, "procmount"):
			invalid.Add(1) // the API server itself takes none such any more
		case inTree != nil && !inTreeDenies:
			t.Errorf("%s: in-tree: %v", one.name, inTree)
		case plimsoll != nil && !denial(plimsoll):
			t.Errorf("%s: Plimsoll: %v", one.name, plimsoll)
		case inTreeDenies != one.fails:
			t.Errorf("%s: its folder says otherwise: %v", one.name, inTree)
		case inTreeDenies != (plimsoll != nil):
			differ.Add(1)
			t.Errorf("%s:\n\tin-tree:  %v\n\tPlimsoll: %v", one.name, inTree, plimsoll)
		case inTreeDenies:
			denied.Add(1)
		default:
			allowed.Add(1)
		}
	})
	if denied.Load()+allowed.Load() < fewestFixtures {
		t.Error("too few were decided")
	}
	t.Logf("%d fixtures, each created under in-tree PodSecurity and under Plimsoll: %d denied and %d allowed by both, %d refused by the API server itself, %d differ; %s",
		len(all), denied.Load(), allowed.Load(), invalid.Load(), differ.Load(), elapsed(began))
}
