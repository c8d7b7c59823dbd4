package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"plimsoll.dev/plimsoll/tests/e2e/controlplane"
)

// Every list and watch of the scanner is written down, and nothing else.
const scanAuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, users: ["system:serviceaccount:default:scanner"]}
- {level: None}
`

const (
	scanNamespaces  = 200
	scanDeployments = 4  // in each, with scanReplicas pods each
	scanReplicas    = 10 // of which the first three of one have a sidecar
	scanBare        = 10
	scanPods        = scanNamespaces * (scanDeployments*scanReplicas + scanBare)
	scanKiB         = 80 * 1024

	scanDeadline = 20 * time.Second // of all of them
)

// scanned is what the tests read of a report.
type scanned struct {
	Resources []struct {
		APIVersion, Kind, Namespace, Name, Verdict, Reason, UID string
		Findings                                                []struct{ Check, Message string }
	}
	Summary struct{ Resources, Passed, Failed, Errors, Skipped, Findings int }
}

// scanner runs `plimsoll scan` and tells how much memory it took.
type scanner struct {
	kubeconfig string
	deadline   time.Duration // 0: none
}

type scanResult struct {
	out, said string
	status    int
	peak      int // KiB
}

func (s scanner) run(t testing.TB, during func(), arguments ...string) scanResult {
	t.Helper()
	ctx := t.Context()
	if s.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.deadline)
		defer cancel()
	}
	command := exec.CommandContext(ctx, must(binary())(t), append([]string{"scan", "--kubeconfig", s.kubeconfig}, arguments...)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var said bytes.Buffer
	command.Stderr = &said
	output := must(command.StdoutPipe())(t)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if during != nil {
		during()
	}
	// What it has not written yet it waits to write: the peak is read while it lives.
	result := scanResult{}
	var out bytes.Buffer
	chunk := make([]byte, 64*1024)
	for {
		n, err := output.Read(chunk)
		out.Write(chunk[:n])
		result.peak = max(result.peak, peakOf(command.Process.Pid))
		if err != nil {
			if err != io.EOF {
				t.Fatal(err)
			}
			break
		}
	}
	if err := command.Wait(); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			t.Fatal(err)
		}
		result.status = ended.ExitCode()
	}
	result.out, result.said = out.String(), said.String()
	return result
}

// peakOf is VmHWM in KiB; 0: the process has gone.
func peakOf(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, is := strings.CutPrefix(line, "VmHWM:"); is {
			peak, _ := strconv.Atoi(strings.Fields(rest)[0])
			return peak
		}
	}
	return 0
}

func (r scanResult) report(t testing.TB) scanned {
	t.Helper()
	var report scanned
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("no report: %v\n%.2000s\n%s", err, r.out, r.said)
	}
	return report
}

// documentedRole is the ClusterRole that docs/scan.md asks for.
func documentedRole(t testing.TB) *rbacv1.ClusterRole {
	t.Helper()
	page := must(os.ReadFile(filepath.Join("..", "..", "docs", "scan.md")))(t)
	block := regexp.MustCompile("(?s)```yaml\n(apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/scan.md has no ClusterRole")
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(block[1], &role); err != nil {
		t.Fatal(err)
	}
	return &role
}

// scanAccount is a service account with exactly the documented rights, or those of another role.
func (c *cluster) scanAccount(t testing.TB, at string, role *rbacv1.ClusterRole) scanner {
	t.Helper()
	const name, namespace = "scanner", "default"
	must(c.client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}))(t)
	must(c.client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: namespace}}}, metav1.CreateOptions{}))(t)
	t.Cleanup(func() {
		// t.Context() has ended.
		c.client.RbacV1().ClusterRoleBindings().Delete(context.Background(), role.Name, metav1.DeleteOptions{})
		c.client.RbacV1().ClusterRoles().Delete(context.Background(), role.Name, metav1.DeleteOptions{})
	})
	accounts := c.client.CoreV1().ServiceAccounts(namespace)
	accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	seconds := int64(3600)
	token := must(accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{}))(t)
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: "https://" + at, CertificateAuthorityData: c.Config.CAData}
	config.AuthInfos["e2e"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "e2e"}
	config.CurrentContext = "e2e"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return scanner{kubeconfig: file}
}

