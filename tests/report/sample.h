// Reports with one resource of each outcome, and how to write one.
//
// Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/format.h"

namespace plimsoll::report::testing {

struct Report {
  ReportHead head;
  std::vector<Resource> resources;
  std::vector<std::string> stale, missing;
};

inline std::string write(const Format& format, const Report& report, const Style& style = {}) {
  std::string text;
  const auto writer =
      format.open(report.head, style, [&](std::string_view piece) { text += piece; });
  ReportTail tail{.stale = report.stale, .missing = report.missing};
  for (const Resource& resource : report.resources) {
    tail.summary.add(resource);
    writer->add(resource);
  }
  writer->end(tail);
  return text;
}

inline Report sample() {
  Report report;
  report.head = {"restricted@v1.37", "0.1.0"};
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
  finding.region = {17, 15, 17, 19};
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

/// The same with all that can be known of a finding, and findings that are accepted.
inline Report full_sample() {
  Report report = sample();
  Resource& bad = report.resources[0];
  bad.source.file = "deploy/web.yaml";
  bad.name = "web";
  ReportedFinding& finding = bad.findings[0];
  finding.region = {17, 23, 17, 27};
  finding.excerpt = {16,
                     {"        securityContext:", "          privileged: true", "      volumes:"}};
  finding.changes = {{finding.region, "false"}};
  finding.changed = {17, {"          privileged: true"}};
  finding.fingerprint = "0123456789abcdef";
  ReportedFinding& ignored = bad.accepted.emplace_back(finding);
  ignored.check = find_check("host-path");
  ignored.field = "spec.volumes[0].hostPath";
  ignored.path = "/spec/volumes/0/hostPath";
  ignored.region = {20, 11, 21, 20};
  ignored.message = "volume \"proc\" mounts the node's /proc";
  ignored.advice = "Use a persistentVolumeClaim";
  ignored.patch = "[]";
  ignored.excerpt = {};
  ignored.changes = {};
  ignored.changed = {};
  ignored.fingerprint = "123456789abcdef0";
  ignored.accepted = {Acceptance::By::Ignore, "the node exporter reads it"};
  ReportedFinding& known = report.resources[1].accepted.emplace_back(ignored);
  report.resources[1].source = {"deploy/job.yaml", 0, 1};
  known.fingerprint = "23456789abcdef01";
  known.accepted = {Acceptance::By::Baseline, ""};
  report.stale = {"deploy/old.yaml: Pod old: privileged"};
  return report;
}

/// Two containers that went through two items.
inline Report benchmark() {
  constexpr Reference kFive{"CIS Docker 1.6.0", "5.5"}, kTen{"CIS Docker 1.6.0", "5.10"};
  Report report;
  report.head = {"CIS Docker 1.6.0", "0.1.0"};
  for (const char* const name : {"web", "db"}) {
    Resource& container = report.resources.emplace_back();
    container.kind = "Container";
    container.name = name;
    container.items = {{kTen, "The network of the host is not shared", ItemStatus::Pass, ""},
                       {kFive, "No container is privileged", ItemStatus::Pass, ""}};
  }
  Resource& bad = report.resources.back();
  bad.outcome = Outcome::Fail;
  bad.items[1].status = ItemStatus::Warn;
  bad.items[1].detail = "it is";
  ReportedFinding& finding = bad.findings.emplace_back();
  finding.check = find_check("privileged");
  finding.field = "HostConfig.Privileged";
  finding.message = "it is privileged";
  finding.advice = "run it without --privileged";
  return report;
}

}  // namespace plimsoll::report::testing
