#include <cctype>

#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {
    {kCisDocker, "5.32"}, {kCisKubernetes, "5.2.12"}, {kNsa, "Pod security enforcement"}};
constexpr ParamSpec kParams[] = {
    {"sockets", "Paths of the sockets; `*` stands for one folder's name. Windows pipes start with "
                "\\\\.\\pipe\\."}};

// The folders of a path, without empty ones, `.` and `..`; /var/run is /run on every node, and
// /proc/N/root is the node's root again.
std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, slash - at);
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.emplace_back(part);
    at = slash + 1;
  }
  while (parts.size() >= 3 && parts[0] == "proc" && (parts[2] == "root" || parts[2] == "cwd"))
    parts.erase(parts.begin(), parts.begin() + 3);
  if (parts.size() >= 2 && parts[0] == "var" && parts[1] == "run") parts.erase(parts.begin());
  return parts;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// Whether mounting `path` shows the socket: it is the socket, or a folder above it.
bool reaches(std::string_view path, std::string_view socket) {
  if (path.find('\\') != std::string_view::npos || socket.find('\\') != std::string_view::npos)
    return equal_ignoring_case(path, socket);
  const auto folder = parts_of(path);
  const auto target = parts_of(socket);
  if (folder == std::vector<std::string>{"var"} && target.front() == "run") return true;
  if (!folder.empty() && folder.size() <= 2 && folder[0] == "proc") return true;
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
