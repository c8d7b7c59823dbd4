#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/procMount";
constexpr Reference kReferences[] = {
    {kPss, "baseline (v1.0+), restricted (v1.35+): /proc Mount Type"}};
constexpr ParamSpec kParams[] = {kExemptUserNamespaces};

// An explicit empty text is not "Default".
bool passes(const Container& c) {
  return c.security_context.proc_mount.value_or("Default") == "Default";
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c))
      out.push_back(
          {c.path + std::string(kField),
           fmt::format("{} sets procMount to \"{}\"", quoted(c), *c.security_context.proc_mount)});
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c)) out.push_back({c.path + std::string(kField), std::string("Default")});
}

std::string cel(const Params& params, const CelNames& in) {
  return cel_or_exempt(
      params, in,
      fmt::format(R"({}.all(c, !has(c.procMount) || c.procMount == "Default"))", in.contexts));
}

}  // namespace

extern constinit const Check proc_mount{
    .id = "proc-mount",
    .title = "/proc keeps its masks",
    .rationale =
        "The runtime hides the parts of /proc through which a container can read or change "
        "the node's kernel; Unmasked shows them.",
    .remedy = "Remove procMount, or set it to Default.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(containers:
- name: app
  securityContext:
    procMount: Default
)",
    .counterexample = R"(containers:
- name: app
  securityContext:
    procMount: Unmasked
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
