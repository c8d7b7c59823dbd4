#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/runAsNonRoot";
constexpr Reference kReferences[] = {
    {kPss, "restricted (v1.0+): Running as Non-root"},
    {kCisKubernetes, "5.2.7"},
    {kCisDocker, "4.1"},
    {kNsa, "\"Non-root\" containers and \"rootless\" container engines"}};
constexpr ParamSpec kParams[] = {kExemptUserNamespaces};

// The containers that say nothing themselves take the pod's word.
bool silent(const Container& c) { return !c.security_context.run_as_non_root; }
bool pod_must_say(const Pod& pod) {
  return !pod.security_context.run_as_non_root && std::ranges::any_of(pod.containers, silent);
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  if (pod_must_say(pod))
    out.push_back(
        {pod.spec(kField), fmt::format("{} may run as root: neither the pod nor the container sets "
                                       "runAsNonRoot",
                                       list_containers(pod, silent))});
  each_level(pod, [&](const Level& level) {
    if (level.context.run_as_non_root == false)
      out.push_back({level.at(kField), fmt::format("{} sets runAsNonRoot to false", level.who())});
  });
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  if (pod_must_say(pod)) out.push_back({pod.spec(kField), true});
  each_level(pod, [&](const Level& level) {
    if (level.context.run_as_non_root == false) out.push_back({level.at(kField), true});
  });
}

std::string cel(const Params& params, const CelNames& in) {
  return cel_or_exempt(params, in, cel_inherited(in, "runAsNonRoot", "c.runAsNonRoot == true"));
}

}  // namespace

extern constinit const Check run_as_non_root{
    .id = "run-as-non-root",
    .title = "Containers run as a user other than root",
    .rationale = "Root in a container is root on the node's kernel: any flaw in the runtime or the "
                 "kernel is then worth the whole node.",
    .remedy = "Set runAsNonRoot to true in the pod's securityContext, and give the image a numeric "
              "user other than 0 or set runAsUser.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(securityContext:
  runAsNonRoot: true
)",
    .counterexample = R"(securityContext: {}  # runAsNonRoot is not set, here or in the container
containers:
- name: app
)",
    .risk =
        "An image whose user is root, or a name instead of a number, is then not started, and one "
        "that changes owners or listens on a port below 1024 may fail. Give the image a numeric "
        "user other than 0, or set runAsUser, and try it in a test namespace.",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
