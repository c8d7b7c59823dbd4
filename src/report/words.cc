#include "report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "report/characters.h"
#include "text/utf8.h"
#include "verdict/words.h"

namespace plimsoll::report {

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string shown(std::string_view text) {
  return verdict::printable(text::replace_invalid_utf8(std::string(text)));
}

std::string shown_code(std::string_view line) {
  std::string out;
  for (;;) {
    const auto tab = line.find('\t');
    out += shown(line.substr(0, tab));
    if (tab == std::string_view::npos) return out;
    out += '\t';
    line.remove_prefix(tab + 1);
  }
}

std::string title_of(const Resource& resource) {
  std::string title = resource.kind.empty() ? "document" : resource.kind;
  if (!resource.namespace_name.empty() || !resource.name.empty()) title += ' ';
  if (!resource.namespace_name.empty()) title += resource.namespace_name + "/";
  return shown(title + resource.name);
}

std::string place_of(const Source& source, std::size_t line, std::size_t column) {
  if (source.file.empty()) return "";
  std::string place = source.file == "-" ? "<stdin>" : shown(source.file);
  if (line > 0) place += fmt::format(":{}", line);
  if (line > 0 && column > 0) place += fmt::format(":{}", column);
  return place;
}

std::string path_of(const Source& source) {
  if (source.file == "-") return "<stdin>";
  return std::filesystem::path(source.file).lexically_normal().generic_string();
}

std::string name_of(const Fact& fact) {
  std::string name;
  for (const char c : fact.name) {
    if (c >= 'A' && c <= 'Z')
      name += {' ', static_cast<char>(c - 'A' + 'a')};
    else
      name += c;
  }
  return name;
}

std::string value_of(const Fact& fact) {
  if (const auto* text = std::get_if<std::string>(&fact.value)) return shown(*text);
  return std::to_string(std::get<std::uint64_t>(fact.value));
}

std::string facts_of(const Resource& resource) {
  std::vector<std::string> all;
  for (const Fact& fact : resource.facts)
    all.push_back(fmt::format("{}: {}", name_of(fact), value_of(fact)));
  return all.empty() ? "" : fmt::format(" ({})", fmt::join(all, ", "));
}

std::string tag_of(const ReportedFinding& finding) {
  std::string tag =
      fmt::format("{}, {}", finding.check->id, plimsoll::name_of(finding.check->severity));
  if (finding.mode.empty() && finding.template_ref.empty()) return tag;
  tag += ", " + std::string(finding.mode.empty() ? "asked for" : finding.mode);
  if (!finding.template_ref.empty()) tag += " by " + shown(finding.template_ref);
  return tag;
}

std::vector<std::size_t> section_order(std::string_view section) {
  std::vector<std::size_t> parts(1);
  for (const char c : section) {
    if (c == '.')
      parts.push_back(0);
    else if (c >= '0' && c <= '9')
      parts.back() = parts.back() * 10 + static_cast<std::size_t>(c - '0');
  }
  return parts;
}

std::string sum_of(const ReportHead& head, const Summary& sum) {
  std::string out = head.subject.empty() ? "" : shown(head.subject) + ": ";
  out += fmt::format("{} against {}: {} passed, {} failed", plural(sum.resources, "resource"),
                     head.template_ref, sum.passed, sum.failed);
  if (sum.errors > 0) out += fmt::format(", {}", plural(sum.errors, "error"));
  if (sum.skipped > 0) out += fmt::format(", {} skipped", sum.skipped);
  out += fmt::format("; {}", plural(sum.findings, "finding"));
  if (sum.accepted > 0) out += fmt::format(", {} accepted", sum.accepted);
  return out;
}

std::vector<const ReportedFinding*> by_place(const Resource& resource) {
  std::vector<const ReportedFinding*> findings;
  for (const auto& finding : resource.findings) findings.push_back(&finding);
  std::ranges::stable_sort(findings, {}, [](const ReportedFinding* finding) {
    const Region& at = finding->region;
    return std::array{at.line, at.column, at.end_line, at.end_column};
  });
  return findings;
}

std::optional<std::string_view> line_of(const Excerpt& excerpt, std::size_t line) {
  if (line < excerpt.line || line - excerpt.line >= excerpt.lines.size()) return std::nullopt;
  return excerpt.lines[line - excerpt.line];
}

std::optional<std::size_t> utf16_column(const Excerpt& excerpt, std::size_t line,
                                        std::size_t column) {
  if (column == 0) return std::nullopt;
  if (column == 1) return 1;
  const auto text = line_of(excerpt, line);
  if (!text) return std::nullopt;
  return utf16_units(text->substr(0, column - 1)) + 1;
}

}  // namespace plimsoll::report
