package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// scanned returns the object of the kind that belongs to the scan.
func scanned[T any](t testing.TB, r *rendered, kind string) *T {
	t.Helper()
	for _, d := range r.find(kind) {
		if strings.HasSuffix(d.name(), "-scan") {
			return decodeDocument[T](t, d)
		}
	}
	t.Fatalf("no %s of a scan", kind)
	return nil
}

func TestNothingScansUnasked(t *testing.T) {
	r := mustRender(t, helms(t)["helm4"], ``)
	for _, d := range r.Documents {
		if strings.HasSuffix(d.name(), "-scan") {
			t.Errorf("%s %s", d.kind(), d.name())
		}
	}
}

// What the server's Service, budget and policy look for must not be found in the scan's pods.
func TestScanIsNoServer(t *testing.T) {
	overMatrix(t, func(t *testing.T, r *rendered) {
		if len(r.find("CronJob")) == 0 {
			return
		}
		job := scanned[batchv1.CronJob](t, r, "CronJob")
		if len(job.Name) > 52 {
			t.Errorf("a CronJob's name of %d characters: %s", len(job.Name), job.Name)
		}
		pod := job.Spec.JobTemplate.Spec.Template
		for _, d := range r.find("Service") {
			if s := decodeDocument[corev1.Service](t, d); labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels)) {
				t.Errorf("Service %s selects the scan's pods", s.Name)
			}
		}
		for _, d := range r.find("NetworkPolicy") {
			p := decodeDocument[networkingv1.NetworkPolicy](t, d)
			if selects := labels.SelectorFromSet(p.Spec.PodSelector.MatchLabels).Matches(labels.Set(pod.Labels)); selects != strings.HasSuffix(p.Name, "-scan") {
				t.Errorf("NetworkPolicy %s selects the scan's pods: %v", p.Name, selects)
			}
		}
		if pod.Spec.ServiceAccountName != scanned[corev1.ServiceAccount](t, r, "ServiceAccount").Name {
			t.Errorf("the pods are %s", pod.Spec.ServiceAccountName)
		}
	})
}

// A right more is a line more here.
func TestRightsOfScan(t *testing.T) {
	rights := func(values string) (known, others []string) {
		for _, rule := range scanned[rbacv1.ClusterRole](t, mustRender(t, helms(t)["helm4"], values), "ClusterRole").Rules {
			for _, resource := range rule.Resources {
				right := strings.Join(rule.APIGroups, ",") + " " + resource + " " + strings.Join(rule.Verbs, ",")
				if strings.Contains(rule.APIGroups[0], ".") && !strings.Contains(resource, "reports") && rule.APIGroups[0] != "example.com" {
					known = append(known, right)
				} else {
					others = append(others, right)
				}
			}
		}
		return known, others
	}
	const reading = " namespaces list, pods list, replicationcontrollers list,apps daemonsets list,apps deployments list," +
		"apps replicasets list,apps statefulsets list,batch cronjobs list,batch jobs list"
	const reports = ",openreports.io reports list,create,update,delete,wgpolicyk8s.io policyreports list,create,update,delete"
	for _, row := range []struct{ values, want string }{
		{`scan: {enabled: true, policyReports: false}`, reading},
		{`scan: {enabled: true, policyReports: false, events: true}`, reading},
		{`scan: {enabled: true}`, reading + reports},
		{`{scan: {enabled: true, events: true}, customResources: [{apiGroup: example.com, resources: [widgets]}]}`,
			reading + ",example.com widgets list" + reports + ", events create"},
	} {
		known, others := rights(row.values)
		if got := strings.Join(others, ","); got != row.want {
			t.Errorf("%s\n%s\nwant\n%s", row.values, got, row.want)
		}
		for _, right := range known {
			if !strings.HasSuffix(right, " list") {
				t.Errorf("%s: %s", row.values, right)
			}
		}
		for _, right := range []string{"argoproj.io rollouts list", "serving.knative.dev services list", "elasticsearch.k8s.elastic.co elasticsearches list",
			"logstash.k8s.elastic.co logstashes list"} {
			if !slices.Contains(known, right) {
				t.Errorf("%s: no %s", row.values, right)
			}
		}
	}
}

// Whoever scans without the chart has the same rights from docs/scan.md, and may get the namespaces that -n names.
func TestRightsOfScanAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "scan.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/scan.md has no ClusterRole")
	}
	var documented rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(block[1], &documented); err != nil {
		t.Fatal(err)
	}
	rights := func(role *rbacv1.ClusterRole) (all []string) {
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					all = append(all, strings.Join(rule.APIGroups, ",")+" "+resource+" "+verb)
				}
			}
		}
		slices.Sort(all)
		return all
	}
	chart := scanned[rbacv1.ClusterRole](t, mustRender(t, helms(t)["helm4"], `scan: {enabled: true, policyReports: false}`), "ClusterRole")
	chart.Rules = append(chart.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get"}})
	if got, want := strings.Join(rights(&documented), "\n"), strings.Join(rights(chart), "\n"); got != want {
		t.Errorf("docs/scan.md\n%s\nthe chart\n%s", got, want)
	}
}

// The command line is one that the binary understands: it ends where it looks for the pod's token, and not before.
func TestScanIsUnderstood(t *testing.T) {
	overMatrix(t, func(t *testing.T, r *rendered) {
		if len(r.find("CronJob")) == 0 {
			return
		}
		container := scanned[batchv1.CronJob](t, r, "CronJob").Spec.JobTemplate.Spec.Template.Spec.Containers[0]
		file := t.TempDir() + "/config.yaml"
		if err := os.WriteFile(file, []byte(decode[corev1.ConfigMap](t, r, "ConfigMap").Data["config.yaml"]), 0o600); err != nil {
			t.Fatal(err)
		}
		var arguments []string
		for _, argument := range container.Args {
			arguments = append(arguments, strings.ReplaceAll(argument, "/etc/plimsoll/config/config.yaml", file))
		}
		command := exec.Command(binary(t), arguments...)
		command.Env = []string{"KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=1"}
		out, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "/var/run/secrets/kubernetes.io/serviceaccount") {
			t.Errorf("%q: %v\n%s", arguments, err, out)
		}
	})
}
