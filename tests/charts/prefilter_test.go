package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiserver/pkg/admission"
	"sigs.k8s.io/yaml"
)

// pods by the most privilege that they need: each is within the template and breaks the ones before it.
var pods = []struct{ within, metadata, spec string }{
	{"least-privilege", "{name: a}", `{automountServiceAccountToken: false, securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}},
  containers: [{name: a, image: a, securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, capabilities: {drop: [ALL]}}}]}`},
	{"restricted", "{name: a}", `{securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}},
  containers: [{name: a, image: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}`},
	{"baseline", "{name: a}", `{containers: [{name: a, image: a}]}`},
	{"privileged", "{name: a}", `{hostPID: true, containers: [{name: a, image: a, securityContext: {privileged: true}}]}`},
}

var strictness = []string{"privileged", "baseline", "restricted", "least-privilege"}

// ofModels are the templates of the tests, each as strict as a built-in one.
var ofModels = map[string]struct {
	as        string
	newest    int
	prefilter bool
}{
	"baseline": {"baseline", 37, true}, "restricted": {"restricted", 37, true}, "least-privilege": {"least-privilege", 37, true},
	"privileged": {"privileged", 37, false},
	"payments":   {"restricted", 37, true}, "ours": {"baseline", 37, false}, "future": {"baseline", 39, true},
}

// conditionsOf is templates[].prefilter of a template that is as strict as the built-in one.
func conditionsOf(t testing.TB, builtin, name, version string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "charts", "plimsoll", "files", "prefilter", builtin+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return object(t, strings.ReplaceAll(string(data), "name: prefilter.plimsoll.dev/"+builtin+".v1.37", "name: prefilter.plimsoll.dev/"+name+"."+version))
}

// ownTemplates are values.templates with the ones that no release has.
func ownTemplates(t testing.TB) []any {
	return []any{
		map[string]any{"name": "payments", "spec": object(t, "{extends: restricted, description: Ours.}"), "prefilter": conditionsOf(t, "restricted", "payments", "v1.37")},
		map[string]any{"name": "ours", "spec": object(t, "{extends: baseline, description: Ours.}")},
		map[string]any{"name": "future", "spec": object(t, "{extends: baseline, newest: v1.39}"), "prefilter": conditionsOf(t, "baseline", "future", "v1.39")},
	}
}

// breaks says whether the pod is not within the newest version of the template.
func breaks(within, template string) bool {
	return slices.Index(strictness, within) < slices.Index(strictness, ofModels[template].as)
}

func createPodWithin(t testing.TB, i int, namespace string, labels map[string]string) request {
	r := createPod(t, namespace, labels)
	r.Object = pod(t, pods[i].metadata, pods[i].spec)
	return r
}

func createDeploymentWithin(t testing.TB, i int, namespace string, labels map[string]string) request {
	r := createDeployment(t, namespace, labels)
	r.Object = withPod(t, "Deployment", r.Object, pods[i].spec)
	return r
}

// The pods of these tests are what they are said to be.
func TestPodsOfPrefilter(t *testing.T) {
	for i, p := range pods {
		text, err := yaml.Marshal(createPodWithin(t, i, "shop", nil).Object)
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range strictness {
			command := exec.Command(binary(t), "check", "-t", template, "-")
			command.Stdin = strings.NewReader(string(text))
			out, err := command.CombinedOutput()
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() != 1 || err != nil && exit == nil || (err != nil) != breaks(p.within, template) {
				t.Errorf("within %s, held to %s: %v\n%s", p.within, template, err, out)
			}
		}
	}
}

// Every condition of every entry is known to the oldest API server and to the newest.
func TestConditionsCompile(t *testing.T) {
	for _, version := range kubernetes {
		for _, row := range matrix {
			if strings.Contains(row.name, "template") || row.name == "opt in, pod security labels" || row.name == "no permission, cert-manager" {
				t.Run(row.name+"/"+version, func(t *testing.T) {
					for _, e := range dispatcherOf(t, row.values, version) {
						e.compile(t)
					}
				})
			}
		}
	}
}

