package conformance

import (
	"bytes"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// request is what an AdmissionReview asks, its objects as the bytes that are sent: encoding them
// anew would lose how they are spelt.
type request struct {
	uid               string
	kind              metav1.GroupVersionKind
	resource          metav1.GroupVersionResource
	subresource       string
	operation         admissionv1.Operation
	name, namespace   string
	object, oldObject []byte // null if empty
}

var podKind = workload{kind: "Pod", version: "v1", resource: "pods"}

// createPod asks for a pod to be created.
func createPod(uid string, pod []byte) request {
	r := podKind.request(admissionv1.Create, pod, nil)
	r.uid = uid
	return r
}

// review spells the request. The members stand in one of three orders, told by the number: the API
// server's, the objects before all that says what they are, and the objects between.
func (r request) review(order int) []byte {
	null := func(raw []byte) []byte {
		if len(raw) == 0 {
			return []byte("null")
		}
		return raw
	}
	kind := fmt.Appendf(nil, `{"group":%s,"version":%s,"kind":%s}`, plain(r.kind.Group), plain(r.kind.Version), plain(r.kind.Kind))
	resource := fmt.Appendf(nil, `{"group":%s,"version":%s,"resource":%s}`, plain(r.resource.Group), plain(r.resource.Version), plain(r.resource.Resource))
	subresource := [2][]byte{}
	if r.subresource != "" {
		subresource[0] = fmt.Appendf(nil, `"subResource":%s,`, plain(r.subresource))
		subresource[1] = fmt.Appendf(nil, `"requestSubResource":%s,`, plain(r.subresource))
	}
	what := fmt.Appendf(nil, `"uid":%s,"kind":%s,"resource":%s,%s"requestKind":%s,"requestResource":%s,%s`,
		plain(r.uid), kind, resource, subresource[0], kind, resource, subresource[1])
	who := fmt.Appendf(nil, `"name":%s,"namespace":%s,"operation":%s,"userInfo":{"username":"alice","groups":["shop"]},`,
		plain(r.name), plain(r.namespace), plain(string(r.operation)))
	objects := bytes.Join([][]byte{[]byte(`"object":`), null(r.object), []byte(`,"oldObject":`), null(r.oldObject), []byte(`,`)}, nil)
	rest := []byte(`"dryRun":false,"options":null`)

	const head, body = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1",`, `"request":{`
	switch order % 3 {
	case 0:
		return bytes.Join([][]byte{[]byte(head + body), what, who, objects, rest, []byte(`}}`)}, nil)
	case 1:
		return bytes.Join([][]byte{[]byte(`{` + body), objects, what, who, rest, []byte(`},` + head[1:len(head)-1] + `}`)}, nil)
	}
	return bytes.Join([][]byte{[]byte(head + body), who, objects, what, rest, []byte(`}}`)}, nil)
}

// workload is a kind with a pod in it, or a pod.
type workload struct {
	kind, group, version, resource string
	path                           []string // where the template stands
}

var workloads = []workload{
	{"ReplicationController", "", "v1", "replicationcontrollers", []string{"spec", "template"}},
	{"PodTemplate", "", "v1", "podtemplates", []string{"template"}},
	{"ReplicaSet", "apps", "v1", "replicasets", []string{"spec", "template"}},
	{"Deployment", "apps", "v1", "deployments", []string{"spec", "template"}},
	{"StatefulSet", "apps", "v1", "statefulsets", []string{"spec", "template"}},
	{"DaemonSet", "apps", "v1", "daemonsets", []string{"spec", "template"}},
	{"Job", "batch", "v1", "jobs", []string{"spec", "template"}},
	{"CronJob", "batch", "v1", "cronjobs", []string{"spec", "jobTemplate", "spec", "template"}},
}

// object is one of that kind without a template.
func (w workload) object() *object {
	version := w.version
	if w.group != "" {
		version = w.group + "/" + w.version
	}
	return obj("kind", w.kind, "apiVersion", version, "metadata", obj("name", "web", "namespace", "shop"))
}

// with is one of that kind whose template is that of a pod.
func (w workload) with(pod *object) *object {
	if len(w.path) == 0 {
		return pod
	}
	template := obj()
	for _, part := range []string{"metadata", "spec"} {
		if pod.index(part) >= 0 {
			template.set(part, pod.get(part))
		}
	}
	return w.withTemplate(template)
}

// withTemplate is one of that kind with anything for a template.
func (w workload) withTemplate(template node) *object {
	out := w.object()
	last := len(w.path) - 1
	out.object(w.path[:last]...).set(w.path[last], template)
	return out
}

// request asks for one of that kind.
func (w workload) request(operation admissionv1.Operation, object, oldObject []byte) request {
	return request{
		uid:       "00000000-0000-4000-8000-000000000000",
		kind:      metav1.GroupVersionKind{Group: w.group, Version: w.version, Kind: w.kind},
		resource:  metav1.GroupVersionResource{Group: w.group, Version: w.version, Resource: w.resource},
		operation: operation,
		name:      "web", namespace: "shop",
		object: object, oldObject: oldObject,
	}
}
