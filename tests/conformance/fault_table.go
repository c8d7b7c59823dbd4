package conformance

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/policy"
)

// faults is the table of planted mistakes.
var faults = slices.Concat(listFaults(), []fault{
	{check: "hostNamespaces", mistake: "ignores hostNetwork", plant: sees(func(pod *corev1.Pod) { pod.Spec.HostNetwork = false })},
	{check: "hostNamespaces", mistake: "ignores hostPID", plant: sees(func(pod *corev1.Pod) { pod.Spec.HostPID = false })},
	{check: "hostNamespaces", mistake: "ignores hostIPC", plant: sees(func(pod *corev1.Pod) { pod.Spec.HostIPC = false })},
	{check: "hostNamespaces", mistake: "starts at v1.1", plant: since(0, 1)},
	{check: "hostNamespaces", mistake: "lets Windows pods pass", plant: allows(windows)},

	{check: "privileged", mistake: "starts at v1.1", plant: since(0, 1)},
	{check: "privileged", mistake: "takes false for true", plant: refuses(anyContext(func(context *corev1.SecurityContext) bool { return context.Privileged != nil }))},
	{check: "privileged", mistake: "lets user namespaces pass", plant: allows(userNamespace)},

	{check: "capabilities_baseline", mistake: "ignores case", plant: capabilityNames(strings.ToUpper)},
	{check: "capabilities_baseline", mistake: "drops the prefix CAP_", plant: capabilityNames(func(name string) string { return strings.TrimPrefix(name, "CAP_") })},
	{check: "capabilities_baseline", mistake: "trims spaces", plant: capabilityNames(strings.TrimSpace)},
	{check: "capabilities_baseline", mistake: "allows NET_RAW", plant: capabilityNames(rename("NET_RAW", "CHOWN"))},
	{check: "capabilities_baseline", mistake: "allows ALL", plant: capabilityNames(rename("ALL", "CHOWN"))},
	{check: "capabilities_baseline", mistake: "allows the empty name", plant: capabilityNames(rename("", "CHOWN"))},
	{check: "capabilities_baseline", mistake: "matches a prefix", plant: capabilityNames(prefixOf(allowedCapabilities))},
	{check: "capabilities_baseline", mistake: "looks at the first only", plant: eachContext(func(context *corev1.SecurityContext) {
		if context.Capabilities != nil {
			context.Capabilities.Add = head(context.Capabilities.Add)
		}
	})},
	{check: "capabilities_baseline", mistake: "lets Windows pods pass", plant: allows(windows)},

	{check: "capabilities_restricted", mistake: "starts at v1.21", plant: since(0, 21)},
	{check: "capabilities_restricted", mistake: "starts at v1.23", plant: since(0, 23)},
	{check: "capabilities_restricted", mistake: "exempts Windows from v1.24", plant: since(1, 24)},
	{check: "capabilities_restricted", mistake: "exempts Windows from v1.26", plant: since(1, 26)},
	{check: "capabilities_restricted", mistake: "never exempts Windows", plant: never(1)},
	{check: "capabilities_restricted", mistake: "takes any case of windows", plant: sees(aliasWindows)},
	{check: "capabilities_restricted", mistake: "drops `all` too", plant: capabilityDrops(mapped(strings.ToUpper))},
	{check: "capabilities_restricted", mistake: "drops CAP_ALL too", plant: capabilityDrops(mapped(func(name string) string { return strings.TrimPrefix(name, "CAP_") }))},
	{check: "capabilities_restricted", mistake: "looks at the first drop only", plant: capabilityDrops(head[corev1.Capability])},
	{check: "capabilities_restricted", mistake: "takes any drop for all", plant: capabilityDrops(mapped(func(string) string { return "ALL" }))},
	{check: "capabilities_restricted", mistake: "does not ask to drop", plant: each(func(container *corev1.Container) {
		context := contextOf(container)
		if context.Capabilities == nil {
			context.Capabilities = &corev1.Capabilities{}
		}
		context.Capabilities.Drop = []corev1.Capability{"ALL"}
	})},
	{check: "capabilities_restricted", mistake: "takes an absent securityContext for compliant", plant: each(func(container *corev1.Container) {
		if container.SecurityContext == nil {
			contextOf(container).Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
		}
	}),
		silent: "allowPrivilegeEscalation refuses such a container too, wherever this check is asked"},
	{check: "capabilities_restricted", mistake: "takes absent capabilities for compliant", plant: eachContext(func(context *corev1.SecurityContext) {
		if context.Capabilities == nil {
			context.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
		}
	})},
	{check: "capabilities_restricted", mistake: "takes an absent drop for compliant", plant: capabilityDrops(func(drop []corev1.Capability) []corev1.Capability {
		if drop == nil {
			return []corev1.Capability{"ALL"}
		}
		return drop
	})},
	{check: "capabilities_restricted", mistake: "takes absent and empty drops for different", plant: capabilityDrops(func(drop []corev1.Capability) []corev1.Capability {
		if drop != nil && len(drop) == 0 {
			return []corev1.Capability{"ALL"}
		}
		return drop
	})},
	{check: "capabilities_restricted", mistake: "ignores what is added", plant: eachContext(func(context *corev1.SecurityContext) {
		if context.Capabilities != nil {
			context.Capabilities.Add = nil
		}
	})},
	{check: "capabilities_restricted", mistake: "allows what baseline allows", plant: capabilityNames(func(name string) string {
		if slices.Contains(allowedCapabilities, node(name)) {
			return "NET_BIND_SERVICE"
		}
		return name
	})},
	{check: "capabilities_restricted", mistake: "refuses NET_BIND_SERVICE", plant: capabilityNames(rename("NET_BIND_SERVICE", "x"))},
	{check: "capabilities_restricted", mistake: "allows CAP_NET_BIND_SERVICE", plant: capabilityNames(rename("CAP_NET_BIND_SERVICE", "NET_BIND_SERVICE"))},
	{check: "capabilities_restricted", mistake: "looks at the first added only", plant: eachContext(func(context *corev1.SecurityContext) {
		if context.Capabilities != nil {
			context.Capabilities.Add = head(context.Capabilities.Add)
		}
	})},
	{check: "capabilities_restricted", mistake: "leaves the baseline check in force", plant: alongside},

	{check: "hostPathVolumes", mistake: "looks at the first volume only", plant: sees(func(pod *corev1.Pod) { pod.Spec.Volumes = head(pod.Spec.Volumes) })},
	{check: "hostPathVolumes", mistake: "looks at the last volume only", plant: sees(func(pod *corev1.Pod) {
		pod.Spec.Volumes = pod.Spec.Volumes[max(0, len(pod.Spec.Volumes)-1):]
	})},
	{check: "hostPathVolumes", mistake: "takes an empty hostPath for absent", plant: volumes(func(volume *corev1.Volume) {
		if volume.HostPath != nil && volume.HostPath.Path == "" {
			volume.HostPath = nil
		}
	})},
	{check: "hostPathVolumes", mistake: "misses a hostPath beside another source", plant: volumes(func(volume *corev1.Volume) {
		for _, set := range volumeFields(volume) {
			if set {
				volume.HostPath = nil
			}
		}
	})},
	{check: "hostPathVolumes", mistake: "lets user namespaces pass", plant: allows(userNamespace)},

	{check: "hostPorts", mistake: "ignores negative ports", plant: ports(func(port *corev1.ContainerPort) { port.HostPort = max(0, port.HostPort) })},
	{check: "hostPorts", mistake: "ignores all but privileged ports", plant: ports(func(port *corev1.ContainerPort) {
		if port.HostPort >= 1024 {
			port.HostPort = 0
		}
	})},
	{check: "hostPorts", mistake: "keeps 16 bits of a port", plant: ports(func(port *corev1.ContainerPort) { port.HostPort = int32(uint16(port.HostPort)) })},
	{check: "hostPorts", mistake: "ignores a port that is the container's", plant: ports(func(port *corev1.ContainerPort) {
		if port.HostPort == port.ContainerPort {
			port.HostPort = 0
		}
	})},
	{check: "hostPorts", mistake: "looks at the first port only", plant: each(func(container *corev1.Container) { container.Ports = head(container.Ports) })},
	{check: "hostPorts", mistake: "takes the container's port for the host's", plant: ports(func(port *corev1.ContainerPort) { port.HostPort = port.ContainerPort })},

	{check: "appArmorProfile", mistake: "ignores the pod's profile", plant: podContext(func(context *corev1.PodSecurityContext) { context.AppArmorProfile = nil })},
	{check: "appArmorProfile", mistake: "ignores the containers' profiles", plant: eachContext(func(context *corev1.SecurityContext) { context.AppArmorProfile = nil })},
	{check: "appArmorProfile", mistake: "takes an empty type for absent", plant: appArmorProfiles(func(profile **corev1.AppArmorProfile) {
		if *profile != nil && (*profile).Type == "" {
			*profile = nil
		}
	})},
	{check: "appArmorProfile", mistake: "refuses Localhost", plant: appArmorProfiles(func(profile **corev1.AppArmorProfile) {
		if *profile != nil && (*profile).Type == "Localhost" {
			(*profile).Type = "x"
		}
	})},
	{check: "appArmorProfile", mistake: "ignores case", plant: appArmorProfiles(func(profile **corev1.AppArmorProfile) {
		if *profile != nil && strings.EqualFold(string((*profile).Type), "localhost") {
			(*profile).Type = "Localhost"
		}
	})},
	{check: "appArmorProfile", mistake: "ignores annotations", plant: sees(func(pod *corev1.Pod) { pod.Annotations = nil })},
	{check: "appArmorProfile", mistake: "ignores annotations of containers that the pod has not", plant: annotations(func(pod *corev1.Pod, key, value string) (string, string, bool) {
		name := strings.TrimPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix)
		known := slices.ContainsFunc(containersOf(pod), func(container *corev1.Container) bool { return container.Name == name })
		return key, value, known
	})},
	{check: "appArmorProfile", mistake: "ignores the annotation of no name", plant: annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) {
		return key, value, key != corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix
	})},
	{check: "appArmorProfile", mistake: "reads the annotation's key in any case", plant: annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) {
		return strings.ToLower(key), value, true
	})},
	{check: "appArmorProfile", mistake: "finds the key's prefix anywhere", plant: annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) {
		return strings.TrimPrefix(key, "x."), value, true
	})},
	{check: "appArmorProfile", mistake: "refuses an empty annotation", plant: annotationValues(rename("", "x"))},
	{check: "appArmorProfile", mistake: "allows `localhost` alone", plant: annotationValues(rename("localhost", "localhost/"))},
	{check: "appArmorProfile", mistake: "refuses `localhost/` alone", plant: annotationValues(rename("localhost/", "x"))},
	{check: "appArmorProfile", mistake: "allows docker/default", plant: annotationValues(rename("docker/default", "runtime/default"))},
	{check: "appArmorProfile", mistake: "allows what starts with runtime/default", plant: annotationValues(prefixOf([]node{"runtime/default"}))},
	{check: "appArmorProfile", mistake: "trims spaces", plant: annotationValues(strings.TrimSpace)},
	{check: "appArmorProfile", mistake: "ignores the annotation's case", plant: annotationValues(strings.ToLower)},
	{check: "appArmorProfile", mistake: "reads annotations before v1.30 only", plant: func(check policy.Check) policy.Check {
		blind := sees(func(pod *corev1.Pod) { pod.Annotations = nil })(check).Versions[0]
		return withVersion(check, 30, blind.CheckPod)
	}},

	{check: "seLinuxOptions", mistake: "ignores the user", plant: selinuxOptions(func(options *corev1.SELinuxOptions) { options.User = "" })},
	{check: "seLinuxOptions", mistake: "ignores the role", plant: selinuxOptions(func(options *corev1.SELinuxOptions) { options.Role = "" })},
	{check: "seLinuxOptions", mistake: "ignores the type", plant: selinuxOptions(func(options *corev1.SELinuxOptions) { options.Type = "" })},
	{check: "seLinuxOptions", mistake: "refuses a level", plant: selinuxOptions(func(options *corev1.SELinuxOptions) { options.User += options.Level })},
	{check: "seLinuxOptions", mistake: "ignores the pod's options", plant: podContext(func(context *corev1.PodSecurityContext) { context.SELinuxOptions = nil })},
	{check: "seLinuxOptions", mistake: "ignores the containers' options", plant: eachContext(func(context *corev1.SecurityContext) { context.SELinuxOptions = nil })},
	{check: "seLinuxOptions", mistake: "allows container_engine_t from v1.30", plant: since(1, 30)},
	{check: "seLinuxOptions", mistake: "allows container_engine_t from v1.32", plant: since(1, 32)},
	{check: "seLinuxOptions", mistake: "never allows container_engine_t", plant: never(1)},
	{check: "seLinuxOptions", mistake: "refuses container_kvm_t", plant: selinuxType("container_kvm_t", "x")},
	{check: "seLinuxOptions", mistake: "refuses container_init_t", plant: selinuxType("container_init_t", "x")},
	{check: "seLinuxOptions", mistake: "refuses an empty type", plant: selinuxType("", "x")},
	{check: "seLinuxOptions", mistake: "ignores case", plant: selinuxOptions(func(options *corev1.SELinuxOptions) { options.Type = strings.ToLower(options.Type) })},
	{check: "seLinuxOptions", mistake: "trims spaces", plant: selinuxOptions(func(options *corev1.SELinuxOptions) { options.Type = strings.TrimSpace(options.Type) })},
	{check: "seLinuxOptions", mistake: "matches a prefix", plant: selinuxOptions(func(options *corev1.SELinuxOptions) {
		if strings.HasPrefix(options.Type, "container_") {
			options.Type = "container_t"
		}
	})},
	{check: "seLinuxOptions", mistake: "allows a user of blanks", plant: selinuxOptions(func(options *corev1.SELinuxOptions) {
		options.User, options.Role = strings.TrimSpace(options.User), strings.TrimSpace(options.Role)
	})},

	{check: "procMount", mistake: "takes the empty text for absent", plant: emptyProcMount},
	{check: "procMount", mistake: "ignores case", plant: procMounts(func(mount string) string {
		if strings.EqualFold(mount, "Default") {
			return "Default"
		}
		return mount
	})},
	{check: "procMount", mistake: "trims spaces", plant: procMounts(strings.TrimSpace)},
	{check: "procMount", mistake: "lets user namespaces pass from v1.34", plant: since(1, 34)},
	{check: "procMount", mistake: "lets user namespaces pass from v1.36", plant: since(1, 36)},
	{check: "procMount", mistake: "never lets user namespaces pass", plant: never(1)},
	{check: "procMount", mistake: "takes any hostUsers for a user namespace", plant: anyHostUsers},
	{check: "procMount", mistake: "takes absent hostUsers for a user namespace", plant: defaultHostUsers},
	{check: "procMount", mistake: "refuses only Unmasked", plant: procMounts(func(mount string) string {
		if mount != "Unmasked" {
			return "Default"
		}
		return mount
	})},

	{check: "procMount_restricted", mistake: "lets user namespaces pass", plant: allows(userNamespace)},
	{check: "procMount_restricted", mistake: "starts at v1.36", plant: since(0, 36)},
	{check: "procMount_restricted", mistake: "takes the empty text for absent", plant: emptyProcMount},
	{check: "procMount_restricted", mistake: "starts at v1.34", plant: since(0, 34),
		silent: "baseline's check refused the same pods at v1.34; only its name changes"},
	{check: "procMount_restricted", mistake: "leaves the baseline check in force", plant: alongside,
		silent: "the overridden check refuses a part of what this one refuses"},

	{check: "seccompProfile_baseline", mistake: "reads fields from v1.18", plant: since(1, 18)},
	{check: "seccompProfile_baseline", mistake: "reads fields from v1.20", plant: since(1, 20)},
	{check: "seccompProfile_baseline", mistake: "never reads fields", plant: never(1)},
	{check: "seccompProfile_baseline", mistake: "ignores the pod's annotation", plant: annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) {
		return key, value, key != "seccomp.security.alpha.kubernetes.io/pod"
	})},
	{check: "seccompProfile_baseline", mistake: "ignores the containers' annotations", plant: annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) {
		return key, value, key == "seccomp.security.alpha.kubernetes.io/pod"
	})},
	{check: "seccompProfile_baseline", mistake: "reads annotations of containers that the pod has not", plant: annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) {
		if strings.HasPrefix(key, "container.seccomp.security.alpha.kubernetes.io/") {
			return "seccomp.security.alpha.kubernetes.io/pod", value, true
		}
		return key, value, true
	})},
	{check: "seccompProfile_baseline", mistake: "ignores the annotation of no name", plant: annotations(func(_ *corev1.Pod, key, value string) (string, string, bool) {
		return key, value, key != "container.seccomp.security.alpha.kubernetes.io/"
	})},
	{check: "seccompProfile_baseline", mistake: "allows an empty annotation", plant: annotationValues(rename("", "runtime/default"))},
	{check: "seccompProfile_baseline", mistake: "refuses docker/default", plant: annotationValues(rename("docker/default", "x"))},
	{check: "seccompProfile_baseline", mistake: "allows `localhost` alone", plant: annotationValues(rename("localhost", "localhost/"))},
	{check: "seccompProfile_baseline", mistake: "allows what starts with runtime/default", plant: annotationValues(prefixOf([]node{"runtime/default"}))},
	{check: "seccompProfile_baseline", mistake: "ignores the annotation's case", plant: annotationValues(strings.ToLower)},
	{check: "seccompProfile_baseline", mistake: "ignores the pod's profile", plant: podContext(func(context *corev1.PodSecurityContext) { context.SeccompProfile = nil })},
	{check: "seccompProfile_baseline", mistake: "ignores the containers' profiles", plant: eachContext(func(context *corev1.SecurityContext) { context.SeccompProfile = nil })},
	{check: "seccompProfile_baseline", mistake: "takes an empty type for absent", plant: emptySeccomp},
	{check: "seccompProfile_baseline", mistake: "asks for a profile", plant: refuses(func(pod *corev1.Pod) bool {
		return pod.Spec.SecurityContext == nil || pod.Spec.SecurityContext.SeccompProfile == nil
	})},
	{check: "seccompProfile_baseline", mistake: "lets Windows pods pass", plant: allows(windows)},

	{check: "seccompProfile_restricted", mistake: "starts at v1.18", plant: since(0, 18)},
	{check: "seccompProfile_restricted", mistake: "starts at v1.20", plant: since(0, 20)},
	{check: "seccompProfile_restricted", mistake: "exempts Windows from v1.24", plant: since(1, 24)},
	{check: "seccompProfile_restricted", mistake: "exempts Windows from v1.26", plant: since(1, 26)},
	{check: "seccompProfile_restricted", mistake: "never exempts Windows", plant: never(1)},
	{check: "seccompProfile_restricted", mistake: "takes any case of windows", plant: sees(aliasWindows)},
	{check: "seccompProfile_restricted", mistake: "leaves the baseline check in force", plant: alongside},
	{check: "seccompProfile_restricted", mistake: "does not inherit the pod's profile", plant: refuses(anyContainer(func(container *corev1.Container) bool {
		return container.SecurityContext == nil || container.SecurityContext.SeccompProfile == nil
	}))},
	{check: "seccompProfile_restricted", mistake: "takes the pod's profile for every container's", plant: sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext == nil || pod.Spec.SecurityContext.SeccompProfile == nil {
			return
		}
		for _, container := range containersOf(pod) {
			contextOf(container).SeccompProfile = nil
		}
	})},
	{check: "seccompProfile_restricted", mistake: "ignores the pod's bad profile where each container has its own", plant: sees(func(pod *corev1.Pod) {
		if !anyContainer(func(container *corev1.Container) bool {
			return container.SecurityContext == nil || container.SecurityContext.SeccompProfile == nil
		})(pod) && pod.Spec.SecurityContext != nil {
			pod.Spec.SecurityContext.SeccompProfile = nil
		}
	})},
	{check: "seccompProfile_restricted", mistake: "takes an empty type for absent", plant: emptySeccomp},
	{check: "seccompProfile_restricted", mistake: "refuses Localhost", plant: seccompProfiles(func(profile **corev1.SeccompProfile) {
		if *profile != nil && (*profile).Type == "Localhost" {
			(*profile).Type = "x"
		}
	})},
	{check: "seccompProfile_restricted", mistake: "ignores case", plant: seccompProfiles(func(profile **corev1.SeccompProfile) {
		if *profile != nil && strings.EqualFold(string((*profile).Type), "localhost") {
			(*profile).Type = "Localhost"
		}
	})},
	{check: "seccompProfile_restricted", mistake: "takes absent for allowed", plant: sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext == nil {
			pod.Spec.SecurityContext = &corev1.PodSecurityContext{}
		}
		if pod.Spec.SecurityContext.SeccompProfile == nil {
			pod.Spec.SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: "RuntimeDefault"}
		}
	})},
	{check: "seccompProfile_restricted", mistake: "asks for a profile of the pod's even without containers", plant: refuses(func(pod *corev1.Pod) bool {
		return len(containersOf(pod)) == 0
	})},

	{check: "sysctls", mistake: "knows v1.27 from v1.26", plant: since(1, 26)},
	{check: "sysctls", mistake: "knows v1.27 from v1.28", plant: since(1, 28)},
	{check: "sysctls", mistake: "knows v1.29 from v1.28", plant: since(2, 28)},
	{check: "sysctls", mistake: "knows v1.29 from v1.30", plant: since(2, 30)},
	{check: "sysctls", mistake: "knows v1.32 from v1.31", plant: since(3, 31)},
	{check: "sysctls", mistake: "knows v1.32 from v1.33", plant: since(3, 33)},
	{check: "sysctls", mistake: "knows v1.37 from v1.36", plant: since(4, 36)},
	{check: "sysctls", mistake: "never knows v1.37", plant: never(4)},
	{check: "sysctls", mistake: "knows v1.37 from v1.38", plant: since(4, 38)},
	{check: "sysctls", mistake: "ignores case", plant: sysctlNames(strings.ToLower)},
	{check: "sysctls", mistake: "takes a slash for a dot", plant: sysctlNames(func(name string) string { return strings.ReplaceAll(name, "/", ".") })},
	{check: "sysctls", mistake: "trims spaces", plant: sysctlNames(strings.TrimSpace)},
	{check: "sysctls", mistake: "matches a prefix", plant: sysctlNames(prefixOf(goodSysctls[:5]))},
	{check: "sysctls", mistake: "allows the empty name", plant: sysctlNames(rename("", "kernel.shm_rmid_forced"))},
	{check: "sysctls", mistake: "looks at the first only", plant: podContext(func(context *corev1.PodSecurityContext) { context.Sysctls = head(context.Sysctls) })},
	{check: "sysctls", mistake: "lets Windows pods pass", plant: allows(windows)},

	{check: "windowsHostProcess", mistake: "ignores the pod", plant: podContext(func(context *corev1.PodSecurityContext) { context.WindowsOptions = nil })},
	{check: "windowsHostProcess", mistake: "ignores the containers", plant: eachContext(func(context *corev1.SecurityContext) { context.WindowsOptions = nil })},
	{check: "windowsHostProcess", mistake: "asks Windows pods only", plant: allows(func(pod *corev1.Pod) bool { return !windows(pod) })},
	{check: "windowsHostProcess", mistake: "exempts Windows pods", plant: allows(windows)},
	{check: "windowsHostProcess", mistake: "takes false for true", plant: refuses(anyContext(func(context *corev1.SecurityContext) bool {
		return context.WindowsOptions != nil && context.WindowsOptions.HostProcess != nil
	}))},
	{check: "windowsHostProcess", mistake: "lets a container overrule the pod", plant: sees(func(pod *corev1.Pod) {
		if anyContext(func(context *corev1.SecurityContext) bool {
			return context.WindowsOptions != nil && context.WindowsOptions.HostProcess != nil && !*context.WindowsOptions.HostProcess
		})(pod) && pod.Spec.SecurityContext != nil {
			pod.Spec.SecurityContext.WindowsOptions = nil
		}
	})},
	{check: "windowsHostProcess", mistake: "starts at v1.22, as hostProcess did", plant: since(0, 22)},

	{check: "restrictedVolumes", mistake: "starts at v1.1", plant: since(0, 1)},
	{check: "restrictedVolumes", mistake: "looks at the first volume only", plant: sees(func(pod *corev1.Pod) { pod.Spec.Volumes = head(pod.Spec.Volumes) })},
	{check: "restrictedVolumes", mistake: "allows a volume without a source", plant: volumes(func(volume *corev1.Volume) {
		if volume.VolumeSource == (corev1.VolumeSource{}) {
			volume.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	})},
	{check: "restrictedVolumes", mistake: "refuses a volume with any restricted source", plant: refuses(anyVolume(func(volume corev1.Volume) bool {
		return volume.HostPath != nil || volume.NFS != nil || volume.ISCSI != nil || volume.FC != nil
	}))},
	{check: "restrictedVolumes", mistake: "leaves the baseline check in force", plant: alongside},
	{check: "restrictedVolumes", mistake: "does not know image volumes before v1.31", plant: func(check policy.Check) policy.Check {
		inner := check.Versions[0].CheckPod
		before := refuses(anyVolume(func(volume corev1.Volume) bool { return volume.Image != nil }))(check)
		return withVersion(before, 31, inner)
	}},
	{check: "restrictedVolumes", mistake: "takes an empty source for absent", plant: volumes(func(volume *corev1.Volume) {
		if volume.EmptyDir != nil && *volume.EmptyDir == (corev1.EmptyDirVolumeSource{}) {
			volume.EmptyDir = nil
		}
	})},

	{check: "allowPrivilegeEscalation", mistake: "starts at v1.7", plant: since(0, 7)},
	{check: "allowPrivilegeEscalation", mistake: "starts at v1.9", plant: since(0, 9)},
	{check: "allowPrivilegeEscalation", mistake: "exempts Windows from v1.24", plant: since(1, 24)},
	{check: "allowPrivilegeEscalation", mistake: "exempts Windows from v1.26", plant: since(1, 26)},
	{check: "allowPrivilegeEscalation", mistake: "never exempts Windows", plant: never(1)},
	{check: "allowPrivilegeEscalation", mistake: "takes any case of windows", plant: sees(aliasWindows)},
	{check: "allowPrivilegeEscalation", mistake: "takes absent for allowed", plant: each(func(container *corev1.Container) {
		if context := contextOf(container); context.AllowPrivilegeEscalation == nil {
			context.AllowPrivilegeEscalation = ptr(false)
		}
	})},
	{check: "allowPrivilegeEscalation", mistake: "takes an absent securityContext for compliant", plant: each(func(container *corev1.Container) {
		if container.SecurityContext == nil {
			container.SecurityContext = &corev1.SecurityContext{AllowPrivilegeEscalation: ptr(false)}
		}
	})},
	{check: "allowPrivilegeEscalation", mistake: "takes true for false", plant: eachContext(func(context *corev1.SecurityContext) {
		if context.AllowPrivilegeEscalation != nil {
			*context.AllowPrivilegeEscalation = false
		}
	})},
	{check: "allowPrivilegeEscalation", mistake: "lets user namespaces pass", plant: allows(userNamespace)},

	{check: "runAsNonRoot", mistake: "lets user namespaces pass from v1.34", plant: since(1, 34)},
	{check: "runAsNonRoot", mistake: "lets user namespaces pass from v1.36", plant: since(1, 36)},
	{check: "runAsNonRoot", mistake: "never lets user namespaces pass", plant: never(1)},
	{check: "runAsNonRoot", mistake: "takes any hostUsers for a user namespace", plant: anyHostUsers},
	{check: "runAsNonRoot", mistake: "takes absent hostUsers for a user namespace", plant: defaultHostUsers},
	{check: "runAsNonRoot", mistake: "does not inherit the pod's value", plant: refuses(anyContainer(func(container *corev1.Container) bool {
		return container.SecurityContext == nil || container.SecurityContext.RunAsNonRoot == nil
	}))},
	{check: "runAsNonRoot", mistake: "takes the pod's value for every container's", plant: sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext == nil || pod.Spec.SecurityContext.RunAsNonRoot == nil {
			return
		}
		for _, container := range containersOf(pod) {
			contextOf(container).RunAsNonRoot = nil
		}
	})},
	{check: "runAsNonRoot", mistake: "ignores the pod's false where each container says true", plant: sees(func(pod *corev1.Pod) {
		if !anyContainer(func(container *corev1.Container) bool {
			return container.SecurityContext == nil || container.SecurityContext.RunAsNonRoot == nil
		})(pod) && pod.Spec.SecurityContext != nil {
			pod.Spec.SecurityContext.RunAsNonRoot = nil
		}
	})},
	{check: "runAsNonRoot", mistake: "takes absent for allowed", plant: sees(func(pod *corev1.Pod) {
		if pod.Spec.SecurityContext == nil {
			pod.Spec.SecurityContext = &corev1.PodSecurityContext{}
		}
		if pod.Spec.SecurityContext.RunAsNonRoot == nil {
			pod.Spec.SecurityContext.RunAsNonRoot = ptr(true)
		}
	})},
	{check: "runAsNonRoot", mistake: "takes a runAsUser other than 0 for enough", plant: sees(func(pod *corev1.Pod) {
		if context := pod.Spec.SecurityContext; context != nil && context.RunAsUser != nil && *context.RunAsUser != 0 && context.RunAsNonRoot == nil {
			context.RunAsNonRoot = ptr(true)
		}
	})},
	{check: "runAsNonRoot", mistake: "exempts Windows", plant: allows(windows)},

	{check: "runAsUser", mistake: "starts at v1.22", plant: since(0, 22)},
	{check: "runAsUser", mistake: "starts at v1.24", plant: since(0, 24)},
	{check: "runAsUser", mistake: "lets user namespaces pass from v1.34", plant: since(1, 34)},
	{check: "runAsUser", mistake: "lets user namespaces pass from v1.36", plant: since(1, 36)},
	{check: "runAsUser", mistake: "never lets user namespaces pass", plant: never(1)},
	{check: "runAsUser", mistake: "takes any hostUsers for a user namespace", plant: anyHostUsers},
	{check: "runAsUser", mistake: "takes absent hostUsers for a user namespace", plant: defaultHostUsers},
	{check: "runAsUser", mistake: "ignores the pod's id", plant: podContext(func(context *corev1.PodSecurityContext) { context.RunAsUser = nil })},
	{check: "runAsUser", mistake: "ignores the containers' ids", plant: eachContext(func(context *corev1.SecurityContext) { context.RunAsUser = nil })},
	{check: "runAsUser", mistake: "refuses negative ids", plant: userIDs(func(id int64) int64 { return max(0, id) })},
	{check: "runAsUser", mistake: "keeps 32 bits of an id", plant: userIDs(func(id int64) int64 { return int64(uint32(id)) })},
	{check: "runAsUser", mistake: "lets a container's id overrule the pod's 0", plant: sees(func(pod *corev1.Pod) {
		if context := pod.Spec.SecurityContext; context != nil && anyContext(func(context *corev1.SecurityContext) bool { return context.RunAsUser != nil })(pod) {
			context.RunAsUser = nil
		}
	})},
	{check: "runAsUser", mistake: "asks for an id", plant: refuses(func(pod *corev1.Pod) bool {
		return pod.Spec.SecurityContext == nil || pod.Spec.SecurityContext.RunAsUser == nil
	})},
	{check: "runAsUser", mistake: "reads runAsGroup", plant: podContext(func(context *corev1.PodSecurityContext) { context.RunAsUser = context.RunAsGroup })},

	{check: "hostProbesAndHostLifecycle", mistake: "starts at v1.33", plant: since(0, 33)},
	{check: "hostProbesAndHostLifecycle", mistake: "starts at v1.35", plant: since(0, 35)},
	{check: "hostProbesAndHostLifecycle", mistake: "ignores every httpGet", plant: deaf("*", "httpGet")},
	{check: "hostProbesAndHostLifecycle", mistake: "ignores every tcpSocket", plant: deaf("*", "tcpSocket")},
	{check: "hostProbesAndHostLifecycle", mistake: "allows localhost", plant: hosts(rename("localhost", ""))},
	{check: "hostProbesAndHostLifecycle", mistake: "allows 127.0.0.1", plant: hosts(rename("127.0.0.1", ""))},
	{check: "hostProbesAndHostLifecycle", mistake: "trims spaces", plant: hosts(strings.TrimSpace)},
	{check: "hostProbesAndHostLifecycle", mistake: "refuses an action without a host", plant: hosts(rename("", "x"))},
	{check: "hostProbesAndHostLifecycle", mistake: "reads the first action of a handler only", plant: handlers(func(_ string, http *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction) {
		if http != nil && tcp != nil {
			tcp.Host = ""
		}
	})},
})

