#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "fix/text.h"

namespace plimsoll::fix {
namespace {

using Edits = std::vector<TextEdit>;

TEST(UnifiedDiff, ShowsWholeLinesWithThreeOfContext) {
  EXPECT_EQ(unified_diff("a.yaml", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", Edits{{8, 9, "five"}}),
            "--- a/a.yaml\n+++ b/a.yaml\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(UnifiedDiff, WhatIsPutInAtTheEndOfALineIsALineOfItsOwn) {
  EXPECT_EQ(unified_diff("a", "1\n2\n", Edits{{1, 1, "\nx\ny"}}),
            "--- a/a\n+++ b/a\n@@ -1,2 +1,4 @@\n 1\n+x\n+y\n 2\n");
  EXPECT_EQ(unified_diff("a", "1\n2\n3\n", Edits{{1, 3, ""}}),
            "--- a/a\n+++ b/a\n@@ -1,3 +1,2 @@\n 1\n-2\n 3\n");
}

TEST(UnifiedDiff, JoinsHunksThatAreNear) {
  const std::string before = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";
  EXPECT_EQ(
      unified_diff("a", before, Edits{{0, 1, "x"}, {14, 15, "y"}}),
      "--- a/a\n+++ b/a\n@@ -1,10 +1,10 @@\n-0\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n-7\n+y\n 8\n 9\n");
  EXPECT_EQ(unified_diff("a", before, Edits{{0, 1, "x\nx"}, {16, 17, "y"}}),
            "--- a/a\n+++ b/a\n@@ -1,4 +1,5 @@\n-0\n+x\n+x\n 1\n 2\n 3\n"
            "@@ -6,5 +7,5 @@\n 5\n 6\n 7\n-8\n+y\n 9\n");
}

TEST(UnifiedDiff, SaysWhereALineFeedIsMissing) {
  EXPECT_EQ(unified_diff("a", "1\n2", Edits{{3, 3, "\n3"}}),
            "--- a/a\n+++ b/a\n@@ -1,2 +1,3 @@\n 1\n-2\n\\ No newline at end of file\n+2\n+3\n"
            "\\ No newline at end of file\n");
  EXPECT_EQ(unified_diff("a", "1\n2", Edits{{0, 1, "x"}}),
            "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n-1\n+x\n 2\n\\ No newline at end of file\n");
}

// The last line may have no line feed: what comes behind it changes it.
TEST(UnifiedDiff, TakesTheEndWithALastLineThatChanges) {
  EXPECT_EQ(unified_diff("a", "1\n23", Edits{{2, 3, "x"}, {4, 4, "\n4"}}),
            "--- a/a\n+++ b/a\n@@ -1,2 +1,3 @@\n 1\n-23\n\\ No newline at end of file\n+x3\n+4\n"
            "\\ No newline at end of file\n");
}

TEST(UnifiedDiff, KeepsCarriageReturns) {
  EXPECT_EQ(unified_diff("a", "1\r\n2\r\n", Edits{{3, 4, "x"}}),
            "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n 1\r\n-2\r\n+x\r\n");
}

TEST(UnifiedDiff, NamesTheFileAsGitAndPatchReadIt) {
  const Edits edits{{0, 1, "x"}};
  EXPECT_TRUE(unified_diff("/tmp/a", "1\n", edits).starts_with("--- a/tmp/a\n+++ b/tmp/a\n"));
  EXPECT_TRUE(unified_diff("a b", "1\n", edits).starts_with("--- a/a b\t\n+++ b/a b\t\n"));
  EXPECT_TRUE(unified_diff("a\"b\n\x01", "1\n", edits)
                  .starts_with("--- \"a/a\\\"b\\n\\001\"\n+++ \"b/a\\\"b\\n\\001\"\n"));
}

TEST(UnifiedDiff, OfNothingIsNothing) {
  EXPECT_EQ(unified_diff("a", "1\n", Edits{}), "");
  EXPECT_EQ(unified_diff("a", "1\n", Edits{{0, 1, "1"}}), "");
}

// Edits of a text, in order and apart.
Edits some_edits(std::mt19937& random, std::size_t size) {
  Edits edits;
  std::size_t at = 0;
  while (at < size) {
    const std::size_t begin = at + random() % 4, end = begin + random() % 3;
    if (end > size) break;
    static constexpr const char* kTexts[] = {"", "x", "\n", "yy\n", "z\nz"};
    TextEdit edit{begin, end, kTexts[random() % 5]};
    if (edit.begin != edit.end || !edit.text.empty()) edits.push_back(edit);
    at = end + 1;
  }
  return edits;
}

TEST(Compose, DoesWhatBothDo) {
  std::mt19937 random(6);
  for (int i = 0; i < 20'000; ++i) {
    const std::string before = std::string("a\nbc\ndef\n\ng").substr(0, random() % 12);
    const Edits first = some_edits(random, before.size());
    const std::string between = edited(before, first);
    const Edits second = some_edits(random, between.size());
    const Edits both = compose(before.size(), first, second);
    ASSERT_EQ(edited(before, both), edited(between, second)) << i;
    for (std::size_t k = 1; k < both.size(); ++k) ASSERT_LT(both[k - 1].end, both[k].begin) << i;
  }
}

}  // namespace
}  // namespace plimsoll::fix
