// Edits of generated documents: whatever the style, what is read afterwards differs from what was
// read before by the edits and nothing else, and lines that have no part in them stay.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fix/patch.h"
#include "fix/text.h"

namespace plimsoll::fix {
namespace {

using nlohmann::json;
using text::YamlDocument;
using text::YamlKind;
using text::YamlNode;
using text::YamlStyle;

/// Writes a random stream of documents.
class Writer {
 public:
  Writer(std::mt19937& random, bool anchors) : random_(random), anchors_(anchors) {}

  std::string stream() {
    newline_ = chance(5) ? "\r\n" : "\n";
    if (chance(8)) return json_document();
    const int documents = chance(4) ? 3 : 1;
    for (int i = 0; i < documents; ++i) {
      known_.clear();
      if (i > 0 || chance(4)) line(chance(3) ? "--- # next" : "---");
      depth_ = 0;
      mapping(chance(8) ? 2 : 0);
      if (chance(8)) line("...");
    }
    if (chance(6)) out_.resize(out_.find_last_not_of(" \r\n") + 1);
    return out_;
  }

 private:
  struct Anchor {
    std::string name;
    bool mapping;
  };

  bool chance(unsigned one_in) { return random_() % one_in == 0; }
  template <class... T>
  std::string any(T... texts) {
    const char* const all[] = {texts...};
    return all[random_() % sizeof...(texts)];
  }
  void line(const std::string& text) { out_ += text + newline_; }
  std::string spaces(std::size_t count) { return std::string(count, ' '); }

  std::string scalar() {
    return any("1", "true", "RuntimeDefault", "'it''s'", "\"a \\\"b\\\" \\n\"", "a b c", "\"0\"",
               "0x1f", "1e3", "ü", "\"ü # no\"", "a#b", "http://x:80/y", "null", "~", "''", "on",
               "- 1");
  }
  std::string plain_scalar() {
    std::string text = scalar();
    return text == "- 1" ? "-1" : text;
  }
  std::string comment() { return chance(4) ? any(" # note", "  # ü: {x", " #") : ""; }
  void stray_lines() {
    if (chance(6)) line(spaces(random_() % 9) + any("# stray", "#- a: b", "# ü"));
    if (chance(10)) line(chance(2) ? "" : spaces(random_() % 4));
  }

  std::string key(std::set<std::string>& used) {
    for (;;) {
      std::string name = any("name", "image", "securityContext", "capabilities", "drop", "volumes",
                             "ports", "a.b/c", "x~y", "kind", "ü", "true-ish");
      if (!used.insert(name).second) {
        name += std::to_string(used.size());
        used.insert(name);
      }
      if (chance(8)) return '"' + name + '"';
      return chance(8) ? '\'' + name + '\'' : name;
    }
  }

  std::string flow(bool is_json) {
    if (++depth_ > 6 || chance(3)) {
      --depth_;
      if (is_json) return any("1", "true", "\"x\"", "null", "{}", "[]", "-1.5", "\"a\\u00fc\"");
      if (!usable(false).empty() && chance(6)) return '*' + usable(false) + ' ';
      return chance(6) ? any("{}", "[]", "{ }") : plain_scalar();
    }
    const bool list = chance(3), lines = !is_json && chance(4);
    const std::size_t count = random_() % 4;
    const std::string space = is_json ? "" : any("", " ");
    const std::string outer = flow_indent_;
    if (lines) flow_indent_ += chance(4) ? "\t" : "  ";
    std::string text(1, list ? '[' : '{');
    if (!lines) text += space;
    std::set<std::string> used;
    for (std::size_t i = 0; i < count; ++i) {
      if (lines) text += (chance(3) && i > 0 ? " # c" : "") + newline_ + flow_indent_;
      if (!list) {
        std::string name = key(used);
        if (is_json) name = '"' + unquoted(name) + '"';
        text += name + (is_json ? ":" : ": ");
      }
      text += flow(is_json);
      if (i + 1 < count || (!is_json && chance(6))) text += is_json || lines ? "," : ", ";
    }
    flow_indent_ = outer;
    if (lines)
      text += newline_ + flow_indent_;
    else
      text += space;
    --depth_;
    return text + (list ? ']' : '}');
  }

