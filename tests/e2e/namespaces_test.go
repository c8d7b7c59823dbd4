package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestRelabel changes the labels of a namespace in use: what they say holds from then on.
func TestRelabel(t *testing.T) {
	c := sharedCluster(t)
	c.install(t, options{})
	namespace := c.namespace(t, "relabel", nil)
	if err := c.try(badPod("before"), namespace); err != nil {
		t.Error(err)
	}
	for _, step := range []struct {
		labels  map[string]string
		gone    []string
		refused bool
	}{
		{labels: map[string]string{enforceLabel: "baseline"}, refused: true},
		{labels: map[string]string{enforceLabel: "privileged"}},
		{labels: map[string]string{enforceLabel: "restricted"}, refused: true},
		{gone: []string{enforceLabel}},
	} {
		if err := label(t, c.client, namespace, step.labels, step.gone...); err != nil {
			t.Fatalf("%v: %v", step, err)
		}
		if step.refused {
			c.denies(t, namespace)
		} else {
			c.allows(t, namespace)
		}
	}
	// A namespace that is made and used in one breath: the server has not heard of it by its watch yet.
	for range 20 {
		fresh := c.namespace(t, "fresh", map[string]string{enforceLabel: "restricted"})
		refused(t, c.try(badPod("at-once"), fresh))
		if err := c.try(goodPod("at-once"), fresh); err != nil {
			t.Error(err)
		}
	}
}

// TestMisspelt writes labels that name what does not exist.
func TestMisspelt(t *testing.T) {
	c := sharedCluster(t)
	already := c.namespace(t, "already", map[string]string{enforceLabel: "restrictde"}) // before there is a Plimsoll
	c.install(t, options{})
	namespace := c.namespace(t, "misspelt", map[string]string{enforceLabel: "baseline"})
	c.denies(t, namespace)
	for _, one := range []struct {
		label, value string
		says         []string
	}{
		{enforceLabel, "restrictde", []string{enforceLabel, "restrictde", "restricted"}},
		{enforceLabel, "Baseline", []string{"Baseline", "baseline"}},
		{warnLabel, "leastprivilege", []string{warnLabel, "least-privilege"}},
		{enforceVersionLabel, "1.31", []string{enforceVersionLabel, "v1.31"}},
		{enforceVersionLabel, "newest", []string{"newest", "latest"}},
	} {
		t.Run(one.label+"="+one.value, func(t *testing.T) {
			err := label(t, c.client, namespace, map[string]string{one.label: one.value})
			refused(t, err, one.says...)
		})
	}
	if _, err := c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "misspelt", Labels: map[string]string{enforceLabel: "restrictde"}}}, metav1.CreateOptions{}); true {
		refused(t, err, "restricted")
	}
	// A key that nobody reads is no error of a name, but worth a word.
	a := c.audience(t, "")
	if err := label(t, a, namespace, map[string]string{"plimsoll.dev/enforced": "restricted"}); err != nil {
		t.Error(err)
	}
	a.warned(t, "an unknown key", "plimsoll.dev/enforced", "write "+enforceLabel)
	// What is not ours is nobody's business, neither here nor where a bad label is already.
	for _, name := range []string{namespace, already} {
		if err := label(t, c.client, name, map[string]string{"team": "shop"}); err != nil {
			t.Error(err)
		}
	}
	// Upstream's rule: restricted, and a warning that says why.
	_, err := a.CoreV1().Pods(already).Create(t.Context(), badPod("bad"), dryRun)
	refused(t, err, "restricted")
	a.warned(t, "a denied pod", "restrictde")
	_, err = a.CoreV1().Pods(already).Create(t.Context(), goodPod("good"), dryRun)
	if err != nil {
		t.Error(err)
	}
	a.warned(t, "an allowed pod", "restrictde", enforceLabel)
	if err := label(t, c.client, already, map[string]string{enforceLabel: "baseline"}); err != nil {
		t.Errorf("the bad label cannot be mended: %v", err)
	}
}

