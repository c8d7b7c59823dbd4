#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): Sysctls"},
                                     {kCisKubernetes, "5.7.3"}};
constexpr ParamSpec kParams[] = {{"allowed", "Sysctls that a pod may set."}};

std::string path_of(const Pod& pod, std::size_t index, std::string_view below = "") {
  return pod.spec(fmt::format("/securityContext/sysctls/{}{}", index, below));
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  const auto& sysctls = pod.security_context.sysctls;
  for (std::size_t i = 0; i < sysctls.size(); ++i)
    if (!contains(params.strings("allowed"), sysctls[i]))
      out.push_back(
          {path_of(pod, i, "/name"), fmt::format("the pod sets the sysctl \"{}\"", sysctls[i])});
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  const auto& sysctls = pod.security_context.sysctls;
  for (std::size_t i = sysctls.size(); i-- > 0;)
    if (!contains(params.strings("allowed"), sysctls[i])) out.push_back({path_of(pod, i), {}});
}

std::string cel(const Params& params, const CelNames& in) {
  return fmt::format("!has({0}.sysctls) || {0}.sysctls.all(s, s.name in {1})", in.context,
                     cel_list(params.strings("allowed")));
}

}  // namespace

extern constinit const Check sysctls{
    .id = "sysctls",
    .title = "Pods set only safe sysctls",
    .rationale = "A sysctl that is not confined to the pod changes the kernel for every pod on the "
                 "node, or switches one of its protections off.",
    .remedy = "Remove the sysctl, or set it on the node.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(securityContext:
  sysctls:
  - name: net.ipv4.ip_unprivileged_port_start
    value: "0"
)",
    .counterexample = R"(securityContext:
  sysctls:
  - name: kernel.msgmax
    value: "65536"
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
