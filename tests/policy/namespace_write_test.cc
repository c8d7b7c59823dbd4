#include "policy/namespace_write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/library.h"

namespace plimsoll::policy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Policy policy_of() {
  Policy policy;
  policy.library = library();
  policy.namespace_labels = true;
  return policy;
}

Review write_of(Labels labels, std::optional<Labels> old_labels = {}, std::string user = "jane",
                std::vector<std::string> groups = {}) {
  Review review;
  review.scope = Scope::Namespace;
  review.facts.operation = old_labels ? Operation::Update : Operation::Create;
  review.facts.resource = "namespaces";
  review.facts.kind = "Namespace";
  review.facts.name = review.facts.namespace_name = "shop";
  review.facts.user = std::move(user);
  review.facts.groups = std::move(groups);
  review.labels = std::move(labels);
  if (old_labels) review.old_labels = *std::move(old_labels);
  return review;
}

Labels enforce(std::string value, std::string version = "") {
  Labels labels = {{"plimsoll.dev/enforce", std::move(value)}};
  if (!version.empty()) labels.emplace("plimsoll.dev/enforce-version", std::move(version));
  return labels;
}

std::string raised(const NamespaceWrite& write) { return write.raised ? write.raised->ref() : ""; }

TEST(NamespaceWrite, DeniesALabelThatNamesNothing) {
  for (const Review& review :
       {write_of(enforce("restriced")), write_of(enforce("restriced"), Labels{}),
        write_of(enforce("restriced"), enforce("restricte"))}) {
    const auto write = judge_namespace(policy_of(), review);
    ASSERT_FALSE(write.verdict.allowed);
    ASSERT_TRUE(write.verdict.refusal);
    EXPECT_EQ(write.verdict.refusal->code, 403);
    EXPECT_THAT(write.verdict.refusal->message,
                AllOf(HasSubstr("namespace \"shop\""), HasSubstr("plimsoll.dev/enforce"),
                      HasSubstr("\"restriced\""), HasSubstr("write restricted")));
    ASSERT_EQ(write.verdict.refusal->causes.size(), 1U);
    EXPECT_EQ(write.verdict.refusal->causes[0].reason, "namespace-label");
    EXPECT_EQ(write.verdict.refusal->causes[0].field, "metadata.labels[plimsoll.dev/enforce]");
    EXPECT_EQ(raised(write), "");
  }
}

TEST(NamespaceWrite, LetsOneBeThatWasThereBefore) {
  auto labels = enforce("restriced");
  labels.emplace("app", "new");
  const auto write = judge_namespace(policy_of(), write_of(labels, enforce("restriced")));
  EXPECT_TRUE(write.verdict.allowed);
  EXPECT_THAT(write.verdict.warnings, Contains(HasSubstr("restriced")));
}

TEST(NamespaceWrite, AnEmptyValueIsNotTheSameAsNone) {
  EXPECT_FALSE(judge_namespace(policy_of(), write_of(enforce(""), Labels{})).verdict.allowed);
  EXPECT_TRUE(judge_namespace(policy_of(), write_of(enforce(""), enforce(""))).verdict.allowed);
}

TEST(NamespaceWrite, WarnsOfAKeyThatNothingReads) {
  const auto write =
      judge_namespace(policy_of(), write_of({{"plimsoll.dev/enfroce", "restricted"}}));
  EXPECT_TRUE(write.verdict.allowed);
  EXPECT_THAT(write.verdict.warnings, Contains(AllOf(HasSubstr("plimsoll.dev/enfroce"),
                                                     HasSubstr("write plimsoll.dev/enforce"))));
}

TEST(NamespaceWrite, ReadsUpstreamsLabelsWhenAsked) {
  const Labels labels = {{"pod-security.kubernetes.io/enforce", "least-privilege"}};
  Policy policy = policy_of();
  EXPECT_TRUE(judge_namespace(policy, write_of(labels)).verdict.allowed);
  policy.pod_security_labels = true;
  EXPECT_FALSE(judge_namespace(policy, write_of(labels)).verdict.allowed);
}

TEST(NamespaceWrite, LooksByTheStricterOfTwoFamilies) {
  Policy policy = policy_of();
  policy.pod_security_labels = true;
  const Labels both = {{"plimsoll.dev/enforce", "restricted"},
                       {"pod-security.kubernetes.io/enforce", "baseline"}};
  EXPECT_EQ(raised(judge_namespace(policy, write_of(both, Labels{}))), "restricted@v1.37");
}

TEST(NamespaceWrite, DryRunDeniesNothing) {
  Policy policy = policy_of();
  policy.dry_run = true;
  const auto write = judge_namespace(policy, write_of(enforce("no")));
  EXPECT_TRUE(write.verdict.allowed);
  EXPECT_THAT(write.verdict.warnings, Contains(HasSubstr("would be denied")));
}

