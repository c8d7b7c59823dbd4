// JSON pointers (RFC 6901), as findings and edits name their places.
//
// Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>

namespace plimsoll {

/// Appends `/token`, escaped.
inline void append_token(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (const char c : token) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

}  // namespace plimsoll
