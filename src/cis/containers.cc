// Section 5: containers. What pods have too goes through the checks of pods.
#include <charconv>

#include "cis/sections.h"

namespace plimsoll::cis {
namespace {

using enum Severity;

/// What a check of pods finds in the container.
Findings found(const Container& container, std::string_view check, const Params& params = {}) {
  Findings findings;
  find_check(check)->evaluate(container.pod, params, findings);
  for (Finding& finding : findings) finding.path = container.pod.place(std::move(finding.path));
  return findings;
}

/// The last index in a pointer.
std::size_t index_in(std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.rfind('/');
    const auto token = path.substr(slash + 1);
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (error == std::errc() && end == token.data() + token.size()) return index;
    path = path.substr(0, slash);
  }
  return 0;
}

void swarm_mode(const Host& host, Said& said) {
  if (host.daemon.swarm.empty()) return said.not_seen("the daemon says nothing of swarms");
  if (host.daemon.swarm != "inactive")
    said.warn(fmt::format("swarm mode is {}", host.daemon.swarm), "Swarm.LocalNodeState");
}

void apparmor(const Container& container, const Host& host, Said& said) {
  if (!host.daemon.secures("apparmor") && host.daemon.secures("selinux"))
    return said.say(ItemStatus::Info, "this host has SELinux instead: see 5.3");
  for (const Finding& finding : found(container, "apparmor"))
    said.warn("runs without an AppArmor profile", finding.path);
  if (said.hits.empty())
    said.say(ItemStatus::Pass, fmt::format("profile {}", container.apparmor_profile));
}

void selinux(const Container& container, const Host& host, Said& said) {
  if (!host.daemon.secures("selinux"))
    return said.say(ItemStatus::Info, "the daemon of this host does not use SELinux");
  if (container.pod.containers[0].security_context.privileged == true)
    return said.warn("runs without an SELinux label: privileged takes it",
                     "/HostConfig/Privileged");
  for (std::string option : container.security_options) {
    std::ranges::replace(option, '=', ':');
    if (option == "disable" || option == "label:disable")
      said.warn("runs without an SELinux label", "/HostConfig/SecurityOpt");
    else if (option == "label:type:spc_t" || option == "label:type:unconfined_t")
      said.warn("runs with an SELinux type that confines nothing", "/HostConfig/SecurityOpt",
                option);
  }
}

// What Docker gives to every container by itself.
// Source: moby oci/caps/defaults.go, DefaultCapabilities.
const Params& default_capabilities() {
  static const Params kParams(
      {{"allowed",
        std::vector<std::string>{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL",
                                 "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID",
                                 "SETPCAP", "SETUID", "SYS_CHROOT"}}});
  return kParams;
}

void capabilities(const Container& container, const Host&, Said& said) {
  const auto& added = container.pod.containers[0].security_context.capabilities.add;
  for (const Finding& finding : found(container, "capabilities-add", default_capabilities())) {
    const std::string& name = added[index_in(finding.path)];
    said.warn(fmt::format("has the capability {}", name), finding.path, name);
  }
}

void privileged(const Container& container, const Host&, Said& said) {
  for (const Finding& finding : found(container, "privileged"))
    said.warn("is privileged", finding.path);
}

/// A path without empty parts, `.` and `..`.
std::string clean(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, slash - at);
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    at = slash + 1;
  }
  return fmt::format("/{}", fmt::join(parts, "/"));
}

