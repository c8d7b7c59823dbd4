#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kCisDocker, "5.18"}};

void evaluate(const Pod& pod, const Params&, Findings& out) {
  for (const Container& c : pod.containers)
    for (std::size_t i = 0; i < c.volume_devices.size(); ++i)
      out.push_back(
          {fmt::format("{}/volumeDevices/{}", c.path, i),
           fmt::format("{} uses \"{}\" as a raw block device", quoted(c), c.volume_devices[i])});
}

std::string cel(const Params&, const CelNames& in) {
  return fmt::format("{}.all(c, !has(c.volumeDevices) || c.volumeDevices.size() == 0)",
                     in.containers);
}

}  // namespace

extern constinit const Check volume_devices{
    .id = "volume-devices",
    .title = "Containers use no raw block device",
    .rationale =
        "A raw device goes round the file system's permissions, and a crafted file system on "
        "it is an attack on the node's kernel.",
    .remedy = "Mount the volume as a file system, with volumeMounts.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = {},
    .example = R"(containers:
- name: app
  volumeMounts:
  - name: data
    mountPath: /data
)",
    .counterexample = R"(containers:
- name: app
  volumeDevices:
  - name: data
    devicePath: /dev/xvda
)",
    .evaluate = evaluate,
    .cel = cel,
};

}  // namespace plimsoll::checks
