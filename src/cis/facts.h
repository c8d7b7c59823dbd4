// What the items of the CIS Docker Benchmark are about: a Docker host, its daemon, its images and
// its containers, as they were found.
//
// Ownership: owns its text. Thread-safety: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plimsoll/pod.h"

namespace plimsoll::cis {

/// A value, or why it could not be seen.
template <class T>
struct Seen {
  std::optional<T> value;
  std::string why;  ///< for people, such as `/etc/audit: permission denied`

  Seen() = default;
  Seen(T seen) : value(std::move(seen)) {}  // NOLINT(google-explicit-constructor)
  static Seen not_seen(std::string reason) {
    Seen none;
    none.why = std::move(reason);
    return none;
  }
  explicit operator bool() const { return value.has_value(); }
  const T& operator*() const { return *value; }
  const T* operator->() const { return &*value; }
};

/// What dockerd was told, by the names of its flags without dashes (`log-level`), each value in
/// order; a switch is `true` or `false`. Lists of daemon.json have the flag's name too.
using Settings = std::map<std::string, std::vector<std::string>, std::less<>>;

/// What the daemon says of itself.
/// Source: Docker Engine API, GET /info and GET /version.
struct Daemon {
  std::string name;     ///< of the host
  std::string version;  ///< the engine's
  std::string driver, root_dir, logging_driver, operating_system;
  std::vector<std::string> security_options;       ///< such as `name=seccomp,profile=builtin`
  std::vector<std::string> authorization_plugins;  ///< names
  std::vector<std::string> insecure_registries;    ///< names, networks; not this machine itself
  std::vector<std::string> warnings;               ///< for people
  std::string swarm;                               ///< LocalNodeState; empty: it does not say
  std::int64_t managers = 0;                       ///< of the swarm
  bool manager = false;                            ///< this node is one
  std::int64_t swarm_port = 2377;                  ///< where others reach it, as a manager
  bool live_restore = false, experimental = false, debug = false;
  bool podman = false;  ///< it is podman's imitation of the API
  std::int64_t containers = 0, running = 0;

  /// Whether it says that of its security: `userns`, `rootless`, `selinux`, `apparmor`, ...
  [[nodiscard]] bool secures(std::string_view what) const;
  /// The profile of seccomp; empty: seccomp is off.
  [[nodiscard]] std::string_view seccomp_profile() const;
};

/// A file of the host.
struct File {
  enum class State : std::uint8_t { Missing, There, Hidden };
  State state = State::Missing;
  std::string path;        ///< on the host; where it is missing, where it would be
  std::string why;         ///< it is hidden
  std::uint32_t mode = 0;  ///< permission bits, with set-user-ID and the like
  std::uint32_t uid = 0, gid = 0;
  std::string group;  ///< the group's name on the host, if it has one
};

/// The files that items ask about.
enum class Place : std::uint8_t {
  Dockerd,
  RunContainerd,
  DataRoot,
  EtcDocker,
  Service,
  ContainerdSocket,
  SocketUnit,
  DefaultDocker,
  DaemonJson,
  ContainerdConfig,
  SysconfigDocker,
  Containerd,
  Shim,
  ShimV1,
  ShimV2,
  Runc,
  DockerSocket,
  CaCertificate,
  Certificate,
  Key,
};
inline constexpr std::size_t kPlaces = static_cast<std::size_t>(Place::Key) + 1;  // the last one

/// A path that a rule of auditd watches.
struct Watch {
  std::string path;
  bool below = false;  ///< and all that is below it
};

struct Image {
  std::string id;    ///< `sha256:...`
  std::string name;  ///< its first tag, or the id in short
  bool health_check = false;
  std::vector<std::string> history;  ///< what made it, newest first
};

struct Network {
  std::string name, driver, scope;
  std::map<std::string, std::string> options;
};

struct Swarm {
  bool auto_lock = false;
  std::int64_t certificate_hours = 0;  ///< that certificates of nodes are good for; 0: not said
};

/// The host and its daemon.
struct Host {
  Daemon daemon;
  Seen<Settings> flags;                        ///< of dockerd's command line
  Seen<Settings> file;                         ///< of daemon.json; none where there is no such file
  Seen<std::vector<std::string>> socket_unit;  ///< where docker.socket listens, for `fd://`
  std::array<File, kPlaces> files;
  Seen<std::vector<File>> registry_certificates;
  Seen<std::vector<Watch>> watches;
  Seen<std::vector<std::string>> mount_points;
  Seen<std::vector<std::string>> docker_group;  ///< who is in the group that may use the socket
  Seen<bool> swarm_port_open;                   ///< the swarm's port listens on every address
  Seen<std::vector<Image>> images;
  Seen<std::vector<Network>> networks;
  Seen<Swarm> swarm;
  Seen<std::int64_t> secrets;
  std::vector<std::string> used_images;  ///< ids of those that containers were made of
  bool content_trust = false;

  [[nodiscard]] const File& at(Place place) const { return files[static_cast<std::size_t>(place)]; }
  [[nodiscard]] File& at(Place place) { return files[static_cast<std::size_t>(place)]; }

  /// What dockerd was told of that name, by its command line or else its file; nothing: neither
  /// says anything.
  [[nodiscard]] const std::vector<std::string>* setting(std::string_view name) const;
  /// Its last value; empty: none.
  [[nodiscard]] std::string_view last(std::string_view name) const;
  /// Why a setting that was not found may be there all the same; empty: it is not.
  [[nodiscard]] std::string unsure() const;
};

struct Mount {
  std::string type, name, source, destination, propagation;
  bool read_write = true;
  /// What of the host the source is by another name: behind symbolic links, or behind a volume;
  /// empty: what it says.
  std::string leads_to;
  std::string unknown;  ///< why that is not known
};

struct PortBinding {
  std::string port;  ///< in the container: `80/tcp`
  std::string host_ip, host_port;
};

/// What holds for containers that say nothing themselves.
struct Defaults {
  bool no_new_privileges = false;
  bool seccomp = true;   ///< they get a profile
  bool apparmor = true;  ///< the same
};

/// A container, as `docker inspect` shows it.
struct Container {
  std::string id, name, image, image_id, status;
  bool running = false;
  /// The same in the terms that checks of pods know. Its places are JSON pointers into what
  /// `docker inspect` shows.
  Pod pod;
  // What a pod has no words for.
  std::string user;
  std::string apparmor_profile;
  std::vector<std::string> security_options;
  std::string network_mode, pid_mode, ipc_mode, uts_mode, userns_mode, cgroup_parent;
  std::int64_t memory = 0, cpu_shares = 0, nano_cpus = 0, cpu_quota = 0;
  std::int64_t pids_limit = 0;  ///< 0, -1: none
  std::string restart_policy;
  std::int64_t restarts = 0;  ///< at most; 0: no limit
  std::vector<std::string> devices, ulimits;
  std::vector<Mount> mounts;
  std::vector<PortBinding> ports;
  bool health_check = false;
  bool default_bridge = false;
  Seen<std::vector<std::string>> processes;  ///< their command lines
  std::string uid_unknown;                   ///< why it is not known what the user is
  /// Why it is not known whose namespaces it shares; empty: it is known.
  std::string network_unknown, pid_unknown, ipc_unknown, uts_unknown, userns_unknown;

  /// What the user is in the container, if that is known.
  [[nodiscard]] std::optional<std::int64_t>& uid() {
    return pod.containers[0].security_context.run_as_user;
  }
};

}  // namespace plimsoll::cis
