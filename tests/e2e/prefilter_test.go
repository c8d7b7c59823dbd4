package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// call is one request of many; the name is its own.
type call struct {
	name string
	do   func(ctx context.Context, client kubernetes.Interface) error
}

// outcome is what comes of a call: whether it was done or why not, and what was warned about.
type outcome struct {
	err      error
	warnings []string // sorted: webhooks are asked at the same time
}

// The name of the webhook's entry, and what the API server makes of a generateName, are not the same each time.
var incidental = regexp.MustCompile(`admission webhook "[^"]*"|\bgenerated-(?:bad-)?[a-z0-9]{5}\b`)

func (o outcome) text() string {
	return incidental.ReplaceAllString(errorText(o.err)+"\n\t\t"+strings.Join(o.warnings, "\n\t\t"), "…")
}

// cut says whether warnings may have been left out, by us or by the API server, which takes 4 KiB of them.
func (o outcome) cut() bool {
	all := strings.Join(o.warnings, "")
	return strings.Contains(all, "further findings left out") || len(all) > 3800
}

// outcomes makes all calls, several at a time. A call that fails for another reason than a denial or an object that
// the API server does not take is an error of the test.
func (c *cluster) outcomes(t testing.TB, userAgent string, calls []call) map[string]outcome {
	t.Helper()
	work := make(chan call)
	found := map[string]outcome{}
	var lock sync.Mutex
	var workers sync.WaitGroup
	for range loadWorkers {
		a := c.audienceWith(t, func(config *rest.Config) { config.UserAgent = userAgent })
		workers.Go(func() {
			for one := range work {
				err := one.do(t.Context(), a)
				warned := a.heard.take()
				slices.Sort(warned)
				lock.Lock()
				if _, twice := found[one.name]; twice {
					t.Errorf("two calls are named %s", one.name)
				}
				found[one.name] = outcome{err, warned}
				lock.Unlock()
				if err != nil && !denial(err) && !apierrors.IsInvalid(err) {
					t.Errorf("%s: %v", one.name, err)
				}
			}
		})
	}
	for _, one := range calls {
		work <- one
	}
	close(work)
	workers.Wait()
	return found
}

// creations are calls that create pods in a namespace as dry runs, each bare and in one of the other kinds.
func creations(namespace string, pods []*corev1.Pod) []call {
	var calls []call
	all := kindsWith(dryRun)
	for index, pod := range pods {
		for _, kind := range []kind{all[0], all[1+index%(len(all)-1)]} {
			calls = append(calls, call{fmt.Sprintf("%s: create %s %s", namespace, kind.name, pod.Name+pod.GenerateName),
				func(ctx context.Context, client kubernetes.Interface) error {
					own := pod.DeepCopy()
					if own.Name == "" && kind.name != "Pod" {
						own.Name = strings.TrimSuffix(own.GenerateName, "-") // of a workload: its pods are to be generated
					}
					return kind.create(ctx, client, namespace, own)
				}})
		}
	}
	return calls
}

// changes are calls that update pods that are there, as dry runs.
func changes(namespace string, pods []string) []call {
	dry := metav1.UpdateOptions{DryRun: dryRun.DryRun}
	var calls []call
	for _, pod := range pods {
		for _, one := range []struct {
			what, subresource string
			change            func(*corev1.Pod)
		}{
			{"image", "", withImage("registry.example/app:2")},
			{"label", "", func(pod *corev1.Pod) { metav1.SetMetaDataLabel(&pod.ObjectMeta, "seen", "yes") }},
			{"annotation", "", func(pod *corev1.Pod) {
				metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "container.apparmor.security.beta.kubernetes.io/other", "unconfined")
			}},
			{"finalizer", "", func(pod *corev1.Pod) { pod.Finalizers = append(pod.Finalizers, "example.com/wait") }},
			{"toleration", "", func(pod *corev1.Pod) {
				pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "example.com/old", Operator: corev1.TolerationOpExists})
			}},
			{"debug", "ephemeralcontainers", withDebug(goodContainer("shell"))},
			{"privileged debug", "ephemeralcontainers", withDebug(privileged("root"))},
			{"resize", "resize", withCPU("20m")},
		} {
			calls = append(calls, call{fmt.Sprintf("%s: %s of %s", namespace, one.what, pod),
				func(ctx context.Context, client kubernetes.Interface) error {
					return edit(ctx, client, namespace, pod, one.subresource, dry, one.change)
				}})
		}
	}
	return calls
}

