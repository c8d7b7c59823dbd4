#include "text/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace plimsoll::text {
namespace {

constexpr std::uint64_t every_byte(std::uint64_t byte) { return byte * 0x0101010101010101U; }

// Whether one of eight bytes is zero; it may also say so of a byte above a zero one.
constexpr std::uint64_t zero_byte(std::uint64_t bytes) {
  return (bytes - every_byte(0x01)) & ~bytes & every_byte(0x80);
}

// Whether all eight bytes stand in JSON as they are.
bool plain_block(const char* text) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  const std::uint64_t control = (bytes - every_byte(0x20)) & ~bytes & every_byte(0x80);
  return (control | zero_byte(bytes ^ every_byte('"')) | zero_byte(bytes ^ every_byte('\\'))) == 0;
}

}  // namespace

// Long stretches that need nothing are found eight bytes at a time.
void append_escaped(std::string& out, std::string_view text) {
  std::size_t from = 0, at = 0;
  while (at < text.size()) {
    if (text.size() - at >= 8 && plain_block(text.data() + at)) {
      at += 8;
      continue;
    }
    for (const std::size_t end = std::min(at + 8, text.size()); at < end; ++at) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
      out.append(text, from, at - from);
      from = at + 1;
      if (byte == '\n')
        out += "\\n";
      else if (byte == '\t')
        out += "\\t";
      else if (byte < 0x20)
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
      else
        (out += '\\') += text[at];
    }
  }
  out.append(text, from);
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

}  // namespace plimsoll::text
