#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::ElementsAre;
using testing::full_sample;
using testing::Report;
using testing::sample;
using testing::write;

std::vector<std::string> fingerprints_of(const Report& report) {
  std::vector<std::string> all;
  for (const Json& issue : Json::parse(write(gitlab, report)))
    all.push_back(issue.at("fingerprint"));
  return all;
}

// Only what counts: GitLab knows neither of accepted findings nor of errors.
TEST(Gitlab, HasTheShapeOfCodeQuality) {
  EXPECT_EQ(Json::parse(write(gitlab, full_sample())).dump(),
            R"([{"description":"container \"app\" is privileged: set it to false",)"
            R"("check_name":"privileged","fingerprint":"0123456789abcdef","severity":"blocker",)"
            R"("location":{"path":"deploy/web.yaml","lines":{"begin":17}}}])");
}

TEST(Gitlab, NothingFoundIsAnEmptyList) {
  EXPECT_EQ(write(gitlab, {{"restricted@v1.37", "0.1.0"}, {}, {}}), "[]\n");
}

TEST(Gitlab, EveryFindingHasAFingerprintOfItsOwn) {
  Report report = full_sample();
  auto& findings = report.resources[0].findings;
  findings.push_back(findings[0]);
  findings.push_back(findings[0]);
  EXPECT_THAT(fingerprints_of(report),
              ElementsAre("0123456789abcdef", "0123456789abcdef-2", "0123456789abcdef-3"));
  report = sample();
  report.resources[0].findings.push_back(report.resources[0].findings[0]);
  const auto unknown = fingerprints_of(report);
  EXPECT_NE(unknown[0], "");
  EXPECT_NE(unknown[0], unknown[1]);
  report.resources[0].findings[0].path = "/spec/hostPID";
  EXPECT_NE(fingerprints_of(report)[0], unknown[0]);
}

TEST(Gitlab, NamesTheFileFromTheTopOfTheRepository) {
  Report report = full_sample();
  Resource& bad = report.resources[0];
  bad.source.file = "./deploy/../caf\xE9.yaml";
  bad.findings[0].region = {};
  EXPECT_EQ(Json::parse(write(gitlab, report))[0].at("location").dump(),
            "{\"path\":\"caf\xEF\xBF\xBD.yaml\",\"lines\":{\"begin\":1}}");
}

TEST(Gitlab, HasALevelForEachSeverity) {
  std::vector<std::string> levels;
  for (const Severity severity :
       {Severity::Critical, Severity::High, Severity::Medium, Severity::Low}) {
    Check check = *find_check("privileged");
    check.severity = severity;
    Report report = sample();
    report.resources[0].findings[0].check = &check;
    levels.push_back(Json::parse(write(gitlab, report))[0].at("severity"));
  }
  EXPECT_THAT(levels, ElementsAre("blocker", "critical", "major", "minor"));
}

TEST(Gitlab, WhatRunsHasAPathToo) {
  Report report = sample();
  report.resources[0].source = {};
  report.resources[0].name = "web";
  EXPECT_THAT(write(gitlab, report), ::testing::HasSubstr(R"("path":"shop/Pod/web")"));
}

}  // namespace
}  // namespace plimsoll::report
