// Every template at every version, resolved once.
//
// Ownership: a Library owns its templates; what find() gives lives on beyond it. Thread-safety:
// immutable once made.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/result.h"
#include "plimsoll/template.h"

namespace plimsoll::templates {

class Library {
 public:
  /// Resolves the templates against each other and the catalogue. Errors name the file, the line
  /// and the field: a name that is taken or ill-formed, an unknown parent or one that leads back,
  /// an unknown check or parameter, a parameter of another type or form, one missing that the check
  /// needs, versions that cannot hold, two rules that say the same thing.
  static Result<Library> make(std::vector<TemplateSpec> specs);

  /// The template of that name at that version; a newer version than its newest is its newest
  /// (upstream's rule). Null: there is none of that name.
  [[nodiscard]] std::shared_ptr<const Template> find(const TemplateRef& ref) const;

  /// The names, sorted.
  [[nodiscard]] std::vector<std::string_view> names() const;

 private:
  /// A template at v1.0, v1.1, ... up to its newest.
  using Versions = std::vector<std::shared_ptr<const Template>>;

  std::map<std::string, Versions, std::less<>> templates_;
};

}  // namespace plimsoll::templates
