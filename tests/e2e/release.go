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
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"plimsoll.dev/plimsoll/tests/e2e/controlplane"
)

const releaseName, releaseNamespace = "plimsoll", "plimsoll"

// run executes a program and returns both of its outputs.
func run(t testing.TB, input, name string, arguments ...string) (stdout, stderr string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), must(controlplane.Asset(name))(t), arguments...)
	// Its own home: helm and kubectl keep caches, and nobody's settings may reach them.
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	command.Stdin = strings.NewReader(input)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err = command.Run()
	return out.String(), problems.String(), err
}

func succeed(t testing.TB, input, name string, arguments ...string) string {
	t.Helper()
	stdout, stderr, err := run(t, input, name, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(arguments, " "), err, stdout, stderr)
	}
	return stdout
}

// release is Plimsoll as helm installed it, with the real process behind it.
type release struct {
	cluster   *cluster
	address   string // where the registration sends reviews
	values    settings
	manifests []*unstructured.Unstructured // what helm rendered
	server    *server
	files     files // of mode provided
}

// options are what tests want otherwise than most do.
type options struct {
	values     settings // of the chart
	address    string   // what the registration calls; the server's own when empty
	listen     string   // where the server listens; any port when empty
	apiServer  string   // HOST:PORT at which the server finds the API server; its own when empty
	selfSigned bool     // certificates by the server itself
	change     func(configuration settings)
	noServer   bool // the test starts its own
	inCluster  bool // as if the server ran in a pod: nothing answers the registration
}

// install runs helm install and a server that is configured as the chart configures it, and undoes both
// when the test ends.
func (c *cluster) install(t testing.TB, o options) *release {
	t.Helper()
	r := &release{cluster: c, values: settings{}}
	listen := o.listen
	if listen == "" {
		listen = free(t)
	}
	if r.address = o.address; r.address == "" {
		r.address = listen
	}
	for name, value := range o.values {
		r.values[name] = value
	}
	if !o.inCluster {
		r.values.section("webhook")["url"] = "https://" + r.address
		r.values.section("server")["enabled"] = false
	}
	if !o.selfSigned {
		r.files = makeFiles(t)
		r.values["certificates"] = settings{"mode": "provided",
			"provided": settings{"caBundle": string(r.files.read(t, "ca.crt"))}}
	}
	r.helm(t)
	if !o.noServer {
		configuration := r.configuration(t)
		if o.change != nil {
			o.change(configuration)
		}
		r.server = serve(t, listen, r.adapted(t, configuration, o)).ready(t)
	}
	return r
}

// adapted is a configuration of the chart's with the paths of this machine in place of the pod's.
func (r *release) adapted(t testing.TB, configuration settings, o options) settings {
	t.Helper()
	if configuration["selfManaged"] == nil {
		section := configuration.section("server")
		for name, value := range r.files.settings() {
			section[name] = value
		}
		configuration["server"] = section
	}
	if text := r.data(t, "templates.yaml"); text != "" {
		file := filepath.Join(t.TempDir(), "templates.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		configuration["templates"] = []string{file}
	}
	if r.access() {
		at := o.apiServer
		if at == "" {
			at = r.cluster.Address
		}
		configuration["kubeconfig"] = r.account(t, at).kubeconfig
	}
	return configuration
}

// access says whether the chart lets the server ask the API server at all.
func (r *release) access() bool { return r.values["apiAccess"] != false }

func (r *release) helm(t testing.TB) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, must(yaml.Marshal(r.values))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	succeed(t, "", "helm", "install", releaseName, chart(t), "--namespace", releaseNamespace, "--create-namespace",
		"--values", file, "--kubeconfig", r.cluster.Kubeconfig)
	t.Cleanup(func() { r.uninstall(t) })
	r.manifests = parseManifests(t, succeed(t, "", "helm", "get", "manifest", releaseName, "--namespace", releaseNamespace,
		"--kubeconfig", r.cluster.Kubeconfig))
}

func (r *release) uninstall(t testing.TB) {
	t.Helper()
	// The test's own context has ended.
	helm, err := controlplane.Asset("helm")
	if err != nil {
		t.Error(err)
		return
	}
	command := exec.Command(helm, "uninstall", releaseName, "--namespace", releaseNamespace, "--kubeconfig", r.cluster.Kubeconfig)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("helm uninstall: %v\n%s", err, out)
	}
	list, err := r.cluster.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(context.Background(), metav1.ListOptions{})
	if err != nil || len(list.Items) > 0 {
		t.Errorf("after helm uninstall %d registrations are left, %v", len(list.Items), err)
	}
}

func parseManifests(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for _, document := range strings.Split("\n"+text, "\n---") {
		one := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &one.Object); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if len(one.Object) > 0 {
			all = append(all, one)
		}
	}
	return all
}

// find are the rendered objects of a kind.
func (r *release) find(kind string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, one := range r.manifests {
		if one.GetKind() == kind {
			found = append(found, one)
		}
	}
	return found
}

func (r *release) one(t testing.TB, kind string) *unstructured.Unstructured {
	t.Helper()
	found := r.find(kind)
	if len(found) != 1 {
		t.Fatalf("the chart renders %d objects of kind %s", len(found), kind)
	}
	return found[0]
}

