#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/verdict.h"
#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using Json = nlohmann::ordered_json;
using testing::full_sample;
using ::testing::HasSubstr;
using testing::Report;
using testing::sample;
using testing::write;

Json run_of(const Report& report) { return Json::parse(write(sarif, report)).at("runs").at(0); }

Json result_of(const Report& report) { return run_of(report).at("results").at(0); }

const Json& region_of(const Json& result) {
  return result.at("locations").at(0).at("physicalLocation").at("region");
}

TEST(Sarif, IsOneRunOfOneTool) {
  const Json log = Json::parse(write(sarif, full_sample()));
  EXPECT_EQ(log.at("version"), "2.1.0");
  ASSERT_EQ(log.at("runs").size(), 1U);
  const Json& run = log.at("runs")[0];
  EXPECT_EQ(run.at("tool").at("driver").at("name"), "Plimsoll");
  EXPECT_EQ(run.at("tool").at("driver").at("semanticVersion"), "0.1.0");
  EXPECT_EQ(run.at("columnKind"), "utf16CodeUnits");
  EXPECT_EQ(run.at("properties").at("template"), "restricted@v1.37");
}

TEST(Sarif, SaysWhereWhatAndHow) {
  const Json result = result_of(full_sample());
  EXPECT_EQ(result.at("ruleId"), "privileged");
  EXPECT_EQ(result.at("level"), "error");
  EXPECT_EQ(result.at("message").dump(),
            R"({"text":"container \"app\" is privileged. Fix: set it to false."})");
  EXPECT_EQ(
      result.at("locations").dump(),
      R"([{"physicalLocation":{"artifactLocation":{"uri":"deploy/web.yaml","uriBaseId":)"
      R"("%SRCROOT%"},"region":{"startLine":17,"startColumn":23,"endLine":17,"endColumn":27},)"
      R"("contextRegion":{"startLine":16,"endLine":18,"snippet":{"text":)"
      R"("        securityContext:\n          privileged: true\n      volumes:\n"}}},)"
      R"("logicalLocations":[{"name":"spec.containers[0].securityContext.privileged",)"
      R"("fullyQualifiedName":"Pod shop/web: spec.containers[0].securityContext.privileged",)"
      R"("kind":"property"}]}])");
  EXPECT_EQ(result.at("partialFingerprints").dump(), R"({"plimsoll/v1":"0123456789abcdef"})");
  EXPECT_EQ(result.at("fixes").dump(),
            R"([{"description":{"text":"set it to false"},"artifactChanges":[{"artifactLocation":)"
            R"({"uri":"deploy/web.yaml","uriBaseId":"%SRCROOT%"},"replacements":[{"deletedRegion":)"
            R"({"startLine":17,"startColumn":23,"endLine":17,"endColumn":27},"insertedContent":)"
            R"({"text":"false"}}]}]}])");
  EXPECT_FALSE(result.contains("suppressions"));
}

TEST(Sarif, LeavesOutWhatIsNotKnown) {
  const Json result = result_of(sample());
  EXPECT_EQ(region_of(result).dump(), R"({"startLine":17,"endLine":17})");
  for (const char* key : {"partialFingerprints", "fixes", "suppressions"})
    EXPECT_FALSE(result.contains(key)) << key;
  Report report = sample();
  report.resources[0].source.file = "";
  EXPECT_FALSE(result_of(report).at("locations").at(0).contains("physicalLocation"));
  report = sample();
  report.resources[0].findings[0].region = {};
  EXPECT_FALSE(result_of(report).at("locations").at(0).at("physicalLocation").contains("region"));
}

// Only a person can decide: that is no fix.
TEST(Sarif, DoesNotCallAnAdviceAFix) {
  Report report = sample();
  report.resources[0].findings[0].patch = "[]";
  EXPECT_EQ(result_of(report).at("message").at("text"),
            "container \"app\" is privileged. set it to false.");
}

TEST(Sarif, CountsColumnsAsEditorsDo) {
  Report report = full_sample();
  ReportedFinding& finding = report.resources[0].findings[0];
  finding.excerpt = {17, {"\xF0\x9F\x98\x80\xC3\xBC: [\xE6\x97\xA5, true]", "next: 1"}};
  finding.region = {17, 15, 18, 5};  // `true` to behind `next`
  finding.changes = {{{17, 15, 17, 19}, "false"}, {{18, 8, 18, 8}, "\nlast: 2"}};
  finding.changed = finding.excerpt;
  const Json result = result_of(report);
  EXPECT_EQ(region_of(result).dump(),
            R"({"startLine":17,"startColumn":10,"endLine":18,"endColumn":5})");
  const Json& replacements = result.at("fixes")[0].at("artifactChanges")[0].at("replacements");
  EXPECT_EQ(replacements[0].at("deletedRegion").dump(),
            R"({"startLine":17,"startColumn":10,"endLine":17,"endColumn":14})");
  EXPECT_EQ(replacements[1].dump(),
            R"({"deletedRegion":{"startLine":18,"startColumn":8,"endLine":18,"endColumn":8},)"
            R"("insertedContent":{"text":"\nlast: 2"}})");
}