// TestLabelEditors reserves the lowering of labels.
func TestLabelEditors(t *testing.T) {
	c := sharedCluster(t)
	c.install(t, options{values: settings{"labelEditors": settings{"users": []string{"captain"}, "groups": []string{"harbour-masters"},
		"serviceAccounts": []string{"ci/deployer"}}}})
	// Everybody may write namespaces; Plimsoll alone is in the way.
	binding := must(c.client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "everybody-" + c.unique()},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "system:authenticated"}},
	}, metav1.CreateOptions{}))(t)
	defer c.client.RbacV1().ClusterRoleBindings().Delete(t.Context(), binding.Name, metav1.DeleteOptions{})
	sailor := c.audience(t, "sailor", "crew", "system:authenticated")
	restricted := map[string]string{enforceLabel: "restricted", enforceVersionLabel: "v1.30", warnLabel: "restricted"}
	namespace := c.namespace(t, "reserved", restricted)
	c.denies(t, namespace)
	lower := []struct {
		name   string
		labels map[string]string
		gone   []string
	}{
		{"lower", map[string]string{enforceLabel: "baseline"}, nil},
		{"lift", map[string]string{enforceLabel: "privileged"}, nil},
		{"remove", nil, []string{enforceLabel}},
		{"older", map[string]string{enforceVersionLabel: "v1.18"}, nil},
		{"remove warn", nil, []string{warnLabel}},
		{"raise one and lower another", map[string]string{enforceLabel: "least-privilege", warnLabel: "baseline"}, nil},
	}
	for _, one := range lower {
		t.Run("sailor/"+one.name, func(t *testing.T) {
			refused(t, label(t, sailor, namespace, one.labels, one.gone...), "captain", "harbour-masters", "ci/deployer", "plimsoll.dev/")
		})
	}
	for _, sub := range []string{"status", "finalize"} {
		t.Run("sailor/through "+sub, func(t *testing.T) {
			object := must(c.client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{}))(t)
			delete(object.Labels, enforceLabel)
			err := sailor.CoreV1().RESTClient().Put().Resource("namespaces").Name(namespace).SubResource(sub).Body(object).Do(t.Context()).Error()
			refused(t, err, "captain", "plimsoll.dev/")
		})
	}
	for _, one := range []struct{ name, user, group string }{
		{"captain", "captain", "crew"}, {"harbour master", "ann", "harbour-masters"},
		{"service account", "system:serviceaccount:ci:deployer", "system:serviceaccounts"},
	} {
		editor := c.audience(t, one.user, one.group, "system:authenticated")
		for _, change := range lower {
			t.Run(one.name+"/"+change.name, func(t *testing.T) {
				namespace := c.namespace(t, "reserved", restricted)
				if err := label(t, editor, namespace, change.labels, change.gone...); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Run("raise", func(t *testing.T) {
		for _, labels := range []map[string]string{
			{enforceVersionLabel: "latest"}, {enforceLabel: "least-privilege"}, {auditLabel: "restricted"}, {"team": "shop"},
		} {
			if err := label(t, sailor, namespace, labels); err != nil {
				t.Errorf("%v: %v", labels, err)
			}
		}
	})
	// Deleting the namespace removes its labels as well, and is not reserved.
	t.Run("delete", func(t *testing.T) {
		if err := sailor.CoreV1().Namespaces().Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// TestRaisingWarns sets a label while pods run that it would refuse.
func TestRaisingWarns(t *testing.T) {
	c := sharedCluster(t)
	c.install(t, options{})
	namespace := c.namespace(t, "raise", nil)
	probe := c.namespace(t, "probe", map[string]string{enforceLabel: "baseline"})
	c.denies(t, probe)
	controller := true
	for index := range 30 {
		pod := badPod(fmt.Sprintf("web-%d", index))
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7c9f", UID: types.UID("1"), Controller: &controller}}
		c.create(t, namespace, pod)
	}
	c.create(t, namespace, badPod("alone"))
	c.create(t, namespace, goodPod("good"))
	done := c.create(t, namespace, badPod("done"))
	done.Status.Phase = corev1.PodSucceeded
	must(c.client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), done, metav1.UpdateOptions{}))(t)

	a := c.audience(t, "")
	if err := label(t, a, namespace, map[string]string{enforceLabel: "restricted"}); err != nil {
		t.Fatal(err)
	}
	heard := a.heard.take()
	t.Logf("warned: %q", heard)
	all := strings.Join(heard, "\n")
	// Grouped by owner, with what to fix.
	for _, text := range []string{"web-7c9f", "30", "alone", "host-namespaces"} {
		if !strings.Contains(all, text) {
			t.Errorf("no warning says %q: %q", text, heard)
		}
	}
	for _, text := range []string{"web-3", "good", "done"} {
		if strings.Contains(all, text) {
			t.Errorf("a warning says %q: %q", text, heard)
		}
	}
	if err := label(t, a, namespace, map[string]string{enforceLabel: "privileged"}); err != nil {
		t.Fatal(err)
	}
	a.warned(t, "lowering")
	if err := label(t, a, namespace, map[string]string{warnLabel: "restricted"}); err != nil {
		t.Fatal(err)
	}
}

// TestHonoured reads the labels of Pod Security Admission as well.
func TestHonoured(t *testing.T) {
	c := sharedCluster(t)
	const inTree = "pod-security.kubernetes.io/enforce"
	c.install(t, options{values: settings{"honourPodSecurityLabels": true}})
	// Where both apply, the stricter holds. In-tree admission judges before any webhook does, so it is left with less to say.
	namespace := c.namespace(t, "honoured", map[string]string{inTree: "baseline", enforceLabel: "restricted"})
	pod := goodPod("root")
	pod.Spec.SecurityContext.RunAsNonRoot = nil
	eventually(t, soon, func() (bool, string) {
		err := c.try(pod, namespace)
		return err != nil && denial(err), errorText(err)
	})
	only := c.namespace(t, "honoured", map[string]string{"pod-security.kubernetes.io/warn": "restricted"})
	a := c.audience(t, "")
	must(a.CoreV1().Pods(only).Create(t.Context(), pod, dryRun))(t)
	a.warned(t, "a pod in a namespace with upstream's label", "would violate PodSecurity", "run-as-non-root")
}

// TestBindings has bindings of the configuration beside the labels: the strictest holds and is named.
func TestBindings(t *testing.T) {
	c := sharedCluster(t)
	c.install(t, options{values: settings{"bindings": []settings{
		{"name": "payments", "mode": "enforce", "template": "least-privilege", "selector": settings{"matchLabels": settings{"team": "payments"}}},
		{"name": "eu", "mode": "enforce", "template": "baseline", "selector": settings{"matchExpressions": []settings{
			{"key": "region", "operator": "In", "values": []string{"eu-1", "eu-2"}}}}},
	}}})
	writable := goodPod("writable")
	writable.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem = nil
	payments := c.namespace(t, "payments", map[string]string{"team": "payments", "region": "eu-1", enforceLabel: "restricted"})
	c.denies(t, payments)
	refused(t, c.try(writable, payments), "least-privilege", "payments", "read-only-root-filesystem")
	europe := c.namespace(t, "eu", map[string]string{"region": "eu-2"})
	c.denies(t, europe)
	refused(t, c.try(badPod("bad"), europe), "baseline", "eu")
	if err := c.try(writable, europe); err != nil {
		t.Error(err)
	}
	labelled := c.namespace(t, "eu", map[string]string{"region": "eu-2", enforceLabel: "restricted"})
	root := goodPod("root")
	root.Spec.SecurityContext.RunAsNonRoot = nil
	c.denies(t, labelled)
	refused(t, c.try(root, labelled), "restricted", enforceLabel)
	if err := c.try(root, europe); err != nil {
		t.Error(err)
	}
	if err := c.try(badPod("bad"), c.namespace(t, "us", map[string]string{"region": "us-1"})); err != nil {
		t.Error(err)
	}
}
