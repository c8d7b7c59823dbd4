#include "fix/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <source_location>
#include <string>
#include <vector>

#include "fix/patch.h"

namespace plimsoll::fix {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Value kGone{};
const Value kTrue{true}, kFalse{false};
Value text_of(const char* text) { return std::string(text); }
Value list_of(std::vector<std::string> texts) { return texts; }

std::vector<text::YamlDocument> read(std::string_view text) {
  text::YamlReader reader(text, "test.yaml");
  std::vector<text::YamlDocument> all;
  for (;;) {
    auto next = reader.next();
    if (!next) {
      ADD_FAILURE() << next.error().to_string() << "\n" << text;
      return all;
    }
    if (!*next) return all;
    all.push_back(**std::move(next));
  }
}

Result<std::vector<TextEdit>> make(std::string_view text, const std::vector<Edit>& edits,
                                   std::size_t document = 0) {
  const auto documents = read(text);
  std::vector<const Edit*> all;
  for (const Edit& edit : edits) all.push_back(&edit);
  return to_text_edits(all, text, documents.at(document));
}

/// The text afterwards; that it reads as the patch makes of it; that nothing is left to do.
void expect_text(const std::string& before, const std::vector<Edit>& edits,
                 const std::string& after, std::size_t document = 0,
                 std::source_location where = std::source_location::current()) {
  const ::testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "");
  const auto made = make(before, edits, document);
  ASSERT_TRUE(made) << made.error().to_string();
  const std::string text = edited(before, *made);
  EXPECT_EQ(text, after);
  for (std::size_t i = 0; i < made->size(); ++i) {
    EXPECT_LE((*made)[i].begin, (*made)[i].end);
    EXPECT_LT(i == 0 ? 0 : (*made)[i - 1].end, (*made)[i].begin + (i == 0 ? 1 : 0));
  }
  const auto documents = read(before), again = read(text);
  ASSERT_EQ(documents.size(), again.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    const json object = json::parse(documents[i].json());
    std::vector<const Edit*> all;
    if (i == document)
      for (const Edit& edit : edits) all.push_back(&edit);
    EXPECT_EQ(json::parse(again[i].json()), object.patch(to_json_patch(all, object)));
  }
}

/// That it is refused, and where.
void expect_refused(const std::string& text, const std::vector<Edit>& edits, std::size_t line,
                    const std::string& words,
                    std::source_location where = std::source_location::current()) {
  const ::testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "");
  const auto made = make(text, edits);
  ASSERT_FALSE(made) << edited(text, *made);
  EXPECT_EQ(made.error().line, line);
  EXPECT_GT(made.error().column, 0U);
  EXPECT_THAT(made.error().to_string(), HasSubstr(words));
  EXPECT_FALSE(made.error().remedy.empty());
}

// --- block style -------------------------------------------------------------------------------

TEST(TextEdits, ReplacesAScalar) {
  expect_text("a: 1 # one\nb: true  # two\n", {{"/b", kFalse}}, "a: 1 # one\nb: false  # two\n");
  expect_text("a: \"x\"\n", {{"/a", text_of("v")}}, "a: \"v\"\n");
  expect_text("a: 'x'\n", {{"/a", text_of("it's")}}, "a: 'it''s'\n");
  expect_text("a: x\n", {{"/a", text_of("no")}}, "a: \"no\"\n");
  expect_text("a: >-\n  long\n  text\nb: 1\n", {{"/a", text_of("x")}}, "a: x\nb: 1\n");
  expect_text("a: |\n  long\n\n  text\n\nb: 1\n", {{"/a", text_of("x")}}, "a: x\n\nb: 1\n");
  expect_text("a: long\n  text # c\nb: 1\n", {{"/a", text_of("x")}}, "a: x # c\nb: 1\n");
  expect_text("a:\n  x # c\nb: 1\n", {{"/a", text_of("v")}}, "a:\n  v # c\nb: 1\n");
  expect_text("a: !!str 5\n", {{"/a", kTrue}}, "a: true\n");
  expect_text("a: &x !!str 5\nb: *x\n", {{"/a", kTrue}, {"/b", kTrue}}, "a: &x true\nb: *x\n");
}

