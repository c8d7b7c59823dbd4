#include "codec/pod.h"

#include <algorithm>
#include <utility>

#include "plimsoll/pointer.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

constexpr std::string_view kAppArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";
constexpr std::string_view kSeccompPod = "seccomp.security.alpha.kubernetes.io/pod";
constexpr std::string_view kSeccompPrefix = "container.seccomp.security.alpha.kubernetes.io/";

// --- security contexts ---------------------------------------------------------------------------

struct Profile {
  std::string type;
  bool localhost = false;
};
constexpr Field<Profile> kProfile[] = {
    {"type", plain<&Profile::type>::read},
    {"localhostProfile", [](Decoder&, Json, Profile& out) { out.localhost = true; }}};

void read_profile(Decoder& d, Json value, std::optional<std::string>& type, bool& localhost) {
  Profile profile;
  d.object(value, kProfile, profile);
  type = std::move(profile.type);
  localhost = profile.localhost;
}

void read_host_process(Decoder& d, Json value, std::optional<bool>& out) {
  static constexpr Field<std::optional<bool>> kFields[] = {
      {"hostProcess", [](Decoder& in, Json v, std::optional<bool>& flag) { in.read(v, flag); }}};
  d.object(value, kFields, out);
}

void read_selinux(Decoder& d, Json value, std::optional<SELinuxOptions>& out) {
  static constexpr Field<SELinuxOptions> kFields[] = {{"user", plain<&SELinuxOptions::user>::read},
                                                      {"role", plain<&SELinuxOptions::role>::read},
                                                      {"type", plain<&SELinuxOptions::type>::read}};
  d.object(value, kFields, out.emplace());
}

using Shared = SharedSecurityContext;

// The part that both levels share, as the head of each level's table.
#define PLIMSOLL_SHARED_FIELDS(T)                                                                \
  {"runAsNonRoot", plain<&Shared::run_as_non_root>::read},                                       \
      {"runAsUser", plain<&Shared::run_as_user>::read},                                          \
      {"runAsGroup", plain<&Shared::run_as_group>::read},                                        \
      {"seccompProfile",                                                                         \
       [](Decoder& d, Json v, T& out) {                                                          \
         read_profile(d, v, out.seccomp_type, out.seccomp_localhost);                            \
       }},                                                                                       \
      {"appArmorProfile",                                                                        \
       [](Decoder& d, Json v, T& out) {                                                          \
         read_profile(d, v, out.apparmor_type, out.apparmor_localhost);                          \
       }},                                                                                       \
      {"seLinuxOptions", [](Decoder& d, Json v, T& out) { read_selinux(d, v, out.selinux); }}, { \
    "windowsOptions",                                                                            \
        [](Decoder& d, Json v, T& out) { read_host_process(d, v, out.host_process); }            \
  }

void read_sysctls(Decoder& d, Json value, PodSecurityContext& out) {
  static constexpr Field<std::string> kFields[] = {
      {"name", [](Decoder& in, Json v, std::string& name) { in.read(v, name); }}};
  d.array(value, sizeof(std::string),
          [&](Json sysctl, std::size_t) { d.object(sysctl, kFields, out.sysctls.emplace_back()); });
}

constexpr Field<PodSecurityContext> kPodSecurityContext[] = {
    PLIMSOLL_SHARED_FIELDS(PodSecurityContext),
    {"fsGroup", plain<&PodSecurityContext::fs_group>::read},
    {"supplementalGroups", plain<&PodSecurityContext::supplemental_groups>::read},
    {"sysctls", read_sysctls}};

constexpr Field<Capabilities> kCapabilities[] = {{"add", plain<&Capabilities::add>::read},
                                                 {"drop", plain<&Capabilities::drop>::read}};

using Csc = ContainerSecurityContext;
constexpr Field<Csc> kContainerSecurityContext[] = {
    PLIMSOLL_SHARED_FIELDS(Csc),
    {"privileged", plain<&Csc::privileged>::read},
    {"allowPrivilegeEscalation", plain<&Csc::allow_privilege_escalation>::read},
    {"readOnlyRootFilesystem", plain<&Csc::read_only_root_filesystem>::read},
    {"procMount", plain<&Csc::proc_mount>::read},
    {"capabilities",
     [](Decoder& d, Json v, Csc& out) { d.object(v, kCapabilities, out.capabilities); }}};

