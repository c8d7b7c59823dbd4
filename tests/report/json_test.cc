#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using testing::benchmark;
using ::testing::ElementsAre;
using testing::Report;
using testing::sample;
using testing::write;

// The contract: others read these names.
TEST(Json, HasTheShapeOfTheContract) {
  const auto document = nlohmann::ordered_json::parse(write(json, sample()));
  EXPECT_EQ(document["schemaVersion"], 1);
  EXPECT_EQ(document["template"], "restricted@v1.37");
  EXPECT_EQ(document["summary"].dump(),
            R"({"resources":4,"passed":1,"failed":1,"errors":1,"skipped":1,"findings":1})");
  const auto& bad = document["resources"][0];
  EXPECT_EQ(bad["source"].dump(), R"({"file":"web.yaml","document":1,"line":7})");
  EXPECT_EQ(bad["apiVersion"], "v1");
  EXPECT_EQ(bad["kind"], "Pod");
  EXPECT_EQ(bad["namespace"], "shop");
  EXPECT_EQ(bad["verdict"], "fail");
  std::vector<std::string> names;
  for (const auto& [name, value] : bad["findings"][0].items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("check", "severity", "container", "field", "path", "line",
                                 "column", "message", "remedy", "references", "patch", "endLine",
                                 "endColumn", "fingerprint"));
  const auto& finding = bad["findings"][0];
  EXPECT_EQ(finding["check"], "privileged");
  EXPECT_EQ(finding["line"], 17);
  EXPECT_EQ(finding["references"][0].dump(),
            R"({"standard":"PSS","section":"baseline (v1.0+): Privileged Containers"})");
  EXPECT_EQ(finding["patch"][0]["op"], "replace");
  EXPECT_EQ(bad["patch"], finding["patch"]);
  EXPECT_EQ(document["resources"][1]["patch"].dump(), "[]");
  EXPECT_EQ(document["resources"][1]["verdict"], "pass");
  EXPECT_EQ(document["resources"][2]["verdict"], "skipped");
  EXPECT_EQ(document["resources"][3]["reason"], "x.yaml:1:2: broken");
}

TEST(Json, NewMembersAreThereWhereThereIsSomethingToSay) {
  Report report = benchmark();
  report.head.subject = "host x";
  report.head.time = "2026-11-26T12:00:00Z";
  report.missing = {"container y: gone"};
  Resource& bad = report.resources[1];
  bad.uid = "0-1";
  bad.facts = {{"image", "busybox"}, {"restarts", std::uint64_t{2}}};
  bad.findings[0].template_ref = "baseline@v1.37";
  bad.findings[0].mode = "audit";
  const auto document = nlohmann::ordered_json::parse(write(json, report));
  EXPECT_EQ(document["subject"], "host x");
  EXPECT_EQ(document["time"], "2026-11-26T12:00:00Z");
  EXPECT_EQ(document["partial"], true);
  EXPECT_EQ(document["missing"].dump(), R"(["container y: gone"])");
  const auto& resource = document["resources"][1];
  EXPECT_EQ(resource["uid"], "0-1");
  EXPECT_EQ(resource["facts"].dump(), R"({"image":"busybox","restarts":2})");
  EXPECT_EQ(resource["findings"][0]["template"], "baseline@v1.37");
  EXPECT_EQ(resource["findings"][0]["mode"], "audit");
  EXPECT_EQ(resource["items"][1].dump(),
            R"({"reference":{"standard":"CIS Docker 1.6.0","section":"5.5"},)"
            R"("title":"No container is privileged","status":"WARN","detail":"it is"})");
}

TEST(Json, BytesThatAreNoUtf8DoNotStopIt) {
  Report report = sample();
  report.resources[0].source.file = "caf\xe9.yaml";
  EXPECT_TRUE(nlohmann::json::accept(write(json, report)));
}

}  // namespace
}  // namespace plimsoll::report
