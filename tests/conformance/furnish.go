package conformance

import (
	"fmt"
	"math/rand/v2"
)

// furnished is the pod of that index with what upstream does not look at, but least-privilege and templates of one's own do:
// tokens, mounts, devices, ids, file systems that are read-only, paths on the node. It has a chance of its own, so that the
// sequence of the pods that upstream judges stays as it is.
func furnished(seed uint64, index int) *object {
	tree, _ := generate(seed, index)
	g := &generator{chance: rand.New(rand.NewPCG(seed+1, uint64(index))), pod: tree, names: 100}
	// Twists may have taken away what every pod has.
	if _, ok := g.pod.get("spec").(*object); !ok && g.happens(0.5) {
		return tree
	}
	if g.happens(0.85) {
		for _, container := range g.containers() {
			container.object("securityContext").set("readOnlyRootFilesystem", true)
		}
	}
	switch {
	case g.happens(0.6):
		g.spec().set("automountServiceAccountToken", false)
	case g.happens(0.4):
		g.spec().set("automountServiceAccountToken", pick(g, []node{true, true, nil}))
	}
	if g.happens(0.3) && g.spec().get("automountServiceAccountToken") != false || g.happens(0.05) {
		g.giveToken()
	}
	if g.happens(0.15) {
		g.runAsUsual()
	}
	total := 0
	for _, furnishing := range furnishings {
		total += furnishing.weight
	}
	for range g.oneOf(0, 0, 1, 1, 2, 3) {
		draw := g.chance.IntN(total)
		for _, furnishing := range furnishings {
			if draw -= furnishing.weight; draw < 0 {
				furnishing.apply(g)
				break
			}
		}
	}
	return tree
}

// giveToken does what the API server's admission of service accounts does, and what looks like it.
func (g *generator) giveToken() {
	volume := obj("name", pick(g, []node{"kube-api-access-x7x2p", "kube-api-access-x7x2p", "kube-api-access-x7x2p", "kube-api-access-", "kube-api-acces", "token",
		"my-kube-api-access-1"}))
	sources := arr(obj("serviceAccountToken", obj("expirationSeconds", integer(3607), "path", "token")),
		obj("configMap", obj("name", "kube-root-ca.crt")))
	switch g.chance.IntN(8) {
	case 0:
		sources.items = sources.items[1:]
	case 1:
		sources.items = append(sources.items, sources.items[0])
	case 2:
		sources.items[0] = obj("serviceAccountToken", nil)
	case 3:
		sources = pick(g, []*list{arr(), nil})
	}
	projected := obj()
	if sources != nil {
		projected.set("sources", sources)
	}
	volume.set("projected", projected)
	if g.happens(0.06) { // by its name alone
		volume.remove("projected")
		volume.set("emptyDir", obj())
	}
	volumes := g.spec().list("volumes")
	volumes.items = append(volumes.items, volume)
	g.mount(volume.get("name"), true)
}

// runAsUsual gives ids as most people do, so that ranges have something to allow.
func (g *generator) runAsUsual() {
	g.podContext().set("runAsUser", integer(10000+g.chance.IntN(20)))
	g.podContext().set("runAsGroup", integer(10000+g.chance.IntN(20)))
	g.podContext().set("fsGroup", integer(10000+g.chance.IntN(20)))
	g.podContext().set("supplementalGroups", arr(integer(10000), integer(10010)))
}

func (g *generator) mount(name node, readOnly node) *object {
	mount := obj("name", name, "mountPath", fmt.Sprintf("/mnt/%d", g.chance.IntN(100)))
	if readOnly != nil {
		mount.set("readOnly", readOnly)
	}
	mounts := g.container().list("volumeMounts")
	mounts.items = append(mounts.items, mount)
	return mount
}

// volumeName is the name of one of the pod's volumes, or of none.
func (g *generator) volumeName() node {
	if found := g.spec().objects("volumes"); len(found) > 0 && g.happens(0.8) {
		return pick(g, found).get("name")
	}
	return pick(g, []node{"claim", "data-1", "", nil})
}