// Who is asked where the API server decides first: by the mode of the label and the template, the pod and the version.
func TestWhoIsAskedWithPrefilter(t *testing.T) {
	noPermission := `apiAccess: false
certificates: {mode: certManager}
`
	for _, row := range []struct{ name, values, namespace, labels, pod, pods, workloads string }{
		{"no label", ``, "shop", ``, "privileged", "", ""},
		{"complies", ``, "shop", `enforce: restricted`, "restricted", "", ""},
		{"complies with more", ``, "shop", `enforce: restricted`, "least-privilege", "", ""},
		{"breaks", ``, "shop", `enforce: restricted`, "baseline", "enforce.restricted.pods /validate/enforce Fail", "enforce.restricted.workloads /validate/enforce Ignore"},
		{"breaks, dry run", `dryRun: true`, "shop", `enforce: restricted`, "baseline", "enforce.restricted.pods /validate/enforce Ignore", "enforce.restricted.workloads /validate/enforce Ignore"},
		{"breaks, ignored", `failurePolicy: Ignore`, "shop", `enforce: restricted`, "baseline", "enforce.restricted.pods /validate/enforce Ignore", "enforce.restricted.workloads /validate/enforce Ignore"},
		{"excluded", ``, "kube-system", `enforce: restricted`, "baseline", "", ""},
		{"at a url", `webhook: {url: "https://a.example"}`, "shop", `audit: restricted`, "baseline", "audit.restricted.pods https://a.example/validate/audit Ignore", "audit.restricted.workloads https://a.example/validate/audit Ignore"},
		{"warned only", ``, "shop", `enforce: baseline, warn: restricted`, "baseline", "warn.restricted.pods /validate/warn Ignore", "warn.restricted.workloads /validate/warn Ignore"},
		{"each mode", ``, "shop", `enforce: baseline, warn: restricted, audit: least-privilege`, "privileged",
			"enforce.baseline.pods /validate/enforce Fail, warn.restricted.pods /validate/warn Ignore, audit.least-privilege.pods /validate/audit Ignore",
			"enforce.baseline.workloads /validate/enforce Ignore, warn.restricted.workloads /validate/warn Ignore, audit.least-privilege.workloads /validate/audit Ignore"},
		{"privileged", ``, "shop", `enforce: privileged`, "privileged", "", ""},
		{"an older version", ``, "shop", `enforce: restricted, enforce-version: v1.36`, "least-privilege", "enforce.before-v1-37.general.pods /validate/enforce Fail", "enforce.before-v1-37.general.workloads /validate/enforce Ignore"},
		{"the newest version", ``, "shop", `enforce: restricted, enforce-version: v1.37`, "restricted", "", ""},
		{"a newer version", ``, "shop", `enforce: restricted, enforce-version: v1.99`, "baseline", "enforce.restricted.pods /validate/enforce Fail", "enforce.restricted.workloads /validate/enforce Ignore"},
		{"latest", ``, "shop", `enforce: restricted, enforce-version: latest`, "restricted", "", ""},
		{"no version", ``, "shop", `enforce: restricted, enforce-version: "1.30"`, "baseline", "enforce.restricted.pods /validate/enforce Fail", "enforce.restricted.workloads /validate/enforce Ignore"},
		{"no template", ``, "shop", `enforce: restrictde`, "least-privilege", "enforce.other.general.pods /validate/enforce Fail", "enforce.other.general.workloads /validate/enforce Ignore"},
		{"implied at another version", ``, "shop", `enforce: restricted, warn-version: v1.20`, "least-privilege", "warn.implied.general.pods /validate/warn Ignore", "warn.implied.general.workloads /validate/warn Ignore"},
		{"implied at the newest", ``, "shop", `enforce: baseline, enforce-version: v1.20, warn-version: latest`, "least-privilege",
			"enforce.before-v1-37.general.pods /validate/enforce Fail, warn.implied.general.pods /validate/warn Ignore",
			"enforce.before-v1-37.general.workloads /validate/enforce Ignore, warn.implied.general.workloads /validate/warn Ignore"},
		{"pod security's, not honoured", ``, "shop", `pod-security.kubernetes.io/enforce: restricted`, "privileged", "", ""},
		{"pod security's", `honourPodSecurityLabels: true`, "shop", `pod-security.kubernetes.io/enforce: restricted`, "baseline",
			"enforce.restricted.pod-security.pods /validate/enforce Fail", "enforce.restricted.pod-security.workloads /validate/enforce Ignore"},
		{"pod security's, which knows no such template", `honourPodSecurityLabels: true`, "shop", `pod-security.kubernetes.io/enforce: least-privilege`, "least-privilege",
			"enforce.other.general.pod-security.pods /validate/enforce Fail", "enforce.other.general.pod-security.workloads /validate/enforce Ignore"},
		{"pod security's and ours alike", `honourPodSecurityLabels: true`, "shop", `pod-security.kubernetes.io/enforce: restricted, enforce: restricted`, "baseline",
			"enforce.restricted.pods /validate/enforce Fail", "enforce.restricted.workloads /validate/enforce Ignore"},
		{"a template of one's own", `templates`, "shop", `audit: payments`, "baseline", "audit.payments.pods /validate/audit Ignore", "audit.payments.workloads /validate/audit Ignore"},
		{"a template of one's own, complies", `templates`, "shop", `audit: payments`, "restricted", "", ""},
		{"a template of one's own without conditions", `templates`, "shop", `audit: ours`, "least-privilege", "audit.other.general.pods /validate/audit Ignore", "audit.other.general.workloads /validate/audit Ignore"},
		{"a template that knows more versions", `templates`, "shop", `enforce: future, enforce-version: v1.38`, "least-privilege",
			"enforce.before-v1-39.general.pods /validate/enforce Fail", "enforce.before-v1-39.general.workloads /validate/enforce Ignore"},
		{"a template that knows fewer", `templates`, "shop", `enforce: restricted, enforce-version: v1.38`, "restricted", "", ""},

		{"cluster", `scope: cluster`, "shop", ``, "baseline", "enforce.pods /validate/enforce Fail", "enforce.workloads /validate/enforce Ignore"},
		{"cluster, complies", `scope: cluster`, "shop", ``, "restricted", "", ""},
		{"cluster, labelled the same", `scope: cluster`, "shop", `enforce: restricted`, "baseline", "enforce.pods /validate/enforce Fail", "enforce.workloads /validate/enforce Ignore"},
		{"cluster, labelled stricter", `scope: cluster`, "shop", `enforce: least-privilege`, "restricted", "enforce.least-privilege.pods /validate/enforce Fail", "enforce.least-privilege.workloads /validate/enforce Ignore"},
		{"cluster, audited", `scope: cluster`, "shop", `audit: least-privilege`, "restricted", "audit.least-privilege.pods /validate/audit Ignore", "audit.least-privilege.workloads /validate/audit Ignore"},
		{"cluster, pinned", `{scope: cluster, template: restricted@v1.30}`, "shop", `enforce: restricted`, "least-privilege", "enforce.pods /validate/enforce Fail", "enforce.workloads /validate/enforce Ignore"},
		{"cluster, latest", `{scope: cluster, template: restricted@latest}`, "shop", ``, "restricted", "", ""},
		{"cluster, bound the same", `{scope: cluster, bindings: [{name: a, mode: enforce, template: restricted, namespaces: [shop]}]}`, "shop", ``, "baseline", "enforce.pods /validate/enforce Fail", "enforce.workloads /validate/enforce Ignore"},
		{"cluster, excluded", `scope: cluster`, "kube-system", ``, "privileged", "", ""},

		{"bound", `bindings: [{name: a, mode: warn, template: baseline, namespaces: ["sh*"]}]`, "shop", ``, "privileged", "warn.a.binding.pods /validate/warn Ignore", "warn.a.binding.workloads /validate/warn Ignore"},
		{"bound, complies", `bindings: [{name: a, mode: warn, template: baseline, namespaces: ["sh*"]}]`, "shop", ``, "baseline", "", ""},
		{"bound elsewhere", `bindings: [{name: a, mode: warn, template: baseline, namespaces: ["she*"]}]`, "shop", ``, "privileged", "", ""},
		{"bound, pinned", `bindings: [{name: a, mode: warn, template: baseline, version: v1.36}]`, "shop", ``, "least-privilege", "warn.a.binding.pods /validate/warn Ignore", "warn.a.binding.workloads /validate/warn Ignore"},
		{"bound to the newest by name", `bindings: [{name: a, mode: warn, template: baseline@v1.37}]`, "shop", ``, "baseline", "", ""},
		{"bound and labelled alike", `bindings: [{name: a, mode: warn, template: baseline}]`, "shop", `warn: baseline`, "privileged", "warn.baseline.pods /validate/warn Ignore", "warn.baseline.workloads /validate/warn Ignore"},
		{"bound and labelled in another mode", `bindings: [{name: a, mode: warn, template: baseline}]`, "shop", `audit: baseline`, "privileged",
			"audit.baseline.pods /validate/audit Ignore, warn.a.binding.pods /validate/warn Ignore", "audit.baseline.workloads /validate/audit Ignore, warn.a.binding.workloads /validate/warn Ignore"},
		{"bound and labelled otherwise", `bindings: [{name: a, mode: warn, template: baseline}]`, "shop", `warn: privileged`, "privileged", "warn.a.binding.pods /validate/warn Ignore", "warn.a.binding.workloads /validate/warn Ignore"},

		{"no permission, complies", noPermission, "shop", `enforce: restricted`, "restricted", "", ""},
		{"no permission, breaks", noPermission, "shop", `enforce: restricted`, "baseline", "enforce.restricted.pods /validate/enforce/restricted Fail", "enforce.restricted.workloads /validate/warn/restricted Ignore"},
		{"no permission, no template", noPermission, "shop", `enforce: restrictde`, "restricted", "", ""},
		{"no permission, pinned", noPermission + `labelTemplates: [restricted, restricted@v1.30]`, "shop", `enforce: restricted, enforce-version: v1.30`, "restricted",
			"enforce.restricted-v1-30.pods /validate/enforce/restricted/v1.30 Fail", "enforce.restricted-v1-30.workloads /validate/warn/restricted/v1.30 Ignore"},
		{"no permission, cluster", noPermission + `scope: cluster`, "shop", ``, "restricted", "", ""},
		{"no permission, bound, workloads", noPermission + `bindings: [{name: a, mode: enforce, template: baseline, workloads: enforce}]`, "shop", ``, "privileged",
			"enforce.a.binding.pods /validate/enforce/baseline Fail", "enforce.a.binding.workloads /validate/enforce/baseline Ignore"},
	} {
		for _, version := range kubernetes {
			t.Run(row.name+"/"+version, func(t *testing.T) {
				values := row.values
				if values == "templates" {
					values = with(t, ``, "templates", ownTemplates(t))
				}
				labels := map[string]string{}
				for key, value := range object(t, "{"+row.labels+"}") {
					if !strings.Contains(key, "/") {
						key = "plimsoll.dev/" + key
					}
					labels[key] = value.(string)
				}
				i := slices.IndexFunc(pods, func(p struct{ within, metadata, spec string }) bool { return p.within == row.pod })
				d := dispatcherOf(t, values, version)
				asked := func(r request) string {
					out := d.asked(t, r)
					slices.Sort(out)
					return strings.Join(out, ", ")
				}
				sorted := func(text string) string {
					out := strings.Split(text, ", ")
					slices.Sort(out)
					return strings.Join(out, ", ")
				}
				if got := asked(createPodWithin(t, i, row.namespace, labels)); got != sorted(row.pods) {
					t.Errorf("pods: got %q, want %q", got, row.pods)
				}
				if got := asked(createDeploymentWithin(t, i, row.namespace, labels)); got != sorted(row.workloads) {
					t.Errorf("workloads: got %q, want %q", got, row.workloads)
				}
			})
		}
	}
}

