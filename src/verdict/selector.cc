#include <algorithm>

#include "plimsoll/labels.h"

namespace plimsoll {

// Source: k8s.io/apimachinery/pkg/labels/selector.go, Requirement.Matches: NotIn selects what has
// no such label as well.
bool Selector::matches(const Labels& labels) const {
  return std::ranges::all_of(requirements, [&](const Requirement& requirement) {
    const auto at = labels.find(requirement.key);
    const bool there = at != labels.end();
    const auto listed = [&] {
      return there && std::ranges::find(requirement.values, at->second) != requirement.values.end();
    };
    switch (requirement.op) {
      case Operator::In:
        return listed();
      case Operator::NotIn:
        return !listed();
      case Operator::Exists:
        return there;
      case Operator::DoesNotExist:
        return !there;
    }
    return false;
  });
}

}  // namespace plimsoll
