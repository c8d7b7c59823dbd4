package conformance

import (
	"fmt"
	"math/rand/v2"
)

// generator makes one pod: one that complies, or nearly, changed in a few places. Pods far from the
// boundary fail on so many counts that a wrong verdict on any one of them goes unseen.
type generator struct {
	chance *rand.Rand
	pod    *object
	names  int // containers and volumes named so far
}

// generate returns the pod of that index in the sequence of a seed, and the bytes that are sent.
func generate(seed uint64, index int) (*object, []byte) {
	g := &generator{chance: rand.New(rand.NewPCG(seed, uint64(index)))}
	g.compliantPod()
	for range g.oneOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9) {
		g.mutate()
	}
	if g.happens(0.3) {
		for range 1 + g.chance.IntN(2) {
			g.twist()
		}
	}
	if g.happens(0.3) {
		g.addNoise()
	}
	return g.pod, anySpelling(g.chance).spell(g.pod)
}

func (g *generator) happens(chance float64) bool { return g.chance.Float64() < chance }

func (g *generator) oneOf(choices ...int) int { return choices[g.chance.IntN(len(choices))] }

func pick[T any](g *generator, choices []T) T { return choices[g.chance.IntN(len(choices))] }

// pickEither picks from the values that a check allows or, with that chance, from those it might not.
func pickEither[T any](g *generator, bad float64, allowed, odd []T) T {
	if g.happens(bad) {
		return pick(g, odd)
	}
	return pick(g, allowed)
}

func (g *generator) meta() *object        { return g.pod.object("metadata") }
func (g *generator) spec() *object        { return g.pod.object("spec") }
func (g *generator) podContext() *object  { return g.spec().object("securityContext") }
func (g *generator) annotations() *object { return g.meta().object("annotations") }

func (g *generator) name(prefix string) string {
	g.names++
	return fmt.Sprintf("%s-%d", prefix, g.names)
}

var containerLists = []string{"initContainers", "containers", "ephemeralContainers"}

// containers returns every container of the pod.
func (g *generator) containers() []*object {
	var all []*object
	for _, list := range containerLists {
		all = append(all, g.spec().objects(list)...)
	}
	return all
}

// container picks a list, then a container of it, so that short lists are hit as often as long ones.
func (g *generator) container() *object {
	for _, i := range g.chance.Perm(len(containerLists)) {
		if found := g.spec().objects(containerLists[i]); len(found) > 0 {
			return pick(g, found)
		}
	}
	return g.addContainer("containers")
}

// someContext picks the pod's security context or a container's.
func (g *generator) someContext() *object {
	if g.happens(0.4) {
		return g.podContext()
	}
	return g.container().object("securityContext")
}

// --- the pod to start from ------------------------------------------------------------------------

// A foundation says how a pod starts out.
type foundation struct {
	weight int
	lay    func(*generator)
}

var foundations = []foundation{
	// Hardened: passes restricted. The standing of the two inherited fields varies.
	{50, func(g *generator) {
		atPod := func() bool { return g.happens(0.6) }
		nonRoot, seccomp := atPod(), atPod()
		if nonRoot {
			g.podContext().set("runAsNonRoot", true)
		}
		if seccomp {
			g.podContext().set("seccompProfile", g.goodSeccomp())
		}
		for _, container := range g.containers() {
			context := container.object("securityContext")
			if !nonRoot || g.happens(0.1) {
				context.set("runAsNonRoot", true)
			}
			if !seccomp || g.happens(0.1) {
				context.set("seccompProfile", g.goodSeccomp())
			}
			g.harden(context)
		}
	}},
	// Windows: from v1.25 on, restricted asks little of it.
	{12, func(g *generator) {
		g.spec().set("os", obj("name", "windows"))
		g.podContext().set("runAsNonRoot", true)
		if g.happens(0.3) {
			g.podContext().set("windowsOptions", obj("runAsUserName", "ContainerUser"))
		}
	}},
	// In a user namespace: from v1.35 on it may run as root.
	{14, func(g *generator) {
		g.spec().set("hostUsers", g.happens(0.15))
		g.podContext().set("seccompProfile", g.goodSeccomp())
		for _, container := range g.containers() {
			g.harden(container.object("securityContext"))
		}
		switch g.chance.IntN(4) {
		case 0:
			g.podContext().set("runAsNonRoot", true)
		case 1:
			g.podContext().set("runAsUser", integer(0))
		case 2:
			g.podContext().set("runAsNonRoot", true)
			g.container().object("securityContext").set("runAsUser", integer(0))
		}
	}},
	// Bare: as most pods are. Passes baseline.
	{26, func(*generator) {}},
}

func (g *generator) goodSeccomp() node {
	if g.happens(0.3) {
		return obj("type", "Localhost", "localhostProfile", "profiles/web.json")
	}
	return obj("type", "RuntimeDefault")
}

func (g *generator) harden(context *object) {
	context.set("allowPrivilegeEscalation", false)
	context.object("capabilities").set("drop", arr("ALL"))
	if g.happens(0.1) {
		context.object("capabilities").set("add", arr("NET_BIND_SERVICE"))
	}
}

func (g *generator) compliantPod() {
	g.pod = obj("kind", "Pod", "apiVersion", "v1",
		"metadata", obj("name", "web", "namespace", "shop"),
		"spec", obj())
	if g.happens(0.2) {
		g.meta().set("labels", obj("app", "web"))
	}
	if g.happens(0.15) {
		g.annotations().set("example.com/owner", "shop")
	}
	if g.happens(0.35) {
		for range g.oneOf(1, 1, 2) {
			g.addContainer("initContainers")
		}
	}
	for range g.oneOf(1, 1, 1, 2, 3) {
		g.addContainer("containers")
	}
	if g.happens(0.3) {
		for range g.oneOf(1, 1, 2) {
			g.addContainer("ephemeralContainers")
		}
	}
	if g.happens(0.25) {
		for range g.oneOf(1, 2) {
			g.addVolume(pick(g, allowedVolumeKinds))
		}
	}
	total := 0
	for _, foundation := range foundations {
		total += foundation.weight
	}
	draw := g.chance.IntN(total)
	for _, foundation := range foundations {
		if draw -= foundation.weight; draw < 0 {
			foundation.lay(g)
			return
		}
	}
}

func (g *generator) addContainer(list string) *object {
	container := obj("name", g.name("app"), "image", "registry.example/web:1")
	if list == "initContainers" && g.happens(0.4) {
		container.set("restartPolicy", "Always")
	}
	if list == "ephemeralContainers" && g.happens(0.3) {
		container.set("targetContainerName", "app-1")
	}
	if g.happens(0.1) {
		container.set("ports", arr(obj("containerPort", integer(8080), "protocol", "TCP")))
	}
	if g.happens(0.1) {
		container.set("livenessProbe", obj("httpGet", obj("path", "/", "port", integer(8080), "scheme", "HTTP")))
	}
	l := g.spec().list(list)
	l.items = append(l.items, container)
	return container
}

func (g *generator) addVolume(kind string) *object {
	volume := obj("name", g.name("data"))
	if source, ok := volumeSources[kind]; ok {
		volume.set(kind, clone(source))
		if g.happens(0.2) {
			volume.set(kind, obj())
		}
	}
	l := g.spec().list("volumes")
	l.items = append(l.items, volume)
	return volume
}
