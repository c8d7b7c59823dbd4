#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kCisDocker, "5.20"}};

template <class Bad>
void each_bad(const Pod& pod, Bad bad) {
  for (const Container& c : pod.containers)
    for (std::size_t i = 0; i < c.volume_mounts.size(); ++i)
      if (const VolumeMount& mount = c.volume_mounts[i];
          !mount.propagation.empty() && mount.propagation != "None")
        bad(c, fmt::format("{}/volumeMounts/{}/mountPropagation", c.path, i), mount);
}

void evaluate(const Pod& pod, const Params&, Findings& out) {
  each_bad(pod, [&](const Container& c, std::string path, const VolumeMount& mount) {
    out.push_back({std::move(path), fmt::format("{} mounts \"{}\" with mountPropagation {}",
                                                quoted(c), mount.name, mount.propagation)});
  });
}

void fix(const Pod& pod, const Params&, Edits& out) {
  each_bad(pod, [&](const Container&, std::string path, const VolumeMount&) {
    out.push_back({std::move(path), {}});
  });
}

std::string cel(const Params&, const CelNames& in) {
  return fmt::format(R"({}.all(c, !has(c.volumeMounts) || c.volumeMounts.all(m, )"
                     R"(!has(m.mountPropagation) || m.mountPropagation in ["", "None"])))",
                     in.containers);
}

}  // namespace

extern constinit const Check mount_propagation{
    .id = "mount-propagation",
    .title = "Mounts are not shared with the node",
    .rationale = "With propagation, what a container mounts appears on the node, or what the node "
                 "mounts appears in the container.",
    .remedy = "Remove mountPropagation, or set it to None.",
    .severity = Severity::High,
    .references = kReferences,
    .params = {},
    .example = R"(containers:
- name: app
  volumeMounts:
  - name: data
    mountPath: /data
    mountPropagation: None
)",
    .counterexample = R"(containers:
- name: app
  volumeMounts:
  - name: data
    mountPath: /data
    mountPropagation: Bidirectional
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
