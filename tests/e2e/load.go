package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// load creates pods in one namespace, every other one with too much privilege. They are dry runs of the
// API server: all of admission, nothing stored.
type load struct {
	cancel  context.CancelFunc
	workers sync.WaitGroup
	gate    sync.RWMutex // held for writing while the load pauses
	begun   time.Time
	paused  time.Duration
	resume  func() // ends a pause; nothing when there is none

	allowed, denied atomic.Int64
	lock            sync.Mutex
	failures        []string
	failed          int
}

// More would only take the machine away from what is tested: 320 creations a second at most.
const (
	loadWorkers = 8
	loadPace    = 25 * time.Millisecond // of each worker
)

func (c *cluster) load(t testing.TB, namespace string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, begun: time.Now(), resume: func() {}}
	for index := range loadWorkers {
		config := rest.CopyConfig(c.Config)
		config.UserAgent = fmt.Sprintf("load-%d", index)
		config.Timeout = 20 * time.Second
		client := must(kubernetes.NewForConfig(config))(t)
		l.workers.Go(func() {
			pace := time.NewTicker(loadPace)
			defer pace.Stop()
			for number := index; ctx.Err() == nil; number++ {
				l.gate.RLock()
				l.one(client, namespace, number%2 == 0)
				l.gate.RUnlock()
				<-pace.C
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		l.resume()
		l.workers.Wait()
	})
	return l
}

func (l *load) one(client kubernetes.Interface, namespace string, good bool) {
	pod := badPod("bad")
	if good {
		pod = goodPod("good")
	}
	_, err := client.CoreV1().Pods(namespace).Create(context.Background(), pod, dryRun)
	switch {
	case err == nil && good:
		l.allowed.Add(1)
	case !good && denial(err):
		l.denied.Add(1)
	default:
		l.lock.Lock()
		defer l.lock.Unlock()
		if l.failed++; len(l.failures) < 20 {
			l.failures = append(l.failures, fmt.Sprintf("%s, %s: %v", time.Now().Format("15:04:05.000"), pod.Name, err))
		}
	}
}

// denial says whether an error is Plimsoll's no, and not that it could not be asked.
func denial(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), ".plimsoll.dev\" denied the request: ")
}

// pause lets what is under way end, and keeps the load away until the returned function is called.
func (l *load) pause() (resume func()) {
	l.gate.Lock()
	since := time.Now()
	l.resume = sync.OnceFunc(func() {
		l.paused += time.Since(since)
		l.gate.Unlock()
	})
	return l.resume
}

// forgive forgets the failures so far and returns their number and the first of them.
func (l *load) forgive() (int, []string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	failed, texts := l.failed, l.failures
	l.failed, l.failures = 0, nil
	return failed, texts
}

// failing says whether a call has failed that was not forgiven.
func (l *load) failing() bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.failed > 0
}

// done counts what was answered so far.
func (l *load) done() int64 { return l.allowed.Load() + l.denied.Load() }

// stop ends the load and complains of every call that was neither allowed nor denied as it should be.
func (l *load) stop(t testing.TB, what string) {
	t.Helper()
	l.cancel()
	l.workers.Wait()
	took := (time.Since(l.begun) - l.paused).Seconds()
	t.Logf("%s: %d creations in %.1f s, %.0f/s: %d allowed, %d denied, %d failed", what, l.done(), took,
		float64(l.done())/took, l.allowed.Load(), l.denied.Load(), l.failed)
	if l.failed > 0 {
		t.Errorf("%s: %d calls failed, among them:\n\t%s", what, l.failed, strings.Join(l.failures, "\n\t"))
	}
	if l.allowed.Load() == 0 || l.denied.Load() == 0 {
		t.Errorf("%s: the load asked nothing", what)
	}
}

// goodPod passes restricted and least-privilege.
func goodPod(name string) *corev1.Pod {
	yes, no, user := true, false, int64(10001)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no,
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user, FSGroup: &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{goodContainer("app")},
		},
	}
}

func goodContainer(name string) corev1.Container {
	yes, no := true, false
	return corev1.Container{Name: name, Image: "registry.example/app:1", SecurityContext: &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}}
}

// badPod fails baseline for one reason alone.
func badPod(name string) *corev1.Pod {
	pod := goodPod(name)
	pod.Spec.HostPID = true
	return pod
}