// listFaults are the mistakes that any check could make that goes through a list.
func listFaults() []fault {
	var all []fault
	for _, check := range []policy.CheckID{"privileged", "capabilities_baseline", "capabilities_restricted", "hostPorts",
		"appArmorProfile", "seLinuxOptions", "procMount", "procMount_restricted", "seccompProfile_baseline", "seccompProfile_restricted",
		"windowsHostProcess", "allowPrivilegeEscalation", "runAsNonRoot", "runAsUser", "hostProbesAndHostLifecycle"} {
		all = append(all,
			fault{check: check, mistake: "ignores init containers", plant: sees(withoutInit)},
			fault{check: check, mistake: "ignores restartable init containers", plant: sees(withoutSidecars)},
			fault{check: check, mistake: "ignores regular containers", plant: sees(withoutRegular)},
			fault{check: check, mistake: "ignores ephemeral containers", plant: sees(withoutEphemeral)},
			fault{check: check, mistake: "looks at the first container of a list only", plant: sees(firstOfEachList)})
	}
	for _, name := range allowedCapabilities {
		all = append(all, fault{check: "capabilities_baseline", mistake: fmt.Sprint("refuses ", name), plant: capabilityNames(rename(name.(string), "x"))})
	}
	for _, name := range goodSysctls {
		all = append(all, fault{check: "sysctls", mistake: fmt.Sprint("refuses ", name), plant: sysctlNames(rename(name.(string), "x"))})
	}
	for i, kind := range volumeFieldNames {
		set := func(volume corev1.Volume) bool { return volumeFields(&volume)[i] }
		if slices.Contains(allowedVolumeKinds, kind) {
			all = append(all, fault{check: "restrictedVolumes", mistake: "refuses " + kind, plant: refuses(anyVolume(set))})
		} else {
			all = append(all, fault{check: "restrictedVolumes", mistake: "allows " + kind, plant: volumes(func(volume *corev1.Volume) {
				if set(*volume) {
					volume.EmptyDir = &corev1.EmptyDirVolumeSource{}
				}
			})})
		}
	}
	for _, handler := range []string{"livenessProbe", "readinessProbe", "startupProbe", "postStart", "preStop"} {
		for _, action := range []string{"httpGet", "tcpSocket"} {
			all = append(all, fault{check: "hostProbesAndHostLifecycle", mistake: "ignores " + handler + "." + action, plant: deaf(handler, action)})
		}
	}
	return all
}

