// Section 3: who owns Docker's files, and who may write to them.
#include "cis/sections.h"

namespace plimsoll::cis {
namespace {

using enum Severity;

bool there(const Host& host, const File& file, Said& said) {
  if (file.state == File::State::Hidden)
    said.not_seen(file.why);
  else if (file.path.empty() && !host.unsure().empty() && !host.daemon.podman)
    said.not_seen(host.unsure());
  else if (file.path.empty())
    said.say(ItemStatus::Info, "the daemon uses none");
  else if (file.state == File::State::Missing)
    said.say(ItemStatus::Info, fmt::format("there is no {}", file.path));
  return file.state == File::State::There;
}

void check_owner(const File& file, Said& said) {
  if (file.uid != 0 || file.gid != 0)
    said.warn(fmt::format("{} belongs to user {} and group {}, not to root", file.path, file.uid,
                          file.group.empty() ? std::to_string(file.gid) : file.group),
              file.path);
}

// Bits count, not the number that they make: 0626 is less than 0644 and lets others write.
void check_mode(const File& file, std::uint32_t most, Said& said) {
  if ((file.mode & ~most) != 0)
    said.warn(fmt::format("{} has the mode {:04o}, more than {:04o}", file.path, file.mode, most),
              file.path);
}

template <Place P>
void owner(const Host& host, Said& said) {
  if (there(host, host.at(P), said)) check_owner(host.at(P), said);
}

template <Place P, std::uint32_t Most>
void mode(const Host& host, Said& said) {
  if (there(host, host.at(P), said)) check_mode(host.at(P), Most, said);
}

// A socket that only root may use is not what the benchmark describes, but tighter.
void socket_owner(const Host& host, Said& said) {
  const File& file = host.at(Place::DockerSocket);
  if (!there(host, file, said)) return;
  if (file.uid != 0 || (file.gid != 0 && file.group != "docker"))
    said.warn(fmt::format("{} belongs to user {} and group {}, not to root and docker", file.path,
                          file.uid, file.group.empty() ? std::to_string(file.gid) : file.group),
              file.path);
}

template <class Check>
void each_certificate(const Host& host, Said& said, Check check) {
  if (!host.registry_certificates) return said.not_seen(host.registry_certificates.why);
  if (host.registry_certificates->empty())
    return said.say(ItemStatus::Info, "there are none in /etc/docker/certs.d");
  for (const File& file : *host.registry_certificates)
    if (file.state == File::State::There) check(file);
  for (const File& file : *host.registry_certificates)
    if (file.state == File::State::Hidden && said.hits.empty()) return said.not_seen(file.why);
}

void certificates_owner(const Host& host, Said& said) {
  each_certificate(host, said, [&](const File& file) { check_owner(file, said); });
}

void certificates_mode(const Host& host, Said& said) {
  each_certificate(host, said, [&](const File& file) { check_mode(file, 0444, said); });
}

constexpr Words owned(std::string_view title) {
  return {title, "Whoever owns what root's daemon reads or listens on can become root with it.",
          "Give it to root: `chown root:root FILE`."};
}
constexpr Words closed(std::string_view title, std::string_view remedy) {
  return {title, "Whoever may write to what root's daemon reads can become root with it.", remedy};
}
constexpr std::string_view k644 = "Take the right to write away: `chmod 644 FILE`.";
constexpr std::string_view k444 = "Nobody has to write to it: `chmod 444 FILE`.";
constexpr std::string_view k660 = "Leave it to its owner and group: `chmod 660 SOCKET`.";

constexpr Item kItems[] = {
    item<"3.1">(High, owned("docker.service belongs to root"), owner<Place::Service>),
    item<"3.2">(High, closed("Only root may write docker.service", k644),
                mode<Place::Service, 0644>),
    item<"3.3">(High, owned("docker.socket belongs to root"), owner<Place::SocketUnit>),
    item<"3.4">(High, closed("Only root may write docker.socket", k644),
                mode<Place::SocketUnit, 0644>),
    item<"3.5">(High, owned("/etc/docker belongs to root"), owner<Place::EtcDocker>),
    item<"3.6">(High, closed("Only root may put files into /etc/docker", "`chmod 755 /etc/docker`"),
                mode<Place::EtcDocker, 0755>),
    item<"3.7">(High, owned("The certificates of registries belong to root"), certificates_owner),
    item<"3.8">(High, closed("Nobody may write the certificates of registries", k444),
                certificates_mode),
    item<"3.9">(High, owned("The certificate of the daemon's CA belongs to root"),
                owner<Place::CaCertificate>),
    item<"3.10">(High, closed("Nobody may write the certificate of the daemon's CA", k444),
                 mode<Place::CaCertificate, 0444>),
    item<"3.11">(High, owned("The daemon's certificate belongs to root"),
                 owner<Place::Certificate>),
    item<"3.12">(High, closed("Nobody may write the daemon's certificate", k444),
                 mode<Place::Certificate, 0444>),
    item<"3.13">(Critical, owned("The daemon's key belongs to root"), owner<Place::Key>),
    item<"3.14">(
        Critical,
        {"Only root may read the daemon's key", "Whoever has the key can pass for the daemon.",
         "Leave it to root: `chmod 400 FILE`."},
        mode<Place::Key, 0400>),
    item<"3.15">(Critical,
                 {"Docker's socket belongs to root, and to the group docker at most",
                  "Whoever may use the socket is root on the host.",
                  "`chown root:docker SOCKET`, and let the unit docker.socket say the same."},
                 socket_owner),
    item<"3.16">(Critical,
                 {"Only its owner and group may use Docker's socket",
                  "Whoever may use the socket is root on the host.", k660},
                 mode<Place::DockerSocket, 0660>),
    item<"3.17">(High, owned("daemon.json belongs to root"), owner<Place::DaemonJson>),
    item<"3.18">(High, closed("Only root may write daemon.json", k644),
                 mode<Place::DaemonJson, 0644>),
    item<"3.19">(High, owned("/etc/default/docker belongs to root"), owner<Place::DefaultDocker>),
    item<"3.20">(High, closed("Only root may write /etc/sysconfig/docker", k644),
                 mode<Place::SysconfigDocker, 0644>),
    item<"3.21">(High, owned("/etc/sysconfig/docker belongs to root"),
                 owner<Place::SysconfigDocker>),
    item<"3.22">(High, closed("Only root may write /etc/default/docker", k644),
                 mode<Place::DefaultDocker, 0644>),
    item<"3.23">(Critical, owned("containerd's socket belongs to root"),
                 owner<Place::ContainerdSocket>),
    item<"3.24">(Critical,
                 {"Only its owner and group may use containerd's socket",
                  "Whoever may use the socket is root on the host.", k660},
                 mode<Place::ContainerdSocket, 0660>),
};

}  // namespace

std::span<const Item> file_items() { return kItems; }

}  // namespace plimsoll::cis
