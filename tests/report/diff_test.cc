#include "report/diff.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "report/sample.h"

namespace plimsoll::report {
namespace {

/// `-17 text` a line, of changes to the lines `a: 1`, `b: 2` and `c: 3` from 10 on.
std::string diff(std::vector<TextChange> changes, const std::string& end = "") {
  ReportedFinding finding;
  finding.excerpt = {10, {"a: 1" + end, "b: 2" + end, "c: 3" + end}};
  finding.changes = std::move(changes);
  std::string out;
  for (const DiffLine& line : diff_of(finding))
    out += line.sign + std::to_string(line.number) + " " + line.text + "\n";
  return out;
}

TEST(Diff, ShowsWhatGoesAndWhatComes) {
  EXPECT_EQ(diff({{{11, 4, 11, 5}, "20"}}), " 10 a: 1\n-11 b: 2\n+11 b: 20\n 12 c: 3\n");
  EXPECT_EQ(diff({{{11, 1, 12, 1}, ""}}), " 10 a: 1\n-11 b: 2\n 12 c: 3\n");
  EXPECT_EQ(diff({{{12, 1, 13, 1}, ""}}), " 10 a: 1\n 11 b: 2\n-12 c: 3\n");
  EXPECT_EQ(diff({{{10, 5, 10, 5}, "\n  x: y"}}), " 10 a: 1\n+11   x: y\n 11 b: 2\n 12 c: 3\n");
  EXPECT_EQ(diff({{{11, 1, 11, 1}, "x: y\n"}}), " 10 a: 1\n+11 x: y\n 11 b: 2\n 12 c: 3\n");
  EXPECT_EQ(diff({{{13, 1, 13, 1}, "x: y\n"}}), " 10 a: 1\n 11 b: 2\n 12 c: 3\n+13 x: y\n");
  EXPECT_EQ(diff({{{10, 1, 10, 2}, "A"}, {{12, 1, 12, 2}, "C"}}),
            "-10 a: 1\n+10 A: 1\n 11 b: 2\n-12 c: 3\n+12 C: 3\n");
}

TEST(Diff, AReturnIsNoPartOfALine) {
  EXPECT_EQ(diff({{{10, 5, 10, 5}, "\r\n  x: y"}}, "\r"),
            " 10 a: 1\n+11   x: y\n 11 b: 2\n 12 c: 3\n");
}

TEST(Diff, LinesThatComeElsewhereStandAboveOrBelow) {
  EXPECT_EQ(
      diff({{{3, 9, 3, 9}, "\n  x: y\n  z: 1"}, {{11, 4, 11, 5}, "0"}, {{40, 1, 40, 1}, "q: 1\n"}}),
      "+4   x: y\n+5   z: 1\n 10 a: 1\n-11 b: 2\n+13 b: 0\n 12 c: 3\n+42 q: 1\n");
}

TEST(Diff, NothingWhereTheTextIsNotSeen) {
  EXPECT_EQ(diff({}), "");
  EXPECT_EQ(diff({{{3, 4, 3, 9}, "x"}}), "");   // a piece of a line that is not there
  EXPECT_EQ(diff({{{3, 4, 3, 4}, "x"}}), "");   // into one
  EXPECT_EQ(diff({{{3, 1, 5, 1}, ""}}), "");    // lines go that nobody sees
  EXPECT_EQ(diff({{{12, 1, 14, 1}, ""}}), "");  // of which only the first is seen
  EXPECT_EQ(diff({{{11, 4, 11, 5}, "0"}, {{10, 1, 10, 2}, "A"}}), "");  // not in order
}

}  // namespace
}  // namespace plimsoll::report
