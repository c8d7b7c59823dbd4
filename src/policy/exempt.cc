#include <algorithm>

#include "policy/policy.h"

namespace plimsoll::policy {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

}  // namespace

std::string_view exempt(const Review& review, const Exemptions& exemptions) {
  const RequestFacts& facts = review.facts;
  if (std::ranges::any_of(exemptions.namespaces, [&](const std::string& glob) {
        return glob_match(glob, facts.namespace_name);
      }))
    return "namespace";
  if (contains(exemptions.usernames, facts.user)) return "user";
  if (std::ranges::any_of(facts.groups, [&](const std::string& group) {
        return contains(exemptions.groups, group);
      }))
    return "group";
  if (!review.pods.empty() && std::ranges::all_of(review.pods, [&](const Pod& pod) {
        return !pod.runtime_class.empty() &&
               contains(exemptions.runtime_classes, pod.runtime_class);
      }))
    return "runtimeClass";
  return {};
}

}  // namespace plimsoll::policy
