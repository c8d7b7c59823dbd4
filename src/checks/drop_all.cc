#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/capabilities/drop";
constexpr Reference kReferences[] = {{kPss, "restricted (v1.22+): Capabilities"},
                                     {kCisKubernetes, "5.2.8, 5.2.10"},
                                     {kCisDocker, "5.4"},
                                     {kNsa, "Pod security enforcement"}};
constexpr ParamSpec kParams[] = {kExemptWindows};

// Exact match, as upstream: "all" does not pass, although runtimes may understand it.
bool passes(const Container& c) { return contains(c.security_context.capabilities.drop, "ALL"); }

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c))
      out.push_back({c.path + std::string(kField),
                     fmt::format("{} does not drop ALL capabilities", quoted(c))});
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c)) out.push_back({c.path + std::string(kField), std::vector<std::string>{"ALL"}});
}

std::string cel(const Params& params, const CelNames& in) {
  return cel_or_exempt(params, in,
                       fmt::format("{}.all(c, has(c.capabilities) && has(c.capabilities.drop) && "
                                   "\"ALL\" in c.capabilities.drop)",
                                   in.contexts));
}

}  // namespace

extern constinit const Check drop_all{
    .id = "drop-all",
    .title = "Containers drop all capabilities",
    .rationale = "A runtime gives every container some fourteen capabilities of root; few programs "
                 "need any of them.",
    .remedy =
        "Set capabilities.drop to [ALL] in the container's securityContext, then add back only "
        "what the program needs.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = kParams,
    .example = R"(containers:
- name: app
  securityContext:
    capabilities:
      drop: [ALL]
)",
    .counterexample = R"(containers:
- name: app
  securityContext:
    capabilities:
      drop: [NET_RAW]
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
