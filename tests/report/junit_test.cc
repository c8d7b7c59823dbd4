#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using testing::full_sample;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Report;
using testing::sample;
using testing::write;

TEST(Junit, IsASuiteAFileAndATestAResource) {
  Report report = full_sample();
  Resource second;
  second.source = {"deploy/job.yaml", 1, 9};
  second.kind = "Service";
  second.name = "job";
  second.outcome = Outcome::Skipped;
  second.reason = "no pod template is known in Service of v1";
  report.resources[1].kind = "Job";
  report.resources[2] = second;
  report.resources[3].source.file = "x.yaml";
  EXPECT_EQ(write(junit, report), R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="plimsoll restricted@v1.37">
  <testsuite name="deploy/web.yaml" tests="1" failures="1" errors="0" skipped="0" time="0">
    <testcase name="Pod shop/web" classname="deploy.web_yaml" time="0">
      <failure type="violation" message="1 finding: privileged">deploy/web.yaml:17:23: container &quot;app&quot; is privileged [privileged, critical]
    set it to false
</failure>
      <system-out>deploy/web.yaml:20:11: volume &quot;proc&quot; mounts the node's /proc [host-path, critical]: accepted by a comment: the node exporter reads it
</system-out>
    </testcase>
  </testsuite>
  <testsuite name="deploy/job.yaml" tests="2" failures="0" errors="0" skipped="1" time="0">
    <testcase name="Job good" classname="deploy.job_yaml" time="0">
      <system-out>deploy/job.yaml:20:11: volume &quot;proc&quot; mounts the node's /proc [host-path, critical]: accepted by the baseline
</system-out>
    </testcase>
    <testcase name="Service job" classname="deploy.job_yaml" time="0">
      <skipped>no pod template is known in Service of v1</skipped>
    </testcase>
  </testsuite>
  <testsuite name="x.yaml" tests="1" failures="0" errors="1" skipped="0" time="0">
    <testcase name="is read" classname="x_yaml" time="0">
      <error type="unreadable" message="x.yaml:1:2: broken"></error>
    </testcase>
  </testsuite>
</testsuites>
)");
}

TEST(Junit, OneFailureNamesEachCheckOnce) {
  Report report = sample();
  auto& findings = report.resources[0].findings;
  findings.push_back(findings[0]);
  findings.push_back(findings[0]);
  findings[1].check = find_check("drop-all");
  findings[1].message = "does not drop";
  const std::string written = write(junit, report);
  EXPECT_THAT(written, HasSubstr("message=\"3 findings: privileged, drop-all\""));
  EXPECT_THAT(written, HasSubstr("web.yaml:17:15: does not drop [drop-all, medium]\n"));
  EXPECT_EQ(written.find("<failure"), written.rfind("<failure"));
}

// GitLab keeps only the first of those with one name.
TEST(Junit, TestsOfAFileHaveDifferentNames) {
  Report report = sample();
  report.resources = {report.resources[0], report.resources[0], report.resources[0]};
  report.resources[0].name = report.resources[1].name = report.resources[2].name = "web";
  report.resources[2].source.file = "other.yaml";
  const std::string written = write(junit, report);
  EXPECT_THAT(written, HasSubstr("name=\"Pod shop/web\" classname=\"web_yaml\""));
  EXPECT_THAT(written, HasSubstr("name=\"Pod shop/web (2)\" classname=\"web_yaml\""));
  EXPECT_THAT(written, HasSubstr("name=\"Pod shop/web\" classname=\"other_yaml\""));
}

TEST(Junit, WhatHasNoFileIsInTheSuiteOfItsNamespace) {
  Report report = sample();
  report.resources[0].source = {};
  report.resources[2].kind = "Node";
  const std::string written = write(junit, report);
  EXPECT_THAT(written, HasSubstr("<testsuite name=\"shop\" tests=\"1\""));
  EXPECT_THAT(written, HasSubstr(">Pod shop/web\\x1b[31m: container &quot;app&quot;"));
  EXPECT_THAT(written, HasSubstr("<testsuite name=\"restricted@v1.37\" tests=\"3\""));
}

// XML 1.0 has no way at all to write most of these.
TEST(Junit, HoldsOnlyWhatXmlMayHold) {
  Report report = full_sample();
  Resource& bad = report.resources[0];
  bad.source.file = "a&<\">'\xFF\x01.yaml";
  bad.name = std::string("]]>\0\x1b", 5);
  bad.findings[0].message = "\n\xEF\xBF\xBE\xEF\xBF\xBF\xED\xA0\x80";
  bad.accepted[0].accepted->reason = "<!-- & -->";
  report.resources[2].reason = "<x>";
  report.resources[3].reason = "\"<y>\"";
  const std::string written = write(junit, report);
  EXPECT_THAT(written, HasSubstr("name=\"a&amp;&lt;&quot;&gt;'\xEF\xBF\xBD\\x01.yaml\""));
  EXPECT_THAT(written, HasSubstr("name=\"Pod shop/]]&gt;\\x00\\x1b\""));
  EXPECT_THAT(written, HasSubstr(": \\x0a&#xFFFD;&#xFFFD;\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD ["));
  EXPECT_THAT(written, HasSubstr("a comment: &lt;!-- &amp; --&gt;\n"));
  EXPECT_THAT(written, HasSubstr("<skipped>&lt;x&gt;</skipped>"));
  EXPECT_THAT(written, HasSubstr("message=\"&quot;&lt;y&gt;&quot;\""));
  for (const char c : written) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(Junit, NothingReadIsNoSuite) {
  EXPECT_THAT(write(junit, {{"restricted@v1.37", "0.1.0"}, {}, {}}), Not(HasSubstr("<testsuite ")));
}

TEST(Junit, WhereResourcesAreOnlyWhatDiffersNoneIsATestThatPasses) {
  Report report{{"restricted@v1.37", "0.1.0"}, {}, {}};
  report.head.subject = "audit.log: 5 requests, 0 newly denied";
  report.head.facts.push_back({"requests", std::uint64_t{5}});
  EXPECT_THAT(write(junit, report),
              HasSubstr("<testsuite name=\"restricted@v1.37\" tests=\"1\" failures=\"0\""));
  EXPECT_THAT(write(junit, report),
              HasSubstr("<testcase name=\"Everything audit.log: 5 requests, 0 newly denied\""));
}

TEST(Junit, WhatWasNotLookedAtIsAnError) {
  Report report = sample();
  report.missing = {"pods <of> a"};
  EXPECT_THAT(
      write(junit, report),
      HasSubstr("<testsuite name=\"not looked at\" tests=\"1\" failures=\"0\" errors=\"1\""));
  EXPECT_THAT(write(junit, report),
              HasSubstr("<error type=\"missing\" message=\"pods &lt;of&gt; a\">"));
}

}  // namespace
}  // namespace plimsoll::report
