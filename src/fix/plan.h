// What a JSON patch makes of each value of a document.
//
// Ownership: a Plan borrows the document. Thread-safety: immutable once made.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "text/yaml.h"

namespace plimsoll::fix {

/// An entry of a mapping, or, with an empty key, an element of a list.
struct Entry {
  std::string key;
  nlohmann::ordered_json value;
};

/// What becomes of one value. One whose entries change does not change itself.
struct Change {
  bool removed = false;
  std::optional<nlohmann::ordered_json> value;  ///< of another kind, or another scalar
  std::vector<Entry> added;                     ///< behind the entries of a collection
};

class Plan {
 public:
  /// `patch`: of to_json_patch(), for this document.
  Plan(const text::YamlDocument& document, const nlohmann::ordered_json& patch);

  [[nodiscard]] const Change& of(const text::YamlNode& node) const;

  /// Whether it, or something in it, changes.
  [[nodiscard]] bool touches(const text::YamlNode& node) const { return touched_.contains(&node); }

  /// Whether it goes, by itself or with what holds it.
  [[nodiscard]] bool gone(const text::YamlNode& node) const;

  /// The value afterwards; as if it stayed, where it goes.
  [[nodiscard]] nlohmann::ordered_json after(const text::YamlNode& node) const;

 private:
  using Json = nlohmann::ordered_json;

  void take(const Json& operation);
  void become(const text::YamlNode& node, const Json& value);
  [[nodiscard]] Json before(const text::YamlNode& node) const;

  const text::YamlDocument& document_;
  std::unordered_map<const text::YamlNode*, Change> changes_;
  std::unordered_set<const text::YamlNode*> touched_;
};

}  // namespace plimsoll::fix
