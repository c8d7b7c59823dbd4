package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"sigs.k8s.io/yaml"
)

// binary is the program under test. There is no default: a test that found nothing to ask would be worse than none.
func binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("PLIMSOLL_BIN")
	if !filepath.IsAbs(path) {
		t.Fatalf("PLIMSOLL_BIN is %q: it must be the absolute path of the binary to test", path)
	}
	return path
}

func TestHelmsAgree(t *testing.T) {
	both := helms(t)
	for _, row := range matrix {
		t.Run(row.name, func(t *testing.T) {
			three, four := mustRender(t, both["helm3"], row.values), mustRender(t, both["helm4"], row.values)
			if three.all() != four.all() {
				t.Errorf("Helm 3 renders\n%s\nHelm 4\n%s", three.all(), four.all())
			}
			if three.Notes != four.Notes {
				t.Errorf("Helm 3 says\n%s\nHelm 4\n%s", three.Notes, four.Notes)
			}
		})
	}
}

func TestAPIServerAccepts(t *testing.T) {
	overMatrix(t, func(t *testing.T, r *rendered) {
		for _, d := range append(r.Documents, r.Hooks...) {
			if err := validate(d); err != nil {
				t.Errorf("%s %s: %v\n%s", d.kind(), d.name(), err, d.Text)
			}
		}
	})
}

// The validator must be able to refuse: an unknown field, a wrong value, a custom resource with either.
func TestValidatorRefuses(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"unknown field", "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: a}, spec: {colour: red}}", "colour"},
		{"wrong value", "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a, namespace: a}, spec: {maxUnavailable: -1}}", "greater than or equal to 0"},
		{"short webhook name", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: a}, webhooks: [{name: a.b, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: 'https://a'}}]}", "at least three segments"},
		{"bad condition", "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: a}, webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: 'https://a'}, matchConditions: [{name: a, expression: 'objekt.spec == 1'}]}]}", "objekt"},
		{"unknown field of a custom resource", "{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: a}, spec: {selfSigned: {}, colour: red}}", "spec.colour"},
		{"wrong type in a custom resource", "{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: a}, spec: {selector: {}, endpoints: [{port: 1}]}}", "spec.endpoints[0].port"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := parse(row.text)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(d); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want something about %q", err, row.want)
			}
		})
	}
}

