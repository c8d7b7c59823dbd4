package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// enough is how many creations stand for "under load".
const enough = 500

// more waits until the load has done that many more.
func (l *load) more(t testing.TB, count int64) {
	t.Helper()
	until := l.done() + count
	eventually(t, soon, func() (bool, string) {
		return l.done() >= until, fmt.Sprintf("the load has done %d of %d", l.done(), until)
	})
}

// everyPod has the API server ask about each pod: those that comply must feel a disturbance as well.
var everyPod = settings{"prefilter": false}

// loaded restricts the namespace of the load and starts it.
func (c *cluster) loaded(t testing.TB) *load {
	t.Helper()
	if err := label(t, c.client, loadNamespace, map[string]string{enforceLabel: "restricted"}); err != nil {
		t.Fatal(err)
	}
	c.denies(t, loadNamespace)
	l := c.load(t, loadNamespace)
	l.more(t, enough)
	return l
}

// follows shows that the server still hears what becomes of namespaces.
func (c *cluster) follows(t testing.TB) {
	t.Helper()
	namespace := c.namespace(t, "followed", map[string]string{enforceLabel: "restricted"})
	c.denies(t, namespace)
	if err := label(t, c.client, namespace, map[string]string{enforceLabel: "privileged"}); err != nil {
		t.Fatal(err)
	}
	c.allows(t, namespace)
}

// review is what the API server would ask about a pod.
func review(t testing.TB, namespace string, pod *corev1.Pod) *admissionv1.AdmissionRequest {
	t.Helper()
	pod = pod.DeepCopy()
	pod.Namespace = namespace
	pod.APIVersion, pod.Kind = "v1", "Pod"
	raw := must(json.Marshal(pod))(t)
	kind := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}
	resource := metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	return &admissionv1.AdmissionRequest{UID: types.UID(namespace + "/" + pod.Name), Kind: kind, Resource: resource,
		RequestKind: &kind, RequestResource: &resource, Namespace: namespace, Name: pod.Name, Operation: admissionv1.Create,
		Object: runtime.RawExtension{Raw: raw}}
}

// decided posts reviews about known namespaces until `done`, and counts those that were answered in time
// and rightly.
func (r *release) decided(t testing.TB, restricted, free string, done <-chan struct{}) (answered int64) {
	t.Helper()
	const workers = 4
	p := newPoster(t, r.server.address, r.files.read(t, "ca.crt"), workers)
	questions := []struct {
		about *admissionv1.AdmissionRequest
		yes   bool
	}{
		{review(t, restricted, badPod("bad")), false}, {review(t, restricted, goodPod("good")), true}, {review(t, free, badPod("bad")), true},
	}
	var count atomic.Int64
	var group sync.WaitGroup
	for index := range workers {
		group.Go(func() {
			for number := index; ; number++ {
				select {
				case <-done:
					return
				case <-time.After(4 * time.Millisecond): // a bound for the load
				}
				question := questions[number%len(questions)]
				answer, err := p.ask(3*time.Second, "/validate", question.about)
				if err != nil {
					t.Errorf("%s: %v", question.about.UID, err)
				} else if answer.Allowed != question.yes {
					t.Errorf("%s: allowed: %t", question.about.UID, answer.Allowed)
				} else {
					count.Add(1)
					continue
				}
				return
			}
		})
	}
	group.Wait()
	return count.Load()
}

// TestAPIServerRestarts: what is known goes on being decided, and what changes is heard again.
func TestAPIServerRestarts(t *testing.T) {
	c := ownCluster(t)
	r := c.install(t, options{values: everyPod})
	free := c.namespace(t, "free", nil)
	l := c.loaded(t)
	if err := c.try(badPod("known"), free); err != nil {
		t.Fatal(err)
	}
	resume := l.pause()
	c.restart(t, func() {
		done := make(chan struct{})
		time.AfterFunc(2*time.Second, func() { close(done) })
		t.Logf("%d reviews answered while the API server was away", r.decided(t, loadNamespace, free, done))
	})
	resume()
	l.more(t, enough)
	c.follows(t)
	l.stop(t, "API server restarted")
}

