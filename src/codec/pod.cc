#include "codec/pod.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "codec/pod_fields.h"

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

template <ContainerKind Kind>
void read_list(Decoder& d, Json value, RawPod& out) {
  read_containers(d, value, Kind, out);
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
    {"securityContext", read_security_context},
    {"volumes", read_volumes},
    {"initContainers", read_list<ContainerKind::Init>},
    {"containers", read_list<ContainerKind::Regular>},
    {"ephemeralContainers", read_list<ContainerKind::Ephemeral>}};

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

constexpr Field<RawPod> kPod[] = {{"metadata", read_metadata}, {"spec", read_spec}};

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

// --- places --------------------------------------------------------------------------------------

/// Calls `visit(value)` for what stands at each place of the path below `at`, with the decoder at
/// it.
template <class Visit>
void each_place(Decoder& d, Json at, std::string_view path, Visit visit) {
  if (path.empty()) return visit(at);
  path.remove_prefix(1);
  const auto step = path.substr(0, path.find('/'));
  const auto rest = path.substr(step.size());
  // A ReplicationController may leave its template out; nothing can run from it then.
  const auto enter = [&](Json next) {
    if (!next.is_null()) each_place(d, next, rest, visit);
  };
  if (step == "*" && at.is_array())
    d.array(at, sizeof(Pod), [&](Json next, std::size_t) { enter(next); });
  else if (step == "*")
    d.members(at, [&](std::string_view, Json next) {
      if (d.weigh(sizeof(Pod))) enter(next);
    });
  else
    d.member(at, step, enter);
}

void read_pods(Decoder& d, Json value, PodShape shape, Origin origin, std::vector<Pod>& out) {
  if (shape == PodShape::Workflow) return read_workflow(d, value, origin, out);
  RawPod pod;
  pod.path = d.path();
  pod.bare = shape == PodShape::Pod;
  if (shape == PodShape::Spec) {
    pod.moved.push_back({pod.path + "/spec", pod.path});
    read_spec(d, value, pod);
  } else {
    d.object(value, kPod, pod);
  }
  out.push_back(finish(std::move(pod), origin));
}

/// A value and where it stands.
struct Placed {
  std::string path;
  Json value;
};

std::vector<Placed> values_at(Decoder& d, Json object, std::string_view path) {
  std::vector<Placed> values;
  each_place(d, object, path, [&](Json value) { values.push_back({d.path(), value}); });
  return values;
}

}  // namespace

Members members_of(simdjson::dom::object object) {
  Members members;
  for (const auto member : object) members.emplace_back(member.key, member.value);
  std::ranges::sort(members, {}, &Members::value_type::first);
  return members;
}

void read_spec(Decoder& d, Json value, RawPod& out) { d.object(value, kSpec, out); }

void read_metadata(Decoder& d, Json value, RawPod& out) { d.object(value, kMetadata, out); }

void read_security_context(Decoder& d, Json value, RawPod& out) {
  d.object(value, kPodSecurityContext, out.security_context);
}

void read_volumes(Decoder& d, Json value, RawPod& out) {
  d.array(value, sizeof(Volume),
          [&](Json volume, std::size_t) { read_volume(d, volume, out.volumes.emplace_back()); });
}

void read_container(Decoder& d, Json value, ContainerKind kind, RawPod& out) {
  RawContainer& container = out.list(kind).emplace_back();
  container.kind = kind;
  container.path = d.path();
  d.object(value, kContainer, container);
}

void read_containers(Decoder& d, Json value, ContainerKind kind, RawPod& out) {
  d.array(value, sizeof(RawContainer),
          [&](Json element, std::size_t) { read_container(d, element, kind, out); });
}