func TestPodsSatisfyLeastPrivilege(t *testing.T) {
	overMatrix(t, func(t *testing.T, r *rendered) {
		command := exec.Command(binary(t), "check", "-t", "least-privilege", "-o", "json", "-")
		command.Stdin = strings.NewReader(r.all())
		out, err := command.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var report struct {
			Summary struct{ Passed, Failed, Errors, Findings int }
		}
		if err := json.Unmarshal(out, &report); err != nil {
			t.Fatal(err)
		}
		if s := report.Summary; s.Passed != len(r.find("Deployment"))+len(r.find("CronJob")) || s.Failed+s.Errors+s.Findings != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func decodeDocument[T any](t testing.TB, d document) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(d.Text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// decode reads the only object of the kind.
func decode[T any](t testing.TB, r *rendered, kind string) *T {
	t.Helper()
	found := r.find(kind)
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s in %s", len(found), kind, r.kinds())
	}
	return decodeDocument[T](t, found[0])
}

// What the API server would add is a difference that Argo CD and Flux would show for ever.
func TestRegistrationNeedsNoDefault(t *testing.T) {
	overMatrix(t, func(t *testing.T, r *rendered) {
		given := decode[admissionv1.ValidatingWebhookConfiguration](t, r, "ValidatingWebhookConfiguration")
		defaulted := given.DeepCopy()
		legacyscheme.Scheme.Default(defaulted)
		if !reflect.DeepEqual(given, defaulted) {
			a, _ := yaml.Marshal(given)
			b, _ := yaml.Marshal(defaulted)
			t.Errorf("given\n%s\nbecomes\n%s", a, b)
		}
		seen := map[string]bool{}
		for _, w := range given.Webhooks {
			if seen[w.Name] {
				t.Errorf("%s is there twice", w.Name)
			}
			seen[w.Name] = true
			if *w.SideEffects != admissionv1.SideEffectClassNone || w.ObjectSelector == nil || w.NamespaceSelector == nil {
				t.Errorf("%s: %+v", w.Name, w)
			}
			for _, rule := range w.Rules {
				for _, operation := range rule.Operations {
					if operation != admissionv1.Create && operation != admissionv1.Update {
						t.Errorf("%s is asked about %s", w.Name, operation)
					}
				}
			}
		}
	})
}

// So is what the API server would leave out or write otherwise, such as an empty list.
func TestNothingIsDropped(t *testing.T) {
	overMatrix(t, func(t *testing.T, r *rendered) {
		for _, d := range r.Documents {
			gvk := schema.FromAPIVersionAndKind(text(d.Object, "apiVersion"), d.kind())
			if !legacyscheme.Scheme.Recognizes(gvk) {
				continue // a custom resource is kept as it is
			}
			object, err := legacyscheme.Scheme.New(gvk)
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.UnmarshalStrict([]byte(d.Text), object); err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			kept := map[string]any{}
			if err := json.Unmarshal(data, &kept); err != nil {
				t.Fatal(err)
			}
			for _, path := range dropped(d.Object, kept, "") {
				t.Errorf("%s: the API server does not keep %s", d.kind(), path)
			}
		}
	})
}

// dropped lists what is in one and not, or otherwise, in the other.
func dropped(given, kept any, path string) []string {
	var out []string
	switch g := given.(type) {
	case map[string]any:
		k, ok := kept.(map[string]any)
		if !ok {
			return []string{path}
		}
		for key, value := range g {
			out = append(out, dropped(value, k[key], path+"."+key)...)
		}
	case []any:
		k, ok := kept.([]any)
		if !ok || len(k) != len(g) {
			return []string{path}
		}
		for i := range g {
			out = append(out, dropped(g[i], k[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
	default:
		if fmt.Sprint(given) != fmt.Sprint(kept) {
			return []string{fmt.Sprintf("%s: %v is %v", path, given, kept)}
		}
	}
	return out
}

// Names, ports and labels that must be the same in several objects.
func TestPartsFit(t *testing.T) {
	overMatrix(t, func(t *testing.T, r *rendered) {
		registration := decode[admissionv1.ValidatingWebhookConfiguration](t, r, "ValidatingWebhookConfiguration")
		if len(r.find("Deployment")) == 0 {
			for _, kind := range []string{"Service", "PodDisruptionBudget", "ServiceMonitor", "ResourceQuota"} {
				if len(r.find(kind)) > 0 {
					t.Errorf("%s without a server", kind)
				}
			}
			return
		}
		pod := decode[appsv1.Deployment](t, r, "Deployment").Spec.Template
		selects := func(what string, selector map[string]string) {
			if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
				t.Errorf("%s selects %v, the pods are %v", what, selector, pod.Labels)
			}
		}
		ports := map[string]bool{}
		for _, p := range pod.Spec.Containers[0].Ports {
			ports[p.Name] = true
		}
		services := map[string]corev1.Service{}
		for _, d := range r.find("Service") {
			var s corev1.Service
			if err := yaml.UnmarshalStrict([]byte(d.Text), &s); err != nil {
				t.Fatal(err)
			}
			services[s.Name] = s
			selects(s.Name, s.Spec.Selector)
			for _, p := range s.Spec.Ports {
				if !ports[p.TargetPort.StrVal] {
					t.Errorf("%s goes to port %s", s.Name, p.TargetPort.StrVal)
				}
			}
		}
		selects("the Deployment", decode[appsv1.Deployment](t, r, "Deployment").Spec.Selector.MatchLabels)
		for range r.find("PodDisruptionBudget") {
			selects("the budget", decode[policyv1.PodDisruptionBudget](t, r, "PodDisruptionBudget").Spec.Selector.MatchLabels)
		}
		for _, d := range r.find("NetworkPolicy") {
			if !strings.HasSuffix(d.name(), "-scan") {
				selects("the network policy", decodeDocument[networkingv1.NetworkPolicy](t, d).Spec.PodSelector.MatchLabels)
			}
		}
		for _, w := range registration.Webhooks {
			if s := w.ClientConfig.Service; s != nil {
				service, ok := services[s.Name]
				if !ok || service.Namespace != s.Namespace || service.Spec.Ports[0].Port != *s.Port {
					t.Errorf("%s asks %+v", w.Name, s)
				}
			}
		}
		for _, d := range r.find("ServiceMonitor") {
			selector, _ := d.Object["spec"].(map[string]any)["selector"].(map[string]any)["matchLabels"].(map[string]any)
			var found []string
			for name, s := range services {
				matches := true
				for key, value := range selector {
					matches = matches && s.Labels[key] == value
				}
				if matches {
					found = append(found, name)
				}
			}
			if len(found) != 1 || !strings.HasSuffix(found[0], "-metrics") {
				t.Errorf("the ServiceMonitor finds %v", found)
			}
		}
		mounted := map[string]string{}
		for _, m := range pod.Spec.Containers[0].VolumeMounts {
			mounted[m.Name] = m.MountPath
			// A runtime cannot make a mount point inside a read-only mount.
			for other, path := range mounted {
				if other != m.Name && (strings.HasPrefix(path+"/", m.MountPath+"/") || strings.HasPrefix(m.MountPath+"/", path+"/")) {
					t.Errorf("%s is mounted inside %s", m.MountPath, path)
				}
			}
		}
		config := configuration(t, r)
		if file := text(config, "server", "tlsCert"); file != "" && filepath.Dir(file) != mounted["tls"] {
			t.Errorf("the certificate is read from %s, mounted at %s", file, mounted["tls"])
		}
		if file := text(config, "server", "clientCA"); file != "" && filepath.Dir(file) != mounted["config"] {
			t.Errorf("the clients' authority is read from %s, mounted at %s", file, mounted["config"])
		}
		grace := *pod.Spec.TerminationGracePeriodSeconds
		var delay, timeout int64
		fmt.Sscanf(text(config, "server", "drainDelay")+" "+text(config, "server", "drainTimeout"), "%ds %ds", &delay, &timeout)
		if grace <= delay+timeout {
			t.Errorf("killed after %d s, but ends after up to %d s", grace, delay+timeout)
		}
	})
}

// configuration is what the ConfigMap tells the server.
func configuration(t testing.TB, r *rendered) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(decode[corev1.ConfigMap](t, r, "ConfigMap").Data["config.yaml"]), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A right more is a line more here.
func TestRights(t *testing.T) {
	const (
		namespaces = " namespaces get,list,watch"
		pods       = " pods list"
		own        = "admissionregistration.k8s.io validatingwebhookconfigurations/plimsoll get,patch"
		ownToRead  = "admissionregistration.k8s.io validatingwebhookconfigurations/plimsoll get"
		secret     = "plimsoll:  secrets/plimsoll-certificates get,create,update,patch"
	)
	for _, row := range []struct {
		name, values string
		rights       []string
		token        bool
	}{
		{"self-managed", ``, []string{namespaces, pods, own, secret}, true},
		{"self-managed, no running pods", `rbac: {runningPods: false}`, []string{namespaces, own, secret}, true},
		{"self-managed, no prefilter", `prefilter: false`, []string{namespaces, pods, own, secret}, true},
		{"cert-manager", `certificates: {mode: certManager}`, []string{namespaces, pods, ownToRead}, true},
		{"cert-manager, no prefilter", `{prefilter: false, certificates: {mode: certManager}}`, []string{namespaces, pods}, true},
		{"provided", provided, []string{namespaces, pods, ownToRead}, true},
		{"no roles", `rbac: {create: false}`, nil, true},
		{"no permission", `{apiAccess: false, certificates: {mode: certManager}}`, nil, false},
		{"no permission, provided", `{apiAccess: false, ` + provided + `}`, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := mustRender(t, helms(t)["helm4"], row.values)
			var rights []string
			add := func(prefix string, rules []rbacv1.PolicyRule) {
				for _, rule := range rules {
					for i, resource := range rule.Resources {
						if len(rule.ResourceNames) > 0 {
							resource += "/" + strings.Join(rule.ResourceNames, ",")
						}
						rights = append(rights, prefix+rule.APIGroups[i]+" "+resource+" "+strings.Join(rule.Verbs, ","))
					}
				}
			}
			for range r.find("ClusterRole") {
				add("", decode[rbacv1.ClusterRole](t, r, "ClusterRole").Rules)
			}
			for range r.find("Role") {
				role := decode[rbacv1.Role](t, r, "Role")
				add(role.Namespace+": ", role.Rules)
			}
			if !reflect.DeepEqual(rights, row.rights) {
				t.Errorf("rights are %q, want %q", rights, row.rights)
			}
			pod := decode[appsv1.Deployment](t, r, "Deployment").Spec.Template.Spec
			token := *pod.AutomountServiceAccountToken
			for _, v := range pod.Volumes {
				if v.Projected != nil {
					token = token || v.Projected.Sources[0].ServiceAccountToken != nil
				}
			}
			if token != row.token || *decode[corev1.ServiceAccount](t, r, "ServiceAccount").AutomountServiceAccountToken {
				t.Errorf("token: %v, want %v", token, row.token)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	const server = `{drainDelay: 5s, drainTimeout: 15s, listen: "0.0.0.0:8443", management: "0.0.0.0:8080", maxBodyBytes: 8388608, maxConnections: 512`
	const files = `, tlsCert: /etc/plimsoll/tls/tls.crt, tlsKey: /etc/plimsoll/tls/tls.key}`
	const head = `{apiVersion: plimsoll.dev/v1alpha1, kind: Configuration, log: {decisions: denied, level: info}, `
	selfManaged := func(hosts string) string {
		return `, selfManaged: {caValidity: 8760h, servingValidity: 2160h, hosts: [` + hosts +
			`], secret: {namespace: plimsoll, name: plimsoll-certificates}, webhookConfiguration: plimsoll}`
	}
	const service = `plimsoll.plimsoll.svc`
	for _, row := range []struct{ name, values, want string }{
		{"defaults", ``, head + `dryRun: false, namespaceLabels: true, server: ` + server + `}` + selfManaged(service) + `}`},
		{"cluster, dry run", `{scope: cluster, dryRun: true}`, head + `dryRun: true, namespaceLabels: true, server: ` + server + `}` + selfManaged(service) +
			`, bindings: [{name: cluster, mode: enforce, template: restricted, excludeNamespaces: [kube-system, kube-node-lease, plimsoll]}]}`},
		{"no permission", `{apiAccess: false, ` + provided + `, honourPodSecurityLabels: true, bindings: [{name: a, mode: warn, template: baseline}]}`, head + `dryRun: false, server: ` + server + files + `}`},
		{"provided", provided, head + `dryRun: false, namespaceLabels: true, webhookConfiguration: plimsoll, server: ` + server + files + `}`},
		{"provided, no prefilter", `{prefilter: false, ` + provided + `}`, head + `dryRun: false, namespaceLabels: true, server: ` + server + files + `}`},
		{"url", `{webhook: {url: "https://[fd00::1]:8443"}}`, head + `dryRun: false, namespaceLabels: true, server: ` + server + `}` + selfManaged(service+`, "fd00::1"`) + `}`},
		{"elsewhere", `{server: {enabled: false}, webhook: {url: "https://10.0.0.1:8443/"}}`,
			head + `dryRun: false, namespaceLabels: true, server: ` + server + `}` + selfManaged(`10.0.0.1`) + `}`},
		{"custom resources", customResources, head + `dryRun: false, namespaceLabels: true, server: ` + server + `}` + selfManaged(service) +
			`, podTemplates: {example.com/Widget: spec.template, example.com/Gadget: [spec.parts.*.template, {podSpec: spec.main}], example.com/Flow: {workflow: spec.workflowSpec}}}`},
		{"custom resources that are known", `customResources: [{apiGroup: argoproj.io, resources: [rollouts]}]`,
			head + `dryRun: false, namespaceLabels: true, server: ` + server + `}` + selfManaged(service) + `}`},
		{"everything", `honourPodSecurityLabels: true
updates: ratchet
` + provided + `
exemptions: {usernames: [u], namespaces: [ns]}
labelEditors: {groups: [g]}
templates: [{name: t, spec: {extends: baseline}}]
bindings: [{name: a, mode: audit, template: t, namespaces: ["x-*"], excludeNamespaces: [x-1], selector: {matchLabels: {l: m}}, workloads: enforce, updates: upstream}]`,
			head + `dryRun: false, namespaceLabels: true, server: ` + server + files + `, honourPodSecurityLabels: true, updates: ratchet, webhookConfiguration: plimsoll,
  exemptions: {usernames: [u], namespaces: [ns]}, labelEditors: {groups: [g]}, templates: [templates.yaml],
  bindings: [{name: a, mode: audit, template: t, namespaces: ["x-*"], excludeNamespaces: [x-1], selector: {matchLabels: {l: m}}, workloads: enforce, updates: upstream}]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := map[string]any{}
			if err := yaml.UnmarshalStrict([]byte(row.want), &want); err != nil {
				t.Fatal(err)
			}
			got := configuration(t, mustRender(t, helms(t)["helm4"], row.values))
			if !reflect.DeepEqual(got, want) {
				a, _ := yaml.Marshal(got)
				b, _ := yaml.Marshal(want)
				t.Errorf("got\n%s\nwant\n%s", a, b)
			}
		})
	}
}

// A pod is replaced when what it has read at its start changes, and only then.
func TestConfigurationRollsPods(t *testing.T) {
	checksum := func(values string) string {
		return decode[appsv1.Deployment](t, mustRender(t, helms(t)["helm4"], values), "Deployment").Spec.Template.Annotations["checksum/config"]
	}
	base := checksum(``)
	for _, values := range []string{`dryRun: true`, `server: {clientCA: "` + certificate + `"}`, `templates: [{name: t, spec: {extends: baseline}}]`} {
		if checksum(values) == base {
			t.Errorf("%s leaves the pods as they are", values)
		}
	}
	one, two := `templates: [{name: t, spec: {extends: baseline}}]`, `templates: [{name: t, spec: {extends: restricted}}]`
	if checksum(one) == checksum(two) {
		t.Error("another template leaves the pods as they are")
	}
	const mine = `templates: [{name: payments, spec: {extends: restricted, newest: v1.39}`
	for _, same := range [][2]string{{``, `failurePolicy: Ignore`}, {``, `prefilter: false`}, {mine + `}]`, mine + `, ` + prefilter + `}]`}} {
		if checksum(same[0]) != checksum(same[1]) {
			t.Errorf("%s: what only the API server reads replaces the pods", same[1])
		}
	}
}

func TestKinds(t *testing.T) {
	const (
		always   = "ConfigMap Deployment NetworkPolicy PodDisruptionBudget ResourceQuota "
		services = "Service Service ServiceAccount "
	)
	for _, row := range []struct{ name, values, want, hooks string }{
		{"defaults", ``, "ClusterRole ClusterRoleBinding " + always + "Role RoleBinding " + services + "ValidatingWebhookConfiguration", "Secret"},
		{"no permission", `{apiAccess: false, ` + provided + `}`, always + services + "ValidatingWebhookConfiguration", ""},
		{"cert-manager", `certificates: {mode: certManager}`, "Certificate Certificate ClusterRole ClusterRoleBinding ConfigMap Deployment Issuer Issuer " +
			"NetworkPolicy PodDisruptionBudget ResourceQuota " + services + "ValidatingWebhookConfiguration", ""},
		{"own issuer", `certificates: {mode: certManager, certManager: {issuerRef: {name: a}}}`, "Certificate ClusterRole ClusterRoleBinding " + always + services +
			"ValidatingWebhookConfiguration", ""},
		{"elsewhere", `{server: {enabled: false}, webhook: {url: "https://a"}}`, "ClusterRole ClusterRoleBinding ConfigMap Role RoleBinding ServiceAccount ValidatingWebhookConfiguration", "Secret"},
		{"elsewhere, no permission", `{apiAccess: false, server: {enabled: false}, webhook: {url: "https://a"}, ` + provided + `}`, "ConfigMap ValidatingWebhookConfiguration", ""},
		{"little", `{replicas: 1, networkPolicy: {enabled: false}, priorityQuota: false, rbac: {create: false}, serviceAccount: {create: false, name: a}}`,
			"ConfigMap Deployment Service Service ValidatingWebhookConfiguration", "Secret"},
		{"service monitor", `{apiAccess: false, serviceMonitor: {enabled: true}, ` + provided + `}`, always + services[:len(services)-len("ServiceAccount ")] +
			"ServiceAccount ServiceMonitor ValidatingWebhookConfiguration", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := mustRender(t, helms(t)["helm4"], row.values)
			if r.kinds() != row.want {
				t.Errorf("got  %s\nwant %s", r.kinds(), row.want)
			}
			var hooks []string
			for _, d := range r.Hooks {
				hooks = append(hooks, d.kind())
			}
			if strings.Join(hooks, " ") != row.hooks {
				t.Errorf("hooks are %v, want %s", hooks, row.hooks)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	for _, row := range []struct {
		name, values string
		want, never  []string
	}{
		{"defaults", ``, []string{"Enforced: what a namespace asks for", "kube-system, kube-node-lease, plimsoll", "pods that would be enforced are refused",
			"rollout status deployment/plimsoll", "kubectl label --overwrite namespace NAME plimsoll.dev/warn=restricted"}, []string{"DRY RUN"}},
		{"cluster", `{scope: cluster, template: baseline@v1.30}`, []string{"Enforced: baseline@v1.30, in every namespace but", "kubectl create --dry-run=server"}, []string{"label"}},
		{"dry run", `{scope: cluster, dryRun: true}`, []string{"DRY RUN: nothing is denied", "Judged, not enforced: restricted", "every pod is let through"}, []string{"Enforced"}},
		{"bindings", `bindings: [{name: a, mode: warn, template: baseline, version: v1.30, namespaces: [b, "c-*"], excludeNamespaces: [d]}]`,
			[]string{"binding a: warn baseline@v1.30 in b, c-* but d"}, nil},
		{"no permission", `{apiAccess: false, ` + provided + `}`, []string{"Labels may name: baseline, restricted, least-privilege."}, nil},
		{"no prefilter", `{prefilter: false, templates: [{name: ours, spec: {extends: baseline}}]}`, []string{"pods that would be enforced are refused; warnings"}, []string{"sees", "templates export"}},
		{"a template that the API server cannot see", `templates: [{name: ours, spec: {extends: baseline}}, {name: payments, spec: {extends: restricted, newest: v1.39}, ` + prefilter + `}]`,
			[]string{"refused, unless the API server itself sees that they comply; warnings", "asks about every pod under ours:",
				"plimsoll templates export ours --templates FILE --as match-conditions"}, []string{"payments"}},
		{"elsewhere", `{server: {enabled: false}, webhook: {url: "https://a.example"}}`, []string{"https://a.example", "get configmap plimsoll"}, []string{"rollout"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			notes := mustRender(t, helms(t)["helm4"], row.values).Notes
			for _, want := range row.want {
				if !strings.Contains(notes, want) {
					t.Errorf("want %q in\n%s", want, notes)
				}
			}
			for _, never := range row.never {
				if strings.Contains(notes, never) {
					t.Errorf("%q in\n%s", never, notes)
				}
			}
		})
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	both := helms(t)
	for _, row := range []struct {
		name, values string
		want         []string
	}{
		{"unknown", `colour: red`, []string{"colour"}},
		{"unknown below", `server: {colour: red}`, []string{"/server", "colour"}},
		{"misspelt scope", `scope: optin`, []string{"/scope", "'optIn', 'cluster'"}},
		{"failure policy", `failurePolicy: fail`, []string{"/failurePolicy", "'Fail', 'Ignore'"}},
		{"text for a switch", `dryRun: "yes"`, []string{"/dryRun", "want boolean"}},
		{"timeout", `timeoutSeconds: 31`, []string{"/timeoutSeconds", "want 30"}},
		{"no replica", `replicas: 0`, []string{"/replicas", "want 1"}},
		{"namespace", `excludedNamespaces: ["shop-*"]`, []string{"/excludedNamespaces/0", "does not match"}},
		{"template", `template: restricted@1.31`, []string{"/template", "does not match"}},
		{"no such template", `template: restrictd`, []string{"template", "restrictd", "privileged, baseline, restricted, least-privilege"}},
		{"binding without a mode", `bindings: [{name: a, template: baseline}]`, []string{"/bindings/0", "mode"}},
		{"binding with a wrong mode", `bindings: [{name: a, mode: deny, template: baseline}]`, []string{"/bindings/0/mode", "'enforce', 'warn', 'audit'"}},
		{"binding of no namespace", `bindings: [{name: a, mode: warn, template: baseline, namespaces: []}]`, []string{"/bindings/0/namespaces"}},
		{"binding with two versions", `bindings: [{name: a, mode: warn, template: baseline@v1.30, version: v1.31}]`, []string{"/bindings/0/version"}},
		{"binding with an unknown template", `bindings: [{name: a, mode: warn, template: mine}]`, []string{"bindings[0].template", "mine"}},
		{"custom resource of no group", `customResources: [{apiGroup: apps, resources: [deployments]}]`, []string{"/customResources/0/apiGroup", "does not match"}},
		{"custom resource of every kind", `customResources: [{apiGroup: example.com, resources: ["*"]}]`, []string{"/customResources/0/resources/0", "does not match"}},
		{"custom resource of a subresource", `customResources: [{apiGroup: example.com, resources: [a/status]}]`, []string{"/customResources/0/resources/0", "does not match"}},
		{"custom resource without resources", `customResources: [{apiGroup: example.com}]`, []string{"/customResources/0", "resources"}},
		{"path of a pod template", `customResources: [{apiGroup: example.com, resources: [a], podTemplates: {A: spec..template}}]`, []string{"/customResources/0/podTemplates/A"}},
		{"shape of a pod template", `customResources: [{apiGroup: example.com, resources: [a], podTemplates: {A: {pod: spec}}}]`, []string{"/customResources/0/podTemplates/A"}},
		{"pod templates of a kind twice", `customResources: [{apiGroup: example.com, resources: [a], podTemplates: {A: spec}}, {apiGroup: example.com, resources: [b], podTemplates: {A: spec}}]`,
			[]string{"customResources[1].podTemplates.A", "example.com/A"}},
		{"label template", `labelTemplates: [mine]`, []string{"labelTemplates[0]", "mine"}},
		{"two bindings of a name", `bindings: [{name: a, mode: warn, template: baseline}, {name: a, mode: audit, template: baseline}]`, []string{"bindings[1].name", "taken"}},
		{"a template of a built-in's name", `templates: [{name: baseline, spec: {extends: restricted}}]`, []string{"templates[0].name", "taken"}},
		{"prefilter", `prefilter: "yes"`, []string{"/prefilter", "want boolean"}},
		{"prefilter of pods alone", `templates: [{name: a, spec: {extends: baseline}, prefilter: {pods: [{name: a, expression: b}]}}]`, []string{"/templates/0/prefilter", "workloads"}},
		{"prefilter of nothing", `templates: [{name: a, spec: {extends: baseline}, prefilter: {pods: [], workloads: []}}]`, []string{"/templates/0/prefilter/pods", "want 1"}},
		{"more conditions than fit", `templates: [{name: a, spec: {extends: baseline}, prefilter: {workloads: [{name: a, expression: b}], pods: [` + strings.Repeat(`{name: a, expression: b}, `, 61) + `]}}]`,
			[]string{"/templates/0/prefilter/pods", "want 60"}},
		{"condition without an expression", `templates: [{name: a, spec: {extends: baseline}, prefilter: {pods: [{name: a}], workloads: [{name: a, expression: b}]}}]`,
			[]string{"/templates/0/prefilter/pods/0", "expression"}},
		{"name of a condition", `templates: [{name: a, spec: {extends: baseline}, prefilter: {pods: [{name: a b, expression: b}], workloads: [{name: a, expression: b}]}}]`,
			[]string{"/templates/0/prefilter/pods/0/name", "does not match"}},
		{"another template's prefilter", `templates: [{name: ours, spec: {extends: baseline, newest: v1.39}, ` + prefilter + `}]`,
			[]string{`templates[0].prefilter.pods[0].name: "prefilter.plimsoll.dev/payments.v1.39" is not "prefilter.plimsoll.dev/ours.v1.39"`, "templates export ours --templates FILE --as match-conditions"}},
		{"another version's prefilter", `templates: [{name: payments, spec: {extends: baseline, newest: v1.40}, ` + prefilter + `}]`, []string{"templates[0].prefilter.pods[0].name", "payments.v1.40"}},
		{"a prefilter for more versions than are known", `templates: [{name: payments, spec: {extends: baseline}, ` + prefilter + `}]`, []string{"templates[0].prefilter.pods[0].name", "payments.v1.37"}},
		{"a prefilter for another version than the parent's", `templates: [{name: payments, spec: {extends: ours}, ` + prefilter + `}, {name: ours, spec: {extends: baseline, newest: v1.38}}]`,
			[]string{"templates[0].prefilter.pods[0].name", "payments.v1.38"}},
		{"a prefilter for another version than the greatest", `templates: [{name: payments, spec: {rules: []}, ` + prefilter + `}, {name: ours, spec: {extends: baseline, newest: v1.41}}]`,
			[]string{"templates[0].prefilter.pods[0].name", "payments.v1.41"}},
		{"service account", `labelEditors: {serviceAccounts: [argocd]}`, []string{"/labelEditors/serviceAccounts/0", "does not match"}},
		{"updates", `updates: lenient`, []string{"/updates", "'upstream', 'ratchet'"}},
		{"certificates", `certificates: {mode: self}`, []string{"/certificates/mode", "'selfManaged', 'certManager', 'provided'"}},
		{"duration", `certificates: {selfManaged: {caValidity: 365d}}`, []string{"/certificates/selfManaged/caValidity", "does not match"}},
		{"self-managed without a permission", `apiAccess: false`, []string{"/certificates/mode", "'certManager', 'provided'"}},
		{"updates of a binding without a permission", `{apiAccess: false, certificates: {mode: certManager}, bindings: [{name: a, mode: warn, template: baseline, updates: ratchet}]}`,
			[]string{"/bindings/0/updates"}},
		{"scan by what binds without a permission", `{apiAccess: false, certificates: {mode: certManager}, scan: {enabled: true}}`, []string{"/scan/template", "want 1"}},
		{"provided without a secret", `certificates: {mode: provided, provided: {caBundle: "` + certificate + `"}}`, []string{"/certificates/provided/secretName"}},
		{"provided without an authority", `certificates: {mode: provided, provided: {secretName: a}}`, []string{"/certificates/provided/caBundle"}},
		{"authority in base64", `certificates: {mode: provided, provided: {secretName: a, caBundle: LS0tLS1CRUdJTg==}}`, []string{"/certificates/provided/caBundle", "BEGIN CERTIFICATE"}},
		{"elsewhere, but where", `server: {enabled: false}`, []string{"/webhook/url"}},
		{"elsewhere with cert-manager", `{server: {enabled: false}, webhook: {url: "https://a"}, certificates: {mode: certManager}}`, []string{"/certificates/mode"}},
		{"plain HTTP", `webhook: {url: "http://a"}`, []string{"/webhook/url", "does not match"}},
		{"a path", `webhook: {url: "https://a/validate"}`, []string{"/webhook/url", "does not match"}},
		{"issuer without a name", `certificates: {mode: certManager, certManager: {issuerRef: {kind: Issuer}}}`, []string{"/certificates/certManager/issuerRef", "name"}},
		{"roles without an account", `serviceAccount: {create: false}`, []string{"/serviceAccount/name"}},
		{"root", `runAs: {user: 0}`, []string{"/runAs/user", "want 1"}},
		{"tag", `image: {tag: 1.5}`, []string{"/image/tag", "want string"}},
		{"digest", `image: {digest: "sha256:0"}`, []string{"/image/digest"}},
		{"network", `networkPolicy: {webhookFrom: [10.0.0.1]}`, []string{"/networkPolicy/webhookFrom/0"}},
		{"log", `log: {decisions: some}`, []string{"/log/decisions", "'none', 'denied', 'findings', 'all'"}},
	} {
		for name, chart := range both {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				_, err := render(chart, "plimsoll", "plimsoll", row.values)
				if err == nil {
					t.Fatal("accepted")
				}
				for _, want := range row.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("want %q in %v", want, err)
					}
				}
			})
		}
	}
}

// schemaPaths lists what the schema knows of a value that holds others.
func schemaPaths(schema map[string]any, prefix string, out map[string]bool) {
	properties, _ := schema["properties"].(map[string]any)
	for key, below := range properties {
		out[prefix+key] = true
		if b, ok := below.(map[string]any); ok && b["type"] == "object" {
			schemaPaths(b, prefix+key+".", out)
		}
	}
}

func TestSchemaAndValuesNameTheSame(t *testing.T) {
	chart := filepath.Join(root, "charts", "plimsoll")
	data, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema := map[string]any{}
	if err := yaml.UnmarshalStrict(data, &schema); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	schemaPaths(schema, "", known)
	described, err := values(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{"global": true, "enabled": true} // Helm's own, for charts that depend on this one
	for _, v := range described {
		documented[v.Key] = true
		if !known[v.Key] {
			t.Errorf("values.schema.json does not know %s", v.Key)
		}
	}
	var missing []string
	for key := range known {
		group := false
		for v := range documented {
			group = group || strings.HasPrefix(v, key+".") || strings.HasPrefix(key, v+".")
		}
		if !documented[key] && !group {
			missing = append(missing, key)
		}
	}
	sort.Strings(missing)
	if len(missing) > 0 {
		t.Errorf("values.yaml does not describe %v", missing)
	}
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	conditions, err := prefilters(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(files, conditions)
	if files[scanRulesFile], err = scanRules(); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		t.Run(name, func(t *testing.T) {
			got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil || string(got) != want {
				t.Errorf("%s is not what the chart makes of it (%v): go -C tests/charts run .", name, err)
			}
		})
	}
	// And nothing else lies there.
	for _, folder := range []string{"deploy", "charts/plimsoll/files/prefilter"} {
		entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(folder)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, ok := files[folder+"/"+e.Name()]; !ok && e.Name() != "kustomization.yaml" {
				t.Errorf("%s/%s is made of nothing", folder, e.Name())
			}
		}
	}
}

func TestChartIsOfTheRelease(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "CMakeLists.txt"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`project\(plimsoll VERSION (\S+)`).FindSubmatch(data)
	chart, err := os.ReadFile(filepath.Join(root, "charts", "plimsoll", "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"version: ", "appVersion: "} {
		if version == nil || !bytes.Contains(chart, []byte("\n"+line+string(version[1])+"\n")) {
			t.Errorf("Chart.yaml: %sis not that of CMakeLists.txt, %s", line, version[1])
		}
	}
}
