#include "report/snippet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::report {
namespace {

struct Shown {
  std::string text, underline;
  bool operator==(const Shown&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Shown& shown) {
  return out << '\n' << shown.text << "|\n" << shown.underline << '|';
}

/// The only line of a text, of which columns `begin` up to `end` are meant.
Shown line(const std::string& text, std::size_t begin, std::size_t end, std::size_t end_line = 1) {
  const auto lines = snippet_of({1, {text}}, {1, begin, end_line, end});
  return {lines.at(0).text, lines.at(0).underline()};
}

TEST(Snippet, UnderlinesWhatIsMeant) {
  const auto lines = snippet_of({4, {"a:", "  bc: true # why", "d: 1"}}, {5, 7, 5, 11});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].number, 4U);
  EXPECT_EQ(lines[0].text, "a:");
  EXPECT_EQ(lines[0].underline(), "");
  EXPECT_EQ(lines[1].number, 5U);
  EXPECT_EQ(lines[1].text, "  bc: true # why");
  EXPECT_EQ(lines[1].underline(), "      ^~~~");
  EXPECT_EQ(lines[2].number, 6U);
  EXPECT_EQ(lines[2].underline(), "");
}

TEST(Snippet, UnderlinesToTheEndOfTheLineWhatGoesOnInOthers) {
  EXPECT_EQ(line("a: {b: 1,  \r", 4, 3, 2), (Shown{"a: {b: 1,", "   ^~~~~~"}));
  EXPECT_EQ(line("a: b", 4, 0, 0), (Shown{"a: b", "   ^"}));
}

TEST(Snippet, PointsWhereNothingIsWritten) {
  EXPECT_EQ(line("key:", 5, 5), (Shown{"key:", "    ^"}));
  EXPECT_EQ(line("key:   ", 5, 5), (Shown{"key:", "    ^"}));
  EXPECT_EQ(line("", 1, 1), (Shown{"", "^"}));
  EXPECT_EQ(line("ab: {}", 5, 5), (Shown{"ab: {}", "    ^"}));
  EXPECT_EQ(line("short", 99, 120), (Shown{"short", "     ^"}));
}

TEST(Snippet, NothingIsUnderlinedWithoutAPlace) {
  for (const Region region : {Region{}, Region{2, 1, 2, 2}, Region{1, 0, 0, 0}})
    EXPECT_EQ(snippet_of({1, {"a: b"}}, region).at(0).underline(), "");
  EXPECT_TRUE(snippet_of({}, {1, 1, 1, 2}).empty());
}

TEST(Snippet, CountsAsTheTerminalDoes) {
  // A tab ends at the next of the columns 5, 9, 13, ...
  EXPECT_EQ(line("a\tb: true", 6, 10), (Shown{"a   b: true", "       ^~~~"}));
  EXPECT_EQ(line("abcd\ttrue", 6, 10), (Shown{"abcd    true", "        ^~~~"}));
  EXPECT_EQ(line("a: \ttrue\t# x", 5, 9), (Shown{"a:  true    # x", "    ^~~~"}));
  // `ü` takes two bytes and one column, `日` three and two, a combining accent none.
  EXPECT_EQ(line("\xC3\xBC: \xE6\x97\xA5 x", 5, 8), (Shown{"\xC3\xBC: \xE6\x97\xA5 x", "   ^~"}));
  EXPECT_EQ(line("\xE6\x97\xA5\xF0\x9F\x98\x80: x", 10, 11),
            (Shown{"\xE6\x97\xA5\xF0\x9F\x98\x80: x", "      ^"}));
  EXPECT_EQ(line("e\xCC\x81: x", 6, 7), (Shown{"e\xCC\x81: x", "   ^"}));
  // What is hidden has become longer.
  EXPECT_EQ(line("\x1b[31m: x", 8, 9), (Shown{"\\x1b[31m: x", "          ^"}));
  EXPECT_EQ(line("\xE2\x80\xAE: x", 6, 7), (Shown{"\\u202e: x", "        ^"}));
  EXPECT_EQ(line("\\: \\", 4, 5), (Shown{"\\: \\", "   ^"}));
  EXPECT_EQ(line("\xFF: x", 4, 5), (Shown{"\xEF\xBF\xBD: x", "   ^"}));
}

TEST(Snippet, ALongLineIsCutAroundWhatIsMeant) {
  const std::string many(300, '.');
  EXPECT_EQ(line("ab: c" + many, 5, 6), (Shown{"ab: c" + many.substr(0, 95) + "...", "    ^"}));
  EXPECT_EQ(line(many + "true" + many, 301, 305),
            (Shown{"..." + many.substr(0, 40) + "true" + many.substr(0, 53) + "...",
                   std::string(43, ' ') + "^~~~"}));
  // Of what is itself too long, the beginning.
  EXPECT_EQ(line("a: " + many, 4, 304),
            (Shown{"a: " + many.substr(0, 97) + "...", "   ^" + std::string(96, '~')}));
  // Nothing is cut in the middle of a character.
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "\xE6\x97\xA5";
  EXPECT_EQ(line(wide + "x", 301, 302).text.substr(0, 6), "...\xE6\x97\xA5");
  EXPECT_EQ(line(wide + "x", 301, 302).underline, std::string(3 + 2 * 13, ' ') + "^");
}

}  // namespace
}  // namespace plimsoll::report
