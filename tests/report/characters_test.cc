#include "report/characters.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace plimsoll::report {
namespace {

TEST(Characters, AreReadOneByOne) {
  for (const auto& [text, code, bytes] :
       std::vector<std::tuple<std::string, char32_t, std::size_t>>{
           {"ab", 'a', 1},
           {"\x7F", 0x7F, 1},
           {"\xC3\xBCx", 0xFC, 2},
           {"\xE6\x97\xA5x", 0x65E5, 3},
           {"\xF0\x9F\x98\x80x", 0x1F600, 4},
           {"\xF4\x8F\xBF\xBF", 0x10FFFF, 4},
           {"\xC3x", 0xFFFD, 1},
           {"\xE9.yaml", 0xFFFD, 1}}) {
    const Character character = first_character(text);
    EXPECT_EQ(character.code, code) << ::testing::PrintToString(text);
    EXPECT_EQ(character.bytes, bytes) << ::testing::PrintToString(text);
  }
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
