// The Docker Engine API over its unix socket: GET requests, whole answers.
//
// Ownership: an Engine owns its connection. Thread-safety: one a thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/result.h"

namespace plimsoll::docker {

struct Answer {
  int status = 0;
  std::string body;
};

struct Limits {
  std::chrono::milliseconds timeout{30'000};  ///< from the request to the whole answer
  std::size_t body = std::size_t{32} << 20;   ///< bytes of an answer
};

class Engine {
 public:
  /// The socket's path: `unix://PATH` as given, else as DOCKER_HOST says, else the first of
  /// usual_sockets() that is there. `docker_host`, `runtime_dir`: of the environment; may be empty.
  /// Errors: another kind of address; no socket is there.
  static Result<std::string> find_socket(std::string_view given, std::string_view docker_host,
                                         std::string_view runtime_dir);

  /// Connects, and asks whether it is an engine. Errors: no socket, no permission, nobody answers,
  /// somebody else does.
  static Result<Engine> connect(std::string path, Limits limits = {});

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// The id of the process that made the socket; 0: it is in no namespace that can be seen.
  [[nodiscard]] int process() const { return process_; }

  /// The whole answer, whatever its status. An error: no answer came, or it is too large or too
  /// slow; it names the socket and the request.
  Result<Answer> get(const std::string& path);

 private:
  class Client;
  Engine(std::string path, Limits limits);

  std::string path_;
  int process_ = 0;
  std::unique_ptr<Client> client_;
};

/// Where Docker and podman listen, first those for everybody. `runtime_dir`: XDG_RUNTIME_DIR.
std::vector<std::string> usual_sockets(std::string_view runtime_dir);

}  // namespace plimsoll::docker