// What changes is looked at as what is new.
func TestUpdatesWithPrefilter(t *testing.T) {
	const good, bad = 1, 2
	for _, version := range kubernetes {
		d := dispatcherOf(t, ``, version)
		for _, resource := range []string{"pods", "pods/ephemeralcontainers", "pods/resize"} {
			for i, want := range map[int]int{good: 0, bad: 1} {
				r := createPodWithin(t, i, "shop", map[string]string{"plimsoll.dev/enforce": "restricted"})
				r.Operation = admission.Update
				r.Resource, r.Subresource, _ = strings.Cut(resource, "/")
				r.Old = pod(t, "{name: a}", strings.Replace(pods[i].spec, "image: a", "image: b", 1))
				if asked := d.asked(t, r); len(asked) != want {
					t.Errorf("%s: %s of a pod within %s: %q", version, resource, pods[i].within, asked)
				}
			}
		}
		for i, want := range map[int]int{good: 0, bad: 1} {
			for _, w := range []struct{ group, kind, resource string }{
				{"apps", "Deployment", "deployments"}, {"apps", "ReplicaSet", "replicasets"}, {"apps", "StatefulSet", "statefulsets"}, {"apps", "DaemonSet", "daemonsets"},
				{"batch", "Job", "jobs"}, {"batch", "CronJob", "cronjobs"}, {"", "ReplicationController", "replicationcontrollers"}, {"", "PodTemplate", "podtemplates"},
			} {
				r := createDeployment(t, "shop", map[string]string{"plimsoll.dev/enforce": "restricted"})
				r.Group, r.Kind, r.Resource = w.group, w.kind, w.resource
				if w.kind == "PodTemplate" {
					delete(r.Object, "spec")
				}
				r.Object = withPod(t, w.kind, r.Object, pods[i].spec)
				if asked := d.asked(t, r); len(asked) != want {
					t.Errorf("%s: %s of pods within %s: %q", version, w.kind, pods[i].within, asked)
				}
			}
		}
	}
}

