package conformance

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// fault is one mistake that a judge could make, planted in upstream's own check. The generator is
// fine enough only if it makes a pod on which each of them shows.
type fault struct {
	check   policy.CheckID
	mistake string
	plant   func(policy.Check) policy.Check
	// silent says why the mistake never turns a verdict, only the list of failing controls; empty:
	// some pod must be allowed that upstream refuses, or the other way round.
	silent string
}

func (f fault) name() string { return string(f.check) + " " + f.mistake }

// --- ways to be wrong ------------------------------------------------------------------------------

type wrongly = func(policy.Check) policy.Check

// sees: the check judges something else than the pod it was given.
func sees(edit func(*corev1.Pod)) wrongly {
	return func(check policy.Check) policy.Check {
		return rewrite(check, func(_ api.Version, inner policy.CheckPodFn) policy.CheckPodFn {
			return func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
				pod := corev1.Pod{ObjectMeta: *meta.DeepCopy(), Spec: *spec.DeepCopy()}
				edit(&pod)
				return inner(&pod.ObjectMeta, &pod.Spec)
			}
		})
	}
}

// allows: the check lets a pod pass without a look.
func allows(when func(*corev1.Pod) bool) wrongly {
	return outcome(true, when)
}

// refuses: the check has no mercy with a pod.
func refuses(when func(*corev1.Pod) bool) wrongly {
	return outcome(false, when)
}

func outcome(allowed bool, when func(*corev1.Pod) bool) wrongly {
	return func(check policy.Check) policy.Check {
		return rewrite(check, func(_ api.Version, inner policy.CheckPodFn) policy.CheckPodFn {
			return func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
				if when(&corev1.Pod{ObjectMeta: *meta, Spec: *spec}) {
					return policy.CheckResult{Allowed: allowed}
				}
				return inner(meta, spec)
			}
		})
	}
}

// since: the check's nth form holds from another version on.
func since(nth, minor int) wrongly {
	return func(check policy.Check) policy.Check {
		check.Versions = slices.Clone(check.Versions)
		check.Versions[nth].MinimumVersion = api.MajorMinorVersion(1, minor)
		return check
	}
}

// never: the check's nth form is forgotten.
func never(nth int) wrongly {
	return func(check policy.Check) policy.Check {
		check.Versions = slices.Delete(slices.Clone(check.Versions), nth, nth+1)
		return check
	}
}

// alongside: the check does not take the place of the one that it overrides.
func alongside(check policy.Check) policy.Check {
	check.Versions = slices.Clone(check.Versions)
	for i := range check.Versions {
		check.Versions[i].OverrideCheckIDs = nil
	}
	return check
}

// --- parts of a pod --------------------------------------------------------------------------------

func containersOf(pod *corev1.Pod) []*corev1.Container {
	var all []*corev1.Container
	for i := range pod.Spec.InitContainers {
		all = append(all, &pod.Spec.InitContainers[i])
	}
	for i := range pod.Spec.Containers {
		all = append(all, &pod.Spec.Containers[i])
	}
	for i := range pod.Spec.EphemeralContainers {
		all = append(all, (*corev1.Container)(&pod.Spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
	return all
}

// each edits every container.
func each(edit func(*corev1.Container)) wrongly {
	return sees(func(pod *corev1.Pod) {
		for _, container := range containersOf(pod) {
			edit(container)
		}
	})
}

// eachContext edits every security context of a container.
func eachContext(edit func(*corev1.SecurityContext)) wrongly {
	return each(func(container *corev1.Container) {
		if container.SecurityContext != nil {
			edit(container.SecurityContext)
		}
	})
}

// podContext edits the pod's security context.
func podContext(edit func(*corev1.PodSecurityContext)) wrongly {
	return sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext != nil {
			edit(pod.Spec.SecurityContext)
		}
	})
}

func anyContainer(holds func(*corev1.Container) bool) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return slices.ContainsFunc(containersOf(pod), holds) }
}

func anyContext(holds func(*corev1.SecurityContext) bool) func(*corev1.Pod) bool {
	return anyContainer(func(container *corev1.Container) bool {
		return container.SecurityContext != nil && holds(container.SecurityContext)
	})
}

func windows(pod *corev1.Pod) bool { return pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows }

func userNamespace(pod *corev1.Pod) bool { return pod.Spec.HostUsers != nil && !*pod.Spec.HostUsers }

// aliasWindows takes other spellings of windows for it.
func aliasWindows(pod *corev1.Pod) {
	if pod.Spec.OS != nil && strings.EqualFold(strings.TrimSpace(string(pod.Spec.OS.Name)), "windows") {
		pod.Spec.OS.Name = corev1.Windows
	}
}

// capabilityNames edits the names of the capabilities that are added.
func capabilityNames(edit func(string) string) wrongly {
	return eachContext(func(context *corev1.SecurityContext) {
		if context.Capabilities != nil {
			for i, name := range context.Capabilities.Add {
				context.Capabilities.Add[i] = corev1.Capability(edit(string(name)))
			}
		}
	})
}

