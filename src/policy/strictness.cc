#include <algorithm>
#include <array>
#include <string_view>

#include "policy/namespace_write.h"

namespace plimsoll::policy {
namespace {

// Each of the templates that come with Plimsoll refuses what those before it refuse, in whatever
// form the rule stands. tests/conformance holds them to it.
constexpr std::array<std::string_view, 4> kBuiltins = {"privileged", "baseline", "restricted",
                                                       "least-privilege"};

std::size_t rank(std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(kBuiltins, name) - kBuiltins.begin());
}

bool at_least(const Rule& strict, const Rule& other) {
  if (strict.params == other.params) return true;
  const std::size_t one = rank(strict.from), two = rank(other.from);
  return one < kBuiltins.size() && two < kBuiltins.size() && one >= two;
}

}  // namespace

bool at_least(const Template& strict, const Template& other) {
  if (other.rules->empty()) return true;
  if (strict.version < other.version) return false;
  if (strict.name == other.name) return true;
  return std::ranges::all_of(*other.rules, [&](const Rule& rule) {
    const auto at = std::ranges::find(*strict.rules, rule.check, &Rule::check);
    return at != strict.rules->end() && at_least(*at, rule);
  });
}

}  // namespace plimsoll::policy
