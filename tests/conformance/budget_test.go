package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// most is the largest cost that an expression may have here: the API server ends it at celconfig.PerCallLimit, and other versions
// count a little differently.
const most = celconfig.PerCallLimit * 8 / 10

// repeat makes a list of that many.
func repeat(count int, item func(int) node) *list {
	l := &list{}
	for i := range count {
		l.items = append(l.items, item(i))
	}
	return l
}

// full is a pod that passes every template, but is as large as the guard of the expressions allows in all that it counts.
func full() *object {
	pod := obj("kind", "Pod", "apiVersion", "v1", "metadata", obj("name", "web", "namespace", "shop"), "spec", obj())
	annotations := pod.object("metadata", "annotations")
	for i := range 1000 {
		annotations.set(fmt.Sprintf("container.apparmor.security.beta.kubernetes.io/app-%d", i), "localhost/web")
	}
	spec := pod.object("spec")
	spec.set("automountServiceAccountToken", false)
	spec.set("securityContext", obj("runAsNonRoot", true, "runAsUser", integer(1000), "runAsGroup", integer(1000), "fsGroup", integer(1000),
		"seccompProfile", obj("type", "Localhost", "localhostProfile", "web"), "appArmorProfile", obj("type", "Localhost", "localhostProfile", "web"),
		"seLinuxOptions", obj("type", "container_t", "level", "s0"), "windowsOptions", obj("hostProcess", false),
		"supplementalGroups", repeat(100, func(i int) node { return integer(1000 + i) }),
		"sysctls", repeat(100, func(int) node { return obj("name", "net.ipv4.tcp_wmem", "value", "1") })))
	// The sources that are asked about last, so that all before them are as well.
	volume := func(i int) node {
		if i%2 == 0 {
			return obj("name", fmt.Sprintf("kube-api-access-%d", i), "image", obj("reference", "registry.example/web:1"))
		}
		return obj("name", fmt.Sprintf("kube-api-access-%d", i), "projected", obj("sources", repeat(10, func(int) node {
			return obj("configMap", obj("name", "web"))
		})))
	}
	spec.set("volumes", repeat(200, volume))
	host := func() node {
		return obj("httpGet", obj("host", "", "port", integer(1)), "tcpSocket", obj("host", "", "port", integer(1)))
	}
	container := func(i int) node {
		c := obj("name", fmt.Sprintf("app-%d", i), "image", "registry.example/web:1",
			"securityContext", obj("runAsNonRoot", true, "runAsUser", integer(1000), "runAsGroup", integer(1000), "privileged", false,
				"allowPrivilegeEscalation", false, "readOnlyRootFilesystem", true, "procMount", "Default",
				"seccompProfile", obj("type", "Localhost", "localhostProfile", "web"), "appArmorProfile", obj("type", "Localhost", "localhostProfile", "web"),
				"seLinuxOptions", obj("type", "container_t", "level", "s0"), "windowsOptions", obj("hostProcess", false),
				"capabilities", obj("drop", arr("ALL"), "add", arr("NET_BIND_SERVICE"))),
			"ports", arr(obj("containerPort", integer(80))),
			"volumeMounts", arr(obj("name", "kube-api-access-0", "mountPath", "/a", "readOnly", false, "mountPropagation", "None")),
			"livenessProbe", host(), "readinessProbe", host(), "startupProbe", host(),
			"lifecycle", obj("postStart", host(), "preStop", host()))
		return c
	}
	spec.set("initContainers", repeat(100, container))
	spec.set("containers", repeat(300, func(i int) node { return container(100 + i) }))
	spec.set("ephemeralContainers", repeat(100, func(i int) node { return container(400 + i) }))
	return pod
}

// edited is the full pod with a change.
func edited(edit func(spec, metadata *object)) *object {
	pod := full()
	edit(pod.object("spec"), pod.object("metadata"))
	return pod
}

func firstContainer(spec *object) *object { return spec.objects("containers")[0] }

// monster is a pod that no expression should be looking at for long.
type monster struct {
	name string
	pod  func() *object
	// small is said of one that the guard lets through: it is nothing but long texts.
	small bool
}

