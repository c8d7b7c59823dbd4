// Makes a CA and serving certificates: ECDSA P-256.
//
// Thread-safety: stateless.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "plimsoll/result.h"

namespace plimsoll::server {

/// A certificate and its private key (PKCS #8), both in PEM.
struct KeyPair {
  std::string certificate, key;
};

/// A CA that may sign serving certificates only (path length 0), valid from five minutes ago, for
/// clocks that are behind.
Result<KeyPair> make_ca(std::string_view common_name, std::chrono::days valid);

/// A certificate for TLS servers at the hosts: DNS names (a `*` may be the first label) and IP
/// addresses. It never outlives the CA. Errors: no host, one that is neither, a CA that cannot
/// sign.
Result<KeyPair> make_serving(const KeyPair& ca, std::span<const std::string> hosts,
                             std::chrono::days valid);

}  // namespace plimsoll::server