// configuration is what the chart gives the server to read.
func (r *release) configuration(t testing.TB) settings {
	t.Helper()
	var found settings
	if err := yaml.Unmarshal([]byte(r.data(t, "config.yaml")), &found); err != nil || found["kind"] != "Configuration" {
		t.Fatalf("the chart renders no configuration: %v", err)
	}
	return found
}

// data is a file of the chart's ConfigMap; nothing if there is none of that name.
func (r *release) data(t testing.TB, name string) string {
	t.Helper()
	text, _, _ := unstructured.NestedString(r.one(t, "ConfigMap").Object, "data", name)
	return text
}

// account is the chart's ServiceAccount as a client outside the cluster sees it.
type account struct {
	release    *release
	name       string
	kubeconfig string // names the file of the token
	token      string // that file
}

func (r *release) account(t testing.TB, at string) *account {
	t.Helper()
	folder := t.TempDir()
	a := &account{r, r.one(t, "ServiceAccount").GetName(), filepath.Join(folder, "kubeconfig"), filepath.Join(folder, "token")}
	a.write(t, a.issue(t, nil))
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: "https://" + at, CertificateAuthorityData: r.cluster.Config.CAData}
	config.AuthInfos["e2e"] = &clientcmdapi.AuthInfo{TokenFile: a.token}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "e2e", Namespace: releaseNamespace}
	config.CurrentContext = "e2e"
	if err := clientcmd.WriteToFile(*config, a.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue asks for a token, bound to an object if one is given: it ends with that object.
func (a *account) issue(t testing.TB, bound *corev1.Secret) string {
	t.Helper()
	seconds := int64(3600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	if bound != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{Kind: "Secret", APIVersion: "v1", Name: bound.Name, UID: bound.UID}
	}
	got := must(a.release.cluster.client.CoreV1().ServiceAccounts(releaseNamespace).CreateToken(t.Context(), a.name, request, metav1.CreateOptions{}))(t)
	return got.Status.Token
}

// write replaces the file as the kubelet does: at once.
func (a *account) write(t testing.TB, token string) {
	t.Helper()
	fresh := a.token + ".new"
	if err := os.WriteFile(fresh, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, a.token); err != nil {
		t.Fatal(err)
	}
}

// denies waits until a pod with too much privilege is refused in a namespace: the API server takes a
// moment to know a new registration.
func (c *cluster) denies(t testing.TB, namespace string) {
	t.Helper()
	eventually(t, soon, func() (bool, string) {
		err := c.try(badPod("probe"), namespace)
		return err != nil && denial(err), fmt.Sprintf("a pod that must be denied in %s: %v", namespace, err)
	})
}

// allows waits for the opposite.
func (c *cluster) allows(t testing.TB, namespace string) {
	t.Helper()
	eventually(t, soon, func() (bool, string) {
		err := c.try(badPod("probe"), namespace)
		return err == nil, fmt.Sprintf("a pod that must be allowed in %s: %v", namespace, err)
	})
}

// try creates a pod as a dry run.
func (c *cluster) try(pod *corev1.Pod, namespace string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := c.client.CoreV1().Pods(namespace).Create(ctx, pod, dryRun)
	return err
}

// create creates a pod for good.
func (c *cluster) create(t testing.TB, namespace string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	return must(c.client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{}))(t)
}

// label sets labels of a namespace; those named in `gone` are removed.
func label(t testing.TB, client kubernetes.Interface, namespace string, labels map[string]string, gone ...string) error {
	t.Helper()
	all := map[string]any{}
	for name, value := range labels {
		all[name] = value
	}
	for _, name := range gone {
		all[name] = nil
	}
	patch := must(json.Marshal(map[string]any{"metadata": map[string]any{"labels": all}}))(t)
	_, err := client.CoreV1().Namespaces().Patch(t.Context(), namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// refused is a denial by Plimsoll whose text holds all of these.
func refused(t testing.TB, err error, texts ...string) {
	t.Helper()
	if err == nil || !denial(err) {
		t.Errorf("must be denied: %v", err)
		return
	}
	if !apierrors.IsForbidden(err) {
		t.Errorf("not a 403: %v", err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the denial must say %q: %v", text, err)
		}
	}
}

// registered are the webhooks as the API server knows them.
func (r *release) registered(t testing.TB) []admissionregistrationv1.ValidatingWebhook {
	t.Helper()
	name := r.one(t, "ValidatingWebhookConfiguration").GetName()
	return must(r.cluster.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), name, metav1.GetOptions{}))(t).Webhooks
}

// relabelPod changes what no level is about: a label, an owner's finalizer.
func (c *cluster) relabelPod(t testing.TB, namespace, name string) error {
	t.Helper()
	patch := []byte(`{"metadata":{"labels":{"seen":"yes"},"finalizers":["example.com/wait"]}}`)
	if _, err := c.client.CoreV1().Pods(namespace).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return err
	}
	_, err := c.client.CoreV1().Pods(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	return err
}

// upgrade runs helm upgrade, with other values if some are given.
func (r *release) upgrade(t testing.TB, values settings) {
	t.Helper()
	for name, value := range values {
		r.values[name] = value
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, must(yaml.Marshal(r.values))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	succeed(t, "", "helm", "upgrade", releaseName, chart(t), "--namespace", releaseNamespace, "--values", file, "--kubeconfig", r.cluster.Kubeconfig)
}
