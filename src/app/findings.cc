#include "app/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

#include "fix/patch.h"
#include "fix/text.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

// A value's first lines, and what stands around them.
constexpr std::size_t kMostLines = 3, kContext = 2;
constexpr std::size_t kMostChangedLines = 100;
// A longer line is none that a person has written: it is not shown around others, nor, if much
// longer, by itself.
constexpr std::size_t kMostColumns = 500, kMostOwnColumns = 16'000;

bool is_index(std::string_view token) {
  return !token.empty() && token.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What a list's element is called: its name, or what it says itself; empty: by its index.
std::string_view called(const text::YamlDocument& document, std::string_view pointer) {
  const text::YamlNode* const node = document.find(pointer);
  if (node == nullptr) return {};
  if (node->kind == text::YamlKind::kScalar) return document.json(*node);
  for (std::size_t i = 0; i < document.size(*node); ++i)
    if (const auto& child = document.child(*node, i);
        document.key(child) == "name" && child.kind == text::YamlKind::kScalar)
      return document.json(child);
  return {};
}

// What stands there counts as well: another value is another finding.
std::string value_of(const text::YamlDocument& document, std::string_view path) {
  constexpr std::size_t kMost = 80;
  const text::YamlNode* const node = document.find(path);
  if (node == nullptr || is_index(path.substr(path.rfind('/') + 1))) return {};
  const auto value = document.json(*node);
  return fmt::format("={}", value.size() > kMost ? fingerprint_of({value}) : value);
}

}  // namespace

std::string container_of(std::span<const Pod> pods, std::string_view path) {
  for (const Pod& pod : pods)
    for (const Container& c : pod.containers)
      if (path.starts_with(c.path) && (path.size() == c.path.size() || path[c.path.size()] == '/'))
        return c.name;
  return "";
}

// As checks/common.h lists them.
std::vector<std::string_view> containers_named(const ReportedFinding& finding) {
  std::vector<std::string_view> names;
  std::string_view rest = finding.message;
  constexpr std::string_view kWord = "container";
  if (!finding.container.empty() || !rest.starts_with(kWord)) return names;
  rest.remove_prefix(kWord.size());
  if (rest.starts_with('s')) rest.remove_prefix(1);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  while (rest.starts_with('"')) {
    const auto end = std::min(rest.find('"', 1), rest.size());
    names.push_back(rest.substr(1, end - 1));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (rest.starts_with(", ")) rest.remove_prefix(2);
  }
  return names;
}

std::string place_of(const text::YamlDocument& document, std::string_view path) {
  std::string place;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin + 1), path.size());
    const auto token = path.substr(begin + 1, end - begin - 1);
    const auto name = is_index(token) ? called(document, path.substr(0, end)) : std::string_view();
    if (is_index(token))
      place += fmt::format("[{}]", name.empty() ? token : name);
    else
      place += fmt::format("{}{}", place.empty() ? "" : ".", token);
    begin = end;
  }
  return place;
}

/// One document while its resources are made.
class Reporter::Document {
 public:
  Document(const Reporter& of, const JudgedDocument& judged) : of_(of), judged_(judged) {}

  Resource resource_of(const JudgedObject& object) {
    const codec::Manifest& manifest = object.manifest;
    Resource resource;
    resource.source = {of_.file_, document().index, document().nearest(manifest.path).begin.line};
    resource.api_version = manifest.api_version;
    resource.kind = manifest.kind;
    resource.namespace_name = manifest.namespace_name;
    resource.name = manifest.name;
    if (!manifest.skipped.empty()) {
      resource.outcome = Outcome::Skipped;
      resource.reason = manifest.skipped;
      return resource;
    }
    std::vector<const Edit*> all;
    for (const Violation& violation : object.violations) {
      resource.findings.push_back(finding_of(violation, manifest, resource));
      for (const auto& edit : violation.edits) all.push_back(edit.get());
    }
    for (const auto& [violation, acceptance] : object.accepted) {
      resource.accepted.push_back(finding_of(violation, manifest, resource));
      resource.accepted.back().accepted = acceptance;
    }
    if (!resource.findings.empty()) resource.outcome = Outcome::Fail;
    if (!all.empty()) resource.patch = fix::to_json_patch(all, json()).dump();
    return resource;
  }

 private:
  [[nodiscard]] const text::YamlDocument& document() const { return judged_.document; }

  const nlohmann::json& json() {
    if (!json_) json_ = nlohmann::json::parse(document().json());
    return *json_;
  }

