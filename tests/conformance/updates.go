package conformance

import (
	"math/rand/v2"
	"slices"
)

// update is a change that a client makes to a pod that stands.
type update struct {
	name string
	// significant says whether upstream judges the pod anew. It is what the table test expects; the
	// random one asks upstream itself, because a pod may lack what would change.
	significant bool
	change      func(chance *rand.Rand, pod *object)
}

var updates = []update{
	{"nothing", false, func(*rand.Rand, *object) {}},
	{"labels", false, func(_ *rand.Rand, pod *object) { pod.object("metadata", "labels").set("team", "shop") }},
	{"annotations", false, func(_ *rand.Rand, pod *object) { pod.object("metadata", "annotations").set("note", "x") }},
	{"a finalizer", false, func(_ *rand.Rand, pod *object) {
		pod.object("metadata").set("finalizers", arr("example.com/wait"))
	}},
	{"owners", false, func(_ *rand.Rand, pod *object) {
		pod.object("metadata").set("ownerReferences", arr(obj("apiVersion", "v1", "kind", "Pod", "name", "web", "uid", "1")))
	}},
	{"a deletion", false, func(_ *rand.Rand, pod *object) {
		pod.object("metadata").set("deletionGracePeriodSeconds", integer(30))
	}},
	{"status", false, func(_ *rand.Rand, pod *object) { pod.set("status", obj("phase", "Running")) }},
	{"tolerations", false, func(_ *rand.Rand, pod *object) {
		pod.object("spec").set("tolerations", arr(obj("operator", "Exists")))
	}},
	{"resources", false, func(_ *rand.Rand, pod *object) {
		for _, container := range containersIn(pod) { // no quantities: upstream cannot read one with an escape in it
			container.set("resources", obj("claims", arr(obj("name", "disk"))))
		}
	}},
	{"environment", false, func(_ *rand.Rand, pod *object) {
		for _, container := range containersIn(pod) {
			container.set("env", arr(obj("name", "A", "value", "b")))
		}
	}},
	// The API server allows none of these two, so upstream does not look at them.
	{"a security context", false, func(_ *rand.Rand, pod *object) {
		for _, container := range containersIn(pod) {
			container.object("securityContext").set("privileged", true)
		}
	}},
	{"host namespaces", false, func(_ *rand.Rand, pod *object) { pod.object("spec").set("hostNetwork", true) }},
	{"names of containers", false, func(_ *rand.Rand, pod *object) {
		for _, list := range []string{"containers", "initContainers"} {
			for _, container := range pod.object("spec").objects(list) {
				container.set("name", "renamed")
			}
		}
	}},
	{"an ephemeral container gone", false, func(_ *rand.Rand, pod *object) {
		if l, ok := pod.object("spec").get("ephemeralContainers").(*list); ok && len(l.items) > 0 {
			l.items = l.items[1:]
		}
	}},
	{"ephemeral containers in another order", false, func(_ *rand.Rand, pod *object) {
		if l, ok := pod.object("spec").get("ephemeralContainers").(*list); ok {
			slices.Reverse(l.items)
		}
	}},

	{"an image", true, changeImage("containers")},
	{"an init container's image", true, changeImage("initContainers")},
	{"an ephemeral container's image", true, changeImage("ephemeralContainers")},
	{"an image gone", true, func(_ *rand.Rand, pod *object) {
		for _, container := range pod.object("spec").objects("containers") {
			container.remove("image")
		}
	}},
	{"one more container", true, addContainer("containers")},
	{"one more init container", true, addContainer("initContainers")},
	{"one more ephemeral container", true, addContainer("ephemeralContainers")},
	{"a container less", true, dropContainer("containers")},
	{"an init container less", true, dropContainer("initContainers")},
	{"an ephemeral container renamed", true, func(_ *rand.Rand, pod *object) {
		for _, container := range pod.object("spec").objects("ephemeralContainers") {
			container.set("name", "renamed")
		}
	}},
	{"images in another order", true, func(_ *rand.Rand, pod *object) {
		for _, list := range []string{"containers", "initContainers"} {
			for i, container := range pod.object("spec").objects(list) {
				container.set("image", []string{"registry.example/a:1", "registry.example/b:1"}[i%2])
			}
		}
	}},
}

func containersIn(pod *object) []*object {
	var all []*object
	for _, list := range containerLists {
		all = append(all, pod.object("spec").objects(list)...)
	}
	return all
}

func changeImage(list string) func(*rand.Rand, *object) {
	return func(chance *rand.Rand, pod *object) {
		if found := pod.object("spec").objects(list); len(found) > 0 {
			found[chance.IntN(len(found))].set("image", "registry.example/web:2")
		}
	}
}

func addContainer(list string) func(*rand.Rand, *object) {
	return func(_ *rand.Rand, pod *object) {
		into := pod.object("spec").list(list)
		into.items = append(into.items, obj("name", "more", "image", "registry.example/more:1"))
	}
}

func dropContainer(name string) func(*rand.Rand, *object) {
	return func(_ *rand.Rand, pod *object) {
		if l, ok := pod.object("spec").get(name).(*list); ok && len(l.items) > 0 {
			l.items = l.items[:len(l.items)-1]
		}
	}
}
