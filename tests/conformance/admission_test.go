package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
)

var upstreamWebhook = sync.OnceValues(newWebhook)

// weighing is a request put to both webhooks.
type weighing struct {
	objected bool // by upstream
	reaction      // of Plimsoll
}

// disagreement is an error that tells what the webhooks do not agree on from the request at hand.
type disagreement struct{ about, detail string }

func (d disagreement) Error() string { return d.about + d.detail }

// weigh puts one request to both. The error is a disagreement unless they agree: upstream's objection
// and Plimsoll's reaction to it, and for what is denied the set of controls that fail.
func weigh(s *server, mode string, at api.LevelVersion, r request, order int) (weighing, error) {
	upstream, err := upstreamWebhook()
	if err != nil {
		return weighing{}, err
	}
	r.namespace = namespaceOf(mode, at)
	theirs, err := upstream.review(r.review(order))
	if err != nil {
		return weighing{}, fmt.Errorf("upstream cannot read the review: %w", err)
	}
	ours, err := s.ask(mode, at, r, order)
	if err != nil {
		return weighing{}, err
	}
	isPod := r.resource.Group == "" && r.resource.Resource == "pods"
	if isPod && strings.HasPrefix(theirs.AuditAnnotations["error"], "failed to decode") {
		return weighing{}, fmt.Errorf("upstream cannot read the pod: %s", theirs.AuditAnnotations["error"])
	}
	out := weighing{objects(mode, r, theirs), reactionOf(ours)}
	gentle := false
	if mode == "enforce" && !isPod && out.objected && r.operation == admissionv1.Update {
		now, err := template(r.kind, r.object)
		if err != nil {
			return weighing{}, err
		}
		before, err := template(r.kind, r.oldObject)
		if err != nil {
			return weighing{}, err
		}
		gentle = before != nil && reflect.DeepEqual(now, before)
		// A template that changed in what no check reads may be taken for unchanged.
		if !gentle && out.warned && !out.denied && (before == nil || wanted(at, now) == wanted(at, before)) {
			gentle = true
		}
	}
	if want := expected(mode, out.objected, gentle); out.reaction != want {
		return out, disagreement{fmt.Sprintf("Plimsoll: %s, want %s", out.reaction, want),
			fmt.Sprintf(" (upstream: allowed: %t, warnings %q, annotations %q)", theirs.Allowed, theirs.Warnings, theirs.AuditAnnotations)}
	}
	if out.denied {
		judged, err := template(r.kind, r.object)
		if err != nil || judged == nil {
			return out, disagreement{"denied, but upstream finds no pod in it", fmt.Sprint(": ", err)}
		}
		got, err := failing(ours, at)
		if err != nil {
			return out, err
		}
		if want := wanted(at, judged); got != want {
			return out, disagreement{opinions{upstream: want, plimsoll: got}.signature(), ""}
		}
	}
	return out, nil
}

// reduce takes away from a request's objects what the webhooks' disagreement does not need.
func reduce(s *server, mode string, at api.LevelVersion, r request, about string) request {
	now, err := parse(r.object)
	if err != nil {
		return r
	}
	both := obj("object", now)
	if len(r.oldObject) > 0 {
		old, err := parse(r.oldObject)
		if err != nil {
			return r
		}
		both.set("oldObject", old)
	}
	with := func(both *object) request {
		less := r
		less.object, less.oldObject = plain(both.get("object")), nil
		if len(r.oldObject) > 0 {
			less.oldObject = plain(both.get("oldObject"))
		}
		return less
	}
	still := func(both *object) bool {
		// Upstream does not survive a workload that is null.
		for _, m := range []string{"object", "oldObject"} {
			if _, isObject := both.get(m).(*object); !isObject && (m == "object" || len(r.oldObject) > 0) {
				return false
			}
		}
		_, err := weigh(s, mode, at, with(both), 0)
		var d disagreement
		return errors.As(err, &d) && d.about == about
	}
	if !still(both) {
		return r
	}
	return with(shrink(both, still))
}

// latest is a level at the newest version.
func latest(level api.Level) api.LevelVersion {
	return api.LevelVersion{Level: level, Version: api.LatestVersion()}
}

// badPod fails baseline, in every list of containers; goodPod passes restricted.
func badPod() *object {
	pod := goodPod()
	for _, container := range containersIn(pod) {
		container.object("securityContext").set("privileged", true)
	}
	return pod
}