// withVersion makes a check behave otherwise from a version on.
func withVersion(check policy.Check, minor int, then policy.CheckPodFn) policy.Check {
	last := check.Versions[len(check.Versions)-1]
	last.CheckPod = then
	last.MinimumVersion = versions[minor]
	check.Versions = append(slices.Clone(check.Versions), last)
	return check
}

// volumeFieldNames are the kinds of volumes but hostPath; volumeFields says which of them are set.
var volumeFieldNames = []string{"emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs", "iscsi", "glusterfs",
	"persistentVolumeClaim", "rbd", "flexVolume", "cinder", "cephfs", "flocker", "downwardAPI", "fc", "azureFile", "configMap",
	"vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "projected", "portworxVolume", "scaleIO", "storageos", "csi",
	"ephemeral", "image"}

func volumeFields(v *corev1.Volume) []bool {
	return []bool{v.EmptyDir != nil, v.GCEPersistentDisk != nil, v.AWSElasticBlockStore != nil, v.GitRepo != nil, v.Secret != nil,
		v.NFS != nil, v.ISCSI != nil, v.Glusterfs != nil, v.PersistentVolumeClaim != nil, v.RBD != nil, v.FlexVolume != nil,
		v.Cinder != nil, v.CephFS != nil, v.Flocker != nil, v.DownwardAPI != nil, v.FC != nil, v.AzureFile != nil, v.ConfigMap != nil,
		v.VsphereVolume != nil, v.Quobyte != nil, v.AzureDisk != nil, v.PhotonPersistentDisk != nil, v.Projected != nil,
		v.PortworxVolume != nil, v.ScaleIO != nil, v.StorageOS != nil, v.CSI != nil, v.Ephemeral != nil, v.Image != nil}
}

