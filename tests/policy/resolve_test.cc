#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/library.h"
#include "policy/policy.h"

namespace plimsoll::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Policy policy_of() {
  Policy policy;
  policy.library = library();
  policy.namespace_labels = true;
  return policy;
}

/// `enforce restricted@v1.37 by label plimsoll.dev/enforce`, each.
std::vector<std::string> words(const NamespacePolicy& held) {
  std::vector<std::string> all;
  for (const Binding& b : held.bindings) {
    EXPECT_TRUE(b.namespaces.empty() && b.exclude_namespaces.empty());
    EXPECT_TRUE(b.selector.requirements.empty());
    const char* const workloads = b.workloads == Workloads::Warn      ? ""
                                  : b.workloads == Workloads::Enforce ? " workloads"
                                                                      : " pods-only";
    all.push_back(std::string(name_of(b.mode)) + " " + b.policy->ref() + workloads +
                  (b.updates == Updates::Ratchet ? " ratchet" : "") + " by " + b.source);
  }
  return all;
}

Binding bound(Mode mode, const std::string& ref, std::string source) {
  Binding binding;
  binding.mode = mode;
  binding.policy = find(ref);
  binding.source = std::move(source);
  return binding;
}

TEST(Resolve, NothingIsBoundWithoutLabels) {
  EXPECT_THAT(words(resolve(policy_of(), "shop", {{"app", "x"}})), IsEmpty());
}

TEST(Resolve, EnforceSpeaksForWorkloadsUnlessWarnDoes) {
  const auto held = [](Labels labels) { return words(resolve(policy_of(), "shop", labels)); };
  EXPECT_THAT(held({{"plimsoll.dev/enforce", "restricted"}}),
              ElementsAre("enforce restricted@v1.37 by label plimsoll.dev/enforce"));
  EXPECT_THAT(held({{"plimsoll.dev/enforce", "restricted"}, {"plimsoll.dev/warn", "privileged"}}),
              ElementsAre("enforce restricted@v1.37 pods-only by label plimsoll.dev/enforce"));
  EXPECT_THAT(held({{"plimsoll.dev/enforce", "baseline"}, {"plimsoll.dev/warn", "restricted"}}),
              ElementsAre("enforce baseline@v1.37 pods-only by label plimsoll.dev/enforce",
                          "warn restricted@v1.37 pods-only by label plimsoll.dev/warn"));
  EXPECT_THAT(held({{"plimsoll.dev/enforce", "baseline"}, {"plimsoll.dev/warn-version", "v1.20"}}),
              ElementsAre("enforce baseline@v1.37 pods-only by label plimsoll.dev/enforce",
                          "warn baseline@v1.20 pods-only by label plimsoll.dev/enforce"));
  EXPECT_THAT(held({{"plimsoll.dev/audit", "baseline"}}),
              ElementsAre("audit baseline@v1.37 pods-only by label plimsoll.dev/audit"));
}

TEST(Resolve, LabelsCountOnlyWhenTheyAreRead) {
  Policy policy = policy_of();
  const Labels labels = {{"plimsoll.dev/enforce", "baseline"},
                         {"pod-security.kubernetes.io/enforce", "restricted"}};
  EXPECT_THAT(words(resolve(policy, "shop", labels)),
              ElementsAre("enforce baseline@v1.37 by label plimsoll.dev/enforce"));
  policy.pod_security_labels = true;
  EXPECT_THAT(words(resolve(policy, "shop", labels)),
              ElementsAre("enforce baseline@v1.37 by label plimsoll.dev/enforce",
                          "enforce restricted@v1.37 by label pod-security.kubernetes.io/enforce"));
  policy.namespace_labels = false;
  EXPECT_THAT(words(resolve(policy, "shop", labels)), IsEmpty());
}

TEST(Resolve, JoinsTheConfigurationWithTheLabels) {
  Policy policy = policy_of();
  policy.updates = Updates::Ratchet;
  policy.bindings = {bound(Mode::Enforce, "baseline", "binding \"all\""),
                     bound(Mode::Audit, "restricted", "bindings[1]"),
                     bound(Mode::Warn, "restricted", "bindings[2]")};
  policy.bindings[0].exclude_namespaces = {"kube-*"};
  policy.bindings[0].updates = Updates::Ratchet;
  policy.bindings[1].selector.requirements = {{"tier", Selector::Operator::In, {"prod"}}};
  policy.bindings[2].namespaces = {"other"};
  const Labels labels = {{"plimsoll.dev/enforce", "baseline"}, {"tier", "prod"}};
  EXPECT_THAT(words(resolve(policy, "shop", labels)),
              ElementsAre("enforce baseline@v1.37 ratchet by binding \"all\" and label "
                          "plimsoll.dev/enforce",
                          "audit restricted@v1.37 by bindings[1]"));
  EXPECT_THAT(words(resolve(policy, "kube-system", {})), IsEmpty());
}

TEST(Resolve, SaysWhatIsWrong) {
  const auto held = resolve(policy_of(), "shop",
                            {{"plimsoll.dev/enforce", "restriced"}, {"plimsoll.dev/warn", "x"}});
  EXPECT_THAT(words(held),
              ElementsAre("enforce restricted@v1.37 pods-only by label plimsoll.dev/enforce"));
  ASSERT_EQ(held.warnings.size(), 2U);
  EXPECT_THAT(held.warnings[0], HasSubstr("; until then restricted@v1.37 is enforced"));
  EXPECT_THAT(held.warnings[1], ::testing::Not(HasSubstr("until then")));
}

// --- selectors -----------------------------------------------------------------------------------

TEST(Selector, Table) {
  using enum Selector::Operator;
  struct Row {
    Selector::Requirement requirement;
    bool without, with_a, with_b;  // the label; its value
  };
  const Row kRows[] = {{{"k", In, {"a"}}, false, true, false},
                       {{"k", In, {"a", "b"}}, false, true, true},
                       {{"k", NotIn, {"a"}}, true, false, true},
                       {{"k", Exists, {}}, false, true, true},
                       {{"k", DoesNotExist, {}}, true, false, false}};
  for (const Row& row : kRows) {
    const Selector selector{{row.requirement}};
    EXPECT_EQ(selector.matches({{"other", "a"}}), row.without);
    EXPECT_EQ(selector.matches({{"k", "a"}}), row.with_a);
    EXPECT_EQ(selector.matches({{"k", "b"}}), row.with_b);
  }
  EXPECT_TRUE(Selector{}.matches({}));
  const Selector both{{{"k", Exists, {}}, {"l", Exists, {}}}};
  EXPECT_FALSE(both.matches({{"k", ""}}));
  EXPECT_TRUE(both.matches({{"k", ""}, {"l", ""}}));
}

}  // namespace
}  // namespace plimsoll::policy
