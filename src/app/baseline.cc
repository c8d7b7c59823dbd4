#include "app/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "app/console.h"
#include "app/findings.h"
#include "plimsoll/verdict.h"
#include "text/lines.h"
#include "text/utf8.h"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kStdinPath = "-";

Error about(const std::string& path, std::string field, std::string message) {
  Error error;
  error.file = path;
  error.field = std::move(field);
  error.message = std::move(message);
  error.remedy = "write it again with --write-baseline";
  return error;
}

// JSON has no place for the bytes that a file's name may have and UTF-8 has not.
std::string escaped(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::size_t length = text::utf8_length(name);
    if (length > 0)
      out += name.substr(0, length);
    else
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(name.front()));
    name.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

// Takes the name apart from the file: `web.yaml: Deployment shop/web: drop-all at spec...`.
std::string in_words(std::string_view file, std::string_view kind, std::string_view namespace_name,
                     std::string_view name, std::string_view check, std::string_view place) {
  return fmt::format("{}: {} {}{}{}: {} at {}", file == kStdinPath ? kStdin : file, kind,
                     namespace_name, namespace_name.empty() ? "" : "/", name, check, place);
}

}  // namespace

Baseline::Baseline(std::string path) : path_(std::move(path)) {
  std::error_code ignored;
  folder_ = fs::weakly_canonical(fs::absolute(path_, ignored), ignored).parent_path().string();
}

std::string Baseline::seen_from_here(const std::string& file) const {
  if (file == kStdinPath) return file;
  std::error_code problem;
  const fs::path whole = fs::weakly_canonical(fs::absolute(file, problem), problem);
  return escaped(whole.lexically_proximate(folder_).generic_string());
}

std::vector<Baseline::Entry> Baseline::entries_of(const Resource& resource,
                                                  const ReportedFinding& finding) const {
  const Entry entry = {
      seen_from_here(resource.source.file), resource.kind, resource.namespace_name, resource.name,
      std::string(finding.check->id),       finding.place};
  std::vector<Entry> entries;
  for (const auto name : containers_named(finding)) {
    entries.push_back(entry);
    entries.back().place += fmt::format(" of container \"{}\"", name);
  }
  if (entries.empty()) entries.push_back(entry);
  return entries;
}

Result<Baseline> Baseline::read(const std::string& path) {
  const auto text = read_file(path);
  if (!text) {
    Error error = text.error();
    error.remedy = "--write-baseline makes one";
    return error;
  }
  Json json;
  try {
    json = Json::parse(*text);
  } catch (const Json::parse_error& problem) {
    Error error = about(path, "", "is not JSON");
    const auto place = text::Lines(*text).place(problem.byte == 0 ? 0 : problem.byte - 1);
    error.line = place.line;
    error.column = place.column;
    return error;
  }
  if (!json.is_object() || json.value("schemaVersion", Json()) != 1)
    return about(path, "schemaVersion", "must be 1");
  // A manifest may have fields that are no manifest's.
  for (const char* field : {"apiVersion", "kind"})
    if (json.contains(field)) return about(path, field, "is no field of a baseline");
  const auto findings = json.find("findings");
  if (findings == json.end() || !findings->is_array())
    return about(path, "findings", "must be a list");
  Baseline baseline(path);
  for (std::size_t i = 0; i < findings->size(); ++i) {
    const Json& item = (*findings)[i];
    Entry entry;
    const std::pair<std::string_view, std::string Entry::*> kTexts[] = {
        {"file", &Entry::file}, {"kind", &Entry::kind},   {"namespace", &Entry::namespace_name},
        {"name", &Entry::name}, {"check", &Entry::check}, {"place", &Entry::place}};
    for (const auto& [name, member] : kTexts) {
      const auto at = item.is_object() ? item.find(name) : item.end();
      if (!item.is_object() || at == item.end() || !at->is_string())
        return about(path, fmt::format("findings[{}].{}", i, name), "must be a text");
      entry.*member = at->get<std::string>();
    }
    const Json count = item.value("count", Json(1U));
    if (!count.is_number_unsigned() || count == 0 || count > 1'000'000)
      return about(path, fmt::format("findings[{}].count", i),
                   "must be a number from 1 to 1000000");
    baseline.known_[std::move(entry)] += count.get<std::size_t>();
  }
  return baseline;
}

void Baseline::accept(Resource& resource) {
  // Past so many not all rules were looked at: nothing can be accepted then.
  if (resource.findings.size() >= kMaxViolations) return;
  std::vector<ReportedFinding> fresh;
  for (ReportedFinding& finding : resource.findings) {
    const auto entries = entries_of(resource, finding);
    // One by one, for two containers may have one name. What is known is used up also where the
    // finding counts for another container: it is still found.
    bool known = true;
    for (const Entry& entry : entries) {
      const auto at = known_.find(entry);
      if (at == known_.end() || at->second == 0)
        known = false;
      else
        --at->second;
    }
    if (!known) {
      fresh.push_back(std::move(finding));
      continue;
    }
    finding.accepted = Acceptance{Acceptance::By::Baseline, ""};
    resource.accepted.push_back(std::move(finding));
  }
  resource.findings = std::move(fresh);
  if (resource.outcome == Outcome::Fail && resource.findings.empty())
    resource.outcome = Outcome::Pass;
}

void Baseline::add(const Resource& resource) {
  for (const ReportedFinding& finding : resource.findings) {
    for (Entry& entry : entries_of(resource, finding)) ++known_[std::move(entry)];
    ++added_;
  }
}

std::vector<std::string> Baseline::stale() const {
  std::vector<std::string> lines;
  for (const auto& [entry, left] : known_) {
    if (left == 0) continue;
    std::error_code ignored;
    // Of a file that was not looked at nothing is known, and a name that is escaped finds none.
    if (!read_.contains(entry.file) &&
        (entry.file == kStdinPath || entry.file.find("\\x") != entry.file.npos ||
         fs::exists(fs::path(folder_) / entry.file, ignored)))
      continue;
    lines.push_back(fmt::format("{}: no longer found: {}", path_,
                                in_words(entry.file, entry.kind, entry.namespace_name, entry.name,
                                         entry.check, entry.place)));
  }
  return lines;
}

std::string Baseline::to_json(std::string_view template_ref) const {
  Json findings = Json::array();
  for (const auto& [entry, count] : known_) {
    Json item{{"file", entry.file}, {"kind", entry.kind},   {"namespace", entry.namespace_name},
              {"name", entry.name}, {"check", entry.check}, {"place", entry.place}};
    if (count > 1) item["count"] = count;
    findings.push_back(std::move(item));
  }
  const Json json{
      {"schemaVersion", 1}, {"template", template_ref}, {"findings", std::move(findings)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plimsoll::app
