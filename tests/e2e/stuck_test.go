package e2e

import (
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestNothingIsStuck ends what was there before its namespace was restricted: with the controllers of a
// real cluster, and violations in every pod.
func TestNothingIsStuck(t *testing.T) {
	c := sharedCluster(t)
	c.install(t, options{})
	c.controllers(t, "namespace-controller", "garbage-collector-controller", "job-controller", "replicaset-controller", "deployment-controller")
	restrict := func(t *testing.T, namespace string) {
		t.Helper()
		if err := label(t, c.client, namespace, map[string]string{enforceLabel: "restricted"}); err != nil {
			t.Fatal(err)
		}
		c.denies(t, namespace)
	}
	gone := func(t *testing.T, what string, get func() error) {
		t.Helper()
		eventually(t, soon, func() (bool, string) {
			err := get()
			return apierrors.IsNotFound(err), fmt.Sprintf("%s must be gone: %v", what, err)
		})
	}
	finalizers := []string{"example.com/wait"}

	t.Run("a namespace whose pods have finalizers", func(t *testing.T) {
		namespace := c.namespace(t, "ending", nil)
		for _, name := range []string{"one", "two"} {
			pod := badPod(name)
			pod.Finalizers = finalizers
			c.create(t, namespace, pod)
		}
		c.create(t, namespace, badPod("three"))
		restrict(t, namespace)
		if err := c.client.CoreV1().Namespaces().Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		gone(t, "a pod without finalizer", func() error {
			_, err := c.client.CoreV1().Pods(namespace).Get(t.Context(), "three", metav1.GetOptions{})
			return err
		})
		for _, name := range []string{"one", "two"} {
			pod := must(c.client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{}))(t)
			if pod.DeletionTimestamp == nil {
				// The namespace controller has not come to it.
				eventually(t, soon, func() (bool, string) {
					pod = must(c.client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{}))(t)
					return pod.DeletionTimestamp != nil, "a pod of the namespace is not being deleted"
				})
			}
			// Whoever set the finalizer takes it away with a whole update, and the status with another.
			pod.Finalizers = nil
			if _, err := c.client.CoreV1().Pods(namespace).Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
				t.Errorf("the finalizer of %s: %v", name, err)
			}
		}
		gone(t, "the namespace", func() error {
			_, err := c.client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
			return err
		})
	})

	t.Run("a garbage-collected owner", func(t *testing.T) {
		for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationBackground, metav1.DeletePropagationOrphan} {
			t.Run(string(policy), func(t *testing.T) {
				namespace := c.namespace(t, "owner", nil)
				deployment := kinds()[4]
				if err := deployment.create(t.Context(), c.client, namespace, badPod("web")); err != nil {
					t.Fatal(err)
				}
				must(c.client.AppsV1().Deployments(namespace).Patch(t.Context(), "web", types.MergePatchType, []byte(`{"spec":{"replicas":2}}`),
					metav1.PatchOptions{}, "scale"))(t)
				var pods []corev1.Pod
				eventually(t, soon, func() (bool, string) {
					pods = must(c.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{}))(t).Items
					return len(pods) == 2, fmt.Sprintf("%d pods", len(pods))
				})
				restrict(t, namespace)
				if err := c.client.AppsV1().Deployments(namespace).Delete(t.Context(), "web", metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
					t.Fatal(err)
				}
				gone(t, "the deployment", func() error {
					_, err := c.client.AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
					return err
				})
				if policy == metav1.DeletePropagationOrphan {
					// The collector took the owner out of the ReplicaSet; its pods are still its own. Now out of the pods.
					for _, set := range must(c.client.AppsV1().ReplicaSets(namespace).List(t.Context(), metav1.ListOptions{}))(t).Items {
						if err := c.client.AppsV1().ReplicaSets(namespace).Delete(t.Context(), set.Name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
							t.Fatal(err)
						}
						gone(t, "the replica set", func() error {
							_, err := c.client.AppsV1().ReplicaSets(namespace).Get(t.Context(), set.Name, metav1.GetOptions{})
							return err
						})
					}
					for _, pod := range must(c.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{}))(t).Items {
						if len(pod.OwnerReferences) > 0 {
							t.Errorf("%s still has an owner", pod.Name)
						}
						if err := c.client.CoreV1().Pods(namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
							t.Error(err)
						}
					}
				}
				eventually(t, soon, func() (bool, string) {
					left := must(c.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{}))(t).Items
					return len(left) == 0, fmt.Sprintf("%d pods are left", len(left))
				})
			})
		}
	})

	t.Run("a Job's finalizer", func(t *testing.T) {
		namespace := c.namespace(t, "job", nil)
		pod := badPod("batch")
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		must(c.client.BatchV1().Jobs(namespace).Create(t.Context(), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "batch"},
			Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pod.Spec}}}, metav1.CreateOptions{}))(t)
		var made corev1.Pod
		eventually(t, soon, func() (bool, string) {
			pods := must(c.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{}))(t).Items
			if len(pods) == 1 {
				made = pods[0]
			}
			return len(pods) == 1, fmt.Sprintf("%d pods", len(pods))
		})
		if len(made.Finalizers) == 0 {
			t.Fatal("the pod of a Job has no finalizer")
		}
		restrict(t, namespace)
		// As a kubelet reports the end of it.
		made.Status.Phase = corev1.PodSucceeded
		must(c.client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), &made, metav1.UpdateOptions{}))(t)
		eventually(t, soon, func() (bool, string) {
			job := must(c.client.BatchV1().Jobs(namespace).Get(t.Context(), "batch", metav1.GetOptions{}))(t)
			return job.Status.Succeeded == 1 && job.Status.CompletionTime != nil, fmt.Sprintf("the job: %+v", job.Status)
		})
		background := metav1.DeletePropagationBackground
		if err := c.client.BatchV1().Jobs(namespace).Delete(t.Context(), "batch", metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
			t.Fatal(err)
		}
		eventually(t, soon, func() (bool, string) {
			left := must(c.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{}))(t).Items
			return len(left) == 0, fmt.Sprintf("%d pods are left: %v", len(left), left)
		})
	})
}
