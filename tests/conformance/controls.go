package conformance

import (
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

var (
	// reference is upstream as it is.
	reference     = newJudge(upstreamChecks)
	upstreamAsked = asked(upstreamChecks)
)

// alias says which control of upstream's a check of Plimsoll's stands for: the first of them that
// upstream asks at the level and version at hand. What overrides what thus stays upstream's own word.
type alias struct {
	controls []policy.CheckID
	// since and before are the minor versions between which the check may be heard of; 0: no bound.
	// Two checks that stand for one control must not be taken for one another.
	since, before int
}

var aliases = map[string]alias{
	"allow-privilege-escalation": {controls: []policy.CheckID{"allowPrivilegeEscalation"}},
	"apparmor":                   {controls: []policy.CheckID{"appArmorProfile"}},
	"capabilities-add":           {controls: []policy.CheckID{"capabilities_restricted", "capabilities_baseline"}},
	"drop-all":                   {controls: []policy.CheckID{"capabilities_restricted"}},
	"host-namespaces":            {controls: []policy.CheckID{"hostNamespaces"}},
	"host-path":                  {controls: []policy.CheckID{"hostPathVolumes"}},
	"host-ports":                 {controls: []policy.CheckID{"hostPorts"}},
	"privileged":                 {controls: []policy.CheckID{"privileged"}},
	"probe-host":                 {controls: []policy.CheckID{"hostProbesAndHostLifecycle"}},
	"proc-mount":                 {controls: []policy.CheckID{"procMount_restricted", "procMount"}},
	"run-as-non-root":            {controls: []policy.CheckID{"runAsNonRoot"}},
	"run-as-user":                {controls: []policy.CheckID{"runAsUser"}},
	"seccomp":                    {controls: []policy.CheckID{"seccompProfile_restricted", "seccompProfile_baseline"}, since: 19},
	"seccomp-annotations":        {controls: []policy.CheckID{"seccompProfile_baseline"}, before: 19},
	"selinux":                    {controls: []policy.CheckID{"seLinuxOptions"}},
	"sysctls":                    {controls: []policy.CheckID{"sysctls"}},
	"volume-types":               {controls: []policy.CheckID{"restrictedVolumes"}},
	"windows-host-process":       {controls: []policy.CheckID{"windowsHostProcess"}},
}

// controlOf is the control that a check of Plimsoll's stands for at a level and version.
func controlOf(check string, at api.LevelVersion) (controls, error) {
	known, found := aliases[check]
	if !found {
		return 0, fmt.Errorf("check %q stands for no control of upstream's", check)
	}
	minor := newestMinor
	if !at.Version.Latest() {
		minor = at.Version.Minor()
	}
	if minor < known.since || known.before > 0 && minor >= known.before {
		return 0, fmt.Errorf("check %q should not be asked at %s", check, at)
	}
	i := slices.IndexFunc(known.controls, func(id policy.CheckID) bool { return control(id)&upstreamAsked(at) != 0 })
	if i < 0 {
		return 0, fmt.Errorf("check %q stands for nothing that upstream asks at %s", check, at)
	}
	return control(known.controls[i]), nil
}

// mentioned are the controls, of any version, that the checks behind a denial stand for.
func mentioned(response *admissionv1.AdmissionResponse) controls {
	var all controls
	if response.Allowed || response.Result == nil || response.Result.Details == nil {
		return all
	}
	for _, cause := range response.Result.Details.Causes {
		for _, id := range aliases[string(cause.Type)].controls {
			all |= control(id)
		}
	}
	return all
}

// wanted are the controls that upstream finds a pod to fail.
func wanted(at api.LevelVersion, pod *corev1.Pod) controls { return reference.failing(at, pod) }