var monsters = func() []monster {
	bare := func(edit func(spec, metadata *object)) func() *object {
		return func() *object {
			pod := obj("kind", "Pod", "apiVersion", "v1", "metadata", obj("name", "web", "namespace", "shop"),
				"spec", obj("automountServiceAccountToken", false,
					"containers", arr(obj("name", "app", "image", "web", "securityContext", obj("runAsNonRoot", true)))))
			edit(pod.object("spec"), pod.object("metadata"))
			return pod
		}
	}
	above := func(edit func(spec, metadata *object)) func() *object { return func() *object { return edited(edit) } }
	long := strings.Repeat("x", 64<<10)
	tiny := func(i int) node { return obj("name", fmt.Sprint("c", i), "image", "i") }
	return []monster{
		{name: "one container more", pod: above(func(spec, _ *object) {
			l := spec.list("containers")
			l.items = append(l.items, tiny(9999))
		})},
		{name: "one volume more", pod: above(func(spec, _ *object) {
			l := spec.list("volumes")
			l.items = append(l.items, obj("name", "v", "emptyDir", obj()))
		})},
		{name: "one annotation more", pod: above(func(_, metadata *object) { metadata.object("annotations").set("a", "b") })},
		{name: "one port more", pod: above(func(spec, _ *object) {
			l := firstContainer(spec).list("ports")
			l.items = append(l.items, obj("containerPort", integer(81)))
		})},
		{name: "one capability more", pod: above(func(spec, _ *object) {
			l := firstContainer(spec).object("securityContext", "capabilities").list("add")
			l.items = append(l.items, "NET_BIND_SERVICE")
		})},
		{name: "one source of a volume more", pod: above(func(spec, _ *object) {
			l := spec.objects("volumes")[1].object("projected").list("sources")
			l.items = append(l.items, obj("configMap", obj("name", "web")))
		})},
		{name: "one sysctl more", pod: above(func(spec, _ *object) {
			l := spec.object("securityContext").list("sysctls")
			l.items = append(l.items, obj("name", "net.ipv4.tcp_wmem", "value", "1"))
		})},
		{name: "one group more", pod: above(func(spec, _ *object) {
			l := spec.object("securityContext").list("supplementalGroups")
			l.items = append(l.items, integer(1))
		})},
		{name: "100,000 ports", pod: bare(func(spec, _ *object) {
			firstContainer(spec).set("ports", repeat(100_000, func(i int) node { return obj("containerPort", integer(i%65535+1)) }))
		})},
		{name: "80,000 containers", pod: bare(func(spec, _ *object) { spec.set("containers", repeat(80_000, tiny)) })},
		{name: "80,000 init containers", pod: bare(func(spec, _ *object) { spec.set("initContainers", repeat(80_000, tiny)) })},
		{name: "40,000 containers with a context each", pod: bare(func(spec, _ *object) {
			spec.set("containers", repeat(40_000, func(i int) node {
				return obj("name", fmt.Sprint("c", i), "image", "i", "securityContext", obj("runAsNonRoot", true))
			}))
		})},
		{name: "80,000 volumes", pod: bare(func(spec, _ *object) {
			spec.set("volumes", repeat(80_000, func(i int) node { return obj("name", fmt.Sprint("v", i), "emptyDir", obj()) }))
		})},
		{name: "80,000 mounts", pod: bare(func(spec, _ *object) {
			firstContainer(spec).set("volumeMounts", repeat(80_000, func(i int) node { return obj("name", "v", "mountPath", fmt.Sprint("/", i)) }))
		})},
		{name: "60,000 devices", pod: bare(func(spec, _ *object) {
			firstContainer(spec).set("volumeDevices", repeat(60_000, func(i int) node { return obj("name", "v", "devicePath", fmt.Sprint("/", i)) }))
		})},
		{name: "200,000 capabilities", pod: bare(func(spec, _ *object) {
			firstContainer(spec).object("securityContext", "capabilities").set("add", repeat(200_000, func(int) node { return "SETPCAP" }))
		})},
		{name: "200,000 dropped capabilities", pod: bare(func(spec, _ *object) {
			firstContainer(spec).object("securityContext", "capabilities").set("drop", repeat(200_000, func(int) node { return "KILL" }))
		})},
		{name: "100,000 sysctls", pod: bare(func(spec, _ *object) {
			spec.object("securityContext").set("sysctls", repeat(100_000, func(int) node { return obj("name", "a.b", "value", "1") }))
		})},
		{name: "500,000 groups", pod: bare(func(spec, _ *object) {
			spec.object("securityContext").set("supplementalGroups", repeat(500_000, func(i int) node { return integer(i%10 + 1) }))
		})},
		{name: "100,000 sources of a volume", pod: bare(func(spec, _ *object) {
			spec.set("volumes", arr(obj("name", "v", "projected", obj("sources", repeat(100_000, func(int) node {
				return obj("secret", obj("name", "a"))
			})))))
		})},
		{name: "200 volumes with 600 sources each", pod: bare(func(spec, _ *object) {
			spec.set("volumes", repeat(200, func(i int) node {
				return obj("name", fmt.Sprint("v", i), "projected", obj("sources", repeat(600, func(int) node { return obj("secret", obj("name", "a")) })))
			}))
		})},
		{name: "500 containers with 200 ports each", pod: bare(func(spec, _ *object) {
			spec.set("containers", repeat(500, func(i int) node {
				return obj("name", fmt.Sprint("c", i), "image", "i", "ports", repeat(200, func(i int) node { return obj("containerPort", integer(i+1)) }))
			}))
		})},
		{name: "3 MB in 100,000 annotations", pod: bare(func(_, metadata *object) {
			for i := range 100_000 {
				metadata.object("annotations").members = append(metadata.object("annotations").members, member{fmt.Sprint("example.com/", i), "0123456789"})
			}
		})},
		{name: "3 MB in 1,000 annotations", small: true, pod: bare(func(_, metadata *object) {
			for i := range 1000 {
				metadata.object("annotations").set(fmt.Sprint("container.apparmor.security.beta.kubernetes.io/", i), "localhost/"+strings.Repeat("x", 3000))
			}
		})},
		{name: "3 MB in the names of 1,000 annotations", small: true, pod: bare(func(_, metadata *object) {
			for i := range 1000 {
				metadata.object("annotations").set(fmt.Sprint("container.apparmor.security.beta.kubernetes.io/", i, strings.Repeat("x", 3000)), "runtime/default")
			}
		})},
		{name: "3 MB in one annotation", small: true, pod: bare(func(_, metadata *object) {
			metadata.object("annotations").set("container.apparmor.security.beta.kubernetes.io/app", "localhost/"+strings.Repeat("x", 3_000_000))
		})},
		{name: "texts of 64 KB", small: true, pod: bare(func(spec, metadata *object) {
			metadata.object("annotations").set("container.apparmor.security.beta.kubernetes.io/"+long, "localhost/"+long)
			container := firstContainer(spec)
			container.object("securityContext").set("procMount", long)
			container.object("securityContext").set("seLinuxOptions", obj("type", long, "user", long, "role", long))
			container.object("securityContext").set("seccompProfile", obj("type", long, "localhostProfile", long))
			container.object("securityContext").set("capabilities", obj("add", arr(long, long), "drop", arr(long, long)))
			container.set("livenessProbe", obj("httpGet", obj("host", long, "port", long)))
			container.set("volumeMounts", arr(obj("name", long, "mountPath", long, "mountPropagation", long)))
			spec.object("securityContext").set("sysctls", arr(obj("name", long, "value", long)))
			spec.set("volumes", arr(obj("name", long, "hostPath", obj("path", long))))
			spec.set("os", obj("name", long))
		})},
		{name: "mounts and volumes with long names that differ at their ends", small: true, pod: bare(func(spec, _ *object) {
			name := func(i int) string { return strings.Repeat("x", 2000) + fmt.Sprint(i) }
			spec.set("volumes", repeat(200, func(i int) node { return obj("name", name(i), "hostPath", obj("path", "/a")) }))
			firstContainer(spec).set("volumeMounts", repeat(999, func(i int) node { return obj("name", name(1000+i), "mountPath", fmt.Sprint("/", i)) }))
		})},
		{name: "mounts of volumes that are all bad", small: true, pod: bare(func(spec, _ *object) {
			spec.set("volumes", repeat(200, func(i int) node { return obj("name", fmt.Sprint("volume-", i), "nfs", obj("server", "a", "path", "/")) }))
			firstContainer(spec).set("volumeMounts", repeat(999, func(i int) node { return obj("name", fmt.Sprint("claim-", i), "mountPath", fmt.Sprint("/", i)) }))
		})},
		{name: "mounts of the last volume", small: true, pod: bare(func(spec, _ *object) {
			spec.set("volumes", repeat(200, func(i int) node { return obj("name", fmt.Sprint("volume-", i), "emptyDir", obj()) }))
			firstContainer(spec).set("volumeMounts", repeat(1000, func(i int) node { return obj("name", "volume-199", "mountPath", fmt.Sprint("/", i)) }))
		})},
		{name: "mounts of the last volume, of other kinds", small: true, pod: bare(func(spec, _ *object) {
			spec.set("volumes", repeat(200, func(i int) node {
				if i < 199 {
					return obj("name", fmt.Sprint("volume-", i), "cinder", obj("volumeID", "a"))
				}
				return obj("name", "last", "image", obj("reference", "a"))
			}))
			firstContainer(spec).set("volumeMounts", repeat(1000, func(i int) node { return obj("name", "last", "mountPath", fmt.Sprint("/", i)) }))
		})},
		{name: "a hundred sysctls with long names", small: true, pod: bare(func(spec, _ *object) {
			spec.object("securityContext").set("sysctls", repeat(100, func(int) node { return obj("name", strings.Repeat("x", 25_000), "value", "1") }))
		})},
		{name: "a thousand capabilities with long names", small: true, pod: bare(func(spec, _ *object) {
			firstContainer(spec).object("securityContext", "capabilities").set("add", repeat(990, func(int) node { return strings.Repeat("x", 2_500) }))
		})},
	}
}()

