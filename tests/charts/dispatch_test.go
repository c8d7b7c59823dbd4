package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

// The oldest Kubernetes that Chart.yaml allows, and the one that the modules are of.
var kubernetes = []string{"1.28", "1.37"}

// dispatcher decides as the API server does which entries of a registration are asked.
type dispatcher []*entry

// entry is one of a registration; its conditions are compiled when they are first asked.
type entry struct {
	*admissionv1.ValidatingWebhook
	compiler cel.ConditionCompiler
	selector labels.Selector
	matcher  matchconditions.Matcher
}

func dispatcherOf(t testing.TB, values, kubernetes string) dispatcher {
	t.Helper()
	r := mustRender(t, helms(t)["helm4"], values)
	configuration := decode[admissionv1.ValidatingWebhookConfiguration](t, r, "ValidatingWebhookConfiguration")
	compiler := cel.NewConditionCompiler(environment.MustBaseEnvSet(version.MustParse(kubernetes)))
	var out dispatcher
	for i := range configuration.Webhooks {
		e := &entry{ValidatingWebhook: &configuration.Webhooks[i], compiler: compiler}
		var err error
		if e.selector, err = metav1.LabelSelectorAsSelector(e.NamespaceSelector); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		out = append(out, e)
	}
	return out
}

// request is what the API server is asked to do.
type request struct {
	Operation             admission.Operation
	Group, Kind           string
	Resource, Subresource string
	Namespace             string
	Object, Old           map[string]any
	User                  string
	Groups                []string
	NamespaceLabels       map[string]string
	Name                  string
}

func (r request) attributes() admission.Attributes {
	gvk := schema.GroupVersionKind{Group: r.Group, Version: "v1", Kind: r.Kind}
	object := func(content map[string]any) runtime.Object {
		if content == nil {
			return nil
		}
		out := &unstructured.Unstructured{Object: content}
		out.SetGroupVersionKind(gvk)
		return out
	}
	gvr := schema.GroupVersionResource{Group: r.Group, Version: "v1", Resource: r.Resource}
	return admission.NewAttributesRecord(object(r.Object), object(r.Old), gvk, r.Namespace, "name", gvr, r.Subresource, r.Operation, nil, false,
		&user.DefaultInfo{Name: r.User, Groups: r.Groups})
}

// asked lists the entries that are called, each as "name path policy". A condition that cannot be evaluated is an error: with
// policy Fail it would refuse the request.
func (d dispatcher) asked(t testing.TB, r request) []string {
	t.Helper()
	attributes := r.attributes()
	var out []string
	of := labels.Set{"kubernetes.io/metadata.name": r.Namespace}
	for key, value := range r.NamespaceLabels {
		of[key] = value
	}
	for _, e := range d {
		matches := false
		for _, rule := range e.Rules {
			matcher := rules.Matcher{Rule: rule, Attr: attributes}
			matches = matches || matcher.Matches()
		}
		if !matches || !e.selector.Matches(of) || !e.conditions(t, attributes) {
			continue
		}
		path := ""
		if e.ClientConfig.Service != nil {
			path = *e.ClientConfig.Service.Path
		} else {
			path = *e.ClientConfig.URL
		}
		out = append(out, fmt.Sprintf("%s %s %s", strings.TrimSuffix(e.Name, ".plimsoll.dev"), path, *e.FailurePolicy))
	}
	return out
}

func (e *entry) conditions(t testing.TB, attributes admission.Attributes) bool {
	t.Helper()
	e.compile(t)
	versioned, err := admission.NewVersionedAttributes(attributes, attributes.GetKind(), nil)
	if err != nil {
		t.Fatal(err)
	}
	result := e.matcher.Match(context.Background(), versioned, nil, nil)
	if result.Error != nil {
		t.Fatalf("%s: %v", e.Name, result.Error)
	}
	return result.Matches
}

