// Text of several lines as a block of YAML. Thread-safety: pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace plimsoll::cel {

/// Appends each line of the text, indented by so many spaces.
inline void append_indented(std::string& out, std::string_view text, std::size_t spaces) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out.append(spaces, ' ').append(text.substr(0, end)) += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace plimsoll::cel
