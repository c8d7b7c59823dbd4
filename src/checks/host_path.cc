#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): HostPath Volumes"},
                                     {kCisKubernetes, "5.2.12"},
                                     {kCisDocker, "5.6"},
                                     {kNsa, "Pod security enforcement"}};

void evaluate(const Pod& pod, const Params&, Findings& out) {
  for (std::size_t i = 0; i < pod.volumes.size(); ++i)
    if (const Volume& v = pod.volumes[i]; v.has(VolumeKind::HostPath))
      out.push_back({pod.spec(fmt::format("/volumes/{}/hostPath", i)),
                     fmt::format("volume \"{}\" mounts \"{}\" of the node", v.name, v.host_path)});
}

std::string cel(const Params&, const CelNames& in) {
  return fmt::format("{}.all(v, !has(v.hostPath))", in.volumes);
}

}  // namespace

extern constinit const Check host_path{
    .id = "host-path",
    .title = "Pods mount no folder of the node",
    .rationale =
        "A folder of the node gives a pod the node's files: its credentials, its logs, and "
        "with a writable one often the node itself.",
    .remedy = "Use a volume of another kind: configMap, secret, emptyDir, persistentVolumeClaim, "
              "csi. An agent that must read the node belongs in a namespace of its own.",
    .severity = Severity::Critical,
    .references = kReferences,
    .params = {},
    .example = R"(volumes:
- name: data
  persistentVolumeClaim:
    claimName: data
)",
    .counterexample = R"(volumes:
- name: logs
  hostPath:
    path: /var/log
)",
    .evaluate = evaluate,
    .cel = cel,
};

}  // namespace plimsoll::checks
