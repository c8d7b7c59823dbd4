// Source: OASIS SARIF 2.1.0 with errata 01, and what GitHub reads of it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/format.h"
#include "report/words.h"
#include "text/utf8.h"

namespace plimsoll::report {
namespace {

using Json = nlohmann::ordered_json;

// An excerpt with a line longer than this is a file in one line: nobody wants it with each finding.
constexpr std::size_t kMostSnippet = 4096;

std::string_view level_of(Severity severity) {
  constexpr std::string_view kNames[] = {"error", "error", "warning", "note"};
  return kNames[static_cast<std::size_t>(severity)];
}

// GitHub takes its own words for severities from these: critical from 9, high from 7, medium
// from 4.
std::string_view score_of(Severity severity) {
  constexpr std::string_view kScores[] = {"9.5", "8.0", "5.5", "2.0"};
  return kScores[static_cast<std::size_t>(severity)];
}

// A relative reference, or file: and an absolute path. Source: RFC 3986, 2.3 and 4.2: a colon in
// the first segment would end a scheme.
std::string uri_of(const Source& source) {
  const std::string path = path_of(source);
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain)
      uri += c;
    else
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

Json artifact_of(const Source& source) {
  Json artifact{{"uri", uri_of(source)}};
  if (source.file != "-" && !source.file.starts_with('/')) artifact["uriBaseId"] = "%SRCROOT%";
  return artifact;
}

// Leaves out columns of lines that are not to be seen: SARIF counts them in characters.
Json region_of(const Region& region, const Excerpt& excerpt) {
  Json json{{"startLine", region.line}};
  const auto begin = utf16_column(excerpt, region.line, region.column);
  const auto end = utf16_column(excerpt, region.end_line, region.end_column);
  if (begin) json["startColumn"] = *begin;
  if (region.end_line >= region.line) json["endLine"] = region.end_line;
  if (begin && end && region.end_line >= region.line) json["endColumn"] = *end;
  return json;
}

Json location_of(const Source& source, const Region& region, const Excerpt& excerpt) {
  Json physical{{"artifactLocation", artifact_of(source)}};
  if (region.line > 0) physical["region"] = region_of(region, excerpt);
  std::size_t bytes = 0;
  std::string snippet;
  for (const std::string& line : excerpt.lines) {
    bytes = std::max(bytes, line.size());
    snippet += line + '\n';
  }
  if (region.line > 0 && !excerpt.lines.empty() && bytes <= kMostSnippet)
    physical["contextRegion"] = {{"startLine", excerpt.line},
                                 {"endLine", excerpt.line + excerpt.lines.size() - 1},
                                 {"snippet", {{"text", text::replace_invalid_utf8(snippet)}}}};
  return physical;
}

// `[a](b)` in a message is a link, but for a backslash. Brackets alone are left as they are: not
// every viewer knows of the backslash, and fields have many.
std::string plain(std::string_view text) {
  std::string out = shown(text);
  for (std::size_t at = 0; (at = out.find("](", at)) != std::string::npos; at += 3)
    out.insert(at, 1, '\\');
  return out;
}

// Only whole: a change that is half known mends nothing.
std::optional<Json> fix_of(const Source& source, const ReportedFinding& finding) {
  if (finding.changes.empty()) return std::nullopt;
  Json replacements = Json::array();
  for (const TextChange& change : finding.changes) {
    Json region = region_of(change.region, finding.changed);
    if (!region.contains("endColumn")) return std::nullopt;
    Json& replacement = replacements.emplace_back(Json{{"deletedRegion", std::move(region)}});
    if (!change.text.empty())
      replacement["insertedContent"] = {{"text", text::replace_invalid_utf8(change.text)}};
  }
  std::string description = plain(finding.advice);
  if (!finding.check->risk.empty())
    description += fmt::format(". Test it first: {}", finding.check->risk);
  return Json{{"description", {{"text", std::move(description)}}},
              {"artifactChanges",
               {{{"artifactLocation", artifact_of(source)}, {"replacements", replacements}}}}};
}

Json suppression_of(const Acceptance& acceptance) {
  const bool ignored = acceptance.by == Acceptance::By::Ignore;
  return {{"kind", ignored ? "inSource" : "external"},
          {"status", "accepted"},
          {"justification", ignored ? shown(acceptance.reason) : "it is in the baseline"}};
}

Json result_of(const Resource& resource, const ReportedFinding& finding, std::size_t rule) {
  const Source& source = resource.source;
  Json location;
  if (!source.file.empty())
    location["physicalLocation"] = location_of(source, finding.region, finding.excerpt);
  location["logicalLocations"] = {
      {{"name", shown(finding.field)},
       {"fullyQualifiedName", title_of(resource) + ": " + shown(finding.field)},
       {"kind", "property"}}};
  Json result{{"ruleId", finding.check->id},
              {"ruleIndex", rule},
              {"level", level_of(finding.check->severity)},
              {"message",
               {{"text", plain(fmt::format("{}. {}{}.", finding.message,
                                           !is_mendable(finding)         ? ""
                                           : finding.check->risk.empty() ? "Fix: "
                                                                         : "Fix, but test it: ",
                                           finding.advice))}}},
              {"locations", {std::move(location)}}};
  if (!finding.fingerprint.empty())
    result["partialFingerprints"] = {{"plimsoll/v1", finding.fingerprint}};
  if (auto fix = fix_of(source, finding)) result["fixes"] = {std::move(*fix)};
  if (finding.accepted) result["suppressions"] = {suppression_of(*finding.accepted)};
  return result;
}

Json help_of(const Check& check) {
  std::string references;
  for (const Reference& reference : check.references)
    references += fmt::format("- {}: {}\n", reference.standard, reference.section);
  std::string text = fmt::format("{}\n\nFix: {}\n", check.rationale, check.remedy);
  std::string markdown = fmt::format("{}\n\n**Fix:** {}\n", check.rationale, check.remedy);
  if (!check.risk.empty()) {
    text += fmt::format("\nTest it: {}\n", check.risk);
    markdown += fmt::format("\n**Test it:** {}\n", check.risk);
  }
  const auto example = [&](std::string_view title, std::string_view yaml) {
    if (yaml.empty()) return;
    text += fmt::format("\n{}:\n\n{}", title, yaml);
    markdown += fmt::format("\n{}:\n\n```yaml\n{}```\n", title, yaml);
  };
  example("Found", check.counterexample);
  example("Passes", check.example);
  if (!references.empty()) {
    text += "\nReferences:\n" + references;
    markdown += "\nReferences:\n\n" + references;
  }
  return {{"text", std::move(text)}, {"markdown", std::move(markdown)}};
}

Json rule_of(const Check& check) {
  return {{"id", check.id},
          {"shortDescription", {{"text", fmt::format("{}.", check.title)}}},
          {"fullDescription", {{"text", check.rationale}}},
          {"help", help_of(check)},
          {"defaultConfiguration", {{"level", level_of(check.severity)}}},
          {"properties",
           {{"precision", "very-high"},
            {"security-severity", score_of(check.severity)},
            {"tags", {"security", "kubernetes"}}}}};
}

Json notification_of(const Resource& resource) {
  const bool error = resource.outcome == Outcome::Error;
  Json notification{{"level", error ? "error" : "note"},
                    {"message",
                     {{"text", error ? plain(resource.reason)
                                     : fmt::format("{} is skipped: {}", plain(title_of(resource)),
                                                   plain(resource.reason))}}}};
  if (!resource.source.file.empty())
    notification["locations"] = {
        {{"physicalLocation", location_of(resource.source, {.line = resource.source.line}, {})}}};
  return notification;
}

// Results are written as they come; what they refer to, and what there is but one of, comes behind.
class SarifWriter : public Writer {
 public:
  SarifWriter(ReportHead head, Sink sink) : head_(std::move(head)), sink_(std::move(sink)) {
    sink_(R"({
"version": "2.1.0",
"$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
"runs": [{
"columnKind": "utf16CodeUnits",
"results": [)");
  }

  void add(const Resource& resource) override {
    for (const auto& finding : resource.findings) add(resource, finding);
    for (const auto& finding : resource.accepted) add(resource, finding);
    if (resource.outcome == Outcome::Error || resource.outcome == Outcome::Skipped)
      notifications_ += (notifications_.empty() ? "\n" : ",\n") + notification_of(resource).dump();
  }

  void end(const ReportTail& tail) override {
    for (const std::string& line : tail.missing)
      notifications_ +=
          (notifications_.empty() ? "\n" : ",\n") +
          Json{{"level", "error"}, {"message", {{"text", "not looked at: " + plain(line)}}}}.dump();
    Json rules = Json::array();
    for (const Check* const check : rules_) rules.push_back(rule_of(*check));
    const Json driver{{"name", "Plimsoll"},
                      {"version", head_.version},
                      {"semanticVersion", head_.version},
                      {"rules", std::move(rules)}};
    sink_("],\n\"tool\": {\"driver\": " + driver.dump() +
          "},\n\"originalUriBaseIds\": {\"%SRCROOT%\": {\"description\": {\"text\": \"The folder "
          "that plimsoll ran in.\"}}},\n\"invocations\": [{\"executionSuccessful\": " +
          (tail.summary.errors == 0 && tail.missing.empty() ? "true" : "false") +
          ", \"toolExecutionNotifications\": [" + notifications_ +
          "]}],\n\"properties\": " + Json{{"template", head_.template_ref}}.dump() + "\n}]\n}\n");
  }

 private:
  void add(const Resource& resource, const ReportedFinding& finding) {
    const auto at = std::ranges::find(rules_, finding.check);
    const auto rule = static_cast<std::size_t>(at - rules_.begin());
    if (at == rules_.end()) rules_.push_back(finding.check);
    sink_(first_ ? "\n" : ",\n");
    sink_(result_of(resource, finding, rule).dump());
    first_ = false;
  }

  ReportHead head_;
  Sink sink_;
  bool first_ = true;
  std::vector<const Check*> rules_;  // a result's ruleIndex counts in it
  std::string notifications_;
};

}  // namespace

extern constinit const Format sarif{
    .name = "sarif",
    .meaning = "SARIF 2.1.0, for code scanning",
    .changes = true,
    .open = [](const ReportHead& head, const Style&, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<SarifWriter>(head, std::move(sink));
    }};

}  // namespace plimsoll::report
