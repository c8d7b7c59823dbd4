package conformance

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/admission"
	admissionapi "k8s.io/pod-security-admission/admission/api"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"
)

// webhook is upstream's whole admission, not only its checks, with one namespace for each mode,
// level and version.
type webhook struct {
	*admission.Admission
	namespaces namespaces
}

func newWebhook() (webhook, error) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return webhook{}, err
	}
	const privileged, latest = string(api.LevelPrivileged), api.VersionLatest
	w := webhook{&admission.Admission{
		Configuration: &admissionapi.PodSecurityConfiguration{Defaults: admissionapi.PodSecurityDefaults{
			Enforce: privileged, EnforceVersion: latest, Audit: privileged, AuditVersion: latest, Warn: privileged, WarnVersion: latest,
		}},
		Evaluator: evaluator,
		Metrics:   unmeasured{},
		PodLister: noPods{},
	}, namespaces{}}
	w.NamespaceGetter = w.namespaces
	for _, mode := range modes {
		for _, level := range levels {
			for _, version := range versions {
				at := api.LevelVersion{Level: level, Version: version}
				w.namespaces[namespaceOf(mode, at)] = policyLabels(mode, at)
			}
		}
	}
	if err := w.CompleteConfiguration(); err != nil {
		return webhook{}, err
	}
	return w, w.ValidateConfiguration()
}

var modes = []string{"enforce", "warn", "audit"}

func namespaceOf(mode string, at api.LevelVersion) string { return mode + "-" + at.String() }

// policyLabels are what binds a namespace to a policy. Upstream's enforce mode says nothing of
// workloads but in its warnings, so there both stand.
func policyLabels(mode string, at api.LevelVersion) map[string]string {
	labels := map[string]string{}
	bind := func(level, version string) {
		labels[level], labels[version] = string(at.Level), at.Version.String()
	}
	switch mode {
	case "enforce":
		bind(api.EnforceLevelLabel, api.EnforceVersionLabel)
		bind(api.WarnLevelLabel, api.WarnVersionLabel)
	case "warn":
		bind(api.WarnLevelLabel, api.WarnVersionLabel)
	case "audit":
		bind(api.AuditLevelLabel, api.AuditVersionLabel)
	}
	return labels
}

// review is upstream's response to the very bytes that Plimsoll is sent.
func (w webhook) review(body []byte) (*admissionv1.AdmissionResponse, error) {
	kind := admissionv1.SchemeGroupVersion.WithKind("AdmissionReview")
	decoded, _, err := codecs.UniversalDeserializer().Decode(body, &kind, nil)
	if err != nil {
		return nil, err
	}
	review, ok := decoded.(*admissionv1.AdmissionReview)
	if !ok || review.Request == nil {
		return nil, fmt.Errorf("decoded a %T, not a review with a request", decoded)
	}
	// Upstream would log each object that it has no opinion on.
	quiet := logr.NewContext(context.Background(), logr.Discard())
	return w.Validate(quiet, api.RequestAttributes(review.Request, codecs.UniversalDeserializer())), nil
}

// template is what upstream finds to judge in an object; nil: nothing.
func template(kind metav1.GroupVersionKind, raw []byte) (*corev1.Pod, error) {
	expected := corev1.SchemeGroupVersion.WithKind(kind.Kind)
	expected.Group, expected.Version = kind.Group, kind.Version
	decoded, _, err := codecs.UniversalDeserializer().Decode(raw, &expected, nil)
	if err != nil {
		return nil, err
	}
	meta, spec, err := admission.DefaultPodSpecExtractor{}.ExtractPodSpec(decoded)
	if err != nil || spec == nil {
		return nil, err
	}
	return &corev1.Pod{ObjectMeta: *meta, Spec: *spec}, nil
}

type namespaces map[string]map[string]string

func (n namespaces) GetNamespace(_ context.Context, name string) (*corev1.Namespace, error) {
	labels, found := n[name]
	if !found {
		return nil, fmt.Errorf("no namespace %q", name)
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, nil
}

type noPods struct{}

func (noPods) ListPods(context.Context, string) ([]*corev1.Pod, error) { return nil, nil }

type unmeasured struct{}

func (unmeasured) RecordEvaluation(metrics.Decision, api.LevelVersion, metrics.Mode, api.Attributes) {
}
func (unmeasured) RecordExemption(api.Attributes)   {}
func (unmeasured) RecordError(bool, api.Attributes) {}

// objects says whether upstream has something to say against a request, in the manner of the mode.
// A workload is never denied by upstream, only warned about: on a fixed route Plimsoll judges it in
// the route's own mode, so there upstream's warning stands for the denial.
func objects(mode string, r request, response *admissionv1.AdmissionResponse) bool {
	switch mode {
	case "enforce":
		if r.resource.Group == "" && r.resource.Resource == "pods" {
			return !response.Allowed
		}
		return len(response.Warnings) > 0
	case "warn":
		return len(response.Warnings) > 0
	}
	_, found := response.AuditAnnotations[api.AuditViolationsAnnotationKey]
	return found
}

// reaction is what an answer of Plimsoll's does.
type reaction struct{ denied, warned, audited bool }

func reactionOf(response *admissionv1.AdmissionResponse) reaction {
	// The key is upstream's too: the API server puts the webhook's name before it.
	_, audited := response.AuditAnnotations[api.AuditViolationsAnnotationKey]
	return reaction{!response.Allowed, len(response.Warnings) > 0, audited}
}

// expected is what an objection leads to on a route of that mode. One thing is gentler than the
// mode: an UPDATE of a workload that leaves its template alone is only warned about, as by upstream.
func expected(mode string, objected, gentle bool) reaction {
	if !objected {
		return reaction{}
	}
	return reaction{
		denied:  mode == "enforce" && !gentle,
		warned:  mode == "warn" || mode == "enforce" && gentle,
		audited: mode == "audit",
	}
}

func (r reaction) String() string {
	return fmt.Sprintf("denied: %t, warned: %t, audited: %t", r.denied, r.warned, r.audited)
}
