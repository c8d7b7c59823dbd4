#include "fix/proposal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "fix/spelling.h"

namespace plimsoll::fix {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kTmp = "/tmp";
constexpr std::string_view kClaim = "persistentVolumeClaim";

/// A source that a PersistentVolume has too, and whether several nodes may write to it.
/// Source: k8s.io/api/core/v1 types.go, PersistentVolumeSource. Not csi, whose two forms differ,
/// nor hostPath, which would be the same risk by another name.
struct Claimable {
  VolumeKind kind;
  bool shared;
};
constexpr Claimable kClaimable[] = {{VolumeKind::GcePersistentDisk, false},
                                    {VolumeKind::AwsElasticBlockStore, false},
                                    {VolumeKind::Nfs, true},
                                    {VolumeKind::Iscsi, false},
                                    {VolumeKind::Glusterfs, true},
                                    {VolumeKind::Rbd, false},
                                    {VolumeKind::FlexVolume, false},
                                    {VolumeKind::Cinder, false},
                                    {VolumeKind::Cephfs, true},
                                    {VolumeKind::Flocker, false},
                                    {VolumeKind::Fc, false},
                                    {VolumeKind::AzureFile, true},
                                    {VolumeKind::VsphereVolume, false},
                                    {VolumeKind::Quobyte, true},
                                    {VolumeKind::AzureDisk, false},
                                    {VolumeKind::PhotonPersistentDisk, false},
                                    {VolumeKind::PortworxVolume, true},
                                    {VolumeKind::ScaleIo, false},
                                    {VolumeKind::Storageos, false}};

std::string sentence(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text);
}

std::shared_ptr<const Edit> edit(std::string path, Value value) {
  return std::make_shared<const Edit>(Edit{std::move(path), std::move(value)});
}

// The index of the volume that the path is in.
std::optional<std::size_t> volume_of(const Pod& pod, std::string_view path) {
  const std::string volumes = pod.spec("/volumes/");
  if (!path.starts_with(volumes)) return std::nullopt;
  path.remove_prefix(volumes.size());
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), index);
  if (error != std::errc{} || index >= pod.volumes.size()) return std::nullopt;
  return index;
}

const Container* user_of(std::span<const Pod> pods, const std::string& volume) {
  for (const Pod& pod : pods)
    for (const Container& c : pod.containers)
      if (std::ranges::find(c.volume_mounts, volume, &VolumeMount::name) != c.volume_mounts.end() ||
          std::ranges::find(c.volume_devices, volume) != c.volume_devices.end())
        return &c;
  return nullptr;
}

bool is_tmp(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path == kTmp;
}

std::string yaml_of(const ordered_json& object) {
  std::string text;
  for (const auto& [key, value] : object.items())
    for (const std::string& line : spell_block({key, value}, {}, 0, false)) text += line + '\n';
  return text;
}

// The volume of that source, and the claim on it.
std::string volume_and_claim(const std::string& name, const std::string& namespace_name,
                             std::string_view kind, ordered_json source, bool shared) {
  const std::string where = namespace_name.empty() ? "default" : namespace_name;
  const std::string volume = where + "-" + name;
  const ordered_json modes = {shared ? "ReadWriteMany" : "ReadWriteOnce"};
  const ordered_json size = {{"storage", "1Gi"}};
  // A pod's secret is in its own namespace; a volume has none.
  if (source.contains("secretRef")) source["secretRef"]["namespace"] = where;
  if (kind == name_of(VolumeKind::AzureFile)) source["secretNamespace"] = where;
  const ordered_json made = {{"apiVersion", "v1"},
                             {"kind", "PersistentVolume"},
                             {"metadata", {{"name", volume}}},
                             {"spec",
                              {{"capacity", size},
                               {"accessModes", modes},
                               {"persistentVolumeReclaimPolicy", "Retain"},
                               {"storageClassName", ""},
                               {std::string(kind), std::move(source)}}}};
  ordered_json metadata = {{"name", name}};
  if (!namespace_name.empty()) metadata["namespace"] = namespace_name;
  const ordered_json claim = {{"apiVersion", "v1"},
                              {"kind", "PersistentVolumeClaim"},
                              {"metadata", std::move(metadata)},
                              {"spec",
                               {{"accessModes", modes},
                                {"storageClassName", ""},
                                {"volumeName", volume},
                                {"resources", {{"requests", size}}}}}};
  return yaml_of(made) + "---\n" + yaml_of(claim);
}

}  // namespace

