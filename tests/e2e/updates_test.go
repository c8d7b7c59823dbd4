package e2e

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestUpdates holds updates of pods that were there before the label to upstream's rule, and to the
// ratchet.
func TestUpdates(t *testing.T) {
	c := sharedCluster(t)
	for _, one := range []struct {
		updates        string
		image          bool // that a new image under an old violation is refused
		harmlessHelper bool // that an ephemeral container without fault is refused
	}{
		{"upstream", true, true},
		{"ratchet", false, false},
	} {
		t.Run(one.updates, func(t *testing.T) {
			c.install(t, options{values: settings{"updates": one.updates}})
			namespace := c.namespace(t, "updates-"+one.updates, nil)
			c.create(t, namespace, resizable(badPod("old")))
			c.create(t, namespace, resizable(goodPod("good")))
			if err := label(t, c.client, namespace, map[string]string{enforceLabel: "restricted"}); err != nil {
				t.Fatal(err)
			}
			c.denies(t, namespace)
			a := c.audience(t, "")
			verdict := func(what string, err error, refusal bool, texts ...string) {
				t.Helper()
				heard := a.heard.take()
				if refusal {
					refused(t, err, texts...)
				} else if err != nil {
					t.Errorf("%s: %v", what, err)
				} else if len(texts) > 0 && len(heard) == 0 {
					t.Errorf("%s: allowed without a word", what)
				}
			}
			verdict("label", c.relabelPod(t, namespace, "old"), false)
			verdict("resize", resize(t.Context(), a, namespace, "old", "20m"), false)
			verdict("image", image(t.Context(), a, namespace, "old", "registry.example/app:2"), one.image, "host-namespaces")
			verdict("good ephemeral container", debug(t.Context(), a, namespace, "old", goodContainer("shell")), one.harmlessHelper, "host-namespaces")
			verdict("bad ephemeral container", debug(t.Context(), a, namespace, "old", privileged("root")), true, "privileged")
			verdict("bad ephemeral container of a good pod", debug(t.Context(), a, namespace, "good", privileged("root")), true, "privileged")
			verdict("image of a good pod", image(t.Context(), a, namespace, "good", "registry.example/app:2"), false)
			verdict("resize of a good pod", resize(t.Context(), a, namespace, "good", "20m"), false)
			if err := c.client.CoreV1().Pods(namespace).Delete(t.Context(), "old", metav1.DeleteOptions{}); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}
