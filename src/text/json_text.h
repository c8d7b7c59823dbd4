// Text as JSON strings have it. Bytes that are no UTF-8 stay as they are.
//
// Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>

namespace plimsoll::text {

/// Appends what stands between the quotes.
void append_escaped(std::string& out, std::string_view text);

/// Appends the string with its quotes.
void append_string(std::string& out, std::string_view text);

}  // namespace plimsoll::text