Proposal Proposer::propose(const Violation& violation) {
  const Check& check = *violation.check;
  Proposal proposal;
  if (violation.edits.empty()) {
    for (const Pod& pod : pods_)
      if (check.fix == nullptr)
        if (const auto index = volume_of(pod, violation.finding.path))
          return about_volume(pod, *index, violation);
    proposal.reason = sentence(check.remedy);
  } else if (!check.risk.empty() && !risky_) {
    proposal.reason = fmt::format(
        "left without --allow-risky, because a program may stop working: {}", sentence(check.risk));
  } else {
    proposal.edits = violation.edits;
    if (check.id == "read-only-root-filesystem") add_tmp(violation, proposal);
  }
  return proposal;
}

void Proposer::add_tmp(const Violation& violation, Proposal& proposal) {
  for (const Pod& pod : pods_)
    for (const Container& c : pod.containers) {
      if (!violation.finding.path.starts_with(c.path + '/')) continue;
      const auto mounted = [](const VolumeMount& mount) { return is_tmp(mount.mount_path); };
      if (std::ranges::any_of(c.volume_mounts, mounted)) return;
      const auto taken = [&](const std::string& name) {
        return tmp_names_.contains(name) ||
               std::ranges::find(pod.volumes, name, &Volume::name) != pod.volumes.end();
      };
      std::string name(kTmp.substr(1));
      for (int i = 2; taken(name); ++i) name = fmt::format("{}-{}", kTmp.substr(1), i);
      tmp_names_.insert(name);
      proposal.edits.push_back(
          edit(c.path + "/volumeMounts/-",
               JsonText{ordered_json{{"name", name}, {"mountPath", kTmp}}.dump()}));
      proposal.edits.push_back(edit(
          pod.spec("/volumes/-"),
          JsonText{ordered_json{{"name", name}, {"emptyDir", ordered_json::object()}}.dump()}));
      return;
    }
}

bool Proposer::may_claim() const {
  return std::ranges::all_of(*policy_.rules, [](const Rule& rule) {
    if (rule.check->id != "volume-types") return true;
    const auto allowed = rule.params.strings("allowed");
    return std::ranges::find(allowed, kClaim) != allowed.end();
  });
}

Proposal Proposer::about_volume(const Pod& pod, std::size_t index, const Violation& violation) {
  const Volume& volume = pod.volumes[index];
  const std::string path = pod.spec(fmt::format("/volumes/{}", index));
  Proposal proposal;
  const Container* const user = user_of(pods_, volume.name);
  if (user == nullptr && !custom_kind_.empty() && !risky_) {
    proposal.reason = fmt::format(
        "left without --allow-risky, which removes it: no container mounts volume \"{}\" here, but "
        "the controller of {} may",
        volume.name, custom_kind_);
    return proposal;
  }
  if (user == nullptr) {
    proposal.edits.push_back(edit(path, {}));
    return proposal;
  }
  const std::string mounted =
      fmt::format("container \"{}\" mounts volume \"{}\"", user->name, volume.name);
  const auto claimable = std::ranges::find_if(kClaimable, [&](const Claimable& it) {
    return volume.sources == 1U << static_cast<unsigned>(it.kind);
  });
  if (claimable == std::end(kClaimable) || !may_claim()) {
    proposal.reason =
        volume.has(VolumeKind::HostPath)
            ? fmt::format("{}: whether the pod can do without the node's \"{}\" is for a person to "
                          "decide",
                          mounted, volume.host_path)
            : fmt::format("{}: {}", mounted, sentence(violation.check->remedy));
    return proposal;
  }
  const std::string_view kind = name_of(claimable->kind);
  if (!risky_) {
    proposal.reason = fmt::format(
        "left without --allow-risky, which makes it the claim of a PersistentVolume: {}, and the "
        "volume and its claim have to be made first",
        mounted);
    return proposal;
  }
  const std::string source = fmt::format("{}/{}", path, kind);
  proposal.edits.push_back(edit(source, {}));
  proposal.edits.push_back(edit(fmt::format("{}/{}/claimName", path, kClaim), volume.name));
  if ((volume.read_only_sources & volume.sources) != 0)
    proposal.edits.push_back(edit(fmt::format("{}/{}/readOnly", path, kClaim), true));
  if (const text::YamlNode* const node = document_.find(source))
    proposal.first =
        volume_and_claim(volume.name, namespace_, kind, ordered_json::parse(document_.json(*node)),
                         claimable->shared);
  return proposal;
}

}  // namespace plimsoll::fix
