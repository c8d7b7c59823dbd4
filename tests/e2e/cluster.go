package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"plimsoll.dev/plimsoll/tests/e2e/controlplane"
)

// cluster is the control plane that tests use, and clients of it.
type cluster struct {
	*controlplane.ControlPlane
	client  *kubernetes.Clientset
	dynamic *dynamic.DynamicClient
	names   int               // how many namespaces were named
	hide    *strings.Replacer // what transcripts say otherwise, if anything
}

// What is written of a load that runs for minutes would only fill the disk.
const loadNamespace = "load"

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, verbs: [get, list, watch]}
- {level: None, namespaces: [` + loadNamespace + `]}
- {level: RequestResponse, resources: [{group: "", resources: [pods, "pods/*"]}]}
- {level: Metadata}
`

func startCluster() (*cluster, error) {
	plane, err := controlplane.Start(controlplane.Options{
		AuditPolicy: auditPolicy, Keep: os.Getenv("PLIMSOLL_E2E_KEEP") != "", Start: startDeadline, Stop: stopDeadline})
	if err != nil {
		return nil, err
	}
	c := &cluster{ControlPlane: plane}
	if err := c.connect(); err != nil {
		plane.Stop()
		return nil, err
	}
	return c, nil
}

func (c *cluster) connect() error {
	var err error
	if c.client, err = kubernetes.NewForConfig(c.Config); err != nil {
		return err
	}
	if c.dynamic, err = dynamic.NewForConfig(c.Config); err != nil {
		return err
	}
	_, err = c.client.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: loadNamespace}}, metav1.CreateOptions{})
	return err
}

// restart ends the API server and starts it again on the same port; `between` is called while it is away.
func (c *cluster) restart(t testing.TB, between func()) {
	t.Helper()
	if err := c.Restart(between); err != nil {
		t.Fatal(err)
	}
}

// shared is the control plane of all tests that leave it as it was, started by the first of them.
var shared struct {
	once    sync.Once
	cluster *cluster
	err     error
}

func sharedCluster(t testing.TB) *cluster {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = startCluster() })
	return must(shared.cluster, shared.err)(t)
}

// ownCluster is for a test that disturbs it.
func ownCluster(t testing.TB) *cluster {
	t.Helper()
	c := must(startCluster())(t)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// namespace makes a namespace of a name that is not used yet: without the controller manager one that
// is deleted stays.
func (c *cluster) namespace(t testing.TB, name string, labels map[string]string) string {
	t.Helper()
	name = name + "-" + c.unique()
	c.makeNamespace(t, name, labels)
	return name
}

// unique is a number that was not given before.
func (c *cluster) unique() string {
	c.names++
	return strconv.Itoa(c.names)
}

func (c *cluster) makeNamespace(t testing.TB, name string, labels map[string]string) {
	t.Helper()
	must(c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}},
		metav1.CreateOptions{}))(t)
}

// audience is a client and what it was warned about.
type audience struct {
	kubernetes.Interface
	heard *warnings
}

// audienceWith is a client with other settings than an administrator's.
func (c *cluster) audienceWith(t testing.TB, change func(*rest.Config)) audience {
	t.Helper()
	heard := &warnings{}
	config := rest.CopyConfig(c.Config)
	config.WarningHandler = heard
	change(config)
	return audience{must(kubernetes.NewForConfig(config))(t), heard}
}

// warnings are those that the API server sent with its answers.
type warnings struct {
	lock  sync.Mutex
	texts []string
}

func (w *warnings) HandleWarningHeader(code int, _ string, text string) {
	if code != 299 {
		return
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	w.texts = append(w.texts, text)
}

// take returns what was heard since the last call.
func (w *warnings) take() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

// event is what the tests read of a line of the audit log.
type event struct {
	Verb        string
	ObjectRef   struct{ Resource, Subresource, Namespace, Name string }
	Annotations map[string]string
}

// audited waits for the event of the audit log that `wanted` describes.
func (c *cluster) audited(t testing.TB, what string, wanted func(event) bool) event {
	t.Helper()
	var found event
	eventually(t, soon, func() (bool, string) {
		log, err := os.Open(c.File("audit.log"))
		if err != nil {
			return false, err.Error()
		}
		defer log.Close()
		lines := bufio.NewReader(log)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return false, "no event in the audit log: " + what
			}
			var one event
			if json.Unmarshal(line, &one) == nil && wanted(one) {
				found = one
				return true, ""
			}
		}
	})
	return found
}

// annotations are those of the event about a write of that object, without the webhook's name.
func (c *cluster) annotations(t testing.TB, verb, resource, namespace, name string) map[string]string {
	t.Helper()
	what := fmt.Sprintf("%s %s %s/%s", verb, resource, namespace, name)
	written := c.audited(t, what, func(one event) bool {
		r := one.ObjectRef
		if one.Verb != verb || r.Namespace != namespace || r.Name != name {
			return false
		}
		full := r.Resource
		if r.Subresource != "" {
			full += "/" + r.Subresource
		}
		return full == resource
	})
	found := map[string]string{}
	for key, value := range written.Annotations {
		if webhook, own, is := strings.Cut(key, "/"); is && strings.HasSuffix(webhook, ".plimsoll.dev") {
			found[own] = value
		}
	}
	return found
}

// controllers runs those of kube-controller-manager until the test ends.
func (c *cluster) controllers(t testing.TB, names ...string) {
	t.Helper()
	p := must(spawn("kube-controller-manager", nil, nil, must(controlplane.Asset("kube-controller-manager"))(t), "--kubeconfig="+c.Kubeconfig,
		"--secure-port=0", "--leader-elect=false", "--use-service-account-credentials=false",
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--controllers="+strings.Join(names, ",")))(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kube-controller-manager said last:\n\t%s", p.last(20))
		}
		if err := p.stop(syscall.SIGTERM); err != nil && p.running() {
			t.Error(err)
		}
	})
}

// free is a port of loopback that nobody has.
func free(t testing.TB) string {
	t.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	return listener.Addr().String()
}

// elapsed is for what is printed, never asserted.
func elapsed(since time.Time) string { return fmt.Sprintf("%.1f s", time.Since(since).Seconds()) }