  static std::string unquoted(std::string name) {
    std::erase_if(name, [](char c) { return c == '"' || c == '\''; });
    return name;
  }

  std::string json_document() {
    std::string text;
    while (!text.starts_with('{') || text.size() < 20) text = flow(true);
    if (chance(2)) text = json::parse(text).dump(chance(2) ? 2 : 4);
    return text + (chance(3) ? "" : "\n");
  }

  /// The name of an anchor that an alias can repeat here; empty: none.
  std::string usable(bool mapping) {
    std::vector<std::string> names;
    for (const Anchor& anchor : known_)
      if (anchor.mapping || !mapping) names.push_back(anchor.name);
    return names.empty() ? "" : names[random_() % names.size()];
  }

  /// What stands behind `key:` or a dash, to the end of the line or of the lines below it.
  void value(std::size_t indent, bool behind_dash) {
    if (anchors_ && !usable(false).empty() && chance(5)) {
      line(" *" + usable(false) + comment());
      return;
    }
    std::string anchor;
    if (anchors_ && chance(4)) anchor = "a" + std::to_string(++anchor_count_);
    const std::string head = anchor.empty() ? "" : " &" + anchor;
    const bool deep = depth_ > 4;
    bool is_mapping = false;
    switch (deep ? 0 : random_() % 7) {
      case 0:
      case 1:
        line(head + ' ' + plain_scalar() + comment());
        break;
      case 2: {
        flow_indent_ = spaces(indent + 3);
        const std::string text = flow(false);
        is_mapping = text.starts_with('{');
        line(head + ' ' + text + comment());
        break;
      }
      case 3: {
        line(head + any(" |", " |-", " |+", " >", " >-") + comment());
        line(spaces(indent + 2) + "text # no comment");
        if (chance(2)) line("");
        line(spaces(indent + 2) + "more: text");
        for (; chance(3);) line("");
        break;
      }
      case 4:
        line(head + comment());
        if (!behind_dash && chance(2))
          sequence(indent);
        else
          sequence(indent + 1 + random_() % 3);
        break;
      default:
        is_mapping = true;
        if (behind_dash && anchor.empty() && chance(2)) {
          const std::size_t gap = 1 + (chance(4) ? random_() % 4 : 0);
          out_ += spaces(gap);
          mapping(indent + 1 + gap, true);
        } else {
          line(head + comment());
          mapping(indent + 1 + random_() % 4);
        }
    }
    if (!anchor.empty()) known_.push_back({anchor, is_mapping});
  }

  void mapping(std::size_t indent, bool on_this_line = false) {
    ++depth_;
    std::set<std::string> used;
    const std::size_t count = 1 + random_() % 4;
    bool merged = false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!on_this_line) {
        stray_lines();
        out_ += spaces(indent);
      }
      on_this_line = false;
      if (!merged && !usable(true).empty() && chance(4)) {
        merged = true;
        const std::string name = usable(true);
        line("<<: " + (chance(4) ? "[*" + name + ", *" + usable(true) + " ]" : '*' + name) +
             comment());
        continue;
      }
      out_ += key(used) + (chance(12) ? " :" : ":");
      value(indent, false);
    }
    --depth_;
  }

  void sequence(std::size_t indent) {
    ++depth_;
    const std::size_t count = 1 + random_() % 3;
    for (std::size_t i = 0; i < count; ++i) {
      stray_lines();
      out_ += spaces(indent) + '-';
      value(indent, true);
    }
    --depth_;
  }

  std::mt19937& random_;
  bool anchors_;
  std::string out_, newline_, flow_indent_;
  std::size_t depth_ = 0;
  int anchor_count_ = 0;
  std::vector<Anchor> known_;
};

