#include "fix/patch.h"

#include <type_traits>
#include <variant>

namespace plimsoll::fix {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

json to_json(const Value& value) {
  return std::visit(
      [](const auto& v) -> json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          return nullptr;
        else
          return v;
      },
      value);
}

/// A patch under way: each operation is made in the object at once, so that the next is told apart.
class Patch {
 public:
  explicit Patch(json object) : object_(std::move(object)) {}

  void add(const Edit& edit) {
    const json::json_pointer at(edit.path);
    if (std::holds_alternative<std::monostate>(edit.value)) {
      if (object_.contains(at)) apply("remove", edit.path, nullptr);
      return;
    }
    make_parents(at.parent_pointer());
    apply(object_.contains(at) ? "replace" : "add", edit.path, to_json(edit.value));
  }

  ordered_json operations = ordered_json::array();

 private:
  // "add" needs its parent, outermost first. A null where an object should be counts as absent.
  void make_parents(const json::json_pointer& at) {
    if (at.empty()) return;
    if (object_.contains(at) && !object_.at(at).is_null()) return;
    make_parents(at.parent_pointer());
    apply(object_.contains(at) ? "replace" : "add", at.to_string(), json::object());
  }

  void apply(const char* op, const std::string& path, json value) {
    ordered_json operation{{"op", op}, {"path", path}};
    if (std::string_view(op) != "remove") operation["value"] = std::move(value);
    object_.patch_inplace(json::array({operation}));
    operations.push_back(std::move(operation));
  }

  json object_;
};

}  // namespace

ordered_json to_json_patch(const Edits& edits, json object) {
  Patch patch(std::move(object));
  for (const Edit& edit : edits) patch.add(edit);
  return std::move(patch.operations);
}

}  // namespace plimsoll::fix