// TestWatchDropped cuts every connection to the API server fifty times.
func TestWatchDropped(t *testing.T) {
	c := sharedCluster(t)
	between := newProxy(t, c.Address)
	r := c.install(t, options{values: everyPod, apiServer: between.address()})
	l := c.loaded(t)
	const times = 25
	namespace := c.namespace(t, "watched", nil)
	hear := func(level string, heard func(testing.TB, string)) {
		if err := label(t, c.client, namespace, map[string]string{enforceLabel: level}); err != nil {
			t.Fatal(err)
		}
		heard(t, namespace)
	}
	watches := func() float64 { return r.server.metric(t, "plimsoll_namespace_watches_total") }
	for range times {
		// A watch that ends before it has told of anything is waited for longer each time.
		hear("restricted", c.denies)
		before := watches()
		if between.cut() == 0 {
			t.Fatal("there was no connection to the API server")
		}
		// What changes while nobody watches must be heard when somebody does again.
		hear("privileged", c.allows)
		eventually(t, soon, func() (bool, string) { return watches() > before, "nobody watches again" })
	}
	c.follows(t)
	l.stop(t, fmt.Sprintf("watch dropped %d times", times))
}

// TestTokenRotates replaces the token and makes the old one invalid, as a kubelet and the API server do.
func TestTokenRotates(t *testing.T) {
	c := sharedCluster(t)
	between := newProxy(t, c.Address)
	r := c.install(t, options{values: everyPod, noServer: true})
	account := r.account(t, between.address())
	configuration := r.configuration(t)
	configuration = r.adapted(t, configuration, options{})
	configuration["kubeconfig"] = account.kubeconfig
	bound := func(name string) *corev1.Secret {
		return must(c.client.CoreV1().Secrets(releaseNamespace).Create(t.Context(),
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name + "-" + c.unique()}}, metav1.CreateOptions{}))(t)
	}
	first, second := bound("first"), bound("second")
	old := account.issue(t, first)
	account.write(t, old)
	r.server = serve(t, r.address, configuration).ready(t)
	l := c.loaded(t)
	account.write(t, account.issue(t, second))
	if err := c.client.CoreV1().Secrets(releaseNamespace).Delete(t.Context(), first.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(c.Config)
	config.BearerToken = old
	stale := must(kubernetes.NewForConfig(config))(t)
	eventually(t, soon, func() (bool, string) {
		_, err := stale.CoreV1().Namespaces().Get(t.Context(), loadNamespace, metav1.GetOptions{})
		return apierrors.IsUnauthorized(err), fmt.Sprintf("the old token must be refused: %v", err)
	})
	// A watch outlives its token; the next one needs the new.
	between.cut()
	c.follows(t)
	l.stop(t, "token rotated")
}

// TestUnreachable takes the API server away from the server for a minute. It runs beside the other test
// that takes long, each with a control plane of its own.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	between := newProxy(t, c.Address)
	r := c.install(t, options{values: everyPod, apiServer: between.address()})
	restricted, free := c.namespace(t, "known", map[string]string{enforceLabel: "restricted"}), c.namespace(t, "known", nil)
	c.denies(t, restricted)
	if answer, err := newPoster(t, r.server.address, r.files.read(t, "ca.crt"), 1).ask(10*time.Second, "/validate", review(t, free, badPod("bad"))); err != nil || !answer.Allowed {
		t.Fatalf("%+v, %v", answer, err)
	}
	const half = 30 * time.Second
	for _, one := range []struct {
		name string
		away func()
	}{{"refuses", between.refuse}, {"does not answer", between.hold}} {
		one.away()
		done := make(chan struct{})
		time.AfterFunc(half, func() { close(done) })
		answered := r.decided(t, restricted, free, done)
		t.Logf("%d reviews answered in time in %s in which the API server %s, %.0f/s", answered, half, one.name, float64(answered)/half.Seconds())
		// Upstream's webhook falls to 20 a second.
		if fewest := int64(half.Seconds()) * 40; answered < fewest {
			t.Errorf("only %d reviews were answered", answered)
		}
		// One that the server has never heard of cannot be decided, and the API server does not wait in vain.
		stranger := review(t, "never-heard-of", goodPod("good"))
		if answer, err := newPoster(t, r.server.address, r.files.read(t, "ca.crt"), 1).ask(3*time.Second, "/validate", stranger); err == nil && answer.Allowed {
			t.Errorf("allowed in a namespace that nobody can know: %+v", answer)
		} else if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no answer within the request's own deadline")
		}
		if status, _, err := get("http://" + r.server.management + "/readyz"); err != nil || status != 200 {
			t.Errorf("/readyz: %d, %v", status, err)
		}
	}
	between.open()
	c.follows(t)
}