// inParallel calls `do` for 0 to count-1, many at once.
func inParallel(t testing.TB, count int, do func(i int) error) {
	t.Helper()
	const callers = 32
	todo, failures := make(chan int), make(chan error, callers)
	for range callers {
		go func() {
			var failed error
			for i := range todo {
				if failed == nil {
					failed = do(i)
				}
			}
			failures <- failed
		}()
	}
	for i := range count {
		todo <- i
	}
	close(todo)
	var all error
	for range callers {
		all = errors.Join(all, <-failures)
	}
	if all != nil {
		t.Fatal(all)
	}
}

// ordinary gives a pod the size that pods have: environment, probes, annotations.
func ordinary(pod *corev1.Pod) *corev1.Pod {
	pod.Annotations = map[string]string{"example.org/checksum": strings.Repeat("0123456789abcdef", 16), "example.org/restarted-at": "2026-01-01T00:00:00Z"}
	for i := range 12 {
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", i), Value: strings.Repeat("v", 40)})
	}
	return pod
}

func controlledBy(apiVersion, kind string, owner metav1.Object) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: owner.GetName(), UID: owner.GetUID(), Controller: &yes}}
}

// deployment makes a Deployment, its ReplicaSet and its pods, as the controllers would. `pods` may change
// each pod.
func (c *cluster) deployment(ctx context.Context, namespace string, template *corev1.Pod, replicas int, change func(int, *corev1.Pod)) error {
	count := int32(replicas)
	labels := map[string]string{"app": template.Name}
	spec := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: template.Annotations}, Spec: template.Spec}
	made, err := c.client.AppsV1().Deployments(namespace).Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: template.Name},
		Spec: appsv1.DeploymentSpec{Replicas: &count, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: spec}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	const hash = "5d8f7c9b4d"
	// An old revision, from before it was made right or wrong.
	none := int32(0)
	old := *spec.DeepCopy()
	old.Spec.HostNetwork, old.Spec.HostIPC = true, true
	for _, set := range []*appsv1.ReplicaSet{
		{ObjectMeta: metav1.ObjectMeta{Name: template.Name + "-" + "77c9d8b5f6"}, Spec: appsv1.ReplicaSetSpec{Replicas: &none, Template: old}},
		{ObjectMeta: metav1.ObjectMeta{Name: template.Name + "-" + hash}, Spec: appsv1.ReplicaSetSpec{Replicas: &count, Template: spec}},
	} {
		set.OwnerReferences = controlledBy("apps/v1", "Deployment", made)
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
		created, err := c.client.AppsV1().ReplicaSets(namespace).Create(ctx, set, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		for i := range int(*set.Spec.Replicas) {
			pod := template.DeepCopy()
			pod.Name = fmt.Sprintf("%s-%05d", created.Name, i)
			pod.Labels = map[string]string{"app": template.Name, "pod-template-hash": hash}
			pod.OwnerReferences = controlledBy("apps/v1", "ReplicaSet", created)
			if change != nil {
				change(i, pod)
			}
			if _, err := c.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestScan fills an API server with 10,000 pods and compares what is found with what was put there.
func TestScan(t *testing.T) {
	plane := must(controlplane.Start(controlplane.Options{AuditPolicy: scanAuditPolicy, Keep: os.Getenv("PLIMSOLL_E2E_KEEP") != "",
		Start: startDeadline, Stop: stopDeadline}))(t)
	c := &cluster{ControlPlane: plane}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := c.connect(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	wanted := map[string]int{} // findings by `kind namespace/name`
	for n := range scanNamespaces {
		namespace := fmt.Sprintf("team-%03d", n)
		if n%4 == 3 {
			continue // nothing binds it
		}
		for d := range scanDeployments {
			wanted[fmt.Sprintf("Deployment %s/web-%d", namespace, d)] = d % 2
			if d == 3 {
				wanted[fmt.Sprintf("Deployment %s/web-%d", namespace, d)]++ // the sidecar
			}
		}
		wanted[fmt.Sprintf("CronJob %s/report", namespace)] = 1
		for p := range scanBare {
			wanted[fmt.Sprintf("Pod %s/bare-%02d", namespace, p)] = p % 2
		}
	}
	inParallel(t, scanNamespaces, func(n int) error {
		namespace := fmt.Sprintf("team-%03d", n)
		labels := []map[string]string{{enforceLabel: "baseline"}, {enforceLabel: "restricted"}, {warnLabel: "baseline"}, nil}[n%4]
		ctx := t.Context()
		if _, err := c.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: labels}},
			metav1.CreateOptions{}); err != nil {
			return err
		}
		for d := range scanDeployments {
			template := ordinary(goodPod(fmt.Sprintf("web-%d", d)))
			template.Spec.HostPID = d%2 == 1
			sidecar := func(i int, pod *corev1.Pod) {
				if d == 3 && i < 3 {
					injected := goodContainer("sidecar")
					injected.Ports = []corev1.ContainerPort{{ContainerPort: 15000, HostPort: 15000}}
					pod.Spec.Containers = append([]corev1.Container{injected}, pod.Spec.Containers...)
				}
			}
			if err := c.deployment(ctx, namespace, template, scanReplicas, sidecar); err != nil {
				return err
			}
		}
		job := batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: badPod("report").Spec}}
		job.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
		if _, err := c.client.BatchV1().CronJobs(namespace).Create(ctx, &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "report"},
			Spec: batchv1.CronJobSpec{Schedule: "0 0 1 1 *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}}, metav1.CreateOptions{}); err != nil {
			return err
		}
		for p := range scanBare {
			pod := ordinary(goodPod(fmt.Sprintf("bare-%02d", p)))
			pod.Spec.HostPID = p%2 == 1
			if _, err := c.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	t.Logf("%d pods in %d namespaces made in %s", scanPods, scanNamespaces, elapsed(began))

	through := newProxy(t, c.Address)
	s := c.scanAccount(t, through.address(), documentedRole(t))

	t.Run("report", func(t *testing.T) {
		began := time.Now()
		result := scanner{s.kubeconfig, scanDeadline}.run(t, nil, "-o", "json")
		took := elapsed(began)
		t.Logf("scanned in %s, %d KiB at most", took, result.peak)
		if result.said != "" || result.status != 1 {
			t.Errorf("status %d; said %s", result.status, result.said)
		}
		compareScan(t, result.report(t), wanted)
		if result.peak == 0 || result.peak > scanKiB {
			t.Errorf("%d KiB were resident, more than %d", result.peak, scanKiB)
		}
		c.onlyPages(t)
	})

	t.Run("text", func(t *testing.T) {
		result := s.run(t, nil, "-n", "team-001")
		for _, text := range []string{"fail Deployment team-001/web-3", "(in 3 of 10 pods, not in the template)"} {
			if !strings.Contains(result.out, text) {
				t.Errorf("says nothing of %q:\n%s", text, result.out)
			}
		}
	})

	t.Run("everything by one template", func(t *testing.T) {
		result := s.run(t, nil, "-t", "least-privilege", "-o", "json")
		t.Logf("%d KiB at most", result.peak)
		report := result.report(t)
		if rows := scanNamespaces * (scanDeployments + 1 + scanBare); report.Summary.Resources != rows || report.Summary.Skipped != 0 {
			t.Errorf("%+v, not %d resources", report.Summary, rows)
		}
		if result.peak > scanKiB {
			t.Errorf("%d KiB were resident, more than %d", result.peak, scanKiB)
		}
	})

	t.Run("advice", func(t *testing.T) {
		result := s.run(t, nil, "--advise", "-o", "json", "-n", "team-000", "-n", "team-001", "-n", "team-003")
		if result.status != 0 || result.said != "" {
			t.Errorf("status %d; said %s", result.status, result.said)
		}
		var advice struct {
			Namespaces []struct {
				Namespace, Enforced, Meets, Next, Command string
				Workloads, Pods, Refused                  int
				Checks                                    []struct {
					Check     string
					Workloads int
				}
			}
		}
		if err := json.Unmarshal([]byte(result.out), &advice); err != nil {
			t.Fatalf("%v\n%s", err, result.out)
		}
		if len(advice.Namespaces) != 3 {
			t.Fatalf("%s", result.out)
		}
		for i, enforced := range []string{"baseline", "restricted", ""} {
			one := advice.Namespaces[i]
			refused := 8 // web-1, web-3, report, five bare ones
			if enforced == "" {
				refused = 0
			}
			if name, _, _ := strings.Cut(one.Enforced, "@"); name != enforced || one.Refused != refused || one.Workloads != 15 || one.Pods != 50 ||
				!strings.HasPrefix(one.Meets, "privileged@") || !strings.HasPrefix(one.Next, "baseline@") || one.Command != "" ||
				len(one.Checks) != 2 || one.Checks[0].Check != "host-namespaces" || one.Checks[0].Workloads != 8 || one.Checks[1].Workloads != 1 {
				t.Errorf("%+v", one)
			}
		}
	})

	t.Run("advice is followed", func(t *testing.T) {
		namespace := c.namespace(t, "advised", nil)
		if err := c.deployment(t.Context(), namespace, goodPod("web"), 2, nil); err != nil {
			t.Fatal(err)
		}
		result := s.run(t, nil, "--advise", "-n", namespace)
		command := regexp.MustCompile(`kubectl (label namespace .*)`).FindStringSubmatch(result.out)
		if command == nil {
			t.Fatalf("no command:\n%s%s", result.out, result.said)
		}
		succeed(t, "", "kubectl", append([]string{"--kubeconfig", c.Kubeconfig}, strings.Fields(command[1])...)...)
		result = s.run(t, nil, "-n", namespace, "-o", "json")
		if report := result.report(t); result.status != 0 || report.Summary.Passed != 1 || report.Summary.Resources != 1 {
			t.Errorf("status %d, %+v, %s", result.status, report, result.said)
		}
		if again := s.run(t, nil, "--advise", "-n", namespace); strings.Contains(again.out, "kubectl") || !strings.Contains(again.out, "enforced") {
			t.Errorf("what is done is advised again:\n%s", again.out)
		}
	})

	t.Run("restart", func(t *testing.T) {
		// The API server goes when it has given the first page of pods, and comes back.
		watched := newProxy(t, c.Address)
		before := must(os.Stat(c.File("audit.log")))(t).Size()
		came := 0
		result := scanner{kubeconfig: aimed(t, s.kubeconfig, watched.address())}.run(t, func() {
			eventually(t, soon, func() (bool, string) {
				log := must(os.ReadFile(c.File("audit.log")))(t)
				return bytes.Contains(log[before:], []byte("/api/v1/pods?limit=500")), "no page of pods was asked for"
			})
			watched.refuse()
			_, came = watched.counts()
			c.restart(t, watched.open)
		}, "-o", "json")
		if _, ever := watched.counts(); ever == came {
			t.Error("the scan was over before the API server went")
		}
		if result.status != 1 || result.said != "" {
			t.Errorf("status %d; said %s", result.status, result.said)
		}
		compareScan(t, result.report(t), wanted)
	})

	t.Run("all stray", func(t *testing.T) {
		// No two of them alike, so that nothing that is kept can be shared.
		const strays = 10000
		namespace := c.namespace(t, "strays", nil)
		inParallel(t, strays, func(i int) error {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("stray-%05d", i)}, Spec: corev1.PodSpec{HostPID: true}}
			for _, name := range []string{"app", "sidecar"} {
				pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprintf("%s-%05d", name, i), Image: "registry.example/app:1"})
			}
			_, err := c.client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
			return err
		})
		result := s.run(t, nil, "-n", namespace, "-t", "least-privilege", "-o", "json")
		report := result.report(t)
		t.Logf("%d findings, %d KiB at most", report.Summary.Findings, result.peak)
		if report.Summary.Failed != strays || report.Summary.Findings < 8*strays {
			t.Errorf("%+v", report.Summary)
		}
		if result.peak == 0 || result.peak > scanKiB {
			t.Errorf("%d KiB were resident, more than %d", result.peak, scanKiB)
		}
	})

	t.Run("forbidden", func(t *testing.T) {
		role := documentedRole(t)
		role.Name = "no-pods"
		for i := range role.Rules {
			role.Rules[i].Resources = slices.DeleteFunc(role.Rules[i].Resources, func(name string) bool { return name == "pods" })
		}
		c.client.RbacV1().ClusterRoleBindings().Delete(t.Context(), documentedRole(t).Name, metav1.DeleteOptions{})
		limited := c.scanAccount(t, c.Address, role)
		must(c.client.RbacV1().Roles("team-000").Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "pods"},
			Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}}}, metav1.CreateOptions{}))(t)
		must(c.client.RbacV1().RoleBindings("team-000").Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "pods"},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "pods"},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "scanner", Namespace: "default"}}}, metav1.CreateOptions{}))(t)
		result := limited.run(t, nil, "-n", "team-000", "-n", "team-001", "-o", "json")
		const missing = `pods in namespace team-001: listing them is forbidden; allow it with a role: {apiGroups: [""], resources: [pods], verbs: [list]}`
		if result.status != 2 || !strings.Contains(result.said, missing) {
			t.Errorf("status %d; said %s", result.status, result.said)
		}
		compare := func(report scanned) {
			t.Helper()
			found := map[string]int{}
			for _, one := range report.Resources {
				if one.Namespace == "team-000" || one.Namespace == "team-001" {
					found[one.Namespace+" "+one.Kind]++
				}
			}
			want := map[string]int{"team-000 Deployment": 4, "team-000 CronJob": 1, "team-000 Pod": 10, "team-001 Deployment": 4, "team-001 CronJob": 1}
			if !maps.Equal(found, want) {
				t.Errorf("found %v, not %v", found, want)
			}
		}
		compare(result.report(t))
		// What is forbidden in the whole cluster is asked for in each namespace.
		result = limited.run(t, nil, "-o", "json")
		const rule = `allow it with a role: {apiGroups: [""], resources: [pods], verbs: [list]}`
		if result.status != 2 || strings.Count(result.said, "not seen: pods") != 1 || !strings.Contains(result.said, rule) {
			t.Errorf("status %d; said %s", result.status, result.said)
		}
		compare(result.report(t))
	})

	t.Run("custom kinds", func(t *testing.T) {
		role := documentedRole(t)
		role.Name = "custom-kinds"
		c.scanCustom(t, c.scanAccount(t, c.Address, role))
	})
}

