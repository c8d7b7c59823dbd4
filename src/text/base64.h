// Base64 with padding, as Kubernetes and YAML write bytes. Source: RFC 4648, 4.
//
// Thread-safety: stateless.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::text {

std::string encode_base64(std::string_view bytes);

/// Passes over the ends of lines; nothing: it is not base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace plimsoll::text