// ref is a template at its newest version, or at an older one.
type ref struct {
	template string
	older    bool
}

// model says what holds in a namespace, as src/policy does, and which of it the API server cannot see by itself.
type model struct {
	templates []string // that a label may name
	honour    bool
	cluster   string
	bindings  []struct {
		mode, template, version string
		covers                  func(namespace string, labels map[string]string) bool
	}
	excluded []string
}

var ofVersion = regexp.MustCompile(`^v1\.([0-9]|[1-9][0-9]*)$`)

// at is the version of a template that a text asks for.
func at(template, version string) int {
	newest := ofModels[template].newest
	if !ofVersion.MatchString(version) {
		return newest
	}
	minor, err := strconv.Atoi(version[len("v1."):])
	if err != nil {
		return newest
	}
	return min(minor, newest)
}

func refAt(template, version string) ref {
	return ref{template, at(template, version) < ofModels[template].newest}
}

// holds lists what holds in each mode, and the modes in which the API server has to ask whatever the pod is.
func (m model) holds(namespace string, labels map[string]string) (bound map[string][]ref, always map[string]bool) {
	bound, always = map[string][]ref{}, map[string]bool{}
	if slices.Contains(m.excluded, namespace) {
		return
	}
	add := func(mode string, r ref) {
		if r.template == "privileged" {
			return
		}
		bound[mode] = append(bound[mode], r)
		always[mode] = always[mode] || r.older || !ofModels[r.template].prefilter
	}
	if m.cluster != "" {
		template, version, _ := strings.Cut(m.cluster, "@")
		add("enforce", refAt(template, version))
	}
	for _, b := range m.bindings {
		if b.covers(namespace, labels) {
			add(b.mode, refAt(b.template, b.version))
		}
	}
	families := map[string][]string{"plimsoll.dev/": m.templates}
	if m.honour {
		families["pod-security.kubernetes.io/"] = []string{"privileged", "baseline", "restricted"}
	}
	for prefix, names := range families {
		enforce, enforced := labels[prefix+"enforce"]
		_, warned := labels[prefix+"warn"]
		for _, mode := range []string{"enforce", "warn", "audit"} {
			name, ok := labels[prefix+mode]
			if !ok {
				continue
			}
			if slices.Contains(names, name) {
				add(mode, refAt(name, labels[prefix+mode+"-version"]))
				continue
			}
			always[mode] = true // the mistake is told
			if mode == "enforce" {
				add(mode, refAt("restricted", labels[prefix+"enforce-version"]))
			}
		}
		// Warned as enforced, but at a version of its own.
		if version, ok := labels[prefix+"warn-version"]; ok && enforced && !warned && enforce != "privileged" && slices.Contains(names, enforce) {
			always["warn"] = true // whether the two versions are one, no selector can tell
			if at(enforce, version) != at(enforce, labels[prefix+"enforce-version"]) {
				add("warn", refAt(enforce, version))
			}
		}
	}
	return
}

