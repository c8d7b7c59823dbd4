#include "fix/patch.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "fix/tokens.h"

namespace plimsoll::fix {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Tokens = std::vector<std::string>;

/// As the last token of a path: behind the last element of a list. Source: RFC 6901.
constexpr std::string_view kBehindLast = "-";

ordered_json to_json(const Value& value) {
  return std::visit(
      [](const auto& v) -> ordered_json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          return nullptr;
        else if constexpr (std::is_same_v<std::decay_t<decltype(v)>, JsonText>)
          return ordered_json::parse(v.text);
        else
          return v;
      },
      value);
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
  const auto index = index_of(token, holder->size());
  if (!index) return std::nullopt;
  return &(*holder)[*index];
}

// Of one list the higher index is greater, and what stands in a value is greater than the value.
bool stands_before(const Tokens& a, const Tokens& b) {
  const auto key = [](const std::string& token) { return std::pair(token.size(), token); };
  return std::ranges::lexicographical_compare(a, b, {}, key, key);
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
      const bool last = i + 1 == tokens.size();
      if (last && tokens[i] == kBehindLast && (at == nullptr || !at->is_object()))
        return push_back(at, path / tokens[i], value);
      const Place place = below(at, tokens[i]);
      if (!place) return;
      path /= tokens[i];
      const std::string here = path.to_string();
      at = removed_.contains(here) ? nullptr : *place;
      if (!last && at != nullptr && !at->is_null()) continue;
      if (!written_.insert(here).second) continue;
      const bool list = i + 2 == tokens.size() && tokens[i + 1] == kBehindLast;
      append(at == nullptr ? "add" : "replace", path)["value"] = last   ? to_json(value)
                                                                 : list ? ordered_json::array()
                                                                        : ordered_json::object();
    }
  }

  /// An element of a list is only removed by remove_elements().
  void remove(const Tokens& tokens) {
    const json* at = &object_;
    bool element = false;
    json::json_pointer path;
    for (const std::string& token : tokens) {
      const Place place = below(at, token);
      if (!place || *place == nullptr) return;
      element = at->is_array();
      at = *place;
      path /= token;
      const std::string here = path.to_string();
      if (written_.contains(here) || removed_.contains(here)) return;
    }
    if (element) {
      elements_.push_back(tokens);
      return;
    }
    removed_.insert(path.to_string());
    append("remove", path);
  }

  void remove_elements() {
    std::ranges::sort(elements_, [](const auto& a, const auto& b) { return stands_before(b, a); });
    const auto doubles = std::ranges::unique(elements_);
    elements_.erase(doubles.begin(), doubles.end());
    for (const Tokens& tokens : elements_) {
      json::json_pointer path;
      bool there = true;
      for (const std::string& token : tokens) {
        path /= token;
        const std::string here = path.to_string();
        there = there && !written_.contains(here) && !removed_.contains(here);
      }
      if (there) append("remove", path);
    }
  }

  ordered_json operations = ordered_json::array();

 private:
  void push_back(const json* list, const json::json_pointer& path, const Value& value) {
    if (list != nullptr && !list->is_null() && !list->is_array()) return;
    ordered_json element = to_json(value);
    if (written_.insert(path.to_string() + element.dump()).second)
      append("add", path)["value"] = std::move(element);
  }

  ordered_json& append(const char* op, const json::json_pointer& path) {
    return operations.emplace_back(ordered_json{{"op", op}, {"path", path.to_string()}});
  }

  const json& object_;
  std::set<std::string> written_, removed_;
  std::vector<Tokens> elements_;
};

}  // namespace

ordered_json to_json_patch(std::span<const Edit* const> edits, const json& object) {
  Patch patch(object);
  for (const Edit* edit : edits) {
    if (std::holds_alternative<std::monostate>(edit->value))
      patch.remove(tokens_of(edit->path));
    else
      patch.set(tokens_of(edit->path), edit->value);
  }
  patch.remove_elements();
  return std::move(patch.operations);
}

}  // namespace plimsoll::fix
