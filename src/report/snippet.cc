#include "report/snippet.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "report/characters.h"
#include "report/words.h"

namespace plimsoll::report {
namespace {

constexpr std::size_t kMostColumns = 100;
constexpr std::size_t kTab = 4;
constexpr std::string_view kMore = "...";
// Of a line that is cut at its beginning, this many bytes are left before what is underlined.
constexpr std::size_t kBefore = 40;

/// A part of a line, in bytes.
struct Part {
  std::size_t begin = 0, end = 0;
};

// What a terminal makes of a line, and where in it the mark is.
SnippetLine rendered(std::string_view line, const std::optional<Part>& mark) {
  SnippetLine out;
  std::size_t at = 0, width = 0;
  if (mark && mark->end > kMostColumns && mark->begin > kBefore) {
    at = mark->begin - kBefore;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U) ++at;
    out.text = kMore;
    width = kMore.size();
  }
  for (bool begun = false;;) {
    if (mark && !begun && at >= mark->begin) {
      begun = true;
      out.mark = width;
    }
    if (at >= line.size()) break;
    if (width >= kMostColumns) {
      out.text += kMore;
      break;
    }
    const auto [code, bytes] = first_character(line.substr(at));
    const std::size_t before = width;
    if (code == '\t') {
      width += kTab - width % kTab;
      out.text.append(width - before, ' ');
    } else {
      const std::string character = shown(line.substr(at, bytes));
      // What is hidden has become an escape.
      const bool escape = character.size() > 1 && character.front() == '\\';
      width += escape ? character.size() : width_of(code);
      out.text += character;
    }
    if (mark && at >= mark->begin && at < mark->end) out.mark_width += width - before;
    at += bytes;
  }
  if (mark && out.mark_width == 0) out.mark_width = 1;
  return out;
}

}  // namespace

std::string SnippetLine::underline() const {
  if (mark_width == 0) return "";
  return std::string(mark, ' ') + '^' + std::string(mark_width - 1, '~');
}

std::vector<SnippetLine> snippet_of(const Excerpt& excerpt, const Region& region) {
  std::vector<SnippetLine> lines;
  for (std::size_t i = 0; i < excerpt.lines.size(); ++i) {
    const std::size_t number = excerpt.line + i;
    std::string_view line = excerpt.lines[i];
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    std::optional<Part> mark;
    if (number == region.line && region.column > 0) {
      const bool ends = region.end_line == number && region.end_column > 0;
      mark = {region.column - 1, ends ? region.end_column - 1 : line.size()};
      mark->begin = std::min(mark->begin, line.size());
    }
    lines.push_back(rendered(line, mark));
    lines.back().number = number;
  }
  return lines;
}

}  // namespace plimsoll::report