// Over many namespaces: in each mode the API server asks exactly if the pod breaks what holds there, or if it cannot know.
func TestPrefilterIsExact(t *testing.T) {
	builtin := []string{"privileged", "baseline", "restricted", "least-privilege"}
	all := append(slices.Clone(builtin), "payments", "ours", "future")
	excluded := []string{"kube-system", "kube-node-lease", "plimsoll"}
	own := func(values string) string { return with(t, values, "templates", ownTemplates(t)) }
	bound := own(`honourPodSecurityLabels: true
bindings:
- {name: shops, mode: enforce, template: baseline, namespaces: [shop, shop-eu]}
- {name: tenants, mode: warn, template: payments, namespaces: ["tenant-*", "sho?"], excludeNamespaces: ["*-old"]}
- {name: pinned, mode: audit, template: restricted, version: v1.30, excludeNamespaces: [shop]}
- {name: team, mode: warn, template: least-privilege@latest, selector: {matchLabels: {team: a}}}
- {name: newest, mode: enforce, template: restricted@v1.40, selector: {matchExpressions: [{key: team, operator: In, values: [b]}]}}
- {name: same, mode: audit, template: restricted, namespaces: [shop]}
- {name: older, mode: enforce, template: restricted, version: v1.20, namespaces: [shop-eu]}
- {name: unseen, mode: audit, template: ours, selector: {matchLabels: {team: b}}}`)
	bindings := []struct {
		mode, template, version string
		covers                  func(namespace string, labels map[string]string) bool
	}{
		{"enforce", "baseline", "", func(n string, _ map[string]string) bool { return n == "shop" || n == "shop-eu" }},
		{"warn", "payments", "", func(n string, _ map[string]string) bool {
			return (strings.HasPrefix(n, "tenant-") || n == "shop") && !strings.HasSuffix(n, "-old")
		}},
		{"audit", "restricted", "v1.30", func(n string, _ map[string]string) bool { return n != "shop" }},
		{"warn", "least-privilege", "latest", func(_ string, l map[string]string) bool { return l["team"] == "a" }},
		{"enforce", "restricted", "v1.40", func(_ string, l map[string]string) bool { return l["team"] == "b" }},
		{"audit", "restricted", "", func(n string, _ map[string]string) bool { return n == "shop" }},
		{"enforce", "restricted", "v1.20", func(n string, _ map[string]string) bool { return n == "shop-eu" }},
		{"audit", "ours", "", func(_ string, l map[string]string) bool { return l["team"] == "b" }},
	}
	for _, row := range []struct {
		name, values string
		model        model
	}{
		{"opt in", ``, model{templates: builtin, excluded: excluded}},
		{"opt in, pod security labels", `honourPodSecurityLabels: true`, model{templates: builtin, honour: true, excluded: excluded}},
		{"opt in, own templates", own(``), model{templates: all, excluded: excluded}},
		{"opt in, own templates, pod security labels", own(`{honourPodSecurityLabels: true, excludedNamespaces: []}`), model{templates: all, honour: true, excluded: []string{"plimsoll"}}},
		{"cluster", `{scope: cluster, honourPodSecurityLabels: true}`, model{templates: builtin, honour: true, cluster: "restricted", excluded: excluded}},
		{"cluster, pinned", own(`{scope: cluster, template: baseline@v1.30}`), model{templates: all, cluster: "baseline@v1.30", excluded: excluded}},
		{"cluster, latest", `{scope: cluster, template: least-privilege@latest}`, model{templates: builtin, cluster: "least-privilege@latest", excluded: excluded}},
		{"cluster, own template", own(`{scope: cluster, template: payments}`), model{templates: all, cluster: "payments", excluded: excluded}},
		{"cluster, without conditions", own(`{scope: cluster, template: ours}`), model{templates: all, cluster: "ours", excluded: excluded}},
		{"bindings", bound, model{templates: all, honour: true, bindings: bindings, excluded: excluded}},
		{"cluster, bindings", with(t, bound, "scope", "cluster"), model{templates: all, honour: true, cluster: "restricted", bindings: bindings, excluded: excluded}},
		{"cluster, pinned, bindings", with(t, with(t, bound, "scope", "cluster"), "template", "restricted@v1.36"),
			model{templates: all, honour: true, cluster: "restricted@v1.36", bindings: bindings, excluded: excluded}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := dispatcherOf(t, row.values, "1.37")
			random := rand.New(rand.NewPCG(5, uint64(len(row.name))))
			count := map[string]int{}
			for range 500 {
				namespace, labels := randomNamespace(random)
				bound, always := row.model.holds(namespace, labels)
				for i, p := range pods {
					for kind, r := range map[string]request{"pods": createPodWithin(t, i, namespace, labels), "workloads": createDeploymentWithin(t, i, namespace, labels)} {
						times := map[string]int{}
						for _, asked := range d.asked(t, r) {
							fields := strings.Fields(asked)
							mode := strings.TrimPrefix(fields[1], "/validate/")
							times[mode]++
							if want := mode == "enforce" && kind == "pods"; want != (fields[2] == "Fail") || !strings.HasPrefix(fields[0], mode) {
								t.Errorf("%s", asked)
							}
						}
						for _, mode := range []string{"enforce", "warn", "audit"} {
							broken := slices.ContainsFunc(bound[mode], func(r ref) bool { return !r.older && breaks(p.within, r.template) })
							if want := broken || always[mode]; want != (times[mode] > 0) {
								t.Errorf("%s %v: %s of %s: asked %d times in mode %s, holding %v, always %v", namespace, labels, kind, p.within, times[mode], mode, bound[mode], always[mode])
							}
							// A pod that breaks everything is asked about wherever anything holds.
							if p.within == "privileged" && len(bound[mode]) > 0 && times[mode] == 0 {
								t.Errorf("%s %v: nobody is asked in mode %s, holding %v", namespace, labels, mode, bound[mode])
							}
							once := !row.model.honour && row.model.cluster == ""
							if row.model.cluster != "" && mode == "enforce" {
								// An entry that asks about every pod leaves nothing to the others.
								template, version, _ := strings.Cut(row.model.cluster, "@")
								once = refAt(template, version).older || !ofModels[template].prefilter
							}
							if once && times[mode] > 1 {
								t.Errorf("%s %v: %s of %s: asked %d times in mode %s", namespace, labels, kind, p.within, times[mode], mode)
							}
							count[fmt.Sprint(broken, always[mode])]++
						}
						delete(times, "enforce")
						delete(times, "warn")
						delete(times, "audit")
						if len(times) > 0 {
							t.Errorf("%v", times)
						}
					}
				}
			}
			if len(count) != 4 && row.name != "cluster, pinned, bindings" {
				t.Errorf("not every case was there: %v", count)
			}
		})
	}
}

