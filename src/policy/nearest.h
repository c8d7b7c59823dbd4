// The word that was most likely meant.
//
// Thread-safety: pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace plimsoll::policy {

/// Letters to add, take out or change to make one of the other (Levenshtein's distance).
std::size_t distance(std::string_view a, std::string_view b);

/// Of several, which is not empty.
std::string_view nearest(std::string_view wrong, const auto& names) {
  return *std::ranges::min_element(names, {}, [&](auto name) { return distance(wrong, name); });
}

}  // namespace plimsoll::policy
