#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): Host Namespaces"},
                                     {kCisKubernetes, "5.2.3, 5.2.4, 5.2.5"},
                                     {kCisDocker, "5.10, 5.16, 5.17"},
                                     {kNsa, "Pod security enforcement"}};

struct Namespace {
  std::string_view field;
  bool Pod::* shared;
};
constexpr Namespace kNamespaces[] = {{"/hostNetwork", &Pod::host_network},
                                     {"/hostPID", &Pod::host_pid},
                                     {"/hostIPC", &Pod::host_ipc}};

void evaluate(const Pod& pod, const Params&, Findings& out) {
  for (const auto& [field, shared] : kNamespaces)
    if (pod.*shared)
      out.push_back({pod.spec(field), fmt::format("the pod sets {} to true", field.substr(1))});
}

void fix(const Pod& pod, const Params&, Edits& out) {
  for (const auto& [field, shared] : kNamespaces)
    if (pod.*shared) out.push_back({pod.spec(field), false});
}

std::string cel(const Params&, const CelNames& in) {
  std::vector<std::string> own;
  for (const auto& [field, shared] : kNamespaces)
    own.push_back(fmt::format("(!has({0}.{1}) || {0}.{1} == false)", in.spec, field.substr(1)));
  return fmt::format("{}", fmt::join(own, " && "));
}

}  // namespace

extern constinit const Check host_namespaces{
    .id = "host-namespaces",
    .title = "Pods have network, process and IPC namespaces of their own",
    .rationale = "In the node's namespaces a pod sees its traffic, listens on its ports, and can "
                 "signal or read the memory of its processes.",
    .remedy = "Remove hostNetwork, hostPID and hostIPC, or set them to false.",
    .severity = Severity::Critical,
    .references = kReferences,
    .params = {},
    .example = R"(hostNetwork: false
hostPID: false
hostIPC: false
)",
    .counterexample = R"(hostNetwork: true
hostPID: true
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