func randomNamespace(random *rand.Rand) (string, map[string]string) {
	choose := func(from ...string) string { return from[random.IntN(len(from))] }
	labels := map[string]string{}
	for _, prefix := range []string{"plimsoll.dev/", "pod-security.kubernetes.io/"} {
		if random.IntN(5) == 0 {
			continue
		}
		for _, mode := range []string{"enforce", "warn", "audit"} {
			if random.IntN(5) > 1 {
				labels[prefix+mode] = choose("baseline", "baseline", "restricted", "restricted", "least-privilege", "privileged", "payments", "payments", "ours", "future", "restrictde", "")
			}
			if random.IntN(5) > 2 {
				labels[prefix+mode+"-version"] = choose("latest", "v1.0", "v1.20", "v1.36", "v1.36", "v1.37", "v1.38", "v1.39", "v1.40", "v1.99999999999999999999", "v1.036", "1.30", "V1.30", "v1.30.2", "")
			}
		}
	}
	if team := choose("", "", "a", "b"); team != "" {
		labels["team"] = team
	}
	return choose("shop", "shop", "shop-eu", "tenant-a", "tenant-old", "other", "other", "kube-system", "plimsoll"), labels
}

// Where paths decide, the API server asks of what it asked without prefilter all but what it sees to comply.
func TestPrefilterOfFixedRoutes(t *testing.T) {
	const noPermission = `apiAccess: false
certificates: {mode: certManager}
honourPodSecurityLabels: true
`
	for name, values := range map[string]string{
		"labels":   noPermission + `labelTemplates: [baseline, restricted, least-privilege, restricted@v1.36, restricted@v1.38, baseline@latest]`,
		"cluster":  noPermission + `scope: cluster`,
		"pinned":   noPermission + "scope: cluster\ntemplate: restricted@v1.36",
		"bindings": noPermission + `bindings: [{name: a, mode: enforce, template: payments, namespaces: ["sh*"], workloads: enforce}, {name: b, mode: audit, template: ours}, {name: c, mode: warn, template: baseline, version: v1.20}]`,
	} {
		t.Run(name, func(t *testing.T) {
			values := with(t, values, "templates", ownTemplates(t))
			on, off := dispatcherOf(t, values, "1.37"), dispatcherOf(t, with(t, values, "prefilter", false), "1.37")
			random := rand.New(rand.NewPCG(5, 5))
			left, kept := 0, 0
			for range 500 {
				namespace, labels := randomNamespace(random)
				for i, p := range pods {
					for _, r := range []request{createPodWithin(t, i, namespace, labels), createDeploymentWithin(t, i, namespace, labels)} {
						var want []string
						for _, asked := range off.asked(t, r) {
							path := strings.Split(strings.Fields(asked)[1], "/") // "", validate, mode, template, version
							of := refAt(path[3], strings.Join(path[4:], ""))
							if !of.older && ofModels[of.template].prefilter && !breaks(p.within, of.template) {
								left++
								continue
							}
							kept++
							want = append(want, asked)
						}
						if got := on.asked(t, r); !reflect.DeepEqual(got, want) {
							t.Errorf("%s %v: within %s: asked %q, want %q", namespace, labels, p.within, got, want)
						}
					}
				}
			}
			if left == 0 || kept == 0 {
				t.Errorf("%d left out, %d kept", left, kept)
			}
		})
	}
}