func goodPod() *object {
	container := func(name string) *object {
		return obj("name", name, "image", "registry.example/web:1", "securityContext", obj("allowPrivilegeEscalation", false,
			"capabilities", obj("drop", arr("ALL"))))
	}
	return obj("kind", "Pod", "apiVersion", "v1", "metadata", obj("name", "web", "namespace", "shop"),
		"spec", obj("securityContext", obj("runAsNonRoot", true, "seccompProfile", obj("type", "RuntimeDefault")),
			"initContainers", arr(container("init-1"), container("init-2")),
			"containers", arr(container("app-1"), container("app-2")),
			"ephemeralContainers", arr(container("debug-1"), container("debug-2"))))
}

// ignoredSubresources are those that upstream leaves alone; judgedSubresources are all others.
var (
	ignoredSubresources = []string{"exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"}
	judgedSubresources  = []string{"", "ephemeralcontainers", "resize", "unknown", "Status", "EXEC", "exec ", "status/x"}
)

// TestAdmission holds Plimsoll to the rules around the checks, one by one: upstream's own admission
// judges the same reviews, and the table says beforehand what it must find.
func TestAdmission(t *testing.T) {
	s := plimsoll(t)
	agree := func(t *testing.T, mode string, r request, objected bool) {
		t.Helper()
		for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
			for order := range 3 {
				found, err := weigh(s, mode, latest(level), r, order)
				if err != nil {
					t.Errorf("%s: %v\n%s", level, err, r.review(0))
				} else if found.objected != objected {
					t.Errorf("%s: upstream objects: %t, the table says %t\n%s", level, found.objected, objected, r.review(0))
				}
			}
		}
	}
	allowed := func(t *testing.T, r request) {
		t.Helper()
		for _, mode := range modes {
			response, err := s.ask(mode, latest(api.LevelRestricted), r, 0)
			if err != nil {
				t.Error(err)
			} else if reactionOf(response) != (reaction{}) {
				t.Errorf("%s: %s, want none\n%s", mode, reactionOf(response), r.review(0))
			}
		}
	}
	good, bad := plain(goodPod()), plain(badPod())

	t.Run("modes", func(t *testing.T) {
		for _, mode := range modes {
			agree(t, mode, podKind.request(admissionv1.Create, good, nil), false)
			agree(t, mode, podKind.request(admissionv1.Create, bad, nil), true)
		}
	})

	t.Run("updates of pods", func(t *testing.T) {
		for _, update := range updates {
			for _, subresource := range judgedSubresources {
				for _, mode := range modes {
					now := badPod()
					update.change(rand.New(rand.NewPCG(1, 1)), now)
					r := podKind.request(admissionv1.Update, plain(now), bad)
					r.subresource = subresource
					t.Run(update.name+"/"+subresource+"/"+mode, func(t *testing.T) { agree(t, mode, r, update.significant) })
				}
			}
		}
	})

	t.Run("an update to a bad pod", func(t *testing.T) {
		now := badPod()
		changeImage("containers")(rand.New(rand.NewPCG(1, 1)), now)
		agree(t, "enforce", podKind.request(admissionv1.Update, plain(now), good), true)
		agree(t, "enforce", podKind.request(admissionv1.Update, bad, good), false) // its images are the same
		agree(t, "enforce", podKind.request(admissionv1.Update, good, bad), false)
	})

	t.Run("subresources of pods", func(t *testing.T) {
		for _, subresource := range ignoredSubresources {
			for _, mode := range modes {
				for _, object := range [][]byte{bad, []byte(`{"kind":"Binding","apiVersion":"v1","target":{"name":"node"}}`), []byte(`[1]`)} {
					r := podKind.request(admissionv1.Create, object, nil)
					r.subresource = subresource
					if object[0] == '[' { // no review has such an object, and it must not matter
						allowed(t, r)
						continue
					}
					agree(t, mode, r, false)
				}
			}
		}
		for _, subresource := range judgedSubresources {
			for _, mode := range modes {
				r := podKind.request(admissionv1.Create, bad, nil)
				r.subresource = subresource
				agree(t, mode, r, true)
				r.object = good
				agree(t, mode, r, false)
			}
		}
	})

	for _, w := range workloads {
		t.Run(w.kind, func(t *testing.T) {
			goodOne, badOne, empty := plain(w.with(goodPod())), plain(w.with(badPod())), plain(w.object())
			for _, mode := range modes {
				for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update} {
					var old []byte
					if operation == admissionv1.Update {
						old = goodOne
					}
					agree(t, mode, w.request(operation, goodOne, old), false)
					agree(t, mode, w.request(operation, badOne, old), true)
					agree(t, mode, w.request(operation, empty, old), false)
					agree(t, mode, w.request(operation, plain(w.withTemplate(nil)), old), false)
					agree(t, mode, w.request(operation, plain(w.withTemplate(obj())), old), false)
					agree(t, mode, w.request(operation, plain(w.withTemplate(obj("spec", obj("hostPID", true)))), old), true)
					for _, subresource := range []string{"scale", "status", "unknown"} {
						r := w.request(operation, badOne, old)
						r.subresource = subresource
						agree(t, mode, r, false)
					}
				}
				// An update that leaves the template alone is warned about, never denied.
				agree(t, mode, w.request(admissionv1.Update, badOne, badOne), true)
				labelled := w.with(badPod())
				labelled.object("metadata", "labels").set("team", "shop")
				labelled.object("metadata").set("finalizers", arr("example.com/wait"))
				labelled.set("status", obj())
				agree(t, mode, w.request(admissionv1.Update, plain(labelled), badOne), true)
			}
		})
	}

	// Upstream's registration asks for CREATE and UPDATE alone, so it has no opinion on these.
	t.Run("operations", func(t *testing.T) {
		for _, w := range append([]workload{podKind}, workloads...) {
			one := plain(w.with(badPod()))
			allowed(t, w.request(admissionv1.Delete, nil, one))
			allowed(t, w.request(admissionv1.Connect, one, nil))
		}
		for _, subresource := range []string{"exec", "attach", "portforward", "proxy", "unknown"} {
			r := podKind.request(admissionv1.Connect, []byte(`{"kind":"PodExecOptions","apiVersion":"v1","command":["sh"]}`), nil)
			r.subresource = subresource
			allowed(t, r)
		}
	})

	t.Run("other kinds", func(t *testing.T) {
		for _, w := range []workload{
			{kind: "ConfigMap", version: "v1", resource: "configmaps"},
			{kind: "Namespace", version: "v1", resource: "namespaces"},
			{kind: "Node", version: "v1", resource: "nodes"},
			{kind: "PodMetrics", group: "metrics.example", version: "v1", resource: "pods"},
			{kind: "Pod", group: "shop.example", version: "v1", resource: "pods"},
			{kind: "Deployment", group: "shop.example", version: "v1", resource: "deployments", path: []string{"spec", "template"}},
			{kind: "Job", group: "apps", version: "v1", resource: "jobs", path: []string{"spec", "template"}},
			{kind: "Scale", group: "autoscaling", version: "v1", resource: "scales"},
		} {
			object := w.object()
			object.set("spec", badPod().get("spec"))
			if len(w.path) > 0 {
				object = w.with(badPod())
			}
			for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update} {
				r := w.request(operation, plain(object), nil)
				if operation == admissionv1.Update {
					r.oldObject = r.object
				}
				for _, mode := range modes {
					agree(t, mode, r, false)
				}
			}
		}
	})

	t.Run("uid", func(t *testing.T) {
		for _, uid := range []string{"1", "705ab4f5-6393-11e8-b7cc-42010a800002", "quote\" back\\slash /", "häfen \u2028 \U0001F6A2",
			"tab\t line\n bell\a", strings.Repeat("long", 500)} {
			for _, object := range [][]byte{good, bad} {
				for order := range 3 {
					r := createPod(uid, object)
					if _, err := weigh(s, "enforce", latest(api.LevelRestricted), r, order); err != nil {
						t.Error(err)
					}
					r.operation = admissionv1.Delete
					if _, err := s.ask("enforce", latest(api.LevelRestricted), r, order); err != nil {
						t.Error(err)
					}
				}
			}
		}
	})

	// A bare name is the newest, and so is any version newer than upstream knows.
	t.Run("references", func(t *testing.T) {
		for index := range 40 {
			_, raw := generate(defaultSeed, index)
			pod, err := decodePod(raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, level := range levels {
				want := wanted(latest(level), pod)
				for _, version := range []string{"", "@latest", fmt.Sprintf("@v1.%d", newestMinor), fmt.Sprintf("@v1.%d", newestMinor+1), "@v1.99", "@v1.1000"} {
					response, err := s.askRoute("/validate/enforce/"+string(level)+version, createPod("u", raw), 0)
					if err != nil {
						t.Error(err)
						continue
					}
					if got, err := failing(response, latest(level)); err != nil || got != want {
						t.Errorf("%s%s: Plimsoll %s, upstream at latest %s, %v\n%s", level, version, orNone(got), orNone(want), err, raw)
					}
				}
			}
		}
	})
}