func (e *entry) compile(t testing.TB) {
	t.Helper()
	if e.matcher != nil {
		return
	}
	expressions := make([]cel.ExpressionAccessor, len(e.MatchConditions))
	for i, c := range e.MatchConditions {
		expressions[i] = &matchconditions.MatchCondition{Name: c.Name, Expression: c.Expression}
	}
	// What is new is held to the functions of the oldest API server in a cluster that is being upgraded.
	compiled := e.compiler.CompileCondition(expressions, cel.OptionalVariableDeclarations{HasAuthorizer: true}, environment.NewExpressions)
	for _, err := range compiled.CompilationErrors() {
		t.Fatalf("%s: %v", e.Name, err)
	}
	fail := admissionv1.Fail
	e.matcher = matchconditions.NewMatcher(compiled, &fail, "webhook", "validating", e.Name)
}

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// pod with metadata and spec as YAML.
func pod(t testing.TB, metadata, spec string) map[string]any {
	return object(t, fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: %s\nspec: %s\nstatus: {phase: Pending}\n", metadata, spec))
}

func everybody() []string { return []string{"system:authenticated"} }

// createPod is the creation of a pod by a person in a namespace with the labels.
func createPod(t testing.TB, namespace string, labels map[string]string) request {
	return request{Operation: admission.Create, Kind: "Pod", Resource: "pods", Namespace: namespace, NamespaceLabels: labels,
		Object: pod(t, "{name: a}", "{containers: [{name: a, image: a}]}"), User: "ann", Groups: everybody()}
}

func createDeployment(t testing.TB, namespace string, labels map[string]string) request {
	return request{Operation: admission.Create, Group: "apps", Kind: "Deployment", Resource: "deployments", Namespace: namespace, NamespaceLabels: labels,
		Object: object(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: 1}}"), User: "ann", Groups: everybody()}
}

func setLabels(t testing.TB, old, new string) request {
	r := request{Operation: admission.Create, Kind: "Namespace", Resource: "namespaces", Namespace: "shop", User: "ann", Groups: everybody(),
		Object: object(t, "{apiVersion: v1, kind: Namespace, metadata: "+new+"}")}
	if old != "" {
		r.Operation = admission.Update
		r.Old = object(t, "{apiVersion: v1, kind: Namespace, metadata: "+old+"}")
	}
	return r
}

// Who is asked about a pod and a Deployment, in every mode of the chart, where the API server sees nothing by itself.
func TestWhoIsAsked(t *testing.T) {
	label := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			key := pairs[i]
			if !strings.Contains(key, "/") {
				key = "plimsoll.dev/" + key
			}
			out[key] = pairs[i+1]
		}
		return out
	}
	noPermission := `apiAccess: false
certificates: {mode: certManager}
`
	for _, row := range []struct {
		name, values, namespace string
		labels                  map[string]string
		pods, workloads         []string
	}{
		{"no label", ``, "shop", nil, nil, nil},
		{"enforce", ``, "shop", label("enforce", "restricted"), []string{"enforce.pods /validate Fail"}, []string{"enforce.workloads /validate Ignore"}},
		{"warn", ``, "shop", label("warn", "restricted"), []string{"warn.pods /validate Ignore"}, []string{"warn.workloads /validate Ignore"}},
		{"audit", ``, "shop", label("audit", "x"), []string{"audit.pods /validate Ignore"}, []string{"audit.workloads /validate Ignore"}},
		{"all three", ``, "shop", label("audit", "x", "warn", "x", "enforce", "x"), []string{"enforce.pods /validate Fail"}, []string{"enforce.workloads /validate Ignore"}},
		{"a version alone", ``, "shop", label("enforce-version", "v1.30"), nil, nil},
		{"excluded", ``, "kube-system", label("enforce", "restricted"), nil, nil},
		{"the release's own", ``, "plimsoll", label("enforce", "restricted"), nil, nil},
		{"not excluded any more", `excludedNamespaces: []`, "kube-system", label("enforce", "baseline"), []string{"enforce.pods /validate Fail"}, []string{"enforce.workloads /validate Ignore"}},
		{"dry run", `dryRun: true`, "shop", label("enforce", "restricted"), []string{"enforce.pods /validate Ignore"}, []string{"enforce.workloads /validate Ignore"}},
		{"ignore", `failurePolicy: Ignore`, "shop", label("enforce", "restricted"), []string{"enforce.pods /validate Ignore"}, []string{"enforce.workloads /validate Ignore"}},
		{"another's label", ``, "shop", label("pod-security.kubernetes.io/enforce", "restricted"), nil, nil},
		{"another's label, honoured", `honourPodSecurityLabels: true`, "shop", label("pod-security.kubernetes.io/enforce", "restricted"),
			[]string{"enforce.pod-security.pods /validate Fail"}, []string{"enforce.pod-security.workloads /validate Ignore"}},
		{"at a url", `webhook: {url: "https://10.0.0.1:9/"}`, "shop", label("enforce", "restricted"),
			[]string{"enforce.pods https://10.0.0.1:9/validate Fail"}, []string{"enforce.workloads https://10.0.0.1:9/validate Ignore"}},

		{"cluster", `scope: cluster`, "shop", nil, []string{"enforce.pods /validate Fail"}, []string{"enforce.workloads /validate Ignore"}},
		{"cluster, labelled", `scope: cluster`, "shop", label("enforce", "baseline", "warn", "restricted"), []string{"enforce.pods /validate Fail"}, []string{"enforce.workloads /validate Ignore"}},
		{"cluster, dry run", `{scope: cluster, dryRun: true}`, "shop", nil, []string{"enforce.pods /validate Ignore"}, []string{"enforce.workloads /validate Ignore"}},
		{"cluster, excluded", `scope: cluster`, "kube-node-lease", nil, nil, nil},
		{"cluster, bound", `{scope: cluster, bindings: [{name: a, mode: enforce, template: baseline, namespaces: [shop]}]}`, "shop", nil,
			[]string{"enforce.pods /validate Fail"}, []string{"enforce.workloads /validate Ignore"}},

		{"bound by name", `bindings: [{name: a, mode: enforce, template: baseline, namespaces: [shop]}]`, "shop", nil,
			[]string{"enforce.a.binding.pods /validate Fail"}, []string{"enforce.a.binding.workloads /validate Ignore"}},
		{"bound by another name", `bindings: [{name: a, mode: enforce, template: baseline, namespaces: [shops]}]`, "shop", nil, nil, nil},
		{"bound by glob", `bindings: [{name: a, mode: warn, template: baseline, namespaces: [web, "sh?p*"]}]`, "shop-eu", nil,
			[]string{"warn.a.binding.pods /validate Ignore"}, []string{"warn.a.binding.workloads /validate Ignore"}},
		{"not bound by glob", `bindings: [{name: a, mode: warn, template: baseline, namespaces: ["hop*", "sho?", "*op-eu-x"]}]`, "shop-eu", nil, nil, nil},
		{"bound, but excluded by glob", `bindings: [{name: a, mode: warn, template: baseline, excludeNamespaces: ["shop-*"]}]`, "shop-eu", nil, nil, nil},
		{"bound, but excluded by name", `bindings: [{name: a, mode: warn, template: baseline, excludeNamespaces: [shop]}]`, "shop", nil, nil, nil},
		{"bound by selector", `bindings: [{name: a, mode: audit, template: baseline, selector: {matchLabels: {team: a}, matchExpressions: [{key: tier, operator: In, values: [b]}]}}]`, "shop",
			label("kubernetes.io/team", "x", "/team", "a"), nil, nil},
		{"bound and labelled as strict", `bindings: [{name: a, mode: warn, template: baseline}]`, "shop", label("audit", "restricted"),
			[]string{"audit.pods /validate Ignore"}, []string{"audit.workloads /validate Ignore"}},
		{"enforced by binding and label", `bindings: [{name: a, mode: enforce, template: baseline}]`, "shop", label("enforce", "restricted"),
			[]string{"enforce.pods /validate Fail"}, []string{"enforce.workloads /validate Ignore"}},
		{"bound twice alike", `bindings: [{name: a, mode: warn, template: restricted, namespaces: [shop]}, {name: b, mode: enforce, template: baseline, namespaces: [shop]}]`, "shop", nil,
			[]string{"enforce.b.binding.pods /validate Fail"}, []string{"enforce.b.binding.workloads /validate Ignore"}},

		{"no permission", noPermission, "shop", nil, nil, nil},
		{"no permission, enforce", noPermission, "shop", label("enforce", "restricted"), []string{"enforce.restricted.pods /validate/enforce/restricted Fail"},
			[]string{"enforce.restricted.workloads /validate/warn/restricted Ignore"}},
		{"no permission, enforce and warn", noPermission, "shop", label("enforce", "baseline", "warn", "least-privilege", "audit", "restricted"),
			[]string{"enforce.baseline.pods /validate/enforce/baseline Fail", "warn.least-privilege.pods /validate/warn/least-privilege Ignore", "audit.restricted.pods /validate/audit/restricted Ignore"},
			[]string{"enforce.baseline.workloads /validate/warn/baseline Ignore", "warn.least-privilege.workloads /validate/warn/least-privilege Ignore", "audit.restricted.workloads /validate/audit/restricted Ignore"}},
		{"no permission, privileged", noPermission, "shop", label("enforce", "privileged"), nil, nil},
		{"no permission, excluded", noPermission, "plimsoll", label("enforce", "baseline"), nil, nil},
		{"no permission, own template", noPermission + `templates: [{name: ours, spec: {extends: baseline}}]`, "shop", label("audit", "ours"),
			[]string{"audit.ours.pods /validate/audit/ours Ignore"}, []string{"audit.ours.workloads /validate/audit/ours Ignore"}},
		{"no permission, pinned", noPermission + `labelTemplates: [restricted, restricted@v1.30]`, "shop", label("enforce", "restricted", "enforce-version", "v1.30"),
			[]string{"enforce.restricted-v1-30.pods /validate/enforce/restricted/v1.30 Fail"}, []string{"enforce.restricted-v1-30.workloads /validate/warn/restricted/v1.30 Ignore"}},
		{"no permission, not pinned", noPermission + `labelTemplates: [restricted, restricted@v1.30]`, "shop", label("enforce", "restricted", "enforce-version", "v1.31"),
			[]string{"enforce.restricted.pods /validate/enforce/restricted Fail"}, []string{"enforce.restricted.workloads /validate/warn/restricted Ignore"}},
		{"no permission, another's label", noPermission + `honourPodSecurityLabels: true`, "shop", label("pod-security.kubernetes.io/warn", "baseline"),
			[]string{"warn.baseline.pod-security.pods /validate/warn/baseline Ignore"}, []string{"warn.baseline.pod-security.workloads /validate/warn/baseline Ignore"}},
		{"no permission, a label that names nothing", noPermission, "shop", label("enforce", "restrictde"), []string{"enforce.unknown.pods /validate/enforce/restricted Fail"},
			[]string{"enforce.unknown.workloads /validate/warn/restricted Ignore"}},
		{"no permission, cluster", noPermission + `scope: cluster`, "shop", nil, []string{"enforce.pods /validate/enforce/restricted Fail"}, []string{"enforce.workloads /validate/warn/restricted Ignore"}},
		{"no permission, cluster, the same by label", noPermission + `scope: cluster`, "shop", label("enforce", "restricted"),
			[]string{"enforce.pods /validate/enforce/restricted Fail"}, []string{"enforce.workloads /validate/warn/restricted Ignore"}},
		{"no permission, cluster, more by label", noPermission + `scope: cluster`, "shop", label("enforce", "least-privilege"),
			[]string{"enforce.pods /validate/enforce/restricted Fail", "enforce.least-privilege.pods /validate/enforce/least-privilege Fail"},
			[]string{"enforce.workloads /validate/warn/restricted Ignore", "enforce.least-privilege.workloads /validate/warn/least-privilege Ignore"}},
		{"no permission, bound", noPermission + `bindings: [{name: a, mode: enforce, template: baseline, version: v1.30, namespaces: ["sh*"]}]`, "shop", nil,
			[]string{"enforce.a.binding.pods /validate/enforce/baseline/v1.30 Fail"}, []string{"enforce.a.binding.workloads /validate/warn/baseline/v1.30 Ignore"}},
		{"no permission, workloads bound", noPermission + `bindings: [{name: a, mode: enforce, template: baseline, workloads: enforce}]`, "shop", nil,
			[]string{"enforce.a.binding.pods /validate/enforce/baseline Fail"}, []string{"enforce.a.binding.workloads /validate/enforce/baseline Ignore"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := dispatcherOf(t, with(t, row.values, "prefilter", false), "1.37")
			if got := d.asked(t, createPod(t, row.namespace, row.labels)); !reflect.DeepEqual(got, row.pods) {
				t.Errorf("pods: got %q, want %q", got, row.pods)
			}
			if got := d.asked(t, createDeployment(t, row.namespace, row.labels)); !reflect.DeepEqual(got, row.workloads) {
				t.Errorf("workloads: got %q, want %q", got, row.workloads)
			}
		})
	}
}

