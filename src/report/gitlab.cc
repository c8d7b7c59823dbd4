#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "report/format.h"
#include "report/words.h"
#include "text/utf8.h"

namespace plimsoll::report {
namespace {

using Json = nlohmann::ordered_json;

// GitLab has a level above `critical`.
std::string_view severity_of(Severity severity) {
  constexpr std::string_view kNames[] = {"blocker", "critical", "major", "minor"};
  return kNames[static_cast<std::size_t>(severity)];
}

// Findings that are accepted, errors and what was skipped have no place in this format: GitLab
// would count them as new faults.
class GitlabWriter : public Writer {
 public:
  explicit GitlabWriter(Sink sink) : sink_(std::move(sink)) {}

  void add(const Resource& resource) override {
    for (const auto& finding : resource.findings) {
      const Json json{{"description", shown(finding.message + ": " + finding.advice)},
                      {"check_name", finding.check->id},
                      {"fingerprint", fingerprint_of(resource, finding)},
                      {"severity", severity_of(finding.check->severity)},
                      {"location",
                       {{"path", place_of(resource)},
                        {"lines", {{"begin", std::max(finding.region.line, std::size_t{1})}}}}}};
      sink_(first_ ? "[\n" : ",\n");
      sink_(json.dump());
      first_ = false;
    }
  }

  void end(const ReportTail&) override { sink_(first_ ? "[]\n" : "\n]\n"); }

 private:
  // GitLab shows nothing without a path: what runs has its place in the cluster for one.
  static std::string place_of(const Resource& resource) {
    if (!resource.source.file.empty()) return text::replace_invalid_utf8(path_of(resource.source));
    std::string place = resource.namespace_name;
    for (const std::string& part : {resource.kind, resource.name})
      if (!part.empty()) place += (place.empty() ? "" : "/") + part;
    return place.empty() ? "-" : shown(place);
  }

  // GitLab drops a finding whose fingerprint it has seen already in the report.
  std::string fingerprint_of(const Resource& resource, const ReportedFinding& finding) {
    std::string fingerprint = finding.fingerprint;
    if (fingerprint.empty())
      fingerprint = shown(fmt::format("{}: {}: {}: {}", path_of(resource.source),
                                      title_of(resource), finding.path, finding.check->id));
    const std::size_t before = seen_[fingerprint]++;
    if (before > 0) fingerprint += fmt::format("-{}", before + 1);
    return fingerprint;
  }

  Sink sink_;
  bool first_ = true;
  std::unordered_map<std::string, std::size_t> seen_;
};

}  // namespace

extern constinit const Format gitlab{
    .name = "gitlab",
    .meaning = "GitLab's Code Quality report",
    .open = [](const ReportHead&, const Style&, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<GitlabWriter>(std::move(sink));
    }};

}  // namespace plimsoll::report
