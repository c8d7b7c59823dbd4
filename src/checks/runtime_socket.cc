#include <cctype>

#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {
    {kCisDocker, "5.32"}, {kCisKubernetes, "5.2.12"}, {kNsa, "Pod security enforcement"}};
constexpr ParamSpec kParams[] = {
    {"sockets", "Paths of the sockets; `*` stands for one folder's name. Windows pipes start with "
                "\\\\.\\pipe\\."}};

using Parts = std::vector<std::string>;

// How many parts of /proc/PID or /proc/PID/task/TID the path begins with; 0: none.
std::size_t process_folder(const Parts& parts) {
  const auto process = [&](std::size_t i) {
    return i < parts.size() && (parts[i] == "self" || parts[i] == "thread-self" ||
                                parts[i].find_first_not_of("0123456789") == std::string::npos);
  };
  if (parts.empty() || parts[0] != "proc" || !process(1)) return 0;
  return parts.size() > 3 && parts[2] == "task" && process(3) ? 4 : 2;
}

// The folders of a path, without empty ones, `.` and `..`; /var/run is /run on every node, and the
// root and cwd of a process on the node are its root again.
Parts parts_of(std::string_view path) {
  Parts parts;
  for (std::size_t at = 0; at <= path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, slash - at);
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.emplace_back(part);
    at = slash + 1;
  }
  for (std::size_t n = 0; (n = process_folder(parts)) != 0 && parts.size() > n &&
                          (parts[n] == "root" || parts[n] == "cwd");)
    parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(n) + 1);
  if (parts.size() >= 2 && parts[0] == "var" && parts[1] == "run") parts.erase(parts.begin());
  return parts;
}

// Windows takes both slashes, and any case.
bool same_pipe(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, {}, [](unsigned char c) { return c == '/' ? '\\' : std::tolower(c); },
      [](unsigned char c) { return c == '/' ? '\\' : std::tolower(c); });
}

// Whether mounting `path` shows the socket: it is the socket, or a folder above it.
bool reaches(std::string_view path, std::string_view socket) {
  if (socket.find('\\') != std::string_view::npos) return same_pipe(path, socket);
  const Parts folder = parts_of(path);
  const Parts target = parts_of(socket);
  if (target.empty()) return false;  // "/" names no socket
  if (folder == Parts{"var"} && target.front() == "run") return true;
  // All of /proc, or all of a process: its root is in there.
  if (folder == Parts{"proc"} || (!folder.empty() && folder.size() == process_folder(folder)) ||
      (folder.size() == 3 && process_folder(folder) == 2 && folder[2] == "task"))
    return true;
  return folder.size() <= target.size() &&
         std::equal(folder.begin(), folder.end(), target.begin(),
                    [](const auto& a, const auto& b) { return b == "*" || a == b; });
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  for (std::size_t i = 0; i < pod.volumes.size(); ++i) {
    const Volume& v = pod.volumes[i];
    if (!v.has(VolumeKind::HostPath)) continue;
    const auto sockets = params.strings("sockets");
    const auto hit = std::ranges::find_if(
        sockets, [&](const auto& socket) { return reaches(v.host_path, socket); });
    if (hit != sockets.end())
      out.push_back({pod.spec(fmt::format("/volumes/{}/hostPath/path", i)),
                     fmt::format("volume \"{}\" ({}) reaches the container runtime's socket {}",
                                 v.name, v.host_path, *hit)});
  }
}

}  // namespace

extern constinit const Check runtime_socket{
    .id = "runtime-socket",
    .title = "No container runtime socket is mounted",
    .rationale = "Whoever can talk to docker, containerd, cri-o or podman can start a privileged "
                 "container on the node.",
    .remedy = "Remove the volume; build images with a rootless builder, and read container states "
              "from the Kubernetes API.",
    .severity = Severity::Critical,
    .references = kReferences,
    .params = kParams,
    .example = R"(volumes:
- name: scratch
  emptyDir: {}
)",
    .evaluate = evaluate,
};

}  // namespace plimsoll::checks