TEST(TextEdits, FillsAnEmptyValue) {
  for (const char* none : {"", " ~", " null", " {}", " { }", "  Null"}) {
    SCOPED_TRACE(none);
    const std::string value = none;
    expect_text("s:\n  a:" + value + "\n  b: 1\n", {{"/s/a/x", kTrue}, {"/s/a/k/z", kTrue}},
                "s:\n  a:\n    x: true\n    k:\n      z: true\n  b: 1\n");
    expect_text("s:\n  a:" + value + "  # why\n  b: 1\n", {{"/s/a/x", kTrue}},
                "s:\n  a:  # why\n    x: true\n  b: 1\n");
    expect_text("s:\n  b: 1\n  a:" + value, {{"/s/a/x", kTrue}}, "s:\n  b: 1\n  a:\n    x: true");
  }
  expect_text("a:\nb: 1\n", {{"/a", kTrue}}, "a: true\nb: 1\n");
  expect_text("a: # c\nb: 1\n", {{"/a", kTrue}}, "a: true # c\nb: 1\n");
  expect_text("a: []\n", {{"/a", list_of({"ALL"})}}, "a:\n- ALL\n");
  expect_text("x:\n  - 1\na: []\n", {{"/a", list_of({"ALL"})}}, "x:\n  - 1\na:\n  - ALL\n");
  expect_text("a:\n- ~\n-\n- null # c\n", {{"/a/0/x", kTrue}, {"/a/1/x", kTrue}, {"/a/2/x", kTrue}},
              "a:\n- x: true\n- x: true\n- x: true # c\n");
  expect_text("a: &x\nb: *x\n", {{"/a/c", kTrue}, {"/b/c", kTrue}}, "a: &x\n  c: true\nb: *x\n");
}

TEST(TextEdits, AddsToAMappingBehindItsLastEntry) {
  expect_text("a:\n  b: 1\nc: 2\n", {{"/a/x", kTrue}}, "a:\n  b: 1\n  x: true\nc: 2\n");
  expect_text("a:\n  b: 1 # c\n  # more\n\nc: 2\n", {{"/a/x", kTrue}},
              "a:\n  b: 1 # c\n  x: true\n  # more\n\nc: 2\n");
  expect_text("a:\n  b: 1", {{"/a/x", kTrue}}, "a:\n  b: 1\n  x: true");
  expect_text("a:\n   b:\n       - name: c\n", {{"/a/b/0/x/k", kTrue}},
              "a:\n   b:\n       - name: c\n         x:\n            k: true\n");
  expect_text("a:\n  - name: c\n    f: |\n      text\n      more\n  - name: d\n",
              {{"/a/0/x", kTrue}},
              "a:\n  - name: c\n    f: |\n      text\n      more\n    x: true\n  - name: d\n");
  expect_text("a:\n  f: |+\n    text\n\n\nb: 1\n", {{"/a/x", kTrue}},
              "a:\n  f: |+\n    text\n\n\n  x: true\nb: 1\n");
  expect_text("a:\n  f: |+\n    text\n\n", {{"/a/x", kTrue}},
              "a:\n  f: |+\n    text\n\n  x: true\n");
  expect_text("a:\n  f: \"long\n    text\" # c\n", {{"/a/x", kTrue}},
              "a:\n  f: \"long\n    text\" # c\n  x: true\n");
  expect_text("a:\n  f: [1,\n 2]\n", {{"/a/x", kTrue}}, "a:\n  f: [1,\n 2]\n  x: true\n");
  expect_text("? a\n: ? b\n  : 1\nc: 2\n", {{"/a/x", kTrue}},
              "? a\n: ? b\n  : 1\n  x: true\nc: 2\n");
  expect_text("\"a\":\n  'b': 1\n", {{"/a/x", kTrue}}, "\"a\":\n  'b': 1\n  x: true\n");
}

TEST(TextEdits, AddsAtSeveralDepthsBehindOneLine) {
  expect_text("spec:\n  containers:\n  - name: a\n    securityContext:\n      x: 1\n",
              {{"/spec/s/t", kTrue},
               {"/spec/containers/0/m", kFalse},
               {"/spec/containers/0/securityContext/c/drop", list_of({"ALL"})}},
              "spec:\n  containers:\n  - name: a\n    securityContext:\n      x: 1\n      c:\n"
              "        drop:\n        - ALL\n    m: false\n  s:\n    t: true\n");
}

TEST(TextEdits, KeepsLineEnds) {
  expect_text("a:\r\n  b: 1 # c\r\nc: 2\r\n", {{"/a/x/k", kTrue}, {"/c", kGone}},
              "a:\r\n  b: 1 # c\r\n  x:\r\n    k: true\r\n");
  expect_text("a:\r\n  b: 1", {{"/a/x", kTrue}}, "a:\r\n  b: 1\r\n  x: true");
}

