#include "app/ignores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace plimsoll::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Of all documents of the text.
Ignores ignores(std::string_view text) {
  Ignores all;
  text::YamlReader reader(text, "");
  std::size_t from = 0;
  for (;;) {
    auto document = reader.next();
    EXPECT_TRUE(document);
    if (!document || !*document) return all;
    auto some = ignores_of(text, from, **document);
    from = (*document)->end.offset;
    for (auto& ignore : some.all) all.all.push_back(std::move(ignore));
    for (auto& error : some.errors) all.errors.push_back(std::move(error));
  }
}

std::vector<std::string> targets(std::string_view text) {
  const auto found = ignores(text);
  EXPECT_THAT(found.errors, IsEmpty()) << text;
  std::vector<std::string> out;
  for (const Ignore& ignore : found.all) out.push_back(ignore.target);
  return out;
}

TEST(Ignores, SpeakOfTheValueBeforeThem) {
  const std::string word = "# plimsoll:ignore privileged -- r\n";
  EXPECT_THAT(targets("a:\n  b: true " + word), ElementsAre("/a/b"));
  EXPECT_THAT(targets("a: " + word + "  b: true\n"), ElementsAre("/a"));
  EXPECT_THAT(targets("x: 1\na: " + word + "  b: true\n"), ElementsAre("/a"));
  EXPECT_THAT(targets("x:\n- a: 1 " + word + "  b: true\n"), ElementsAre("/x/0"));
  EXPECT_THAT(targets("x:\n- a: 1\n  b: true " + word), ElementsAre("/x/0/b"));
  EXPECT_THAT(targets("x: 1\nk: [1,\n  2,\n] " + word + "z: 1\n"), ElementsAre("/k"));
  EXPECT_THAT(targets("x: 1\nq: &q\n  b: true " + word + "z: *q\n"), ElementsAre("/q/b"));
}

TEST(Ignores, SpeakOfWhatBeginsBelowThem) {
  const std::string word = "# plimsoll:ignore privileged -- r\n";
  EXPECT_THAT(targets("a:\n  " + word + "\n  # and more\n  b: {c: 1}\n  d: 1\n"),
              ElementsAre("/a/b"));
  EXPECT_THAT(targets("a:\n  x: 1\n  " + word + "\n  # and more\n  b: {c: 1}\n"),
              ElementsAre("/a/b"));
  EXPECT_THAT(targets("x:\n" + word + "- a: 1\n- a: 2\n"), ElementsAre("/x/0"));
  EXPECT_THAT(targets("x:\n- a: 1\n" + word + "- a: 2\n"), ElementsAre("/x/1"));
}

// Not of the list, whose other elements nobody has named.
TEST(Ignores, SpeakOfTheElementBehindADash) {
  const std::string word = "# plimsoll:ignore privileged -- r\n";
  EXPECT_THAT(targets("x:\n- " + word + "  a: 1\n- a: 2\n"), ElementsAre("/x/0"));
  EXPECT_THAT(targets("x:\n- a: 1\n- " + word + "\n  # and more\n  a: 2\n- a: 3\n"),
              ElementsAre("/x/1"));
  EXPECT_THAT(targets("x:\n- - 1\n  - " + word + "    a: 2\n"), ElementsAre("/x/0/1"));
  EXPECT_THAT(targets("- " + word + "  a: 1\n- a: 2\n"), ElementsAre("/0"));
  EXPECT_THAT(targets("x: 1\na: b - " + word + "c: 2\n"), ElementsAre("/a"));
  for (const std::string& text :
       std::vector<std::string>{"x:\n- a: 1\n- " + word + "- a: 3\n", "x:\n- " + word + "y: 3\n",
                                "x:\n- " + word, "x: [\n  {a: 1}\n  , " + word + "  {a: 2}]\n"}) {
    const auto found = ignores(text);
    EXPECT_THAT(found.all, IsEmpty()) << text;
    ASSERT_THAT(found.errors, SizeIs(1)) << text;
    EXPECT_THAT(found.errors[0].to_string(), HasSubstr("speaks of nothing"));
  }
}

// Not of all that the brackets hold, nor of what stands before.
TEST(Ignores, SpeakOfTheLastValueInBrackets) {
  const std::string word = "# plimsoll:ignore privileged -- r\n";
  EXPECT_THAT(targets("x: [{a: 1}, " + word + " {a: 2}]\n"), ElementsAre("/x/0"));
  EXPECT_THAT(targets("x: [{a: 1}, {a: 2}, " + word + " {a: 3}]\n"), ElementsAre("/x/1"));
  EXPECT_THAT(targets("x: {k: [\n {a: 1}, {a: 2, " + word + "  b: 2}]}\n"),
              ElementsAre("/x/k/1/a"));
  EXPECT_THAT(targets("x: [{a: 1}, { " + word + "  b: 2}]\n"), ElementsAre("/x/1"));
  EXPECT_THAT(targets("x: [ " + word + "  1, 2]\n"), ElementsAre("/x"));
  EXPECT_THAT(targets("{x: 1, " + word + " y: 2}\n"), ElementsAre("/x"));
  EXPECT_THAT(targets("x:\n- {a: 1, " + word + "   b: 2}\n"), ElementsAre("/x/0"));
  EXPECT_THAT(targets("x: [{a: 1}] " + word), ElementsAre("/x"));
}

