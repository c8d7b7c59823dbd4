// The serving certificate: read from files and read again when they change, or given while serving.
//
// Thread-safety: a TlsContext may be used from any thread.
#pragma once

#include <openssl/ssl.h>

#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

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
  /// that is not the certificate's. Without the files of a pair no handshake succeeds until
  /// replace() gives one.
  static Result<std::unique_ptr<TlsContext>> load(TlsFiles files);

  enum class Reload { Unchanged, Reloaded, Failed };

  /// Reads the files again. Only when their bytes changed and make a whole pair are they taken; a
  /// pair that fails leaves the old one serving, and is reported once.
  Reload reload(Error& error);

  /// From now on new connections get this pair, both in PEM; for a context that was loaded without
  /// the files of one. A pair that cannot be used changes nothing; errors call its halves tls.crt
  /// and tls.key.
  Status replace(std::string certificate, std::string key);

  /// The context for a new connection; connections keep the one they began with.
  [[nodiscard]] std::shared_ptr<SSL_CTX> current() const;

  /// When the certificate that serves now ends, in seconds since 1970; 0: there is none yet.
  [[nodiscard]] std::time_t not_after() const;

 private:
  struct Texts {
    std::string certificate, key, client_ca;
    bool operator==(const Texts&) const = default;
  };
  struct State {
    Texts texts;  ///< to see a change
    std::shared_ptr<SSL_CTX> context;
    std::time_t not_after = 0;
  };
  explicit TlsContext(TlsFiles files) : files_(std::move(files)) {}
  static Result<State> make(const TlsFiles& files, Texts texts);
  /// What the files hold now; what no file is named for is as in `texts`.
  static Result<Texts> read(const TlsFiles& files, Texts texts);

  const TlsFiles files_;
  std::mutex changing_;          ///< held by whoever makes a new state from the present one
  std::optional<Texts> failed_;  ///< what failed last in reload()
  std::string unreadable_;       ///< or why the files could not be read
  mutable std::mutex mutex_;
  State state_;
};

}  // namespace plimsoll::server
