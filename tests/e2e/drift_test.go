package e2e

import (
	"encoding/json"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestDrift compares what helm rendered with what is live, as Argo CD and Flux do: nothing may differ but
// metadata and the caBundle that the server writes.
func TestDrift(t *testing.T) {
	c := sharedCluster(t)
	for _, one := range []struct {
		name   string
		values settings
	}{
		{"optIn", nil},
		{"cluster", settings{"scope": "cluster"}},
		{"dryRun", settings{"dryRun": true}},
		{"everything", settings{"honourPodSecurityLabels": true, "failurePolicy": "Ignore", "timeoutSeconds": 5, "bindings": []settings{
			{"name": "payments", "mode": "enforce", "template": "least-privilege", "selector": settings{"matchLabels": settings{"team": "payments"}}},
			{"name": "tests", "mode": "warn", "template": "baseline", "namespaces": []string{"test-*"}}}}},
		{"no permissions", settings{"apiAccess": false}},
	} {
		t.Run(one.name, func(t *testing.T) {
			o := options{values: one.values, noServer: true}
			r := c.install(t, o)
			rendered := r.one(t, "ValidatingWebhookConfiguration")
			live := must(c.dynamic.Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1",
				Resource: "validatingwebhookconfigurations"}).Get(t.Context(), rendered.GetName(), metav1.GetOptions{}))(t)
			for name, value := range rendered.GetLabels() {
				if live.GetLabels()[name] != value {
					t.Errorf("label %s is %q", name, live.GetLabels()[name])
				}
			}
			compare(t, "webhooks", compared(t, rendered), compared(t, live))
			r.diff(t)
		})
	}
	// The chart as most install it: with a Deployment and all that belongs to it.
	t.Run("in the cluster", func(t *testing.T) { c.install(t, options{inCluster: true, selfSigned: true, noServer: true}).diff(t) })
	t.Run("selfManaged", func(t *testing.T) {
		r, servers := c.pairOf(t, nil)
		r.agreed(t, servers)
		rendered := r.one(t, "ValidatingWebhookConfiguration")
		live := must(c.dynamic.Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1",
			Resource: "validatingwebhookconfigurations"}).Get(t.Context(), rendered.GetName(), metav1.GetOptions{}))(t)
		compare(t, "webhooks", compared(t, rendered), compared(t, live))
		r.diff(t)
	})
}

// diff applies what was rendered once more, as a dry run and in the name of a GitOps tool: nothing may change.
func (r *release) diff(t testing.TB) {
	t.Helper()
	manifest := succeed(t, "", "helm", "get", "manifest", releaseName, "--namespace", releaseNamespace, "--kubeconfig", r.cluster.Kubeconfig)
	stdout, stderr, err := run(t, manifest, "kubectl", "diff", "--server-side", "--force-conflicts", "--field-manager=gitops",
		"--namespace", releaseNamespace, "--filename=-", "--kubeconfig", r.cluster.Kubeconfig)
	if err != nil || stdout != "" {
		t.Errorf("what is live is not what was rendered: %v\n%s%s", err, stdout, stderr)
	}
}

// compared is a configuration without metadata and caBundle.
func compared(t testing.TB, one *unstructured.Unstructured) any {
	t.Helper()
	// Through JSON, so that numbers are of one type.
	var all map[string]any
	if err := json.Unmarshal(must(json.Marshal(one.Object))(t), &all); err != nil {
		t.Fatal(err)
	}
	webhooks, _ := all["webhooks"].([]any)
	if len(webhooks) == 0 {
		t.Fatal("no webhooks")
	}
	for _, webhook := range webhooks {
		delete(webhook.(map[string]any)["clientConfig"].(map[string]any), "caBundle")
	}
	return webhooks
}

// compare names the smallest parts that differ.
func compare(t testing.TB, path string, rendered, live any) {
	t.Helper()
	if reflect.DeepEqual(rendered, live) {
		return
	}
	if a, is := rendered.(map[string]any); is {
		if b, is := live.(map[string]any); is {
			for key := range a {
				compare(t, path+"."+key, a[key], b[key])
			}
			for key, value := range b {
				if _, set := a[key]; !set {
					t.Errorf("%s.%s is %v, and not rendered", path, key, value)
				}
			}
			return
		}
	}
	if a, is := rendered.([]any); is {
		if b, is := live.([]any); is && len(a) == len(b) {
			for index := range a {
				compare(t, path+"[]", a[index], b[index])
			}
			return
		}
	}
	t.Errorf("%s is rendered as %v and is %v", path, rendered, live)
}
