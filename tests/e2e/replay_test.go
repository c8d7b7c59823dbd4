package e2e

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plimsoll.dev/plimsoll/tests/e2e/controlplane"
)

// replayed is what a replay says of one kind of change.
type replayed struct {
	Kind, Namespace, Name, Verdict string
	Facts                          struct {
		Count                                        int
		Change, Operation, Doubt, Users, ExampleName string
	}
}

// totals is what a replay says of the whole.
type totals struct {
	Lines, Requests, NewlyDenied, StillDenied, NoLongerDenied, NotJudged, JudgedAsSent int
}

// replay is what `plimsoll replay` says: the whole in numbers, and the changes.
func replay(t testing.TB, status int, arguments ...string) (totals, []replayed) {
	t.Helper()
	out, err := exec.Command(must(binary())(t), append([]string{"replay", "-o", "json"}, arguments...)...).Output()
	exit, code := (*exec.ExitError)(nil), 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Facts     totals
		Resources []replayed
		Missing   []string
	}
	if err := json.Unmarshal(out, &report); err != nil || report.Facts.Lines == 0 {
		t.Fatalf("%v: %v\n%s", arguments, err, out)
	}
	if code != status {
		t.Errorf("%v: exit status %d, want %d: %q", arguments, code, status, report.Missing)
	}
	return report.Facts, report.Resources
}

