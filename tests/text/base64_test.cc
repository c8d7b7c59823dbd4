#include "text/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace plimsoll::text {
namespace {

TEST(Base64, IsThatOfTheRfc) {
  const std::pair<const char*, const char*> kRows[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xff\xfe\xfd", "//79"},
      {"\xfb\xef\xbe", "++++"},
  };
  for (const auto& [bytes, text] : kRows) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
}

TEST(Base64, KeepsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    EXPECT_EQ(decode_base64(encode_base64(bytes.substr(0, size))), bytes.substr(0, size));
}

TEST(Base64, PassesOverTheEndsOfLines) { EXPECT_EQ(decode_base64("Zm\r\n9v\n"), "foo"); }

TEST(Base64, RefusesTheRest) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "=", "Zg==Zg==", "Zm9*", "Zm 9v", "Zm9v=", "====", "Zg==="})
    EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace plimsoll::text
