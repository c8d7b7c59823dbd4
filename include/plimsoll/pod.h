// The pod as the checks see it: each field that gives a pod power, decoded, and nothing else.
//
// A field that a manifest leaves out is `nullopt` wherever Kubernetes tells "absent" from "zero".
// An explicit null is the same as absent. Source: k8s.io/api/core/v1 types.go, Kubernetes 1.37.
// Ownership: owns its text, except `string_view`s to literals. Thread-safety: plain values.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll {

/// Which list of the pod spec a container stands in. A restartable init container is `Init`.
enum class ContainerKind : std::uint8_t { Init, Regular, Ephemeral };

struct Capabilities {
  std::vector<std::string> add, drop;
  bool operator==(const Capabilities&) const = default;
};

struct SELinuxOptions {
  std::string user, role, type;
  bool operator==(const SELinuxOptions&) const = default;
};

/// What PodSecurityContext and SecurityContext have in common.
struct SharedSecurityContext {
  std::optional<bool> run_as_non_root;
  std::optional<std::int64_t> run_as_user, run_as_group;
  std::optional<std::string> seccomp_type;   ///< seccompProfile.type; set when the profile is
  std::optional<std::string> apparmor_type;  ///< appArmorProfile.type; set when the profile is
  bool seccomp_localhost = false;            ///< seccompProfile.localhostProfile is there
  bool apparmor_localhost = false;           ///< appArmorProfile.localhostProfile is there
  std::optional<SELinuxOptions> selinux;
  std::optional<bool> host_process;  ///< windowsOptions.hostProcess
  bool operator==(const SharedSecurityContext&) const = default;
};

struct PodSecurityContext : SharedSecurityContext {
  std::optional<std::int64_t> fs_group;
  std::vector<std::int64_t> supplemental_groups;
  std::vector<std::string> sysctls;  ///< names, in order
  bool operator==(const PodSecurityContext&) const = default;
};

struct ContainerSecurityContext : SharedSecurityContext {
  std::optional<bool> privileged, allow_privilege_escalation, read_only_root_filesystem;
  std::optional<std::string> proc_mount;
  Capabilities capabilities;
  bool operator==(const ContainerSecurityContext&) const = default;
};

/// The `host` of a probe's or a lifecycle handler's httpGet or tcpSocket; never empty.
struct HandlerHost {
  std::string_view at;  ///< JSON pointer below the container, such as `/livenessProbe/httpGet/host`
  std::string host;
  bool operator==(const HandlerHost&) const = default;
};

struct VolumeMount {
  std::string name, mount_path;
  bool read_only = false;
  std::string propagation;  ///< mountPropagation; empty: absent
  bool operator==(const VolumeMount&) const = default;
};

struct Container {
  std::string name, image;
  std::string path;  ///< JSON pointer of this container in the reviewed object
  ContainerKind kind = ContainerKind::Regular;
  ContainerSecurityContext security_context;
  std::vector<std::int32_t> host_ports;    ///< ports[i].hostPort for each i; 0: none
  bool default_host_ports = false;         ///< hostNetwork gives it more than these
  std::vector<HandlerHost> handler_hosts;  ///< sorted by `at`
  std::vector<VolumeMount> volume_mounts;
  std::vector<std::string> volume_devices;  ///< names of the raw block devices, in order
  bool operator==(const Container&) const = default;
};

/// Every volume source of the core/v1 API, in the order of its Go type.
enum class VolumeKind : std::uint8_t {
  HostPath,
  EmptyDir,
  GcePersistentDisk,
  AwsElasticBlockStore,
  GitRepo,
  Secret,
  Nfs,
  Iscsi,
  Glusterfs,
  PersistentVolumeClaim,
  Rbd,
  FlexVolume,
  Cinder,
  Cephfs,
  Flocker,
  DownwardApi,
  Fc,
  AzureFile,
  ConfigMap,
  VsphereVolume,
  Quobyte,
  AzureDisk,
  PhotonPersistentDisk,
  Projected,
  PortworxVolume,
  ScaleIo,
  Storageos,
  Csi,
  Ephemeral,
  Image,
};

