package e2e

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

const (
	enforceLabel        = "plimsoll.dev/enforce"
	enforceVersionLabel = "plimsoll.dev/enforce-version"
	warnLabel           = "plimsoll.dev/warn"
	auditLabel          = "plimsoll.dev/audit"
)

// audience is a client of somebody else, if one is named.
func (c *cluster) audience(t testing.TB, user string, groups ...string) audience {
	t.Helper()
	return c.audienceWith(t, func(config *rest.Config) {
		if user != "" {
			config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
		}
	})
}

// ours are warnings without the API server's own, of what is deprecated.
func ours(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return strings.Contains(text, "deprecated") })
}

// warned holds the warnings since the last call to a text that each of them must hold; none: none.
func (a audience) warned(t testing.TB, what string, texts ...string) {
	t.Helper()
	heard := ours(a.heard.take())
	if len(texts) == 0 && len(heard) > 0 {
		t.Errorf("%s: warned without need: %q", what, heard)
	}
	all := strings.Join(heard, "\n")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%s: no warning says %q; heard were %q", what, text, heard)
		}
	}
}

// judged creates all nine kinds in a namespace where pods are denied and everything else is warned about.
func (c *cluster) judged(t *testing.T, namespace string) {
	a := c.audience(t, "")
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) {
			if err := kind.create(t.Context(), a, namespace, goodPod("good")); err != nil {
				t.Error(err)
			}
			a.warned(t, "a good one")
			err := kind.create(t.Context(), a, namespace, badPod("bad"))
			if kind.name == "Pod" {
				refused(t, err, "host-namespaces", "set spec.hostPID to false")
				return
			}
			if err != nil {
				t.Error(err)
			}
			a.warned(t, "a bad one", "host-namespaces", "hostPID")
		})
	}
	t.Run("ephemeral container", func(t *testing.T) {
		c.create(t, namespace, goodPod("debugged"))
		refused(t, debug(t.Context(), a, namespace, "debugged", privileged("root")), "spec.ephemeralContainers[0].securityContext.privileged")
		if err := debug(t.Context(), a, namespace, "debugged", goodContainer("shell")); err != nil {
			t.Error(err)
		}
	})
	t.Run("resize", func(t *testing.T) {
		c.create(t, namespace, resizable(goodPod("resized")))
		if err := resize(t.Context(), a, namespace, "resized", "20m"); err != nil {
			t.Error(err)
		}
	})
	a.heard.take()
}

// tolerated creates the same where nothing is denied.
func (c *cluster) tolerated(t *testing.T, namespace string, warned ...string) {
	a := c.audience(t, "")
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) {
			if err := kind.create(t.Context(), a, namespace, badPod("bad")); err != nil {
				t.Error(err)
			}
			a.warned(t, "a bad one", warned...)
		})
	}
	t.Run("ephemeral container", func(t *testing.T) {
		c.create(t, namespace, goodPod("debugged"))
		if err := debug(t.Context(), a, namespace, "debugged", privileged("root")); err != nil {
			t.Error(err)
		}
		texts := warned
		if len(texts) > 0 {
			texts = []string{"privileged"}
		}
		a.warned(t, "a bad one", texts...)
	})
	t.Run("resize", func(t *testing.T) {
		c.create(t, namespace, resizable(badPod("resized")))
		a.heard.take()
		if err := resize(t.Context(), a, namespace, "resized", "20m"); err != nil {
			t.Error(err)
		}
	})
}

// TestOptIn is the default: only a namespace that asks for it is judged.
func TestOptIn(t *testing.T) {
	c := sharedCluster(t)
	r := c.install(t, options{})
	enforced := c.namespace(t, "opted-in", map[string]string{enforceLabel: "restricted"})
	c.denies(t, enforced)
	t.Run("enforce", func(t *testing.T) { c.judged(t, enforced) })
	t.Run("no label", func(t *testing.T) { c.tolerated(t, c.namespace(t, "no-label", nil)) })
	t.Run("warn", func(t *testing.T) {
		c.tolerated(t, c.namespace(t, "warn", map[string]string{warnLabel: "restricted"}), "host-namespaces", "hostPID")
	})
	t.Run("audit", func(t *testing.T) {
		namespace := c.namespace(t, "audit", map[string]string{auditLabel: "restricted"})
		c.tolerated(t, namespace)
		for _, kind := range kinds() {
			found := c.annotations(t, "create", kind.resource, namespace, "bad")
			if !strings.Contains(found["audit-violations"], "[host-namespaces]") {
				t.Errorf("%s: annotations %q", kind.name, found)
			}
		}
	})
	t.Run("annotations of a denial", func(t *testing.T) {
		found := c.annotations(t, "create", "pods", enforced, "bad")
		if !strings.HasPrefix(found["enforce-policy"], "restricted") {
			t.Errorf("annotations %q", found)
		}
	})
	// A version is part of the label: what restricted asked for at v1.18 is less.
	t.Run("version", func(t *testing.T) {
		old := c.namespace(t, "old", map[string]string{enforceLabel: "restricted", enforceVersionLabel: "v1.18"})
		c.denies(t, old)
		pod := goodPod("no-seccomp")
		pod.Spec.SecurityContext.SeccompProfile = nil
		refused(t, c.try(pod, enforced), "seccomp")
		if err := c.try(pod, old); err != nil {
			t.Error(err)
		}
	})
	if denied := r.server.metric(t, "plimsoll_reviews_total", `decision="denied"`); denied == 0 {
		t.Error("no denial was counted")
	}
}

// TestScopeCluster judges every namespace but the excluded ones.
func TestScopeCluster(t *testing.T) {
	c := sharedCluster(t)
	excluded := c.namespace(t, "excluded", nil)
	c.install(t, options{values: settings{"scope": "cluster", "excludedNamespaces": []string{"kube-system", "kube-node-lease", excluded}}})
	everywhere := c.namespace(t, "unlabelled", nil)
	c.denies(t, everywhere)
	t.Run("enforce", func(t *testing.T) { c.judged(t, everywhere) })
	for _, namespace := range []string{excluded, "kube-system", releaseNamespace} {
		t.Run(namespace, func(t *testing.T) {
			if err := c.try(badPod("excluded"), namespace); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDryRun denies nothing, and says everywhere what would have been.
func TestDryRun(t *testing.T) {
	c := sharedCluster(t)
	r := c.install(t, options{values: settings{"dryRun": true}})
	namespace := c.namespace(t, "dry-run", map[string]string{enforceLabel: "restricted"})
	a := c.audience(t, "")
	eventually(t, soon, func() (bool, string) {
		a.heard.take()
		_, err := a.CoreV1().Pods(namespace).Create(t.Context(), badPod("probe"), dryRun)
		return len(a.heard.take()) > 0, "no warning; " + errorText(err)
	})
	c.tolerated(t, namespace, "host-namespaces", "hostPID")
	found := c.annotations(t, "create", "pods", namespace, "bad")
	if !strings.Contains(found["dry-run-violations"], "[host-namespaces]") || !strings.HasPrefix(found["enforce-policy"], "restricted") {
		t.Errorf("annotations %q", found)
	}
	if count := r.server.metric(t, "plimsoll_dry_run_denials_total"); count == 0 {
		t.Error("nothing was counted")
	}
	if denied := r.server.metric(t, "plimsoll_reviews_total", `decision="denied"`); denied != 0 {
		t.Errorf("%v reviews were denied", denied)
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
