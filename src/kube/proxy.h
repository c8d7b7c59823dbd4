// Which proxy leads to a server: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, read as Go's
// golang.org/x/net/http/httpproxy reads them.
//
// Thread-safety: stateless.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kube/environment.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

/// The parts of an http or https URL.
struct Url {
  bool tls = false;
  std::string host;  ///< a name or an address, an IPv6 one without brackets
  std::uint16_t port = 0;
  std::string user_info;  ///< percent-decoded `USER:PASSWORD`; empty: none
  std::string path;       ///< without a final slash

  /// `HOST:PORT`, an IPv6 address in brackets.
  [[nodiscard]] std::string authority() const;
};

/// Errors: another scheme, no host, a port out of range, a query or a fragment.
Result<Url> parse_url(std::string_view text);

/// The proxy for the server; none: go there directly. `configured` is the kubeconfig's proxy-url,
/// which the environment does not overrule. Loopback addresses and `localhost` are never proxied
/// because of the environment. Errors: a proxy's URL that is none, or not http (it may be without a
/// scheme).
Result<std::optional<Url>> proxy_for(const Url& server, std::string_view configured,
                                     const Environment& environment);

/// Whether NO_PROXY has the host and port: `*`, names (with those below them), `.suffix`,
/// addresses, CIDRs, each but the last with an optional `:port`.
bool excluded_from_proxy(std::string_view no_proxy, const std::string& host, std::uint16_t port);

}  // namespace plimsoll::kube