// specimens are pods that upstream's fixtures have none of.
func specimens() []*corev1.Pod {
	no, yes, root := false, true, int64(0)
	made := func(name string, change func(*corev1.Pod)) *corev1.Pod {
		pod := goodPod(name)
		change(pod)
		return pod
	}
	windows := func(pod *corev1.Pod) {
		pod.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &yes}
		pod.Spec.Containers[0].SecurityContext = nil
	}
	return []*corev1.Pod{
		goodPod("good"),
		badPod("bad"),
		made("", func(pod *corev1.Pod) { pod.GenerateName = "generated-" }),
		made("", func(pod *corev1.Pod) {
			pod.GenerateName = "generated-bad-"
			pod.Spec.HostPID = true
		}),
		made("windows", windows),
		made("windows-root", func(pod *corev1.Pod) {
			windows(pod)
			pod.Spec.SecurityContext.RunAsNonRoot = nil
		}),
		made("windows-host-process", func(pod *corev1.Pod) {
			windows(pod)
			pod.Spec.HostNetwork = true
			pod.Spec.SecurityContext.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: &yes}
		}),
		made("user-namespace", func(pod *corev1.Pod) { pod.Spec.HostUsers = &no }),
		made("user-namespace-root", func(pod *corev1.Pod) {
			pod.Spec.HostUsers = &no
			pod.Spec.SecurityContext.RunAsNonRoot = nil
			pod.Spec.SecurityContext.RunAsUser = &root
		}),
		made("root", func(pod *corev1.Pod) {
			pod.Spec.HostUsers = &yes
			pod.Spec.SecurityContext.RunAsNonRoot = nil
			pod.Spec.SecurityContext.RunAsUser = &root
		}),
		made("bare", func(pod *corev1.Pod) {
			pod.Spec.SecurityContext = nil
			pod.Spec.Containers[0].SecurityContext = nil
		}),
		made("sidecar", func(pod *corev1.Pod) {
			always := corev1.ContainerRestartPolicyAlways
			pod.Spec.InitContainers = []corev1.Container{privileged("sidecar")}
			pod.Spec.InitContainers[0].RestartPolicy = &always
		}),
		made("token", func(pod *corev1.Pod) { pod.Spec.AutomountServiceAccountToken = &yes }), // least-privilege
		made("other-user", func(pod *corev1.Pod) {
			other := int64(12)
			pod.Spec.SecurityContext.RunAsUser = &other
		}), // the test's own template
	}
}

// ownTemplates are two of the user's own: one with what the export says of it, one without.
func ownTemplates(t testing.TB) []settings {
	t.Helper()
	payments := settings{"extends": "restricted", "rules": []settings{
		{"check": "id-ranges", "params": settings{"runAsUser": []settings{{"min": 10000, "max": 19999}}}}}}
	plain := settings{"extends": "baseline", "rules": []settings{{"check": "read-only-root-filesystem"}}}
	return []settings{
		{"name": "payments", "spec": payments, "prefilter": exported(t, "payments", payments)},
		{"name": "plain", "spec": plain},
	}
}

// exported are the conditions of a template, as they are to be pasted into the values.
func exported(t testing.TB, name string, spec settings) settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".yaml")
	document := settings{"apiVersion": "plimsoll.dev/v1alpha1", "kind": "SecurityTemplate", "metadata": settings{"name": name}, "spec": spec}
	if err := os.WriteFile(file, must(yaml.Marshal(document))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	var conditions settings
	if err := yaml.Unmarshal([]byte(export(t, name, "--templates", file, "--as", "match-conditions")), &conditions); err != nil {
		t.Fatal(err)
	}
	return conditions
}

