#include "app/ignores.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <iterator>
#include <optional>
#include <utility>

#include "policy/nearest.h"
#include "text/utf8.h"

namespace plimsoll::app {
namespace {

constexpr std::string_view kWord = "plimsoll:ignore";

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

const text::Mark& start_of(const text::YamlNode& node) {
  return node.has_key ? node.key_begin : node.properties;
}

/// How many blanks the mark's line begins with.
std::size_t indent_of(std::string_view text, const text::Mark& mark) {
  const std::size_t begin = mark.offset - (mark.column - 1);
  return text.find_first_not_of(" \t", begin) - begin;
}

/// The values of a document that are written where they stand, in the order of the text.
class Written {
 public:
  explicit Written(const text::YamlDocument& document) : document_(document) {
    add(document.root(), false);
    std::ranges::sort(texts_);
    const auto twice = std::ranges::unique(texts_);
    texts_.erase(twice.begin(), twice.end());
  }

  /// The greatest value that begins on the line.
  [[nodiscard]] const text::YamlNode* begins_on(std::size_t line) const {
    const auto at = std::ranges::lower_bound(nodes_, line, {}, line_of);
    return at == nodes_.end() || line_of(*at) != line ? nullptr : *at;
  }

  /// What stands before a comment at the line's end: the last value that begins on the line, with
  /// those around it that begin there too. Brackets that go on are not meant by one of the values
  /// in them, unless they are the element that the line begins with.
  [[nodiscard]] const text::YamlNode* last_on(std::size_t line) const {
    const text::YamlNode* const first = begins_on(line);
    if (first == nullptr) return nullptr;
    const text::YamlNode* node = *std::prev(std::ranges::upper_bound(nodes_, line, {}, line_of));
    for (const text::YamlNode* around = document_.parent(*node);
         around != nullptr && around != &document_.root() && line_of(around) == line;
         around = document_.parent(*around)) {
      const bool element = around == first && !around->has_key;
      if (around->style == text::YamlStyle::kFlow && around->end.line != line &&
          !(element && around->kind == text::YamlKind::kMapping))
        break;
      node = around;
    }
    return node;
  }

  /// The smallest value that ends on a line on which none begins, such as that of a closing
  /// bracket.
  [[nodiscard]] const text::YamlNode* ends_on(std::size_t line) const {
    const auto behind = std::ranges::upper_bound(nodes_, line, {}, line_of);
    if (behind == nodes_.begin()) return nullptr;
    const text::YamlNode* node = *std::prev(behind);
    while (node != nullptr && node->end.line < line) node = document_.parent(*node);
    return node != nullptr && node->end.line == line ? node : nullptr;
  }

  // A `#` inside a value is none that begins a comment.
  [[nodiscard]] bool has_inside(std::size_t offset) const {
    const auto behind = std::ranges::upper_bound(texts_, offset, {}, &Text::begin);
    return behind != texts_.begin() && offset < std::prev(behind)->end;
  }

 private:
  static std::size_t line_of(const text::YamlNode* node) { return start_of(*node).line; }

  struct Text {
    std::size_t begin, end;
    auto operator<=>(const Text&) const = default;
  };

  // As deep as the reader of YAML lets a document be. What came through a merge key may stand in
  // the place of the key or elsewhere: of it only the texts are of concern.
  void add(const text::YamlNode& node, bool merged) {
    merged = merged || node.via_merge;
    if (!merged) nodes_.push_back(&node);
    if (node.has_key) texts_.push_back({node.key_begin.offset, node.key_end.offset});
    if (node.is_alias) return;
    if (node.kind == text::YamlKind::kScalar)
      texts_.push_back({node.begin.offset, node.end.offset});
    for (std::size_t i = 0; i < document_.size(node); ++i) add(document_.child(node, i), merged);
  }

  const text::YamlDocument& document_;
  std::vector<const text::YamlNode*> nodes_;
  std::vector<Text> texts_;  // of keys and scalars; sorted
};

/// A comment's place, and what stands behind its `#`.
struct Comment {
  std::size_t offset = 0, line = 0, column = 0;
  bool alone = false;    ///< nothing else stands on its line
  std::size_t dash = 0;  ///< the column of an element's dash right before it; 0: none
  std::string_view text;
};

std::optional<Comment> comment_at(std::string_view text, std::size_t word, const Written& written) {
  std::size_t hash = word;
  while (hash > 0 && blank(text[hash - 1])) --hash;
  if (hash == 0 || text[--hash] != '#') return std::nullopt;
  const std::size_t feed = hash == 0 ? std::string_view::npos : text.rfind('\n', hash - 1);
  const std::size_t top = text.starts_with(text::kByteOrderMark) ? text::kByteOrderMark.size() : 0;
  const std::size_t start = feed == std::string_view::npos ? top : feed + 1;
  if (hash > start && !blank(text[hash - 1])) return std::nullopt;
  if (written.has_inside(hash)) return std::nullopt;
  Comment comment;
  comment.offset = hash;
  comment.column = hash - start + 1;
  const auto before = trimmed(text.substr(start, hash - start));
  comment.alone = before.empty();
  if (const auto dash = static_cast<std::size_t>(before.data() - text.data()) + before.size() - 1;
      before.ends_with('-') && (dash == start || blank(text[dash - 1])) &&
      !written.has_inside(dash))
    comment.dash = dash - start + 1;
  comment.text = text.substr(word, std::min(text.find('\n', word), text.size()) - word);
  return comment;
}

/// The first line behind a comment that is neither empty nor a comment.
class LineAfter {
 public:
  explicit LineAfter(std::string_view text) : text_(text) {}