TEST(TextEdits, RemovesTheLinesOfAnEntry) {
  expect_text("a: 1\n# about b\nb:\n  c: 2 # c\n  d: 3\n# about e\ne: 4\n", {{"/b", kGone}},
              "a: 1\n# about b\n# about e\ne: 4\n");
  expect_text("a: 1\nb: 2", {{"/b", kGone}}, "a: 1");
  expect_text("a: 1\nb: 2", {{"/a", kGone}}, "b: 2");
  expect_text("l:\n- a: 1 # one\n  b: 2\n", {{"/l/0/a", kGone}}, "l:\n- b: 2\n");
  expect_text("l:\n- a: 1\n  # about b\n  b: 2\n", {{"/l/0/a", kGone}},
              "l:\n-\n  # about b\n  b: 2\n");
  expect_text("l:\n- a: 1\n  b: 2\n  c: 3\n", {{"/l/0/a", kGone}, {"/l/0/b", kGone}},
              "l:\n- c: 3\n");
  expect_text("l:\n- a: 1\n  b: 2\n  c: 3\n", {{"/l/0/a", kGone}, {"/l/0/c", kGone}},
              "l:\n- b: 2\n");
  expect_text("l:\n- a: 1\n  b: 2\n", {{"/l/0/a", kGone}, {"/l/0/x", kTrue}},
              "l:\n- b: 2\n  x: true\n");
}

TEST(TextEdits, LeavesAnEmptyCollectionWhereTheLastEntryGoes) {
  expect_text("a:\n  b: 1 # c\nd: 2\n", {{"/a/b", kGone}}, "a: {}\nd: 2\n");
  expect_text("a: # why\n  # what\n  b: 1\n", {{"/a/b", kGone}}, "a: {} # why\n  # what\n");
  expect_text("a: &x # why\n  b: 1\nd: 2\n", {{"/a/b", kGone}}, "a: &x {} # why\nd: 2\n");
  expect_text("a:\n- b: 1 # c\n- 2\n", {{"/a/0/b", kGone}}, "a:\n- {} # c\n- 2\n");
  expect_text("a:\n- b: |\n    x\n  c: 1\n- 2\n", {{"/a/0/b", kGone}, {"/a/0/c", kGone}},
              "a:\n- {}\n- 2\n");
  expect_text("a:\n- 1\n- 2 # c\nd: 2\n", {{"/a/1", kGone}, {"/a/0", kGone}}, "a: []\nd: 2\n");
  expect_text("a:\n-\n  b: 1\n", {{"/a/0/b", kGone}}, "a:\n- {}\n");
  expect_text("a:\n- - 1\n", {{"/a/0/0", kGone}}, "a:\n- []\n");
  expect_text("a:\n  b: 1\n", {{"/a/b", kGone}, {"/a/c", kTrue}}, "a:\n  c: true\n");
  expect_text("a:\n- b: 1\n", {{"/a/0/b", kGone}, {"/a/0/c", kTrue}, {"/a/0/d", kTrue}},
              "a:\n- c: true\n  d: true\n");
}

TEST(TextEdits, RemovesElements) {
  expect_text("a:\n- b: 1\n  c: 2\n# about d\n- d: 3\n- e: 4\n", {{"/a/1", kGone}},
              "a:\n- b: 1\n  c: 2\n# about d\n- e: 4\n");
  expect_text("a:\n- b: 1\n  c: 2\n- d: 3\n", {{"/a/0", kGone}}, "a:\n- d: 3\n");
  expect_text("a:\n  -  1\n  -\n     b: 2\n  # last\n  -   3\n", {{"/a/1", kGone}},
              "a:\n  -  1\n  # last\n  -   3\n");
  expect_text("a:\n- - 1\n  - 2\n  - 3\n", {{"/a/0/0", kGone}}, "a:\n- - 2\n  - 3\n");
}

TEST(TextEdits, ChangesWhatDiffersInAListOfTexts) {
  expect_text("a:\n- X # x\n- W # y\n- Z\n", {{"/a", list_of({"W"})}}, "a:\n- W # y\n");
  expect_text("a: [X, W, Z]\n", {{"/a", list_of({"X", "Z"})}}, "a: [X, Z]\n");
  expect_text("a:\n- X # x\n- W\n", {{"/a", list_of({"ALL"})}}, "a:\n- ALL # x\n");
  expect_text("a: [\"X\"]\n", {{"/a", list_of({"ALL"})}}, "a: [\"ALL\"]\n");
  expect_text("a:\n- X\n", {{"/a", list_of({"W", "Z"})}}, "a:\n- W\n- Z\n");
  expect_text("a: {type: X, path: y}\n", {{"/a", kGone}, {"/a/type", text_of("Z")}},
              "a: {type: Z}\n");
  expect_text("a:\n  path: y\n  type: X # c\n", {{"/a", kGone}, {"/a/type", text_of("Z")}},
              "a:\n  type: Z # c\n");
}

