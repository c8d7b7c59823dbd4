// Texts that may hold anything, character by character: a manifest's lines and the names of files.
//
// Thread-safety: pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace plimsoll::report {

struct Character {
  char32_t code;
  std::size_t bytes;  ///< of the text
};

/// The first character of a text that is not empty; a byte that is no UTF-8 is U+FFFD.
Character first_character(std::string_view text);

/// How many units the text has in UTF-16, as editors and most formats count columns.
std::size_t utf16_units(std::string_view text);

/// How many columns of a terminal a printable character takes: 0, 1 or 2.
/// Source: Unicode 15, EastAsianWidth.txt (W and F) and the general categories Mn and Me, by
/// blocks.
std::size_t width_of(char32_t code);

}  // namespace plimsoll::report
