#include "fix/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "fix/patch.h"
#include "fix/plan.h"
#include "fix/spelling.h"

namespace plimsoll::fix {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using text::Mark;
using text::YamlDocument;
using text::YamlKind;
using text::YamlNode;
using text::YamlStyle;

constexpr std::string_view kBlank = " \t\r\n";

bool same(const ordered_json& a, const ordered_json& b) { return json(a) == json(b); }

/// Where the lines of a document begin and end. A line's end is before its line break.
class Lines {
 public:
  // Found once: a file may be one line of megabytes. And only the document's own with the one
  // before, and the one behind when it is asked for: a file, or its one line, may be many
  // documents.
  Lines(std::string_view text, const YamlDocument& document)
      : text_(text), own_end_(document.end.offset) {
    const std::size_t first = document.begin.offset - (document.begin.column - 1);
    if (first > 0 && text[first - 1] == '\n') feeds_.push_back(first - 1);
    const auto own = text.substr(0, own_end_);
    for (std::size_t at = document.begin.offset; (at = own.find('\n', at)) != own.npos; ++at)
      feeds_.push_back(at);
  }

  [[nodiscard]] std::size_t begin(std::size_t at) const {
    const auto behind = std::ranges::lower_bound(feeds_, at);
    return behind == feeds_.begin() ? 0 : *std::prev(behind) + 1;
  }
  [[nodiscard]] std::size_t end(std::size_t at) const {
    const std::size_t feed = feed_of(at);
    return feed < text_.size() && feed > at && text_[feed - 1] == '\r' ? feed - 1 : feed;
  }
  /// The next line's begin; the text's end behind the last.
  [[nodiscard]] std::size_t next(std::size_t at) const {
    return std::min(feed_of(at) + 1, text_.size());
  }
  /// The end of the line before the one at `at`; empty: there is none.
  [[nodiscard]] std::optional<std::size_t> end_before(std::size_t at) const {
    const std::size_t here = begin(at);
    if (here == 0) return std::nullopt;
    return here > 1 && text_[here - 2] == '\r' ? here - 2 : here - 1;
  }
  [[nodiscard]] bool blank(std::size_t from, std::size_t to) const {
    return text_.substr(from, to - from).find_first_not_of(kBlank) == text_.npos;
  }
  /// Whether nothing but a comment stands there.
  [[nodiscard]] bool idle(std::size_t from, std::size_t to) const {
    const auto first = text_.substr(from, to - from).find_first_not_of(kBlank);
    return first == text_.npos || text_[from + first] == '#';
  }
  /// The white space that the line begins with.
  [[nodiscard]] std::string indent(std::size_t at) const {
    const std::size_t from = begin(at);
    return std::string(
        text_.substr(from, std::min(text_.find_first_not_of(" \t", from), text_.size()) - from));
  }
  [[nodiscard]] std::size_t column(std::size_t at) const { return at - begin(at); }
  [[nodiscard]] bool same_line(std::size_t a, std::size_t b) const { return begin(a) == begin(b); }

  /// As the line at `at` ends, or, where that is the last, the one before it.
  [[nodiscard]] std::string_view newline(std::size_t at) const {
    std::size_t feed = feed_of(at);
    if (feed == text_.size()) feed = feeds_.empty() ? 0 : feeds_.back();
    return feed > 0 && text_[feed - 1] == '\r' ? "\r\n" : "\n";
  }

 private:
  /// Of the line at `at`; the text's end if it has none.
  [[nodiscard]] std::size_t feed_of(std::size_t at) const {
    const auto own = std::ranges::lower_bound(feeds_, at);
    if (own != feeds_.end()) return *own;
    if (!behind_) behind_ = std::min(text_.find('\n', own_end_), text_.size());
    return at <= *behind_ ? *behind_ : text_.size();
  }

  std::string_view text_;
  std::size_t own_end_;
  std::vector<std::size_t> feeds_;             // of each line feed before it
  mutable std::optional<std::size_t> behind_;  // of the first from there on
};

/// An entry of a collection as it is written.
struct Place {
  const YamlNode* node;
  std::size_t begin;  ///< of its key, its dash, or its value
  std::size_t end;
  bool removed;
};

/// Makes the edits of one document.
class Editor {
 public:
  Editor(std::string_view text, const YamlDocument& document, const Plan& plan)
      : text_(text), lines_(text, document), document_(document), plan_(plan) {}

