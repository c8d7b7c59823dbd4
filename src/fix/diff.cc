#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "fix/text.h"

namespace plimsoll::fix {
namespace {

/// A part of the text before, or something put in.
struct Piece {
  std::size_t begin = 0, end = 0;  ///< of the text before
  std::string put;                 ///< empty: it is the text before
  [[nodiscard]] std::size_t size() const { return put.empty() ? end - begin : put.size(); }
};

using Texts = std::vector<std::string_view>;

// The lines of a text, with their line breaks.
Texts lines_of(std::string_view text) {
  Texts lines;
  while (!text.empty()) {
    const auto feed = std::min(text.find('\n'), text.size() - 1);
    lines.push_back(text.substr(0, feed + 1));
    text.remove_prefix(feed + 1);
  }
  return lines;
}

/// Lines of the text before, [begin, end), and what they become.
struct Hunk {
  std::size_t begin, end;
  std::string text;
};

// The edits in whole lines, and of these only those that differ.
std::vector<Hunk> hunks_of(std::string_view before, const Texts& lines,
                           std::span<const TextEdit> edits) {
  std::vector<Hunk> hunks;
  std::size_t line = 0, begin = 0;  // of the line
  for (std::size_t i = 0; i < edits.size();) {
    while (line + 1 < lines.size() && begin + lines[line].size() <= edits[i].begin)
      begin += lines[line++].size();
    Hunk hunk{line, line, ""};
    std::size_t at = begin, end = begin;
    // As long as edits stand in the lines of the one before, which the end does where it has no
    // line feed.
    do {
      hunk.text += before.substr(at, edits[i].begin - at);
      hunk.text += edits[i].text;
      at = edits[i].end;
      while (hunk.end < lines.size() && (end < at || end == begin)) end += lines[hunk.end++].size();
      ++i;
    } while (i < edits.size() &&
             (edits[i].begin < end || (end == before.size() && !before.ends_with('\n'))));
    hunk.text += before.substr(at, end - at);
    const auto after = lines_of(hunk.text);
    std::size_t head = 0, tail = 0;
    const std::size_t most = std::min(after.size(), hunk.end - hunk.begin);
    while (head < most && after[head] == lines[hunk.begin + head]) ++head;
    while (tail < most - head && after[after.size() - 1 - tail] == lines[hunk.end - 1 - tail])
      ++tail;
    std::string changed;
    for (std::size_t k = head; k + tail < after.size(); ++k) changed += after[k];
    line = hunk.end;
    begin = end;
    hunk = {hunk.begin + head, hunk.end - tail, std::move(changed)};
    if (hunk.begin < hunk.end || !hunk.text.empty()) hunks.push_back(std::move(hunk));
  }
  return hunks;
}

void put_line(std::string& out, char mark, std::string_view line) {
  out += mark;
  out += line;
  if (!line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
}

// `12,3`, or `12` of one line; of none the line before.
std::string range(std::size_t begin, std::size_t count) {
  if (count == 1) return fmt::format("{}", begin + 1);
  return fmt::format("{},{}", count == 0 ? begin : begin + 1, count);
}

// A name as git writes it: in quotes where its bytes need them; with a tab behind it where patch
// would take a space for its end.
std::string path_of(std::string_view side, std::string_view name) {
  std::string path(side);
  bool quoted = false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool escaped = c == '"' || c == '\\';
    quoted |= escaped || byte < ' ' || byte == 0x7F;
    if (escaped)
      path += {'\\', c};
    else if (c == '\n')
      path += "\\n";
    else if (byte < ' ' || byte == 0x7F)
      path += fmt::format("\\{:03o}", byte);
    else
      path += c;
  }
  if (quoted) return '"' + path + '"';
  return path.find(' ') == path.npos ? path : path + '\t';
}

}  // namespace

std::vector<TextEdit> compose(std::size_t size_before, std::span<const TextEdit> first,
                              std::span<const TextEdit> second) {
  std::vector<Piece> pieces;
  std::size_t at = 0;
  for (const TextEdit& edit : first) {
    if (edit.begin > at) pieces.push_back({at, edit.begin, ""});
    if (!edit.text.empty()) pieces.push_back({0, 0, edit.text});
    at = edit.end;
  }
  if (size_before > at) pieces.push_back({at, size_before, ""});

  std::vector<Piece> after;
  std::size_t piece = 0, used = 0, position = 0;  // in the text after `first`
  // Takes what is before `end` there, or drops it.
  const auto pass = [&](std::size_t end, bool keep) {
    while (position < end) {
      const Piece& from = pieces[piece];
      const std::size_t count = std::min(end - position, from.size() - used);
      if (keep && from.put.empty())
        after.push_back({from.begin + used, from.begin + used + count, ""});
      else if (keep)
        after.push_back({0, 0, from.put.substr(used, count)});
      position += count;
      used += count;
      if (used == from.size()) ++piece, used = 0;
    }
  };
  for (const TextEdit& edit : second) {
    pass(edit.begin, true);
    pass(edit.end, false);
    if (!edit.text.empty()) after.push_back({0, 0, edit.text});
  }
  std::size_t rest = position;
  for (std::size_t i = piece; i < pieces.size(); ++i) rest += pieces[i].size();
  pass(rest - used, true);

  std::vector<TextEdit> edits;
  TextEdit edit;
  for (const Piece& part : after) {
    if (!part.put.empty()) {
      edit.text += part.put;
      continue;
    }
    if (part.begin > edit.begin || !edit.text.empty()) {
      edit.end = part.begin;
      if (edit.begin != edit.end || !edit.text.empty()) edits.push_back(std::move(edit));
    }
    edit = {part.end, part.end, ""};
  }
  edit.end = size_before;
  if (edit.begin != edit.end || !edit.text.empty()) edits.push_back(std::move(edit));
  return edits;
}

std::string unified_diff(std::string_view name, std::string_view before,
                         std::span<const TextEdit> edits) {
  constexpr std::size_t kContext = 3;
  const Texts lines = lines_of(before);
  const std::vector<Hunk> hunks = hunks_of(before, lines, edits);
  if (hunks.empty()) return {};
  while (name.starts_with('/')) name.remove_prefix(1);
  std::string out = fmt::format("--- {}\n+++ {}\n", path_of("a/", name), path_of("b/", name));
  std::size_t shift_by = 0, shift_back = 0;  // how many lines came and went so far
  for (std::size_t i = 0; i < hunks.size();) {
    const std::size_t begin = hunks[i].begin - std::min(hunks[i].begin, kContext);
    std::string body;
    std::size_t at = begin, come = 0, go = 0;
    const auto context = [&](std::size_t end) {
      for (; at < end; ++at) put_line(body, ' ', lines[at]);
    };
    do {
      const Hunk& hunk = hunks[i];
      context(hunk.begin);
      for (; at < hunk.end; ++at, ++go) put_line(body, '-', lines[at]);
      for (const auto line : lines_of(hunk.text)) put_line(body, '+', line), ++come;
      ++i;
    } while (i < hunks.size() && hunks[i].begin <= at + 2 * kContext);
    context(std::min(at + kContext, lines.size()));
    const std::size_t old_count = at - begin, new_count = old_count + come - go;
    out += fmt::format("@@ -{} +{} @@\n", range(begin, old_count),
                       range(begin + shift_by - shift_back, new_count));
    out += body;
    shift_by += come;
    shift_back += go;
  }
  return out;
}

}  // namespace plimsoll::fix