func rename(from, to string) func(string) string {
	return func(name string) string {
		if name == from {
			return to
		}
		return name
	}
}

// prefixOf takes what starts with an allowed value for that value.
func prefixOf(allowed []node) func(string) string {
	return func(name string) string {
		for _, value := range allowed {
			if strings.HasPrefix(name, value.(string)) {
				return value.(string)
			}
		}
		return name
	}
}

func mapped(edit func(string) string) func([]corev1.Capability) []corev1.Capability {
	return func(names []corev1.Capability) []corev1.Capability {
		for i, name := range names {
			names[i] = corev1.Capability(edit(string(name)))
		}
		return names
	}
}

func contextOf(container *corev1.Container) *corev1.SecurityContext {
	if container.SecurityContext == nil {
		container.SecurityContext = &corev1.SecurityContext{}
	}
	return container.SecurityContext
}

func ports(edit func(*corev1.ContainerPort)) wrongly {
	return each(func(container *corev1.Container) {
		for i := range container.Ports {
			edit(&container.Ports[i])
		}
	})
}

func selinuxType(from, to string) wrongly {
	return selinuxOptions(func(options *corev1.SELinuxOptions) { options.Type = rename(from, to)(options.Type) })
}

func procMounts(edit func(string) string) wrongly {
	return eachContext(func(context *corev1.SecurityContext) {
		if context.ProcMount != nil {
			*context.ProcMount = corev1.ProcMountType(edit(string(*context.ProcMount)))
		}
	})
}