  Result<std::vector<TextEdit>> edits() {
    index(document_.root());
    visit(document_.root(), nullptr);
    if (error_) return *error_;
    // What is put in at a place comes before what is taken away from there on; of several things
    // put in at one place, the innermost came first.
    std::ranges::stable_sort(edits_, [](const TextEdit& a, const TextEdit& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::vector<TextEdit> all;
    for (TextEdit& edit : edits_) {
      if (!all.empty() && edit.begin < all.back().end) return overlap(edit);
      if (!all.empty() && edit.begin == all.back().end) {
        all.back().end = edit.end;
        all.back().text += edit.text;
      } else {
        all.push_back(std::move(edit));
      }
    }
    return all;
  }

  /// What of the change is shared with other places by an anchor; null: nothing.
  [[nodiscard]] const YamlNode* shared() const { return shared_; }

 private:
  // --- what is written where -------------------------------------------------------------------

  /// Finds the anchors, and the values that are written in their own place.
  void index(const YamlNode& node) {
    own_.emplace(node.begin.offset, &node);
    for (std::size_t at = node.properties.offset; at < node.begin.offset; ++at)
      if (text_[at] == '&') {
        const auto end = text_.find_first_of(" \t\r\n,[]{}", at);
        anchors_[std::string(text_.substr(at + 1, end - at - 1))].push_back(&node);
        break;
      }
    aliases_ |= node.is_alias;
    if (node.is_alias) return;
    for (std::size_t i = 0; i < document_.size(node); ++i) {
      const YamlNode& child = document_.child(node, i);
      aliases_ |= child.via_merge;
      if (!child.via_merge) index(child);
    }
  }

  /// What the alias repeats; null: something that is no value of the document itself.
  [[nodiscard]] const YamlNode* anchor_of(const YamlNode& alias) const {
    const auto begin = alias.begin.offset;
    const auto at =
        anchors_.find(std::string(text_.substr(begin + 1, alias.end.offset - begin - 1)));
    const YamlNode* last = nullptr;
    if (at != anchors_.end())
      for (const YamlNode* node : at->second)
        if (node->begin.offset < begin &&
            (last == nullptr || last->begin.offset < node->begin.offset))
          last = node;
    return last;
  }

  [[nodiscard]] bool is_block(const YamlNode& node) const {
    return node.kind != YamlKind::kScalar && node.style == YamlStyle::kBlock && !node.is_alias;
  }

  /// The column of a block collection's keys or dashes, from 0.
  [[nodiscard]] std::size_t indent_of(const YamlNode& node) const {
    std::size_t column = node.begin.column;
    if (node.kind == YamlKind::kMapping)
      for (std::size_t i = 0; i < document_.size(node); ++i)
        if (const YamlNode& child = document_.child(node, i); !child.via_merge)
          column = std::min<std::size_t>(column, child.key_begin.column);
    return column - 1;
  }

  /// The entries that are written in the collection, in the order of the text.
  std::vector<Place> places_of(const YamlNode& node) {
    std::vector<Place> places;
    for (std::size_t i = 0; i < document_.size(node); ++i) {
      const YamlNode& child = document_.child(node, i);
      if (child.via_merge) continue;
      places.push_back({&child, child.has_key ? child.key_begin.offset : child.properties.offset,
                        child.end.offset, plan_.of(child).removed});
    }
    std::ranges::sort(places, {}, &Place::begin);
    if (!is_block(node)) return places;
    for (std::size_t i = 0; i < places.size(); ++i) {
      std::size_t& begin = places[i].begin;
      if (node.kind == YamlKind::kSequence) {
        begin = i == 0 ? node.begin.offset : dash_behind(places[i - 1].end, indent_of(node));
        dashes_[places[i].node] = begin;
      } else if (const auto before = text_.find_last_not_of(" \t", begin - 1);
                 begin > 0 && before != text_.npos && text_[before] == '?') {
        begin = before;
      }
    }
    return places;
  }

  [[nodiscard]] std::size_t dash_behind(std::size_t at, std::size_t column) const {
    for (at = lines_.next(at); at < text_.size(); at = lines_.next(at))
      if (!lines_.idle(at, lines_.end(at))) break;
    return at + column;
  }

  /// Behind what introduces a value: the colon, the dash, or the value's anchor and tag.
  std::size_t introduced_at(const YamlNode& node) {
    if (node.properties.offset < node.begin.offset) {
      std::size_t end = node.properties.offset;
      for (std::size_t at = end; at < text_.size() && (text_[at] == '&' || text_[at] == '!');
           at = text_.find_first_not_of(" \t", end))
        end = std::min(text_.find_first_of(" \t\r\n", at), text_.size());
      return end;
    }
    if (const auto dash = dashes_.find(&node); dash != dashes_.end()) return dash->second + 1;
    if (!node.has_key) return node.begin.offset;
    return std::min(text_.find(':', node.key_end.offset), text_.size() - 1) + 1;
  }

  // --- the change ------------------------------------------------------------------------------

  void edit(std::size_t begin, std::size_t end, std::string text) {
    if (begin < end || !text.empty()) edits_.push_back({begin, end, std::move(text)});
  }

  void refuse(const Mark& mark, std::string message, std::string remedy) {
    if (error_) return;
    error_ = Error{std::move(message), "", mark.line, mark.column, "", std::move(remedy)};
  }

  Error overlap(const TextEdit& edit) const {
    const auto begin = text_.substr(0, edit.begin);
    return Error{"two changes meet in one place of the text",
                 "",
                 static_cast<std::size_t>(std::ranges::count(begin, '\n')) + 1,
                 lines_.column(edit.begin) + 1,
                 "",
                 "make this change by hand"};
  }

  /// `flow`: the style of the brackets that the value stands in; null: none.
  void visit(const YamlNode& node, const FlowStyle* flow) {
    if (!plan_.touches(node) && !aliases_) return;
    if (node.is_alias) return visit_alias(node, flow);
    const Change& change = plan_.of(node);
    if (change.value) return replace(node, *change.value, flow);
    if (node.kind == YamlKind::kScalar) return;
    std::vector<Place> places = places_of(node);
    std::vector<Entry> added = change.added;
    if (aliases_ && node.kind == YamlKind::kMapping) override_merged(node, added);
    if (node.style == YamlStyle::kFlow && flow == nullptr && document_.size(node) == 0 &&
        !added.empty())
      return replace(node, plan_.after(node), flow);
    if (node.style == YamlStyle::kFlow) {
      const FlowStyle style = style_in(node, places, flow);
      for (const Place& place : places)
        if (!place.removed) visit(*place.node, &style);
      edit_flow(node, std::move(places), added, style);
    } else {
      for (const Place& place : places)
        if (!place.removed) visit(*place.node, nullptr);
      edit_block(node, places, std::move(added));
    }
  }

  /// An alias stays where what it repeats becomes what the alias is to be.
  void visit_alias(const YamlNode& node, const FlowStyle* flow) {
    const YamlNode* const anchor = anchor_of(node);
    const bool there = anchor == nullptr || !plan_.gone(*anchor);
    if (!plan_.touches(node) && there && (anchor == nullptr || !plan_.touches(*anchor))) return;
    if (shared_ == nullptr) shared_ = &node;
    const ordered_json wanted = plan_.after(node);
    if (there && anchor != nullptr && same(wanted, plan_.after(*anchor))) return;
    replace(node, wanted, flow);
  }

  /// What comes through a merge key and is to be otherwise than there gets a key of its own.
  void override_merged(const YamlNode& node, std::vector<Entry>& added) {
    std::set<const YamlNode*> bases;
    for (std::size_t i = 0; i < document_.size(node); ++i) {
      const YamlNode& child = document_.child(node, i);
      if (!child.via_merge) continue;
      const auto own = own_.find(child.begin.offset);
      const YamlNode* const origin = own == own_.end() ? nullptr : own->second;
      if (origin != nullptr) bases.insert(document_.parent(*origin));
      if (!plan_.touches(child) && (origin == nullptr || !plan_.touches(*origin))) continue;
      if (shared_ == nullptr) shared_ = &child;
      const bool comes = origin == nullptr || !plan_.gone(*origin);
      if (plan_.of(child).removed) {
        if (comes) refuse_merged(child);
        continue;
      }
      const ordered_json wanted = plan_.after(child);
      const ordered_json got =
          origin == nullptr ? ordered_json::parse(document_.json(child)) : plan_.after(*origin);
      if (!comes || !same(wanted, got))
        added.push_back({std::string(document_.key(child)), wanted});
    }
    for (const YamlNode* const base : bases)
      for (const Entry& entry : plan_.of(*base).added) take_over(node, entry, added);
  }

  /// What a mapping gets, those that merge it get too.
  void take_over(const YamlNode& node, const Entry& entry, std::vector<Entry>& added) {
    const auto own = std::ranges::find(added, entry.key, &Entry::key);
    if (own != added.end()) {
      if (same(own->value, entry.value)) added.erase(own);
      return;
    }
    for (std::size_t i = 0; i < document_.size(node); ++i)
      if (document_.key(document_.child(node, i)) == entry.key) return;
    refuse(node.begin,
           fmt::format("the merge key (<<) here would bring in {} as well, which is to be added to "
                       "what it repeats",
                       entry.key),
           "write out what the merge key stands for");
  }

  void refuse_merged(const YamlNode& child) {
    refuse(child.key_begin,
           fmt::format("{} is to go, but comes through a merge key (<<) from here, which others "
                       "use as it is",
                       std::string(document_.key(child))),
           "write out what the merge key stands for");
  }

  // --- values ----------------------------------------------------------------------------------

  void replace(const YamlNode& node, const ordered_json& value, const FlowStyle* flow) {
    const bool collection = value.is_structured() && !value.empty();
    if (flow != nullptr)
      return put(node, spell_flow(value, *flow, lines_.indent(node.begin.offset)));
    if (collection && !is_block(node)) return put_lines(node, value);
    if (collection) return put(node, spell_flow(value, {}, ""));
    put(node, spell_like(node, value));
  }

  /// A text is quoted as the one it replaces.
  [[nodiscard]] std::string spell_like(const YamlNode& node, const ordered_json& value) const {
    const bool quoted = node.style == YamlStyle::kSingle || node.style == YamlStyle::kDouble;
    if (!value.is_string() || !quoted || node.is_alias) return spell(value);
    return spell_quoted(value.get<std::string>(), node.style == YamlStyle::kSingle ? '\'' : '"');
  }

  /// Puts a text without line breaks, or one that brackets hold, in a value's place.
  void put(const YamlNode& node, std::string text) {
    const std::size_t begin = node.begin.offset, end = node.end.offset;
    if (is_block(node)) {
      const std::size_t at = introduced_at(node);
      if (lines_.same_line(at, begin)) {
        edit(begin, lines_.same_line(begin, end) ? end : lines_.end(end), std::move(text));
      } else {
        edit(at, at, ' ' + text);
        edit(*lines_.end_before(begin), lines_.end(end), "");
      }
      return;
    }
    const auto properties = text_.substr(node.properties.offset, begin - node.properties.offset);
    if (properties.find('!') != properties.npos) {
      // The tag is that of the value that goes.
      if (const auto anchor = properties.find('&'); anchor != properties.npos) {
        const auto name = properties.substr(anchor);
        text = std::string(name.substr(0, name.find_first_of(kBlank))) + ' ' + text;
      }
      edit(node.properties.offset, end, std::move(text));
    } else {
      edit(begin, end, begin == end ? ' ' + text : std::move(text));
    }
  }

  /// Puts a block collection in the place of what stands behind a key or a dash.
  void put_lines(const YamlNode& node, const ordered_json& value) {
    const std::size_t at = introduced_at(node), begin = node.begin.offset, end = node.end.offset;
    const YamlNode* const holder = document_.parent(node);
    if (holder == nullptr || !is_block(*holder) || !lines_.same_line(at, begin))
      return put(node, spell_flow(value, {}, ""));
    const BlockStyle style = style_around(*holder);
    std::size_t indent = indent_of(*holder);
    if (node.has_key)
      indent += value.is_array() ? style.list_step : style.step;
    else
      indent = begin == end ? indent + 2 : lines_.column(begin);
    std::vector<std::string> lines;
    for (const auto& [key, entry] : value.items())
      for (std::string& line :
           spell_block({value.is_array() ? "" : key, entry}, style, indent, value.is_array()))
        lines.push_back(std::move(line));
    if (node.has_key) {
      edit(at, end, "");
      put_behind(lines_.end(end), lines);
    } else {
      std::string text = join(lines, end).substr(indent);
      edit(begin, end, begin == end ? ' ' + text : std::move(text));
    }
  }

  [[nodiscard]] std::string join(const std::vector<std::string>& lines, std::size_t at) const {
    return fmt::format("{}", fmt::join(lines, lines_.newline(at)));
  }

  /// Puts lines behind the one that ends at `at`.
  void put_behind(std::size_t at, const std::vector<std::string>& lines) {
    if (!lines.empty()) edit(at, at, std::string(lines_.newline(at)) + join(lines, at));
  }

  /// How the neighbours are indented: the nearest mapping in a mapping, and list in one.
  [[nodiscard]] BlockStyle style_around(const YamlNode& node) const {
    std::optional<std::size_t> step, list_step;
    for (const YamlNode* at = &node; at != nullptr; at = document_.parent(*at)) {
      if (at->kind != YamlKind::kMapping || !is_block(*at)) continue;
      const std::size_t indent = indent_of(*at);
      for (std::size_t i = 0; i < document_.size(*at); ++i) {
        const YamlNode& child = document_.child(*at, i);
        if (child.via_merge || child.is_alias || !is_block(child)) continue;
        auto& known = child.kind == YamlKind::kMapping ? step : list_step;
        if (!known && indent_of(child) >= indent) known = indent_of(child) - indent;
      }
    }
    BlockStyle style;
    style.step = step.value_or(style.step);
    style.list_step = list_step.value_or(style.list_step);
    return style;
  }

  // --- block collections -----------------------------------------------------------------------

  [[nodiscard]] bool on_own_line(const Place& place) const {
    return lines_.blank(lines_.begin(place.begin), place.begin);
  }

  void erase_lines(const Place& place) {
    if (const auto before = lines_.end_before(place.begin))
      edit(*before, lines_.end(place.end), "");
    else
      edit(0, lines_.next(place.end), "");
  }

  void edit_block(const YamlNode& node, std::vector<Place>& places, std::vector<Entry> added) {
    const bool empty = std::ranges::all_of(places, &Place::removed) && !merges(node);
    if (places.empty() && added.empty()) return;
    if (empty && added.empty()) return erase_all(node, places);
    const BlockStyle style = style_around(node);
    const bool elements = node.kind == YamlKind::kSequence;
    const bool inside = !places.empty() && places[0].removed &&
                        (!on_own_line(places[0]) || !lines_.end_before(places[0].begin));
    if (inside && empty) {
      const auto lines = spell_block(added.front(), style, indent_of(node), elements);
      edit(places[0].begin, places[0].end, join(lines, places[0].end).substr(indent_of(node)));
      added.erase(added.begin());
      places[0].removed = false;
    } else if (inside && !on_own_line(places[0])) {
      erase_first(places);
    }
    for (const Place& place : places)
      if (place.removed) erase_lines(place);
    std::vector<std::string> lines;
    for (const Entry& entry : added)
      for (std::string& line : spell_block(entry, style, indent_of(node), elements))
        lines.push_back(std::move(line));
    const std::size_t at = last_line_end(node);
    const YamlNode* const last = last_leaf(node);
    if (at < text_.size() || lines.empty() || places.empty() || last == nullptr ||
        !is_block_scalar(*last))
      return put_behind(at, lines);
    // The line feed that is missing at the end would become the block scalar's.
    const auto stays = std::ranges::find(places, false, &Place::removed);
    const std::size_t first = (stays == places.end() ? places.begin() : stays)->begin;
    edit(first, first,
         join(lines, first).substr(indent_of(node)) + std::string(lines_.newline(first)) +
             std::string(indent_of(node), ' '));
  }

  [[nodiscard]] bool is_block_scalar(const YamlNode& node) const {
    return node.kind == YamlKind::kScalar && !node.is_alias && !plan_.of(node).value &&
           (node.style == YamlStyle::kLiteral || node.style == YamlStyle::kFolded);
  }

  [[nodiscard]] bool merges(const YamlNode& node) const {
    for (std::size_t i = 0; i < document_.size(node); ++i)
      if (document_.child(node, i).via_merge) return true;
    return false;
  }

  /// The first entry goes, which stands behind a dash: the next one that stays takes its place.
  void erase_first(std::vector<Place>& places) {
    std::size_t next = 1;
    bool comments = false;
    for (; next < places.size(); ++next) {
      comments |= !lines_.blank(lines_.end(places[next - 1].end), places[next].begin);
      if (!places[next].removed) break;
    }
    if (next < places.size() && !comments) {
      edit(places[0].begin, places[next].begin, "");
      for (std::size_t i = 0; i < next; ++i) places[i].removed = false;
    } else {
      const auto before = text_.find_last_not_of(" \t", places[0].begin - 1);
      edit(before + 1, lines_.end(places[0].end), "");
      places[0].removed = false;
    }
  }

  void erase_all(const YamlNode& node, std::vector<Place>& places) {
    const std::string none = node.kind == YamlKind::kMapping ? "{}" : "[]";
    if (!on_own_line(places[0]) || document_.parent(node) == nullptr) {
      const std::size_t begin = places[0].begin, end = places[0].end;
      edit(begin, lines_.same_line(begin, end) ? end : lines_.end(end), none);
      places.erase(places.begin());
    } else {
      const std::size_t at = introduced_at(node);
      edit(at, at, ' ' + none);
    }
    for (const Place& place : places) erase_lines(place);
  }

  /// The value that the collection's text ends with; null: a merge key's.
  [[nodiscard]] const YamlNode* last_leaf(const YamlNode& node) const {
    const YamlNode* last = &node;
    while (last != nullptr && last->kind != YamlKind::kScalar && !last->is_alias) {
      const YamlNode* next = nullptr;
      for (std::size_t i = 0; i < document_.size(*last); ++i)
        if (const YamlNode& child = document_.child(*last, i);
            !child.via_merge && child.end.offset == last->end.offset)
          next = &child;
      last = next;
    }
    return last;
  }

  /// The end of the line behind which a further entry can stand. Line breaks at the end of a block
  /// scalar may be its own.
  [[nodiscard]] std::size_t last_line_end(const YamlNode& node) const {
    std::size_t at = lines_.end(node.end.offset);
    const YamlNode* const last = last_leaf(node);
    const auto header = [&] {
      const std::size_t begin = last->begin.offset;
      return text_.substr(begin, lines_.end(begin) - begin);
    };
    const bool kept = last != nullptr && is_block_scalar(*last) && header().find('+') != text_.npos;
    while (kept && lines_.next(at) < text_.size() &&
           lines_.blank(lines_.next(at), lines_.end(lines_.next(at))))
      at = lines_.end(lines_.next(at));
    return at;
  }

  // --- flow collections ------------------------------------------------------------------------

  [[nodiscard]] FlowStyle style_in(const YamlNode& node, const std::vector<Place>& places,
                                   const FlowStyle* outer) const {
    FlowStyle style;
    if (outer != nullptr) style = *outer;
    style.newline = lines_.newline(node.begin.offset);
    if (places.empty()) return style;
    const Place& first = places.front();
    const auto between = [&](std::size_t from, std::size_t to) {
      return text_.substr(from, to - from);
    };
    if (node.kind == YamlKind::kMapping || outer == nullptr)
      style.quoted = text_[first.begin] == '"';
    if (first.node->has_key) {
      const auto colon = between(first.node->key_end.offset, first.node->properties.offset);
      const bool plain = colon.starts_with(':') && colon.find_first_not_of(": ") == colon.npos;
      if (plain && first.node->begin != first.node->end && (style.quoted || colon.size() > 1))
        style.colon = colon;
      if (style.colon == ":") style.comma = ",";
    }
    style.lines = !lines_.same_line(node.begin.offset, first.begin);
    if (style.lines) {
      const std::string inner = lines_.indent(first.begin), here = lines_.indent(node.begin.offset);
      if (inner.size() > here.size() && inner.starts_with(here))
        style.step = inner.substr(here.size());
    } else if (places.size() > 1) {
      const auto comma = between(places[places.size() - 2].end, places.back().begin);
      if (comma.starts_with(',') && comma.find_first_not_of(", \t\r\n") == comma.npos)
        style.comma = comma;
    }
    return style;
  }

  /// The comma behind an entry; empty: there is none.
  [[nodiscard]] std::optional<std::size_t> comma_behind(std::size_t at) const {
    while (at < text_.size()) {
      at = text_.find_first_not_of(kBlank, at);
      if (at == text_.npos || text_[at] != '#') break;
      at = lines_.next(at);
    }
    return at < text_.size() && text_[at] == ',' ? std::optional(at) : std::nullopt;
  }

  /// Whether the entry's lines hold nothing else, but for its comma and a comment.
  [[nodiscard]] bool has_own_lines(const Place& place) const {
    if (!on_own_line(place)) return false;
    const std::size_t end = lines_.end(place.end);
    const auto comma = comma_behind(place.end);
    return lines_.idle(comma && *comma < end ? *comma + 1 : place.end, end);
  }

  void edit_flow(const YamlNode& node, std::vector<Place> places, const std::vector<Entry>& added,
                 const FlowStyle& style) {
    // What comes takes the place of what goes at the end.
    std::size_t tail = places.size(), next = 0;
    while (tail > 0 && places[tail - 1].removed) --tail;
    for (; tail < places.size() && next < added.size(); ++tail, ++next) {
      edit(places[tail].begin, places[tail].end,
           spell_flow(added[next], style, lines_.indent(places[tail].begin)));
      places[tail].removed = false;
    }
    for (std::size_t i = 0; i < places.size();) {
      std::size_t end = i;
      while (end < places.size() && places[end].removed) ++end;
      if (end > i) erase_run(node, places, i, end);
      i = std::max(end, i + 1);
    }
    if (next < added.size())
      append(node, places,
             std::vector<Entry>(added.begin() + static_cast<std::ptrdiff_t>(next), added.end()),
             style);
  }

  void erase_run(const YamlNode& node, const std::vector<Place>& places, std::size_t from,
                 std::size_t to) {
    const std::span<const Place> run(places.data() + from, to - from);
    const bool last = to == places.size();
    const bool all = last && from == 0;
    const auto trailing = comma_behind(places.back().end);
    const std::size_t inside = node.begin.offset + 1, close = node.end.offset - 1;
    if (all && text_.substr(inside, close - inside).find('#') == text_.npos) {
      edit(inside, close, "");
    } else if (std::ranges::all_of(run, [&](const Place& p) { return has_own_lines(p); })) {
      for (const Place& place : run) erase_lines(place);
      if (last && !all && !trailing)
        if (const auto comma = comma_behind(places[from - 1].end)) edit(*comma, *comma + 1, "");
    } else if (!last) {
      edit(run.front().begin, places[to].begin, "");
    } else if (!all) {
      edit(places[from - 1].end, run.back().end, "");
    } else {
      edit(run.front().begin, trailing ? *trailing + 1 : run.back().end, "");
    }
  }

  void append(const YamlNode& node, const std::vector<Place>& places,
              const std::vector<Entry>& added, const FlowStyle& style) {
    const std::size_t inside = node.begin.offset + 1, close = node.end.offset - 1;
    std::string text;
    if (document_.size(node) == 0) {
      const std::string here = lines_.indent(node.begin.offset);
      for (const Entry& entry : added) {
        if (!text.empty()) text += style.lines ? "," : style.comma;
        if (style.lines) text += style.newline + here + style.step;
        text += spell_flow(entry, style, here + style.step);
      }
      if (style.lines) text += style.newline + here;
      return edit(lines_.blank(inside, close) ? inside : close, close, std::move(text));
    }
    if (merges(node)) {
      // A key counts that stands behind the merge key.
      const std::size_t last = text_.find_last_not_of(kBlank, close - 1);
      for (const Entry& entry : added)
        text += style.comma + spell_flow(entry, style, lines_.indent(last));
      return edit(last + 1, last + 1, text.substr(text_[last] == ',' ? 1 : 0));
    }
    const std::size_t end = places.back().end;
    const std::string indent = lines_.indent(places.back().begin);
    if (!style.lines || lines_.same_line(end, close)) {
      for (const Entry& entry : added) text += style.comma + spell_flow(entry, style, indent);
      return edit(end, end, std::move(text));
    }
    const auto comma = comma_behind(end);
    if (!comma) edit(end, end, ",");
    std::vector<std::string> lines;
    for (const Entry& entry : added) {
      lines.push_back(indent + spell_flow(entry, style, indent));
      if (comma || &entry != &added.back()) lines.back() += ',';
    }
    put_behind(lines_.end(comma.value_or(end)), lines);
  }

  std::string_view text_;
  Lines lines_;
  const YamlDocument& document_;
  const Plan& plan_;
  std::map<std::size_t, const YamlNode*> own_;  // by where they begin
  std::map<std::string, std::vector<const YamlNode*>> anchors_;
  std::map<const YamlNode*, std::size_t> dashes_;
  bool aliases_ = false;
  const YamlNode* shared_ = nullptr;
  std::vector<TextEdit> edits_;
  std::optional<Error> error_;
};

/// The one document that the text holds, as JSON; empty: it holds another number of them.
std::optional<json> read_alone(std::string_view text) {
  text::YamlReader reader(text, "");
  const auto document = reader.next();
  if (!document || !*document) return std::nullopt;
  const auto end = reader.next();
  if (!end || *end) return std::nullopt;
  return json::parse((*document)->json());
}

}  // namespace

Result<std::vector<TextEdit>> to_text_edits(std::span<const Edit* const> edits,
                                            std::string_view text, const YamlDocument& document) {
  const json before = json::parse(document.json());
  const ordered_json patch = to_json_patch(edits, before);
  const Plan plan(document, patch);
  Editor editor(text, document, plan);
  auto made = editor.edits();
  if (!made) return made;

  // The document alone: it begins with its line if nothing else stands there.
  const std::size_t first = document.begin.offset, column = document.begin.column - 1;
  const bool whole = text.substr(first - column, column).find_first_not_of(' ') == text.npos;
  std::size_t from = whole ? first - column : first;
  // An entry goes with the line break before it.
  const std::size_t begin = made->empty() ? from : std::min(made->front().begin, from);
  if (text.substr(begin, from - begin).find_first_not_of(kBlank) == text.npos) from = begin;
  std::string alone(text.substr(from, document.end.offset - from));
  std::vector<TextEdit> inside = *made;
  bool out = false;
  for (TextEdit& edit : inside) {
    out |= edit.begin < from || edit.end > document.end.offset;
    edit.begin -= from;
    edit.end -= from;
  }
  if (!out && read_alone(edited(alone, inside)) == before.patch(patch)) return made;
  const YamlNode* const shared = editor.shared();
  const Mark at = shared != nullptr ? shared->key_begin : document.begin;
  return Error{shared != nullptr
                   ? "the change cannot be made where anchors and aliases share what it is about"
                   : "the change cannot be made in this text without changing more of it",
               "",
               at.line,
               at.column,
               "",
               "make it by hand"};
}

std::string edited(std::string_view text, std::span<const TextEdit> edits) {
  std::string out;
  std::size_t at = 0;
  for (const TextEdit& edit : edits) {
    out += text.substr(at, edit.begin - at);
    out += edit.text;
    at = edit.end;
  }
  return out += text.substr(at);
}

}  // namespace plimsoll::fix