  // The value's own place, or that of the nearest thing that should hold it.
  [[nodiscard]] Region region_of(std::string_view path) const {
    const auto* const exact = document().find(path);
    const auto& node = exact != nullptr ? *exact : document().nearest(path);
    const bool by_key = exact == nullptr && node.has_key;
    const auto& begin = by_key ? node.key_begin : node.begin;
    const auto& end = by_key ? node.key_end : node.end;
    return {begin.line, begin.column, end.line, end.column};
  }

  [[nodiscard]] Excerpt excerpt_of(const Region& region) const {
    if (region.line == 0) return {};
    const std::size_t shown = std::min(region.end_line, region.line + kMostLines - 1);
    std::size_t first = region.line, last = std::min(shown, of_.lines_.count());
    const auto fits = [&](std::size_t line) { return of_.lines_[line].size() <= kMostColumns; };
    for (std::size_t i = 0; i < kContext && first > 1 && fits(first - 1); ++i) --first;
    for (std::size_t i = 0; i < kContext && last < of_.lines_.count() && fits(last + 1); ++i)
      ++last;
    return lines_of(first, last);
  }

  [[nodiscard]] Excerpt lines_of(std::size_t first, std::size_t last) const {
    Excerpt excerpt{first, {}};
    for (std::size_t line = first; line <= last; ++line) {
      const auto text = of_.lines_[line];
      if (text.size() > kMostOwnColumns) return {};
      excerpt.lines.emplace_back(text);
    }
    return excerpt;
  }

  // A change is proven by reading the document again: of many findings in a large one not all are.
  std::vector<TextChange> changes_of(std::span<const Edit* const> edits) {
    const std::size_t cost = document().end.offset - document().begin.offset;
    if (cost > to_be_read_) return {};
    to_be_read_ -= cost;
    const auto made = fix::to_text_edits(edits, of_.text_, document());
    std::vector<TextChange> changes;
    if (!made) return changes;
    for (const fix::TextEdit& edit : *made) {
      const auto begin = of_.lines_.place(edit.begin), end = of_.lines_.place(edit.end);
      changes.push_back({{begin.line, begin.column, end.line, end.column}, edit.text});
    }
    return changes;
  }

  ReportedFinding finding_of(const Violation& violation, const codec::Manifest& manifest,
                             const Resource& resource) {
    ReportedFinding finding;
    finding.check = violation.check;
    finding.path = violation.finding.path;
    finding.field = verdict::field_of(finding.path);
    finding.place = place_of(document(), finding.path) + value_of(document(), finding.path);
    finding.message = violation.finding.message;
    finding.advice = verdict::advice(violation, finding.field);
    if (!violation.edits.empty()) {
      std::vector<const Edit*> own;
      for (const auto& edit : violation.edits) own.push_back(edit.get());
      finding.patch = fix::to_json_patch(own, json()).dump();
      if (of_.changes_) finding.changes = changes_of(own);
      if (!finding.changes.empty()) {
        const std::size_t first = finding.changes.front().region.line;
        const std::size_t last = finding.changes.back().region.end_line;
        if (last - first < kMostChangedLines) finding.changed = lines_of(first, last);
      }
    }
    finding.container = container_of(manifest.pods, finding.path);
    finding.region = region_of(finding.path);
    finding.excerpt = excerpt_of(finding.region);
    finding.fingerprint =
        fingerprint_of({resource.source.file, resource.kind, resource.namespace_name, resource.name,
                        finding.check->id, finding.place});
    // One more container is another finding, another order of them is not.
    auto names = containers_named(finding);
    std::ranges::sort(names);
    for (const auto name : names) finding.fingerprint = fingerprint_of({finding.fingerprint, name});
    return finding;
  }

  const Reporter& of_;
  const JudgedDocument& judged_;
  std::optional<nlohmann::json> json_;
  std::size_t to_be_read_ = std::size_t{16} << 20;  // bytes, to prove changes
};

Resource error_resource(const std::string& file, const Error& error) {
  Resource resource;
  resource.source.file = file;
  resource.source.line = error.line;
  resource.outcome = Outcome::Error;
  resource.reason = error.to_string();
  return resource;
}

// FNV-1a of 64 bits. Source: RFC 9923.
std::string fingerprint_of(std::initializer_list<std::string_view> texts) {
  std::uint64_t state = 0xcbf29ce484222325U;
  const auto add = [&](char byte) {
    state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  };
  for (const std::string_view text : texts) {
    for (const char byte : text) add(byte);
    add('\0');
  }
  return fmt::format("{:016x}", state);
}

std::vector<Resource> Reporter::resources_of(const JudgedDocument& judged) const {
  std::vector<Resource> resources;
  for (const Error& error : judged.errors) resources.push_back(error_resource(file_, error));
  Document document(*this, judged);
  for (const JudgedObject& object : judged.objects)
    resources.push_back(document.resource_of(object));
  return resources;
}

}  // namespace plimsoll::app
