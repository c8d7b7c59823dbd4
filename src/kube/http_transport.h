// Reaches an API server over HTTP/1.1: httplib's client above connections of our own.
//
// Connections are kept and used again; each request asks for the credentials of now, and a
// connection made with another client certificate or under another CA is not used for it. An answer
// of 401 makes the credentials be read anew and, when that changed them, the request be sent once
// more. A GET that finds its kept connection dead is sent again on a new one.
//
// Thread-safety: send() and stream() may be called from any number of threads; each call that is
// under way has a connection to itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "kube/cluster.h"
#include "kube/environment.h"
#include "kube/transport.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

struct HttpOptions {
  std::string user_agent = "plimsoll";              ///< such as `plimsoll/0.1.0`
  std::size_t max_response = 64UL * 1024 * 1024;    ///< bytes of a body; a stream has no such end
  std::size_t max_idle = 4;                         ///< connections kept for later
  Environment environment = process_environment();  ///< HTTPS_PROXY and the like
};

class HttpTransport final : public Transport {
 public:
  /// Connects to nothing yet. Errors: a server or a proxy whose URL is none, a CA that cannot be
  /// used, a CA together with insecure_skip_tls_verify.
  static Result<std::unique_ptr<HttpTransport>> make(ClusterConfig cluster, HttpOptions options);
  ~HttpTransport() override;

  /// The time that an exec plugin takes, see CredentialSource, is not part of the timeout.
  Result<Response> send(const Request& request) override;

  /// Ends within a few milliseconds when a stop is requested, also while it connects: with status
  /// 200 when the stream had begun, else with an error.
  Result<Response> stream(const Request& request, std::chrono::milliseconds idle,
                          const std::stop_token& stop,
                          const std::function<bool(std::string_view bytes)>& take) override;

 private:
  class Impl;
  explicit HttpTransport(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::kube