// fixturesOf are upstream's pods of one version.
func fixturesOf(t testing.TB, version string) []*corev1.Pod {
	t.Helper()
	var pods []*corev1.Pod
	seen := map[string]bool{}
	for _, one := range fixtures(t) {
		pod := one.pod.DeepCopy()
		pod.Name = one.level + "-" + pod.Name
		if one.version == version && !seen[pod.Name] {
			seen[pod.Name] = true
			pods = append(pods, pod)
		}
	}
	return pods
}

// TestPrefilter installs the chart with and without the prefilter, asks for the same, and holds what is allowed, what
// is said of a denial, what is warned about and what the audit log has to be the same.
func TestPrefilter(t *testing.T) {
	c := ownCluster(t) // the namespaces that get a label before there is a Plimsoll would be in the way of other tests
	const warnVersion, auditVersion = "plimsoll.dev/warn-version", "plimsoll.dev/audit-version"
	newest, older := fixturesOf(t, "v1.37"), fixturesOf(t, "v1.25")
	few := specimens()
	for index := 0; index < len(newest); index += 2 {
		few = append(few, newest[index])
	}
	type where struct {
		name   string
		labels map[string]string
		pods   []*corev1.Pod
		update bool // pods that were there before the label are updated
	}
	labels := func(pairs ...string) map[string]string {
		made := map[string]string{}
		for index := 0; index < len(pairs); index += 2 {
			made[pairs[index]] = pairs[index+1]
		}
		return made
	}
	for _, way := range []struct {
		name   string
		values settings
		denies string // the namespace that shows that the registration is known
		places []where
	}{
		{"optIn", settings{"templates": ownTemplates(t)}, "restricted", []where{
			{"restricted", labels(enforceLabel, "restricted"), slices.Concat(specimens(), newest), true},
			{"baseline", labels(enforceLabel, "baseline"), slices.Concat(specimens(), newest), true},
			{"three", labels(enforceLabel, "baseline", warnLabel, "restricted", auditLabel, "least-privilege"), slices.Concat(specimens(), newest), true},
			{"pinned", labels(enforceLabel, "restricted", enforceVersionLabel, "v1.25"), slices.Concat(specimens(), older), true},
			{"pinned-three", labels(enforceLabel, "baseline", enforceVersionLabel, "v1.25", warnLabel, "restricted", auditLabel, "restricted", auditVersion, "v1.8"),
				slices.Concat(specimens(), older), false},
			{"warned-pinned", labels(enforceLabel, "restricted", warnVersion, "v1.18"), few, false},
			{"latest", labels(enforceLabel, "restricted", enforceVersionLabel, "latest", warnLabel, "least-privilege", warnVersion, "latest"), few, false},
			{"future", labels(enforceLabel, "restricted", enforceVersionLabel, "v1.99"), few, false},
			{"ill-written", labels(enforceLabel, "restricted", enforceVersionLabel, "newest"), few, false},
			{"misspelt", labels(enforceLabel, "restrictde"), few, false},
			{"misspelt-warn", labels(enforceLabel, "baseline", warnLabel, "restrictde"), few, false},
			{"warn", labels(warnLabel, "restricted"), few, true},
			{"audit", labels(auditLabel, "restricted"), few, false},
			{"warn-audit", labels(warnLabel, "baseline", auditLabel, "baseline"), few, false},
			{"privileged", labels(enforceLabel, "privileged", warnLabel, "restricted"), few, false},
			{"least", labels(enforceLabel, "least-privilege"), few, true},
			{"own", labels(enforceLabel, "payments", auditLabel, "plain"), few, true},
			{"own-plain", labels(enforceLabel, "plain", warnLabel, "payments"), few, false},
			{"none", nil, few, false},
		}},
		{"cluster", settings{"scope": "cluster", "excludedNamespaces": []string{"kube-system", "kube-node-lease", releaseNamespace, "free"}}, "unlabelled", []where{
			{"unlabelled", nil, few, true},
			{"labelled", labels(enforceLabel, "baseline", warnLabel, "least-privilege"), few, false},
			{"stricter", labels(enforceLabel, "least-privilege", auditLabel, "restricted"), few, false},
			{"free", nil, few, false},
		}},
		{"clusterPinned", settings{"scope": "cluster", "template": "restricted@v1.25"}, "unlabelled", []where{
			{"unlabelled", nil, few, false},
			{"labelled", labels(enforceLabel, "restricted", warnLabel, "restricted"), few, false},
		}},
		{"bindings", settings{"bindings": []settings{
			{"name": "payments", "mode": "enforce", "template": "least-privilege", "selector": settings{"matchLabels": settings{"team": "payments"}}},
			{"name": "pinned", "mode": "enforce", "template": "restricted", "version": "v1.25", "selector": settings{"matchLabels": settings{"team": "old"}}},
			{"name": "everywhere", "mode": "warn", "template": "baseline", "namespaces": []string{"bindings-*"}},
			{"name": "watched", "mode": "audit", "template": "restricted", "selector": settings{"matchExpressions": []settings{
				{"key": "team", "operator": "Exists"}}}},
		}}, "payments", []where{
			{"payments", labels("team", "payments"), few, true},
			{"old", labels("team", "old"), few, false},
			{"labelled", labels("team", "payments", enforceLabel, "restricted", warnLabel, "restricted"), few, false},
			{"neither", nil, few, false},
		}},
		{"honoured", settings{"honourPodSecurityLabels": true}, "both", []where{
			// In-tree admission judges as well, and before any webhook: what it enforces is no use here.
			{"both", labels("pod-security.kubernetes.io/warn", "restricted", enforceLabel, "restricted"), few, false},
			{"warned", labels("pod-security.kubernetes.io/warn", "baseline", "pod-security.kubernetes.io/audit", "restricted"), few, false},
			{"pinned", labels("pod-security.kubernetes.io/warn", "restricted", "pod-security.kubernetes.io/warn-version", "v1.25", auditLabel, "baseline"), few, false},
		}},
		{"noAccess", settings{"apiAccess": false, "templates": ownTemplates(t)}, "restricted", []where{
			{"restricted", labels(enforceLabel, "restricted"), few, true},
			{"three", labels(enforceLabel, "baseline", warnLabel, "restricted", auditLabel, "least-privilege"), few, false},
			{"pinned", labels(enforceLabel, "restricted", enforceVersionLabel, "v1.25"), few, false},
			{"own", labels(enforceLabel, "payments", warnLabel, "plain"), few, false},
		}},
		{"dryRun", settings{"dryRun": true}, "", []where{
			{"restricted", labels(enforceLabel, "restricted", auditLabel, "least-privilege"), few, true},
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			var calls []call
			full := func(name string) string { return strings.ToLower(way.name) + "-" + name }
			for _, one := range way.places {
				namespace := full(one.name)
				if one.name == "free" {
					namespace = one.name
				}
				c.makeNamespace(t, namespace, one.labels)
				calls = append(calls, creations(namespace, one.pods)...)
				if one.update {
					calls = append(calls, changes(namespace, c.residents(t, namespace, one.pods))...)
				}
			}
			found, audits := map[bool]map[string]outcome{}, map[bool]map[string][]string{}
			asked := map[bool]float64{}
			for _, prefilter := range []bool{false, true} {
				values := maps.Clone(way.values)
				values["prefilter"] = prefilter
				t.Run(fmt.Sprintf("prefilter=%t", prefilter), func(t *testing.T) {
					r := c.install(t, options{values: values})
					if way.denies != "" {
						c.denies(t, full(way.denies))
					} else {
						c.warns(t, full(way.places[0].name))
					}
					userAgent := fmt.Sprintf("%s-prefilter-%t", way.name, prefilter)
					before := r.server.metric(t, "plimsoll_reviews_total")
					found[prefilter] = c.outcomes(t, userAgent, calls)
					asked[prefilter] = r.server.metric(t, "plimsoll_reviews_total") - before
					audits[prefilter] = c.auditedBy(t, userAgent)
				})
			}
			if t.Failed() {
				return
			}
			denied, warned, cut := 0, 0, 0
			for _, one := range calls {
				without, with := found[false][one.name], found[true][one.name]
				if strings.Contains(one.name, "ill-written") && with.err == nil && len(ours(with.warnings)) == 0 {
					// Of the label itself only those pods hear that are looked at.
					without.warnings = slices.DeleteFunc(without.warnings, func(text string) bool { return strings.Contains(text, "is not a version") })
				}
				if without.cut() || with.cut() {
					// Each answer has its bound, and all of a request have one: then it depends on who answers how much first.
					cut++
					without.warnings, with.warnings = nil, nil
				}
				if without.text() != with.text() {
					t.Errorf("%s\n\twithout: %s\n\twith:    %s", one.name, without.text(), with.text())
				}
				if denial(with.err) {
					denied++
				}
				if len(ours(with.warnings)) > 0 {
					warned++
				}
			}
			for key, without := range audits[false] {
				if with := audits[true][key]; !slices.Equal(without, with) {
					t.Errorf("audit annotations of %s\n\twithout: %q\n\twith:    %q", key, without, with)
				}
			}
			for key, with := range audits[true] {
				if _, is := audits[false][key]; !is {
					t.Errorf("audit annotations of %s\n\twith: %q", key, with)
				}
			}
			if denied+warned == 0 {
				t.Error("nothing was judged")
			}
			t.Logf("%d calls, %d denied and %d warned about alike (%d with warnings cut), audit annotations of %d alike; %0.f reviews without the prefilter, %0.f with it",
				len(calls), denied, warned, cut, len(audits[true]), asked[false], asked[true])
		})
	}
}

