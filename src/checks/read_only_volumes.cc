#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kCisDocker, "5.6"},
                                     {kNsa, "Immutable container file systems"}};
constexpr ParamSpec kParams[] = {
    {.name = "writable",
     .meaning = "Kinds of volumes that may be mounted writable, such as emptyDir.",
     .form = &kVolumeKind}};

// The kubelet mounts these read-only whatever the manifest says.
// Source: kubernetes pkg/volume, GetAttributes().ReadOnly of configmap, downwardapi, image,
// projected, secret.
constexpr VolumeKind kAlwaysReadOnly[] = {VolumeKind::ConfigMap, VolumeKind::DownwardApi,
                                          VolumeKind::Image, VolumeKind::Projected,
                                          VolumeKind::Secret};

// A pod's volumes by name.
class Volumes {
 public:
  explicit Volumes(const Pod& pod) {
    for (const Volume& volume : pod.volumes) volumes_.push_back(&volume);
    // Of one name the first counts, although the API server refuses a second.
    std::ranges::stable_sort(volumes_, {}, &Volume::name);
  }

  // Null: the pod has none of that name.
  [[nodiscard]] const Volume* find(const std::string& name) const {
    const auto at = std::ranges::lower_bound(volumes_, name, {}, &Volume::name);
    return at == volumes_.end() || (*at)->name != name ? nullptr : *at;
  }

 private:
  std::vector<const Volume*> volumes_;
};

// Every source that is set must be one that may be written or never is; a volume without any known
// source is neither. A name that no volume of the pod has is a StatefulSet's volumeClaimTemplate.
bool needs_read_only(const Volume* volume, const Params& params) {
  constexpr auto kClaim = 1U << static_cast<unsigned>(VolumeKind::PersistentVolumeClaim);
  if (volume != nullptr && volume->sources == 0) return true;
  std::uint32_t left = volume == nullptr ? kClaim : volume->sources & ~volume->read_only_sources;
  for (const VolumeKind kind : kAlwaysReadOnly) left &= ~(1U << static_cast<unsigned>(kind));
  for (std::size_t i = 0; i < kVolumeKindNames.size(); ++i)
    if (contains(params.strings("writable"), kVolumeKindNames[i])) left &= ~(1U << i);
  return left != 0;
}

template <class Bad>
void each_bad(const Pod& pod, const Params& params, Bad bad) {
  const Volumes volumes(pod);
  for (const Container& c : pod.containers)
    for (std::size_t i = 0; i < c.volume_mounts.size(); ++i)
      if (const VolumeMount& mount = c.volume_mounts[i];
          !mount.read_only && needs_read_only(volumes.find(mount.name), params))
        bad(c, fmt::format("{}/volumeMounts/{}/readOnly", c.path, i), mount);
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  each_bad(pod, params, [&](const Container& c, std::string path, const VolumeMount& mount) {
    out.push_back({std::move(path), fmt::format("{} mounts volume \"{}\" writable at {}", quoted(c),
                                                mount.name, mount.mount_path)});
  });
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  each_bad(pod, params, [&](const Container&, std::string path, const VolumeMount&) {
    out.push_back({std::move(path), true});
  });
}

// A volume of one source, as the API server wants it, that need not be mounted read-only.
std::string cel_harmless(const Params& params) {
  std::vector<std::string> any;
  for (std::size_t i = 0; i < kVolumeKindNames.size(); ++i) {
    const std::string_view kind = kVolumeKindNames[i];
    if (contains(params.strings("writable"), kind) ||
        std::ranges::find(kAlwaysReadOnly, static_cast<VolumeKind>(i)) != std::end(kAlwaysReadOnly))
      any.push_back(fmt::format("has(v.{})", kind));
    else if (std::ranges::find(kOwnReadOnlyVolumeKinds, kind) != kOwnReadOnlyVolumeKinds.end())
      any.push_back(
          fmt::format("has(v.{0}) && has(v.{0}.readOnly) && v.{0}.readOnly == true", kind));
  }
  return fmt::format("v.size() == 2 && ({})", fmt::join(any, " || "));
}

std::string cel(const Params& params, const CelNames& in) {
  // A claim of a StatefulSet is no volume of the template. The names are listed once: to look at
  // every volume for every mount would cost more than the API server allows.
  const bool claims = contains(params.strings("writable"), "persistentVolumeClaim");
  std::string out = fmt::format(
      "[{0}.filter(v, !({1})).map(v, v.name)].all(bad, {2}.all(c, !has(c.volumeMounts) || "
      "c.volumeMounts.all(m, has(m.readOnly) && m.readOnly == true || !(m.name in bad){3})))",
      in.volumes, cel_harmless(params), in.containers, claims ? "" : " && m.name in own");
  if (!claims) out = fmt::format("[{}.map(v, v.name)].all(own, {})", in.volumes, out);
  return out;
}

}  // namespace

extern constinit const Check read_only_volumes{
    .id = "read-only-volumes",
    .title = "Volumes are mounted read-only unless their kind is allowed to be written",
    .rationale = "A writable mount of a shared or outside volume lets one pod change what others "
                 "read or run.",
    .remedy =
        "Set readOnly to true in the volumeMount, or keep the data in a kind of volume that the "
        "template allows to be written.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = kParams,
    .example = R"(containers:
- name: app
  volumeMounts:
  - name: models
    mountPath: /models
    readOnly: true
volumes:
- name: models
  csi:
    driver: models.csi.example.com
)",
    .counterexample = R"(containers:
- name: app
  volumeMounts:
  - name: models
    mountPath: /models
volumes:
- name: models
  csi:
    driver: models.csi.example.com
)",
    .risk = "A program that writes to the volume fails from then on. Use it for a while in a test "
            "namespace, and see that it only reads there; one that writes needs a volume of a kind "
            "that the template allows to be written.",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