Pod finish(RawPod&& raw, Origin origin) {
  if (origin == Origin::Manifest) fill_defaults(raw);
  raw.given_token = given_token(raw, origin);
  raw.containers.reserve(raw.lists[0].size() + raw.lists[1].size() + raw.lists[2].size());
  for (auto& list : raw.lists)
    for (RawContainer& container : list) {
      // Two pods that ask the same compare equal, however their documents are written.
      std::ranges::sort(container.handler_hosts, {}, &HandlerHost::at);
      raw.containers.push_back(std::move(container));
    }
  return std::move(static_cast<Pod&>(raw));
}

bool same(Json a, Json b) {
  if (a.type() != b.type()) return false;
  if (a.is_object())
    return std::ranges::equal(members_of(a), members_of(b), [](const auto& x, const auto& y) {
      return x.first == y.first && same(x.second, y.second);
    });
  if (a.is_array()) {
    const simdjson::dom::array left(a), right(b);
    auto at = right.begin();
    for (const Json element : left) {
      if (at == right.end() || !same(element, *at)) return false;
      ++at;
    }
    return at == right.end();
  }
  return simdjson::minify(a) == simdjson::minify(b);
}

std::vector<Pod> decode_pods(Json object, std::string_view base, std::span<const PodPlace> places,
                             Origin origin, std::vector<Fault>& faults) {
  std::vector<Pod> pods;
  Decoder decoder(base, faults);
  for (const PodPlace& place : places)
    each_place(decoder, object, place.path,
               [&](Json value) { read_pods(decoder, value, place.shape, origin, pods); });
  return pods;
}

namespace {

/// Whether what is judged of the value at a place is the same.
bool same_at(Json now, Json before, PodShape shape) {
  if (shape == PodShape::Workflow) return same_workflow(now, before);
  if (same(now, before)) return true;
  // Other fields may stand beside those of the pod.
  if (shape == PodShape::Template)
    return now.is_object() && before.is_object() &&
           std::ranges::all_of(std::array{"metadata", "spec"}, [&](std::string_view name) {
             Json a, b;
             const bool has = now.at_key(name).get(a) == simdjson::SUCCESS;
             const bool had = before.at_key(name).get(b) == simdjson::SUCCESS;
             return has == had && (!has || same(a, b));
           });
  if (shape != PodShape::Spec) return false;
  std::vector<Fault> faults;
  std::vector<Pod> pods, old_pods;
  Decoder decoder("", faults), old_decoder("", faults);
  read_pods(decoder, now, shape, Origin::ApiServer, pods);
  read_pods(old_decoder, before, shape, Origin::ApiServer, old_pods);
  return faults.empty() && pods == old_pods;
}

/// Whether nothing but metadata and status differs.
bool same_but_metadata(Json object, Json old_object) {
  if (!object.is_object() || !old_object.is_object()) return false;
  const auto rest = [](Json of) {
    Members members = members_of(of);
    std::erase_if(members, [](const auto& member) {
      return member.first == "metadata" || member.first == "status";
    });
    return members;
  };
  const Members now = rest(object);
  return !now.empty() &&
         std::ranges::equal(now, rest(old_object), [](const auto& a, const auto& b) {
           return a.first == b.first && same(a.second, b.second);
         });
}

}  // namespace

bool same_pods(Json object, Json old_object, std::span<const PodPlace> places) {
  // Also where no pod can be read: a finalizer must come off whatever else is wrong.
  if (same_but_metadata(object, old_object)) return true;
  std::vector<Fault> faults;
  Decoder decoder("", faults);
  bool any = false;
  const bool all = std::ranges::all_of(places, [&](const PodPlace& place) {
    // Upstream's rule: of a pod it is the spec that counts, of a workload the whole template.
    const std::string path = place.shape == PodShape::Pod ? "/spec" : place.path;
    const auto now = values_at(decoder, object, path);
    const auto before = values_at(decoder, old_object, path);
    any = any || !now.empty();
    return std::ranges::equal(now, before, [&](const Placed& a, const Placed& b) {
      return a.path == b.path && same_at(a.value, b.value, place.shape);
    });
  });
  return any && all && faults.empty();
}

}  // namespace plimsoll::codec
