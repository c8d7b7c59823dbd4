package conformance

import "strings"

// Twists change a node anywhere in the pod without knowing what it means: the ways a document may be
// odd that no check has a name for. None makes a document that upstream's codec refuses.

func (g *generator) twist() {
	at := places(g.pod)
	p := at[g.chance.IntN(len(at))]
	if key := p.key(); key == "kind" || key == "apiVersion" {
		return
	}
	switch value := p.get().(type) {
	case *object:
		switch g.chance.IntN(4) {
		case 0:
			p.drop()
		case 1:
			p.put(nil)
		case 2:
			p.put(obj())
		case 3:
			if l, ok := p.in.(*list); ok {
				l.items = append(l.items, clone(value))
			}
		}
	case *list:
		switch g.chance.IntN(5) {
		case 0:
			p.drop()
		case 1:
			p.put(nil)
		case 2:
			p.put(arr())
		case 3:
			value.items = append([]node{nil}, value.items...)
		case 4:
			g.chance.Shuffle(len(value.items), func(i, j int) {
				value.items[i], value.items[j] = value.items[j], value.items[i]
			})
		}
	case string:
		p.put(g.twistText(value))
	case bool:
		p.put(pick(g, []node{!value, !value, nil}))
	case number:
		p.put(pick(g, []node{number("0"), number("1"), number("-1"), nil, number("2147483647"), number("-0")}))
	case nil:
		p.drop()
	}
}

func (g *generator) twistText(text string) node {
	switch g.chance.IntN(8) {
	case 0:
		return strings.ToUpper(text)
	case 1:
		return strings.ToLower(text)
	case 2:
		return text + " "
	case 3:
		return " " + text
	case 4:
		return text + "x"
	case 5:
		return text[:len(text)/2]
	case 6:
		return ""
	}
	return nil
}

// addNoise adds members that change nothing: unknown ones, known names in the wrong case or the
// wrong place, nulls and empties where a pod may have them, and realistic clutter.
func (g *generator) addNoise() {
	for range 1 + g.chance.IntN(3) {
		switch g.chance.IntN(8) {
		case 0: // unknown, anywhere, of any shape
			target := g.someObject()
			target.members = append([]member{{g.freshKey(target), pick(g, []node{
				nil, true, "hostPath", number("-1.5e-7"), number("3.14"), obj("privileged", true, "a", arr(obj(), arr(arr()))), arr(nil, false, obj()),
				obj("spec", obj("hostNetwork", true)),
			})}}, target.members...)
		case 1: // names are case-sensitive
			g.spec().set(pick(g, []string{"hostnetwork", "HostPID", "hostIpc", "hostusers", "Volumes", "OS"}), pick(g, []node{true, false, obj(), nil}))
		case 2:
			g.container().object("securityContext").set(pick(g, []string{"Privileged", "allowprivilegeescalation", "runasuser", "procmount", "RunAsNonRoot"}),
				pick(g, []node{true, false, number("0"), "Unmasked"}))
		case 3: // a field of one level at the other
			g.podContext().set(pick(g, []string{"privileged", "allowPrivilegeEscalation", "procMount", "capabilities", "readOnlyRootFilesystem"}),
				pick(g, []node{true, false, "Unmasked", obj("drop", arr("ALL")), obj("add", arr("SYS_ADMIN"))}))
		case 4: // nothing, in as many words
			field := pick(g, []string{"securityContext", "volumes", "initContainers", "ephemeralContainers", "os", "tolerations", "affinity"})
			if g.spec().get(field) == nil {
				g.spec().set(field, pick(g, []node{nil, emptyOf(field)}))
			}
		case 5:
			field := pick(g, []string{"securityContext", "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "env", "volumeMounts"})
			if container := g.container(); container.get(field) == nil {
				container.set(field, pick(g, []node{nil, emptyOf(field)}))
			}
		case 6:
			context := g.someContext()
			field := pick(g, []string{"seLinuxOptions", "windowsOptions", "seccompProfile", "appArmorProfile", "capabilities", "runAsUser",
				"runAsNonRoot", "sysctls", "supplementalGroups"})
			if context.get(field) == nil {
				context.set(field, pick(g, []node{nil, nil, emptyOf(field)}))
			}
		case 7: // clutter that a real pod has
			container := g.container()
			container.set("env", arr(obj("name", "A", "value", "\"quoted\" \\ \u2028 ü")))
			container.set("volumeMounts", arr(obj("name", "data", "mountPath", "/data", "readOnly", true)))
			container.set("imagePullPolicy", "Always")
			g.spec().set("nodeSelector", obj("kubernetes.io/os", "windows"))
			g.spec().set("terminationGracePeriodSeconds", number("9223372036854775807"))
			g.pod.set("status", obj("phase", "Pending", "conditions", arr(obj("type", "Ready", "status", "False"))))
		}
	}
}

// emptyOf is the empty value of that field: a list, an object, or, for a scalar, null.
func emptyOf(field string) node {
	switch field {
	case "volumes", "initContainers", "ephemeralContainers", "tolerations", "ports", "env", "volumeMounts", "sysctls",
		"supplementalGroups":
		return arr()
	case "runAsUser", "runAsNonRoot":
		return nil
	}
	return obj()
}

// someObject picks an object of the pod whose members have names of their own, not of a user's choice.
func (g *generator) someObject() *object {
	candidates := []*object{g.pod, g.meta(), g.spec()}
	for _, p := range places(g.pod) {
		if o, ok := p.get().(*object); ok && p.key() != "annotations" && p.key() != "labels" && p.key() != "nodeSelector" {
			candidates = append(candidates, o)
		}
	}
	return pick(g, candidates)
}

func (g *generator) freshKey(target *object) string {
	for {
		key := pick(g, []string{"x", "unknown", "$ref", "", "containers ", "hostNetworks", "ü", "spec.hostNetwork", "privileged\u0000"})
		if target.index(key) < 0 {
			return key
		}
		target = obj() // every name is taken: an unknown one twice harms nobody
	}
}
