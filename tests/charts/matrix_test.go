package main

import (
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

// customResources are some that Plimsoll knows and some that it is told of.
const customResources = `{customResources: [{apiGroup: argoproj.io, resources: [rollouts, workflows]}, {apiGroup: example.com, resources: [widgets],
  podTemplates: {Widget: spec.template, Gadget: [spec.parts.*.template, {podSpec: spec.main}], Flow: {workflow: spec.workflowSpec}}}]}`

// matrix are the ways of using the chart that every rule is held to, under both Helms.
var matrix = []struct{ name, values string }{
	{"defaults", ``},
	{"opt in, dry run", `dryRun: true`},
	{"opt in, ignore", `failurePolicy: Ignore`},
	{"opt in, pod security labels", `honourPodSecurityLabels: true`},
	{"opt in, pod security labels, dry run", `{honourPodSecurityLabels: true, dryRun: true}`},
	{"opt in, ratchet", `updates: ratchet`},
	{"opt in, nothing excluded", `excludedNamespaces: []`},
	{"opt in, more excluded", `excludedNamespaces: [kube-system, plimsoll, a-b]`},
	{"opt in, slow", `timeoutSeconds: 30`},
	{"opt in, exemptions", `exemptions: {usernames: ["system:serviceaccount:a:b"], groups: [g], namespaces: [ns], runtimeClasses: [kata]}`},
	{"opt in, label editors", `labelEditors: {users: [ann], groups: [platform], serviceAccounts: [argocd/argocd-application-controller]}`},
	{"opt in, bindings", `bindings:
- {name: shops, mode: enforce, template: baseline, namespaces: [shop, shop-eu]}
- {name: shops-warn, mode: warn, template: restricted, namespaces: [shop, shop-eu]}
- {name: tenants, mode: enforce, template: restricted@v1.31, namespaces: ["tenant-*"], excludeNamespaces: [tenant-old, "tenant-?"], workloads: enforce}
- {name: team, mode: audit, template: least-privilege, version: latest, selector: {matchLabels: {team: a}, matchExpressions: [{key: tier, operator: NotIn, values: [test]}]}, updates: ratchet}`},
	{"opt in, bindings, pod security labels", `honourPodSecurityLabels: true
bindings: [{name: everywhere, mode: audit, template: restricted}]`},
	{"opt in, custom resources", customResources},
	{"opt in, own template", `templates: [{name: payments, spec: {description: Ours., extends: restricted}}]
bindings: [{name: pay, mode: enforce, template: payments, namespaces: [pay]}]`},
	{"opt in, own template, seen by the API server", `honourPodSecurityLabels: true
templates: [{name: payments, spec: {description: Ours., extends: restricted, newest: v1.39}, ` + prefilter + `}]
bindings: [{name: pay, mode: enforce, template: payments, namespaces: [pay]}]`},
	{"cluster", `scope: cluster`},
	{"cluster, baseline of a version", `{scope: cluster, template: baseline@v1.29}`},
	{"cluster, dry run", `{scope: cluster, dryRun: true}`},
	{"cluster, ignore", `{scope: cluster, failurePolicy: Ignore}`},
	{"cluster, bindings", `scope: cluster
bindings: [{name: pay, mode: enforce, template: least-privilege, namespaces: [pay]}]`},
	{"cluster, own template", `{scope: cluster, template: ours, templates: [{name: ours, spec: {description: Ours., extends: baseline}}]}`},
	{"cluster, pod security labels", `{scope: cluster, honourPodSecurityLabels: true}`},
	{"cluster, own template, seen by the API server", `{scope: cluster, template: payments, templates: [{name: payments, spec: {extends: baseline, newest: v1.39}, ` + prefilter + `}]}`},
	{"no prefilter, bindings", `prefilter: false
bindings: [{name: a, mode: enforce, template: baseline, namespaces: [shop]}, {name: b, mode: warn, template: restricted}]`},
	{"no prefilter, cluster", `{prefilter: false, scope: cluster}`},
	{"no prefilter, no permission", `{prefilter: false, apiAccess: false, certificates: {mode: certManager}}`},
	{"no permission, cert-manager", `{apiAccess: false, certificates: {mode: certManager}}`},
	{"no permission, provided", `{apiAccess: false, ` + provided + `}`},
	{"no permission, cluster", `{apiAccess: false, scope: cluster, certificates: {mode: certManager}}`},
	{"no permission, cluster, dry run", `{apiAccess: false, scope: cluster, dryRun: true, template: baseline, certificates: {mode: certManager}}`},
	{"no permission, own templates and versions", `apiAccess: false
certificates: {mode: certManager}
labelTemplates: [restricted, restricted@v1.31, restricted@v1.29, baseline@v1.30]
templates: [{name: ours, spec: {description: Ours., extends: baseline}}]`},
	{"no permission, pod security labels", `{apiAccess: false, honourPodSecurityLabels: true, certificates: {mode: certManager}}`},
	{"no permission, bindings", `apiAccess: false
certificates: {mode: certManager}
bindings:
- {name: shops, mode: enforce, template: baseline, version: v1.30, namespaces: [shop], workloads: enforce}
- {name: tenants, mode: warn, template: restricted, namespaces: ["tenant-*"]}`},
	{"no permission, custom resources, bindings", `{apiAccess: false, certificates: {mode: certManager}, ` + customResources[1:len(customResources)-1] + `,
  bindings: [{name: tenants, mode: enforce, template: restricted, namespaces: ["tenant-*"], workloads: enforce}]}`},
	{"no permission, no service account", `{apiAccess: false, serviceAccount: {create: false}, certificates: {mode: certManager}}`},
	{"no permission, scan", `{apiAccess: false, certificates: {mode: certManager}, scan: {enabled: true, template: baseline}}`},
	{"no permission, elsewhere", `{apiAccess: false, server: {enabled: false}, webhook: {url: "https://10.1.2.3:8443"}, ` + provided + `}`},
	{"cert-manager", `certificates: {mode: certManager}`},
	{"cert-manager, own issuer", `certificates: {mode: certManager, certManager: {issuerRef: {name: corp, kind: ClusterIssuer}, duration: 720h, renewBefore: 240h}}`},
	{"cert-manager, url", `{certificates: {mode: certManager}, webhook: {url: "https://[fd00::1]:8443/", annotations: {a.example/b: c}}}`},
	{"provided", provided},
	{"self-managed, other times", `certificates: {selfManaged: {caValidity: 240h, servingValidity: 30m}}`},
	{"url", `{webhook: {url: "https://plimsoll.example:8443"}, service: {type: LoadBalancer, annotations: {a: b}}}`},
	{"url, trusted anyway", `{webhook: {url: "https://plimsoll.example"}, certificates: {mode: provided, provided: {secretName: s}}}`},
	{"node port", `{webhook: {url: "https://10.0.0.9:30443"}, service: {type: NodePort, nodePort: 30443}}`},
	{"elsewhere", `{server: {enabled: false}, webhook: {url: "https://127.0.0.1:18443"}}`},
	{"elsewhere, cluster, provided", `{scope: cluster, server: {enabled: false}, webhook: {url: "https://plimsoll.example"}, ` + provided + `}`},
	{"elsewhere, no roles", `{server: {enabled: false}, rbac: {create: false}, serviceAccount: {create: false, name: s}, webhook: {url: "https://a.example"}}`},
	{"one replica", `replicas: 1`},
	{"many replicas", `{replicas: 5, podDisruptionBudget: {enabled: false}}`},
	{"named", `{fullnameOverride: other, serviceAccount: {name: robot, annotations: {a: b}}, commonLabels: {team: a}}`},
	{"named in part", `nameOverride: hull`},
	{"image", `{image: {repository: "registry.example:5000/a/plimsoll", tag: "1.2.3", digest: "sha256:0123456789012345678901234567890123456789012345678901234567890123", pullPolicy: Always}, imagePullSecrets: [{name: pull}]}`},
	{"whatever user", `{runAs: {user: null, group: null}, ` + provided + `}`},
	{"scheduling", `priorityClassName: ours
nodeSelector: {pool: system}
tolerations: [{key: CriticalAddonsOnly, operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}]
podLabels: {a: b}
podAnnotations: {c: d}
env: [{name: HTTPS_PROXY, value: "http://proxy.example:3128"}]`},
	{"no class, no quota", `{priorityClassName: "", resources: {requests: {cpu: 1}, limits: {cpu: 2, memory: 1Gi}}}`},
	{"no quota", `priorityQuota: false`},
	{"no network policy", `networkPolicy: {enabled: false}`},
	{"narrow network policy", `networkPolicy: {webhookFrom: [10.0.0.0/8, "fd00::/8"], metricsFrom: [{namespaceSelector: {matchLabels: {a: b}}}], apiServerCIDRs: [10.1.0.0/16], apiServerPorts: [6443]}`},
	{"no metrics from anywhere", `networkPolicy: {metricsFrom: []}`},
	{"service monitor", `serviceMonitor: {enabled: true, interval: 1m, labels: {release: prometheus}}`},
	{"server settings", `{server: {listenAddress: "[::]", drainDelaySeconds: 0, drainTimeoutSeconds: 60, maxBodyBytes: 16777216, maxConnections: 1000, clientCA: "` + certificate + `"}, log: {level: debug, decisions: all}}`},
	{"a dependency of another chart", `{global: {anything: true}, enabled: true}`},
	{"no running pods", `rbac: {runningPods: false}`},
	{"scan", `scan: {enabled: true}`},
	{"scan, all of it", `{scan: {enabled: true, schedule: "@hourly", template: restricted@v1.31, events: true}, fullnameOverride: "a-name-of-forty-nine-characters-is-cut-for-a-cron-j",
  customResources: [{apiGroup: example.com, resources: [widgets], podTemplates: {Widget: spec.template}}]}`},
	{"scan, no reports, server elsewhere", `{scan: {enabled: true, policyReports: false}, server: {enabled: false}, networkPolicy: {enabled: false}, webhook: {url: "https://127.0.0.1:18443"}}`},
}

// prefilter is what a template of one's own may have beside name and spec.
const prefilter = `prefilter: {pods: [{name: prefilter.plimsoll.dev/payments.v1.39, expression: "!has(object.spec.hostUsers)"}],
  workloads: [{name: prefilter.plimsoll.dev/payments.v1.39, expression: "!has(object.spec.template)\n"}, {name: more, expression: "1 < 2 && true"}]}`

// certificate is one for a test, in YAML's double quotes.
const certificate = `-----BEGIN CERTIFICATE-----\n` +
	`MIIBdzCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdwbGltc29s\n` +
	`-----END CERTIFICATE-----\n`

const provided = `certificates: {mode: provided, provided: {secretName: given, caBundle: "` + certificate + `"}}`

// helms are the chart in the hands of both Helms.
func helms(t testing.TB) map[string]renderer {
	t.Helper()
	path := filepath.Join(root, "charts", "plimsoll")
	three, err := load3(path)
	if err != nil {
		t.Fatal(err)
	}
	four, err := load4(path)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]renderer{"helm3": three, "helm4": four}
}

func mustRender(t testing.TB, chart renderer, values string) *rendered {
	t.Helper()
	out, err := render(chart, "plimsoll", "plimsoll", values)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// overMatrix runs the test for every row; the rules are about what is rendered, not about who renders it, so one Helm is enough
// where TestHelmsAgree holds the other to it.
func overMatrix(t *testing.T, test func(t *testing.T, r *rendered)) {
	chart := helms(t)["helm4"]
	for _, row := range matrix {
		t.Run(row.name, func(t *testing.T) { test(t, mustRender(t, chart, row.values)) })
	}
}

// with is the values with one more.
func with(t testing.TB, values, key string, value any) string {
	t.Helper()
	all := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(values), &all); err != nil {
		t.Fatal(err)
	}
	all[key] = value
	out, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