// Who is asked about custom resources: those who are asked about a workload, whatever the API server sees of workloads by itself.
func TestCustomResourcesAreAskedAbout(t *testing.T) {
	resource := func(operation admission.Operation, of, new, old string) request {
		r := request{Operation: operation, Group: "argoproj.io", Kind: "Rollout", Namespace: "shop", NamespaceLabels: map[string]string{"plimsoll.dev/enforce": "restricted"},
			User: "ann", Groups: everybody()}
		r.Resource, r.Subresource, _ = strings.Cut(of, "/")
		if new != "" {
			r.Object = object(t, new)
		}
		if old != "" {
			r.Old = object(t, old)
		}
		return r
	}
	with := func(group, namespace string, labels map[string]string, r request) request {
		r.Group, r.Namespace, r.NamespaceLabels = group, namespace, labels
		return r
	}
	create := resource(admission.Create, "rollouts", "{spec: {a: 1}}", "")
	bound := customResources[:len(customResources)-1] + `, bindings: [{name: a, mode: audit, template: baseline, namespaces: ["sh*"]}]}`
	noPermission := `{apiAccess: false, certificates: {mode: certManager}, ` + customResources[1:]
	for _, row := range []struct {
		name, values string
		request      request
		want         []string
	}{
		{"by default nobody", ``, create, nil},
		{"creation", customResources, create, []string{"enforce.restricted.custom /validate/enforce Ignore"}},
		{"creation, without prefilter", customResources[:len(customResources)-1] + `, prefilter: false}`, create, []string{"enforce.custom /validate Ignore"}},
		{"of another kind", customResources, resource(admission.Create, "experiments", "{spec: {a: 1}}", ""), nil},
		{"of another group", customResources, with("example.com", "shop", create.NamespaceLabels, create), nil},
		{"told of", customResources, with("example.com", "shop", create.NamespaceLabels, resource(admission.Create, "widgets", "{spec: {a: 1}}", "")),
			[]string{"enforce.restricted.custom /validate/enforce Ignore"}},
		{"excluded", customResources, with("argoproj.io", "kube-system", create.NamespaceLabels, create), nil},
		{"no label", customResources, with("argoproj.io", "shop", nil, create), nil},
		{"without a namespace", customResources, with("argoproj.io", "", create.NamespaceLabels, create), nil},
		{"new spec", customResources, resource(admission.Update, "rollouts", "{spec: {a: 1}}", "{spec: {a: 2}}"), []string{"enforce.restricted.custom /validate/enforce Ignore"}},
		{"new status", customResources, resource(admission.Update, "rollouts", "{spec: {a: 1}, status: {a: 1}}", "{spec: {a: 1}}"), nil},
		{"finalizer removed", customResources, resource(admission.Update, "rollouts", "{metadata: {}, spec: {a: 1}}", "{metadata: {finalizers: [a]}, spec: {a: 1}}"), nil},
		{"status", customResources, resource(admission.Update, "rollouts/status", "{spec: {a: 1}}", "{spec: {a: 2}}"), nil},
		{"scaled", customResources, resource(admission.Update, "rollouts/scale", "{spec: {a: 1}}", "{spec: {a: 2}}"), nil},
		{"deletion", customResources, resource(admission.Delete, "rollouts", "", "{spec: {a: 2}}"), nil},
		{"bound by glob", bound, with("argoproj.io", "shop", nil, create), []string{"audit.a.binding.custom /validate/audit Ignore"}},
		{"not bound by glob", bound, with("argoproj.io", "web", nil, create), nil},
		{"cluster", `{scope: cluster, ` + customResources[1:], with("argoproj.io", "shop", nil, create), []string{"enforce.custom /validate/enforce Ignore"}},
		{"no permission", noPermission, create, []string{"enforce.restricted.custom /validate/warn/restricted Ignore"}},
	} {
		for _, version := range kubernetes {
			t.Run(row.name+"/"+version, func(t *testing.T) {
				if got := dispatcherOf(t, row.values, version).asked(t, row.request); !reflect.DeepEqual(got, row.want) {
					t.Errorf("got %q, want %q", got, row.want)
				}
			})
		}
	}
}

