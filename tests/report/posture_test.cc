#include "report/posture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace plimsoll::report {
namespace {

Resource resource(std::string space, std::string name,
                  std::initializer_list<std::string_view> checks) {
  Resource made;
  made.kind = "Deployment";
  made.namespace_name = std::move(space);
  made.name = std::move(name);
  for (const std::string_view id : checks) {
    made.outcome = Outcome::Fail;
    made.findings.emplace_back().check = find_check(id);
  }
  return made;
}

TEST(Posture, CountsWhatPassesInEachNamespace) {
  Posture posture;
  posture.add(resource("a", "good", {}));
  posture.add(resource("a", "bad", {"privileged", "drop-all"}));
  Resource skipped;
  skipped.namespace_name = "b";
  skipped.outcome = Outcome::Skipped;
  posture.add(skipped);
  ASSERT_EQ(posture.namespaces().size(), 1U);
  const NamespacePosture& a = posture.namespaces().at("a");
  EXPECT_EQ(a.judged, 2U);
  EXPECT_EQ(a.passed, 1U);
  EXPECT_EQ(a.findings[0], 1U);
}

TEST(Posture, TheWorstHasMoreOfTheWorstFindings) {
  Posture posture;
  posture.add(resource("a", "many", {"drop-all", "seccomp", "run-as-non-root"}));
  posture.add(resource("a", "bad", {"privileged"}));
  for (std::size_t i = 0; i < 2 * Posture::kWorst; ++i)
    posture.add(resource("a", "filler" + std::to_string(i), {"drop-all"}));
  posture.add(resource("a", "worse", {"privileged", "drop-all"}));
  ASSERT_EQ(posture.worst().size(), Posture::kWorst);
  EXPECT_EQ(posture.worst()[0].name, "worse");
  EXPECT_EQ(posture.worst()[1].name, "bad");
  EXPECT_EQ(posture.worst()[2].name, "many");
  EXPECT_EQ(posture.worst()[3].name, "filler0");  // the first of those alike
}

TEST(Posture, WhatFreesMostComesFirst) {
  Posture posture;
  posture.add(resource("a", "1", {"drop-all"}));
  posture.add(resource("a", "2", {"drop-all", "drop-all"}));
  posture.add(resource("a", "3", {"privileged", "drop-all"}));
  posture.add(resource("a", "4", {"seccomp", "privileged"}));
  posture.add(resource("a", "5", {"seccomp", "privileged"}));
  const auto steps = posture.first_steps(9);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].check->id, "drop-all");
  EXPECT_EQ(steps[0].findings, 4U);
  EXPECT_EQ(steps[0].resources, 3U);
  EXPECT_EQ(steps[0].freed, 2U);
  EXPECT_EQ(steps[1].check->id, "privileged");
  EXPECT_EQ(steps[1].resources, 3U);
  EXPECT_EQ(steps[1].freed, 1U);
  EXPECT_EQ(steps[2].check->id, "seccomp");
  EXPECT_EQ(steps[2].freed, 2U);
  EXPECT_EQ(posture.first_steps(1).size(), 1U);
}

TEST(Posture, WhereNothingFreesByItselfTheWorstComesFirstAndThenTheMostCommon) {
  Posture posture;
  posture.add(resource("a", "1", {"drop-all", "seccomp"}));
  posture.add(resource("a", "2", {"privileged", "seccomp", "drop-all"}));
  posture.add(resource("a", "3", {"seccomp", "allow-privilege-escalation"}));
  const auto steps = posture.first_steps(9);
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[0].check->id, "privileged");
  EXPECT_EQ(steps[0].freed, 0U);
  EXPECT_EQ(steps[1].check->id, "seccomp");
  EXPECT_EQ(steps[2].freed + steps[3].freed, 3U);
}

TEST(Posture, WhatIsMendedWithSomethingCriticalIsNoStepOfItsOwn) {
  const auto at = [](Resource of, std::initializer_list<std::string_view> paths) {
    std::size_t i = 0;
    for (const std::string_view path : paths) of.findings[i++].path = path;
    return of;
  };
  Posture posture;
  for (const char* const name : {"1", "2", "3"})
    posture.add(at(resource("", name, {"seccomp", "privileged"}),
                   {"/HostConfig/Privileged", "/HostConfig/Privileged"}));
  posture.add(at(resource("", "4", {"seccomp"}), {"/HostConfig/SecurityOpt"}));
  const auto steps = posture.first_steps(9);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].check->id, "privileged");
  EXPECT_EQ(steps[0].freed, 3U);
  EXPECT_EQ(steps[1].check->id, "seccomp");
  EXPECT_EQ(steps[1].findings, 1U);
  EXPECT_EQ(steps[1].freed, 1U);
}

}  // namespace
}  // namespace plimsoll::report
