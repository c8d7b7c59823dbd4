#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/format.h"

namespace plimsoll::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Report sample() {
  Report report;
  report.template_ref = "restricted@v1.37";
  Resource& bad = report.resources.emplace_back();
  bad.source = {"web.yaml", 1, 7};
  bad.api_version = "v1";
  bad.kind = "Pod";
  bad.namespace_name = "shop";
  bad.name = "web\x1b[31m";
  bad.outcome = Outcome::Fail;
  ReportedFinding& finding = bad.findings.emplace_back();
  finding.check = find_check("privileged");
  finding.container = "app";
  finding.field = "spec.containers[0].securityContext.privileged";
  finding.path = "/spec/containers/0/securityContext/privileged";
  finding.line = 17;
  finding.column = 15;
  finding.message = "container \"app\" is privileged";
  finding.advice = "set it to false";
  finding.patch = R"([{"op":"replace","path":"/x","value":false}])";
  bad.patch = finding.patch;
  report.resources.emplace_back().name = "good";
  Resource& skipped = report.resources.emplace_back();
  skipped.outcome = Outcome::Skipped;
  skipped.reason = "no pod template is known in Service of v1";
  Resource& error = report.resources.emplace_back();
  error.outcome = Outcome::Error;
  error.reason = "x.yaml:1:2: broken";
  return report;
}

// The contract: others read these names.
TEST(Json, HasTheShapeOfTheContract) {
  const auto json = nlohmann::ordered_json::parse(write_json(sample(), {}));
  EXPECT_EQ(json["schemaVersion"], 1);
  EXPECT_EQ(json["template"], "restricted@v1.37");
  EXPECT_EQ(json["summary"].dump(),
            R"({"resources":4,"passed":1,"failed":1,"errors":1,"skipped":1,"findings":1})");
  const auto& bad = json["resources"][0];
  EXPECT_EQ(bad["source"].dump(), R"({"file":"web.yaml","document":1,"line":7})");
  EXPECT_EQ(bad["apiVersion"], "v1");
  EXPECT_EQ(bad["kind"], "Pod");
  EXPECT_EQ(bad["namespace"], "shop");
  EXPECT_EQ(bad["verdict"], "fail");
  std::vector<std::string> names;
  for (const auto& [name, value] : bad["findings"][0].items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("check", "severity", "container", "field", "path", "line",
                                 "column", "message", "remedy", "references", "patch"));
  const auto& finding = bad["findings"][0];
  EXPECT_EQ(finding["check"], "privileged");
  EXPECT_EQ(finding["line"], 17);
  EXPECT_EQ(finding["references"][0].dump(),
            R"({"standard":"PSS","section":"baseline (v1.0+): Privileged Containers"})");
  EXPECT_EQ(finding["patch"][0]["op"], "replace");
  EXPECT_EQ(bad["patch"], finding["patch"]);
  EXPECT_EQ(json["resources"][1]["patch"].dump(), "[]");
  EXPECT_EQ(json["resources"][1]["verdict"], "pass");
  EXPECT_EQ(json["resources"][2]["verdict"], "skipped");
  EXPECT_EQ(json["resources"][3]["reason"], "x.yaml:1:2: broken");
}

TEST(Json, BytesThatAreNoUtf8DoNotStopIt) {
  Report report = sample();
  report.resources[0].source.file = "caf\xe9.yaml";
  EXPECT_TRUE(nlohmann::json::accept(write_json(report, {})));
}

TEST(Text, SaysWhereWhatAndHow) {
  const std::string text = write_text(sample(), {});
  EXPECT_THAT(text,
              HasSubstr("web.yaml:17:15: container \"app\" is privileged [privileged, critical]\n"
                        "    set it to false\n"));
  EXPECT_THAT(text, HasSubstr("no pod template is known in Service of v1"));
  EXPECT_THAT(text, HasSubstr("error x.yaml:1:2: broken"));
  EXPECT_THAT(text, HasSubstr("4 resources against restricted@v1.37: 1 passed, 1 failed, 1 error, "
                              "1 skipped; 1 finding\n"));
}

TEST(Text, ColourOnlyWhenAskedForAndNeverFromAManifest) {
  EXPECT_THAT(write_text(sample(), {}), Not(HasSubstr("\x1b")));
  const std::string coloured = write_text(sample(), {.colour = true});
  EXPECT_THAT(coloured, HasSubstr("\x1b[31mfail\x1b[0m"));
  EXPECT_THAT(coloured, HasSubstr("web\\x1b[31m"));
}

}  // namespace
}  // namespace plimsoll::report
