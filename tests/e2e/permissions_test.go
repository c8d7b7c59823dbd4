package e2e

import (
	"strings"
	"testing"
)

// TestNoPermissions is the mode in which Plimsoll may ask the API server nothing: the registration
// chooses by its selectors, and sends to fixed routes.
func TestNoPermissions(t *testing.T) {
	c := sharedCluster(t)
	install := func(t *testing.T, values settings) *release {
		t.Helper()
		values["apiAccess"] = false
		r := c.install(t, options{values: values})
		for _, kind := range []string{"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} {
			for _, one := range r.find(kind) {
				t.Errorf("the chart renders the %s %s", kind, one.GetName())
			}
		}
		configuration := r.configuration(t)
		for _, field := range []string{"kubeconfig", "namespaceLabels", "selfManaged"} {
			if value, set := configuration[field]; set && value != false {
				t.Errorf("the chart configures %s: %v", field, value)
			}
		}
		for _, one := range r.registered(t) {
			// A Namespace write is judged by its labels alone.
			if path := *one.ClientConfig.URL; one.Name != "namespaces.plimsoll.dev" && !strings.Contains(path, "/validate/") {
				t.Errorf("%s is sent to %s, which is no fixed route", one.Name, path)
			}
		}
		return r
	}
	t.Run("cluster", func(t *testing.T) {
		install(t, settings{"scope": "cluster"})
		namespace := c.namespace(t, "no-permissions", nil)
		c.denies(t, namespace)
		c.judged(t, namespace)
		if err := c.try(badPod("excluded"), "kube-system"); err != nil {
			t.Error(err)
		}
	})
	t.Run("optIn", func(t *testing.T) {
		install(t, settings{"labelTemplates": []string{"baseline", "restricted", "restricted@v1.18"}})
		namespace := c.namespace(t, "no-permissions", map[string]string{enforceLabel: "restricted"})
		c.denies(t, namespace)
		c.judged(t, namespace)
		if err := c.try(badPod("free"), c.namespace(t, "no-permissions", nil)); err != nil {
			t.Error(err)
		}
		pod := goodPod("no-seccomp")
		pod.Spec.SecurityContext.SeccompProfile = nil
		refused(t, c.try(pod, namespace), "seccomp")
		old := c.namespace(t, "no-permissions", map[string]string{enforceLabel: "restricted", enforceVersionLabel: "v1.18"})
		if err := c.try(pod, old); err != nil {
			t.Error(err)
		}
		c.denies(t, old)
		a := c.audience(t, "")
		must(a.CoreV1().Pods(c.namespace(t, "no-permissions", map[string]string{warnLabel: "baseline"})).Create(t.Context(), badPod("warned"), dryRun))(t)
		a.warned(t, "warn", "host-namespaces")
		refused(t, label(t, c.client, namespace, map[string]string{enforceLabel: "restrictde"}), "restrictde", "restricted")
	})
	t.Run("dryRun", func(t *testing.T) {
		install(t, settings{"scope": "cluster", "dryRun": true})
		namespace := c.namespace(t, "no-permissions", nil)
		a := c.audience(t, "")
		eventually(t, soon, func() (bool, string) {
			a.heard.take()
			_, err := a.CoreV1().Pods(namespace).Create(t.Context(), badPod("probe"), dryRun)
			return len(a.heard.take()) > 0, "no warning; " + errorText(err)
		})
		c.tolerated(t, namespace, "host-namespaces")
	})
}