std::vector<YamlDocument> read(std::string_view text, std::string& problem) {
  text::YamlReader reader(text, "generated");
  std::vector<YamlDocument> all;
  for (;;) {
    auto next = reader.next();
    if (!next) problem = next.error().to_string();
    if (!next || !*next) return all;
    all.push_back(**std::move(next));
  }
}

void collect(const YamlDocument& document, const YamlNode& node,
             std::vector<const YamlNode*>& out) {
  out.push_back(&node);
  for (std::size_t i = 0; i < document.size(node); ++i)
    collect(document, document.child(node, i), out);
}

/// Edits of random places. `same`: those of values that are written once are made wherever they
/// are repeated.
std::vector<Edit> some_edits(std::mt19937& random, const YamlDocument& document, bool same) {
  std::vector<const YamlNode*> nodes;
  collect(document, document.root(), nodes);
  const Value values[] = {true, std::string("RuntimeDefault"), std::vector<std::string>{"ALL"},
                          std::string("it's: \"x\""), JsonText{R"({"name":"tmp","emptyDir":{}})"}};
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < 1 + random() % 4; ++i) {
    const YamlNode& node = *nodes[random() % nodes.size()];
    std::string below;
    Value value = values[random() % std::size(values)];
    if (node.kind == YamlKind::kMapping && random() % 2 == 0)
      below = random() % 2 == 0 ? "/added" : "/added/more";
    else if (node.kind == YamlKind::kSequence && random() % 2 == 0)
      below = "/-";
    else if (document.json(node) == "null" && random() % 2 == 0)
      below = "/added/more";
    else if (random() % 2 == 0)
      value = {};
    // What is set as a whole is not edited further.
    const auto apart = [&](const std::string& path) {
      return std::ranges::all_of(edits, [&](const Edit& edit) {
        return !(path + '/').starts_with(edit.path + '/') &&
               !(edit.path + '/').starts_with(path + '/');
      });
    };
    for (const YamlNode* other : nodes)
      if (other == &node || (same && other->begin == node.begin))
        if (const std::string at = document.pointer(*other) + below; !at.empty() && apart(at))
          edits.push_back({at, value});
  }
  return edits;
}

/// The line of a value's key, or the first that its dash may stand in.
std::size_t introduced_in(const YamlDocument& document, const YamlNode& node) {
  const YamlNode* const list = document.parent(node);
  if (node.has_key || list == nullptr) return node.key_begin.line;
  std::size_t line = list->begin.line;
  for (std::size_t i = 0; &document.child(*list, i) != &node; ++i)
    line = document.child(*list, i).end.line;
  return line;
}

/// The lines of the text before that may differ afterwards.
std::set<std::size_t> lines_of(const YamlDocument& document, const json& patch) {
  std::set<std::size_t> lines;
  const auto add = [&](std::size_t from, std::size_t to) {
    for (; from <= to; ++from) lines.insert(from);
  };
  for (const json& operation : patch) {
    const std::string path = operation["path"];
    const YamlNode* const exact = document.find(path);
    const YamlNode& node = exact != nullptr ? *exact : document.nearest(path);
    const YamlNode* const holder = exact != nullptr ? document.parent(node) : &node;
    if (exact != nullptr) add(introduced_in(document, node), node.end.line);
    // What holds it may become `{}`, or lose or get a comma.
    if (holder == nullptr) continue;
    const YamlNode* outer = holder;
    while (outer->style == YamlStyle::kFlow && document.parent(*outer) != nullptr &&
           document.parent(*outer)->style == YamlStyle::kFlow)
      outer = document.parent(*outer);
    if (holder->style == YamlStyle::kFlow || document.size(*holder) == 0)
      add(outer->key_begin.line, outer->end.line);
    if (exact == nullptr) continue;
    add(introduced_in(document, *holder), holder->begin.line);
    // Where the first entry goes, which stands behind a dash, another moves up.
    if (node.key_begin.line == holder->begin.line)
      for (std::size_t i = 0; i < document.size(*holder); ++i)
        lines.insert(document.child(*holder, i).key_begin.line);
  }
  return lines;
}

/// What a run of the property has seen.
struct Count {
  int documents = 0, changed = 0, refused = 0;
  std::map<std::string, int> reasons;
};

