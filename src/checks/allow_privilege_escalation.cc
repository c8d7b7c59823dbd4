#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/allowPrivilegeEscalation";
constexpr Reference kReferences[] = {{kPss, "restricted (v1.8+): Privilege Escalation"},
                                     {kCisKubernetes, "5.2.6"},
                                     {kCisDocker, "5.26"},
                                     {kNsa, "Pod security enforcement"}};
constexpr ParamSpec kParams[] = {kExemptWindows};

// Absent means true: the kernel's no_new_privs flag is only set for an explicit false.
bool passes(const Container& c) { return c.security_context.allow_privilege_escalation == false; }

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c))
      out.push_back(
          {c.path + std::string(kField),
           fmt::format("{} may gain privileges: allowPrivilegeEscalation is {}", quoted(c),
                       c.security_context.allow_privilege_escalation
                           ? "true"
                           : "not set, which allows it")});
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c)) out.push_back({c.path + std::string(kField), false});
}

std::string cel(const Params& params, const CelNames& in) {
  return cel_or_exempt(
      params, in,
      fmt::format(
          "{}.all(c, has(c.allowPrivilegeEscalation) && c.allowPrivilegeEscalation == false)",
          in.contexts));
}

}  // namespace

extern constinit const Check allow_privilege_escalation{
    .id = "allow-privilege-escalation",
    .title = "Containers cannot gain new privileges",
    .rationale = "With privilege escalation allowed, a set-user-ID program in the image gives a "
                 "process more power than the container was started with.",
    .remedy = "Set allowPrivilegeEscalation to false in the container's securityContext.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(containers:
- name: app
  securityContext:
    allowPrivilegeEscalation: false
)",
    .counterexample = R"(containers:
- name: app
  securityContext: {}  # allowPrivilegeEscalation is not set, which allows it
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
