// UTF-8, of bytes that may be none.
//
// Thread-safety: pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace plimsoll::text {

/// What a text may begin with to say that it is UTF-8; none of its characters.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// The length of the valid UTF-8 sequence that `text` starts with, in bytes, 1 to 4; 0: there is
/// none.
std::size_t utf8_length(std::string_view text);

/// Puts U+FFFD for every byte that is not UTF-8, as Go's encoding/json does.
std::string replace_invalid_utf8(std::string text);

}  // namespace plimsoll::text
