#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "app/commands.h"
#include "app/console.h"

namespace plimsoll::app {
namespace {

using Clock = std::chrono::steady_clock;

/// For all of it together: what watches over containers waits a few seconds at most.
constexpr std::chrono::seconds kLimit{2};

Error unhealthy(const std::string& address, std::string_view why, std::string remedy = "") {
  Error error;
  error.message = fmt::format("{}/livez: {}", address, why);
  error.remedy = std::move(remedy);
  return error;
}

class Socket {
 public:
  explicit Socket(const addrinfo& to)
      : fd_(::socket(to.ai_family, to.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Waits until it can be read or written; false, with errno set: not in time.
  [[nodiscard]] bool wait(short events, Clock::time_point end) const {
    pollfd item{fd_, events, 0};
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
      const int got = left > 0 ? ::poll(&item, 1, static_cast<int>(left)) : 0;
      if (got > 0) return true;
      if (got < 0 && errno == EINTR) continue;
      if (got == 0) errno = ETIMEDOUT;
      return false;
    }
  }

  [[nodiscard]] bool connect(const addrinfo& to, Clock::time_point end) const {
    if (fd_ < 0) return false;
    if (::connect(fd_, to.ai_addr, to.ai_addrlen) == 0) return true;
    if (errno != EINPROGRESS || !wait(POLLOUT, end)) return false;
    socklen_t size = sizeof errno;
    int problem = 0;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &problem, &size) == 0) errno = problem;
    return errno == 0;
  }

  /// Sends the request, which a new connection has room for, and reads up to the end of the first
  /// line or of the connection. False, with errno set: neither came.
  [[nodiscard]] bool ask(std::string_view request, std::string& line, Clock::time_point end) const {
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
    constexpr std::size_t kMax = 1024;
    char buffer[kMax];
    while (line.find('\n') == std::string::npos && line.size() < kMax) {
      if (!wait(POLLIN, end)) return false;
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got == 0) break;
      if (got > 0)
        line.append(buffer, static_cast<std::size_t>(got));
      else if (errno != EAGAIN && errno != EINTR)
        return false;
    }
    line.resize(std::min(line.find_first_of("\r\n"), line.size()));
    return true;
  }

 private:
  int fd_;
};

int run(const std::string& address) {
  const auto end = Clock::now() + kLimit;
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  const bool is_address = !port.empty() && port.find_first_not_of("0123456789") == port.npos &&
                          (bracketed || host.find(':') == host.npos);
  if (!is_address) {
    Error error;
    error.field = "--management";
    error.message = fmt::format("\"{}\" is not an address", address);
    error.remedy = "use HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080";
    return fail(error);
  }

  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int problem =
      ::getaddrinfo(host.empty() ? "127.0.0.1" : host.c_str(), port.c_str(), &hints, &found);
  if (problem != 0)
    return fail(
        unhealthy(address, problem == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(problem)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);

  // Of several addresses the last one's failure is told.
  int why = 0;
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    const Socket socket(*to);
    std::string line;
    if (!socket.connect(*to, end) ||
        !socket.ask("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", line,
                    end)) {
      why = errno;
      continue;
    }
    if (line.starts_with("HTTP/1.1 200")) return kPassed;
    return fail(unhealthy(address, line.starts_with("HTTP/")
                                       ? fmt::format("answered \"{}\"", line)
                                       : "what listens there does not speak HTTP"));
  }
  return fail(unhealthy(address, std::strerror(why),
                        why == ECONNREFUSED ? "is `plimsoll serve --management` another?" : ""));
}

}  // namespace

void add_health(CLI::App& app, Action& action) {
  auto address = std::make_shared<std::string>("127.0.0.1:8080");
  auto* const command =
      app.add_subcommand("health", "Ask a running server whether it is alive: for containers");
  command->add_option("--management", *address, "HOST:PORT that the server was given")
      ->capture_default_str();
  command->callback([&action, address] { action = [address] { return run(*address); }; });
}

}  // namespace plimsoll::app
