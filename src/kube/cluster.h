// What is needed to reach an API server: where it is, whom to trust, and as whom to speak.
//
// Thread-safety: plain values; a CredentialSource may be used from any thread.
#pragma once

#include <memory>
#include <string>

#include "plimsoll/result.h"

namespace plimsoll::kube {

struct Credentials {
  std::string authorization;       ///< the header's value, such as `Bearer ...`; empty: none
  std::string client_certificate;  ///< PEM, with those that lead to its CA; empty: none
  std::string client_key;          ///< PEM, without a passphrase

  bool operator==(const Credentials&) const = default;
};

/// Where the credentials come from; asked for each request, so that those that rotate are never
/// old.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  /// Those of now. May read files or run a program, bounded by a minute. Errors: a file or a
  /// program that gives none.
  virtual Result<Credentials> current() = 0;

  /// The server answered 401 to these: the next current() reads them anew. When they are no longer
  /// the current ones nothing happens.
  virtual void refused(const Credentials& credentials) = 0;
};

struct ClusterConfig {
  std::string server;   ///< `https://HOST[:PORT][/PATH]`, or `http://`
  std::string origin;   ///< who says so, for messages: a file, or "the pod's service account"
  std::string ca_pem;   ///< the CAs to trust
  std::string ca_file;  ///< the same in a file, read again for each connection; instead of ca_pem
  // Without either, those of the system.
  std::string tls_server_name;  ///< the name in the server's certificate; empty: the server's host
  bool insecure_skip_tls_verify = false;
  std::shared_ptr<CredentialSource> credentials;  ///< null: none
  std::string default_namespace = "default";
  std::string proxy_url;  ///< empty: the environment says
};

}  // namespace plimsoll::kube