TEST(TextEdits, AppendsElements) {
  const JsonText tmp{R"({"name":"tmp","emptyDir":{}})"};
  expect_text("a:\n- 1\n", {{"/a/-", tmp}}, "a:\n- 1\n- name: tmp\n  emptyDir: {}\n");
  expect_text("a:\n  - 1 # c\nb: 1\n", {{"/a/-", tmp}, {"/a/0", kGone}},
              "a:\n  - name: tmp\n    emptyDir: {}\nb: 1\n");
  expect_text("b: 1\n", {{"/a/-", tmp}, {"/a/-", text_of("x")}},
              "b: 1\na:\n- name: tmp\n  emptyDir: {}\n- x\n");
  expect_text("a: [1]\n", {{"/a/-", tmp}}, "a: [1, {name: tmp, emptyDir: {}}]\n");
}

TEST(TextEdits, ReplacesACollectionByAScalar) {
  expect_text("a:\n  b: 1 # c\nd: 2\n", {{"/a", kTrue}}, "a: true\nd: 2\n");
  expect_text("a:\n- b\n- c\nd: 2\n", {{"/a", kTrue}}, "a: true\nd: 2\n");
  expect_text("a: {b: 1}\n", {{"/a", kTrue}}, "a: true\n");
  expect_text("a:\n- b: 1\n  c: 2\n- 1\n", {{"/a/0", kTrue}}, "a:\n- true\n- 1\n");
  expect_text("a: text\n", {{"/a", list_of({"x"})}}, "a:\n- x\n");
}

TEST(TextEdits, OtherDocumentsStay) {
  expect_text("a: 1\n---\na: 1\n...\n---\na: 1\n", {{"/a", kTrue}},
              "a: 1\n---\na: true\n...\n---\na: 1\n", 1);
  expect_text("--- # c\na:\n  b: 1\n--- {a: 1}\n", {{"/a/x", kTrue}},
              "--- # c\na:\n  b: 1\n  x: true\n--- {a: 1}\n", 0);
  expect_text("a: 1\n--- {a: 1}\n", {{"/x", kTrue}}, "a: 1\n--- {a: 1, x: true}\n", 1);
  expect_text("# top\n\n  a: 1\n  b: 2\n", {{"/x", kTrue}}, "# top\n\n  a: 1\n  b: 2\n  x: true\n");
  expect_text("%YAML 1.1\n---\na: 1\n", {{"/x", kTrue}}, "%YAML 1.1\n---\na: 1\nx: true\n");
  expect_text("\xEF\xBB\xBF"
              "a: 1\nb: 2\n",
              {{"/x", kTrue}},
              "\xEF\xBB\xBF"
              "a: 1\nb: 2\nx: true\n");
}

// --- flow style ---------------------------------------------------------------------------------

TEST(TextEdits, EditsInBrackets) {
  expect_text("a: {b: 1} # c\n", {{"/a/x", kTrue}}, "a: {b: 1, x: true} # c\n");
  expect_text("a: { b: 1 }\n", {{"/a/x/k", kTrue}}, "a: { b: 1, x: {k: true} }\n");
  expect_text("a: {b: 1, c: 2, d: 3}\n", {{"/a/b", kGone}}, "a: {c: 2, d: 3}\n");
  expect_text("a: {b: 1, c: 2, d: 3}\n", {{"/a/c", kGone}}, "a: {b: 1, d: 3}\n");
  expect_text("a: {b: 1, c: 2, d: 3}\n", {{"/a/d", kGone}, {"/a/c", kGone}}, "a: {b: 1}\n");
  expect_text("a: { b: 1, }\n", {{"/a/b", kGone}}, "a: {}\n");
  expect_text("a: {b: 1,}\n", {{"/a/x", kTrue}}, "a: {b: 1, x: true,}\n");
  expect_text("a: {b: 1, c: 2}\n", {{"/a/c", kGone}, {"/a/x", kTrue}}, "a: {b: 1, x: true}\n");
  expect_text("a: {b: 1, c: 2}\n", {{"/a/b", kGone}, {"/a/x", kTrue}}, "a: {c: 2, x: true}\n");
  expect_text("a: {b: {}, c: }\n", {{"/a/b/x", kTrue}, {"/a/c/v", kTrue}},
              "a: {b: {x: true}, c: {v: true} }\n");
  expect_text("a: [{b: 1}, {c: 2}]\n", {{"/a/0", kGone}}, "a: [{c: 2}]\n");
  expect_text("a: [1]\n", {{"/a/0", kGone}}, "a: []\n");
  expect_text("a: {b: x}\n", {{"/a/b", text_of("y, z")}}, "a: {b: \"y, z\"}\n");
  expect_text("a: [b: 1, c: 2]\n", {{"/a/0/b", kTrue}}, "a: [b: true, c: 2]\n");
}

