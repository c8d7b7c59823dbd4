#include <cctype>

#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {
    {kCisDocker, "5.32"}, {kCisKubernetes, "5.2.12"}, {kNsa, "Pod security enforcement"}};
using Parts = std::vector<std::string_view>;
using Folders = std::span<const std::string_view>;

// How many parts of /proc/PID or /proc/PID/task/TID the path begins with; 0: none.
std::size_t process_folder(Folders parts) {
  const auto process = [&](std::size_t i) {
    return i < parts.size() && (parts[i] == "self" || parts[i] == "thread-self" ||
                                parts[i].find_first_not_of("0123456789") == std::string_view::npos);
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
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    at = slash + 1;
  }
  Folders rest = parts;
  for (std::size_t n = 0; (n = process_folder(rest)) != 0 && rest.size() > n &&
                          (rest[n] == "root" || rest[n] == "cwd");)
    rest = rest.subspan(n + 1);
  if (rest.size() >= 2 && rest[0] == "var" && rest[1] == "run") rest = rest.subspan(1);
  parts.erase(parts.begin(), parts.end() - static_cast<std::ptrdiff_t>(rest.size()));
  return parts;
}

// Whether a process of the node is in the folder, with its root, or is behind what it has open,
// which may be any folder.
bool shows_process(Folders folder) {
  if (folder.size() == 1) return folder[0] == "proc";
  const std::size_t n = process_folder(folder);
  if (n == 0) return false;
  return folder.size() == n || folder[n] == "fd" || (folder.size() == 3 && folder[2] == "task");
}

// The name of a Windows pipe, \\SERVER\pipe\NAME, in small letters; empty: it is none. Windows
// takes both slashes, any case, and for this node `.`, `?` and its names.
std::string pipe_of(std::string_view path) {
  std::string text;
  for (const unsigned char c : path) text += c == '/' ? '\\' : static_cast<char>(std::tolower(c));
  constexpr std::string_view kPipe = "\\pipe\\";
  const auto at = text.starts_with("\\\\") ? text.find('\\', 2) : std::string::npos;
  if (at == std::string::npos || at == 2 || text.compare(at, kPipe.size(), kPipe) != 0) return {};
  return text.substr(at + kPipe.size());
}

// A path as it is compared: that of a volume, or of a socket.
struct Place {
  explicit Place(std::string_view path) : pipe(pipe_of(path)) {
    if (pipe.empty()) parts = parts_of(path);
  }
  std::string pipe;
  Parts parts;
};

// Whether mounting `place` shows the socket: it is the socket, or a folder above it.
bool reaches(const Place& place, const Place& socket) {
  if (!place.pipe.empty() || !socket.pipe.empty()) return place.pipe == socket.pipe;
  const Folders folder = place.parts, target = socket.parts;
  if (folder.size() == 1 && folder[0] == "var" && target.front() == "run") return true;
  return shows_process(folder) ||
         (folder.size() <= target.size() &&
          std::equal(folder.begin(), folder.end(), target.begin(),
                     [](const auto& a, const auto& b) { return b == "*" || a == b; }));
}

constexpr TextForm kSocket{"the path of a socket",
                           "write an absolute path such as /run/docker.sock, or a pipe such as "
                           "`\\\\.\\pipe\\docker_engine`",
                           [](std::string_view text) {
                             const Place place(text);
                             return !place.pipe.empty() ||
                                    (text.starts_with('/') && !place.parts.empty());
                           }};
constexpr ParamSpec kParams[] = {
    {.name = "sockets",
     .meaning = "Paths of the sockets; `*` stands for one folder's name. Windows pipes start with "
                "`\\\\.\\pipe\\`.",
     .needed = true,
     .form = &kSocket}};

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  const auto names = params.strings("sockets");
  std::vector<Place> sockets;
  for (std::size_t i = 0; i < pod.volumes.size(); ++i) {
    const Volume& v = pod.volumes[i];
    if (!v.has(VolumeKind::HostPath)) continue;
    if (sockets.empty())
      for (const std::string& name : names) sockets.emplace_back(name);
    const Place place(v.host_path);
    const auto hit =
        std::ranges::find_if(sockets, [&](const Place& socket) { return reaches(place, socket); });
    if (hit != sockets.end())
      out.push_back(
          {pod.spec(fmt::format("/volumes/{}/hostPath/path", i)),
           fmt::format("volume \"{}\" ({}) reaches the container runtime's socket {}", v.name,
                       v.host_path, names[static_cast<std::size_t>(hit - sockets.begin())])});
  }
}

// Which folders of the node lead to a socket is not for CEL to find out.
std::string cel(const Params&, const CelNames& in) {
  return fmt::format("{}.all(v, !has(v.hostPath))", in.volumes);
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
    .counterexample = R"(volumes:
- name: docker
  hostPath:
    path: /var/run/docker.sock
)",
    .evaluate = evaluate,
    .cel = cel,
};

}  // namespace plimsoll::checks