// randomAdmission is one request of a seed's sequence, and where it is sent.
func randomAdmission(seed uint64, index int) (mode string, at api.LevelVersion, r request) {
	chance := rand.New(rand.NewPCG(seed, uint64(index)<<1|1))
	g := &generator{chance: chance}
	mode = pick(g, modes)
	at = api.LevelVersion{Level: pick(g, []api.Level{api.LevelBaseline, api.LevelRestricted, api.LevelRestricted, api.LevelPrivileged}),
		Version: pick(g, versions)}
	pod, _ := generate(seed, index)
	w := podKind
	if g.happens(0.5) {
		w = pick(g, workloads)
	}
	operation := pick(g, []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Update})
	before := clone(pod)
	for range g.oneOf(1, 1, 2) {
		pick(g, updates).change(chance, pod)
	}
	if g.happens(0.1) {
		before, _ = generate(seed, index+1)
	}
	spelling := anySpelling(chance)
	spell := func(pod *object) []byte {
		if len(w.path) > 0 {
			switch chance.IntN(12) {
			case 0:
				return spelling.spell(w.object())
			case 1:
				return spelling.spell(w.withTemplate(nil))
			case 2:
				return spelling.spell(w.withTemplate(obj()))
			}
		}
		return spelling.spell(w.with(pod))
	}
	r = w.request(operation, spell(pod), nil)
	if operation == admissionv1.Update {
		r.oldObject = spell(before)
	}
	r.uid = fmt.Sprintf("%d-%d", seed, index)
	switch {
	case len(w.path) == 0 && g.happens(0.5):
		r.subresource = pick(g, slices.Concat(ignoredSubresources, judgedSubresources, judgedSubresources))
	case len(w.path) > 0 && g.happens(0.1):
		r.subresource = pick(g, []string{"scale", "status"})
	}
	return mode, at, r
}

