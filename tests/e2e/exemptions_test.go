package e2e

import (
	"testing"

	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestExemptions are those that upstream has, each annotated and counted with its reason.
func TestExemptions(t *testing.T) {
	c := sharedCluster(t)
	exempted := "exempted-" + c.unique()
	r := c.install(t, options{values: settings{"exemptions": settings{
		"usernames": []string{"pilot"}, "groups": []string{"tugs"}, "namespaces": []string{exempted}, "runtimeClasses": []string{"sandboxed"}}}})
	namespace := c.namespace(t, "judged", map[string]string{enforceLabel: "restricted"})
	c.makeNamespace(t, exempted, map[string]string{enforceLabel: "restricted"})
	_, err := c.client.NodeV1().RuntimeClasses().Create(t.Context(), &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "sandboxed"}, Handler: "sandboxed"},
		metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	must(c.client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "everybody"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "system:authenticated"}},
	}, metav1.CreateOptions{}))(t)
	c.denies(t, namespace)
	class := "sandboxed"
	for _, one := range []struct {
		name, user, group, namespace string
		class                        *string
		reason                       string // of the annotation, upstream's words; none: judged
	}{
		{"user", "pilot", "crew", namespace, nil, "user"},
		{"group", "ann", "tugs", namespace, nil, "group"},
		{"namespace", "", "", exempted, nil, "namespace"},
		{"runtime-class", "", "", namespace, &class, "runtimeClass"},
		{"nobody", "sailor", "crew", namespace, nil, ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			groups := []string{"system:authenticated"}
			if one.group != "" {
				groups = append(groups, one.group)
			}
			a := c.audience(t, one.user, groups...)
			before := r.server.metric(t, "plimsoll_exempted_reviews_total")
			pod := badPod("exempt-" + one.name)
			pod.Spec.RuntimeClassName = one.class
			_, err := a.CoreV1().Pods(one.namespace).Create(t.Context(), pod, metav1.CreateOptions{})
			if one.reason == "" {
				refused(t, err, "host-namespaces")
				if now := r.server.metric(t, "plimsoll_exempted_reviews_total"); now != before {
					t.Errorf("counted as exempt: %v", now-before)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if texts := a.heard.take(); len(texts) > 0 {
				t.Errorf("warned: %q", texts)
			}
			if found := c.annotations(t, "create", "pods", one.namespace, pod.Name); found["exempt"] != one.reason {
				t.Errorf("annotations %q", found)
			}
			if now := r.server.metric(t, "plimsoll_exempted_reviews_total"); now != before+1 {
				t.Errorf("counted %v", now-before)
			}
		})
	}
}
