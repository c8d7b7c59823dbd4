package e2e

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// kind is one of the kinds that hold a pod.
type kind struct {
	name, resource string
	create         func(ctx context.Context, client kubernetes.Interface, namespace string, pod *corev1.Pod) error
}

// kinds are all nine. The object is named as its pod is.
func kinds() []kind { return kindsWith(metav1.CreateOptions{}) }

// kindsWith are those, created with options.
func kindsWith(options metav1.CreateOptions) []kind {
	labels := map[string]string{"app": "e2e"}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	template := func(pod *corev1.Pod) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: pod.Annotations}, Spec: pod.Spec}
	}
	job := func(pod *corev1.Pod) batchv1.JobSpec {
		made := template(pod)
		made.Labels = nil
		made.Spec.RestartPolicy = corev1.RestartPolicyNever
		return batchv1.JobSpec{Template: made}
	}
	named := func(pod *corev1.Pod) metav1.ObjectMeta { return metav1.ObjectMeta{Name: pod.Name} }
	var none int32
	return []kind{
		{"Pod", "pods", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.CoreV1().Pods(ns).Create(ctx, pod, options)
			return err
		}},
		{"ReplicationController", "replicationcontrollers", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			made := template(pod)
			_, err := c.CoreV1().ReplicationControllers(ns).Create(ctx, &corev1.ReplicationController{ObjectMeta: named(pod),
				Spec: corev1.ReplicationControllerSpec{Replicas: &none, Selector: labels, Template: &made}}, options)
			return err
		}},
		{"PodTemplate", "podtemplates", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.CoreV1().PodTemplates(ns).Create(ctx, &corev1.PodTemplate{ObjectMeta: named(pod), Template: template(pod)}, options)
			return err
		}},
		{"ReplicaSet", "replicasets", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.AppsV1().ReplicaSets(ns).Create(ctx, &appsv1.ReplicaSet{ObjectMeta: named(pod),
				Spec: appsv1.ReplicaSetSpec{Replicas: &none, Selector: selector, Template: template(pod)}}, options)
			return err
		}},
		{"Deployment", "deployments", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.AppsV1().Deployments(ns).Create(ctx, &appsv1.Deployment{ObjectMeta: named(pod),
				Spec: appsv1.DeploymentSpec{Replicas: &none, Selector: selector, Template: template(pod)}}, options)
			return err
		}},
		{"StatefulSet", "statefulsets", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.AppsV1().StatefulSets(ns).Create(ctx, &appsv1.StatefulSet{ObjectMeta: named(pod),
				Spec: appsv1.StatefulSetSpec{Replicas: &none, Selector: selector, Template: template(pod)}}, options)
			return err
		}},
		{"DaemonSet", "daemonsets", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.AppsV1().DaemonSets(ns).Create(ctx, &appsv1.DaemonSet{ObjectMeta: named(pod),
				Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template(pod)}}, options)
			return err
		}},
		{"Job", "jobs", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.BatchV1().Jobs(ns).Create(ctx, &batchv1.Job{ObjectMeta: named(pod), Spec: job(pod)}, options)
			return err
		}},
		{"CronJob", "cronjobs", func(ctx context.Context, c kubernetes.Interface, ns string, pod *corev1.Pod) error {
			_, err := c.BatchV1().CronJobs(ns).Create(ctx, &batchv1.CronJob{ObjectMeta: named(pod),
				Spec: batchv1.CronJobSpec{Schedule: "0 0 1 1 *", JobTemplate: batchv1.JobTemplateSpec{Spec: job(pod)}}}, options)
			return err
		}},
	}
}

// edit changes a pod that is there, through a subresource if one is named.
func edit(ctx context.Context, client kubernetes.Interface, namespace, name, subresource string, options metav1.UpdateOptions, change func(*corev1.Pod)) error {
	pods := client.CoreV1().Pods(namespace)
	pod, err := pods.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	change(pod)
	switch subresource {
	case "ephemeralcontainers":
		_, err = pods.UpdateEphemeralContainers(ctx, name, pod, options)
	case "resize":
		_, err = pods.UpdateResize(ctx, name, pod, options)
	default:
		_, err = pods.Update(ctx, pod, options)
	}
	return err
}

// withDebug adds an ephemeral container.
func withDebug(container corev1.Container) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: container.Name, Image: container.Image, SecurityContext: container.SecurityContext}})
	}
}

// withCPU changes what the first container asks for.
func withCPU(cpu string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
}

// withImage changes the image of the first container.
func withImage(image string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = image }
}

// debug adds an ephemeral container to a pod that is there.
func debug(ctx context.Context, client kubernetes.Interface, namespace, name string, container corev1.Container) error {
	return edit(ctx, client, namespace, name, "ephemeralcontainers", metav1.UpdateOptions{}, withDebug(container))
}

// privileged is a container that no level but privileged allows.
func privileged(name string) corev1.Container {
	container, yes := goodContainer(name), true
	container.SecurityContext.Privileged = &yes
	container.SecurityContext.AllowPrivilegeEscalation = nil
	return container
}

// resize changes what the first container of a pod asks for.
func resize(ctx context.Context, client kubernetes.Interface, namespace, name, cpu string) error {
	return edit(ctx, client, namespace, name, "resize", metav1.UpdateOptions{}, withCPU(cpu))
}

// image changes the image of the first container of a pod.
func image(ctx context.Context, client kubernetes.Interface, namespace, name, image string) error {
	return edit(ctx, client, namespace, name, "", metav1.UpdateOptions{}, withImage(image))
}

// resizable is a pod whose first container asks for something, so that a resize may change it.
func resizable(pod *corev1.Pod) *corev1.Pod {
	withCPU("10m")(pod)
	return pod
}

var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
