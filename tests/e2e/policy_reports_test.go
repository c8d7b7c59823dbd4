package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

var (
	openReports   = schema.GroupVersionResource{Group: "openreports.io", Version: "v1alpha1", Resource: "reports"}
	policyReports = schema.GroupVersionResource{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"}
)

// reportDefinitions are where the projects ship the definitions of their reports.
var reportDefinitions = map[schema.GroupVersionResource]struct{ module, file string }{
	openReports:   {"github.com/openreports/reports-api@v0.2.1", "config/crd/openreports.io_reports.yaml"},
	policyReports: {"github.com/kyverno/kyverno@v1.13.4", "config/crds/policyreport/wgpolicyk8s.io_policyreports.yaml"},
}

// define installs the definition of a kind of reports, and waits until the API server serves it.
func (c *cluster) define(t testing.TB, resource schema.GroupVersionResource) {
	t.Helper()
	definition := reportDefinitions[resource]
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", definition.module)
	command.Dir = t.TempDir() // of no module
	out := must(command.Output())(t)
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	succeed(t, "", "kubectl", "--kubeconfig", c.Kubeconfig, "create", "-f", filepath.Join(module.Dir, definition.file))
	eventually(t, soon, func() (bool, string) {
		_, err := c.dynamic.Resource(resource).List(context.Background(), metav1.ListOptions{})
		return err == nil, errorText(err)
	})
}

// scanAs runs `plimsoll scan` with a kubeconfig.
func scanAs(t testing.TB, kubeconfig string, status int, arguments ...string) (stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), must(binary())(t), append([]string{"scan", "--kubeconfig", kubeconfig}, arguments...)...)
	command.Env = []string{"HOME=" + t.TempDir()}
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	if got := command.ProcessState.ExitCode(); got != status {
		t.Fatalf("plimsoll scan %s: status %d, want %d: %v\n%s", strings.Join(arguments, " "), got, status, err, problems.String())
	}
	return out.String(), problems.String()
}

// versions are the resource versions of all reports.
func (c *cluster) versions(t testing.TB, resource schema.GroupVersionResource) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, one := range must(c.dynamic.Resource(resource).List(t.Context(), metav1.ListOptions{}))(t).Items {
		found[one.GetNamespace()+"/"+one.GetName()] = one.GetResourceVersion()
	}
	return found
}