TEST(TextEdits, EditsInBracketsOfSeveralLines) {
  expect_text("a: {\n  b: 1, # one\n  c: 2  # two\n}\n", {{"/a/x", kTrue}},
              "a: {\n  b: 1, # one\n  c: 2,  # two\n  x: true\n}\n");
  expect_text("a: {\n  b: 1, # one\n  c: 2,  # two\n}\n", {{"/a/x", kTrue}},
              "a: {\n  b: 1, # one\n  c: 2,  # two\n  x: true,\n}\n");
  expect_text("a: {\n\tb: 1,\n\tc: 2\n}\n", {{"/a/c", kGone}}, "a: {\n\tb: 1\n}\n");
  expect_text("a: {\n  b: 1, # one\n  # about c\n  c: 2  # two\n}\n", {{"/a/c", kGone}},
              "a: {\n  b: 1 # one\n  # about c\n}\n");
  expect_text("a: {\n  b: 1, # one\n  c: 2  # two\n}\n", {{"/a/b", kGone}},
              "a: {\n  c: 2  # two\n}\n");
  expect_text("a: {b: 1,\n    c: 2}\n", {{"/a/x", kTrue}}, "a: {b: 1,\n    c: 2,\n    x: true}\n");
  expect_text("a: {\n  # only\n  b: 1 # c\n}\n", {{"/a/b", kGone}}, "a: {\n  # only\n}\n");
}

TEST(TextEdits, KeepsTheStyleOfJson) {
  expect_text(R"({"a":{"b":1},"c":[]})", {{"/a/x", kTrue}, {"/c/-", text_of("v")}},
              R"({"a":{"b":1,"x":true},"c":["v"]})");
  expect_text(R"({"a": {"b": 1}})", {{"/a/x/k", kTrue}}, R"({"a": {"b": 1, "x": {"k": true}}})");
  expect_text("{\n    \"a\": {\n        \"b\": 1\n    },\n    \"c\": {}\n}\n",
              {{"/a/x/k", list_of({"ALL"})}, {"/c/z", kTrue}},
              "{\n    \"a\": {\n        \"b\": 1,\n        \"x\": {\n            \"k\": [\n"
              "                \"ALL\"\n            ]\n        }\n    },\n    \"c\": {\n"
              "        \"z\": true\n    }\n}\n");
  expect_text("{\n  \"a\": 1,\n  \"b\": 2\n}\n", {{"/b", kGone}}, "{\n  \"a\": 1\n}\n");
  expect_text("{\n  \"a\": 1,\n  \"b\": 2\n}\n", {{"/a", kGone}}, "{\n  \"b\": 2\n}\n");
  expect_text("{\n  \"a\": null,\n  \"b\": 2\n}", {{"/a/x", kTrue}},
              "{\n  \"a\": {\n    \"x\": true\n  },\n  \"b\": 2\n}");
  expect_text("{\r\n\t\"a\": 1\r\n}\r\n", {{"/b", kTrue}},
              "{\r\n\t\"a\": 1,\r\n\t\"b\": true\r\n}\r\n");
  expect_text("{\"a\":1}\n{\"a\":1}\n", {{"/a", kTrue}}, "{\"a\":1}\n{\"a\":true}\n", 1);
}

// --- anchors ------------------------------------------------------------------------------------

