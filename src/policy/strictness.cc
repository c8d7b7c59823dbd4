#include <algorithm>
#include <array>
#include <string_view>

#include "policy/namespace_write.h"

namespace plimsoll::policy {
namespace {

// Each of the templates that come with Plimsoll refuses what those before it refuse, whatever the
// rules that it does so by. tests/conformance holds them to it.
constexpr std::array<std::string_view, 4> kBuiltins = {"privileged", "baseline", "restricted",
                                                       "least-privilege"};

/// Whether the one has every rule of the other.
bool includes(const Template& one, const Template& other) {
  return std::ranges::all_of(*other.rules, [&](const Rule& rule) {
    return std::ranges::any_of(*one.rules, [&](const Rule& r) {
      return r.check == rule.check && r.params == rule.params;
    });
  });
}

}  // namespace

bool at_least(const Template& strict, const Template& other, const templates::Library& library) {
  if (other.rules->empty()) return true;
  if (strict.version < other.version) return false;
  if (strict.name == other.name || includes(strict, other)) return true;
  // What has the rules of a builtin template refuses what that one refuses.
  const auto* const from = std::ranges::find(kBuiltins, other.name);
  return std::any_of(from, kBuiltins.end(), [&](std::string_view name) {
    const auto builtin = library.find({std::string(name), strict.version});
    return builtin && includes(strict, *builtin);
  });
}

}  // namespace plimsoll::policy
