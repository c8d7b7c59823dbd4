#include "report/characters.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace plimsoll::report {
namespace {

TEST(Characters, ReplacesEachByteThatIsNoUtf8) {
  const std::string gap = "\xEF\xBF\xBD";
  for (const auto& [text, becomes] : std::vector<std::pair<std::string, std::string>>{
           {"", ""},
           {"plain", "plain"},
           {"\xC3\xBC\xE6\x97\xA5\xF0\x9F\x98\x80", "\xC3\xBC\xE6\x97\xA5\xF0\x9F\x98\x80"},
           {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
           {"caf\xE9.yaml", "caf" + gap + ".yaml"},
           {"\x80", gap},
           {"a\xC3", "a" + gap},
           {"\xE6\x97", gap + gap},
           {"\xC0\xAF", gap + gap},                      // `/` in two bytes
           {"\xE0\x80\xAF", gap + gap + gap},            // in three
           {"\xED\xA0\x80", gap + gap + gap},            // a surrogate
           {"\xF4\x90\x80\x80", gap + gap + gap + gap},  // beyond the last character
           {"\xF8\x88\x80\x80\x80", gap + gap + gap + gap + gap},
           {std::string("\0x", 2), std::string("\0x", 2)}})
    EXPECT_EQ(utf8(text), becomes) << ::testing::PrintToString(text);
}

TEST(Characters, CountsAsUtf16Does) {
  for (const auto& [text, units] :
       std::vector<std::pair<std::string, std::size_t>>{{"", 0},
                                                        {"abc", 3},
                                                        {"\xC3\xBC", 1},
                                                        {"\xE6\x97\xA5", 1},
                                                        {"\xF0\x9F\x98\x80", 2},
                                                        {"\xFFz", 2}})
    EXPECT_EQ(utf16_units(text), units) << ::testing::PrintToString(text);
}

TEST(Characters, KnowsHowWideTheyAre) {
  for (const auto& [code, width] : std::vector<std::pair<char32_t, std::size_t>>{{'a', 1},
                                                                                 {0xFC, 1},
                                                                                 {0x2FF, 1},
                                                                                 {0x300, 0},
                                                                                 {0x36F, 0},
                                                                                 {0x370, 1},
                                                                                 {0x200D, 1},
                                                                                 {0x65E5, 2},
                                                                                 {0xAC00, 2},
                                                                                 {0xFF21, 2},
                                                                                 {0xFF61, 1},
                                                                                 {0xFE0F, 0},
                                                                                 {0xFFFD, 1},
                                                                                 {0x1F600, 2},
                                                                                 {0x1F300, 2},
                                                                                 {0x2014, 1},
                                                                                 {0x20000, 2},
                                                                                 {0x10FFFF, 1}})
    EXPECT_EQ(width_of(code), width) << std::hex << static_cast<unsigned>(code);
}

}  // namespace
}  // namespace plimsoll::report