var emptyProcMount = procMounts(rename("", "Default"))

var emptySeccomp = seccompProfiles(func(profile **corev1.SeccompProfile) {
	if *profile != nil && (*profile).Type == "" {
		*profile = nil
	}
})

var anyHostUsers = sees(func(pod *corev1.Pod) {
	if pod.Spec.HostUsers != nil {
		*pod.Spec.HostUsers = false
	}
})

var defaultHostUsers = sees(func(pod *corev1.Pod) {
	if pod.Spec.HostUsers == nil {
		pod.Spec.HostUsers = ptr(false)
	}
})

func userIDs(edit func(int64) int64) wrongly {
	return sees(func(pod *corev1.Pod) {
		if context := pod.Spec.SecurityContext; context != nil && context.RunAsUser != nil {
			*context.RunAsUser = edit(*context.RunAsUser)
		}
		for _, container := range containersOf(pod) {
			if context := container.SecurityContext; context != nil && context.RunAsUser != nil {
				*context.RunAsUser = edit(*context.RunAsUser)
			}
		}
	})
}

func hosts(edit func(string) string) wrongly {
	return handlers(func(_ string, http *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction) {
		if http != nil {
			http.Host = edit(http.Host)
		}
		if tcp != nil {
			tcp.Host = edit(tcp.Host)
		}
	})
}