// TestPrefilterBudget holds the conditions to what they may cost: of the largest pod that they look at, of ones that are a little
// larger, and of monsters, as pods and as workloads. The API server would refuse a pod whose condition costs too much.
func TestPrefilterBudget(t *testing.T) {
	all := candidates(t, builtin)
	all = append(all, customCandidates(t)...)
	type highest struct {
		cost int64
		at   string
	}
	worst := map[string]highest{}
	look := func(w workload, name string, pod *object) []view {
		s, err := w.store(plain(w.with(pod)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sent, err := s.sent()
		if err != nil {
			t.Fatal(err)
		}
		seen, err := views(s, sent)
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	ask := func(c candidate, w workload, name string, v view) (skipped bool, cost int64) {
		skipped, cost, err := c.compiled[v.kubernetes][w.kind == "Pod"].cost(v.attributes)
		if err != nil {
			t.Errorf("%s, a %s, for %s (%s): cost %d: %s", name, w.kind, c.name, v.name, cost, err.Error()[max(0, len(err.Error())-200):])
		}
		if cost > most {
			t.Errorf("%s, a %s, for %s (%s): costs %d, want %d at most", name, w.kind, c.name, v.name, cost, most)
		}
		if cost > worst[c.name].cost {
			worst[c.name] = highest{cost, name + ", a " + w.kind}
		}
		return skipped, cost
	}
	kinds := []workload{podKind, workloads[3], workloads[7]}
	fullPod := full()
	for _, w := range kinds {
		for _, v := range look(w, "a full pod", fullPod) {
			for _, c := range all {
				if !slices.Contains(builtin, c.name) && v.name != "typed" {
					continue
				}
				skipped, cost := ask(c, w, "a full pod", v)
				if v.name == "typed" && slices.Contains(builtin, c.name) {
					t.Logf("%-30s a full pod, a %s, costs %d", c.name, w.kind, cost)
				}
				if !skipped && slices.Contains(builtin, c.name) {
					t.Errorf("a full pod, a %s, is not skipped for %s", w.kind, c.name)
				}
			}
		}
	}
	for _, m := range monsters {
		pod, began := m.pod(), time.Now()
		var costs []string
		for _, w := range []workload{podKind, workloads[7]} {
			for _, seen := range look(w, m.name, pod) {
				some := all[:len(builtin)]
				if m.small && seen.name == "typed" {
					some = all // no check before it ends the look at a pod
				}
				for _, c := range some {
					skipped, cost := ask(c, w, m.name, seen)
					if skipped && !m.small {
						t.Errorf("%s, a %s, is skipped for %s", m.name, w.kind, c.name)
					}
					if w.kind == "Pod" && seen.name == "typed" && slices.Contains(builtin, c.name) {
						costs = append(costs, fmt.Sprintf("%s %d", c.name, cost))
					}
				}
			}
		}
		t.Logf("%-60s costs %s (%.1f s)", m.name, strings.Join(costs, ", "), time.Since(began).Seconds())
	}
	for _, c := range all {
		t.Logf("%-30s costs at most %d (%s)", c.name, worst[c.name].cost, worst[c.name].at)
	}
}
