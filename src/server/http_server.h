// An HTTP/1.1 server over httplib: TLS or plain, with limits that a hostile client cannot get
// round.
//
// A request is refused, and its connection closed, rather than trusted, when its body has no plain
// length (chunked, compressed, missing, too large) or its type is not JSON. A few threads serve
// every connection, and only whole requests reach a handler: a slow client costs memory alone, and
// of that all together no more than eight bodies. At most `max_connections` are open. One more ends
// one that has made no request yet, or else the one that is idle for the longest time; when there
// is none it is answered with 503.
//
// Ownership: the handlers are the server's; they must be callable from any thread, and must not
// wait. Thread-safety: bind(), run() and drain() may be called from different threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "plimsoll/result.h"
#include "server/connections.h"
#include "server/tls.h"

namespace plimsoll::server {

struct Request {
  std::string_view path;   ///< decoded, without the query
  std::string_view query;  ///< as it was sent: `timeout=3s`
  std::string_view body;
};

struct Response {
  int status = 200;
  std::string body;
  std::string_view content_type = "application/json";  ///< a literal
};

/// Called once, from any thread, at any time; the connection may be gone by then.
using Respond = std::function<void(Response)>;

/// An answer that takes time. It is called once, on the server's thread, and must not wait: it
/// sees to it that its argument is called when the answer is there. The request is no longer there
/// then. One that is not answered within Limits::request is answered with 503.
using Later = std::function<void(Respond)>;

using Reply = std::variant<Response, Later>;
using Handler = std::function<Reply(const Request&)>;

struct Limits {
  std::size_t max_body = 8 * 1024 * 1024;  ///< bytes
  std::size_t max_connections = 512;
  std::size_t threads = 0;  ///< that serve them; 0: one a processor, at least 2
  /// A thread gets this many connections before the next one gets any: it finds several requests
  /// waiting when it looks, and sleeps and wakes the less for it. kube-apiserver keeps 25.
  std::size_t fill = 64;
  std::chrono::milliseconds handshake{5'000};
  std::chrono::milliseconds idle{120'000};    ///< longer than the 90 s for which clients keep them
  std::chrono::milliseconds request{10'000};  ///< from the first byte to the end of the answer
};

/// What a server counts.
struct Counts {
  std::atomic<std::uint64_t> accepted{0}, shed{0}, handshake_failures{0};
  std::atomic<std::uint64_t> refused{0};  ///< requests that reached no handler
};

class HttpServer {
 public:
  /// `tls` is null for a plain server, and outlives the server. `error_body` makes the body of an
  /// answer that no handler gave from its message.
  HttpServer(const TlsContext* tls, Limits limits,
             std::function<std::string(std::string_view message)> error_body);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Before run(). `/*` at a path's end stands for what is left of it, which is not empty.
  void post(std::string path, Handler handler);
  void get(std::string path, Handler handler);

  /// Binds to `HOST:PORT`; port 0: one that is free. The error says what is wrong with the address.
  Status bind(const std::string& address);

  /// The address it is bound to, `HOST:PORT`.
  [[nodiscard]] const std::string& address() const;

  /// Serves until drain() has ended. False: it could not listen.
  bool run();

  /// From now on each answer closes its connection: clients go elsewhere. Idle connections stay,
  /// since a client's next request may be on its way.
  void start_closing();

  /// Takes no new connection, ends those that are idle, waits up to `grace` for requests under way,
  /// then ends them.
  void drain(std::chrono::milliseconds grace);

  [[nodiscard]] const Counts& counts() const;
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::uint64_t evicted() const;  ///< connections ended to make room

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::server