// capabilityDrops edits the list of the capabilities that are dropped.
func capabilityDrops(edit func([]corev1.Capability) []corev1.Capability) wrongly {
	return eachContext(func(context *corev1.SecurityContext) {
		if context.Capabilities != nil {
			context.Capabilities.Drop = edit(context.Capabilities.Drop)
		}
	})
}

func adds(name corev1.Capability) func(*corev1.Pod) bool {
	return anyContext(func(context *corev1.SecurityContext) bool {
		return context.Capabilities != nil && slices.Contains(context.Capabilities.Add, name)
	})
}

// sysctlNames edits the names of the sysctls.
func sysctlNames(edit func(string) string) wrongly {
	return podContext(func(context *corev1.PodSecurityContext) {
		for i := range context.Sysctls {
			context.Sysctls[i].Name = edit(context.Sysctls[i].Name)
		}
	})
}

// annotations edits the pod's annotations: a false result drops one.
func annotations(edit func(pod *corev1.Pod, key, value string) (string, string, bool)) wrongly {
	return sees(func(pod *corev1.Pod) {
		edited := map[string]string{}
		for key, value := range pod.Annotations {
			if key, value, keep := edit(pod, key, value); keep {
				edited[key] = value
			}
		}
		pod.Annotations = edited
	})
}

func annotationValues(edit func(string) string) wrongly {
	return annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) { return key, edit(value), true })
}

// volumes edits every volume.
func volumes(edit func(*corev1.Volume)) wrongly {
	return sees(func(pod *corev1.Pod) {
		for i := range pod.Spec.Volumes {
			edit(&pod.Spec.Volumes[i])
		}
	})
}

func anyVolume(holds func(corev1.Volume) bool) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return slices.ContainsFunc(pod.Spec.Volumes, holds) }
}

// seccompProfiles edits where the seccomp profiles stand, at both levels.
func seccompProfiles(edit func(**corev1.SeccompProfile)) wrongly {
	return sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext != nil {
			edit(&pod.Spec.SecurityContext.SeccompProfile)
		}
		for _, container := range containersOf(pod) {
			if container.SecurityContext != nil {
				edit(&container.SecurityContext.SeccompProfile)
			}
		}
	})
}

func appArmorProfiles(edit func(**corev1.AppArmorProfile)) wrongly {
	return sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext != nil {
			edit(&pod.Spec.SecurityContext.AppArmorProfile)
		}
		for _, container := range containersOf(pod) {
			if container.SecurityContext != nil {
				edit(&container.SecurityContext.AppArmorProfile)
			}
		}
	})
}

func selinuxOptions(edit func(*corev1.SELinuxOptions)) wrongly {
	return sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext != nil && pod.Spec.SecurityContext.SELinuxOptions != nil {
			edit(pod.Spec.SecurityContext.SELinuxOptions)
		}
		for _, container := range containersOf(pod) {
			if container.SecurityContext != nil && container.SecurityContext.SELinuxOptions != nil {
				edit(container.SecurityContext.SELinuxOptions)
			}
		}
	})
}

// handlers edits every probe and lifecycle handler of every container, by name.
func handlers(edit func(at string, http *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction)) wrongly {
	return each(func(container *corev1.Container) {
		for at, probe := range map[string]*corev1.Probe{
			"livenessProbe": container.LivenessProbe, "readinessProbe": container.ReadinessProbe, "startupProbe": container.StartupProbe,
		} {
			if probe != nil {
				edit(at, probe.HTTPGet, probe.TCPSocket)
			}
		}
		if lifecycle := container.Lifecycle; lifecycle != nil {
			for at, handler := range map[string]*corev1.LifecycleHandler{
				"postStart": lifecycle.PostStart, "preStop": lifecycle.PreStop,
			} {
				if handler != nil {
					edit(at, handler.HTTPGet, handler.TCPSocket)
				}
			}
		}
	})
}

// deaf forgets the host of one kind of action of one handler; `*` is all of them.
func deaf(handler, action string) wrongly {
	return handlers(func(at string, http *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction) {
		if handler != "*" && handler != at {
			return
		}
		if http != nil && action != "tcpSocket" {
			http.Host = ""
		}
		if tcp != nil && action != "httpGet" {
			tcp.Host = ""
		}
	})
}

func withoutInit(pod *corev1.Pod)      { pod.Spec.InitContainers = nil }
func withoutRegular(pod *corev1.Pod)   { pod.Spec.Containers = nil }
func withoutEphemeral(pod *corev1.Pod) { pod.Spec.EphemeralContainers = nil }
func withoutSidecars(pod *corev1.Pod) {
	pod.Spec.InitContainers = slices.DeleteFunc(pod.Spec.InitContainers, func(container corev1.Container) bool {
		return container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}
func firstOfEachList(pod *corev1.Pod) {
	pod.Spec.InitContainers = head(pod.Spec.InitContainers)
	pod.Spec.Containers = head(pod.Spec.Containers)
	pod.Spec.EphemeralContainers = head(pod.Spec.EphemeralContainers)
}

func head[T any](items []T) []T { return items[:min(1, len(items))] }

func ptr[T any](value T) *T { return &value }
