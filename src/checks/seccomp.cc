#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kProfile = "/securityContext/seccompProfile";
constexpr std::string_view kField = "/securityContext/seccompProfile/type";
constexpr Reference kReferences[] = {{kPss, "baseline (v1.19+), restricted (v1.19+): Seccomp"},
                                     {kCisKubernetes, "5.7.2"},
                                     {kCisDocker, "5.22"},
                                     {kNsa, "Hardening container environments"}};
constexpr ParamSpec kParams[] = {
    {"required", "A profile must be set, by the container or by the pod.", ParamType::Flag},
    kExemptWindows};

bool allowed(std::string_view type) { return type == "RuntimeDefault" || type == "Localhost"; }
bool bad(const Level& level) {
  return level.context.seccomp_type && !allowed(*level.context.seccomp_type);
}

// The containers that say nothing themselves take the pod's word.
bool silent(const Container& c) { return !c.security_context.seccomp_type; }
bool pod_must_say(const Pod& pod, const Params& params) {
  return params.flag("required") && !pod.security_context.seccomp_type &&
         std::ranges::any_of(pod.containers, silent);
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  if (pod_must_say(pod, params))
    out.push_back(
        {pod.spec(kField),
         fmt::format("{} may make any system call: neither the pod nor the container sets "
                     "a seccomp profile",
                     list_containers(pod, silent))});
  each_level(pod, [&](const Level& level) {
    if (bad(level))
      out.push_back({level.at(kField), fmt::format("{} sets the seccomp profile type \"{}\"",
                                                   level.who(), *level.context.seccomp_type)});
  });
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  if (pod_must_say(pod, params)) out.push_back({pod.spec(kField), std::string("RuntimeDefault")});
  each_level(pod, [&](const Level& level) {
    if (!bad(level)) return;
    // The API server takes localhostProfile beside the type Localhost only.
    if (level.context.seccomp_localhost) out.push_back({level.at(kProfile), {}});
    out.push_back({level.at(kField), std::string("RuntimeDefault")});
  });
}

std::string cel(const Params& params, const CelNames& in) {
  constexpr std::string_view kAllowed =
      R"(has(c.seccompProfile.type) && c.seccompProfile.type in ["RuntimeDefault", "Localhost"])";
  return cel_or_exempt(
      params, in,
      params.flag("required")
          ? cel_inherited(in, "seccompProfile", kAllowed)
          : cel_each_level(in, fmt::format("!has(c.seccompProfile) || {}", kAllowed)));
}

}  // namespace

extern constinit const Check seccomp{
    .id = "seccomp",
    .title = "A seccomp profile is in force",
    .rationale = "The runtime's profile blocks the system calls that programs hardly ever need and "
                 "exploits often do.",
    .remedy =
        "Set seccompProfile.type to RuntimeDefault in the pod's securityContext, or to Localhost "
        "with a profile of your own.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(securityContext:
  seccompProfile:
    type: RuntimeDefault
)",
    .counterexample = R"(securityContext:
  seccompProfile:
    type: Unconfined
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
