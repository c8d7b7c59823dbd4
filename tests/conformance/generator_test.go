package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/pod-security-admission/api"
)

// TestGeneratorStaysNearTheBoundary holds the generator to its mixture: pods that all pass, or all
// fail, show few mistakes.
func TestGeneratorStaysNearTheBoundary(t *testing.T) {
	seed := seed(t)
	var lock sync.Mutex
	passed := map[api.Level]int{}
	failed := map[api.Level]map[controls]int{api.LevelBaseline: {}, api.LevelRestricted: {}}
	inParallel(cores(), defaultPods, func(_, index int) bool {
		_, raw := generate(seed, index)
		pod, err := decodePod(raw)
		if err != nil {
			t.Errorf("pod %d is none to upstream: %v\n%s", index, err, raw)
			return false
		}
		for level, seen := range failed {
			found := wanted(api.LevelVersion{Level: level, Version: api.LatestVersion()}, pod)
			lock.Lock()
			if found == 0 {
				passed[level]++
			}
			for _, id := range found.ids() {
				seen[control(id)]++
			}
			lock.Unlock()
		}
		return true
	})
	for level, want := range map[api.Level]struct{ least, most float64 }{
		api.LevelBaseline: {40, 60}, api.LevelRestricted: {12, 28},
	} {
		share := 100 * float64(passed[level]) / defaultPods
		t.Logf("%.1f %% of %d pods pass %s", share, defaultPods, level)
		if share < want.least || share > want.most {
			t.Errorf("%.1f %% pass %s, want %.0f to %.0f", share, level, want.least, want.most)
		}
		for _, id := range upstreamAsked(api.LevelVersion{Level: level, Version: api.LatestVersion()}).ids() {
			const least = defaultPods / 100
			if n := failed[level][control(id)]; n < least {
				t.Errorf("%d pods fail %s of %s, want %d or more", n, id, level, least)
			}
		}
	}
}