// Where the server alone decides, a namespace with any label is asked about once, and one without any never.
func TestLabelsAskOnce(t *testing.T) {
	for name, values := range map[string]string{"own": ``, "with pod security's": `honourPodSecurityLabels: true`} {
		t.Run(name, func(t *testing.T) {
			d := dispatcherOf(t, with(t, values, "prefilter", false), "1.37")
			keys := []string{"plimsoll.dev/enforce", "plimsoll.dev/warn", "plimsoll.dev/audit"}
			if values != "" {
				keys = append(keys, "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit")
			}
			for set := range 1 << len(keys) {
				labels := map[string]string{}
				enforced := false
				for i, key := range keys {
					if set&(1<<i) != 0 {
						labels[key] = "baseline"
						enforced = enforced || strings.HasSuffix(key, "enforce")
					}
				}
				asked := d.asked(t, createPod(t, "shop", labels))
				if len(asked) != min(set, 1) || (set > 0 && strings.HasSuffix(asked[0], " Fail") != enforced) {
					t.Errorf("%v: %q", labels, asked)
				}
			}
		})
	}
}

// withPod is a workload whose pods have the spec; what is no workload stays as it is.
func withPod(t testing.TB, kind string, workload map[string]any, spec string) map[string]any {
	t.Helper()
	at := workload
	switch kind {
	case "CronJob":
		for _, key := range []string{"spec", "jobTemplate", "spec"} {
			below, _ := at[key].(map[string]any)
			if below == nil {
				below = map[string]any{}
			}
			at[key] = below
			at = below
		}
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController":
		at = workload["spec"].(map[string]any)
	case "PodTemplate":
	default:
		return workload
	}
	template, _ := at["template"].(map[string]any)
	if template == nil {
		template = map[string]any{}
	}
	template["spec"] = object(t, spec)
	at["template"] = template
	return workload
}

