#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/privileged";
constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): Privileged Containers"},
                                     {kCisKubernetes, "5.2.2"},
                                     {kCisDocker, "5.5"},
                                     {kNsa, "Pod security enforcement"}};

void evaluate(const Pod& pod, const Params&, Findings& out) {
  for (const Container& c : pod.containers)
    if (c.security_context.privileged == true)
      out.push_back({c.path + std::string(kField), fmt::format("{} is privileged", quoted(c))});
}

void fix(const Pod& pod, const Params&, Edits& out) {
  for (const Container& c : pod.containers)
    if (c.security_context.privileged == true) out.push_back({c.path + std::string(kField), false});
}

std::string cel(const Params&, const CelNames& in) {
  return fmt::format("{}.all(c, !has(c.privileged) || c.privileged == false)", in.contexts);
}

}  // namespace

extern constinit const Check privileged{
    .id = "privileged",
    .title = "No container is privileged",
    .rationale =
        "A privileged container has every capability, every device of the node, and neither "
        "seccomp nor AppArmor: whoever is in it is root on the node.",
    .remedy =
        "Remove privileged, or set it to false; add the one capability that is needed instead.",
    .severity = Severity::Critical,
    .references = kReferences,
    .params = {},
    .example = R"(containers:
- name: app
  securityContext:
    privileged: false
)",
    .counterexample = R"(containers:
- name: app
  securityContext:
    privileged: true
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
