package conformance

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install" // apps knows its Scale
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
)

// stored is an object as admission has it: of the API server's types, decoded, filled with defaults and converted by the API
// server's own code.
type stored struct {
	workload
	object   runtime.Object
	template *corev1.PodTemplateSpec // nil: it has none, so there is nothing to judge
}

// decodeStored reads an object as the API server reads the body of a request.
var decodeStored = legacyscheme.Codecs.UniversalDecoder()

func (w workload) gvk() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: w.group, Version: w.version, Kind: w.kind}
}

func (w workload) store(raw []byte) (stored, error) {
	internal, err := runtime.Decode(decodeStored, raw)
	if err != nil {
		return stored{}, err
	}
	object, err := legacyscheme.Scheme.New(w.gvk())
	if err != nil {
		return stored{}, err
	}
	// As admission.ConvertToGVK does it.
	if err := legacyscheme.Scheme.Convert(internal, object, nil); err != nil {
		return stored{}, err
	}
	object.GetObjectKind().SetGroupVersionKind(w.gvk())
	return w.of(object)
}

// written is the object without defaults: what no API server has, but what the expressions must take as well.
func (w workload) written(raw []byte) (stored, error) {
	kind := w.gvk()
	object, _, err := codecs.UniversalDeserializer().Decode(raw, &kind, nil)
	if err != nil {
		return stored{}, err
	}
	return w.of(object)
}

func (w workload) of(object runtime.Object) (stored, error) {
	s := stored{workload: w, object: object}
	switch o := object.(type) {
	case *corev1.Pod:
		s.template = &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}
	case *corev1.ReplicationController:
		s.template = o.Spec.Template
	case *corev1.PodTemplate:
		s.template = &o.Template
	case *appsv1.ReplicaSet:
		s.template = &o.Spec.Template
	case *appsv1.Deployment:
		s.template = &o.Spec.Template
	case *appsv1.StatefulSet:
		s.template = &o.Spec.Template
	case *appsv1.DaemonSet:
		s.template = &o.Spec.Template
	case *batchv1.Job:
		s.template = &o.Spec.Template
	case *batchv1.CronJob:
		s.template = &o.Spec.JobTemplate.Spec.Template
	default:
		return s, fmt.Errorf("%T has no template that is known", object)
	}
	return s, nil
}

// meta and spec are those of the pod; a workload without a template has neither.
func (s stored) pod() *corev1.Pod {
	if s.template == nil {
		return &corev1.Pod{}
	}
	return &corev1.Pod{ObjectMeta: s.template.ObjectMeta, Spec: s.template.Spec}
}

// sent is the object as a webhook gets it.
func (s stored) sent() ([]byte, error) { return json.Marshal(s.object) }

// resource is how a request names the kind.
func (w workload) gvr() schema.GroupVersionResource {
	return schema.GroupVersionResource(metav1.GroupVersionResource{Group: w.group, Version: w.version, Resource: w.resource})
}