var furnishings = []mutation{
	{14, func(g *generator) { // mounts of what there is
		for range g.oneOf(1, 1, 2, 3) {
			g.mount(g.volumeName(), pick(g, []node{true, true, true, false, nil, nil}))
		}
	}},
	{14, func(g *generator) { // a volume and its mount
		volume := g.addVolume(pick(g, volumeKinds))
		g.mount(volume.get("name"), pick(g, []node{true, true, false, nil}))
	}},
	{10, func(g *generator) { // a volume that may say itself that it is read-only
		kind := pick(g, volumeKinds)
		volume := g.addVolume(kind)
		volume.object(kind).set("readOnly", pick(g, []node{true, true, false, nil}))
		g.mount(volume.get("name"), pick(g, []node{true, false, nil, nil}))
	}},
	{3, func(g *generator) { // two volumes of one name
		first, second := g.addVolume(pick(g, volumeKinds)), g.addVolume(pick(g, volumeKinds))
		second.set("name", first.get("name"))
		g.mount(first.get("name"), nil)
	}},
	{6, func(g *generator) { // mounts that are shared with the node
		g.mount(g.volumeName(), true).set("mountPropagation",
			pick(g, []node{"None", "None", "", nil, "HostToContainer", "Bidirectional", "none"}))
	}},
	{4, func(g *generator) { // raw devices
		g.container().set("volumeDevices", pick(g, []node{arr(obj("name", "disk", "devicePath", "/dev/xvda")), arr(), nil, arr(obj())}))
	}},
	{12, func(g *generator) { // ids
		g.someContext().set(pick(g, []string{"runAsUser", "runAsGroup", "runAsGroup"}), pick(g, ids))
	}},
	{8, func(g *generator) {
		g.podContext().set("fsGroup", pick(g, ids))
	}},
	{8, func(g *generator) {
		groups := arr()
		for range g.oneOf(0, 1, 1, 1, 2) {
			groups.items = append(groups.items, pick(g, ids))
		}
		g.podContext().set("supplementalGroups", orNothing(g, groups))
	}},
	{5, func(g *generator) { // file systems
		g.container().object("securityContext").set("readOnlyRootFilesystem", pick(g, []node{true, false, nil}))
	}},
	{6, func(g *generator) { // folders of the node, some with a runtime's socket in them
		volume := g.addVolume("")
		volume.set("hostPath", obj("path", pick(g, []node{"/var/run/docker.sock", "/run/containerd/containerd.sock", "/run", "/", "/var", "/var/log",
			"/srv/data", "/proc/1/root/run", "/run/user/1000/docker.sock", `\\.\pipe\docker_engine`, `\\.\PIPE\docker_engine`, `C:\data`, "", nil,
			"/run/secrets", "/var/lib/docker"})))
	}},
	{3, func(g *generator) { // sysctls that one's own templates may allow
		sysctls := g.podContext().list("sysctls")
		sysctls.items = append(sysctls.items, obj("name", pick(g, []node{"net.core.somaxconn", "kernel.msgmax"}), "value", "1"))
	}},
	{4, func(g *generator) { // seccomp by annotation: of the pod, of a container, of none
		g.annotations().set(pick(g, []string{"seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/" + g.annotated()}),
			pick(g, []node{"runtime/default", "docker/default", "localhost/web", "unconfined"}))
	}},
	{3, func(g *generator) { // capabilities that one's own templates may allow
		g.container().object("securityContext").set("capabilities", obj("drop", arr("ALL"), "add", arr(pick(g, []node{
			"KILL", "NET_RAW", `a "quoted" one`, `back\slash`, "ü", "SYS_CHROOT\n", "SYS_CHROOT\\n", `a \"quoted\" one`, `back\\slash`}))))
	}},
	{4, func(g *generator) { // texts that lie near what counts
		key := pick(g, []string{"x.container.apparmor.security.beta.kubernetes.io/", "container.apparmor.security.beta.kubernetes.io/x",
			"x.container.seccomp.security.alpha.kubernetes.io/app-1", "xseccomp.security.alpha.kubernetes.io/pod", "seccomp.security.alpha.kubernetes.io/podx"})
		g.annotations().set(key, pick(g, []node{"unconfined", "runtime/default", "xlocalhost/", "web-localhost/"}))
	}},
	{3, func(g *generator) { // what exempts
		g.spec().set("os", obj("name", "windows"))
	}},
	{3, func(g *generator) {
		g.spec().set("hostUsers", g.happens(0.2))
	}},
}

// The ids at the ends of the ranges that templates.yaml and least-privilege ask for, and beside them.
var ids = []node{number("10000"), number("9999"), number("10001"), number("10003"), number("10004"), number("10005"), number("10009"), number("10010"), number("10011"),
	number("19998"), number("19999"), number("20000"), number("29999"), number("30000"), number("30001"),
	number("65533"), number("65534"), number("65535"), number("65535"), number("65536"), number("998"), number("999"), number("999"), number("1000"), number("1001"),
	number("2"), number("1"), number("1"), number("0"), number("0"), number("2147483646"), number("2147483647"), number("2147483648"), number("-1"), nil,
	number("9223372036854775806"), number("9223372036854775807")}