void hold(unsigned seed, bool anchors, Count& count) {
  std::mt19937 random(seed);
  const std::string before = Writer(random, anchors).stream();
  std::string problem;
  const auto documents = read(before, problem);
  // An anchor may stand where a key has it, a merge may bring in what is no mapping.
  if (!problem.empty()) return;
  ++count.documents;
  const std::size_t chosen = random() % documents.size();
  const YamlDocument& document = documents[chosen];
  if (document.root().kind != YamlKind::kMapping) return;
  const auto edits = some_edits(random, document, random() % 2 == 0);
  std::vector<const Edit*> all;
  for (const Edit& edit : edits) all.push_back(&edit);
  const json object = json::parse(document.json());
  const json patch = to_json_patch(all, object);
  SCOPED_TRACE(testing::Message() << "seed " << seed << "\n" << before << "\n" << patch.dump());

  const auto made = to_text_edits(all, before, document);
  if (!made) {
    ++count.refused;
    ++count.reasons[made.error().message.substr(0, 60)];
    ASSERT_TRUE(anchors) << made.error().to_string();
    return;
  }
  const std::string after = edited(before, *made);
  count.changed += after != before ? 1 : 0;
  const auto again = read(after, problem);
  ASSERT_EQ(problem, "") << after;
  ASSERT_EQ(again.size(), documents.size()) << after;
  for (std::size_t i = 0; i < again.size(); ++i)
    ASSERT_EQ(json::parse(again[i].json()),
              i == chosen ? object.patch(patch) : json::parse(documents[i].json()))
        << after;

  // Line by line, with what the diff says.
  const std::string diff = unified_diff("x", before, *made);
  if (!anchors) {
    const auto allowed = lines_of(document, patch);
    std::size_t line = 0;
    for (std::size_t at = 0; at < diff.size(); at = diff.find('\n', at) + 1) {
      if (diff.compare(at, 4, "@@ -") == 0) {
        line = std::stoul(diff.substr(at + 4));
      } else if (diff[at] == ' ') {
        ++line;
      } else if (diff[at] == '-' && line > 0) {
        const std::string gone = diff.substr(at + 1, diff.find('\n', at) - at - 1);
        // A last line that is not ended gets an end.
        const bool unended = diff.compare(diff.find('\n', at) + 1, 2, "\\ ") == 0;
        const bool blank = gone.find_first_not_of(" \r") == gone.npos;
        ASSERT_TRUE(allowed.contains(line) || unended || blank) << "line " << line << "\n" << diff;
        ++line;
      }
    }
  }

  // Done once, there is nothing left to do: not so where elements come and go by their number.
  if (std::ranges::any_of(patch, [](const json& operation) {
        const std::string path = operation["path"];
        return path.ends_with("/-") || operation["op"] == "remove";
      }))
    return;
  const auto none = to_text_edits(all, after, again[chosen]);
  ASSERT_TRUE(none) << none.error().to_string();
  ASSERT_TRUE(none->empty()) << after << "\n" << edited(after, *none);
}

void run(bool anchors, Count& count) {
  for (unsigned seed = 1; seed <= 15'000 && !testing::Test::HasFailure(); ++seed)
    hold(seed, anchors, count);
  std::string reasons;
  for (const auto& [reason, times] : count.reasons)
    reasons += "\n" + std::to_string(times) + ": " + reason;

  std::printf("%d documents, %d changed, %d refused%s\n", count.documents, count.changed,
              count.refused, reasons.c_str());
}

TEST(TextProperty, DocumentsWithoutAnchorsChangeByTheEditsAlone) {
  Count count;
  run(false, count);
  EXPECT_GT(count.changed, 10'000);
}

TEST(TextProperty, DocumentsWithAnchorsDoSoOrAreRefused) {
  Count count;
  run(true, count);
  EXPECT_GT(count.changed, 10'000);
  EXPECT_LT(count.refused, count.documents / 20);
}

}  // namespace
}  // namespace plimsoll::fix
