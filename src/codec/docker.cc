#include "codec/docker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <limits>
#include <utility>

#include "codec/decoder.h"
#include "plimsoll/pointer.h"
#include "verdict/words.h"

namespace plimsoll::codec::docker {
namespace {

using cis::Container;
using cis::Mount;
using cis::PortBinding;

template <class T>
using Field = Decoder::Field<T>;

/// Decodes a text; a field that cannot be read is an error.
template <class Read>
Status decode(std::string_view json, Read read) {
  simdjson::dom::parser parser;
  Json root;
  Error error;
  if (const auto problem = parser.parse(json.data(), json.size()).get(root)) {
    error.message = fmt::format("is no JSON: {}", simdjson::error_message(problem));
    return error;
  }
  std::vector<Fault> faults;
  Decoder decoder(std::string_view{}, faults);
  read(decoder, root);
  if (faults.empty()) return {};
  error.field = verdict::field_of(faults.front().path);
  error.message = faults.front().message;
  return error;
}

template <class T, std::size_t N>
Result<T> decode_object(std::string_view json, const Field<T> (&fields)[N]) {
  T out;
  if (auto error = decode(json, [&](Decoder& d, Json root) { d.object(root, fields, out); }))
    return *std::move(error);
  return out;
}

template <class T, std::size_t N>
Result<std::vector<T>> decode_list(std::string_view json, const Field<T> (&fields)[N]) {
  std::vector<T> out;
  if (auto error = decode(json, [&](Decoder& d, Json root) {
        d.array(root, sizeof(T), [&](Json element, std::size_t) {
          T one;
          d.object(element, fields, one);
          out.push_back(std::move(one));
        });
      }))
    return *std::move(error);
  return out;
}

/// A part of an object that gives to the whole.
template <auto& Fields>
struct part {
  template <class T>
  static void read(Decoder& d, Json value, T& out) {
    d.object(value, Fields, out);
  }
};

std::string short_id(std::string_view id) {
  constexpr std::size_t kShown = 12;
  if (const auto colon = id.find(':'); colon != std::string_view::npos) id = id.substr(colon + 1);
  return std::string(id.substr(0, kShown));
}

/// Source: Go's strconv.Atoi, by which Docker reads ids.
std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// --- the daemon ----------------------------------------------------------------------------------

using cis::Daemon;

constexpr Field<Daemon> kPlugins[] = {
    {"Authorization", plain<&Daemon::authorization_plugins>::read}};

struct Registry {
  std::string name;
  bool secure = true;
};
constexpr Field<Registry> kRegistry[] = {{"Name", plain<&Registry::name>::read},
                                         {"Secure", plain<&Registry::secure>::read}};
constexpr Field<Daemon> kRegistries[] = {
    {"IndexConfigs",
     [](Decoder& d, Json v, Daemon& out) {
       d.members(v, [&](std::string_view key, Json value) {
         Registry registry;
         d.object(value, kRegistry, registry);
         if (!registry.secure) out.insecure_registries.emplace_back(key);
       });
     }},
    {"InsecureRegistryCIDRs", [](Decoder& d, Json v, Daemon& out) {
       std::vector<std::string> networks;
       d.read(v, networks);
       for (std::string& network : networks)
         if (network != "127.0.0.0/8" && network != "::1/128")
           out.insecure_registries.push_back(std::move(network));
     }}};

struct Manager {
  std::string node, address;
};
struct SwarmInfo {
  std::string state, node;
  std::int64_t managers = 0;
  bool manager = false;
  std::vector<Manager> known;
};
constexpr Field<Manager> kManager[] = {{"NodeID", plain<&Manager::node>::read},
                                       {"Addr", plain<&Manager::address>::read}};
constexpr Field<SwarmInfo> kSwarmInfo[] = {
    {"LocalNodeState", plain<&SwarmInfo::state>::read},
    {"NodeID", plain<&SwarmInfo::node>::read},
    {"Managers", plain<&SwarmInfo::managers>::read},
    {"ControlAvailable", plain<&SwarmInfo::manager>::read},
    {"RemoteManagers", [](Decoder& d, Json v, SwarmInfo& out) {
       d.array(v, sizeof(Manager), [&](Json element, std::size_t) {
         d.object(element, kManager, out.known.emplace_back());
       });
     }}};

void read_swarm(Decoder& d, Json value, Daemon& out) {
  SwarmInfo info;
  d.object(value, kSwarmInfo, info);
  out.swarm = std::move(info.state);
  out.managers = info.managers;
  out.manager = info.manager;
  for (const Manager& manager : info.known)
    if (const auto colon = manager.address.rfind(':');
        manager.node == info.node && colon != std::string::npos)
      out.swarm_port =
          number(std::string_view(manager.address).substr(colon + 1)).value_or(out.swarm_port);
}

constexpr Field<Daemon> kInfo[] = {{"Name", plain<&Daemon::name>::read},
                                   {"Driver", plain<&Daemon::driver>::read},
                                   {"DockerRootDir", plain<&Daemon::root_dir>::read},
                                   {"LoggingDriver", plain<&Daemon::logging_driver>::read},
                                   {"OperatingSystem", plain<&Daemon::operating_system>::read},
                                   {"SecurityOptions", plain<&Daemon::security_options>::read},
                                   {"Warnings", plain<&Daemon::warnings>::read},
                                   {"LiveRestoreEnabled", plain<&Daemon::live_restore>::read},
                                   {"ExperimentalBuild", plain<&Daemon::experimental>::read},
                                   {"Debug", plain<&Daemon::debug>::read},
                                   {"Containers", plain<&Daemon::containers>::read},
                                   {"ContainersRunning", plain<&Daemon::running>::read},
                                   {"Plugins", part<kPlugins>::read},
                                   {"RegistryConfig", part<kRegistries>::read},
                                   {"Swarm", read_swarm}};

struct Component {
  std::string name;
};
constexpr Field<Component> kComponent[] = {{"Name", plain<&Component::name>::read}};
constexpr Field<Daemon> kVersion[] = {
    {"Version", plain<&Daemon::version>::read},
    {"Components", [](Decoder& d, Json v, Daemon& out) {
       d.array(v, sizeof(Component), [&](Json element, std::size_t) {
         Component component;
         d.object(element, kComponent, component);
         if (component.name.find("Podman") != std::string::npos) out.podman = true;
       });
     }}};

// --- lists ---------------------------------------------------------------------------------------

void first_name(Decoder& d, Json value, Listed& out) {
  std::vector<std::string> names;
  d.read(value, names);
  if (!names.empty() && names.front() != "<none>:<none>") out.name = names.front();
}

// Others are by which linked containers know it: `/app/db` beside `/db`.
void own_name(Decoder& d, Json value, Listed& out) {
  std::vector<std::string> names;
  d.read(value, names);
  for (const std::string_view name : names)
    if (name.rfind('/') == 0) out.name = name.substr(1);
  if (out.name.empty() && !names.empty()) out.name = names.front();
}

constexpr Field<Listed> kListedContainer[] = {{"Id", plain<&Listed::id>::read},
                                              {"ImageID", plain<&Listed::image_id>::read},
                                              {"Names", own_name}};
constexpr Field<Listed> kListedImage[] = {{"Id", plain<&Listed::id>::read},
                                          {"RepoTags", first_name}};

// --- a container ---------------------------------------------------------------------------------

/// What is decoded before it is put together.
struct RawDockerContainer : Container {
  bool privileged = false, read_only = false, published = false, publishes_all = false;
  bool has_host_config = false, has_config = false, has_state = false;
  std::vector<std::string> added, dropped;
  std::vector<PortBinding> asked;    ///< PortBindings; `ports` has what is published
  std::vector<std::string> exposed;  ///< ports that its image names: `80/tcp`
  std::vector<std::string> device_rules, device_requests;
  bool asks_for_health = false;  ///< a check of its health is set up
};

struct Restart {
  std::string name;
  std::int64_t most = 0;
};
constexpr Field<Restart> kRestart[] = {{"Name", plain<&Restart::name>::read},
                                       {"MaximumRetryCount", plain<&Restart::most>::read}};
struct Named {
  std::string name;
};
constexpr Field<Named> kDevice[] = {{"PathOnHost", plain<&Named::name>::read}};
constexpr Field<Named> kDeviceRequest[] = {{"Driver", plain<&Named::name>::read}};
constexpr Field<Named> kUlimit[] = {{"Name", plain<&Named::name>::read}};

template <std::size_t N>
void names_of(Decoder& d, Json value, const Field<Named> (&fields)[N],
              std::vector<std::string>& out) {
  d.array(value, sizeof(std::string), [&](Json element, std::size_t) {
    Named named;
    d.object(element, fields, named);
    out.push_back(std::move(named.name));
  });
}

constexpr Field<PortBinding> kBinding[] = {{"HostIp", plain<&PortBinding::host_ip>::read},
                                           {"HostPort", plain<&PortBinding::host_port>::read}};

void read_ports(Decoder& d, Json value, std::vector<PortBinding>& out) {
  d.members(value, [&](std::string_view port, Json bindings) {
    d.array(bindings, sizeof(PortBinding), [&](Json element, std::size_t) {
      PortBinding binding;
      binding.port = port;
      d.object(element, kBinding, binding);
      out.push_back(std::move(binding));
    });
  });
}

constexpr Field<Mount> kMount[] = {
    {"Type", plain<&Mount::type>::read},     {"Name", plain<&Mount::name>::read},
    {"Source", plain<&Mount::source>::read}, {"Destination", plain<&Mount::destination>::read},
    {"RW", plain<&Mount::read_write>::read}, {"Propagation", plain<&Mount::propagation>::read}};

using Raw = RawDockerContainer;

constexpr Field<Raw> kHostConfig[] = {
    {"Privileged", plain<&Raw::privileged>::read},
    {"PublishAllPorts", plain<&Raw::publishes_all>::read},
    {"ReadonlyRootfs", plain<&Raw::read_only>::read},
    {"CapAdd", plain<&Raw::added>::read},
    {"CapDrop", plain<&Raw::dropped>::read},
    {"SecurityOpt", plain<&Container::security_options>::read},
    {"NetworkMode", plain<&Container::network_mode>::read},
    {"PidMode", plain<&Container::pid_mode>::read},
    {"IpcMode", plain<&Container::ipc_mode>::read},
    {"UTSMode", plain<&Container::uts_mode>::read},
    {"UsernsMode", plain<&Container::userns_mode>::read},
    {"CgroupParent", plain<&Container::cgroup_parent>::read},
    {"Memory", plain<&Container::memory>::read},
    {"CpuShares", plain<&Container::cpu_shares>::read},
    {"NanoCpus", plain<&Container::nano_cpus>::read},
    {"CpuQuota", plain<&Container::cpu_quota>::read},
    {"PidsLimit", plain<&Container::pids_limit>::read},
    {"RestartPolicy",
     [](Decoder& d, Json v, Raw& out) {
       Restart restart;
       d.object(v, kRestart, restart);
       out.restart_policy = std::move(restart.name);
       out.restarts = restart.most;
     }},
    {"Devices", [](Decoder& d, Json v, Raw& out) { names_of(d, v, kDevice, out.devices); }},
    {"DeviceCgroupRules", plain<&Raw::device_rules>::read},
    {"DeviceRequests",
     [](Decoder& d, Json v, Raw& out) { names_of(d, v, kDeviceRequest, out.device_requests); }},
    {"Ulimits", [](Decoder& d, Json v, Raw& out) { names_of(d, v, kUlimit, out.ulimits); }},
    {"PortBindings", [](Decoder& d, Json v, Raw& out) { read_ports(d, v, out.asked); }}};

struct HealthTest {
  std::vector<std::string> test;
};
constexpr Field<HealthTest> kHealthTest[] = {{"Test", plain<&HealthTest::test>::read}};

/// Whether a health check is one: nothing is what an image before it has, which is none here.
template <auto Checked>
void read_health(Decoder& d, Json value, auto& out) {
  HealthTest health;
  d.object(value, kHealthTest, health);
  out.*Checked = !health.test.empty() && health.test != std::vector<std::string>{"NONE"};
}

constexpr Field<Raw> kConfig[] = {
    {"Healthcheck", read_health<&Raw::asks_for_health, Raw>},
    {"User", plain<&Container::user>::read},
    {"Image", plain<&Container::image>::read},
    {"ExposedPorts", [](Decoder& d, Json v, Raw& out) {
       d.members(v, [&](std::string_view port, Json) { out.exposed.emplace_back(port); });
     }}};

struct Health {
  std::string status;
};
constexpr Field<Health> kHealth[] = {{"Status", plain<&Health::status>::read}};
constexpr Field<Raw> kState[] = {{"Status", plain<&Container::status>::read},
                                 {"Running", plain<&Container::running>::read},
                                 {"Health", [](Decoder& d, Json v, Raw& out) {
                                    Health health;
                                    d.object(v, kHealth, health);
                                    out.health_check =
                                        !health.status.empty() && health.status != "none";
                                  }}};

constexpr Field<Raw> kNetworks[] = {{"Ports",
                                     [](Decoder& d, Json v, Raw& out) {
                                       out.published = true;
                                       read_ports(d, v, out.ports);
                                     }},
                                    {"Networks", [](Decoder& d, Json v, Raw& out) {
                                       d.members(v, [&](std::string_view name, Json) {
                                         if (name == "bridge") out.default_bridge = true;
                                       });
                                     }}};

/// A part without which nothing can be said of the whole.
template <auto& Fields, bool Raw::* There>
struct needed {
  static void read(Decoder& d, Json value, Raw& out) {
    out.*There = true;
    d.object(value, Fields, out);
  }
};

constexpr Field<Raw> kContainer[] = {
    {"Id", plain<&Container::id>::read},
    {"Name", plain<&Container::name>::read},
    {"Image", plain<&Container::image_id>::read},
    {"AppArmorProfile", plain<&Container::apparmor_profile>::read},
    {"HostConfig", needed<kHostConfig, &Raw::has_host_config>::read},
    {"Config", needed<kConfig, &Raw::has_config>::read},
    {"State", needed<kState, &Raw::has_state>::read},
    {"NetworkSettings", part<kNetworks>::read},
    {"Mounts", [](Decoder& d, Json v, Raw& out) {
       d.array(v, sizeof(Mount) + sizeof(Volume) + 4 * sizeof(Moved),
               [&](Json element, std::size_t) {
                 Mount mount;
                 d.object(element, kMount, mount);
                 out.mounts.push_back(std::move(mount));
               });
     }}};

/// A security option's value, such as that of `seccomp` in `seccomp=unconfined`; nothing: it is not
/// there. `:` is how it was written once.
std::optional<std::string_view> option(const Container& container, std::string_view name) {
  std::optional<std::string_view> value;
  for (const std::string_view text : container.security_options) {
    if (text == name) value = "";
    if (text.starts_with(name) && text.size() > name.size() &&
        (text[name.size()] == '=' || text[name.size()] == ':'))
      value = text.substr(name.size() + 1);
  }
  return value;
}

/// Source: Go's strconv.ParseBool, by which Docker reads switches.
std::optional<bool> truth_of(std::string_view text) {
  constexpr std::string_view kTrue[] = {"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::string_view kFalse[] = {"0", "f", "F", "FALSE", "false", "False"};
  if (std::ranges::find(kTrue, text) != std::end(kTrue)) return true;
  if (std::ranges::find(kFalse, text) != std::end(kFalse)) return false;
  return {};
}

/// A capability as pods have it: `CAP_sys_admin` is `SYS_ADMIN`.
std::string capability(std::string_view name) {
  std::string text;
  for (const char c : name) text += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (text.starts_with("CAP_")) text.erase(0, 4);
  return text;
}

/// Of which id the user is without a look into the container.
std::optional<std::int64_t> uid_of(std::string_view user) {
  user = user.substr(0, user.find(':'));
  if (user.empty() || user == "root") return 0;
  return number(user);
}

std::string seccomp_of(const Raw& raw, const cis::Defaults& defaults) {
  if (raw.privileged) return "Unconfined";
  const auto profile = option(raw, "seccomp");
  if (!profile) return defaults.seccomp ? "RuntimeDefault" : "Unconfined";
  if (*profile == "unconfined") return "Unconfined";
  return *profile == "builtin" ? "RuntimeDefault" : "Localhost";
}

// Docker writes the profile down when it starts the container.
std::string apparmor_of(const Raw& raw, const cis::Defaults& defaults) {
  std::string_view profile = raw.apparmor_profile;
  if (profile.empty() && !raw.running && defaults.apparmor) {
    const auto asked = option(raw, "apparmor");
    profile = asked ? *asked : raw.privileged ? "unconfined" : "docker-default";
  }
  if (profile.empty() || profile == "unconfined") return "Unconfined";
  return profile == "docker-default" ? "RuntimeDefault" : "Localhost";
}

bool gains_privileges(const Container& container, const cis::Defaults& defaults) {
  const auto value = option(container, "no-new-privileges");
  if (!value) return !defaults.no_new_privileges;
  return !(value->empty() || truth_of(*value) == true);
}

std::string_view propagation_of(std::string_view propagation) {
  if (propagation.find("shared") != std::string_view::npos) return "Bidirectional";
  if (propagation.find("slave") != std::string_view::npos) return "HostToContainer";
  return propagation.empty() ? "" : "None";
}

/// The same container as a pod of one.
Pod pod_of(const Raw& raw, const cis::Defaults& defaults) {
  constexpr std::string_view kPath = "/spec/containers/0";
  Pod pod;
  pod.host_network = raw.network_mode == "host";
  pod.host_pid = raw.pid_mode == "host";
  pod.host_ipc = raw.ipc_mode == "host";
  if (raw.userns_mode == "host") pod.host_users = true;
  plimsoll::Container container;
  container.name = raw.name;
  container.image = raw.image;
  container.path = kPath;
  auto& context = container.security_context;
  context.privileged = raw.privileged;
  context.read_only_root_filesystem = raw.read_only;
  context.allow_privilege_escalation = gains_privileges(raw, defaults);
  for (const std::string& name : raw.added) context.capabilities.add.push_back(capability(name));
  for (const std::string& name : raw.dropped) context.capabilities.drop.push_back(capability(name));
  context.seccomp_type = seccomp_of(raw, defaults);
  context.apparmor_type = apparmor_of(raw, defaults);
  context.run_as_user = uid_of(raw.user);
  // A port that is still to be chosen is one as well: nothing, or 0.
  for (const PortBinding& binding : raw.ports) {
    const auto port = number(binding.host_port).value_or(0);
    container.host_ports.push_back(
        port <= 0 ? -1 : static_cast<std::int32_t>(std::min<std::int64_t>(port, 65535)));
  }
  pod.moved = {{"/spec/hostIPC", "/HostConfig/IpcMode"},
               {"/spec/hostNetwork", "/HostConfig/NetworkMode"},
               {"/spec/hostPID", "/HostConfig/PidMode"}};
  const auto move = [&](std::string_view from, std::string_view to) {
    pod.moved.push_back({fmt::format("{}/securityContext{}", kPath, from), std::string(to)});
  };
  move("/allowPrivilegeEscalation", "/HostConfig/SecurityOpt");
  // What switches it off: its own option stays when it is not privileged any more.
  const auto unless_privileged = [&](std::string_view name, std::string_view otherwise) {
    return raw.privileged && !option(raw, name) ? "/HostConfig/Privileged" : otherwise;
  };
  move("/appArmorProfile/type", unless_privileged("apparmor", "/AppArmorProfile"));
  move("/capabilities/add", "/HostConfig/CapAdd");
  move("/privileged", "/HostConfig/Privileged");
  move("/readOnlyRootFilesystem", "/HostConfig/ReadonlyRootfs");
  move("/runAsUser", "/Config/User");
  move("/seccompProfile/type", unless_privileged("seccomp", "/HostConfig/SecurityOpt"));
  for (std::size_t i = 0; i < raw.mounts.size(); ++i) {
    const Mount& mount = raw.mounts[i];
    Volume volume;
    volume.name = mount.destination;
    const auto kind = mount.type == "bind" ? VolumeKind::HostPath : VolumeKind::EmptyDir;
    volume.sources = 1U << static_cast<unsigned>(kind);
    if (kind == VolumeKind::HostPath) volume.host_path = mount.source;
    pod.volumes.push_back(std::move(volume));
    container.volume_mounts.push_back(
        {.name = mount.destination,
         .mount_path = mount.destination,
         .read_only = !mount.read_write,
         .propagation = std::string(propagation_of(mount.propagation))});
    const std::string source = fmt::format("/Mounts/{}/Source", i);
    pod.moved.push_back({fmt::format("/spec/volumes/{}/hostPath", i), source});
    pod.moved.push_back({fmt::format("/spec/volumes/{}/hostPath/path", i), source});
    pod.moved.push_back({fmt::format("{}/volumeMounts/{}/mountPropagation", kPath, i),
                         fmt::format("/Mounts/{}/Propagation", i)});
  }
  std::ranges::sort(pod.moved, {}, &Moved::from);
  pod.containers.push_back(std::move(container));
  return pod;
}

// --- the rest ------------------------------------------------------------------------------------

using cis::Network;

struct LocalVolume {
  std::string name, driver, type, options, device;
};
struct Volumes {
  std::vector<LocalVolume> volumes;
};
constexpr Field<LocalVolume> kVolumeOptions[] = {{"type", plain<&LocalVolume::type>::read},
                                                 {"o", plain<&LocalVolume::options>::read},
                                                 {"device", plain<&LocalVolume::device>::read}};
constexpr Field<LocalVolume> kVolume[] = {{"Name", plain<&LocalVolume::name>::read},
                                          {"Driver", plain<&LocalVolume::driver>::read},
                                          {"Options", part<kVolumeOptions>::read}};
constexpr Field<Volumes> kVolumes[] = {{"Volumes", [](Decoder& d, Json v, Volumes& out) {
                                          d.array(v, sizeof(LocalVolume),
                                                  [&](Json element, std::size_t) {
                                                    LocalVolume volume;
                                                    d.object(element, kVolume, volume);
                                                    out.volumes.push_back(std::move(volume));
                                                  });
                                        }}};

/// Whether what is mounted is a folder of the host, or a disk of it; else it has a source of its
/// own, such as a server or memory.
bool is_of_host(const LocalVolume& volume) {
  if (!volume.device.starts_with('/')) return false;
  for (std::string_view left = volume.options; !left.empty();) {
    const auto option = left.substr(0, left.find(','));
    left.remove_prefix(std::min(option.size() + 1, left.size()));
    if (option == "bind" || option == "rbind") return true;
  }
  return volume.type != "tmpfs" && volume.device.starts_with("/dev/");
}

constexpr Field<Network> kNetwork[] = {{"Name", plain<&Network::name>::read},
                                       {"Driver", plain<&Network::driver>::read},
                                       {"Scope", plain<&Network::scope>::read},
                                       {"Options", [](Decoder& d, Json v, Network& out) {
                                          d.members(v, [&](std::string_view key, Json value) {
                                            d.read(value, out.options[std::string(key)]);
                                          });
                                        }}};

constexpr Field<cis::Swarm> kEncryption[] = {
    {"AutoLockManagers", plain<&cis::Swarm::auto_lock>::read}};
constexpr Field<cis::Swarm> kAuthority[] = {
    {"NodeCertExpiry", [](Decoder& d, Json v, cis::Swarm& out) {
       constexpr std::int64_t kNanosecondsAnHour = 3'600'000'000'000;
       std::int64_t nanoseconds = 0;
       d.read(v, nanoseconds);
       out.certificate_hours = nanoseconds / kNanosecondsAnHour;
     }}};
constexpr Field<cis::Swarm> kSwarmSpec[] = {{"EncryptionConfig", part<kEncryption>::read},
                                            {"CAConfig", part<kAuthority>::read}};
constexpr Field<cis::Swarm> kSwarm[] = {{"Spec", part<kSwarmSpec>::read}};

struct ImageConfig {
  bool health_check = false;
};
constexpr Field<ImageConfig> kImageConfig[] = {
    {"Healthcheck", read_health<&ImageConfig::health_check, ImageConfig>}};
constexpr Field<ImageConfig> kImage[] = {{"Config", part<kImageConfig>::read}};

struct Top {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> processes;
};
constexpr Field<Top> kTop[] = {
    {"Titles", plain<&Top::titles>::read},
    {"Processes", [](Decoder& d, Json v, Top& out) {
       d.array(v, sizeof(std::vector<std::string>),
               [&](Json element, std::size_t) { d.read(element, out.processes.emplace_back()); });
     }}};

constexpr Field<Named> kStep[] = {{"CreatedBy", plain<&Named::name>::read}};
constexpr Field<Named> kMessage[] = {{"message", plain<&Named::name>::read}};

// The names of daemon.json that differ from those of the flags.
constexpr std::pair<std::string_view, std::string_view> kFlagNames[] = {
    {"authorization-plugins", "authorization-plugin"},
    {"default-ulimits", "default-ulimit"},
    {"hosts", "host"},
    {"insecure-registries", "insecure-registry"},
    {"log-opts", "log-opt"},
    {"registry-mirrors", "registry-mirror"},
    {"storage-opts", "storage-opt"},
};

std::string text_of(Json value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  return simdjson::minify(value);
}

}  // namespace

Result<Daemon> decode_daemon(std::string_view info, std::string_view version) {
  auto daemon = decode_object(info, kInfo);
  if (!daemon) return daemon;
  if (auto error =
          decode(version, [&](Decoder& d, Json root) { d.object(root, kVersion, *daemon); }))
    return *std::move(error);
  return daemon;
}

Result<std::vector<Listed>> decode_containers(std::string_view json) {
  return decode_list(json, kListedContainer);
}

Result<std::vector<Listed>> decode_images(std::string_view json) {
  auto images = decode_list(json, kListedImage);
  if (images)
    for (Listed& image : *images)
      if (image.name.empty()) image.name = short_id(image.id);
  return images;
}

Result<Container> decode_container(std::string_view json, const cis::Defaults& defaults) {
  auto decoded = decode_object(json, kContainer);
  if (!decoded) return decoded.error();
  Raw raw = *std::move(decoded);
  for (const auto& [there, name] :
       {std::pair(raw.has_host_config, "HostConfig"), std::pair(raw.has_config, "Config"),
        std::pair(raw.has_state, "State")})
    if (!there) {
      Error error;
      error.field = name;
      error.message = "is not there";
      return error;
    }
  if (raw.name.starts_with('/')) raw.name.erase(0, 1);
  // What does not run has published nothing yet, or nothing between two starts, and in the host's
  // network nothing is.
  if (!raw.running || raw.status == "restarting" || !raw.published) {
    raw.ports = std::move(raw.asked);
    if (raw.publishes_all)
      for (const std::string& port : raw.exposed)
        if (std::ranges::find(raw.ports, port, &PortBinding::port) == raw.ports.end())
          raw.ports.push_back({.port = port, .host_ip = {}, .host_port = {}});
  }
  if (raw.network_mode == "host") raw.ports.clear();
  if (raw.network_mode == "bridge" || raw.network_mode == "default") raw.default_bridge = true;
  for (const std::string& rule : raw.device_rules) raw.devices.push_back("all of " + rule);
  for (const std::string& driver : raw.device_requests)
    raw.devices.push_back("what is asked of " + (driver.empty() ? "any driver" : driver));
  // Of one that was not started yet, or has ended, nobody says how it is.
  raw.health_check |= !raw.running && raw.asks_for_health;
  raw.pod = pod_of(raw, defaults);
  return Container(std::move(raw));
}

Result<std::vector<std::string>> decode_top(std::string_view json) {
  auto top = decode_object(json, kTop);
  if (!top) return top.error();
  const auto at = std::ranges::find_if(top->titles, [](std::string_view title) {
    return title == "CMD" || title == "COMMAND" || title == "ARGS";
  });
  const auto column = static_cast<std::size_t>(at - top->titles.begin());
  std::vector<std::string> commands;
  for (auto& process : top->processes)
    if (column < process.size()) commands.push_back(std::move(process[column]));
  if (commands.size() == top->processes.size()) return commands;
  Error error;
  error.field = "Titles";
  error.message = "name no column with the commands";
  return error;
}

Result<bool> decode_health_check(std::string_view json) {
  const auto image = decode_object(json, kImage);
  if (!image) return image.error();
  return image->health_check;
}

Result<std::vector<std::string>> decode_history(std::string_view json) {
  auto steps = decode_list(json, kStep);
  if (!steps) return steps.error();
  std::vector<std::string> history;
  for (Named& step : *steps) history.push_back(std::move(step.name));
  return history;
}

Result<std::vector<Network>> decode_networks(std::string_view json) {
  return decode_list(json, kNetwork);
}

Result<std::map<std::string, std::string, std::less<>>> decode_volumes(std::string_view json) {
  const auto list = decode_object(json, kVolumes);
  if (!list) return list.error();
  std::map<std::string, std::string, std::less<>> named;
  for (const LocalVolume& volume : list->volumes)
    if (volume.driver == "local" && is_of_host(volume)) named[volume.name] = volume.device;
  return named;
}

Result<cis::Swarm> decode_swarm(std::string_view json) { return decode_object(json, kSwarm); }

Result<std::int64_t> decode_count(std::string_view json) {
  std::int64_t count = 0;
  if (auto error = decode(json, [&](Decoder& d, Json root) {
        d.array(root, 0, [&](Json, std::size_t) { ++count; });
      }))
    return *std::move(error);
  return count;
}

std::string decode_message(std::string_view json) {
  const auto message = decode_object(json, kMessage);
  return message ? message->name : "";
}

Result<cis::Settings> decode_daemon_file(std::string_view json) {
  cis::Settings settings;
  if (auto error = decode(json, [&](Decoder& d, Json root) {
        d.members(root, [&](std::string_view key, Json value) {
          const auto* at = std::ranges::find(kFlagNames, key,
                                             &std::pair<std::string_view, std::string_view>::first);
          auto& values = settings[std::string(at == std::end(kFlagNames) ? key : at->second)];
          if (value.is_array())
            d.array(value, sizeof(std::string),
                    [&](Json element, std::size_t) { values.push_back(text_of(element)); });
          else if (value.is_object())
            d.members(value, [&](std::string_view name, Json setting) {
              values.push_back(fmt::format("{}={}", name, text_of(setting)));
            });
          else
            values.push_back(text_of(value));
        });
      }))
    return *std::move(error);
  return settings;
}

cis::Settings settings_of(std::span<const std::string> arguments) {
  // Of pflag's switches only these have no value behind a space.
  constexpr std::string_view kSwitches[] = {"allow-direct-routing",
                                            "cri-containerd",
                                            "disable-legacy-registry",
                                            "ip-forward-no-drop",
                                            "debug",
                                            "experimental",
                                            "help",
                                            "icc",
                                            "init",
                                            "ip-forward",
                                            "ip-masq",
                                            "ip6tables",
                                            "iptables",
                                            "ipv6",
                                            "live-restore",
                                            "no-new-privileges",
                                            "raw-logs",
                                            "rootless",
                                            "selinux-enabled",
                                            "tls",
                                            "tlsverify",
                                            "userland-proxy",
                                            "validate",
                                            "version"};
  constexpr std::pair<char, std::string_view> kShort[] = {
      {'H', "host"},           {'l', "log-level"}, {'D', "debug"},
      {'s', "storage-driver"}, {'b', "bridge"},    {'G', "group"},
      {'p', "pidfile"},        {'v', "version"},   {'h', "help"}};
  const auto is_switch = [&](std::string_view name) {
    return std::ranges::find(kSwitches, name) != std::end(kSwitches);
  };
  cis::Settings settings;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view text = arguments[i];
    if (!text.starts_with('-') || text.size() < 2) continue;
    std::string name;
    std::optional<std::string> value;
    if (text.starts_with("--")) {
      text.remove_prefix(2);
      const auto equals = text.find('=');
      name = text.substr(0, equals);
      if (equals != std::string_view::npos) value = text.substr(equals + 1);
    } else {
      // Several may stand together, of which only the last takes a value: -DHfd://.
      for (text.remove_prefix(1); !text.empty() && name.empty();) {
        const auto* at =
            std::ranges::find(kShort, text[0], &std::pair<char, std::string_view>::first);
        if (at == std::end(kShort)) break;
        text.remove_prefix(1);
        if (is_switch(at->second) && !text.empty() && text[0] != '=') {
          settings[std::string(at->second)].emplace_back("true");
          continue;
        }
        name = at->second;
        if (!text.empty()) value = text.substr(text[0] == '=' ? 1 : 0);
      }
      if (name.empty()) continue;
    }
    if (!value) {
      // dockerd takes no arguments but flags: whatever does not begin as one is a flag's value.
      if (is_switch(name))
        value = "true";
      else if (i + 1 < arguments.size() && !arguments[i + 1].starts_with('-'))
        value = arguments[++i];
    } else if (is_switch(name)) {
      if (const auto truth = truth_of(*value)) value = *truth ? "true" : "false";
    }
    settings[name].push_back(value.value_or(""));
  }
  return settings;
}

// Source: POSIX.1-2017, pax, "ustar Interchange Format".
std::optional<Archived> file_in(std::string_view archive) {
  constexpr std::size_t kBlock = 512, kSizeAt = 124, kSizeWidth = 12, kTypeAt = 156, kLinkAt = 157,
                        kLinkWidth = 100;
  while (archive.size() >= kBlock && archive[0] != '\0') {
    std::string_view digits = archive.substr(kSizeAt, kSizeWidth);
    digits = digits.substr(0, digits.find_first_of(std::string_view("\0 ", 2)));
    std::size_t size = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), size, 8);
    const char type = archive[kTypeAt];
    std::string_view link = archive.substr(kLinkAt, kLinkWidth);
    link = link.substr(0, link.find('\0'));
    archive.remove_prefix(kBlock);
    if (type == '2') return Archived{.bytes = {}, .link = std::string(link)};
    if (size > archive.size()) return {};
    if (type == '0' || type == '\0') return Archived{.bytes = archive.substr(0, size), .link = {}};
    archive.remove_prefix(std::min(archive.size(), (size + kBlock - 1) / kBlock * kBlock));
  }
  return {};
}

// Source: moby/sys user, ParsePasswdFilter: lines are trimmed, and an id that is none is 0.
std::optional<std::int64_t> uid_in(std::string_view list, std::string_view user) {
  constexpr std::string_view kSpace = " \t\r\v\f";
  while (!list.empty()) {
    const auto end = list.find('\n');
    std::string_view line = list.substr(0, end);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
    line = line.substr(0, line.find_last_not_of(kSpace) + 1);
    if (line.empty() || line.substr(0, line.find(':')) != user) continue;
    std::string_view id;
    if (const auto first = line.find(':'); first != std::string_view::npos)
      if (const auto second = line.find(':', first + 1); second != std::string_view::npos)
        id = line.substr(second + 1, line.find(':', second + 1) - second - 1);
    return number(id).value_or(0);
  }
  return {};
}

}  // namespace plimsoll::codec::docker
