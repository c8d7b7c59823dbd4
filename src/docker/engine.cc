#include "docker/engine.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace plimsoll::docker {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kUnix = "unix://";

Error error_of(std::string file, std::string message, std::string remedy = {}) {
  Error error;
  error.file = std::move(file);
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

/// The process that listens; an error says why a socket cannot be used: httplib's client knows only
/// that it cannot.
Result<int> try_connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return error_of(path, "is too long for the path of a socket");
  std::ranges::copy(path, address.sun_path);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int outcome =
      socket < 0 ? -1
                 : ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int problem = outcome == 0 || errno == EAGAIN || errno == EINPROGRESS ? 0 : errno;
  ucred listener{};
  socklen_t size = sizeof listener;
  if (outcome != 0 || ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0)
    listener.pid = 0;
  if (socket >= 0) ::close(socket);
  switch (problem) {
    case 0:
      return static_cast<int>(listener.pid);
    case EACCES:
    case EPERM:
      return error_of(path, "permission denied",
                      "run it as root or as a member of the group that owns the socket");
    case ENOENT:
      return error_of(path, "there is no such socket",
                      "start Docker, or name its socket with --docker unix://PATH");
    case ECONNREFUSED:
      return error_of(path, "nobody answers there", "start Docker");
    default:
      return error_of(path, std::strerror(problem));
  }
}

}  // namespace

class Engine::Client {
 public:
  Client(const std::string& path, Limits limits) : limits_(limits), client_(path, 80) {
    client_.set_address_family(AF_UNIX);
    client_.set_keep_alive(true);
    client_.set_decompress(false);
    client_.set_follow_location(false);
    client_.set_connection_timeout(limits.timeout);
    client_.set_read_timeout(limits.timeout);
    client_.set_write_timeout(limits.timeout);
    // The path of a socket is no host to Go's server.
    client_.set_default_headers({{"Host", "localhost"}, {"User-Agent", "plimsoll"}});
  }

  Result<Answer> get(const std::string& path) {
    const auto deadline = steady_clock::now() + limits_.timeout;
    Answer answer;
    std::string trouble;
    // httplib's own limits are for each read: what drips never meets them.
    std::atomic<bool> late = false;
    std::jthread watch([&](const std::stop_token& done) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any never;
      never.wait_until(lock, done, deadline, [] { return false; });
      if (done.stop_requested()) return;
      late = true;
      client_.stop();
    });
    const auto result = client_.Get(path, [&](const char* bytes, std::size_t count) {
      if (count > limits_.body - answer.body.size())
        trouble = fmt::format("the answer is larger than {} MiB", limits_.body >> 20);
      else
        answer.body.append(bytes, count);
      return trouble.empty();
    });
    watch.request_stop();
    watch.join();
    if (result) {
      answer.status = result->status;
      return answer;
    }
    if (trouble.empty() && late)
      trouble = fmt::format("the answer takes longer than {} s",
                            std::chrono::ceil<std::chrono::seconds>(limits_.timeout).count());
    if (trouble.empty()) trouble = words_for(result.error());
    return error_of("", fmt::format("GET {}: {}", path, trouble));
  }

 private:
  static std::string words_for(httplib::Error error) {
    switch (error) {
      case httplib::Error::Connection:
      case httplib::Error::ConnectionTimeout:
        return "the daemon cannot be reached any more";
      case httplib::Error::Read:
        return "no answer came, or it was cut short";
      default:
        return httplib::to_string(error);
    }
  }

  Limits limits_;
  httplib::ClientImpl client_;
};

Engine::Engine(std::string path, Limits limits)
    : path_(std::move(path)), client_(std::make_unique<Client>(path_, limits)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Answer> Engine::get(const std::string& path) {
  auto answer = client_->get(path);
  if (answer) return answer;
  Error error = answer.error();
  error.file = path_;
  return error;
}

std::vector<std::string> usual_sockets(std::string_view runtime_dir) {
  std::vector<std::string> paths{"/run/docker.sock", "/var/run/docker.sock"};
  if (!runtime_dir.empty()) paths.push_back(fmt::format("{}/docker.sock", runtime_dir));
  paths.emplace_back("/run/podman/podman.sock");
  if (!runtime_dir.empty()) paths.push_back(fmt::format("{}/podman/podman.sock", runtime_dir));
  return paths;
}

Result<std::string> Engine::find_socket(std::string_view given, std::string_view docker_host,
                                        std::string_view runtime_dir) {
  for (const auto& [address, field] :
       {std::pair(given, "--docker"), std::pair(docker_host, "DOCKER_HOST")}) {
    if (address.empty()) continue;
    if (address.starts_with(kUnix) && address.size() > kUnix.size())
      return std::string(address.substr(kUnix.size()));
    Error error;
    error.field = field;
    error.message = fmt::format("\"{}\" is not unix://PATH", address);
    error.remedy = "run it on the host, where the socket is";
    return error;
  }
  const auto paths = usual_sockets(runtime_dir);
  for (const std::string& path : paths) {
    struct stat there{};
    if (::stat(path.c_str(), &there) == 0 || errno == EACCES) return path;
  }
  Error error;
  error.message =
      fmt::format("no socket of Docker or podman is there: looked for {}", fmt::join(paths, ", "));
  error.remedy = "start Docker, or name its socket with --docker unix://PATH";
  return error;
}

Result<Engine> Engine::connect(std::string path, Limits limits) {
  const auto process = try_connect(path);
  if (!process) return process.error();
  Engine engine(std::move(path), limits);
  engine.process_ = *process;
  const auto pong = engine.get("/_ping");
  if (!pong) return pong.error();
  if (pong->status != 200)
    return error_of(engine.path(),
                    fmt::format("GET /_ping is answered with {}: this is no Docker", pong->status),
                    "name its socket with --docker unix://PATH");
  return engine;
}

}  // namespace plimsoll::docker