// TestRandomAdmission sends random requests about random pods and workloads to both webhooks.
func TestRandomAdmission(t *testing.T) {
	s, seed, count := plimsoll(t), seed(t), max(5000, randomPods(t)/2)
	began := time.Now()
	var lock sync.Mutex
	seen := map[string]int{}
	wrong := 0
	inParallel(connections(), count, func(_, index int) bool {
		mode, at, r := randomAdmission(seed, index)
		found, err := weigh(s, mode, at, r, index)
		lock.Lock()
		defer lock.Unlock()
		if err != nil {
			wrong++
			var d disagreement
			if errors.As(err, &d) {
				r = reduce(s, mode, at, r, d.about)
			}
			t.Errorf("request %d, %s %s: %v\n  minimal:  %s", index, mode, templateRef(at), err, r.review(0))
			return wrong < 10
		}
		seen[fmt.Sprintf("%s %s %s: upstream objects: %t", mode, r.operation, r.kind.Kind, found.objected)]++
		if r.kind.Kind == "Pod" {
			judged := "judged"
			if slices.Contains(ignoredSubresources, r.subresource) {
				judged = "ignored"
			}
			seen[fmt.Sprintf("%s pods, %s: upstream objects: %t", r.operation, judged, found.objected)]++
		} else if found.objected && found.warned && mode == "enforce" {
			seen["workload only warned about"]++
		}
		return true
	})
	t.Logf("%d requests of %d sorts, %d differ; %.1f s", count, len(seen), wrong, time.Since(began).Seconds())
	if wrong > 0 {
		return
	}
	// Two modes, two operations, nine kinds, both outcomes; pods ignored are never objected to.
	for _, mode := range modes {
		for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update} {
			for _, w := range append([]workload{podKind}, workloads...) {
				for _, objected := range []bool{false, true} {
					if what := fmt.Sprintf("%s %s %s: upstream objects: %t", mode, operation, w.kind, objected); seen[what] == 0 {
						t.Errorf("no request is: %s", what)
					}
				}
			}
		}
	}
	for _, what := range []string{"CREATE pods, judged: upstream objects: true", "UPDATE pods, judged: upstream objects: true",
		"UPDATE pods, judged: upstream objects: false", "UPDATE pods, ignored: upstream objects: false", "workload only warned about"} {
		if seen[what] == 0 {
			t.Errorf("no request is: %s", what)
		}
	}
}

// TestReviewsAreWellFormed shows that in each of its orders a review says to upstream what it should.
func TestReviewsAreWellFormed(t *testing.T) {
	for order := range 3 {
		_, _, r := randomAdmission(defaultSeed, 7)
		r.subresource = "resize"
		decoded, _, err := codecs.UniversalDeserializer().Decode(r.review(order), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := decoded.(*admissionv1.AdmissionReview).Request
		if string(got.UID) != r.uid || got.Operation != r.operation || got.SubResource != "resize" || got.RequestSubResource != "resize" ||
			got.Kind != r.kind || got.Resource != r.resource || *got.RequestKind != (metav1.GroupVersionKind)(r.kind) || got.Namespace != r.namespace {
			t.Errorf("order %d: %+v", order, got)
		}
	}
}
