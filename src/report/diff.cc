#include "report/diff.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace plimsoll::report {
namespace {

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// What stands before, between and behind the line feeds.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> lines;
  for (;;) {
    const auto end = text.find('\n');
    lines.emplace_back(without_return(text.substr(0, end)));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

/// The excerpt as one text, a line feed behind each line.
class ExcerptText {
 public:
  explicit ExcerptText(const Excerpt& excerpt) : first_(excerpt.line) {
    for (const std::string& line : excerpt.lines) {
      begins_.push_back(text_.size());
      text_ += without_return(line);
      text_ += '\n';
    }
    begins_.push_back(text_.size());
  }

  [[nodiscard]] const std::string& text() const { return text_; }

  /// Nothing: the place is not in the excerpt.
  [[nodiscard]] std::optional<std::size_t> offset_of(std::size_t line, std::size_t column) const {
    const std::size_t index = line - first_;
    if (line < first_ || column == 0 || index >= begins_.size()) return std::nullopt;
    if (index + 1 == begins_.size())
      return column == 1 ? std::optional(text_.size()) : std::nullopt;
    return std::min(begins_[index] + column, begins_[index + 1]) - 1;
  }

 private:
  std::size_t first_;
  std::string text_;
  std::vector<std::size_t> begins_;  // of the lines, and of what is behind the last
};

/// Lines that come whole, so that no other needs to be seen.
struct WholeLines {
  std::size_t number;  ///< of the first, if no other change stands above
  std::vector<std::string> lines;
};

std::optional<WholeLines> whole_lines(const TextChange& change) {
  const Region& at = change.region;
  std::string_view text = change.text;
  if (at.line != at.end_line || at.column != at.end_column) return std::nullopt;
  if (at.column == 1 && text.ends_with('\n')) {
    text.remove_suffix(1);
    return WholeLines{at.line, split(text)};
  }
  if (text.starts_with('\r')) text.remove_prefix(1);
  if (at.column == 1 || !text.starts_with('\n')) return std::nullopt;
  return WholeLines{at.line + 1, split(text.substr(1))};
}

// As many lines stay as can: the longest common subsequence, of a few lines.
void append_diff(const std::vector<std::string>& before, const std::vector<std::string>& after,
                 std::size_t number, std::size_t number_after, std::vector<DiffLine>& out) {
  // stay[i][k]: how many do of those from i and from k on.
  std::vector stay(before.size() + 1, std::vector<std::size_t>(after.size() + 1));
  for (std::size_t i = before.size(); i-- > 0;)
    for (std::size_t k = after.size(); k-- > 0;)
      stay[i][k] =
          before[i] == after[k] ? stay[i + 1][k + 1] + 1 : std::max(stay[i + 1][k], stay[i][k + 1]);
  for (std::size_t i = 0, k = 0; i < before.size() || k < after.size();) {
    if (i < before.size() && k < after.size() && before[i] == after[k]) {
      out.push_back({' ', number + i, before[i]});
      ++i;
      ++k;
    } else if (k == after.size() || (i < before.size() && stay[i + 1][k] >= stay[i][k + 1])) {
      out.push_back({'-', number + i, before[i]});
      ++i;
    } else {
      out.push_back({'+', number_after + k, after[k]});
      ++k;
    }
  }
}

}  // namespace

std::vector<DiffLine> diff_of(const ReportedFinding& finding) {
  if (finding.changes.empty()) return {};
  const ExcerptText excerpt(finding.excerpt);
  std::vector<DiffLine> out, below;
  std::string after;
  std::size_t copied = 0, grown = 0, above = 0;
  for (const TextChange& change : finding.changes) {
    const auto begin = excerpt.offset_of(change.region.line, change.region.column);
    const auto end = excerpt.offset_of(change.region.end_line, change.region.end_column);
    if (begin && end && *begin >= copied && *end >= *begin) {
      after += excerpt.text().substr(copied, *begin - copied) + change.text;
      copied = *end;
      continue;
    }
    auto lines = whole_lines(change);
    if (!lines) return {};
    const bool is_above = lines->number < finding.excerpt.line;
    std::size_t number = lines->number + grown;
    grown += lines->lines.size();
    if (is_above) above += lines->lines.size();
    for (std::string& line : lines->lines)
      (is_above ? out : below).push_back({'+', number++, std::move(line)});
  }
  after += excerpt.text().substr(copied);
  // Both end with a line feed, behind which there is no line.
  auto old_lines = split(excerpt.text()), new_lines = split(after);
  if (old_lines.back().empty() && new_lines.back().empty()) {
    old_lines.pop_back();
    new_lines.pop_back();
  }
  append_diff(old_lines, new_lines, finding.excerpt.line, finding.excerpt.line + above, out);
  std::ranges::move(below, std::back_inserter(out));
  return out;
}

}  // namespace plimsoll::report