/// The JSON field of each VolumeKind, at its index.
inline constexpr std::array<std::string_view, 30> kVolumeKindNames = {"hostPath",
                                                                      "emptyDir",
                                                                      "gcePersistentDisk",
                                                                      "awsElasticBlockStore",
                                                                      "gitRepo",
                                                                      "secret",
                                                                      "nfs",
                                                                      "iscsi",
                                                                      "glusterfs",
                                                                      "persistentVolumeClaim",
                                                                      "rbd",
                                                                      "flexVolume",
                                                                      "cinder",
                                                                      "cephfs",
                                                                      "flocker",
                                                                      "downwardAPI",
                                                                      "fc",
                                                                      "azureFile",
                                                                      "configMap",
                                                                      "vsphereVolume",
                                                                      "quobyte",
                                                                      "azureDisk",
                                                                      "photonPersistentDisk",
                                                                      "projected",
                                                                      "portworxVolume",
                                                                      "scaleIO",
                                                                      "storageos",
                                                                      "csi",
                                                                      "ephemeral",
                                                                      "image"};

/// The kinds of volumes whose source says itself whether it is read-only.
/// Source: kubernetes pkg/volume: GetAttributes().ReadOnly of the plugins of these kinds is what
/// the source says, and the kubelet mounts read-only what either it or the mount calls read-only.
/// The other kinds are moved to CSI drivers, where that is lost: pkg/volume/csimigration.
inline constexpr std::array<std::string_view, 6> kOwnReadOnlyVolumeKinds = {
    "csi", "fc", "flexVolume", "iscsi", "nfs", "persistentVolumeClaim"};

constexpr std::string_view name_of(VolumeKind kind) {
  return kVolumeKindNames[static_cast<std::size_t>(kind)];
}

struct Volume {
  std::string name;
  std::uint32_t sources = 0;  ///< bit `1 << VolumeKind` for each source that is set (valid: one)
  std::string host_path;      ///< hostPath.path
  std::uint32_t read_only_sources = 0;     ///< the bits of those that are read-only by themselves
  std::vector<std::size_t> token_sources;  ///< each i: projected.sources[i] is serviceAccountToken

  [[nodiscard]] bool has(VolumeKind kind) const {
    return (sources & (1U << static_cast<unsigned>(kind))) != 0;
  }
  bool operator==(const Volume&) const = default;
};

/// A part of a pod that an object holds elsewhere than a PodTemplateSpec does. Both are JSON
/// pointers in the object.
struct Moved {
  std::string from;  ///< where a PodTemplateSpec would have it
  std::string to;    ///< where it stands
  bool operator==(const Moved&) const = default;
};

/// A pod, or what a workload or a custom resource makes pods of.
struct Pod {
  /// JSON pointer of the object with `metadata` and `spec`; empty: a bare Pod. Of another shape
  /// than that: of what holds the pod's fields.
  std::string path;
  /// What is not where `path` says; sorted by `from`. Of two that hold a place the longer counts.
  /// Pods of one object may share such a part, such as the volumes of a workflow.
  std::vector<Moved> moved;
  /// Only the AppArmor and seccomp annotations, sorted by key.
  std::vector<std::pair<std::string, std::string>> annotations;
  bool host_network = false, host_pid = false, host_ipc = false;
  std::optional<bool> host_users;
  std::string os_name;        ///< os.name; empty: absent
  std::string runtime_class;  ///< runtimeClassName; empty: absent
  std::optional<bool> automount_service_account_token;
  /// A service account token is or will be mounted that the pod neither asks for nor declines.
  bool given_token = false;
  PodSecurityContext security_context;
  std::vector<Volume> volumes;
  std::vector<Container> containers;  ///< init, regular, ephemeral; each in its list's order

  /// The JSON pointer of a field of the spec, such as `/volumes/0/hostPath`. An element that is to
  /// be appended to a list is `-` (RFC 6901): its index would count parts that stand elsewhere.
  [[nodiscard]] std::string spec(std::string_view below) const {
    std::string at = path;
    at += "/spec";
    at += below;
    return moved.empty() ? at : place(std::move(at));
  }

  /// Where what a PodTemplateSpec has at that JSON pointer truly stands. A place that is true
  /// already stays as it is.
  [[nodiscard]] std::string place(std::string pointer) const {
    for (auto end = pointer.size(); end != 0 && end != std::string::npos && !moved.empty();) {
      const auto at =
          std::ranges::lower_bound(moved, std::string_view(pointer).substr(0, end), {},
                                   [](const Moved& m) -> std::string_view { return m.from; });
      if (at != moved.end() && std::string_view(pointer).substr(0, end) == at->from) {
        pointer.replace(0, end, at->to);
        end = pointer.size();  // a part of a part may be elsewhere again
      } else {
        end = pointer.rfind('/', end - 1);
      }
    }
    return pointer;
  }
  bool operator==(const Pod&) const = default;
};

}  // namespace plimsoll