TEST(Sarif, ALongValueEndsWithItsLastLine) {
  Report report = full_sample();
  report.resources[0].findings[0].region.end_line = 400;
  EXPECT_EQ(region_of(result_of(report)).dump(),
            R"({"startLine":17,"startColumn":23,"endLine":400})");
}

TEST(Sarif, TellsAFixOnlyWhole) {
  Report report = full_sample();
  auto& changes = report.resources[0].findings[0].changes;
  changes.push_back({{3, 1, 4, 1}, ""});  // whole lines need no look at them
  const Json fixes = result_of(report).at("fixes");
  EXPECT_EQ(fixes[0].at("artifactChanges")[0].at("replacements")[1].dump(),
            R"({"deletedRegion":{"startLine":3,"startColumn":1,"endLine":4,"endColumn":1}})");
  changes.push_back({{30, 9, 30, 9}, "x"});  // a line that is not known
  EXPECT_FALSE(result_of(report).contains("fixes"));
}

TEST(Sarif, ALineOfAWholeFileIsNotRepeated) {
  Report report = full_sample();
  report.resources[0].findings[0].excerpt.lines[0] = std::string(5000, ' ');
  const Json location = result_of(report).at("locations")[0].at("physicalLocation");
  EXPECT_TRUE(location.at("region").contains("startColumn"));
  EXPECT_FALSE(location.contains("contextRegion"));
}

TEST(Sarif, TheNameOfAFileIsAReference) {
  for (const auto& [file, uri] : std::vector<std::pair<std::string, std::string>>{
           {"./a/../b c.yaml", "b%20c.yaml"},
           {"../x.yaml", "../x.yaml"},
           {"a:b.yaml", "a%3Ab.yaml"},
           {"100%#?.yaml", "100%25%23%3F.yaml"},
           {"caf\xE9.yaml", "caf%E9.yaml"},
           {"\xE6\x97\xA5.yaml", "%E6%97%A5.yaml"},
           {"-", "%3Cstdin%3E"},
           {"/srv/b c.yaml", "file:///srv/b%20c.yaml"}}) {
    Report report = sample();
    report.resources[0].source.file = file;
    const Json artifact =
        result_of(report).at("locations")[0].at("physicalLocation").at("artifactLocation");
    EXPECT_EQ(artifact.at("uri"), uri);
    EXPECT_EQ(artifact.contains("uriBaseId"), file != "-" && !file.starts_with('/')) << file;
  }
  EXPECT_TRUE(run_of(sample()).at("originalUriBaseIds").contains("%SRCROOT%"));
}

// Also the check that no catalogue has.
TEST(Sarif, ExplainsEveryCheckThatOccurs) {
  Report report = sample();
  std::vector<ReportedFinding>& findings = report.resources[0].findings;
  std::vector<const Check*> checks(catalogue().begin(), catalogue().end());
  checks.push_back(&kUnreadableField);
  for (const Check* const check : checks) {
    findings.push_back(findings[0]);
    findings.back().check = check;
  }
  const Json run = run_of(report);
  const Json& rules = run.at("tool").at("driver").at("rules");
  EXPECT_EQ(rules.size(), checks.size());
  for (const Json& result : run.at("results")) {
    const Json& rule = rules.at(result.at("ruleIndex").get<std::size_t>());
    EXPECT_EQ(rule.at("id"), result.at("ruleId"));
    EXPECT_EQ(rule.at("defaultConfiguration").at("level"), result.at("level"));
  }
  for (const Check* const check : checks) {
    const auto at =
        std::ranges::find_if(rules, [&](const Json& rule) { return rule.at("id") == check->id; });
    ASSERT_NE(at, rules.end()) << check->id;
    EXPECT_EQ(at->at("shortDescription").at("text"), std::string(check->title) + ".");
    EXPECT_EQ(at->at("fullDescription").at("text"), check->rationale);
    for (const char* form : {"text", "markdown"}) {
      const std::string help = at->at("help").at(form);
      for (const std::string_view part :
           {check->rationale, check->remedy, check->example, check->counterexample, check->risk})
        EXPECT_THAT(help, HasSubstr(std::string(part))) << check->id;
      for (const Reference& reference : check->references)
        EXPECT_THAT(help, HasSubstr("- " + std::string(reference.standard) + ": " +
                                    std::string(reference.section) + "\n"));
    }
  }
}