TEST(Ignores, SpeakOfTheDocumentAtItsTop) {
  const std::string word = "# plimsoll:ignore privileged -- r\n";
  EXPECT_THAT(targets(word + "a: 1\nb: 2\n"), ElementsAre(""));
  EXPECT_THAT(targets(word + "---\na: 1\n"), ElementsAre(""));
  EXPECT_THAT(targets("\xef\xbb\xbf" + word + "a: 1\n"), ElementsAre(""));
  EXPECT_THAT(targets("--- " + word + "a: 1\n"), ElementsAre(""));
  EXPECT_THAT(targets("a: 1\n---\n" + word + "b: 1\n"), ElementsAre(""));
  EXPECT_EQ(ignores("a: 1\n---\n" + word + "b: 1\n").all.front().line, 3U);
  EXPECT_EQ(ignores("a: 1\n...\n" + word + "---\nb: 1\n").all.front().line, 3U);
}

TEST(Ignores, NameChecksAndAReason) {
  const auto found =
      ignores("a: 1 #plimsoll:ignore  privileged, drop-all seccomp  --  the why -- x\r\n");
  ASSERT_THAT(found.all, SizeIs(1));
  EXPECT_THAT(found.all[0].checks,
              ElementsAre(find_check("privileged"), find_check("drop-all"), find_check("seccomp")));
  EXPECT_EQ(found.all[0].reason, "the why -- x");
}

TEST(Ignores, AreErrorsWithoutThem) {
  for (const auto& [comment, says] : std::vector<std::pair<std::string, std::string>>{
           {"# plimsoll:ignore privileged", "gives no reason"},
           {"# plimsoll:ignore privileged -- ", "gives no reason"},
           {"# plimsoll:ignore privileged - x", "there is no check \"-\""},
           {"# plimsoll:ignore", "names no check"},
           {"# plimsoll:ignore -- x", "names no check"},
           {"# plimsoll:ignore privilegd -- x", "did you mean privileged?"},
           {"# plimsoll:ignore all -- x", "there is no check \"all\""},
           {"# plimsoll:ignore unreadable-field -- x", "cannot be ignored"}}) {
    const auto found = ignores("x: 0\na: 1 " + comment + "\n");
    EXPECT_THAT(found.all, IsEmpty()) << comment;
    ASSERT_THAT(found.errors, SizeIs(1)) << comment;
    EXPECT_THAT(found.errors[0].to_string(), HasSubstr(says));
    EXPECT_EQ(found.errors[0].line, 2U);
    EXPECT_EQ(found.errors[0].column, 6U);
  }
  const auto deeper = ignores("a:\n  b: 1\n  # plimsoll:ignore privileged -- x\nc: 1\n");
  ASSERT_THAT(deeper.errors, SizeIs(1)) << "it belongs to a, and c follows it";
  EXPECT_THAT(deeper.errors[0].to_string(), HasSubstr("indented deeper than what follows"));
  const auto returns = ignores("a: 1 # plimsoll:ignore privileged -- x\rb: 1\n");
  ASSERT_THAT(returns.errors, SizeIs(1));
  EXPECT_THAT(returns.errors[0].to_string(), HasSubstr("carriage return alone"));
  const auto last = ignores("a: 1\n# plimsoll:ignore privileged -- x\n");
  ASSERT_THAT(last.errors, SizeIs(1));
  EXPECT_THAT(last.errors[0].to_string(), HasSubstr("speaks of nothing"));
}

// What a value says is no comment.
TEST(Ignores, StandInNoValue) {
  const std::string word = "# plimsoll:ignore privileged -- r";
  for (const std::string& text : std::vector<std::string>{
           "a: \"x " + word + "\"\n", "a: 'x\n  " + word + "'\n",
           "a: |\n  x\n  " + word + "\n  y\n", "a: >-\n  " + word + "\nb: 1\n",
           "\"x " + word + "\": 1\n", "a: x" + word + "\n", "a: plimsoll:ignore\n"}) {
    const auto found = ignores(text);
    EXPECT_THAT(found.all, IsEmpty()) << text;
    EXPECT_THAT(found.errors, IsEmpty()) << text;
  }
}

TEST(Ignores, CoverWhatTheirTargetHolds) {
  const Ignore ignore{.target = "/spec/containers/1"};
  EXPECT_TRUE(ignore.covers("/spec/containers/1"));
  EXPECT_TRUE(ignore.covers("/spec/containers/1/securityContext/privileged"));
  EXPECT_FALSE(ignore.covers("/spec/containers/11"));
  EXPECT_FALSE(ignore.covers("/spec"));
}

}  // namespace
}  // namespace plimsoll::app
