// A TCP connection, with or without TLS, whose every wait has an end: a deadline, or a file
// descriptor that says stop.
//
// TLS works on memory and the socket is written with MSG_NOSIGNAL, so that no peer's going away can
// raise SIGPIPE.
//
// Thread-safety: one thread at a time.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kube/cluster.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

/// What ends a wait.
struct Bound {
  std::chrono::steady_clock::time_point deadline;
  int stop = -1;  ///< becomes readable when the wait shall end; -1: only the deadline ends it
};

struct Failure {
  enum class Kind { TimedOut, Stopped, Other };
  Kind kind = Kind::Other;
  std::string text;    ///< what is wrong
  std::string remedy;  ///< what to do; empty: the text says it
};

/// What the client's side of TLS needs: whom it trusts, and the certificate it shows. `ca` is PEM;
/// empty: the system's CAs. Errors: text that is not PEM, a key that is not the certificate's.
Result<std::shared_ptr<SSL_CTX>> client_context(const std::string& ca, bool verify,
                                                const Credentials& credentials);

class Channel {
 public:
  Channel() = default;
  ~Channel() { end_tls(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Resolves the host and connects to the first of its addresses that answers. A socket opened
  /// here is the caller's to close.
  std::optional<Failure> connect(const std::string& host, std::uint16_t port, const Bound& bound);

  /// TLS from here on. The server's certificate must be for the name, a DNS name or an address.
  std::optional<Failure> begin_tls(SSL_CTX* context, const std::string& name, bool verify,
                                   const Bound& bound);

  /// All of it.
  std::optional<Failure> send(std::string_view bytes, const Bound& bound);

  /// What comes next, at most `size` bytes; `count` 0: the peer has ended in an orderly way.
  std::optional<Failure> receive(char* to, std::size_t size, const Bound& bound,
                                 std::size_t& count);

  /// Says goodbye, without waiting, and forgets the socket, which stays open.
  void end_tls();

  [[nodiscard]] int socket() const { return socket_; }

 private:
  std::optional<Failure> send_raw(std::string_view bytes, const Bound& bound);
  std::optional<Failure> receive_raw(char* to, std::size_t size, const Bound& bound,
                                     std::size_t& count);
  std::optional<Failure> flush(const Bound& bound);
  std::optional<Failure> feed(const Bound& bound, bool& ended);

  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  int socket_ = -1;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace plimsoll::kube