TEST(NamespaceWrite, LooksAtTheRunningPodsWhenTheLineRises) {
  struct Row {
    Labels from, to;
    std::string raised;
  };
  const Row kRows[] = {
      {{}, enforce("baseline"), "baseline@v1.37"},
      {enforce("baseline"), enforce("restricted"), "restricted@v1.37"},
      {enforce("restricted", "v1.24"), enforce("restricted"), "restricted@v1.37"},
      {enforce("restricted"), enforce("payments"), "payments@v1.37"},
      {enforce("restricted"), enforce("restricted"), ""},
      {enforce("restricted"), enforce("baseline"), ""},
      {enforce("restricted"), enforce("privileged"), ""},
      {enforce("restricted"), {}, ""},
      {{}, {{"plimsoll.dev/warn", "restricted"}}, "restricted@v1.37"},
      {{},
       {{"plimsoll.dev/audit", "baseline"}, {"plimsoll.dev/warn", "restricted"}},
       "restricted@v1.37"},
      {enforce("baseline"), enforce("baseline", "v1.24"), "baseline@v1.24"},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(raised(judge_namespace(policy_of(), write_of(row.to, row.from))), row.raised)
        << row.raised;
  EXPECT_EQ(raised(judge_namespace(policy_of(), write_of(enforce("restricted")))), "")
      << "a new namespace has no pods";
  Policy policy = policy_of();
  policy.exemptions.namespaces = {"sh*"};
  EXPECT_EQ(raised(judge_namespace(policy, write_of(enforce("restricted"), Labels{}))), "")
      << "its pods are not judged";
}

// --- who may lower a label -----------------------------------------------------------------------

Policy reserved() {
  Policy policy = policy_of();
  policy.label_editors = {
      .users = {"alice"}, .groups = {"admins"}, .service_accounts = {"ci/sync"}};
  return policy;
}

TEST(LabelEditors, OthersMayOnlyRaise) {
  struct Row {
    Labels from, to;
    bool allowed;
  };
  Labels audited = {{"plimsoll.dev/audit", "baseline"}};
  const Row kRows[] = {
      {{}, enforce("baseline"), true},
      {enforce("baseline"), enforce("restricted"), true},
      {enforce("restricted"), enforce("least-privilege"), true},
      {enforce("restricted"), enforce("payments"), true},
      {enforce("restricted", "v1.24"), enforce("restricted"), true},
      {enforce("privileged"), {}, true},
      {enforce("restricted"), enforce("restricted"), true},
      {enforce("restricted"), enforce("loose"), false},
      {enforce("restricted"), enforce("baseline"), false},
      {enforce("restricted"), enforce("privileged"), false},
      {enforce("restricted"), enforce("restricted", "v1.24"), false},
      {enforce("payments"), enforce("least-privilege"), false},
      {enforce("restricted"), {}, false},
      {audited, {}, false},
      {audited, {{"plimsoll.dev/audit", "restricted"}}, true},
  };
  for (const Row& row : kRows) {
    const auto write = judge_namespace(reserved(), write_of(row.to, row.from));
    EXPECT_EQ(write.verdict.allowed, row.allowed)
        << ::testing::PrintToString(row.from) << " to " << ::testing::PrintToString(row.to);
    if (row.allowed) continue;
    ASSERT_TRUE(write.verdict.refusal);
    EXPECT_THAT(write.verdict.refusal->message,
                AllOf(HasSubstr("user \"alice\""), HasSubstr("group \"admins\""),
                      HasSubstr("service account \"ci/sync\"")));
    EXPECT_EQ(write.verdict.refusal->causes.at(0).reason, "label-editors");
  }
}

TEST(LabelEditors, MayLower) {
  const auto lower = [](std::string user, std::vector<std::string> groups = {}) {
    return judge_namespace(reserved(),
                           write_of({}, enforce("restricted"), std::move(user), std::move(groups)))
        .verdict.allowed;
  };
  EXPECT_TRUE(lower("alice"));
  EXPECT_TRUE(lower("bob", {"devs", "admins"}));
  EXPECT_TRUE(lower("system:serviceaccount:ci:sync"));
  EXPECT_FALSE(lower("bob", {"devs"}));
  EXPECT_FALSE(lower("system:serviceaccount:ci:other"));
  EXPECT_FALSE(lower("ci/sync"));
  EXPECT_FALSE(lower("system:serviceaccount:ci/sync"));
}

TEST(LabelEditors, SayNothingWithoutASetting) {
  const auto write = judge_namespace(policy_of(), write_of({}, enforce("restricted")));
  EXPECT_TRUE(write.verdict.allowed);
  EXPECT_THAT(write.verdict.warnings, IsEmpty());
}

// --- strictness ----------------------------------------------------------------------------------

TEST(AtLeast, Table) {
  struct Row {
    const char *strict, *other;
    bool holds;
  };
  const Row kRows[] = {{"restricted", "baseline", true},
                       {"least-privilege", "restricted", true},
                       {"baseline", "privileged", true},
                       {"privileged", "privileged", true},
                       {"payments", "restricted", true},
                       {"payments", "baseline", true},
                       {"baseline", "restricted", false},
                       {"restricted", "payments", false},
                       {"loose", "restricted", false},
                       {"loose", "baseline", false},  // it may be, but who knows
                       {"restricted@v1.30", "restricted@v1.29", true},
                       {"restricted@v1.29", "restricted@v1.30", false},
                       {"restricted@v1.29", "baseline", false}};
  for (const Row& row : kRows)
    EXPECT_EQ(at_least(*find(row.strict), *find(row.other), library()), row.holds)
        << row.strict << " and " << row.other;
}

}  // namespace
}  // namespace plimsoll::policy
