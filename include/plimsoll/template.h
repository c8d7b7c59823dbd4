// Templates: which checks a pod must pass, with which parameters, at which version of the standard.
//
// Ownership: a Template shares its rules with the versions that ask the same. Thread-safety:
// immutable once made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/check.h"

namespace plimsoll {

/// `v1.NN` of the Pod Security Standards, written as its minor number: 0 or more.
using MinorVersion = int;

/// No template knows a newer one, for each is resolved at every version up to its newest.
inline constexpr MinorVersion kLastVersion = 999;

/// A template by name, at a version or, when empty, at the newest.
struct TemplateRef {
  std::string name;
  std::optional<MinorVersion> version;

  /// Parses `name`, `name@latest`, `name@v1.NN`; empty when it is none of these.
  /// Source: pod-security-admission api/helpers.go, ParseVersion.
  static std::optional<TemplateRef> parse(std::string_view text);
};

/// Reads `v1.NN` or `latest`, which sets `out` to none; false: the text is neither.
bool parse_version(std::string_view text, std::optional<MinorVersion>& out);

/// A check with the parameters that a template gives it.
struct Rule {
  const Check* check = nullptr;
  Params params;
  MinorVersion since = 0;  ///< the version that brought the rule in this form
  std::string from;        ///< the template that states it
  bool operator==(const Rule&) const = default;
};

/// What a template asks at one version: the rules, sorted by check id.
struct Template {
  std::string name;
  std::string description;
  MinorVersion version = 0;
  std::shared_ptr<const std::vector<Rule>> rules;

  /// `name@v1.NN`
  [[nodiscard]] std::string ref() const { return name + "@v1." + std::to_string(version); }
};

/// One line of a template as it is written.
struct RuleSpec {
  std::string check;
  MinorVersion since = 0;              ///< first version it holds for
  std::optional<MinorVersion> before;  ///< first version it no longer holds for
  bool enabled = true;                 ///< false: takes out what the extended template asks
  std::vector<std::pair<std::string, ParamValue>> params;
};

/// A template as it is written: `SecurityTemplate` of plimsoll.dev/v1alpha1.
struct TemplateSpec {
  std::string name, description;
  std::string extends;  ///< the template it builds on; empty: none
  /// The newest version it knows; empty: that of the template it extends, or else the greatest of
  /// all templates.
  std::optional<MinorVersion> newest;
  std::vector<RuleSpec> rules;
  std::string file;  ///< for messages, as the lines
  /// Where its fields stand, by names such as `spec.rules[0].check`.
  std::map<std::string, std::size_t> lines;
};

}  // namespace plimsoll