// TestReplay lets a webhook decide in one namespace what is let through in another, and holds replays of the API server's own
// audit log to it, request by request.
func TestReplay(t *testing.T) {
	// In one namespace only what was sent is written down.
	const sent = "sent"
	policy := strings.Replace(string(must(os.ReadFile(filepath.Join("..", "..", "docs", "audit-policy.yaml")))(t)),
		"rules:\n", "rules:\n- {level: Request, verbs: [create, update], namespaces: ["+sent+"]}\n", 1)
	plane := must(controlplane.Start(controlplane.Options{AuditPolicy: policy, Start: startDeadline, Stop: stopDeadline}))(t)
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := &cluster{ControlPlane: plane}
	if err := c.connect(); err != nil {
		t.Fatal(err)
	}
	guarded, open := c.namespace(t, "guarded", map[string]string{enforceLabel: "restricted"}), c.namespace(t, "open", nil)
	c.makeNamespace(t, sent, nil)
	files := makeFiles(t)
	server := serve(t, free(t), settings{"server": files.settings()}).ready(t)
	c.guard(t, server.address, files.read(t, "ca.crt"), guarded)
	c.denies(t, guarded)

	// Each is made in both namespaces; what the webhook says in one must be what a replay says of the other.
	denied, allowed, asSent := map[string]bool{}, map[string]bool{}, map[string]bool{}
	decided := func(name string, inGuarded, inOpen error) {
		t.Helper()
		switch {
		case inGuarded == nil && inOpen == nil:
			allowed[name] = true
		case denial(inGuarded) && inOpen == nil:
			denied[name] = true
		case !apierrors.IsInvalid(inGuarded) || !apierrors.IsInvalid(inOpen):
			t.Errorf("%s: %v; %v", name, inGuarded, inOpen)
		}
	}
	a := c.audience(t, "ada", "system:masters")
	for i, one := range fixtures(t) {
		if i%3 != 0 && one.fails {
			continue // of so many that fail alike some are enough
		}
		pod := one.pod.DeepCopy()
		pod.Name = fmt.Sprintf("fixture-%d", i)
		create := func(namespace string) error {
			_, err := a.CoreV1().Pods(namespace).Create(t.Context(), pod.DeepCopy(), metav1.CreateOptions{})
			return err
		}
		inGuarded, inOpen, inSent := create(guarded), create(open), create(sent)
		decided("Pod/"+pod.Name, inGuarded, inOpen)
		if (inOpen == nil) != (inSent == nil) {
			t.Errorf("%s: %v; %v", pod.Name, inOpen, inSent)
		} else if inSent == nil && denial(inGuarded) {
			asSent["Pod/"+pod.Name] = true
		}
	}
	for _, kind := range kinds() {
		for _, pod := range []*corev1.Pod{resizable(goodPod("good-" + strings.ToLower(kind.name))), badPod("bad-" + strings.ToLower(kind.name))} {
			decided(kind.name+"/"+pod.Name, kind.create(t.Context(), a, guarded, pod.DeepCopy()), kind.create(t.Context(), a, open, pod.DeepCopy()))
		}
	}
	if len(denied) < 100 || len(allowed) < 50 {
		t.Fatalf("%d denied, %d allowed: too few to say anything", len(denied), len(allowed))
	}
	// Updates that leave alone what is judged are let through, and known as such. So is a resize.
	for _, kind := range []struct{ resource, name string }{{"pods", "bad-pod"}, {"deployments", "bad-deployment"}} {
		client := c.client.CoreV1().RESTClient()
		if kind.resource == "deployments" {
			client = c.client.AppsV1().RESTClient()
		}
		for _, patch := range []struct {
			kind types.PatchType
			text string
		}{
			{types.StrategicMergePatchType, `{"metadata":{"labels":{"a":"b"}}}`},
			{types.JSONPatchType, `[{"op":"add","path":"/metadata/labels/c","value":"d"}]`},
		} {
			if err := client.Patch(patch.kind).Namespace(open).Resource(kind.resource).Name(kind.name).Body([]byte(patch.text)).Do(t.Context()).Error(); err != nil {
				t.Error(kind.resource, patch.kind, err)
			}
		}
	}
	if err := resize(t.Context(), a, open, "good-pod", "20m"); err != nil {
		t.Error(err)
	}
	// A debugging container is an update that matters.
	decided("Pod/good-pod UPDATE", debug(t.Context(), a, guarded, "good-pod", privileged("root")), debug(t.Context(), a, open, "good-pod", privileged("root")))
	c.audited(t, "the last event", func(one event) bool {
		return one.ObjectRef.Subresource == "ephemeralcontainers" && one.ObjectRef.Namespace == open
	})

	names := func(changes []replayed, namespace, change string) []string {
		t.Helper()
		var names []string
		for _, one := range changes {
			if one.Namespace != namespace || one.Facts.ExampleName == "probe" {
				continue
			}
			if one.Facts.Change != change {
				t.Errorf("%+v, want %s", one, change)
			}
			name := one.Kind + "/" + one.Name
			if one.Facts.Operation == "UPDATE" {
				name += " UPDATE"
			}
			names = append(names, name)
			if one.Facts.Users != "ada" {
				t.Errorf("%s was made by %s", name, one.Facts.Users)
			}
		}
		slices.Sort(names)
		return names
	}
	same := func(what string, found []string, want map[string]bool) {
		t.Helper()
		wanted := slices.Sorted(maps.Keys(want))
		for _, name := range found {
			if !want[name] {
				t.Errorf("%s: %s too many", what, name)
			}
		}
		for _, name := range wanted {
			if !slices.Contains(found, name) {
				t.Errorf("%s: %s is missing", what, name)
			}
		}
	}
	log := c.File("audit.log")
	all, changes := replay(t, 1, "-t", "restricted", log)
	same("newly denied", names(changes, open, "newly denied"), denied)
	same("newly denied, as sent", names(changes, sent, "newly denied"), asSent)
	if got := names(changes, guarded, ""); len(got) > 0 {
		t.Errorf("in the namespace that was guarded already nothing changes: %v", got)
	}
	if all.NotJudged != 0 || all.NoLongerDenied != 0 || all.StillDenied < len(denied) || all.JudgedAsSent < len(asSent) {
		t.Errorf("%+v", all)
	}
	t.Logf("%d requests: %d denied by the webhook and the replay, %d by neither", all.Requests, len(denied), len(allowed))

	all, changes = replay(t, 0, "-t", "privileged", log)
	same("no longer denied", names(changes, guarded, "no longer denied"), denied)
	if all.NewlyDenied != 0 {
		t.Errorf("%+v", all)
	}

	// The labels of namespaces are in the log.
	configuration := filepath.Join(t.TempDir(), "plimsoll.yaml")
	text := "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\nnamespaceLabels: true\n" +
		"bindings:\n- {mode: enforce, template: restricted, workloads: enforce, namespaces: [" + guarded + "]}\n"
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, changes = replay(t, 0, "--config", configuration, log)
	if len(changes) != 0 || all.StillDenied < len(denied) {
		t.Errorf("as it is configured nothing changes: %+v, %+v", all, changes)
	}

	// Compressed, and beside what a review of each says, it is the same.
	packed := filepath.Join(t.TempDir(), "audit.log.gz")
	file := must(os.Create(packed))(t)
	zip := gzip.NewWriter(file)
	must(zip.Write(must(os.ReadFile(log))(t)))(t)
	if err := errors.Join(zip.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	_, changes = replay(t, 1, "-t", "restricted", packed)
	same("newly denied, compressed", names(changes, open, "newly denied"), denied)
}

// guard registers a server for one namespace: its pods and workloads are held to the newest restricted.
func (c *cluster) guard(t testing.TB, address string, authority []byte, namespace string) {
	t.Helper()
	url, fail, none := "https://"+address+"/validate/enforce/restricted", admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone
	rule := func(group string, resources ...string) admissionregistrationv1.RuleWithOperations {
		return admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: resources}}
	}
	must(c.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "replay"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "enforce.plimsoll.dev", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: authority},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
			Rules: []admissionregistrationv1.RuleWithOperations{rule("", "pods", "pods/ephemeralcontainers", "pods/resize", "replicationcontrollers", "podtemplates"),
				rule("apps", "deployments", "daemonsets", "statefulsets", "replicasets"), rule("batch", "jobs", "cronjobs")},
			FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"}}}}, metav1.CreateOptions{}))(t)
}
