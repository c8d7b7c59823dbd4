#include "policy/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/library.h"

namespace plimsoll::policy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Row {
  const char* name;
  Labels labels;                          // below the family
  std::string enforce, warn, audit;       // references; empty: nothing
  std::vector<std::string> wrong_labels;  // below the family
};

std::string ref_of(const Asked& asked) { return asked.policy ? asked.policy->ref() : ""; }

class ReadLabels : public ::testing::TestWithParam<Row> {};

TEST_P(ReadLabels, AsUpstreamDoes) {
  for (const std::string_view family : {kPlimsollLabels, kPodSecurityLabels}) {
    Labels labels = {{"app", "shop"}, {"enforce", "restricted"}};  // not of the family
    for (const auto& [key, value] : GetParam().labels)
      labels.emplace(std::string(family) + key, value);
    std::vector<LabelProblem> problems;
    const LabelPolicy policy = read_labels(labels, family, library(), problems);
    EXPECT_EQ(ref_of(policy.in(Mode::Enforce)), GetParam().enforce);
    EXPECT_EQ(ref_of(policy.in(Mode::Warn)), GetParam().warn);
    EXPECT_EQ(ref_of(policy.in(Mode::Audit)), GetParam().audit);
    std::vector<std::string> wrong;
    for (const LabelProblem& problem : problems) {
      ASSERT_TRUE(problem.label.starts_with(family)) << problem.label;
      wrong.push_back(problem.label.substr(family.size()));
      EXPECT_EQ(problem.value, labels.at(problem.label));
      EXPECT_THAT(problem.message, AllOf(HasSubstr(problem.label), HasSubstr(problem.value)));
    }
    EXPECT_THAT(wrong, ::testing::UnorderedElementsAreArray(GetParam().wrong_labels));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, ReadLabels,
    ::testing::Values(
        Row{"Nothing", {}, "", "", "", {}},
        Row{"WarnFollowsEnforce",
            {{"enforce", "restricted"}},
            "restricted@v1.37",
            "restricted@v1.37",
            "",
            {}},
        Row{"WarnOfItsOwn",
            {{"enforce", "baseline"}, {"warn", "restricted"}},
            "baseline@v1.37",
            "restricted@v1.37",
            "",
            {}},
        Row{"WarnThatAsksLess",
            {{"enforce", "restricted"}, {"warn", "privileged"}},
            "restricted@v1.37",
            "privileged@v1.37",
            "",
            {}},
        Row{"Versions",
            {{"enforce", "restricted"},
             {"enforce-version", "v1.24"},
             {"audit", "baseline"},
             {"audit-version", "v1.0"}},
            "restricted@v1.24",
            "restricted@v1.24",
            "baseline@v1.0",
            {}},
        Row{"VersionOfTheWarningAlone",
            {{"enforce", "restricted"}, {"warn-version", "v1.20"}},
            "restricted@v1.37",
            "restricted@v1.20",
            "",
            {}},
        Row{"Latest",
            {{"enforce", "restricted"}, {"enforce-version", "latest"}},
            "restricted@v1.37",
            "restricted@v1.37",
            "",
            {}},
        Row{"NewerThanTheNewest",
            {{"enforce", "restricted"}, {"enforce-version", "v1.99"}},
            "restricted@v1.37",
            "restricted@v1.37",
            "",
            {}},
        Row{"VersionWithoutATemplate", {{"enforce-version", "v1.24"}}, "", "", "", {}},
        Row{"UnknownEnforceIsRestricted",
            {{"enforce", "restriced"}},
            "restricted@v1.37",
            "",
            "",
            {"enforce"}},
        Row{"UnknownEnforceKeepsItsVersion",
            {{"enforce", "Baseline"}, {"enforce-version", "v1.24"}},
            "restricted@v1.24",
            "",
            "",
            {"enforce"}},
        Row{"UnknownWarnAndAuditAreNothing",
            {{"warn", "x"}, {"audit", ""}},
            "",
            "",
            "",
            {"warn", "audit"}},
        Row{"UnknownWarnDoesNotFollowEnforce",
            {{"enforce", "baseline"}, {"warn", "x"}},
            "baseline@v1.37",
            "",
            "",
            {"warn"}},
        Row{"WrongVersionIsTheNewest",
            {{"enforce", "baseline"}, {"enforce-version", "1.24"}},
            "baseline@v1.37",
            "baseline@v1.37",
            "",
            {"enforce-version"}},
        Row{"WrongVersionAlone", {{"audit-version", "new"}}, "", "", "", {"audit-version"}}),
    [](const auto& row) { return row.param.name; });

TEST(ReadLabelsOfTheFamily, ItsOwnTemplatesOnly) {
  std::vector<LabelProblem> problems;
  auto policy = read_labels({{"plimsoll.dev/enforce", "least-privilege"}}, kPlimsollLabels,
                            library(), problems);
  EXPECT_EQ(ref_of(policy.in(Mode::Enforce)), "least-privilege@v1.37");
  EXPECT_TRUE(problems.empty());
  policy = read_labels({{"pod-security.kubernetes.io/enforce", "least-privilege"}},
                       kPodSecurityLabels, library(), problems);
  EXPECT_EQ(ref_of(policy.in(Mode::Enforce)), "restricted@v1.37");
  ASSERT_EQ(problems.size(), 1U);
}

TEST(ReadLabelsOfTheFamily, NamesTheNearest) {
  const std::pair<const char*, const char*> kRows[] = {
      {"restriced", "write restricted"},
      {"Restricted", "write restricted"},
      {"base-line", "write baseline"},
      {"least_privilege", "write least-privilege"}};
  for (const auto& [written, meant] : kRows) {
    std::vector<LabelProblem> problems;
    read_labels({{"plimsoll.dev/enforce", written}}, kPlimsollLabels, library(), problems);
    ASSERT_EQ(problems.size(), 1U) << written;
    EXPECT_THAT(problems[0].message, HasSubstr(meant));
  }
}

}  // namespace
}  // namespace plimsoll::policy
