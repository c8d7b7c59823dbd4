#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): Host Ports"},
                                     {kCisKubernetes, "5.2.13"},
                                     {kCisDocker, "5.8, 5.14"},
                                     {kNsa, "Pod security enforcement"}};

constexpr std::string_view kHostNetwork = "/hostNetwork";

bool takes_port(const Container& c) {
  return c.default_host_ports || std::ranges::any_of(c.host_ports, [](int p) { return p != 0; });
}

// Under hostNetwork a port is the node's even where hostPort is taken away: the API server fills it
// in again. So hostNetwork is to blame as well, and alone where the manifest has no hostPort.
bool network_takes(const Pod& pod) {
  return pod.host_network && std::ranges::any_of(pod.containers, takes_port);
}

template <class Bad>
void each_bad(const Pod& pod, Bad bad) {
  for (const Container& c : pod.containers)
    for (std::size_t i = 0; i < c.host_ports.size(); ++i)
      if (c.host_ports[i] != 0)
        bad(c, fmt::format("{}/ports/{}/hostPort", c.path, i), c.host_ports[i]);
}

void evaluate(const Pod& pod, const Params&, Findings& out) {
  if (network_takes(pod))
    out.push_back({pod.spec(kHostNetwork),
                   fmt::format("the ports of {} are the node's, because hostNetwork is true",
                               list_containers(pod, takes_port))});
  each_bad(pod, [&](const Container& c, std::string path, int port) {
    out.push_back({std::move(path), fmt::format("{} takes port {} of the node", quoted(c), port)});
  });
}

void fix(const Pod& pod, const Params&, Edits& out) {
  if (network_takes(pod)) out.push_back({pod.spec(kHostNetwork), false});
  each_bad(pod,
           [&](const Container&, std::string path, int) { out.push_back({std::move(path), {}}); });
}

// Under hostNetwork the API server has filled the ports of a pod in, and leaves those of a
// template.
std::string cel(const Params&, const CelNames& in) {
  return fmt::format(
      "{}.all(c, !has(c.ports) || c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))",
      in.containers);
}

}  // namespace

extern constinit const Check host_ports{
    .id = "host-ports",
    .title = "Containers take no port of the node",
    .rationale = "A host port goes round the Service and its network policies, and can take the "
                 "place of one of the node's own services.",
    .remedy = "Remove hostPort and hostNetwork, and reach the pod through a Service.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = {},
    .example = R"(containers:
- name: app
  ports:
  - containerPort: 8080
)",
    .counterexample = R"(containers:
- name: app
  ports:
  - containerPort: 8080
    hostPort: 8080
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