// TestKilled: failurePolicy Fail refuses while nobody decides, and says so.
func TestKilled(t *testing.T) {
	c := sharedCluster(t)
	r := c.install(t, options{values: everyPod})
	l := c.loaded(t)
	r.server.expected = true
	r.server.kill()
	address := r.server.address
	// A call that was given a connection of the dead server may end with that connection; the next one has to dial.
	wanted := fmt.Sprintf(`failed calling webhook "enforce.pods.plimsoll.dev": failed to call webhook: Post "https://%s/validate?timeout=3s": dial tcp %s: connect: connection refused`, address, address)
	eventually(t, soon, func() (bool, string) {
		err := c.try(goodPod("nobody"), loadNamespace)
		if err == nil || !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "failed calling webhook") {
			t.Fatalf("with nobody to decide the API server says: %v", err)
		}
		return strings.Contains(err.Error(), wanted), fmt.Sprintf("%v\nwanted: %s", err, wanted)
	})
	// The load asks at its own pace: a server that is back between two of its calls is missed by none.
	eventually(t, soon, func() (bool, string) {
		return l.failing(), "nothing fails while nobody decides: the load asks somebody else"
	})
	again := serve(t, address, r.adapted(t, r.configuration(t), options{}))
	r.server = again.ready(t)
	eventually(t, soon, func() (bool, string) {
		err := c.try(badPod("back"), loadNamespace)
		return err != nil && denial(err), errorText(err)
	})
	t.Logf("decided again %s after the new process listened", time.Since(again.since))
	// What failed so far failed because nobody decided; from here on nothing may.
	resume := l.pause()
	failed, texts := l.forgive()
	resume()
	t.Logf("%d calls failed while nobody decided", failed)
	for _, text := range texts {
		if !strings.Contains(text, "failed calling webhook") {
			t.Errorf("failed otherwise: %s", text)
		}
	}
	l.more(t, enough)
	l.stop(t, "killed and started again")
}

// TestTerminated ends one of two servers after the other behind the same address, as a rolling restart
// does, with a test in the place of the Service.
func TestTerminated(t *testing.T) {
	c := sharedCluster(t)
	service := newProxy(t)
	r := c.install(t, options{values: everyPod, address: service.address(), noServer: true})
	configuration := r.configuration(t)
	configuration.section("server")["drainDelay"] = "2s"
	start := func() *server { return serve(t, free(t), r.adapted(t, configuration, options{})).ready(t) }
	one, two := start(), start()
	r.server = one
	service.aim(one.address, two.address)
	l := c.loaded(t)
	for range 2 {
		one.expected = true
		one.command.Process.Signal(syscall.SIGTERM)
		eventually(t, soon, func() (bool, string) {
			status, _, err := get("http://" + one.management + "/readyz")
			return err != nil || status != 200, "still ready after SIGTERM"
		})
		time.Sleep(500 * time.Millisecond) // so long kube-proxy may take to hear of it
		service.aim(two.address)
		select {
		case <-one.ended:
			if one.err != nil {
				t.Errorf("the server ended badly: %v\n\t%s", one.err, one.last(20))
			}
		case <-time.After(stopDeadline):
			t.Fatal("the server does not end")
		}
		l.more(t, enough)
		one, two = two, start()
		service.aim(one.address, two.address)
		l.more(t, enough)
	}
	l.stop(t, "two rolling restarts")
}