// aimed is the same kubeconfig with another address.
func aimed(t testing.TB, kubeconfig, address string) string {
	t.Helper()
	config := must(clientcmd.LoadFromFile(kubeconfig))(t)
	config.Clusters["e2e"].Server = "https://" + address
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func compareScan(t testing.TB, report scanned, wanted map[string]int) {
	t.Helper()
	found, unbound := map[string]int{}, 0
	var order []string
	for _, one := range report.Resources {
		if one.Kind == "Namespace" {
			unbound++
			if one.Verdict != "skipped" || !strings.HasPrefix(one.Reason, "nothing binds a template to it") {
				t.Errorf("%+v", one)
			}
			continue
		}
		if strings.HasPrefix(one.Namespace, "team-") {
			found[fmt.Sprintf("%s %s/%s", one.Kind, one.Namespace, one.Name)] = len(one.Findings)
		}
		order = append(order, one.Namespace+"\x00"+one.Kind+"\x00"+one.Name)
	}
	for name, findings := range wanted {
		if got, is := found[name]; !is || got != findings {
			t.Errorf("%s: %d findings (%v), not %d", name, got, is, findings)
		}
	}
	if len(found) != len(wanted) {
		t.Errorf("%d rows, not %d", len(found), len(wanted))
	}
	if !slices.IsSorted(order) {
		t.Error("the rows are not sorted by namespace, kind and name")
	}
	// default, kube-*, load and a quarter of ours.
	if least := scanNamespaces / 4; unbound < least {
		t.Errorf("%d namespaces are said to be bound by nothing, of %d at least", unbound, least)
	}
}

// onlyPages reads in the audit log that the scanner listed in pages of 500 and did nothing else.
func (c *cluster) onlyPages(t testing.TB) {
	t.Helper()
	log := must(os.ReadFile(c.File("audit.log")))(t)
	lists := map[string]int{}
	for line := range strings.Lines(string(log)) {
		var one struct {
			Verb, RequestURI string
			ObjectRef        *struct{ Resource string }
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		asked := must(url.Parse(one.RequestURI))(t)
		if one.ObjectRef == nil { // discovery
			if asked.Path != "/apis" {
				t.Errorf("asks %s", one.RequestURI)
			}
			continue
		}
		query := asked.Query()
		if one.Verb != "list" || query.Get("limit") != "500" || query.Has("watch") || query.Has("resourceVersion") {
			t.Errorf("%s %s", one.Verb, one.RequestURI)
		}
		lists[one.ObjectRef.Resource]++
	}
	pods, sets := (scanPods+499)/500, (scanNamespaces*scanDeployments*2+499)/500
	want := map[string]int{"namespaces": 1, "pods": pods, "deployments": 2, "replicasets": sets, "statefulsets": 1, "daemonsets": 1,
		"jobs": 1, "cronjobs": 1, "replicationcontrollers": 1}
	if !maps.Equal(lists, want) {
		t.Errorf("lists %v, not %v", lists, want)
	}
	t.Logf("lists: %v", lists)
}

// scanCustom has a Rollout, which is a custom kind that is known, and a Website, which is not.
func (c *cluster) scanCustom(t *testing.T, s scanner) {
	crd := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "rollouts.argoproj.io"},
		"spec": map[string]any{"group": "argoproj.io", "scope": "Namespaced",
			"names": map[string]any{"plural": "rollouts", "singular": "rollout", "kind": "Rollout"},
			"versions": []any{map[string]any{"name": "v1alpha1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}}}
	must(c.dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).
		Create(t.Context(), crd, metav1.CreateOptions{}))(t)
	namespace := c.namespace(t, "custom", nil)
	rollouts := c.dynamic.Resource(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}).Namespace(namespace)
	var made *unstructured.Unstructured
	eventually(t, soon, func() (bool, string) {
		var err error
		made, err = rollouts.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
			"metadata": map[string]any{"name": "canary"},
			"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"hostPID": true,
				"containers": []any{map[string]any{"name": "app", "image": "registry.example/app:1"}}}}}}}, metav1.CreateOptions{})
		return err == nil, errorText(err)
	})
	website := &metav1.ObjectMeta{Name: "shop", UID: "2f1c7f0e-0000-4000-8000-000000000001"}
	for name, by := range map[string][]metav1.OwnerReference{
		"canary-1": controlledBy("argoproj.io/v1alpha1", "Rollout", made),
		"shop-1":   controlledBy("example.org/v1", "Website", website),
	} {
		pod := badPod(name)
		pod.OwnerReferences = by
		must(c.client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{}))(t)
	}
	result := s.run(t, nil, "-t", "baseline", "-n", namespace, "-o", "json")
	found := map[string]int{}
	for _, one := range result.report(t).Resources {
		found[fmt.Sprintf("%s %s %s", one.APIVersion, one.Kind, one.Name)] = len(one.Findings)
	}
	want := map[string]int{"argoproj.io/v1alpha1 Rollout canary": 1, "example.org/v1 Website shop": 1}
	if !maps.Equal(found, want) || result.status != 1 {
		t.Errorf("found %v, not %v; status %d, said %s", found, want, result.status, result.said)
	}
}