#undef PLIMSOLL_SHARED_FIELDS

// --- probes and lifecycle handlers ---------------------------------------------------------------

using Hosts = std::vector<HandlerHost>;

// `At` is the handler's JSON pointer below the container, `Action` httpGet or tcpSocket.
template <const std::string_view& At>
void read_host(Decoder& d, Json value, Hosts& out) {
  static constexpr Field<Hosts> kFields[] = {{"host", [](Decoder& in, Json v, Hosts& hosts) {
                                                std::string host;
                                                in.read(v, host);
                                                if (!host.empty())
                                                  hosts.push_back({At, std::move(host)});
                                              }}};
  d.object(value, kFields, out);
}

template <const std::string_view& HttpGet, const std::string_view& TcpSocket>
void read_handler(Decoder& d, Json value, Hosts& out) {
  static constexpr Field<Hosts> kFields[] = {{"httpGet", read_host<HttpGet>},
                                             {"tcpSocket", read_host<TcpSocket>}};
  d.object(value, kFields, out);
}

#define PLIMSOLL_HANDLER(name, at)                                          \
  constexpr std::string_view k##name##Http = at "/httpGet/host";            \
  constexpr std::string_view k##name##Tcp = at "/tcpSocket/host";           \
  void read_##name(Decoder& d, Json value, Container& out) {                \
    read_handler<k##name##Http, k##name##Tcp>(d, value, out.handler_hosts); \
  }
PLIMSOLL_HANDLER(liveness, "/livenessProbe")
PLIMSOLL_HANDLER(readiness, "/readinessProbe")
PLIMSOLL_HANDLER(startup, "/startupProbe")
PLIMSOLL_HANDLER(post_start, "/lifecycle/postStart")
PLIMSOLL_HANDLER(pre_stop, "/lifecycle/preStop")
#undef PLIMSOLL_HANDLER

constexpr Field<Container> kLifecycle[] = {{"postStart", read_post_start},
                                           {"preStop", read_pre_stop}};

// --- containers ----------------------------------------------------------------------------------

struct Port {
  std::int32_t host_port = 0, container_port = 0;
};
constexpr Field<Port> kPort[] = {{"hostPort", plain<&Port::host_port>::read},
                                 {"containerPort", plain<&Port::container_port>::read}};

constexpr Field<VolumeMount> kVolumeMount[] = {
    {"name", plain<&VolumeMount::name>::read},
    {"mountPath", plain<&VolumeMount::mount_path>::read},
    {"readOnly", plain<&VolumeMount::read_only>::read},
    {"mountPropagation", plain<&VolumeMount::propagation>::read}};

constexpr Field<std::string> kVolumeDevice[] = {
    {"name", [](Decoder& d, Json v, std::string& name) { d.read(v, name); }}};

/// A container and what only its defaults need.
struct RawContainer : Container {
  std::vector<std::int32_t> container_ports;
};

constexpr Field<RawContainer> kContainer[] = {
    {"name", plain<&Container::name>::read},
    {"image", plain<&Container::image>::read},
    {"securityContext",
     [](Decoder& d, Json v, RawContainer& out) {
       d.object(v, kContainerSecurityContext, out.security_context);
     }},
    {"ports",
     [](Decoder& d, Json v, RawContainer& out) {
       d.array(v, sizeof(Port), [&](Json element, std::size_t) {
         Port port;
         d.object(element, kPort, port);
         out.host_ports.push_back(port.host_port);
         out.container_ports.push_back(port.container_port);
       });
     }},
    {"volumeMounts",
     [](Decoder& d, Json v, RawContainer& out) {
       d.array(v, sizeof(VolumeMount), [&](Json element, std::size_t) {
         d.object(element, kVolumeMount, out.volume_mounts.emplace_back());
       });
     }},
    {"volumeDevices",
     [](Decoder& d, Json v, RawContainer& out) {
       d.array(v, sizeof(std::string), [&](Json element, std::size_t) {
         d.object(element, kVolumeDevice, out.volume_devices.emplace_back());
       });
     }},
    {"livenessProbe", [](Decoder& d, Json v, RawContainer& out) { read_liveness(d, v, out); }},
    {"readinessProbe", [](Decoder& d, Json v, RawContainer& out) { read_readiness(d, v, out); }},
    {"startupProbe", [](Decoder& d, Json v, RawContainer& out) { read_startup(d, v, out); }},
    {"lifecycle", [](Decoder& d, Json v, RawContainer& out) {
       d.object(v, kLifecycle, static_cast<Container&>(out));
     }}};

