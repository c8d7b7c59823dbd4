package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// export is what `plimsoll templates export` prints.
func export(t testing.TB, arguments ...string) string {
	t.Helper()
	out, err := exec.Command(must(binary())(t), append([]string{"templates", "export"}, arguments...)...).Output()
	if err != nil {
		t.Fatalf("templates export %v: %v\n%s", arguments, err, err.(*exec.ExitError).Stderr)
	}
	return string(out)
}

// applyPolicy does with it what a person would do.
func (c *cluster) applyPolicy(t testing.TB, template, mode string) {
	t.Helper()
	stdout, stderr, err := run(t, export(t, template, "--as", "validating-admission-policy", "--mode", mode), "kubectl", "apply", "-f", "-",
		"--kubeconfig", c.Kubeconfig)
	if err != nil || stderr != "" {
		t.Errorf("%s, %s: %v\n%s%s", template, mode, err, stdout, stderr)
	}
}

// policyDenial says whether an error is the no of a ValidatingAdmissionPolicy of this template.
func policyDenial(err error, template string) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'plimsoll-") &&
		strings.Contains(err.Error(), "denied request: "+template+": ")
}

// TestExportedPolicy has no Plimsoll at all: the API server evaluates the exported policies.
func TestExportedPolicy(t *testing.T) {
	c := ownCluster(t)
	const newest = "v1.37"
	for _, level := range []string{"baseline", "restricted"} {
		for _, version := range fixtureVersions {
			if version == newest {
				c.applyPolicy(t, level, "enforce")
			} else {
				c.applyPolicy(t, level+"@"+version, "enforce")
			}
		}
		for _, mode := range []string{"warn", "audit"} {
			c.applyPolicy(t, level, mode)
		}
	}
	c.applyPolicy(t, "least-privilege", "enforce")

	t.Run("types", func(t *testing.T) { c.typesChecked(t) })
	namespaces := map[string]string{}
	all := fixtures(t)
	for _, one := range all {
		key := one.level + "@" + one.version
		if _, made := namespaces[key]; made {
			continue
		}
		labels := map[string]string{enforceLabel: one.level}
		if one.version != newest {
			labels[enforceVersionLabel] = one.version
		}
		namespaces[key] = c.namespace(t, "policy", labels)
		eventually(t, soon, func() (bool, string) {
			err := c.try(badPod("probe"), namespaces[key])
			return policyDenial(err, key), fmt.Sprintf("a pod that %s must refuse: %v", key, err)
		})
	}
	t.Run("fixtures", func(t *testing.T) {
		var denied, allowed, invalid atomic.Int64
		each(all, func(one fixture) {
			key := one.level + "@" + one.version
			err := c.try(one.pod, namespaces[key])
			switch {
			case apierrors.IsInvalid(err) && strings.Contains(one.name, "procmount"):
				invalid.Add(1) // the API server itself takes none such any more
			case err != nil && !policyDenial(err, key):
				t.Errorf("%s: %v", one.name, err)
			case (err != nil) != one.fails:
				t.Errorf("%s: its folder says otherwise: %v", one.name, err)
			case err != nil:
				denied.Add(1)
			default:
				allowed.Add(1)
			}
		})
		if denied.Load()+allowed.Load() < fewestFixtures {
			t.Error("too few were decided")
		}
		t.Logf("%d fixtures under exported policies: %d denied, %d allowed, %d refused by the API server itself", len(all),
			denied.Load(), allowed.Load(), invalid.Load())
	})
	restricted := namespaces["restricted@"+newest]
	t.Run("workloads", func(t *testing.T) {
		a := c.audience(t, "")
		for _, kind := range kinds()[1:] {
			if err := kind.create(t.Context(), a, restricted, goodPod("good")); err != nil {
				t.Errorf("%s: %v", kind.name, err)
			}
			a.warned(t, kind.name+", a good one")
			if err := kind.create(t.Context(), a, restricted, badPod("bad")); err != nil {
				t.Errorf("%s: %v", kind.name, err)
			}
			a.warned(t, kind.name+", a bad one", "restricted@"+newest, "[host-namespaces]")
		}
	})
	t.Run("updates", func(t *testing.T) {
		namespace := c.namespace(t, "policy-updates", nil)
		c.create(t, namespace, resizable(badPod("old")))
		c.create(t, namespace, resizable(goodPod("good")))
		if err := label(t, c.client, namespace, map[string]string{enforceLabel: "restricted"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, soon, func() (bool, string) {
			err := c.try(badPod("probe"), namespace)
			return err != nil, "not refused"
		})
		if err := c.relabelPod(t, namespace, "old"); err != nil {
			t.Error(err)
		}
		for _, one := range []struct {
			what, pod, subresource string
			change                 func(*corev1.Pod)
			refused                bool
		}{
			{"image of a bad pod", "old", "", withImage("registry.example/app:2"), true},
			{"image of a good pod", "good", "", withImage("registry.example/app:2"), false},
			{"privileged ephemeral container of a good pod", "good", "ephemeralcontainers", withDebug(privileged("root")), true},
			{"ephemeral container of a good pod", "good", "ephemeralcontainers", withDebug(goodContainer("shell")), false},
			{"resize of a good pod", "good", "resize", withCPU("20m"), false},
		} {
			err := edit(t.Context(), c.client, namespace, one.pod, one.subresource, metav1.UpdateOptions{}, one.change)
			if policyDenial(err, "restricted@"+newest) != one.refused || (err != nil) != one.refused {
				t.Errorf("%s: %v", one.what, err)
			}
		}
	})
	t.Run("kubectl", func(t *testing.T) {
		c.makeNamespace(t, "shop", map[string]string{enforceLabel: "restricted"})
		c.makeNamespace(t, "warehouse", map[string]string{warnLabel: "baseline", auditLabel: "restricted"})
		eventually(t, soon, func() (bool, string) { return c.try(badPod("probe"), "shop") != nil, "not refused" })
		c.transcript(t, "policy",
			"create -n shop -f ../../examples/debug.yaml",
			"create -n shop -f ../../examples/web.yaml",
			"create -n shop -f testdata/good.yaml",
			"create -n warehouse -f ../../examples/debug.yaml",
			"create -n warehouse -f testdata/good.yaml")
		found := c.audited(t, "create pod warehouse/debug", func(one event) bool {
			return one.Verb == "create" && one.ObjectRef.Resource == "pods" && one.ObjectRef.Namespace == "warehouse" && one.ObjectRef.Name == "debug"
		})
		const key = "plimsoll-restricted-audit-pods/violations"
		if !strings.Contains(found.Annotations[key], "privileged") {
			t.Errorf("annotations %q", found.Annotations)
		}
	})
}

// typesChecked waits for what the controller of policies finds wrong in their types.
func (c *cluster) typesChecked(t *testing.T) {
	c.controllers(t, "validatingadmissionpolicy-status-controller")
	// One that is wrong shows that it looks.
	const wrong = "wrong"
	must(c.client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: wrong},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}}}}}},
			Validations: []admissionregistrationv1.Validation{{Expression: "object.spec.hostPit == false"}},
		}}, metav1.CreateOptions{}))(t)
	eventually(t, soon, func() (bool, string) {
		list := must(c.client.AdmissionregistrationV1().ValidatingAdmissionPolicies().List(t.Context(), metav1.ListOptions{}))(t)
		for _, one := range list.Items {
			if one.Status.ObservedGeneration != one.Generation || one.Status.TypeChecking == nil {
				return false, one.Name + " has not been looked at"
			}
		}
		return len(list.Items) > 0, "there are no policies"
	})
	list := must(c.client.AdmissionregistrationV1().ValidatingAdmissionPolicies().List(t.Context(), metav1.ListOptions{}))(t)
	for _, one := range list.Items {
		if one.Name == wrong {
			if len(one.Status.TypeChecking.ExpressionWarnings) == 0 {
				t.Error("no word of a field that does not exist")
			}
			continue
		}
		for _, warning := range one.Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s, %s: %s", one.Name, warning.FieldRef, warning.Warning)
		}
	}
	t.Logf("the types of %d policies were checked", len(list.Items)-1)
}
