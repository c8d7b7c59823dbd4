// The tokens of a JSON pointer.
//
// Thread-safety: pure.
#pragma once

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::fix {

inline std::vector<std::string> tokens_of(const std::string& pointer) {
  std::vector<std::string> tokens;
  for (nlohmann::json::json_pointer at(pointer); !at.empty(); at.pop_back())
    tokens.push_back(at.back());
  std::ranges::reverse(tokens);
  return tokens;
}

/// The token as the index of a list of that size; empty: it is none.
inline std::optional<std::size_t> index_of(const std::string& token, std::size_t size) {
  std::size_t index = 0;
  const char* const end = token.data() + token.size();
  const auto [stop, error] = std::from_chars(token.data(), end, index);
  if (error != std::errc{} || stop != end || index >= size) return std::nullopt;
  return index;
}

}  // namespace plimsoll::fix
