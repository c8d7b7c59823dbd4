#include "report/policy_report.h"

#include <gtest/gtest.h>

#include <string>

#include "report/sample.h"

namespace plimsoll::report {
namespace {

Resource owner() {
  Resource made = testing::sample().resources[0];
  made.source = {};
  made.api_version = "apps/v1";
  made.kind = "Deployment";
  made.name = "web";
  made.uid = "0-1";
  return made;
}

TEST(PolicyReport, IsOfAnOwnerAndGoesWithIt) {
  const auto made = policy_report_of(owner(), "restricted@v1.37", kOpenReports);
  EXPECT_EQ(made["apiVersion"], "openreports.io/v1alpha1");
  EXPECT_EQ(made["kind"], "Report");
  EXPECT_EQ(made["metadata"].dump(),
            R"({"name":"plimsoll-0-1","namespace":"shop",)"
            R"("labels":{"app.kubernetes.io/managed-by":"plimsoll"},)"
            R"("ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web",)"
            R"("uid":"0-1"}]})");
  EXPECT_EQ(made["scope"].dump(),
            R"({"apiVersion":"apps/v1","kind":"Deployment","namespace":"shop","name":"web",)"
            R"("uid":"0-1"})");
  EXPECT_EQ(made["source"], "plimsoll");
  EXPECT_EQ(made["summary"].dump(), R"({"pass":0,"fail":1,"warn":0,"error":0,"skip":0})");
  EXPECT_EQ(made["results"][0].dump(),
            R"({"policy":"restricted@v1.37","rule":"privileged","category":"Pod Security",)"
            R"("severity":"critical","result":"fail","scored":true,)"
            R"("message":"container \"app\" is privileged: set it to false",)"
            R"("properties":{"field":"spec.containers[0].securityContext.privileged",)"
            R"("container":"app"}})");
}

TEST(PolicyReport, TheOlderApiHasTheSourceInEachResult) {
  const auto made = policy_report_of(owner(), "restricted@v1.37", kPolicyReports);
  EXPECT_EQ(made["apiVersion"], "wgpolicyk8s.io/v1alpha2");
  EXPECT_EQ(made["kind"], "PolicyReport");
  EXPECT_FALSE(made.contains("source"));
  EXPECT_EQ(made["results"][0]["source"], "plimsoll");
}

TEST(PolicyReport, OnlyWhatIsEnforcedFails) {
  Resource warned = owner();
  warned.findings[0].template_ref = "baseline@v1.37";
  warned.findings[0].mode = "warn";
  const auto made = policy_report_of(warned, "bound templates", kOpenReports);
  EXPECT_EQ(made["summary"]["warn"], 1);
  EXPECT_EQ(made["summary"]["fail"], 0);
  EXPECT_EQ(made["results"][0]["result"], "warn");
  EXPECT_EQ(made["results"][0]["scored"], false);
  EXPECT_EQ(made["results"][0]["policy"], "baseline@v1.37");
}

TEST(PolicyReport, AnOwnerThatPassesHasAReportThatSaysSo) {
  Resource good = owner();
  good.outcome = Outcome::Pass;
  good.findings.clear();
  const auto made = policy_report_of(good, "restricted@v1.37", kOpenReports);
  EXPECT_EQ(made["summary"]["pass"], 1);
  ASSERT_EQ(made["results"].size(), 1U);
  EXPECT_EQ(made["results"][0]["result"], "pass");
}

TEST(PolicyReport, SaysNotInHowManyPods) {
  Resource bad = owner();
  bad.findings[0].message = "it is bad (in 2 of 3 pods)";
  bad.findings[0].lasting = "it is bad (in its pods)";
  const auto made = policy_report_of(bad, "restricted@v1.37", kOpenReports);
  EXPECT_EQ(made["results"][0]["message"], "it is bad (in its pods): set it to false");
}

TEST(PolicyReport, HasAnEnd) {
  Resource bad = owner();
  bad.findings.resize(kMostResults, bad.findings[0]);
  auto made = policy_report_of(bad, "restricted@v1.37", kOpenReports);
  EXPECT_EQ(made["results"].size(), kMostResults);
  EXPECT_EQ(made["results"].back()["rule"], "privileged");
  bad.findings.resize(250, bad.findings[0]);
  made = policy_report_of(bad, "restricted@v1.37", kOpenReports);
  EXPECT_EQ(made["summary"]["fail"], 250);
  ASSERT_EQ(made["results"].size(), kMostResults);
  EXPECT_EQ(made["results"].back()["message"],
            "and 151 more findings that this report has no room for");
  for (ReportedFinding& finding : bad.findings) finding.message.assign(100'000, 'x');
  made = policy_report_of(bad, "restricted@v1.37", kOpenReports);
  EXPECT_LT(made.dump().size(), kMostResultBytes + 2048);
  EXPECT_GT(made["results"].size(), 10U);
}

TEST(PolicyReport, WhatIsOnlyWarnedAboutHidesNothing) {
  Resource bad = owner();
  ReportedFinding warned = bad.findings[0], low = bad.findings[0];
  warned.mode = "warn";
  low.check = find_check("host-ports");
  bad.findings.insert(bad.findings.begin(), low);
  bad.findings.insert(bad.findings.begin(), 200, warned);
  const auto made = policy_report_of(bad, "restricted@v1.37", kOpenReports);
  EXPECT_EQ(made["results"][0]["rule"], "privileged");
  EXPECT_EQ(made["results"][0]["result"], "fail");
  EXPECT_EQ(made["results"][1]["rule"], "host-ports");
  EXPECT_EQ(made["results"][1]["result"], "fail");
  EXPECT_EQ(made["results"][2]["result"], "warn");
}

}  // namespace
}  // namespace plimsoll::report