// --- volumes -------------------------------------------------------------------------------------

constexpr Field<bool> kReadOnly[] = {
    {"readOnly", [](Decoder& d, Json v, bool& read_only) { d.read(v, read_only); }}};

constexpr Field<Volume> kHostPath[] = {{"path", plain<&Volume::host_path>::read}};

using TokenSources = std::vector<std::size_t>;

constexpr Field<TokenSources> kProjected[] = {
    {"sources", [](Decoder& d, Json v, TokenSources& out) {
       d.array(v, sizeof(std::size_t), [&](Json source, std::size_t index) {
         bool token = false;
         static constexpr Field<bool> kSource[] = {
             {"serviceAccountToken", [](Decoder& in, Json account, bool& there) {
                in.members(account, [](std::string_view, Json) {});
                there = true;
              }}};
         d.object(source, kSource, token);
         if (token) out.push_back(index);
       });
     }}};

void read_volume(Decoder& d, Json value, Volume& out) {
  bool named = false;
  d.members(value, [&](std::string_view key, Json member) {
    if (key == "name") {
      if (std::exchange(named, true)) d.fault("stands there twice");
      if (!member.is_null()) d.read(member, out.name);
      return;
    }
    const auto* const kind = std::ranges::find(kVolumeKindNames, key);
    if (kind == kVolumeKindNames.end() || member.is_null()) return;
    const auto bit = 1U << (kind - kVolumeKindNames.begin());
    if ((out.sources & bit) != 0) d.fault("stands there twice");
    out.sources |= bit;
    if (key == "hostPath") {
      d.object(member, kHostPath, out);
    } else if (key == "projected") {
      d.object(member, kProjected, out.token_sources);
    } else if (std::ranges::find(kOwnReadOnlyVolumeKinds, key) != kOwnReadOnlyVolumeKinds.end()) {
      bool read_only = false;
      d.object(member, kReadOnly, read_only);
      if (read_only) out.read_only_sources |= bit;
    } else if (!member.is_object()) {
      d.fault("must be an object, is " + std::string(type_name(member)));
    }
  });
}

// --- the pod -------------------------------------------------------------------------------------

/// The pod and what its decoding needs; the three container lists may come in any order.
struct RawPod : Pod {
  bool bare = true;  ///< a Pod, not a template
  std::vector<RawContainer> lists[3];
};

template <ContainerKind Kind>
void read_containers(Decoder& d, Json value, RawPod& out) {
  auto& list = out.lists[static_cast<std::size_t>(Kind)];
  d.array(value, sizeof(RawContainer), [&](Json element, std::size_t) {
    RawContainer& container = list.emplace_back();
    container.kind = Kind;
    container.path = d.path();
    d.object(element, kContainer, container);
  });
}

constexpr Field<std::string> kOs[] = {
    {"name", [](Decoder& d, Json v, std::string& name) { d.read(v, name); }}};

constexpr Field<RawPod> kSpec[] = {
    {"hostNetwork", plain<&Pod::host_network>::read},
    {"hostPID", plain<&Pod::host_pid>::read},
    {"hostIPC", plain<&Pod::host_ipc>::read},
    {"hostUsers", plain<&Pod::host_users>::read},
    {"os", [](Decoder& d, Json v, RawPod& out) { d.object(v, kOs, out.os_name); }},
    {"runtimeClassName", plain<&Pod::runtime_class>::read},
    {"automountServiceAccountToken", plain<&Pod::automount_service_account_token>::read},
    {"securityContext",
     [](Decoder& d, Json v, RawPod& out) {
       d.object(v, kPodSecurityContext, out.security_context);
     }},
    {"volumes",
     [](Decoder& d, Json v, RawPod& out) {
       d.array(v, sizeof(Volume), [&](Json volume, std::size_t) {
         read_volume(d, volume, out.volumes.emplace_back());
       });
     }},
    {"initContainers", read_containers<ContainerKind::Init>},
    {"containers", read_containers<ContainerKind::Regular>},
    {"ephemeralContainers", read_containers<ContainerKind::Ephemeral>}};

