// The serving certificate: read from files, and read again when they change.
//
// Thread-safety: a TlsContext may be used from any thread.
#pragma once

#include <openssl/ssl.h>

#include <ctime>
#include <memory>
#include <mutex>
#include <string>

#include "plimsoll/result.h"

namespace plimsoll::server {

struct TlsFiles {
  std::string certificate;  ///< PEM: the certificate, and after it those that lead to its CA
  std::string key;          ///< PEM, without a passphrase
  std::string client_ca;    ///< PEM: the CAs of clients; empty: clients show no certificate
};

class TlsContext {
 public:
  /// Reads the files. Errors name the file and what to do: one that cannot be read or parsed, a key
  /// that is not the certificate's.
  static Result<std::unique_ptr<TlsContext>> load(TlsFiles files);

  enum class Reload { Unchanged, Reloaded, Failed };

  /// Reads the files again. Only when their bytes changed and make a whole pair are they taken; a
  /// pair that fails leaves the old one serving, and is reported once.
  Reload reload(Error& error);

  /// The context for a new connection; connections keep the one they began with.
  [[nodiscard]] std::shared_ptr<SSL_CTX> current() const;

  /// When the certificate that serves now ends, in seconds since 1970.
  [[nodiscard]] std::time_t not_after() const;

 private:
  struct Pair {
    std::string bytes;  ///< of all files, to see a change
    std::shared_ptr<SSL_CTX> context;
    std::time_t not_after = 0;
  };
  explicit TlsContext(TlsFiles files) : files_(std::move(files)) {}
  static Result<Pair> make(const TlsFiles& files, std::string bytes);
  static Result<std::string> read(const TlsFiles& files);

  const TlsFiles files_;
  std::string failed_;  ///< the bytes, or the error, that failed last; only reload() uses it
  mutable std::mutex mutex_;
  Pair pair_;
};

}  // namespace plimsoll::server
