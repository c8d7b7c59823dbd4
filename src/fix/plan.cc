#include "fix/plan.h"

#include <algorithm>
#include <utility>

#include "fix/tokens.h"

namespace plimsoll::fix {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using text::YamlDocument;
using text::YamlKind;
using text::YamlNode;

// The order of keys is none of a value's meaning.
bool same(const ordered_json& a, const ordered_json& b) { return json(a) == json(b); }

const YamlNode* entry_of(const YamlDocument& document, const YamlNode& holder,
                         const std::string& token) {
  if (holder.kind == YamlKind::kSequence) {
    const auto index = index_of(token, document.size(holder));
    return index ? &document.child(holder, *index) : nullptr;
  }
  for (std::size_t i = 0; i < document.size(holder); ++i)
    if (const YamlNode& child = document.child(holder, i); document.key(child) == token)
      return &child;
  return nullptr;
}

// Applies the operation to what is at `path` in a value that the patch itself has set.
void take_in(ordered_json& value, const json::json_pointer& path, ordered_json operation) {
  operation["path"] = path.to_string();
  value = value.patch(ordered_json::array({std::move(operation)}));
}

// Whether `few` are some of `many`, in their order.
bool is_part(const ordered_json& few, const ordered_json& many) {
  std::size_t found = 0;
  for (const auto& element : many)
    if (found < few.size() && same(few[found], element)) ++found;
  return found == few.size();
}

}  // namespace

Plan::Plan(const YamlDocument& document, const Json& patch) : document_(document) {
  for (const Json& operation : patch) take(operation);
  std::vector<std::pair<const YamlNode*, Json>> replaced;
  for (auto& [node, change] : changes_)
    if (change.value) replaced.emplace_back(node, *std::exchange(change.value, std::nullopt));
  for (const auto& [node, value] : replaced) become(*node, value);
  std::erase_if(changes_, [](const auto& entry) {
    const Change& change = entry.second;
    return !change.removed && !change.value && change.added.empty();
  });
  for (const auto& [node, change] : changes_)
    for (const YamlNode* at = node; at != nullptr && touched_.insert(at).second;)
      at = document_.parent(*at);
}

const Change& Plan::of(const YamlNode& node) const {
  static const Change kNone;
  const auto at = changes_.find(&node);
  return at == changes_.end() ? kNone : at->second;
}

bool Plan::gone(const YamlNode& node) const {
  for (const YamlNode* at = &node; at != nullptr; at = document_.parent(*at))
    if (const Change& change = of(*at); change.removed || (change.value && at != &node))
      return true;
  return false;
}

ordered_json Plan::before(const YamlNode& node) const { return Json::parse(document_.json(node)); }

ordered_json Plan::after(const YamlNode& node) const {
  const Change& change = of(node);
  if (change.value) return *change.value;
  if (!touches(node) || node.kind == YamlKind::kScalar) return before(node);
  const bool is_mapping = node.kind == YamlKind::kMapping;
  Json out = is_mapping ? Json::object() : Json::array();
  const auto put = [&](std::string_view key, Json value) {
    if (is_mapping)
      out[std::string(key)] = std::move(value);
    else
      out.push_back(std::move(value));
  };
  for (std::size_t i = 0; i < document_.size(node); ++i)
    if (const YamlNode& child = document_.child(node, i); !of(child).removed)
      put(document_.key(child), after(child));
  for (const Entry& entry : change.added) put(entry.key, entry.value);
  return out;
}

void Plan::take(const Json& operation) {
  const auto tokens = tokens_of(operation["path"].get<std::string>());
  const YamlNode* node = &document_.root();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Change& holder = changes_[node];
    json::json_pointer rest;
    for (std::size_t j = i; j < tokens.size(); ++j) rest /= tokens[j];
    if (holder.value) return take_in(*holder.value, rest, operation);
    if (const YamlNode* const child = entry_of(document_, *node, tokens[i])) {
      node = child;
      continue;
    }
    const bool list = node->kind == YamlKind::kSequence;
    const auto entry =
        list ? holder.added.end() : std::ranges::find(holder.added, tokens[i], &Entry::key);
    if (entry == holder.added.end()) {
      holder.added.push_back({list ? "" : tokens[i], operation["value"]});
    } else {
      Json value{{tokens[i], entry->value}};
      take_in(value, rest, operation);
      entry->value = value[tokens[i]];
    }
    return;
  }
  Change& change = changes_[node];
  change.removed = operation["op"] == "remove";
  if (!change.removed) change.value = operation["value"];
}

// Only what differs changes: of a collection that is replaced by one of its kind, the entries.
void Plan::become(const YamlNode& node, const Json& value) {
  const auto size = document_.size(node);
  if (same(before(node), value)) return;
  if (node.kind == YamlKind::kMapping && value.is_object()) {
    for (std::size_t i = 0; i < size; ++i) {
      const YamlNode& child = document_.child(node, i);
      const auto at = value.find(std::string(document_.key(child)));
      if (at == value.end())
        changes_[&child].removed = true;
      else
        become(child, *at);
    }
    for (const auto& [key, entry] : value.items())
      if (entry_of(document_, node, key) == nullptr) changes_[&node].added.push_back({key, entry});
  } else if (node.kind == YamlKind::kSequence && value.is_array()) {
    const bool shorter = is_part(value, before(node));
    std::size_t next = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const YamlNode& child = document_.child(node, i);
      const bool kept = next < value.size() && (!shorter || same(before(child), value[next]));
      if (kept)
        become(child, value[next++]);
      else
        changes_[&child].removed = true;
    }
    for (; next < value.size(); ++next) changes_[&node].added.push_back({"", value[next]});
  } else {
    changes_[&node].value = value;
  }
}

}  // namespace plimsoll::fix