// TestGeneratorReaches holds the generator to every field that a check reads: in each list of
// containers, at both levels of context, null, empty and set.
func TestGeneratorReaches(t *testing.T) {
	const null, empty, no, yes, zero, set = "null", "empty", "false", "true", "0", "set"
	want := map[string][]string{
		"metadata.annotations": {null, empty, set},
		"spec.hostNetwork":     {null, no, yes}, "spec.hostPID": {null, no, yes}, "spec.hostIPC": {null, no, yes},
		"spec.hostUsers": {null, no, yes},
		"spec.os":        {null, empty, set}, "spec.os.name": {null, empty, "windows", "Windows", "windows ", "linux"},
		"spec.volumes": {null, empty, set}, "spec.volumes[]": {null, empty, set},
		"spec.initContainers[].restartPolicy": {"Always", null, empty},
	}
	either := func(path string, classes ...string) {
		want["spec.securityContext."+path] = classes
		for _, list := range containerLists {
			want["spec."+list+"[].securityContext."+path] = classes
		}
	}
	each := func(path string, classes ...string) {
		for _, list := range containerLists {
			want["spec."+list+"[]."+path] = classes
		}
	}
	want["spec.securityContext"] = []string{null, empty, set}
	either("runAsNonRoot", null, no, yes)
	either("runAsUser", null, zero, "-1", "1000", "4294967296", "9223372036854775807", "-9223372036854775808")
	either("seccompProfile", null, empty, set)
	either("seccompProfile.type", null, empty, "RuntimeDefault", "Localhost", "Unconfined", "localhost")
	either("appArmorProfile", null, empty, set)
	either("appArmorProfile.type", null, empty, "RuntimeDefault", "Localhost", "Unconfined", "localhost")
	either("seLinuxOptions", null, empty, set)
	either("seLinuxOptions.type", null, empty, "container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t", "Container_t")
	either("seLinuxOptions.user", null, empty, set)
	either("seLinuxOptions.role", null, empty, set)
	either("windowsOptions", null, empty, set)
	either("windowsOptions.hostProcess", null, no, yes)
	for _, list := range containerLists {
		want["spec."+list] = []string{null, empty, set}
		want["spec."+list+"[]"] = []string{null, empty, set}
	}
	each("name", null, empty, set)
	each("securityContext", null, empty, set)
	each("securityContext.privileged", null, no, yes)
	each("securityContext.allowPrivilegeEscalation", null, no, yes)
	each("securityContext.procMount", null, empty, "Default", "default", "Unmasked")
	each("securityContext.capabilities", null, empty, set)
	each("securityContext.capabilities.add", null, empty, set)
	each("securityContext.capabilities.add[]", null, empty, "NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", "chown", "NET_RAW", "ALL")
	each("securityContext.capabilities.drop", null, empty, set)
	each("securityContext.capabilities.drop[]", null, empty, "ALL", "all", "CAP_ALL", "NET_RAW")
	each("ports", null, empty, set)
	each("ports[]", null, empty, set)
	each("ports[].hostPort", null, zero, "-1", "80", "65536", "2147483647")
	for _, handler := range []string{"livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop"} {
		each(handler, null, empty, set)
		for _, action := range []string{"httpGet", "tcpSocket"} {
			each(handler+"."+action, null, empty, set)
			each(handler+"."+action+".host", null, empty, set)
		}
	}
	want["spec.securityContext.sysctls"] = []string{null, empty, set}
	want["spec.securityContext.sysctls[]"] = []string{null, empty, set}
	want["spec.securityContext.sysctls[].name"] = []string{null, empty, set}
	for _, name := range goodSysctls {
		want["spec.securityContext.sysctls[].name"] = append(want["spec.securityContext.sysctls[].name"], name.(string))
	}
	for _, kind := range volumeKinds {
		want["spec.volumes[]."+kind] = []string{null, empty, set}
	}
	for _, key := range []string{"seccomp.security.alpha.kubernetes.io/pod",
		"container.seccomp.security.alpha.kubernetes.io/app-1", "container.seccomp.security.alpha.kubernetes.io/ghost",
		"container.seccomp.security.alpha.kubernetes.io/", "container.apparmor.security.beta.kubernetes.io/app-1",
		"container.apparmor.security.beta.kubernetes.io/ghost", "container.apparmor.security.beta.kubernetes.io/"} {
		want["metadata.annotations."+key] = []string{"unconfined", set}
		if strings.HasSuffix(key, "/app-1") || strings.HasSuffix(key, "/pod") {
			want["metadata.annotations."+key] = append(want["metadata.annotations."+key],
				null, empty, "runtime/default", "localhost/web", "localhost/", "localhost", "docker/default", "Runtime/Default")
		}
	}

	// An object's own name for each value; every value counts as set, too, unless it is empty.
	classesOf := func(value node) []string {
		switch value := value.(type) {
		case nil:
			return []string{null}
		case bool:
			return []string{fmt.Sprint(value)}
		case number:
			return []string{string(value)}
		case string:
			if value == "" {
				return []string{empty}
			}
			return []string{value, set}
		case *object:
			if len(value.members) == 0 {
				return []string{empty}
			}
		case *list:
			if len(value.items) == 0 {
				return []string{empty}
			}
		}
		return []string{set}
	}
	seed := seed(t)
	var lock sync.Mutex
	missing := map[string]bool{}
	for path, classes := range want {
		for _, class := range classes {
			missing[path+" = "+class] = true
		}
	}
	total := len(missing)
	inParallel(cores(), defaultPods, func(_, index int) bool {
		tree, _ := generate(seed, index)
		var seen []string
		var walk func(path string, value node)
		walk = func(path string, value node) {
			if _, known := want[path]; known {
				for _, class := range classesOf(value) {
					seen = append(seen, path+" = "+class)
				}
			}
			switch value := value.(type) {
			case *object:
				for _, m := range value.members {
					walk(strings.TrimPrefix(path+"."+m.key, "."), m.value)
				}
			case *list:
				for _, item := range value.items {
					walk(path+"[]", item)
				}
			}
		}
		walk("", tree)
		lock.Lock()
		defer lock.Unlock()
		for _, s := range seen {
			delete(missing, s)
		}
		return len(missing) > 0
	})
	for path := range missing {
		t.Errorf("no pod of %d has %s", defaultPods, path)
	}
	t.Logf("%d values of %d fields reached", total-len(missing), len(want))
	if len(volumeKinds) != 30 || !slices.IsSorted(volumeKinds) {
		t.Errorf("%d volume kinds, want 30", len(volumeKinds))
	}
}
