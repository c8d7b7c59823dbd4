// Source: GitHub's "Workflow commands for GitHub Actions", and actions/toolkit, packages/core,
// src/command.ts for how values are escaped.
//
// GitHub shows ten annotations of each type beside the lines of a pull request; the log has all.
// They are written as they are found, not sorted: severities that must not be pushed aside by
// lesser ones have a type of their own.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "report/format.h"
#include "report/words.h"

namespace plimsoll::report {
namespace {

std::string_view type_of(Severity severity) {
  constexpr std::string_view kTypes[] = {"error", "error", "warning", "notice"};
  return kTypes[static_cast<std::size_t>(severity)];
}

std::string escaped(std::string_view text, std::string_view also = "") {
  std::string out;
  for (const char c : shown(text)) {
    if (c == '%' || also.find(c) != std::string_view::npos)
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

/// What stands between `::error` and `::`.
class Properties {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += fmt::format("{}{}={}", text_.empty() ? " " : ",", name, escaped(value, ",:"));
  }
  void add(std::string_view name, std::size_t value) { add(name, std::to_string(value)); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Properties place_of(const Source& source, const Region& region, const Excerpt& excerpt) {
  Properties properties;
  // Standard input is no file of the repository.
  if (source.file.empty() || source.file == "-") return properties;
  properties.add("file", path_of(source));
  if (region.line == 0) return properties;
  properties.add("line", region.line);
  if (region.end_line > region.line) properties.add("endLine", region.end_line);
  // GitHub takes columns only within a line.
  if (region.end_line != region.line) return properties;
  const auto begin = utf16_column(excerpt, region.line, region.column);
  const auto end = utf16_column(excerpt, region.line, region.end_column);
  if (begin) properties.add("col", *begin);
  if (begin && end) properties.add("endColumn", *end);
  return properties;
}

class GithubWriter : public Writer {
 public:
  GithubWriter(ReportHead head, Sink sink) : head_(std::move(head)), sink_(std::move(sink)) {}

  void add(const Resource& resource) override {
    for (const auto& finding : resource.findings) {
      Properties properties = place_of(resource.source, finding.region, finding.excerpt);
      properties.add("title",
                     fmt::format("{} ({})", finding.check->id, name_of(finding.check->severity)));
      command(type_of(finding.check->severity), properties,
              fmt::format("{}: {}. {}{}", title_of(resource), finding.message,
                          !is_mendable(finding)         ? ""
                          : finding.check->risk.empty() ? "Fix: "
                                                        : "Fix, but test it: ",
                          finding.advice));
    }
    if (resource.outcome != Outcome::Error) return;
    Properties properties = place_of(resource.source, {.line = resource.source.line}, {});
    properties.add("title", "not judged");
    command("error", properties, resource.reason);
  }

  void end(const ReportTail& tail) override {
    for (const std::string& line : tail.missing) {
      Properties properties;
      properties.add("title", "not looked at");
      command("error", properties, line);
    }
    for (const std::string& line : tail.stale) {
      Properties properties;
      properties.add("title", "no longer needed");
      command("notice", properties, line);
    }
    sink_(sum_of(head_, tail.summary) + '\n');
  }

 private:
  void command(std::string_view type, const Properties& properties, std::string_view message) {
    sink_(fmt::format("::{}{}::{}\n", type, properties.text(), escaped(message)));
  }

  ReportHead head_;
  Sink sink_;
};

}  // namespace

extern constinit const Format github{
    .name = "github",
    .meaning = "GitHub's annotations, as workflow commands",
    .open = [](const ReportHead& head, const Style&, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<GithubWriter>(head, std::move(sink));
    }};

}  // namespace plimsoll::report
