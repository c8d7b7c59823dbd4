#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kPss, "baseline (v1.34+): Host Probes / Lifecycle Hooks"}};

void evaluate(const Pod& pod, const Params&, Findings& out) {
  for (const Container& c : pod.containers)
    for (const HandlerHost& handler : c.handler_hosts)
      out.push_back({c.path + std::string(handler.at),
                     fmt::format("{} has the node call host \"{}\"", quoted(c), handler.host)});
}

void fix(const Pod& pod, const Params&, Edits& out) {
  for (const Container& c : pod.containers)
    for (const HandlerHost& handler : c.handler_hosts)
      out.push_back({c.path + std::string(handler.at), {}});
}

std::string cel(const Params&, const CelNames& in) {
  const auto some = [](std::string_view of, std::string_view field) {
    return fmt::format("(has({0}.{1}) ? [{0}.{1}] : [])", of, field);
  };
  const auto no_host = [](std::string_view action) {
    return fmt::format(R"((!has(h.{0}) || !has(h.{0}.host) || h.{0}.host == ""))", action);
  };
  return fmt::format(
      "{}.all(c, ({} + {} + {} + (has(c.lifecycle) ? {} + {} : [])).all(h, {} && {}))",
      in.containers, some("c", "livenessProbe"), some("c", "readinessProbe"),
      some("c", "startupProbe"), some("c.lifecycle", "postStart"), some("c.lifecycle", "preStop"),
      no_host("httpGet"), no_host("tcpSocket"));
}

}  // namespace

extern constinit const Check probe_host{
    .id = "probe-host",
    .title = "Probes and lifecycle hooks call only their own pod",
    .rationale = "The kubelet makes these calls from the node: with a host of the pod's choice it "
                 "reaches what only the node may reach.",
    .remedy = "Remove host from httpGet and tcpSocket: the pod's own address is the default.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = {},
    .example = R"(containers:
- name: app
  livenessProbe:
    httpGet:
      path: /healthz
      port: 8080
)",
    .counterexample = R"(containers:
- name: app
  livenessProbe:
    httpGet:
      host: 169.254.169.254
      path: /healthz
      port: 8080
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
