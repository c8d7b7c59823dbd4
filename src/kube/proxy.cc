#include "kube/proxy.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <vector>

namespace plimsoll::kube {
namespace {

Error error_of(std::string message, std::string remedy = "") {
  Error error;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  return out;
}

/// An address in 16 bytes, an IPv4 one mapped.
using Address = std::array<unsigned char, 16>;
std::optional<Address> address_of(const std::string& text) {
  Address address{};
  if (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return address;
  address = {};
  address[10] = address[11] = 0xFF;
  if (inet_pton(AF_INET, text.c_str(), address.data() + 12) == 1) return address;
  return std::nullopt;
}

bool mapped(const Address& address) {
  return std::all_of(address.begin(), address.begin() + 10, [](auto b) { return b == 0; }) &&
         address[10] == 0xFF && address[11] == 0xFF;
}

bool loopback(const Address& address) {
  if (mapped(address)) return address[12] == 127;
  return std::all_of(address.begin(), address.begin() + 15, [](auto b) { return b == 0; }) &&
         address[15] == 1;
}

bool within(const Address& address, std::string_view cidr) {
  const auto slash = cidr.find('/');
  const std::string base_text(cidr.substr(0, slash));
  const auto base = address_of(base_text);
  unsigned bits = 0;
  const std::string_view length = cidr.substr(slash + 1);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (!base || error != std::errc() || end != length.data() + length.size()) return false;
  const bool four = base_text.find(':') == std::string::npos;
  if (bits > (four ? 32U : 128U)) return false;
  if (four) bits += 96;
  for (unsigned i = 0; i < bits; ++i) {
    const auto mask = static_cast<unsigned char>(0x80U >> (i % 8));
    if ((address[i / 8] & mask) != ((*base)[i / 8] & mask)) return false;
  }
  return true;
}

/// Splits `HOST:PORT`, `[V6]:PORT`, a host alone, or a bare IPv6 address.
std::pair<std::string, std::string> split_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return {std::string(text), ""};
    const std::string_view rest = text.substr(end + 1);
    return {std::string(text.substr(1, end - 1)),
            std::string(rest.starts_with(':') ? rest.substr(1) : rest)};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {std::string(text), ""};
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
}

std::string Url::authority() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Url> parse_url(std::string_view text) {
  constexpr auto kRemedy = "write it as https://HOST:PORT";
  Url url;
  const std::string scheme = lower(text.substr(0, text.find("://")));
  if (text.find("://") == std::string_view::npos || (scheme != "http" && scheme != "https"))
    return error_of("the URL is neither https:// nor http://", kRemedy);
  url.tls = scheme == "https";
  text.remove_prefix(scheme.size() + 3);
  if (text.find_first_of("?#") != std::string_view::npos)
    return error_of("the URL has a query or a fragment", kRemedy);
  const auto slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  std::string_view authority = text.substr(0, slash);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = percent_decoded(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  const auto [host, port] = split_port(authority);
  url.host = host;
  const bool strange = std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F; });
  if (host.empty() || strange) return error_of("the URL names no host", kRemedy);
  if (port.empty()) {
    url.port = url.tls ? 443 : 80;
  } else {
    const auto number = port_of(port);
    if (!number) return error_of("the URL's port is not a number from 1 to 65535", kRemedy);
    url.port = *number;
  }
  return url;
}

bool excluded_from_proxy(std::string_view no_proxy, const std::string& host, std::uint16_t port) {
  const std::string name = lower(host);
  const auto address = address_of(host);
  for (std::size_t at = 0; at <= no_proxy.size();) {
    const auto end = std::min(no_proxy.find(',', at), no_proxy.size());
    const std::string entry = lower(trim(no_proxy.substr(at, end - at)));
    at = end + 1;
    if (entry.empty()) continue;
    if (entry == "*") return true;
    if (entry.find('/') != std::string::npos) {
      if (address && within(*address, entry)) return true;
      continue;
    }
    auto [wanted, wanted_port] = split_port(entry);
    if (!wanted_port.empty() && wanted_port != std::to_string(port)) continue;
    if (const auto other = address_of(wanted)) {
      if (address && *address == *other) return true;
      continue;
    }
    if (wanted.starts_with("*.")) wanted.erase(0, 1);
    if (wanted.empty() || address) continue;
    const bool whole = !wanted.starts_with('.');
    if (whole && name == wanted) return true;
    if (name.ends_with(whole ? "." + wanted : wanted)) return true;
  }
  return false;
}

Result<std::optional<Url>> proxy_for(const Url& server, std::string_view configured,
                                     const Environment& environment) {
  std::string text(configured), origin = "proxy-url";
  if (text.empty()) {
    const auto address = address_of(server.host);
    if (lower(server.host) == "localhost" || (address && loopback(*address))) return {std::nullopt};
    const auto first_set = [&](std::initializer_list<const char*> names) {
      for (const char* const name : names)
        if (std::string value = environment(name); !value.empty()) {
          origin = name;
          return value;
        }
      return std::string();
    };
    if (excluded_from_proxy(first_set({"NO_PROXY", "no_proxy"}), server.host, server.port))
      return {std::nullopt};
    text = server.tls ? first_set({"HTTPS_PROXY", "https_proxy"})
                      : first_set({"HTTP_PROXY", "http_proxy"});
    if (text.empty()) return {std::nullopt};
  }
  if (text.find("://") == std::string::npos) text = "http://" + text;
  Result<Url> proxy = parse_url(text);
  // Its text is not shown: it may hold a password.
  if (!proxy || proxy->tls)
    return error_of(fmt::format("{}: {}", origin,
                                proxy ? "a proxy that is spoken to with TLS is not supported"
                                      : "the proxy's URL is none that is supported"),
                    "give http://[USER:PASSWORD@]HOST:PORT");
  return {std::optional<Url>(std::move(*proxy))};
}

}  // namespace plimsoll::kube
