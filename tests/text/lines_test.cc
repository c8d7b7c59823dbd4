#include "text/lines.h"

#include <gtest/gtest.h>

namespace plimsoll::text {
namespace {

TEST(Lines, AreWithoutWhatEndsThem) {
  const Lines lines("a\r\n\nbc");
  ASSERT_EQ(lines.count(), 3U);
  EXPECT_EQ(lines[1], "a");
  EXPECT_EQ(lines[2], "");
  EXPECT_EQ(lines[3], "bc");
  EXPECT_EQ(Lines("").count(), 1U);
  EXPECT_EQ(Lines("a\n").count(), 2U);
}

TEST(Lines, KnowThePlaceOfAByte) {
  const Lines lines("ab\nc");
  const auto expect = [&](std::size_t offset, std::size_t line, std::size_t column) {
    EXPECT_EQ(lines.place(offset).line, line) << offset;
    EXPECT_EQ(lines.place(offset).column, column) << offset;
  };
  expect(0, 1, 1);
  expect(2, 1, 3);
  expect(3, 2, 1);
  expect(4, 2, 2);
}

TEST(Lines, BeginBehindAByteOrderMark) {
  const Lines lines("\xEF\xBB\xBF"
                    "ab\nc");
  EXPECT_EQ(lines[1], "ab");
  EXPECT_EQ(lines.place(0).column, 1U);
  EXPECT_EQ(lines.place(4).column, 2U);
  EXPECT_EQ(lines.place(6).line, 2U);
}

}  // namespace
}  // namespace plimsoll::text
