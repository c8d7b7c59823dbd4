#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/capabilities/add";
constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+), restricted (v1.22+): Capabilities"},
                                     {kCisKubernetes, "5.2.8, 5.2.9"},
                                     {kCisDocker, "5.4"},
                                     {kNsa, "Pod security enforcement"}};
constexpr ParamSpec kParams[] = {
    {"allowed", "Capabilities that a container may add, without the CAP_ prefix."}, kExemptWindows};

// Exact match, as upstream: neither "chown" nor "CAP_CHOWN" passes for CHOWN.
bool allowed(const Params& params, std::string_view capability) {
  return contains(params.strings("allowed"), capability);
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers) {
    const auto& add = c.security_context.capabilities.add;
    for (std::size_t i = 0; i < add.size() && !out.full(); ++i)
      if (!allowed(params, add[i]))
        out.push_back({fmt::format("{}{}/{}", c.path, kField, i),
                       fmt::format("{} adds the capability {}", quoted(c), add[i])});
  }
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers) {
    auto kept = c.security_context.capabilities.add;
    if (std::erase_if(kept, [&](const auto& name) { return !allowed(params, name); }) == 0)
      continue;
    Value value;
    if (!kept.empty()) value = std::move(kept);
    out.push_back({c.path + std::string(kField), std::move(value)});
  }
}

std::string cel(const Params& params, const CelNames& in) {
  return cel_or_exempt(params, in,
                       fmt::format("{}.all(c, !has(c.capabilities) || !has(c.capabilities.add) || "
                                   "c.capabilities.add.all(a, a in {}))",
                                   in.contexts, cel_list(params.strings("allowed"))));
}

}  // namespace

extern constinit const Check capabilities_add{
    .id = "capabilities-add",
    .title = "Containers add only the allowed capabilities",
    .rationale = "Each added capability is a piece of root that a break-out can use.",
    .remedy = "Remove the capability, or allow it in a template of your own if the workload needs "
              "it.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(containers:
- name: app
  securityContext:
    capabilities:
      drop: [ALL]
      add: [NET_BIND_SERVICE]
)",
    .counterexample = R"(containers:
- name: app
  securityContext:
    capabilities:
      drop: [ALL]
      add: [NET_BIND_SERVICE, SYS_ADMIN]
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