// `kubectl apply` keeps what it applied in an annotation, and all annotations of an object have 256 KiB.
func TestManifestsFitAnnotation(t *testing.T) {
	for _, p := range plain {
		release, err := render(helms(t)["helm4"], "plimsoll", "plimsoll", p.values)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range release.find("ValidatingWebhookConfiguration") {
			data, err := json.Marshal(d.Object) // escapes &, < and > as kubectl does
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 200_000 {
				t.Errorf("deploy/%s.yaml: the registration has %d bytes", p.name, len(data))
			}
		}
	}
}

// What the API server reads stays out of what the server reads.
func TestPrefilterOfOwnTemplateIsNotTheServers(t *testing.T) {
	all := mustRender(t, helms(t)["helm4"], with(t, ``, "templates", ownTemplates(t)))
	for _, d := range all.find("ConfigMap") {
		if strings.Contains(d.Text, "prefilter.plimsoll.dev") || !strings.Contains(d.Text, "name: payments") {
			t.Error(d.Text)
		}
	}
}

// Every condition comes after the chart's own, under the name that the server looks for.
func TestPrefilterOfEntries(t *testing.T) {
	r := mustRender(t, helms(t)["helm4"], with(t, ``, "templates", ownTemplates(t)))
	seen := map[string]int{}
	for _, w := range decode[admissionv1.ValidatingWebhookConfiguration](t, r, "ValidatingWebhookConfiguration").Webhooks {
		own := map[bool]int{true: 2, false: 1}[strings.Contains(w.Name, ".pods.")]
		for i, c := range w.MatchConditions {
			if prefilter := strings.HasPrefix(c.Name, "prefilter.plimsoll.dev/"); prefilter != (i >= own) {
				t.Errorf("%s: %s is number %d", w.Name, c.Name, i)
			} else if prefilter {
				seen[c.Name]++
			}
		}
	}
	want := map[string]int{}
	for name, m := range maps.All(ofModels) {
		if m.prefilter {
			want[fmt.Sprintf("prefilter.plimsoll.dev/%s.v1.%d", name, m.newest)] = 6 // three modes, pods and workloads
		}
	}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
}
