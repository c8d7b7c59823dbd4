#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{
    find_check("runtime-socket"), Fix::None,
    Params({{"sockets", Names{"/run/docker.sock", "/run/containerd/containerd.sock",
                              "/run/user/*/podman/podman.sock", "/var/snap/it/run/it.sock",
                              R"(\\.\pipe\docker_engine)"}}})};
const Paths kFound = {"/spec/volumes/0/hostPath/path"};

std::string volume(const std::string& path) {
  std::string text;
  for (const char c : path) text += c == '\\' ? "\\\\" : std::string(1, c);
  return R"({"spec": {"volumes": [{"name": "v", "hostPath": {"path": ")" + text + "\"}}]}}";
}

TEST(RuntimeSocket, Paths) {
  std::vector<PodRow> rows;
  for (const char* path :
       {// the socket, and each folder above it
        "/run/docker.sock", "/run", "/", "/run/containerd", "/run/containerd/containerd.sock",
        "/var/snap/it/run/it.sock", "/var/snap/it/run", "/var/snap/it", "/var/snap",
        // /var/run is /run
        "/var/run/docker.sock", "/var/run", "/var", "/var/run/containerd",
        "/var/run/containerd/containerd.sock",
        // other spellings of the same
        "/run/", "/run//docker.sock", "//run///docker.sock/", "//", "/.", "/./run/./docker.sock",
        "/run/docker.sock/", "/var/", "/var//run/", "/var/./run/docker.sock", "run/docker.sock",
        // dotdot, which the API server refuses: as the text reads
        "/..", "/etc/..", "/etc/../run/docker.sock", "/../run", "/run/x/../docker.sock",
        "/var/lib/../run/docker.sock", "/var/run/../../run", "/etc/../../..",
        // a folder for each user
        "/run/user", "/run/user/1000", "/run/user/1000/podman", "/run/user/0/podman/podman.sock",
        "/var/run/user/1000/podman/podman.sock", "/run/user/*/podman",
        // through the root or working directory of the node's processes
        "/proc", "/proc/1", "/proc/1/root", "/proc/1/root/", "/proc/1/root/run/docker.sock",
        "/proc/self/root/var/run/docker.sock", "/proc/1/cwd", "/proc/1/root/proc/1/root/run",
        "/proc/1/root/proc", "//proc/1//root/./run", "/proc/1/task", "/proc/1/task/1",
        "/proc/1/task/1/root/run/docker.sock",
        // through what such a process has open, whatever that is
        "/proc/1/fd", "/proc/1/fd/3", "/proc/self/fd/3/etc", "/proc/1/task/1/fd/3",
        "/proc/1/root/proc/1/fd/3",
        // Windows pipes, in any case, by any name of the node
        R"(\\.\pipe\docker_engine)", R"(\\.\PIPE\Docker_Engine)", "//./pipe/docker_engine",
        R"(\\?\pipe\docker_engine)", "//?/pipe/docker_engine", R"(\\localhost\pipe\docker_engine)"})
    rows.push_back({path, volume(path), kFound});
  for (const char* path :
       {// beside it, below it, or of a name like it
        "/etc", "/var/lib", "/var/lib/docker", "/var/log", "/var/runner", "/runner", "/ru",
        // a name that begins alike, or goes on below
        "/run/docker", "/run/docker.sock.d", "/run/docker.sock/x", "/run/docker.socket",
        "/run/containerd/other.sock", "/run/containerd/containerd.sock/x", "/run/other",
        // dotdot leads away
        "/run/../etc", "/var/run/../log",
        // the same names elsewhere, or in other letters
        "/etc/run", "/etc/run/docker.sock", "/lib/var/run", "/RUN/docker.sock", "/Var/Run",
        // another socket of a user
        "/run/user/1000/bus", "/run/user/1000/podman/other", "/run/user/1000/podman/podman.sock/x",
        "/run/users/1000/podman", "/run/user/1000/x/podman", "/*", "/var/snap/other",
        // other things of the node's processes
        "/proc/sys", "/proc/meminfo", "/proc/1/task/1/root/etc", "/proc/1/root/etc",
        "/proc/1/ns/net", "/proc/1/fdinfo", "/proc/fd", "/procs", "/data/proc/1/root",
        "/data/proc/1/fd/3",
        // other pipes and Windows paths
        R"(\\.\pipe\docker_engine2)", R"(\\.\pipe\docker)", R"(\\.\pipe\)",
        R"(\pipe\docker_engine)", R"(\\pipe\docker_engine)", R"(\\.\x\pipe\docker_engine)",
        R"(C:\ProgramData\docker)", R"(\run\docker.sock)", "/./pipe/docker_engine"})
    rows.push_back({path, volume(path)});
  kTable.pods(rows);
}

TEST(RuntimeSocket, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"null volumes", R"({"spec": {"volumes": null}})"},
      {"other kinds", R"({"spec": {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w"}]}})"},
      {"null source", R"({"spec": {"volumes": [{"name": "v", "hostPath": null}]}})"},
      {"a mount path is not the node's",
       R"({"spec": {"volumes": [{"name": "v", "emptyDir": {}}],
           "containers": [{"name": "a", "volumeMounts": [
             {"name": "v", "mountPath": "/run/docker.sock"}]}]}})"},
      {"the message names both paths",
       volume("/var/run"),
       kFound,
       {.messages = {R"(volume "v" (/var/run) reaches the container runtime's socket )"
                     "/run/docker.sock"}}},
      {"the socket that is reached, not just the first",
       volume("/run/containerd"),
       kFound,
       {.messages = {R"(volume "v" (/run/containerd) reaches the container runtime's socket )"
                     "/run/containerd/containerd.sock"}}},
      {"no path may be any", R"({"spec": {"volumes": [{"name": "v", "hostPath": {}}]}})", kFound},
      {"null path", R"({"spec": {"volumes": [{"name": "v", "hostPath": {"path": null}}]}})",
       kFound},
      {"read-only is no protection: a socket is written by connecting to it",
       R"({"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/run", "type": "Directory"}}],
           "containers": [{"name": "a", "volumeMounts": [
             {"name": "v", "mountPath": "/v", "readOnly": true}]}]}})",
       kFound},
      {"some of several, each once",
       R"({"spec": {"volumes": [
         {"name": "t", "hostPath": {"path": "/"}}, {"name": "u", "hostPath": {"path": "/etc"}},
         {"name": "v", "emptyDir": {}}, {"name": "w", "hostPath": {"path": "/run/user"}}]}})",
       {"/spec/volumes/0/hostPath/path", "/spec/volumes/3/hostPath/path"}},
  });
}

TEST(RuntimeSocket, SocketsAreNormalisedAsWell) {
  const auto with = [](const char* socket) {
    return Table{find_check("runtime-socket"), Fix::None}.with("sockets", Names{socket});
  };
  const std::vector<PodRow> rows = {{"reaches", volume("/run/a.sock"), kFound},
                                    {"reaches from above", volume("/var"), kFound},
                                    {"does not", volume("/run/b.sock")}};
  with("/run/a.sock").pods(rows);
  with("/var/run/a.sock").pods(rows);
  with("//var/./run//a.sock/").pods(rows);
}

}  // namespace
}  // namespace plimsoll::testing
