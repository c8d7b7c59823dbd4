#include "app/docker_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "codec/docker.h"

namespace plimsoll::app {
namespace {

namespace decode = codec::docker;
using cis::Place;
using cis::Seen;

constexpr unsigned kSwarmPort = 2377;  // without --listen-addr

/// Text of the API as a part of a path: ids and names need nothing, others do.
std::string encoded(std::string_view text) {
  std::string out;
  for (const unsigned char c : text)
    if (std::isalnum(c) != 0 ||
        std::string_view("-._~:/").find(static_cast<char>(c)) != std::string_view::npos)
      out += static_cast<char>(c);
    else
      out += fmt::format("%{:02X}", c);
  return out;
}

std::string refusal(std::string_view path, const docker::Answer& answer) {
  const auto message = decode::decode_message(answer.body);
  return fmt::format("GET {} is answered with {}{}{}", path, answer.status,
                     message.empty() ? "" : ": ", message);
}

}  // namespace

Result<docker::Answer> DockerHost::ask(const std::string& path) {
  auto answer = engine_.get(path);
  // Another one would be waited for as long, and the next as well.
  if (!answer && !lost_) lost_ = !engine_.get("/_ping");
  return answer;
}

Seen<std::string> DockerHost::fetch(const std::string& path, bool optional) {
  auto answer = ask(path);
  std::string why;
  if (!answer) {
    why = answer.error().to_string();
  } else if (answer->status == 200) {
    return std::move(answer->body);
  } else {
    why = refusal(path, *answer);
  }
  // What an engine does not have is not lost.
  const bool absent = answer && (answer->status == 404 || answer->status == 405 ||
                                 answer->status == 501 || answer->status == 503);
  if (!optional || !absent) missing_.push_back(why);
  return Seen<std::string>::not_seen(std::move(why));
}

template <class T>
Seen<T> DockerHost::decoded(const std::string& path, Result<T> (*decode)(std::string_view),
                            bool optional) {
  const auto body = fetch(path, optional);
  if (!body) return Seen<T>::not_seen(body.why);
  auto value = decode(*body);
  if (value) return *std::move(value);
  std::string why = fmt::format("GET {}: {}", path, value.error().to_string());
  missing_.push_back(why);
  return Seen<T>::not_seen(std::move(why));
}

Status DockerHost::begin() {
  const auto needed = [&](const std::string& path) -> Result<std::string> {
    auto answer = ask(path);
    if (!answer) return answer.error();
    if (answer->status == 200) return std::move(answer->body);
    Error error;
    error.file = engine_.path();
    error.message = refusal(path, *answer);
    return error;
  };
  const auto unreadable = [&](std::string_view path, Error error) {
    error.message =
        error.field.empty() ? error.message : fmt::format("{}: {}", error.field, error.message);
    error.field = fmt::format("GET {}", path);
    error.file = engine_.path();
    return error;
  };
  const auto info = needed("/info"), version = needed("/version");
  if (!info) return info.error();
  if (!version) return version.error();
  auto daemon = decode::decode_daemon(*info, *version);
  if (!daemon) return unreadable("/info", daemon.error());
  host_.daemon = *std::move(daemon);
  if (!wanted_.containers && !wanted_.images) return {};
  const auto listed = needed("/containers/json?all=1");
  if (!listed) return listed.error();
  const auto containers = decode::decode_containers(*listed);
  if (!containers) return unreadable("/containers/json", containers.error());
  for (const auto& container : *containers) {
    host_.used_images.push_back(container.image_id);
    if (wanted_.containers) containers_.push_back({container.id, container.name});
  }
  std::ranges::sort(containers_, {}, &Name::name);
  if (!wanted_.images) return {};
  const auto images = decoded("/images/json", decode::decode_images);
  if (images)
    for (const auto& image : *images) images_.push_back({image.id, image.name});
  else
    host_.images = Seen<std::vector<cis::Image>>::not_seen(images.why);
  return {};
}

void DockerHost::keep(const std::function<bool(const Name&)>& wanted) {
  std::erase_if(containers_, [&](const Name& name) { return !wanted(name); });
}

const cis::Host& DockerHost::look(const std::function<void()>& step) {
  if (host_.images.why.empty()) {
    std::vector<cis::Image> images;
    for (const Name& name : images_) {
      if (lost_) break;
      cis::Image image{.id = name.id, .name = name.name, .health_check = false, .history = {}};
      const std::string path = "/images/" + encoded(name.id);
      const auto health_check = decoded(path + "/json", decode::decode_health_check);
      const auto history = decoded(path + "/history", decode::decode_history, true);
      if (history) image.history = *history;
      image.health_check = health_check && *health_check;
      // Of one that could not be read nothing is said.
      if (health_check) images.push_back(std::move(image));
      step();
    }
    host_.images = std::move(images);
  }
  if (!lost_) host_.networks = decoded("/networks", decode::decode_networks, true);
  if (!lost_ && wanted_.containers) volumes_ = decoded("/volumes", decode::decode_volumes, true);
  if (host_.daemon.manager && !lost_) {
    host_.swarm = decoded("/swarm", decode::decode_swarm, true);
    host_.secrets = decoded("/secrets", decode::decode_count, true);
  }
  look_at_files();
  defaults_.no_new_privileges =
      host_.daemon.secures("no-new-privileges") || host_.last("no-new-privileges") == "true";
  const auto profile = host_.daemon.seccomp_profile();
  defaults_.seccomp = !profile.empty() && profile != "unconfined";
  defaults_.apparmor = host_.daemon.secures("apparmor");
  return host_;
}

// Source: moby cmd/dockerd/daemon.go, getDefaultDaemonConfigDir.
Seen<std::string> DockerHost::usual_config() const {
  if (!host_.daemon.secures("rootless") || host_.daemon.podman)
    return std::string("/etc/docker/daemon.json");
  std::string why = "who runs the rootless daemon is not known";
  for (const auto& [variable, below] : {std::pair("XDG_CONFIG_HOME", "/docker/daemon.json"),
                                        std::pair("HOME", "/.config/docker/daemon.json")}) {
    const auto folder = files_.environment_of(engine_.process(), variable);
    if (folder && !folder->empty()) return *folder + below;
    if (!folder) why = folder.why;
  }
  return Seen<std::string>::not_seen(std::move(why));
}

// Source: moby cmd/dockerd/options.go, installFlags: DOCKER_CERT_PATH, or .docker at home.
cis::File DockerHost::of_tls(std::string_view setting, std::string_view usual) const {
  if (const auto path = host_.last(setting); !path.empty()) return files_.file(path);
  if (host_.last("tls") != "true" && host_.setting("tlsverify") == nullptr) return {};
  const auto given = [&](std::string_view variable) {
    const auto value = files_.environment_of(engine_.process(), variable);
    return value ? *value : "";
  };
  std::string folder = given("DOCKER_CERT_PATH");
  if (folder.empty()) folder = given("HOME").empty() ? "/root/.docker" : given("HOME") + "/.docker";
  cis::File file = files_.file(fmt::format("{}/{}", folder, usual));
  if (file.state == cis::File::State::Missing) {
    file.state = cis::File::State::Hidden;  // the daemon has one somewhere
    file.why = fmt::format("{}: is not there, and no setting names another", file.path);
  }
  return file;
}

void DockerHost::look_at_files() {
  auto& host = host_;
  const auto arguments = files_.dockerd_arguments(engine_.process());
  host.flags = arguments ? Seen<cis::Settings>(decode::settings_of(*arguments))
                         : Seen<cis::Settings>::not_seen(arguments.why);
  const auto config = host.last("config-file").empty()
                          ? usual_config()
                          : Seen<std::string>(std::string(host.last("config-file")));
  host.socket_unit = files_.listen_streams("docker.socket");
  const auto text = config ? files_.read(*config) : config;
  if (!text) {
    host.file = Seen<cis::Settings>::not_seen(text.why);
  } else if (text->empty()) {
    host.file = cis::Settings();
  } else if (auto settings = decode::decode_daemon_file(*text); settings) {
    host.file = *std::move(settings);
  } else {
    host.file =
        Seen<cis::Settings>::not_seen(fmt::format("{}: {}", *config, settings.error().to_string()));
  }
  const auto program = [&](std::string_view name) {
    return files_.file({fmt::format("/usr/local/bin/{}", name),
                        fmt::format("/usr/local/sbin/{}", name), fmt::format("/usr/sbin/{}", name),
                        fmt::format("/usr/bin/{}", name)});
  };
  host.at(Place::Dockerd) = program("dockerd");
  host.at(Place::RunContainerd) = files_.file("/run/containerd");
  host.at(Place::DataRoot) =
      files_.file(host.daemon.root_dir.empty() ? "/var/lib/docker" : host.daemon.root_dir);
  host.at(Place::EtcDocker) = files_.file("/etc/docker");
  host.at(Place::Service) = files_.unit("docker.service");
  host.at(Place::ContainerdSocket) = files_.file("/run/containerd/containerd.sock");
  host.at(Place::SocketUnit) = files_.unit("docker.socket");
  host.at(Place::DefaultDocker) = files_.file("/etc/default/docker");
  if (config)
    host.at(Place::DaemonJson) = files_.file(*config);
  else
    host.at(Place::DaemonJson) = {.state = cis::File::State::Hidden, .path = {}, .why = config.why};
  host.at(Place::ContainerdConfig) = files_.file("/etc/containerd/config.toml");
  host.at(Place::SysconfigDocker) = files_.file("/etc/sysconfig/docker");
  host.at(Place::Containerd) = program("containerd");
  host.at(Place::Shim) = program("containerd-shim");
  host.at(Place::ShimV1) = program("containerd-shim-runc-v1");
  host.at(Place::ShimV2) = program("containerd-shim-runc-v2");
  host.at(Place::Runc) = program("runc");
  // The socket that was asked stands for itself; one that a container sees elsewhere is the host's.
  host.at(Place::DockerSocket) = files_.file(engine_.path());
  if (host.at(Place::DockerSocket).state == cis::File::State::Missing)
    host.at(Place::DockerSocket) = files_.file("/run/docker.sock");
  host.at(Place::CaCertificate) = of_tls("tlscacert", "ca.pem");
  host.at(Place::Certificate) = of_tls("tlscert", "cert.pem");
  host.at(Place::Key) = of_tls("tlskey", "key.pem");
  host.registry_certificates = files_.registry_certificates();
  host.watches = files_.watches();
  host.mount_points = files_.mount_points();
  host.docker_group = files_.group(host.last("group").empty() ? "docker" : host.last("group"));
  if (host.daemon.swarm == "active")
    for (const unsigned port : {kSwarmPort, static_cast<unsigned>(host.daemon.swarm_port)})
      if (!host.swarm_port_open || !*host.swarm_port_open)
        host.swarm_port_open = files_.listens_everywhere(port);
  const char* const trust = std::getenv("DOCKER_CONTENT_TRUST");
  host.content_trust = (trust != nullptr && std::string_view(trust) == "1") ||
                       files_.environment_says("DOCKER_CONTENT_TRUST=1");
}

Result<cis::Container> DockerHost::container(const Name& name) {
  const auto fail = [&](const std::string& why) {
    Error error;
    error.message = fmt::format("container {}: {}", name.name.empty() ? name.id : name.name, why);
    missing_.push_back(error.message);
    return error;
  };
  const std::string path = "/containers/" + encoded(name.id);
  auto answer = ask(path + "/json");
  if (!answer) return fail(answer.error().to_string());
  if (answer->status == 404) return fail("it was listed and is gone");
  if (answer->status != 200) return fail(refusal(path + "/json", *answer));
  auto container = decode::decode_container(answer->body, defaults_);
  if (!container) return fail(container.error().to_string());
  follow_mounts(*container);
  follow_namespaces(*container);
  if (!container->uid() && wanted_.users && !lost_) look_up_user(*container);
  if (container->running && wanted_.processes && !lost_) look_at_processes(*container);
  return *std::move(container);
}

void DockerHost::follow_mounts(cis::Container& container) const {
  for (cis::Mount& mount : container.mounts) {
    std::string from;
    if (mount.type == "bind") {
      from = mount.source;
    } else if (mount.type == "volume" && volumes_) {
      if (const auto at = volumes_->find(mount.name); at != volumes_->end()) from = at->second;
    } else if (mount.type == "volume") {
      mount.unknown = volumes_.why;
    }
    if (from.empty()) continue;
    if (auto to = files_.leads_to(from); to != mount.source) mount.leads_to = std::move(to);
  }
}

// Who joins another container's namespace has what that one has.
void DockerHost::follow_namespaces(cis::Container& container) {
  constexpr std::string_view kOther = "container:", kFirstProcess = "ns:/proc/1/ns/";
  constexpr int kMostSteps = 8;
  using Text = std::string cis::Container::*;
  const std::pair<Text, Text> kAll[] = {
      {&cis::Container::network_mode, &cis::Container::network_unknown},
      {&cis::Container::pid_mode, &cis::Container::pid_unknown},
      {&cis::Container::ipc_mode, &cis::Container::ipc_unknown},
      {&cis::Container::uts_mode, &cis::Container::uts_unknown},
      {&cis::Container::userns_mode, &cis::Container::userns_unknown}};
  for (const auto& [mode_of, unknown] : kAll) {
    std::string mode = container.*mode_of;
    for (int i = 0; mode.starts_with(kOther) && (container.*unknown).empty(); ++i) {
      const auto body = fetch(
          fmt::format("/containers/{}/json", encoded(std::string_view(mode).substr(kOther.size()))),
          true);
      const auto other = body ? decode::decode_container(*body, defaults_)
                              : Result<cis::Container>(Error{.message = body.why});
      if (other && i < kMostSteps)
        mode = (*other).*mode_of;
      else
        container.*unknown = fmt::format("it shares that of {}: {}", mode,
                                         other ? "one leads to the next" : other.error().message);
    }
    if (mode.starts_with(kFirstProcess)) mode = "host";
    if (mode == "host") container.*mode_of = mode;
  }
  container.pod.host_network = container.network_mode == "host";
  container.pod.host_pid = container.pid_mode == "host";
  container.pod.host_ipc = container.ipc_mode == "host";
}

void DockerHost::look_up_user(cis::Container& container) {
  constexpr int kMostLinks = 8;
  const auto user = std::string_view(container.user).substr(0, container.user.find(':'));
  std::string file = "/etc/passwd";
  for (int links = 0; links <= kMostLinks; ++links) {
    const auto archive = fetch(
        fmt::format("/containers/{}/archive?path={}", encoded(container.id), encoded(file)), true);
    container.uid_unknown = archive.why;
    if (!archive) return;
    const auto list = decode::file_in(*archive);
    if (list && list->link.empty()) {
      container.uid() = decode::uid_in(list->bytes, user);
      container.uid_unknown = fmt::format("its /etc/passwd does not name the user {}", user);
      return;
    }
    if (!list) break;
    file = list->link.starts_with('/')
               ? list->link
               : fmt::format("{}/{}", file.substr(0, file.rfind('/')), list->link);
  }
  container.uid_unknown = "its /etc/passwd cannot be read";
}

void DockerHost::look_at_processes(cis::Container& container) {
  // podman goes on telling unless it is asked not to, and asks a ps in the container unless it is
  // given names of columns. Docker asks the host's.
  const std::string path = fmt::format("/containers/{}/top{}", encoded(container.id),
                                       host_.daemon.podman ? "?stream=false&ps_args=pid,args" : "");
  const auto answer = ask(path);
  std::string why;
  if (!answer) {
    why = answer.error().to_string();
  } else if (answer->status == 409) {
    container.running = false;  // it ended meanwhile, or is between two starts
    return;
  } else if (answer->status != 200) {
    why = refusal(path, *answer);
  } else if (auto commands = decode::decode_top(answer->body); commands) {
    container.processes = *std::move(commands);
    return;
  } else {
    why = fmt::format("GET {}: {}", path, commands.error().to_string());
  }
  container.processes = Seen<std::vector<std::string>>::not_seen(why);
  missing_.push_back(fmt::format("container {}: {}", container.name, why));
}

std::vector<std::string> DockerHost::missing(std::size_t left) const {
  auto lines = missing_;
  if (left > 0)
    lines.push_back(fmt::format("the engine answers no more: {} {} not looked at", left,
                                left == 1 ? "container was" : "containers were"));
  return lines;
}

}  // namespace plimsoll::app