TEST(Sarif, GradesAsGitHubDoes) {
  struct Grade {
    Severity severity;
    const char* level;
    double least, most;
  };
  for (const auto& [severity, level, least, most] :
       {Grade{Severity::Critical, "error", 9.0, 10.0}, Grade{Severity::High, "error", 7.0, 8.9},
        Grade{Severity::Medium, "warning", 4.0, 6.9}, Grade{Severity::Low, "note", 0.1, 3.9}}) {
    Check check = *find_check("privileged");
    check.severity = severity;
    Report report = sample();
    report.resources[0].findings[0].check = &check;
    const Json rule = run_of(report).at("tool").at("driver").at("rules").at(0);
    EXPECT_EQ(rule.at("defaultConfiguration").at("level"), level);
    const double score =
        std::stod(rule.at("properties").at("security-severity").get<std::string>());
    EXPECT_GE(score, least);
    EXPECT_LE(score, most);
  }
}

TEST(Sarif, WhatIsAcceptedIsSuppressed) {
  const Json results = run_of(full_sample()).at("results");
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(
      results[1].at("suppressions").dump(),
      R"([{"kind":"inSource","status":"accepted","justification":"the node exporter reads it"}])");
  EXPECT_EQ(results[2].at("suppressions").dump(),
            R"([{"kind":"external","status":"accepted","justification":"it is in the baseline"}])");
}

TEST(Sarif, NotesWhatWasNotJudged) {
  const Json invocation = run_of(full_sample()).at("invocations").at(0);
  EXPECT_EQ(invocation.at("executionSuccessful"), false);
  EXPECT_EQ(
      invocation.at("toolExecutionNotifications").dump(),
      R"([{"level":"note","message":{"text":"document is skipped: no pod template is known in )"
      R"(Service of v1"}},{"level":"error","message":{"text":"x.yaml:1:2: broken"}}])");
  Report report = full_sample();
  report.resources.pop_back();
  report.resources[2].source = {"svc.yaml", 0, 9};
  const Json read = run_of(report).at("invocations").at(0);
  EXPECT_EQ(read.at("executionSuccessful"), true);
  EXPECT_EQ(read.at("toolExecutionNotifications")[0].at("locations").dump(),
            R"([{"physicalLocation":{"artifactLocation":{"uri":"svc.yaml","uriBaseId":)"
            R"("%SRCROOT%"},"region":{"startLine":9}}}])");
}

TEST(Sarif, NothingFoundIsAnEmptyList) {
  const Json run = run_of({{"restricted@v1.37", "0.1.0"}, {}, {}});
  EXPECT_EQ(run.at("results").dump(), "[]");
  EXPECT_EQ(run.at("tool").at("driver").at("rules").dump(), "[]");
  EXPECT_EQ(run.at("invocations")[0].at("executionSuccessful"), true);
}

TEST(Sarif, AManifestWritesNoLinksAndNoBrokenText) {
  Report report = full_sample();
  ReportedFinding& finding = report.resources[0].findings[0];
  finding.message = "container \"[free](https://example.com)\x1b\" \xFF \xE2\x80\xAE";
  finding.excerpt.lines[0] = "\xFF";
  finding.changes[0].text = "\xFF";
  EXPECT_EQ(result_of(report).at("message").at("text"),
            "container \"[free\\](https://example.com)\\x1b\" \xEF\xBF\xBD \\u202e. Fix: set it to "
            "false.");
}

// What a run of thousands of files needs.
TEST(Sarif, WritesResultsAsTheyCome) {
  const Report report = full_sample();
  std::string text;
  const auto writer = sarif.open(report.head, {}, [&](std::string_view piece) { text += piece; });
  writer->add(report.resources[0]);
  EXPECT_THAT(text, HasSubstr("is privileged"));
}

TEST(Sarif, WhatWasNotLookedAtIsAnError) {
  Report report = full_sample();
  report.resources.clear();
  report.missing = {"pods of a"};
  const Json invocation = run_of(report).at("invocations")[0];
  EXPECT_EQ(invocation.at("executionSuccessful"), false);
  EXPECT_EQ(invocation.at("toolExecutionNotifications")[0].at("message").at("text"),
            "not looked at: pods of a");
}

}  // namespace
}  // namespace plimsoll::report