TEST(TextEdits, EditsAtTheAnchorWhatEveryUseWants) {
  expect_text("a: &x\n  p: true\nb: *x\n", {{"/a/p", kFalse}, {"/b/p", kFalse}},
              "a: &x\n  p: false\nb: *x\n");
  expect_text("a: &x\n  p: true\nb: *x\n", {{"/a/q", kFalse}, {"/b/q", kFalse}},
              "a: &x\n  p: true\n  q: false\nb: *x\n");
  expect_text("a: &x {p: true}\nb: [*x, *x]\n",
              {{"/a/p", kGone}, {"/b/0/p", kGone}, {"/b/1/p", kGone}}, "a: &x {}\nb: [*x, *x]\n");
  expect_text("a: &x true\nb: *x\n", {{"/a", kFalse}, {"/b", kFalse}}, "a: &x false\nb: *x\n");
}

TEST(TextEdits, WritesAnAliasOutWhereUsesDiffer) {
  expect_text("a: &x\n  p: true\nb: *x # c\nc: *x\n", {{"/b/p", kFalse}},
              "a: &x\n  p: true\nb: # c\n  p: false\nc: *x\n");
  expect_text("a: &x\n  p: true\nb: *x\n", {{"/a/p", kFalse}},
              "a: &x\n  p: false\nb:\n  p: true\n");
  expect_text("a: &x true\nb: *x\n", {{"/b", kFalse}}, "a: &x true\nb: false\n");
  expect_text("a: &x 0\nb: *x\n", {{"/a", kGone}}, "b: 0\n");
  expect_text("l:\n- &x {m: 1, s: \"y\"}\n- *x\n", {{"/l/1/p", kTrue}},
              "l:\n- &x {m: 1, s: \"y\"}\n- m: 1\n  s: \"y\"\n  p: true\n");
  expect_text("a: &x {p: true}\nb: {c: *x, d: *x}\n", {{"/b/c/p", kFalse}},
              "a: &x {p: true}\nb: {c: {p: false}, d: *x}\n");
  expect_text("a: &x 1\nb: &x 2\nc: *x\n", {{"/b", kGone}}, "a: &x 1\nc: 2\n");
  expect_text("a: &x {p: &y true}\nb: *x\nc: *y\n", {{"/a/p", kFalse}, {"/b/p", kFalse}},
              "a: &x {p: &y false}\nb: *x\nc: true\n");
}

TEST(TextEdits, AKeyBesideAMergeKeyOverrides) {
  expect_text("a: &x\n  p: true\n  s: {t: 1}\nb:\n  <<: *x\n  q: 1\n", {{"/b/p", kFalse}},
              "a: &x\n  p: true\n  s: {t: 1}\nb:\n  <<: *x\n  q: 1\n  p: false\n");
  expect_text("a: &x\n  p: true\n  s: {t: 1}\nb:\n  <<: *x # c\n", {{"/b/s/u", kFalse}},
              "a: &x\n  p: true\n  s: {t: 1}\nb:\n  <<: *x # c\n  s:\n    t: 1\n    u: false\n");
  expect_text("a: &x\n  p: true\nb:\n  <<: *x\n", {{"/a/p", kFalse}, {"/b/p", kFalse}},
              "a: &x\n  p: false\nb:\n  <<: *x\n");
  expect_text("a: &x\n  p: true\nb:\n  <<: *x\n", {{"/a/p", kFalse}},
              "a: &x\n  p: false\nb:\n  <<: *x\n  p: true\n");
  expect_text("a: &x\n  p: true\nb:\n  <<: *x\n", {{"/a/q", kFalse}, {"/b/q", kFalse}},
              "a: &x\n  p: true\n  q: false\nb:\n  <<: *x\n");
  expect_text("a: &x {p: true}\nb: {<<: *x}\nc: 1\n", {{"/b/p", kFalse}},
              "a: &x {p: true}\nb: {<<: *x, p: false}\nc: 1\n");
  expect_text("a: &x\n  p: true\n  r: 1\nb:\n  <<: *x\n", {{"/a/p", kGone}, {"/b/p", kGone}},
              "a: &x\n  r: 1\nb:\n  <<: *x\n");
  expect_text("b:\n  <<: {p: true}\n", {{"/b/p", kFalse}}, "b:\n  <<: {p: true}\n  p: false\n");
}

TEST(TextEdits, RefusesWhatItCannotSay) {
  expect_refused("a: &x\n  p: true\nb:\n  <<: *x\n", {{"/b/p", kGone}}, 2,
                 "p is to go, but comes through a merge key (<<) from here");
  expect_refused("a: &x\n  p: true\nb:\n  <<: *x\n", {{"/a/q", kTrue}}, 4,
                 "the merge key (<<) here would bring in q as well");
}

}  // namespace
}  // namespace plimsoll::fix
