package e2e

import (
	"strings"
	"testing"
)

// TestNoPermissions is the mode in which Plimsoll may ask the API server nothing: the registration
// chooses by its selectors, and sends to fixed routes.
func TestNoPermissions(t *testing.T) {
	c := sharedCluster(t)
	r := c.install(t, options{values: settings{"apiAccess": false, "scope": "cluster"}})
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
	namespace := c.namespace(t, "no-permissions", nil)
	c.denies(t, namespace)
	c.judged(t, namespace)
	if err := c.try(badPod("excluded"), "kube-system"); err != nil {
		t.Error(err)
	}
}
