// A report with one resource of each outcome, and how to write one.
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
  std::vector<std::string> stale;
};

inline std::string write(const Format& format, const Report& report, const Style& style = {}) {
  std::string text;
  const auto writer =
      format.open(report.head, style, [&](std::string_view piece) { text += piece; });
  ReportTail tail{.stale = report.stale};
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

}  // namespace plimsoll::report::testing