// A pod that breaks restricted, by what it does not say.
const spec = "{containers: [{name: a, image: a}], nodeName: n}"

// What is asked about, in a namespace that is enforced.
func TestWhatIsAsked(t *testing.T) {
	update := func(resource, metadata, spec, oldMetadata, oldSpec string) request {
		kind := "Pod"
		r := request{Operation: admission.Update, Kind: kind, Resource: "pods", Object: pod(t, metadata, spec), Old: pod(t, oldMetadata, oldSpec)}
		r.Resource, r.Subresource, _ = strings.Cut(resource, "/")
		return r
	}
	workload := func(group, kind, resource string, operation admission.Operation, new, old string) request {
		r := request{Operation: operation, Group: group, Kind: kind, Object: withPod(t, kind, object(t, new), spec)}
		r.Resource, r.Subresource, _ = strings.Cut(resource, "/")
		if old != "" {
			r.Old = withPod(t, kind, object(t, old), spec)
		}
		return r
	}
	dispatchers := map[string]dispatcher{}
	for _, version := range kubernetes {
		dispatchers[version] = dispatcherOf(t, ``, version)
		dispatchers[version+" without prefilter"] = dispatcherOf(t, `prefilter: false`, version)
	}
	nodes := []string{"system:nodes", "system:authenticated"}
	mirror := "{name: a, annotations: {kubernetes.io/config.mirror: x}}"
	big := "{containers: [" + strings.Repeat("{name: a, image: a, env: [{name: a, value: a}]}, ", 5000) + "]}"
	for _, row := range []struct {
		name    string
		request request
		groups  []string
		want    string // the entry, or nobody
	}{
		{"creation", createPod(t, "", nil), nil, "enforce.pods"},
		{"creation by nobody in particular", createPod(t, "", nil), []string{}, "enforce.pods"},
		{"creation by a node", createPod(t, "", nil), nodes, "enforce.pods"},
		{"a kubelet's mirror pod", request{Operation: admission.Create, Kind: "Pod", Resource: "pods", Object: pod(t, mirror, spec)}, nodes, ""},
		{"a person's mirror pod", request{Operation: admission.Create, Kind: "Pod", Resource: "pods", Object: pod(t, mirror, spec)}, nil, "enforce.pods"},
		{"a node's pod with another annotation", request{Operation: admission.Create, Kind: "Pod", Resource: "pods", Object: pod(t, "{name: a, annotations: {b: c}}", spec)}, nodes, "enforce.pods"},
		{"nothing changed", update("pods", "{name: a}", spec, "{name: a}", spec), nil, ""},
		{"finalizer removed", update("pods", "{name: a}", spec, "{name: a, finalizers: [f]}", spec), nil, ""},
		{"label changed", update("pods", "{name: a, labels: {b: c}}", spec, "{name: a, labels: {b: d}}", spec), nil, ""},
		{"owner changed", update("pods", "{name: a, ownerReferences: [{name: b}]}", spec, "{name: a}", spec), nil, ""},
		{"resourceVersion changed", update("pods", "{name: a, resourceVersion: '2'}", spec, "{name: a, resourceVersion: '1'}", spec), nil, ""},
		{"annotation changed", update("pods", "{name: a, annotations: {b: c}}", spec, "{name: a, annotations: {b: d}}", spec), nil, ""},
		{"toleration added", update("pods", "{name: a}", "{containers: [{name: a, image: a}], nodeName: n, tolerations: [{key: a}]}", "{name: a}", spec), nil, ""},
		{"init container changed", update("pods", "{name: a}", "{containers: [{name: a, image: a}], nodeName: n, initContainers: [{name: i, image: b}]}", "{name: a}", "{containers: [{name: a, image: a}], nodeName: n, initContainers: [{name: i, image: a}]}"), nil, "enforce.pods"},
		{"image changed", update("pods", "{name: a}", "{containers: [{name: a, image: b}], nodeName: n}", "{name: a}", spec), nil, "enforce.pods"},
		{"ephemeral container", update("pods/ephemeralcontainers", "{name: a}", "{containers: [{name: a, image: a}], nodeName: n, ephemeralContainers: [{name: b}]}", "{name: a}", spec), nil, "enforce.pods"},
		{"resize", update("pods/resize", "{name: a}", "{containers: [{name: a, image: a, resources: {limits: {cpu: 1}}}], nodeName: n}", "{name: a}", spec), nil, "enforce.pods"},
		{"status", update("pods/status", "{name: a}", "{}", "{name: a}", spec), nil, ""},
		{"a large pod that changes", update("pods", "{name: a}", big, "{name: a}", spec), nil, "enforce.pods"},
		{"a large pod that stays", update("pods", "{name: a, labels: {b: c}}", big, "{name: a}", big), nil, ""},
		{"deletion", request{Operation: admission.Delete, Kind: "Pod", Resource: "pods", Old: pod(t, "{name: a}", spec)}, nil, ""},
		{"binding", request{Operation: admission.Create, Kind: "Binding", Resource: "pods", Subresource: "binding", Object: object(t, "{metadata: {name: a}}")}, nil, ""},
		{"exec", request{Operation: admission.Connect, Kind: "PodExecOptions", Resource: "pods", Subresource: "exec", Object: object(t, "{}")}, nil, ""},
		{"eviction", request{Operation: admission.Create, Kind: "Eviction", Resource: "pods", Subresource: "eviction", Object: object(t, "{}")}, nil, ""},
		{"a node's lease", workload("coordination.k8s.io", "Lease", "leases", admission.Update, "{spec: {a: 1}}", "{spec: {a: 2}}"), nodes, ""},

		{"Deployment", workload("apps", "Deployment", "deployments", admission.Create, "{spec: {a: 1}}", ""), nil, "enforce.workloads"},
		{"Deployment, new spec", workload("apps", "Deployment", "deployments", admission.Update, "{spec: {a: 1}}", "{spec: {a: 2}}"), nil, "enforce.workloads"},
		{"Deployment, new label", workload("apps", "Deployment", "deployments", admission.Update, "{metadata: {labels: {a: b}}, spec: {a: 1}}", "{metadata: {}, spec: {a: 1}}"), nil, ""},
		{"Deployment, scaled", workload("apps", "Scale", "deployments/scale", admission.Update, "{spec: {a: 1}}", "{spec: {a: 2}}"), nil, ""},
		{"ReplicaSet", workload("apps", "ReplicaSet", "replicasets", admission.Create, "{spec: {a: 1}}", ""), nil, "enforce.workloads"},
		{"StatefulSet", workload("apps", "StatefulSet", "statefulsets", admission.Create, "{spec: {a: 1}}", ""), nil, "enforce.workloads"},
		{"DaemonSet", workload("apps", "DaemonSet", "daemonsets", admission.Create, "{spec: {a: 1}}", ""), nil, "enforce.workloads"},
		{"Job", workload("batch", "Job", "jobs", admission.Create, "{spec: {a: 1}}", ""), nil, "enforce.workloads"},
		{"Job without its finalizer", workload("batch", "Job", "jobs", admission.Update, "{metadata: {}, spec: {a: 1}}", "{metadata: {finalizers: [a]}, spec: {a: 1}}"), nil, ""},
		{"CronJob", workload("batch", "CronJob", "cronjobs", admission.Create, "{spec: {a: 1}}", ""), nil, "enforce.workloads"},
		{"ReplicationController", workload("", "ReplicationController", "replicationcontrollers", admission.Create, "{spec: {a: 1}}", ""), nil, "enforce.workloads"},
		{"PodTemplate", workload("", "PodTemplate", "podtemplates", admission.Create, "{template: {a: 1}}", ""), nil, "enforce.workloads"},
		{"PodTemplate, changed", workload("", "PodTemplate", "podtemplates", admission.Update, "{template: {a: 1}}", "{template: {a: 2}}"), nil, "enforce.workloads"},
		{"ConfigMap", workload("", "ConfigMap", "configmaps", admission.Create, "{data: {a: b}}", ""), nil, ""},
	} {
		for name, d := range dispatchers {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				r := row.request
				r.Namespace, r.NamespaceLabels, r.User, r.Groups = "shop", map[string]string{"plimsoll.dev/enforce": "restricted"}, "somebody", everybody()
				if row.groups != nil {
					r.Groups = row.groups
				}
				got := ""
				for _, asked := range d.asked(t, r) {
					got += strings.Replace(strings.Fields(asked)[0], ".restricted.", ".", 1)
				}
				if got != row.want {
					t.Errorf("asked %q, want %q", got, row.want)
				}
			})
		}
	}
}

