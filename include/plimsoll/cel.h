// CEL, the Common Expression Language that kube-apiserver evaluates itself: what the expressions of
// checks have in common.
//
// Only what kube-apiserver 1.28 understands is used: has(), all(), exists(), filter(), map(),
// size(), startsWith() and `in`. Thread-safety: plain values, pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace plimsoll {

/// What an expression calls the parts of a pod. None of them ever errs or is absent: what a pod
/// leaves out is empty.
struct CelNames {
  std::string spec = "spec";
  std::string annotations = "annotations";  ///< of the pod's metadata
  std::string containers = "containers";    ///< of all three lists
  std::string context = "context";          ///< the pod's securityContext
  std::string contexts = "contexts";        ///< each container's securityContext
  std::string volumes = "volumes";
  bool workload = false;  ///< a pod template; false: a pod that the API server has filled in
};

/// A text, which is UTF-8, as a CEL literal of ASCII. It is one of YAML and of JSON as well, unless
/// a character is beyond U+FFFF.
inline std::string cel_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"";
  const auto escape = [&](char32_t point) {
    const bool wide = point > 0xFFFF;
    out += wide ? "\\U" : "\\u";
    for (int shift = wide ? 28 : 12; shift >= 0; shift -= 4)
      out += kDigits[(point >> shift) & 0xFU];
  };
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i++]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += static_cast<char>(byte);
    } else if (byte >= 0x20 && byte < 0x7F) {
      out += static_cast<char>(byte);
    } else if (byte < 0x80) {
      escape(byte);
    } else {
      const int more = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
      char32_t point = byte & (0x3FU >> more);
      for (int k = 0; k < more && i < text.size(); ++k)
        point = point << 6U | (static_cast<unsigned char>(text[i++]) & 0x3FU);
      escape(point);
    }
  }
  return out + '"';
}

}  // namespace plimsoll