// residents creates pods for good before anybody judges them, and returns the names of those that the API server takes.
func (c *cluster) residents(t testing.TB, namespace string, pods []*corev1.Pod) []string {
	t.Helper()
	var names []string
	for _, pod := range pods {
		if pod.Name == "" {
			continue
		}
		// Of some, each change is another case; a third of the rest is enough.
		if strings.HasPrefix(pod.Name, "restricted-") || strings.HasPrefix(pod.Name, "baseline-") {
			if len(names)%3 != 0 {
				names = append(names, "")
				continue
			}
		}
		resident := resizable(pod.DeepCopy())
		resident.Name = "resident-" + pod.Name
		_, err := c.client.CoreV1().Pods(namespace).Create(t.Context(), resident, metav1.CreateOptions{})
		if err == nil {
			names = append(names, resident.Name)
		} else if !apierrors.IsInvalid(err) {
			t.Fatalf("%s: %v", pod.Name, err)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// warns waits until a pod with too much privilege is warned about.
func (c *cluster) warns(t testing.TB, namespace string) {
	t.Helper()
	a := c.audience(t, "")
	eventually(t, soon, func() (bool, string) {
		a.heard.take()
		_, err := a.CoreV1().Pods(namespace).Create(t.Context(), badPod("probe"), dryRun)
		return len(a.heard.take()) > 0, "no warning; " + errorText(err)
	})
}

// auditedBy are what Plimsoll added to the audit log's events of a user agent, by what was asked for.
func (c *cluster) auditedBy(t testing.TB, userAgent string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for line := range strings.Lines(string(must(os.ReadFile(c.File("audit.log")))(t))) {
		var one event
		if !strings.Contains(line, userAgent) || json.Unmarshal([]byte(line), &one) != nil {
			continue
		}
		// With more than one entry an object is told of in more than one place, and where nobody was asked in none.
		var texts []string
		for key, value := range one.Annotations {
			webhook, own, _ := strings.Cut(key, "/")
			if strings.HasSuffix(webhook, ".plimsoll.dev") && strings.HasSuffix(own, "-violations") {
				texts = append(texts, own+": "+value)
			}
		}
		if len(texts) > 0 {
			slices.Sort(texts)
			r := one.ObjectRef
			name := incidental.ReplaceAllString(r.Name, "…")
			key := strings.Join([]string{one.Verb, r.Resource, r.Subresource, r.Namespace, name}, " ")
			found[key] = append(found[key], texts...)
		}
	}
	for key, texts := range found {
		// Where several entries are asked about one object without the prefilter, each is answered for all modes.
		slices.Sort(texts)
		found[key] = slices.Compact(texts)
	}
	return found
}

// TestPrefilterKilled: with nobody to decide, good pods start and bad ones do not.
func TestPrefilterKilled(t *testing.T) {
	c := ownCluster(t)
	r := c.install(t, options{values: settings{"prefilter": true}})
	const namespace = "harbour"
	c.makeNamespace(t, namespace, map[string]string{enforceLabel: "restricted"})
	c.denies(t, namespace)
	c.create(t, namespace, resizable(goodPod("resident")))
	c.hide = strings.NewReplacer(r.address, "127.0.0.1:PORT")
	c.transcript(t, "prefilter-before", "create -n harbour -f ../../examples/debug.yaml")
	r.server.expected = true
	r.server.kill()

	var good, bad []*corev1.Pod
	for _, one := range fixtures(t) {
		if one.level == "restricted" && one.version == "v1.37" {
			if one.fails {
				bad = append(bad, one.pod)
			} else {
				good = append(good, one.pod)
			}
		}
	}
	good = append(good, goodPod("good"))
	const enough = 200
	numbered := func(pods []*corev1.Pod, index int) *corev1.Pod {
		pod := pods[index%len(pods)].DeepCopy()
		pod.Name = fmt.Sprintf("%s-%d", pod.Name, index)
		return pod
	}
	a := c.audience(t, "")
	admitted, refused, invalid := map[string]int{}, 0, 0
	all := kinds()
	for index := 0; index < enough; index++ {
		kind := all[index%len(all)]
		if err := kind.create(t.Context(), a, namespace, numbered(good, index)); err != nil {
			t.Errorf("a good %s: %v", kind.name, err)
			continue
		}
		admitted[kind.name]++
	}
	a.warned(t, "good pods and workloads")
	for what, err := range map[string]error{
		"resize":              resize(t.Context(), a, namespace, "resident", "20m"),
		"image":               image(t.Context(), a, namespace, "resident", "registry.example/app:2"),
		"ephemeral container": debug(t.Context(), a, namespace, "resident", goodContainer("shell")),
	} {
		if err != nil {
			t.Errorf("%s of a good pod: %v", what, err)
		}
	}
	wanted := fmt.Sprintf(`pods.plimsoll.dev": failed to call webhook: Post "https://%s/validate/enforce?timeout=3s": dial tcp %s: connect: connection refused`, r.address, r.address)
	unanswered := func(what string, err error) bool {
		if err == nil || !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s: the API server says: %v\nwanted: %s", what, err, wanted)
			return false
		}
		return true
	}
	for index := 0; refused < enough && index < 2*enough; index++ {
		pod := numbered(bad, index)
		_, err := a.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
		if apierrors.IsInvalid(err) {
			invalid++ // the API server itself takes none such any more
		} else if unanswered(pod.Name, err) {
			refused++
		}
	}
	unanswered("privileged ephemeral container", debug(t.Context(), a, namespace, "resident", privileged("root")))
	// Of a workload only a warning would be given: the API server does not wait for it.
	for _, kind := range all[1:] {
		if err := kind.create(t.Context(), a, namespace, badPod("bad")); err != nil {
			t.Errorf("a bad %s: %v", kind.name, err)
		}
	}
	a.warned(t, "bad workloads that nobody looked at")
	t.Logf("nobody decides: admitted %v, refused %d bad pods; %d no API server takes", admitted, refused, invalid)
	if refused < enough {
		t.Errorf("only %d bad pods were refused", refused)
	}
	c.transcript(t, "prefilter-killed",
		"create -n harbour -f testdata/good.yaml",
		"create -n harbour -f ../../examples/debug.yaml",
		"create -n harbour -f ../../examples/web.yaml --dry-run=server")

	r.server = serve(t, r.address, r.adapted(t, r.configuration(t), options{})).ready(t)
	c.denies(t, namespace)
	c.transcript(t, "prefilter-before", "create -n harbour -f ../../examples/debug.yaml")
	for _, kind := range all[1:] {
		if err := kind.create(t.Context(), a, namespace, badPod("bad-again")); err != nil {
			t.Errorf("a bad %s: %v", kind.name, err)
		}
		a.warned(t, "a bad "+kind.name, "host-namespaces", "hostPID")
	}
}

// TestPrefilterFits: what the chart registers is taken by the API server, and how large it is.
func TestPrefilterFits(t *testing.T) {
	c := sharedCluster(t)
	own := settings{"extends": "least-privilege", "rules": []settings{
		{"check": "id-ranges", "params": settings{"runAsUser": []settings{{"min": 10000, "max": 19999}}}}}}
	var templates []settings
	for _, name := range []string{"payments", "shop", "warehouse"} {
		templates = append(templates, settings{"name": name, "spec": own, "prefilter": exported(t, name, own)})
	}
	for _, one := range []struct {
		name   string
		values settings
	}{
		{"default", settings{}},
		{"honourPodSecurityLabels", settings{"honourPodSecurityLabels": true}},
		{"three templates", settings{"honourPodSecurityLabels": true, "templates": templates}},
		{"noAccess", settings{"apiAccess": false, "honourPodSecurityLabels": true, "templates": templates}},
	} {
		t.Run(one.name, func(t *testing.T) {
			one.values["prefilter"] = true
			r := c.install(t, options{values: one.values})
			namespace := c.namespace(t, "fits", map[string]string{enforceLabel: "restricted"})
			c.denies(t, namespace)
			name := r.one(t, "ValidatingWebhookConfiguration").GetName()
			live := must(c.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), name, metav1.GetOptions{}))(t)
			size := len(must(json.Marshal(live))(t))
			longest, conditions, prefiltered := 0, 0, 0
			for _, webhook := range live.Webhooks {
				conditions = max(conditions, len(webhook.MatchConditions))
				for _, condition := range webhook.MatchConditions {
					longest = max(longest, len(condition.Expression))
					if strings.HasPrefix(condition.Name, "prefilter.plimsoll.dev/") {
						prefiltered++
					}
				}
			}
			// What helm keeps of the release has to fit into a Secret.
			secrets := must(c.client.CoreV1().Secrets(releaseNamespace).List(t.Context(), metav1.ListOptions{LabelSelector: "owner=helm"}))(t)
			kept := 0
			for _, secret := range secrets.Items {
				kept = max(kept, len(secret.Data["release"]))
			}
			t.Logf("%d entries, %d with a prefilter, %d bytes; at most %d conditions, the longest of %d bytes; helm keeps %d bytes",
				len(live.Webhooks), prefiltered, size, conditions, longest, kept)
			if prefiltered == 0 {
				t.Error("no entry has a prefilter")
			}
			// With kubectl apply, as some do who render the chart: it keeps a copy in an annotation, of which there may be 256 KiB.
			// --server-side does not.
			applied := must(json.Marshal(r.one(t, "ValidatingWebhookConfiguration").Object))(t)
			_, problem, err := run(t, string(applied), "kubectl", "apply", "--dry-run=server", "-f", "-", "--kubeconfig", c.Kubeconfig)
			if one.values["honourPodSecurityLabels"] == nil && err != nil {
				t.Errorf("kubectl apply of %d bytes: %v\n%s", len(applied), err, problem)
			} else if err != nil {
				lines := strings.Split(strings.TrimSpace(problem), "\n")
				t.Logf("%d bytes are too many for kubectl apply: %s", len(applied), lines[len(lines)-1])
			}
			// etcd takes 1.5 MiB, a Secret 1 MiB. The managed fields are a part of it.
			if limit := 1 << 20; size > limit || kept > limit/2 {
				t.Error("that leaves too little room for templates")
			}
		})
	}
}
