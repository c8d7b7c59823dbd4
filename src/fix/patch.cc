#include "fix/patch.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace plimsoll::fix {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Tokens = std::vector<std::string>;

ordered_json to_json(const Value& value) {
  return std::visit(
      [](const auto& v) -> ordered_json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          return nullptr;
        else
          return v;
      },
      value);
}

Tokens tokens_of(const std::string& pointer) {
  Tokens tokens;
  for (json::json_pointer at(pointer); !at.empty(); at.pop_back()) tokens.push_back(at.back());
  std::ranges::reverse(tokens);
  return tokens;
}

/// A value, or null where there is none yet; nothing at all where there can be none.
using Place = std::optional<const json*>;

// A null is as good as absent.
Place below(const json* holder, const std::string& token) {
  if (holder == nullptr || holder->is_null()) return nullptr;
  if (holder->is_object()) {
    const auto at = holder->find(token);
    return at == holder->end() ? nullptr : &*at;
  }
  if (!holder->is_array()) return std::nullopt;
  std::size_t index = 0;
  const char* const end = token.data() + token.size();
  const auto [stop, error] = std::from_chars(token.data(), end, index);
  if (error != std::errc{} || stop != end || index >= holder->size()) return std::nullopt;
  return &(*holder)[index];
}

/// A patch under way. The object stays as it is, for a copy of it would cost more than the patch:
/// what the patch has written so far is known by its paths.
class Patch {
 public:
  explicit Patch(const json& object) : object_(object) {}

  void set(const Tokens& tokens, const Value& value) {
    const json* at = &object_;
    json::json_pointer path;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const Place place = below(at, tokens[i]);
      if (!place) return;
      at = *place;
      path /= tokens[i];
      const bool last = i + 1 == tokens.size();
      if (!last && at != nullptr && !at->is_null()) continue;
      if (!written_.insert(path.to_string()).second) continue;
      append(at == nullptr ? "add" : "replace", path)["value"] =
          last ? to_json(value) : ordered_json::object();
    }
  }

  void remove(const Tokens& tokens) {
    const json* at = &object_;
    json::json_pointer path;
    for (const std::string& token : tokens) {
      const Place place = below(at, token);
      if (!place || *place == nullptr) return;
      at = *place;
      path /= token;
      if (written_.contains(path.to_string())) return;
    }
    written_.insert(path.to_string());
    append("remove", path);
  }

  ordered_json operations = ordered_json::array();

 private:
  ordered_json& append(const char* op, const json::json_pointer& path) {
    return operations.emplace_back(ordered_json{{"op", op}, {"path", path.to_string()}});
  }

  const json& object_;
  std::set<std::string> written_;
};

// Of one list the higher index is greater, and what stands in a value is greater than the value.
bool stands_before(const Tokens& a, const Tokens& b) {
  const auto key = [](const std::string& token) { return std::pair(token.size(), token); };
  return std::ranges::lexicographical_compare(a, b, {}, key, key);
}

}  // namespace

ordered_json to_json_patch(std::span<const Edit> edits, const json& object) {
  Patch patch(object);
  std::vector<Tokens> removals;
  for (const Edit& edit : edits) {
    if (std::holds_alternative<std::monostate>(edit.value))
      removals.push_back(tokens_of(edit.path));
    else
      patch.set(tokens_of(edit.path), edit.value);
  }
  std::ranges::sort(removals, [](const auto& a, const auto& b) { return stands_before(b, a); });
  for (const Tokens& tokens : removals) patch.remove(tokens);
  return std::move(patch.operations);
}

}  // namespace plimsoll::fix
