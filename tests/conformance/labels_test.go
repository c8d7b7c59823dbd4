package conformance

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
)

// cluster is as much of an API server as Plimsoll asks for: namespaces, some of which its watch does
// not know yet.
type cluster struct {
	namespaces namespaces
	hidden     map[string]bool // not listed: they have to be asked for
	asked      atomic.Int64
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	object := func(name string) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Namespace",
			"metadata": map[string]any{"name": name, "resourceVersion": "7", "labels": c.namespaces[name]}}
	}
	name, one := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case one && c.namespaces[name] == nil:
		w.WriteHeader(http.StatusNotFound)
		json.NewEncoder(w).Encode(metav1.Status{Status: "Failure", Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound})
	case one:
		c.asked.Add(1)
		json.NewEncoder(w).Encode(object(name))
	case r.URL.Query().Get("watch") != "":
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		items := []any{}
		for name := range c.namespaces {
			if !c.hidden[name] {
				items = append(items, object(name))
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v1", "kind": "NamespaceList",
			"metadata": map[string]any{"resourceVersion": "7"}, "items": items})
	}
}

// anyLabels are labels as people set them, wrong ones included.
func anyLabels(g *generator) map[string]string {
	labels := map[string]string{"kubernetes.io/metadata.name": "x"}
	one := func(label string, chance float64, values ...string) {
		if g.happens(chance) {
			labels[label] = pick(g, values)
		}
	}
	levels := []string{"restricted", "restricted", "baseline", "baseline", "privileged", "Restricted", "restriced", ""}
	of := []string{"latest", "v1.0", "v1.19", "v1.24", "v1.25", "v1.37", "v1.999", "1.25", "v1.025", "newest", ""}
	one(api.EnforceLevelLabel, 0.7, levels...)
	one(api.EnforceVersionLabel, 0.4, of...)
	one(api.WarnLevelLabel, 0.5, levels...)
	one(api.WarnVersionLabel, 0.3, of...)
	one(api.AuditLevelLabel, 0.5, levels...)
	one(api.AuditVersionLabel, 0.3, of...)
	return labels
}

// labelled starts Plimsoll in front of namespaces with such labels, and upstream's admission with the same.
func labelled(t *testing.T, seed uint64) (*server, webhook, *cluster) {
	t.Helper()
	w, err := newWebhook()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{namespaces: w.namespaces, hidden: map[string]bool{}}
	clear(c.namespaces)
	g := &generator{chance: rand.New(rand.NewPCG(seed, 11))}
	for i := range 400 {
		name := fmt.Sprintf("ns-%d", i)
		c.namespaces[name] = anyLabels(g)
		c.hidden[name] = i%4 == 0
	}
	fake := httptest.NewServer(c)
	t.Cleanup(fake.CloseClientConnections) // a watch would keep it
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	kubeconfig := write("kubeconfig", fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\n"+
		"clusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: c, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: c}}]\n", fake.URL))
	config := write("config.yaml", fmt.Sprintf("apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n"+
		"namespaceLabels: true\nhonourPodSecurityLabels: true\nkubeconfig: %q\n", kubeconfig))
	binary, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(binary, "--config", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s, w, c
}

// withoutOwn leaves out those that say what is wrong with a label: upstream says it in an annotation alone.
func withoutOwn(warnings []string) []string {
	return slices.DeleteFunc(slices.Clone(warnings), func(w string) bool { return strings.HasPrefix(w, "plimsoll: label ") })
}

