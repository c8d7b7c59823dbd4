#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "report/characters.h"
#include "report/format.h"
#include "report/words.h"

namespace plimsoll::report {
namespace {

// For elements and attributes alike. XML 1.0 has no way to write most control characters; shown()
// leaves none.
std::string xml(std::string_view text) {
  const std::string clean = shown(text);
  std::string out;
  for (std::string_view rest = clean; !rest.empty();) {
    const auto [code, bytes] = first_character(rest);
    if (code == '&')
      out += "&amp;";
    else if (code == '<')
      out += "&lt;";
    else if (code == '>')
      out += "&gt;";
    else if (code == '"')
      out += "&quot;";
    else if (code == 0xFFFE || code == 0xFFFF)
      out += "&#xFFFD;";
    else
      out += rest.substr(0, bytes);
    rest.remove_prefix(bytes);
  }
  return out;
}

// A file is a class and its folder a package, so that a viewer that makes a tree of them, as
// Jenkins does at the dots, makes that of the files.
std::string class_of(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  std::ranges::replace(name, '.', '_');
  std::ranges::replace(name, '/', '.');
  return name;
}

std::string line_about(const Resource& resource, const ReportedFinding& finding) {
  std::string place = place_of(resource.source, finding.region.line, finding.region.column);
  if (place.empty()) place = title_of(resource);
  return xml(fmt::format("{}: {} [{}]", place, finding.message, tag_of(finding)));
}

// Only the first failure of a test is seen everywhere: all findings of a resource are in one.
std::string failure_of(const Resource& resource) {
  std::vector<std::string_view> checks;
  std::string lines;
  for (const auto& finding : resource.findings) {
    if (std::ranges::find(checks, finding.check->id) == checks.end())
      checks.push_back(finding.check->id);
    lines += line_about(resource, finding) + "\n    " + xml(finding.advice) + "\n";
  }
  return fmt::format("      <failure type=\"violation\" message=\"{}: {}\">{}</failure>\n",
                     plural(resource.findings.size(), "finding"), fmt::join(checks, ", "), lines);
}

std::string accepted_of(const Resource& resource) {
  std::string out = "      <system-out>";
  for (const auto& finding : resource.accepted) {
    out +=
        fmt::format("{}: accepted by {}", line_about(resource, finding),
                    finding.accepted->by == Acceptance::By::Ignore ? "a comment" : "the baseline");
    if (!finding.accepted->reason.empty()) out += ": " + xml(finding.accepted->reason);
    out += '\n';
  }
  return out + "</system-out>\n";
}

class JunitWriter : public Writer {
 public:
  JunitWriter(ReportHead head, Sink sink) : head_(std::move(head)), sink_(std::move(sink)) {
    sink_(fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<testsuites name=\"plimsoll {}\">\n",
                      xml(head_.template_ref)));
  }

  void add(const Resource& resource) override {
    const std::string suite = suite_of(resource);
    if (suite != suite_) {
      close_suite();
      suite_ = suite;
    }
    tests_.add(resource);
    cases_ += fmt::format("    <testcase name=\"{}\" classname=\"{}\" time=\"0\">\n",
                          xml(name_for(resource)), xml(class_of(suite_)));
    switch (resource.outcome) {
      case Outcome::Pass:
        break;
      case Outcome::Fail:
        cases_ += failure_of(resource);
        break;
      case Outcome::Error:
        cases_ += fmt::format("      <error type=\"unreadable\" message=\"{}\"></error>\n",
                              xml(resource.reason));
        break;
      case Outcome::Skipped:
        cases_ += fmt::format("      <skipped>{}</skipped>\n", xml(resource.reason));
        break;
    }
    if (!resource.accepted.empty()) cases_ += accepted_of(resource);
    cases_ += "    </testcase>\n";
  }

  void end(const ReportTail& tail) override {
    // Where resources are only what differs, none is a test that passes; and readers want one.
    if (!head_.facts.empty() && tail.summary.resources == 0) {
      Resource all;
      all.kind = "Everything";
      all.name = head_.subject;
      add(all);
    }
    close_suite();
    suite_ = "not looked at";
    for (const std::string& line : tail.missing) {
      ++tests_.resources;
      ++tests_.errors;
      cases_ += fmt::format("    <testcase name=\"{0}\" classname=\"{1}\" time=\"0\">\n"
                            "      <error type=\"missing\" message=\"{0}\"></error>\n"
                            "    </testcase>\n",
                            xml(line), suite_);
    }
    close_suite();
    sink_("</testsuites>\n");
  }

 private:
  // What has no file comes from a cluster or a host.
  [[nodiscard]] std::string suite_of(const Resource& resource) const {
    if (!resource.source.file.empty()) return path_of(resource.source);
    return resource.namespace_name.empty() ? head_.template_ref : resource.namespace_name;
  }

  // GitLab sees only the first of two tests of one name.
  std::string name_for(const Resource& resource) {
    std::string name = resource.outcome == Outcome::Error ? "is read" : title_of(resource);
    const std::size_t before = names_[name]++;
    if (before > 0) name += fmt::format(" ({})", before + 1);
    return name;
  }

  // The counts of a suite stand before its tests.
  void close_suite() {
    if (tests_.resources == 0) return;
    sink_(fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" "
                      "skipped=\"{}\" time=\"0\">\n{}  </testsuite>\n",
                      xml(suite_), tests_.resources, tests_.failed, tests_.errors, tests_.skipped,
                      cases_));
    tests_ = {};
    cases_.clear();
    names_.clear();
  }

  ReportHead head_;
  Sink sink_;
  std::string suite_, cases_;
  Summary tests_;
  std::map<std::string, std::size_t> names_;  // of the suite's tests
};

}  // namespace

extern constinit const Format junit{
    .name = "junit",
    .meaning = "for CI: a suite a file, a test a resource",
    .open = [](const ReportHead& head, const Style&, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<JunitWriter>(head, std::move(sink));
    }};

}  // namespace plimsoll::report