// TestPolicyReports keeps reports of a thousand owners in a real API server, with the definitions that the projects ship and the
// rights that the chart gives.
func TestPolicyReports(t *testing.T) {
	const owners, spaces = 1000, 20
	c := ownCluster(t)
	c.controllers(t, "garbage-collector-controller", "serviceaccount-controller")
	// Nobody answers the registration, and nobody waits for it.
	c.install(t, options{noServer: true, values: settings{"dryRun": true, "scan": settings{"enabled": true, "events": true}}})
	kubeconfig := c.scanner(t)

	var namespaces []string
	for index := range spaces {
		labels := map[string]string{warnLabel: "restricted"}
		if index == 0 {
			labels = map[string]string{enforceLabel: "baseline"}
		}
		namespaces = append(namespaces, c.namespace(t, "reported", labels))
	}
	deployment := kinds()[4]
	if deployment.name != "Deployment" {
		t.Fatal(deployment.name)
	}
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			for index := worker; index < owners; index += 8 {
				pod := badPod(fmt.Sprintf("owner-%d", index))
				if index%4 == 0 {
					pod = goodPod(pod.Name)
				}
				if err := deployment.create(t.Context(), c.client, namespaces[index%spaces], pod); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()

	_, stderr := scanAs(t, c.Kubeconfig, 2, "--policy-reports")
	if !strings.Contains(stderr, "neither openreports.io/v1alpha1 nor wgpolicyk8s.io/v1alpha2") {
		t.Errorf("without a definition: %s", stderr)
	}
	for _, api := range []schema.GroupVersionResource{policyReports, openReports} {
		t.Run(api.Group, func(t *testing.T) {
			c.define(t, api)
			name := api.Resource + "." + api.Group
			begun := time.Now()
			_, stderr := scanAs(t, kubeconfig, 0, "--policy-reports", "--exit-zero")
			t.Logf("%d reports written in %s", owners, elapsed(begun))
			if want := fmt.Sprintf("%s: %d created, 0 updated, 0 unchanged, 0 deleted\n", name, owners); !strings.Contains(stderr, want) {
				t.Fatalf("%s, want %s", stderr, want)
			}
			before := c.versions(t, api)
			if len(before) != owners {
				t.Errorf("%d reports, want %d", len(before), owners)
			}
			begun = time.Now()
			_, stderr = scanAs(t, kubeconfig, 0, "--policy-reports", "--exit-zero")
			t.Logf("and none in %s", elapsed(begun))
			if want := fmt.Sprintf("%s: 0 created, 0 updated, %d unchanged, 0 deleted\n", name, owners); !strings.Contains(stderr, want) {
				t.Errorf("%s, want %s", stderr, want)
			}
			for report, version := range c.versions(t, api) {
				if before[report] != version {
					t.Errorf("%s was written again", report)
				}
			}
			c.reportSays(t, api, namespaces[1], "owner-1", map[string]int64{"pass": 0, "fail": 0, "warn": 1})
			c.reportSays(t, api, namespaces[4], "owner-4", map[string]int64{"pass": 1, "fail": 0, "warn": 0})
			c.reportSays(t, api, namespaces[0], "owner-0", map[string]int64{"pass": 1, "fail": 0, "warn": 0})
			if err := c.client.AppsV1().Deployments(namespaces[2]).Delete(t.Context(), "owner-2", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			eventually(t, soon, func() (bool, string) {
				count := len(c.versions(t, api))
				return count == owners-1, fmt.Sprintf("%d reports: that of a deleted owner does not go", count)
			})
			if err := deployment.create(t.Context(), c.client, namespaces[2], badPod("owner-2")); err != nil {
				t.Fatal(err)
			}

			// One owner becomes good, with a word to nobody; another becomes worse, which it is told.
			c.patch(t, namespaces[1], "owner-1", `{"spec":{"template":{"spec":{"hostPID":false}}}}`)
			c.patch(t, namespaces[3], "owner-3", `{"spec":{"template":{"spec":{"hostIPC":true,"hostPID":true}}}}`)
			_, stderr = scanAs(t, kubeconfig, 0, "--policy-reports", "--events", "--exit-zero")
			if want := fmt.Sprintf("%s: 1 created, 2 updated, %d unchanged, 0 deleted; 2 events\n", name, owners-3); !strings.Contains(stderr, want) {
				t.Errorf("%s, want %s", stderr, want)
			}
			events := must(c.client.CoreV1().Events(namespaces[3]).List(t.Context(), metav1.ListOptions{}))(t).Items
			if len(events) != 1 || events[0].InvolvedObject.Name != "owner-3" || events[0].Reason != "ExcessPrivilege" || events[0].Type != corev1.EventTypeWarning {
				t.Errorf("events: %+v", events)
			}
			c.patch(t, namespaces[1], "owner-1", `{"spec":{"template":{"spec":{"hostPID":true}}}}`)
			c.patch(t, namespaces[3], "owner-3", `{"spec":{"template":{"spec":{"hostIPC":false}}}}`)
			if err := c.client.CoreV1().Events(namespaces[3]).Delete(t.Context(), events[0].Name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}

			// What nothing binds any more has no report.
			relabel := func(value string) {
				must(c.client.CoreV1().Namespaces().Patch(t.Context(), namespaces[5], types.MergePatchType,
					[]byte(`{"metadata":{"labels":{"`+warnLabel+`":`+value+`}}}`), metav1.PatchOptions{}))(t)
			}
			relabel("null")
			// And one that has lost the label that it is listed by is written over.
			of := must(c.client.AppsV1().Deployments(namespaces[6]).Get(t.Context(), "owner-6", metav1.GetOptions{}))(t)
			must(c.dynamic.Resource(api).Namespace(namespaces[6]).Patch(t.Context(), "plimsoll-"+string(of.UID), types.MergePatchType,
				[]byte(`{"metadata":{"labels":null}}`), metav1.PatchOptions{}))(t)
			_, stderr = scanAs(t, kubeconfig, 0, "--policy-reports", "--exit-zero", "-o", "json")
			if want := fmt.Sprintf("0 created, 3 updated, %d unchanged, %d deleted\n", owners-owners/spaces-3, owners/spaces); !strings.Contains(stderr, want) {
				t.Errorf("%s, want %s", stderr, want)
			}
			relabel(`"restricted"`)
		})
	}
}

func (c *cluster) patch(t testing.TB, namespace, name, patch string) {
	t.Helper()
	must(c.client.AppsV1().Deployments(namespace).Patch(t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}))(t)
}

// reportSays holds the report of a Deployment, as it is stored, to what it has to say: the API server drops what a definition does
// not know.
func (c *cluster) reportSays(t testing.TB, api schema.GroupVersionResource, namespace, owner string, sum map[string]int64) {
	t.Helper()
	of := must(c.client.AppsV1().Deployments(namespace).Get(t.Context(), owner, metav1.GetOptions{}))(t)
	report := must(c.dynamic.Resource(api).Namespace(namespace).Get(t.Context(), "plimsoll-"+string(of.UID), metav1.GetOptions{}))(t)
	for name, want := range sum {
		if got, _, _ := unstructured.NestedInt64(report.Object, "summary", name); got != want {
			t.Errorf("%s: %d of %s, want %d", owner, got, name, want)
		}
	}
	scope, _, _ := unstructured.NestedStringMap(report.Object, "scope")
	if scope["kind"] != "Deployment" || scope["name"] != owner || scope["uid"] != string(of.UID) || scope["apiVersion"] != "apps/v1" {
		t.Errorf("%s: scope %v", owner, scope)
	}
	results, _, _ := unstructured.NestedSlice(report.Object, "results")
	if len(results) != 1 {
		t.Fatalf("%s: results %v", owner, results)
	}
	result := results[0].(map[string]any)
	source, _, _ := unstructured.NestedString(report.Object, "source")
	if own, is := result["source"].(string); is {
		source += own
	}
	if source != "plimsoll" {
		t.Errorf("%s: source %q", owner, source)
	}
	if sum["pass"] == 1 {
		if result["result"] != "pass" {
			t.Errorf("%s: %v", owner, result)
		}
		return
	}
	if result["rule"] != "host-namespaces" || result["severity"] == nil || result["scored"] != false || result["category"] == nil ||
		result["properties"].(map[string]any)["field"] != "spec.template.spec.hostPID" || !strings.HasPrefix(result["policy"].(string), "restricted@v1.") ||
		!strings.Contains(result["message"].(string), "hostPID") {
		t.Errorf("%s: %v", owner, result)
	}
}

// scanner is a kubeconfig of the service account that the chart makes for scans.
func (c *cluster) scanner(t testing.TB) string {
	t.Helper()
	seconds := int64(3600)
	token := must(c.client.CoreV1().ServiceAccounts(releaseNamespace).CreateToken(t.Context(), releaseName+"-scan",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{}))(t).Status.Token
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: "https://" + c.Address, CertificateAuthorityData: c.Config.CAData}
	config.AuthInfos["e2e"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "e2e"}
	config.CurrentContext = "e2e"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