// TestRandomLabels asks both webhooks about random pods and workloads in namespaces with random labels.
func TestRandomLabels(t *testing.T) {
	seed := seed(t)
	s, w, c := labelled(t, seed)
	count := max(4000, randomPods(t)/4)
	var lock sync.Mutex
	seen, wrong := map[string]int{}, 0
	inParallel(connections(), count, func(_, index int) bool {
		_, _, r := randomAdmission(seed+1, index)
		r.namespace = fmt.Sprintf("ns-%d", index%len(c.namespaces))
		theirs, err := w.review(r.review(index))
		if err != nil {
			t.Error(err)
			return false
		}
		ours, err := s.askRoute("/validate", r, index)
		if err != nil {
			t.Error(err)
			return false
		}
		lock.Lock()
		defer lock.Unlock()
		_, theyAudit := theirs.AuditAnnotations[api.AuditViolationsAnnotationKey]
		_, weAudit := ours.AuditAnnotations[api.AuditViolationsAnnotationKey]
		_, theyErr := theirs.AuditAnnotations["error"]
		_, weErr := ours.AuditAnnotations["error"]
		theyWarn, weWarn := len(theirs.Warnings) > 0, len(withoutOwn(ours.Warnings)) > 0
		// Of a workload without a template, which has nothing to judge, only upstream speaks.
		judged := !theirs.Allowed || theyWarn || theyAudit
		differs := theirs.Allowed != ours.Allowed || theyAudit != weAudit || theirs.Allowed && theyWarn != weWarn || theyErr && judged && !weErr
		if differs {
			wrong++
			t.Errorf("request %d in a namespace with %v:\n  theirs: allowed %t, warned %t, audited %t, error %t\n  ours:   allowed %t, warned %t, audited %t, error %t\n  %s",
				index, c.namespaces[r.namespace], theirs.Allowed, theyWarn, theyAudit, theyErr, ours.Allowed, weWarn, weAudit, weErr, r.review(0))
		}
		what := "workload"
		if r.kind.Kind == "Pod" {
			what = "pod"
		}
		seen[fmt.Sprintf("%s: allowed %t, warned %t, audited %t, error %t", what, theirs.Allowed, theyWarn, theyAudit, theyErr)]++
		return wrong < 10
	})
	t.Logf("%d requests of %d sorts in %d namespaces, %d of them asked for: %d differ", count, len(seen), len(c.namespaces), c.asked.Load(), wrong)
	for _, what := range []string{"pod: allowed false, warned false, audited true, error true", "pod: allowed true, warned true, audited false, error false",
		"workload: allowed true, warned true, audited true, error true", "pod: allowed true, warned false, audited false, error false"} {
		if seen[what] == 0 {
			t.Errorf("no request is: %s", what)
		}
	}
	if c.asked.Load() == 0 {
		t.Error("no namespace had to be asked for")
	}
}

// TestRandomNamespaceWrites asks both webhooks about random changes of labels.
func TestRandomNamespaceWrites(t *testing.T) {
	seed := seed(t)
	s, w, _ := labelled(t, seed)
	g := &generator{chance: rand.New(rand.NewPCG(seed, 13))}
	const count = 4000
	denied := 0
	for index := range count {
		namespace := func(labels map[string]string) []byte {
			raw, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "ns-1", "labels": labels}})
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		before, after := anyLabels(g), anyLabels(g)
		if g.happens(0.3) {
			after = before
		}
		r := workload{kind: "Namespace", version: "v1", resource: "namespaces"}.request(admissionv1.Create, namespace(after), nil)
		r.name, r.namespace = "ns-1", "ns-1"
		if g.happens(0.7) {
			r.operation, r.oldObject = admissionv1.Update, namespace(before)
		}
		theirs, err := w.review(r.review(index))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := s.askRoute("/validate", r, index)
		if err != nil {
			t.Fatal(err)
		}
		if !theirs.Allowed {
			denied++
		}
		// Upstream refuses every wrong label anew when any of them changes; here only those that the write brings.
		brought := r.operation == admissionv1.Create
		for label, value := range after {
			old, found := before[label]
			brought = brought || (!found || old != value) && wrongLabel(label, value)
		}
		// Upstream lets anything through a subresource; there labels can be written as well.
		r.subresource = pick(g, []string{"status", "finalize"})
		if below, err := s.askRoute("/validate", r, index); err != nil || below.Allowed != ours.Allowed {
			t.Errorf("%s of %s: %v, %v", r.operation, r.subresource, below, err)
		}
		if theirs.Allowed && !ours.Allowed || !theirs.Allowed && ours.Allowed && brought {
			t.Errorf("%s from %v to %v: theirs: %t, ours: %t: %s", r.operation, before, after, theirs.Allowed, ours.Allowed, ours.Result)
		}
	}
	t.Logf("%d writes, %d denied", count, denied)
	if denied < count/10 || denied > count*9/10 {
		t.Errorf("%d of %d were denied: too one-sided to tell", denied, count)
	}
}

func wrongLabel(label, value string) bool {
	if strings.HasSuffix(label, "-version") {
		_, err := api.ParseVersion(value)
		return err != nil
	}
	if !strings.HasPrefix(label, "pod-security.kubernetes.io/") {
		return false
	}
	_, err := api.ParseLevel(value)
	return err != nil
}