  /// 0: there is none. To be asked in the order of the text.
  std::size_t operator()(const Comment& comment) {
    if (comment.offset < at_) return line_;
    line_ = comment.line;
    at_ = comment.offset;
    while ((at_ = text_.find('\n', at_)) != std::string_view::npos) {
      ++at_;
      ++line_;
      const auto content =
          trimmed(text_.substr(at_, std::min(text_.find('\n', at_), text_.size()) - at_));
      if (!content.empty() && content.front() != '#') return line_;
    }
    return line_ = 0;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0, line_ = 0;
};

Error mistake(const Comment& comment, std::string message, std::string remedy) {
  Error error;
  error.line = comment.line;
  error.column = comment.column;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

Result<const Check*> check_named(const Comment& comment, std::string_view id) {
  if (const Check* const check = find_check(id)) return check;
  if (id == "unreadable-field")
    return mistake(comment, "unreadable-field cannot be ignored",
                   "write the field as it should be");
  std::vector<std::string_view> ids;
  for (const Check* check : catalogue()) ids.push_back(check->id);
  const auto nearest = policy::nearest(id, ids);
  return mistake(comment, fmt::format("there is no check \"{}\"", id),
                 policy::distance(id, nearest) <= id.size() / 2
                     ? fmt::format("did you mean {}?", nearest)
                     : "`plimsoll checks` lists them");
}

Result<Ignore> parse(const Comment& comment) {
  // To YAML a carriage return ends a line, and with it the comment.
  if (comment.text.substr(0, comment.text.size() - 1).find('\r') != std::string_view::npos)
    return mistake(comment, "a line of the text ends with a carriage return alone",
                   "save it with line feeds");
  constexpr std::string_view kForm = "write # plimsoll:ignore CHECK -- REASON";
  Ignore ignore;
  ignore.line = comment.line;
  std::string_view rest = comment.text.substr(kWord.size());
  const auto dashes = rest.find("--");
  auto ids = rest.substr(0, dashes);
  if (dashes != std::string_view::npos) ignore.reason = trimmed(rest.substr(dashes + 2));
  while (!(ids = trimmed(ids)).empty()) {
    const auto end = std::min(ids.find_first_of(", \t"), ids.size());
    if (end > 0) {
      auto check = check_named(comment, ids.substr(0, end));
      if (!check) return check.error();
      ignore.checks.push_back(*check);
    }
    ids.remove_prefix(std::min(end + 1, ids.size()));
  }
  if (ignore.checks.empty())
    return mistake(comment, "the ignore comment names no check", std::string(kForm));
  if (ignore.reason.empty())
    return mistake(comment, "the ignore comment gives no reason", std::string(kForm));
  return ignore;
}

}  // namespace

bool Ignore::covers(std::string_view path) const {
  return path.starts_with(target) && (path.size() == target.size() || path[target.size()] == '/');
}

Ignores ignores_of(std::string_view text, std::size_t from, const text::YamlDocument& document) {
  Ignores ignores;
  std::optional<Written> written;
  const auto own = text.substr(0, document.end.offset);
  const auto feeds = [&](std::size_t begin, std::size_t end) {
    return static_cast<std::size_t>(std::ranges::count(text.substr(begin, end - begin), '\n'));
  };
  std::size_t line = document.begin.line - feeds(from, document.begin.offset), counted = from;
  LineAfter line_after(text);
  for (std::size_t at = own.find(kWord, from); at != own.npos;
       at = own.find(kWord, at + kWord.size())) {
    if (!written) written.emplace(document);
    auto comment = comment_at(text, at, *written);
    if (!comment) continue;
    line += feeds(counted, comment->offset);
    counted = comment->offset;
    comment->line = line;
    auto ignore = parse(*comment);
    if (!ignore) {
      ignores.errors.push_back(ignore.error());
      continue;
    }
    const bool below = comment->alone || comment->dash > 0;
    const std::size_t about = below ? line_after(*comment) : line;
    const text::YamlNode* node = below ? written->begins_on(about) : written->last_on(about);
    // An element that is nothing, or a list that ends: what follows is another's.
    if (comment->dash > 0 && node != nullptr && indent_of(text, start_of(*node)) < comment->dash)
      node = nullptr;
    if (comment->alone && node != nullptr && start_of(*node).column < comment->column) {
      ignores.errors.push_back(mistake(*comment,
                                       "the ignore comment is indented deeper than what follows it",
                                       "put it behind the value, or right above it"));
      continue;
    }
    if (node == nullptr && !below) node = written->ends_on(about);
    // On or above the `---` it speaks of all that follows.
    if (node == nullptr && comment->dash == 0 && about != 0 && about <= document.root().begin.line)
      node = &document.root();
    if (node == nullptr) {
      ignores.errors.push_back(mistake(*comment, "the ignore comment speaks of nothing",
                                       "put it behind the value, or on the line above it"));
      continue;
    }
    ignore->target = document.pointer(*node);
    ignores.all.push_back(*std::move(ignore));
  }
  return ignores;
}

}  // namespace plimsoll::app