func TestNamespaceWrites(t *testing.T) {
	const asked = "namespaces /validate Fail"
	for _, row := range []struct {
		name, values, old, new string
		want                   []string
	}{
		{"created without", ``, "", "{name: shop}", nil},
		{"created with another's", ``, "", "{name: shop, labels: {a: b}}", nil},
		{"created with", ``, "", "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", []string{asked}},
		{"set", ``, "{name: shop}", "{name: shop, labels: {plimsoll.dev/warn: baseline}}", []string{asked}},
		{"misspelt", ``, "{name: shop}", "{name: shop, labels: {plimsoll.dev/enfroce: baseline}}", []string{asked}},
		{"changed", ``, "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", "{name: shop, labels: {plimsoll.dev/enforce: baseline}}", []string{asked}},
		{"version changed", ``, "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", "{name: shop, labels: {plimsoll.dev/enforce: restricted, plimsoll.dev/enforce-version: v1.3}}", []string{asked}},
		{"removed", ``, "{name: shop, labels: {plimsoll.dev/enforce: restricted, a: b}}", "{name: shop, labels: {a: b}}", []string{asked}},
		{"removed with all", ``, "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", "{name: shop}", []string{asked}},
		{"left", ``, "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", "{name: shop, labels: {plimsoll.dev/enforce: restricted, a: b}, annotations: {c: d}}", nil},
		{"emptied that was", ``, "{name: shop, labels: {}}", "{name: shop}", nil},
		{"a finalizer", ``, "{name: shop, labels: {plimsoll.dev/enforce: restricted}, finalizers: [a]}", "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", nil},
		{"pod security's", ``, "{name: shop}", "{name: shop, labels: {pod-security.kubernetes.io/enforce: baseline}}", nil},
		{"pod security's, honoured", `honourPodSecurityLabels: true`, "{name: shop}", "{name: shop, labels: {pod-security.kubernetes.io/enforce: baseline}}", []string{asked}},
		{"pod security's, removed", `honourPodSecurityLabels: true`, "{name: shop, labels: {pod-security.kubernetes.io/enforce: baseline}}", "{name: shop}", []string{asked}},
		{"ours, with pod security's honoured", `honourPodSecurityLabels: true`, "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", "{name: shop}", []string{asked}},
		{"neither, with pod security's honoured", `honourPodSecurityLabels: true`, "{name: shop, labels: {a: b}}", "{name: shop}", nil},
		{"pod security's, honoured without a permission", `{apiAccess: false, honourPodSecurityLabels: true, certificates: {mode: certManager}}`, "{name: shop}",
			"{name: shop, labels: {pod-security.kubernetes.io/enforce: baseline}}", nil},
		{"dry run", `dryRun: true`, "{name: shop}", "{name: shop, labels: {plimsoll.dev/warn: baseline}}", []string{"namespaces /validate Ignore"}},
		{"no permission", `{apiAccess: false, certificates: {mode: certManager}}`, "{name: shop}", "{name: shop, labels: {plimsoll.dev/warn: basline}}", []string{asked}},
		{"cluster", `scope: cluster`, "{name: shop}", "{name: shop, labels: {plimsoll.dev/warn: baseline}}", []string{asked}},
	} {
		for _, version := range kubernetes {
			t.Run(row.name+"/"+version, func(t *testing.T) {
				r := setLabels(t, row.old, row.new)
				if got := dispatcherOf(t, row.values, version).asked(t, r); !reflect.DeepEqual(got, row.want) {
					t.Errorf("asked %q, want %q", got, row.want)
				}
			})
		}
	}
	t.Run("of an excluded namespace", func(t *testing.T) {
		r := setLabels(t, "", "{name: kube-system, labels: {plimsoll.dev/enforce: restricted}}")
		r.Namespace = "kube-system"
		if got := dispatcherOf(t, ``, "1.37").asked(t, r); !reflect.DeepEqual(got, []string{asked}) {
			t.Errorf("asked %q", got)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		r := setLabels(t, "{name: shop, labels: {plimsoll.dev/enforce: restricted}}", "{name: shop}")
		r.Operation, r.Object = admission.Delete, nil
		if got := dispatcherOf(t, ``, "1.37").asked(t, r); got != nil {
			t.Errorf("asked %q", got)
		}
	})
}