/// The folder of the host that nobody but the host should have, in which the path is; empty: none.
std::string_view sensitive(const std::string& path) {
  if (path == "/") return "/";
  for (const std::string_view folder : {"/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sys",
                                        "/usr", "/bin", "/sbin", "/root"})
    if (path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/'))
      return folder;
  return {};
}

/// As if each mount were of what its source leads to.
Container followed(Container container) {
  for (std::size_t i = 0; i < container.mounts.size(); ++i) {
    const Mount& mount = container.mounts[i];
    if (mount.leads_to.empty()) continue;
    container.pod.volumes[i].sources = 1U << static_cast<unsigned>(VolumeKind::HostPath);
    container.pod.volumes[i].host_path = mount.leads_to;
  }
  return container;
}

/// What is mounted, in words: by its name, and by what that leads to.
std::string named(const Mount& mount) {
  const std::string source = clean(mount.source);
  if (mount.leads_to.empty() || mount.leads_to == source)
    return fmt::format("{} of the host", source);
  if (mount.type == "volume")
    return fmt::format("the volume {}, which is {} of the host", mount.name, mount.leads_to);
  return fmt::format("{} of the host, which leads to {}", source, mount.leads_to);
}

/// Of a volume that nobody could look behind nothing is said.
void unless_unknown(const Container& container, Said& said) {
  for (const Mount& mount : container.mounts)
    if (!mount.unknown.empty() && said.hits.empty()) return said.not_seen(mount.unknown);
}

void sensitive_mounts(const Container& container, const Host&, Said& said) {
  for (const Finding& finding : found(followed(container), "host-path")) {
    Mount mount = container.mounts[index_in(finding.path)];
    // A link out of such a folder is in it all the same.
    if (mount.type == "bind" && !sensitive(clean(mount.source)).empty()) mount.leads_to.clear();
    const std::string path = mount.leads_to.empty() ? clean(mount.source) : mount.leads_to;
    if (const auto folder = sensitive(path); !folder.empty())
      said.warn(fmt::format("mounts {}{}{}", named(mount),
                            path == folder ? "" : fmt::format(", which is in {}", folder),
                            mount.read_write ? "" : ", to read"),
                finding.path, path);
  }
  unless_unknown(container, said);
}

void no_ssh(const Container& container, const Host&, Said& said) {
  if (!container.running || container.status == "restarting")
    return said.say(ItemStatus::Info, "it does not run");
  if (!container.processes) return said.not_seen(container.processes.why);
  for (std::string_view command : *container.processes) {
    std::string_view name = command.substr(0, command.find(' '));
    if (name.ends_with(':')) name.remove_suffix(1);  // as sshd calls those of its sessions
    name = name.substr(name.rfind('/') + 1);
    if (name == "sshd" || name == "sshd-session" || name == "dropbear")
      return said.warn(fmt::format("runs {}", name), "", std::string(name));
  }
}

int number_of(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void low_ports(const Container& container, const Host&, Said& said) {
  constexpr int kFirst = 1024;
  for (const Finding& finding : found(container, "host-ports")) {
    const PortBinding& binding = container.ports[index_in(finding.path)];
    const int port = number_of(binding.host_port);
    if (port > 0 && port < kFirst)
      said.warn(fmt::format("takes port {} of the host for its {}", port, binding.port),
                "/HostConfig/PortBindings", binding.host_ip + ":" + binding.host_port);
  }
}

std::string ports_of(const Container& container) {
  std::string text;
  for (const PortBinding& binding : container.ports)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ", ", binding.host_port, binding.port);
  return text;
}

void needed_ports(const Container& container, const Host&, Said& said) {
  if (!container.ports.empty()) said.say(ItemStatus::Info, "publishes " + ports_of(container));
}

void host_shared(const Container& container, std::string_view field, std::string_view what,
                 const std::string& unknown, Said& said) {
  for (const Finding& finding : found(container, "host-namespaces"))
    if (finding.path == field)
      return said.warn(fmt::format("has the host's {}", what), finding.path);
  if (!unknown.empty()) said.not_seen(unknown);
}

void host_network(const Container& container, const Host&, Said& said) {
  host_shared(container, "/HostConfig/NetworkMode", "network", container.network_unknown, said);
}
void host_pid(const Container& container, const Host&, Said& said) {
  host_shared(container, "/HostConfig/PidMode", "processes", container.pid_unknown, said);
}
void host_ipc(const Container& container, const Host&, Said& said) {
  host_shared(container, "/HostConfig/IpcMode", "shared memory", container.ipc_unknown, said);
}

void memory(const Container& container, const Host&, Said& said) {
  if (container.memory <= 0) said.warn("may use all memory of the host", "/HostConfig/Memory");
}

void cpu(const Container& container, const Host&, Said& said) {
  if (container.cpu_shares == 0 && container.nano_cpus == 0 && container.cpu_quota <= 0)
    said.warn("has neither a share nor a limit of CPU time", "/HostConfig/CpuShares");
}

void read_only_root(const Container& container, const Host&, Said& said) {
  for (const Finding& finding : found(container, "read-only-root-filesystem"))
    said.warn("can write to its root file system", finding.path);
}

/// Whether an address is every address, however it is spelt: `0:0:0:0:0:0:0:0`, `::ffff:0.0.0.0`.
bool is_wildcard(std::string_view ip) {
  if (constexpr std::string_view kMapped = "::ffff:"; ip.starts_with(kMapped))
    ip.remove_prefix(kMapped.size());
  return ip.find_first_not_of("0.:") == std::string_view::npos;
}

void one_interface(const Container& container, const Host&, Said& said) {
  for (const Finding& finding : found(container, "host-ports")) {
    const PortBinding& binding = container.ports[index_in(finding.path)];
    if (is_wildcard(binding.host_ip))
      said.warn(
          fmt::format("listens on {} of every {}address of the host",
                      number_of(binding.host_port) == 0 ? "a port that Docker chooses"
                                                        : fmt::format("port {}", binding.host_port),
                      binding.host_ip.find(':') == std::string::npos ? "" : "IPv6 "),
          "/HostConfig/PortBindings", binding.host_ip + ":" + binding.host_port);
  }
}

void restarts(const Container& container, const Host&, Said& said) {
  constexpr std::int64_t kMost = 5;
  const std::string& policy = container.restart_policy;
  if (policy.empty() || policy == "no") return;
  if (policy != "on-failure")
    said.warn(fmt::format("is restarted without end: its policy is {}", policy),
              "/HostConfig/RestartPolicy/Name");
  else if (container.restarts == 0)
    said.warn("is restarted without end: on-failure has no limit",
              "/HostConfig/RestartPolicy/MaximumRetryCount");
  else if (container.restarts > kMost)
    said.warn(fmt::format("is restarted {} times", container.restarts),
              "/HostConfig/RestartPolicy/MaximumRetryCount");
}

void devices(const Container& container, const Host&, Said& said) {
  if (!container.devices.empty())
    said.say(ItemStatus::Info,
             fmt::format("has devices of the host: {}", fmt::join(container.devices, ", ")));
}

void ulimits(const Container& container, const Host&, Said& said) {
  if (container.ulimits.empty()) said.say(ItemStatus::Info, "has the limits that the daemon gives");
}

void propagation(const Container& container, const Host&, Said& said) {
  for (const Finding& finding : found(container, "mount-propagation")) {
    const Mount& mount = container.mounts[index_in(finding.path)];
    // What only comes in from the host is not what the item is about.
    if (mount.propagation.find("shared") != std::string::npos)
      said.warn(fmt::format("what it mounts below {} appears on the host ({})", mount.destination,
                            mount.propagation),
                finding.path, mount.destination);
  }
}

void host_uts(const Container& container, const Host&, Said& said) {
  if (container.uts_mode == "host")
    said.warn("can rename the host: it has the host's UTS namespace", "/HostConfig/UTSMode");
  else if (!container.uts_unknown.empty())
    said.not_seen(container.uts_unknown);
}

void seccomp(const Container& container, const Host&, Said& said) {
  for (const Finding& finding : found(container, "seccomp"))
    said.warn(container.pod.containers[0].security_context.privileged == true
                  ? "may make any system call: privileged switches seccomp off"
                  : "may make any system call: it has no seccomp profile",
              finding.path);
}

void privileged_exec(const Container&, const Host&, Said& said) {
  said.say(ItemStatus::Note, "nobody should use docker exec --privileged");
}
void root_exec(const Container&, const Host&, Said& said) {
  said.say(ItemStatus::Note, "nobody should use docker exec --user root");
}

void cgroup(const Container& container, const Host& host, Said& said) {
  // Where podman without root puts all of them.
  const bool usual = host.daemon.podman && container.cgroup_parent == "user.slice";
  if (!container.cgroup_parent.empty() && !usual)
    said.warn(fmt::format("is in the cgroup {}", container.cgroup_parent),
              "/HostConfig/CgroupParent");
}

void no_new_privileges(const Container& container, const Host&, Said& said) {
  for (const Finding& finding : found(container, "allow-privilege-escalation"))
    said.warn("may gain privileges: no-new-privileges is not set", finding.path);
}

void health(const Container& container, const Host&, Said& said) {
  if (!container.health_check) said.warn("nobody checks its health", "/State/Health");
}

void newest_image(const Container& container, const Host&, Said& said) {
  said.say(ItemStatus::Info,
           fmt::format("image {}; a person has to say whether it is the newest", container.image));
}

void pids(const Container& container, const Host&, Said& said) {
  if (container.pids_limit <= 0)
    said.warn("may start processes without end", "/HostConfig/PidsLimit");
}

void default_bridge(const Container& container, const Host&, Said& said) {
  if (container.default_bridge) said.say(ItemStatus::Info, "is on the default bridge");
}

void host_users(const Container& container, const Host&, Said& said) {
  if (container.userns_mode == "host")
    said.warn("has the host's user namespace: its root is the host's", "/HostConfig/UsernsMode");
  else if (!container.userns_unknown.empty())
    said.not_seen(container.userns_unknown);
}

/// Sockets by which whoever reaches them starts containers: of Docker, containerd, podman, CRI-O,
/// k3s, cri-dockerd and BuildKit.
constexpr std::string_view kSockets[] = {"/run/docker.sock",
                                         "/run/containerd/containerd.sock",
                                         "/run/containerd/containerd.sock.ttrpc",
                                         "/run/docker/containerd/containerd.sock",
                                         "/run/podman/podman.sock",
                                         "/run/crio/crio.sock",
                                         "/run/k3s/containerd/containerd.sock",
                                         "/run/cri-dockerd.sock",
                                         "/run/dockershim.sock",
                                         "/run/buildkit/buildkitd.sock",
                                         "/run/user/0/docker.sock"};

/// The sockets that may be at a path or below it, though nobody has said so: whatever is called as
/// one of those above is one, and users have engines of their own.
void add_sockets(const std::string& path, std::vector<std::string>& sockets) {
  constexpr std::string_view kUsers[] = {"/run/user/", "/var/run/user/"};
  constexpr std::string_view kDesktop[] = {"/.docker", "/.docker/run"};
  for (const std::string_view socket : kSockets)
    if (path.ends_with(socket.substr(socket.rfind('/')))) sockets.push_back(path);
  for (const std::string_view folder : kDesktop)
    if (path.ends_with(folder))
      sockets.push_back(path + (folder.ends_with("run") ? "/docker.sock" : "/run/docker.sock"));
  for (const std::string_view users : kUsers)
    if (path.starts_with(users) && path.size() > users.size()) {
      const std::string home = path.substr(0, path.find('/', users.size()));
      sockets.push_back(home + "/docker.sock");
      sockets.push_back(home + "/podman/podman.sock");
    }
}

void socket(const Container& container, const Host& host, Said& said) {
  std::vector<std::string> sockets(std::begin(kSockets), std::end(kSockets));
  if (const std::string& own = host.at(Place::DockerSocket).path; !own.empty())
    sockets.push_back(own);
  constexpr std::string_view kUnix = "unix://";
  if (const auto* hosts = host.setting("host"))
    for (const std::string& at : *hosts)
      if (at.starts_with(std::string(kUnix) + "/")) sockets.push_back(at.substr(kUnix.size()));
  if (host.socket_unit)
    for (const std::string& at : *host.socket_unit)
      if (at.starts_with('/')) sockets.push_back(at);
  for (const Mount& mount : container.mounts) {
    add_sockets(clean(mount.source), sockets);
    if (!mount.leads_to.empty()) add_sockets(mount.leads_to, sockets);
  }
  const Params params({{"sockets", std::move(sockets)}});
  Findings reached = found(container, "runtime-socket", params);
  for (Finding& finding : found(followed(container), "runtime-socket", params))
    if (std::ranges::find(reached, finding.path, &Finding::path) == reached.end())
      reached.push_back(std::move(finding));
  for (const Finding& finding : reached) {
    const Mount& mount = container.mounts[index_in(finding.path)];
    said.warn(fmt::format("reaches the socket of the container runtime through {}", named(mount)),
              finding.path, mount.source);
  }
  unless_unknown(container, said);
}

constexpr Item kItems[] = {
    item<"5.1">(Low,
                {"Swarm mode is off where nobody needs it", "It opens ports to other hosts.",
                 "`docker swarm leave`."},
                swarm_mode),
    item<"5.2">(
        High,
        {"An AppArmor profile is in force",
         "The profile keeps a container from mounting, tracing and writing to kernel files; "
         "without it a break-out has one wall less.",
         "Take `--security-opt apparmor=unconfined` and `--privileged` away; on a host "
         "without AppArmor install it."},
        apparmor),
    item<"5.3">(High,
                {"An SELinux label is in force, where the host has SELinux",
                 "The label keeps a container away from the files of the host and of others.",
                 "Take `--security-opt label=disable` away."},
                selinux),
    item<"5.4">(High,
                {"Containers have only the capabilities that Docker gives",
                 "Each added capability is a piece of root that a break-out can use.",
                 "Take `--cap-add` away; best is `--cap-drop ALL` with the few that are needed."},
                capabilities),
    item<"5.5">(Critical,
                {"No container is privileged",
                 "A privileged container has every capability, every device of the host, and "
                 "neither seccomp nor AppArmor: whoever is in it is root on the host.",
                 "Take `--privileged` away, and add the one capability or device that is needed."},
                privileged),
    item<"5.6">(Critical,
                {"No folder of the host's own is mounted",
                 "With the host's files come its credentials, and with the right to write the host "
                 "itself; even to read them tells its secrets.",
                 "Take the `--volume` away; mount the one file that is needed, from a folder made "
                 "for it."},
                sensitive_mounts),
    item<"5.7">(Medium,
                {"No SSH server runs in a container",
                 "It is one more way in, with keys and passwords of its own.",
                 "Use `docker exec`, and take the server out of the image."},
                no_ssh),
    item<"5.8">(Medium,
                {"Containers take no port of the host below 1024",
                 "Those ports stand for the host's own services, which only root may be.",
                 "Publish a higher port: `--publish 127.0.0.1:8080:80`."},
                low_ports),
    item<"5.9">(Low,
                {"Containers publish only the ports that are needed", "Each open port is a way in.",
                 "Take each `--publish` away that nobody needs, and `--publish-all` always."},
                needed_ports),
    item<"5.10">(Critical,
                 {"Containers have a network of their own",
                  "In the host's network a container sees its traffic, reaches what listens on "
                  "127.0.0.1, and takes its ports.",
                  "Take `--network host` away, and publish the port."},
                 host_network),
    item<"5.11">(Medium,
                 {"Memory is limited", "One container can otherwise take the memory of all others.",
                  "Give it `--memory`, such as `--memory 512m`."},
                 memory),
    item<"5.12">(Low,
                 {"CPU time is shared out", "One container can otherwise slow down all others.",
                  "Give it `--cpu-shares` or `--cpus`."},
                 cpu),
    item<"5.13">(Medium,
                 {"The root file system is read-only",
                  "What cannot be written cannot be replaced: an attacker cannot leave tools "
                  "behind or change the program that runs.",
                  "Run it with `--read-only`, and `--tmpfs` or a volume where it writes."},
                 read_only_root),
    item<"5.14">(Medium,
                 {"Ports are published on one address of the host",
                  "On every address a port is open to networks that it is not meant for.",
                  "Name the address: `--publish 127.0.0.1:8080:80`."},
                 one_interface),
    item<"5.15">(Low,
                 {"Containers are restarted five times at most",
                  "One that fails again and again uses up the host and hides that it fails.",
                  "Run it with `--restart on-failure:5`."},
                 restarts),
    item<"5.16">(Critical,
                 {"Containers have processes of their own",
                  "With the host's processes a container can end them, read their environments "
                  "and reach their files.",
                  "Take `--pid host` away."},
                 host_pid),
    item<"5.17">(High,
                 {"Containers have shared memory of their own",
                  "With the host's a container can read and change what its programs share.",
                  "Take `--ipc host` away."},
                 host_ipc),
    item<"5.18">(Medium,
                 {"Containers have no device of the host",
                  "Whoever has a disk has all files on it, whatever their modes.",
                  "Take `--device` away, or give it without the rights to write and make nodes: "
                  "`--device /dev/x:/dev/x:r`."},
                 devices),
    item<"5.19">(Low,
                 {"Containers that need limits of their own have them",
                  "The daemon's limits fit no program in particular.",
                  "Give it `--ulimit` where the daemon's limits do not fit."},
                 ulimits),
    item<"5.20">(High,
                 {"Mounts are not shared with the host",
                  "What a container mounts in a shared folder appears on the host.",
                  "Take `shared` out of the options of `--volume`."},
                 propagation),
    item<"5.21">(Medium,
                 {"Containers have a name of their own",
                  "With the host's UTS namespace a container can change the host's name.",
                  "Take `--uts host` away."},
                 host_uts),
    item<"5.22">(High,
                 {"A seccomp profile is in force",
                  "Docker's profile blocks the system calls that programs hardly ever need and "
                  "exploits often do.",
                  "Take `--security-opt seccomp=unconfined` and `--privileged` away."},
                 seccomp),
    item<"5.23">(High,
                 {"Nobody enters a container with privileges that it does not have",
                  "`docker exec --privileged` gives what the container was denied.",
                  "Look for `exec --privileged` in audit logs and scripts."},
                 privileged_exec),
    item<"5.24">(Medium,
                 {"Nobody enters a container as root",
                  "`docker exec --user root` gives what the image's user was denied.",
                  "Look for `exec --user root` in audit logs and scripts."},
                 root_exec),
    item<"5.25">(Low,
                 {"Containers are in the cgroup that the daemon gives them",
                  "In another one the limits that are meant for containers may not hold.",
                  "Take `--cgroup-parent` away, or note down why it is there."},
                 cgroup),
    item<"5.26">(High,
                 {"Containers cannot gain new privileges",
                  "A set-user-ID program in the image otherwise gives a process more power than "
                  "the container was started with.",
                  "Run it with `--security-opt no-new-privileges`."},
                 no_new_privileges),
    item<"5.27">(Low,
                 {"Somebody checks the health of containers",
                  "A program that hangs is otherwise taken for one that works.",
                  "Run it with `--health-cmd`, or add HEALTHCHECK to its image."},
                 health),
    item<"5.28">(Low,
                 {"Containers are made of the newest of their image",
                  "An old image has the flaws that were mended since.",
                  "Pull the image, and make the container anew."},
                 newest_image),
    item<"5.29">(Medium,
                 {"The number of processes is limited",
                  "One container can otherwise fill the host's table of processes.",
                  "Give it `--pids-limit`, such as `--pids-limit 100`."},
                 pids),
    item<"5.30">(Low,
                 {"Containers are not on the default bridge",
                  "There all containers that nobody placed meet each other.",
                  "Make a network for those that belong together, and run it with `--network`."},
                 default_bridge),
    item<"5.31">(High,
                 {"Containers have users of their own, where the daemon maps them",
                  "With the host's user namespace root in the container is root on the host.",
                  "Take `--userns host` away."},
                 host_users),
    item<"5.32">(Critical,
                 {"No socket of the container runtime is mounted",
                  "Whoever can talk to the daemon can start a privileged container.",
                  "Take the `--volume` away; what needs it can often do with a proxy that allows a "
                  "few requests."},
                 socket),
};

}  // namespace

std::span<const Item> container_items() { return kItems; }

}  // namespace plimsoll::cis
