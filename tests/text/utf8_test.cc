#include "text/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace plimsoll::text {
namespace {

TEST(Utf8, KnowsASequence) {
  const std::pair<std::string_view, std::size_t> kRows[] = {
      {"", 0},
      {"a", 1},
      {std::string_view("\0", 1), 1},
      {"\xc3\xa9!", 2},
      {"\xe2\x82\xac", 3},
      {"\xf0\x9f\x9a\xa2", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\xa9", 0},              // begins with what continues
      {"\xc3", 0},              // ends too early
      {"\xe2\x82", 0},          // so does this
      {"\xc0\xaf", 0},          // longer than it need be
      {"\xe0\x80\xaf", 0},      // so is this
      {"\xed\xa0\x80", 0},      // half of a pair of UTF-16
      {"\xf4\x90\x80\x80", 0},  // past the last character
      {"\xff", 0},
  };
  for (const auto& [text, length] : kRows) EXPECT_EQ(utf8_length(text), length) << text;
}

TEST(Utf8, EveryByteThatIsNoneIsReplaced) {
  EXPECT_EQ(replace_invalid_utf8("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(replace_invalid_utf8("caf\xe9.yaml"), "caf\xef\xbf\xbd.yaml");
  EXPECT_EQ(replace_invalid_utf8("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace plimsoll::text
