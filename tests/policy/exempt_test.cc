#include <gtest/gtest.h>

#include "policy/policy.h"

namespace plimsoll::policy {
namespace {

Review review_of(std::string user, std::vector<std::string> groups, std::string runtime_class) {
  Review review;
  review.scope = Scope::Pod;
  review.facts.namespace_name = "shop";
  review.facts.user = std::move(user);
  review.facts.groups = std::move(groups);
  review.pods.emplace_back().runtime_class = std::move(runtime_class);
  return review;
}

TEST(Exempt, SaysWhy) {
  const Exemptions exemptions{.usernames = {"ci"},
                              .groups = {"breakglass"},
                              .namespaces = {"infra-*"},
                              .runtime_classes = {"kata"}};
  EXPECT_EQ(exempt(review_of("jane", {"devs"}, "runc"), exemptions), "");
  EXPECT_EQ(exempt(review_of("ci", {"devs"}, ""), exemptions), "user");
  EXPECT_EQ(exempt(review_of("jane", {"devs", "breakglass"}, ""), exemptions), "group");
  EXPECT_EQ(exempt(review_of("jane", {}, "kata"), exemptions), "runtimeClass");
  auto review = review_of("ci", {}, "kata");
  review.facts.namespace_name = "infra-1";
  EXPECT_EQ(exempt(review, exemptions), "namespace") << "upstream's order";
}

TEST(Exempt, NobodyWithoutASetting) {
  EXPECT_EQ(exempt(review_of("", {""}, ""), {}), "");
  const Exemptions empty_names{
      .usernames = {}, .groups = {}, .namespaces = {}, .runtime_classes = {""}};
  EXPECT_EQ(exempt(review_of("", {}, ""), empty_names), "") << "a pod without a runtime class";
}

}  // namespace
}  // namespace plimsoll::policy
