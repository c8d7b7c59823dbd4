package conformance

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// codecs decode as upstream's webhook does: its API groups, no defaulting.
var codecs = func() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, admissionv1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return serializer.NewCodecFactory(scheme)
}()

// decodePod decodes the object of a review.
func decodePod(raw []byte) (*corev1.Pod, error) {
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	decoded, _, err := codecs.UniversalDeserializer().Decode(raw, &kind, nil)
	if err != nil {
		return nil, err
	}
	pod, ok := decoded.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("decoded a %T, not a pod", decoded)
	}
	return pod, nil
}

var (
	upstreamChecks = policy.DefaultChecks()

	// controlIDs are the ids of upstream's checks; the index of each is its bit in controls.
	controlIDs = func() []policy.CheckID {
		var ids []policy.CheckID
		for _, check := range upstreamChecks {
			ids = append(ids, check.ID)
		}
		slices.Sort(ids)
		return ids
	}()

	// newestMinor is the newest version that upstream tells apart.
	newestMinor = func() int {
		newest := 0
		for _, check := range upstreamChecks {
			newest = max(newest, check.Versions[len(check.Versions)-1].MinimumVersion.Minor())
		}
		return newest
	}()

	// versions are all that upstream tells apart, one newer than it knows, and latest.
	versions = func() []api.Version {
		var all []api.Version
		for minor := range newestMinor + 2 {
			all = append(all, api.MajorMinorVersion(1, minor))
		}
		return append(all, api.LatestVersion())
	}()

	levels = []api.Level{api.LevelPrivileged, api.LevelBaseline, api.LevelRestricted}
)

// controls is a set of upstream's checks.
type controls uint32

func control(id policy.CheckID) controls {
	i, found := slices.BinarySearch(controlIDs, id)
	if !found {
		panic("upstream has no check " + string(id))
	}
	return 1 << i
}

func (c controls) ids() []policy.CheckID {
	var ids []policy.CheckID
	for ; c != 0; c &= c - 1 {
		ids = append(ids, controlIDs[bits.TrailingZeros32(uint32(c))])
	}
	return ids
}

func (c controls) String() string {
	var names []string
	for _, id := range c.ids() {
		names = append(names, string(id))
	}
	return strings.Join(names, ", ")
}

// judge is upstream's registry of checks, told to say which checks failed.
type judge struct{ evaluator policy.Evaluator }

// newJudge makes a judge of checks. Each result carries its check's id as the reason, so which
// checks a level and version asks, and which of them override which, stays upstream's own doing.
func newJudge(checks []policy.Check) judge {
	named := slices.Clone(checks)
	for i, check := range named {
		named[i] = rewrite(check, func(_ api.Version, inner policy.CheckPodFn) policy.CheckPodFn {
			return func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
				result := inner(meta, spec)
				result.ForbiddenReason = string(check.ID)
				return result
			}
		})
	}
	evaluator, err := policy.NewEvaluator(named, nil)
	if err != nil {
		panic(err)
	}
	return judge{evaluator}
}

// rewrite replaces the function of each version of a check.
func rewrite(check policy.Check, with func(since api.Version, inner policy.CheckPodFn) policy.CheckPodFn) policy.Check {
	check.Versions = slices.Clone(check.Versions)
	for i, version := range check.Versions {
		check.Versions[i].CheckPod = with(version.MinimumVersion, version.CheckPod)
	}
	return check
}

// failing returns the checks that a pod fails at a level and version.
func (j judge) failing(at api.LevelVersion, pod *corev1.Pod) controls {
	var failed controls
	for _, result := range j.evaluator.EvaluatePod(at, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			failed |= control(policy.CheckID(result.ForbiddenReason))
		}
	}
	return failed
}

// asked returns the checks that a set of checks asks at a level and version, overridden ones left out.
func asked(checks []policy.Check) func(api.LevelVersion) controls {
	refusing := slices.Clone(checks)
	for i, check := range refusing {
		refusing[i] = rewrite(check, func(api.Version, policy.CheckPodFn) policy.CheckPodFn {
			return func(*metav1.ObjectMeta, *corev1.PodSpec) policy.CheckResult {
				return policy.CheckResult{Allowed: false}
			}
		})
	}
	refuser := newJudge(refusing)
	known := map[api.LevelVersion]controls{}
	for _, level := range levels {
		for _, version := range versions {
			at := api.LevelVersion{Level: level, Version: version}
			known[at] = refuser.failing(at, &corev1.Pod{})
		}
	}
	return func(at api.LevelVersion) controls { return known[at] }
}

// templateRef is how Plimsoll names a level at a version.
func templateRef(at api.LevelVersion) string {
	if at.Version.Latest() {
		return string(at.Level)
	}
	return fmt.Sprintf("%s@%s", at.Level, &at.Version)
}