void read_annotations(Decoder& d, Json value, RawPod& out) {
  d.members(value, [&](std::string_view key, Json text) {
    if (!key.starts_with(kAppArmorPrefix) && key != kSeccompPod && !key.starts_with(kSeccompPrefix))
      return;
    auto& annotation = out.annotations.emplace_back(key, "");
    d.read(text, annotation.second);  // null is the empty text, as in a Go map of strings
  });
  std::ranges::sort(out.annotations);
  for (std::size_t i = 1; i < out.annotations.size(); ++i)
    if (const std::string& key = out.annotations[i].first; key == out.annotations[i - 1].first)
      d.below(key, [&] { d.fault("stands there twice"); });
}

constexpr Field<RawPod> kMetadata[] = {{"annotations", read_annotations}};

constexpr Field<RawPod> kPod[] = {
    {"metadata", [](Decoder& d, Json v, RawPod& out) { d.object(v, kMetadata, out); }},
    {"spec", [](Decoder& d, Json v, RawPod& out) { d.object(v, kSpec, out); }}};

void fill_defaults(RawPod& pod) {
  for (Volume& volume : pod.volumes)
    if (volume.sources == 0) volume.sources = 1U << static_cast<unsigned>(VolumeKind::EmptyDir);
  // A pod template keeps its ports as they are written: only the pod made of it gets the default.
  if (!pod.host_network || !pod.bare) return;
  for (auto* list : {&pod.lists[0], &pod.lists[1]})
    for (RawContainer& container : *list)
      for (std::size_t i = 0; i < container.host_ports.size(); ++i)
        if (container.host_ports[i] == 0 && container.container_ports[i] != 0)
          container.default_host_ports = true;
}

// Source: kubernetes plugin/pkg/admission/serviceaccount/admission.go: the API server adds a volume
// of this name to a pod that declines no token, unless the pod's account declines it.
bool given_token(const RawPod& pod, Origin origin) {
  if (pod.automount_service_account_token) return false;
  const bool yet_to_come = origin == Origin::Manifest || !pod.bare;
  return yet_to_come || std::ranges::any_of(pod.volumes, [](const Volume& volume) {
           return volume.name.starts_with("kube-api-access-") && !volume.token_sources.empty();
         });
}

Pod decode_pod(Json object, std::string_view path, bool bare, Origin origin,
               std::vector<Fault>& faults) {
  RawPod pod;
  pod.path = path;
  pod.bare = bare;
  Decoder decoder(path, faults);
  decoder.object(object, kPod, pod);
  if (origin == Origin::Manifest) fill_defaults(pod);
  pod.given_token = given_token(pod, origin);
  pod.containers.reserve(pod.lists[0].size() + pod.lists[1].size() + pod.lists[2].size());
  for (auto& list : pod.lists)
    for (RawContainer& container : list) {
      // Two pods that ask the same compare equal, however their documents are written.
      std::ranges::sort(container.handler_hosts, {}, &HandlerHost::at);
      pod.containers.push_back(std::move(container));
    }
  return std::move(static_cast<Pod&>(pod));
}

}  // namespace

std::optional<Pod> decode_pod_in(Json object, std::string_view base, std::string_view template_path,
                                 Origin origin, std::vector<Fault>& faults) {
  std::string path(base);
  Json at = object;
  for (std::string_view rest = template_path; !rest.empty();) {
    rest.remove_prefix(1);
    const auto slash = std::min(rest.find('/'), rest.size());
    const auto step = rest.substr(0, slash);
    rest.remove_prefix(slash);
    simdjson::dom::object members;
    if (at.get(members) != simdjson::SUCCESS) break;  // decode_pod says that it is no object
    append_token(path, step);
    Json next;
    int found = 0;
    for (const auto member : members) {
      if (member.key != step) continue;
      if (++found == 2) faults.push_back({path, "stands there twice"});
      next = member.value;
    }
    // A ReplicationController may leave its template out; nothing can run from it then.
    if (found == 0 || next.is_null()) return std::nullopt;
    at = next;
  }
  return decode_pod(at, path, template_path.empty(), origin, faults);
}

}  // namespace plimsoll::codec
