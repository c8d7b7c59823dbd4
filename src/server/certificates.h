// Makes a CA and serving certificates, ECDSA P-256, and reads them.
//
// Thread-safety: stateless.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/result.h"

namespace plimsoll::server {

/// A certificate and its private key (PKCS #8), both in PEM.
struct KeyPair {
  std::string certificate, key;
};

/// The second that it is.
std::chrono::sys_seconds current_second();

/// Certificates are valid from that long before they are made, for clocks that are behind: an hour,
/// or less when they are not valid that long.
constexpr std::chrono::seconds backdate_of(std::chrono::seconds valid) {
  return std::min<std::chrono::seconds>(valid, std::chrono::hours(1));
}

/// A CA that may sign serving certificates only (path length 0).
Result<KeyPair> make_ca(std::string_view common_name, std::chrono::seconds valid,
                        std::chrono::sys_seconds now = current_second());

/// A certificate for TLS servers at the hosts: DNS names (a `*` may be the first label) and IP
/// addresses. It never outlives the CA. Errors: no host, one that is neither, a CA that cannot
/// sign or has ended.
Result<KeyPair> make_serving(const KeyPair& ca, std::span<const std::string> hosts,
                             std::chrono::seconds valid,
                             std::chrono::sys_seconds now = current_second());

/// Whether it is a DNS name or an IP address as make_serving() takes it.
bool is_host(const std::string& host);

/// What a certificate says.
struct CertificateFacts {
  std::chrono::sys_seconds not_before, not_after;
  std::string common_name;         ///< the subject's; empty: it has none
  bool ca = false;                 ///< it may sign others
  std::vector<std::string> hosts;  ///< DNS names in small letters and addresses, in its order

  /// The part of its life that was not spent before it was made.
  [[nodiscard]] std::chrono::seconds valid() const;
};

/// The first certificate of a PEM text; none: there is no whole one.
std::optional<CertificateFacts> read_certificate(std::string_view pem);

/// Every certificate of a PEM text, each as PEM of the form in which they are made here.
std::vector<std::string> split_certificates(std::string_view pem);

/// Whether the private key is that of the certificate.
bool key_fits(const KeyPair& pair);

/// The certificate of a bundle, as split_certificates() gives it, whose key signed this one; empty:
/// none. Times are of no concern.
std::string signer_of(std::string_view certificate, std::string_view bundle);

/// Whether the certificate names every host.
bool names_hosts(const CertificateFacts& facts, std::span<const std::string> hosts);

/// OpenSSL's word on the chain of a TLS server to one of the bundle's certificates at that time.
/// Each of these is trusted, whoever signed it, as the API server does.
bool verifies(std::string_view chain, std::string_view bundle, std::chrono::sys_seconds at);

}  // namespace plimsoll::server
