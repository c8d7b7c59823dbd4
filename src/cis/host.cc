// Section 1: the host.
#include "cis/sections.h"

namespace plimsoll::cis {
namespace {

using enum Severity;

void own_partition(const Host& host, Said& said) {
  std::string root = host.daemon.root_dir;
  if (root.empty()) return said.not_seen("the daemon does not say where its data is");
  // With user namespaces the daemon's own folder is named after the ids, below the real one.
  if (const auto slash = root.rfind('/'); host.daemon.secures("userns") && slash != root.npos)
    root.resize(slash);
  if (!host.mount_points) return said.not_seen(host.mount_points.why);
  if (std::ranges::find(*host.mount_points, root) == host.mount_points->end())
    said.warn(fmt::format("{} is no partition of its own", root), root);
}

void trusted_users(const Host& host, Said& said) {
  if (!host.docker_group) return said.not_seen(host.docker_group.why);
  const auto group = host.last("group").empty() ? "docker" : host.last("group");
  said.say(ItemStatus::Info, host.docker_group->empty()
                                 ? fmt::format("nobody is in the group {}", group)
                                 : fmt::format("as good as root through the group {}: {}", group,
                                               fmt::join(*host.docker_group, ", ")));
}

bool watched(const std::vector<Watch>& watches, std::string_view path) {
  return std::ranges::any_of(watches, [&](const Watch& watch) {
    return path == watch.path || (watch.below && path.starts_with(watch.path) &&
                                  (watch.path.ends_with('/') || path[watch.path.size()] == '/'));
  });
}

template <Place P>
void audited(const Host& host, Said& said) {
  const File& file = host.at(P);
  // What must be on every host is asked for even where it is not.
  const bool always = !host.daemon.podman && (P == Place::Dockerd || P == Place::RunContainerd);
  if (file.state == File::State::Hidden) return said.not_seen(file.why);
  if (file.state == File::State::Missing && !always)
    return said.say(ItemStatus::Info, fmt::format("there is no {}", file.path));
  if (!host.watches) return said.not_seen(host.watches.why);
  if (!watched(*host.watches, file.path))
    said.warn(fmt::format("no rule of auditd watches {}", file.path), file.path);
}

constexpr Words audit(std::string_view title) {
  return {title,
          "Docker's own files lead to root on the host: without a record nobody can say later who "
          "changed or used them.",
          "Add `-w PATH -k docker` for it to a file in /etc/audit/rules.d, and load the rules with "
          "`augenrules --load`."};
}

void version(const Host& host, Said& said) {
  if (host.daemon.version.empty()) return said.not_seen("the daemon does not say its version");
  said.say(ItemStatus::Info,
           fmt::format("{} {}; a person has to say whether that is current",
                       host.daemon.podman ? "podman" : "Docker", host.daemon.version));
}

constexpr Item kItems[] = {
    item<"1.1.1">(Medium,
                  {"Docker's data has a partition of its own",
                   "Images and logs that fill the disk then stop containers and not the host.",
                   "Mount a partition at the folder that `docker info` calls Docker Root Dir."},
                  own_partition),
    item<"1.1.2">(High,
                  {"Only those who may be root are in the group docker",
                   "Whoever can talk to the daemon can start a privileged container, and with it "
                   "become root.",
                   "Take others out of the group with `gpasswd -d USER docker`."},
                  trusted_users),
    item<"1.1.3">(Medium, audit("auditd watches the daemon's program"), audited<Place::Dockerd>),
    item<"1.1.4">(Medium, audit("auditd watches /run/containerd"), audited<Place::RunContainerd>),
    item<"1.1.5">(Medium, audit("auditd watches Docker's data"), audited<Place::DataRoot>),
    item<"1.1.6">(Medium, audit("auditd watches /etc/docker"), audited<Place::EtcDocker>),
    item<"1.1.7">(Medium, audit("auditd watches the unit docker.service"), audited<Place::Service>),
    item<"1.1.8">(Medium, audit("auditd watches containerd's socket"),
                  audited<Place::ContainerdSocket>),
    item<"1.1.9">(Medium, audit("auditd watches the unit docker.socket"),
                  audited<Place::SocketUnit>),
    item<"1.1.10">(Medium, audit("auditd watches /etc/default/docker"),
                   audited<Place::DefaultDocker>),
    item<"1.1.11">(Medium, audit("auditd watches daemon.json"), audited<Place::DaemonJson>),
    item<"1.1.12">(Medium, audit("auditd watches containerd's config.toml"),
                   audited<Place::ContainerdConfig>),
    item<"1.1.13">(Medium, audit("auditd watches /etc/sysconfig/docker"),
                   audited<Place::SysconfigDocker>),
    item<"1.1.14">(Medium, audit("auditd watches the program containerd"),
                   audited<Place::Containerd>),
    item<"1.1.15">(Medium, audit("auditd watches the program containerd-shim"),
                   audited<Place::Shim>),
    item<"1.1.16">(Medium, audit("auditd watches the program containerd-shim-runc-v1"),
                   audited<Place::ShimV1>),
    item<"1.1.17">(Medium, audit("auditd watches the program containerd-shim-runc-v2"),
                   audited<Place::ShimV2>),
    item<"1.1.18">(Medium, audit("auditd watches the program runc"), audited<Place::Runc>),
    item<"1.2.1">(Medium,
                  {"The host itself is hardened",
                   "Containers share the host's kernel: what is weak there is weak in each.",
                   "Hold the host to the benchmark of its distribution."},
                  for_a_person),
    item<"1.2.2">(
        High,
        {"Docker is up to date", "Known ways out of a container are closed by updates only.",
         "Install the updates of the distribution or of Docker as they come."},
        version),
};

}  // namespace

std::span<const Item> host_items() { return kItems; }

}  // namespace plimsoll::cis
