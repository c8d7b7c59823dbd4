// How the room reaches an API server: requests in, answers out. Tests fake it.
//
// Thread-safety: send() and stream() may be called from several threads at once.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "plimsoll/result.h"

namespace plimsoll::kube {

struct Request {
  std::string method = "GET";
  std::string path;  ///< from the server's root, with the query: `/api/v1/namespaces?limit=500`
  std::string body;
  std::string content_type = "application/json";  ///< of the body
  std::string accept = "application/json";        ///< media types of the answer, best first
  /// From the call to the whole answer; of a stream, to the head of the answer.
  std::chrono::milliseconds timeout{5'000};
};

struct Response {
  int status = 0;
  std::string body;
  std::chrono::seconds retry_after{0};  ///< what the server asks to wait; 0: it says nothing
  std::optional<std::chrono::sys_seconds> date;  ///< by the server's clock
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// One request and its whole answer, whatever its status. An error: no answer came (address,
  /// connection, TLS, credentials, time); it names the server.
  virtual Result<Response> send(const Request& request) = 0;

  /// A GET whose answer does not end by itself. With status 200 `take` gets the bytes as they come,
  /// and before them an empty text when the head is there, until it says false, the stream ends, or
  /// a stop is requested; the response's body is then empty. With another status the response has
  /// its body. `idle` is how long nothing may come before the stream counts as broken.
  virtual Result<Response> stream(const Request& request, std::chrono::milliseconds idle,
                                  const std::stop_token& stop,
                                  const std::function<bool(std::string_view bytes)>& take) = 0;
};

}  // namespace plimsoll::kube
