#include "verdict/words.h"

#include <gtest/gtest.h>

namespace plimsoll::verdict {
namespace {

TEST(FieldOf, Table) {
  EXPECT_EQ(field_of(""), "");
  EXPECT_EQ(field_of("/spec/containers/0/image"), "spec.containers[0].image");
  EXPECT_EQ(field_of("/items/12/spec/hostPID"), "items[12].spec.hostPID");
  EXPECT_EQ(field_of("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1app"),
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/app]");
  EXPECT_EQ(field_of("/a~0b"), "[a~b]");
  EXPECT_EQ(field_of("/"), "");
}

TEST(Advice, EditsOrElseTheRemedy) {
  Violation violation;
  Check check;
  check.remedy = "Ask someone.";
  violation.check = &check;
  EXPECT_EQ(advice(violation), "Ask someone");
  violation.edits = {{"/spec/hostPID", false}};
  EXPECT_EQ(advice(violation), "set spec.hostPID to false");
  violation.edits = {{"/spec/containers/0/ports/1/hostPort", {}}};
  EXPECT_EQ(advice(violation), "remove spec.containers[0].ports[1].hostPort");
  violation.edits = {{"/a", std::vector<std::string>{"ALL", "X"}},
                     {"/b", std::int64_t{-5}},
                     {"/c", std::string("text")}};
  EXPECT_EQ(advice(violation), "set a to [ALL, X]; set b to -5; set c to text");
}

TEST(Printable, ControlCharactersAreWritten) {
  EXPECT_EQ(printable("a\x1b[31mb\n\t\x7f"), "a\\x1b[31mb\\x0a\\x09\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\x9b") << "the one-byte CSI of C1";
  EXPECT_EQ(printable("gr\xc3\xb6\xc3\x9f"
                      "e \xc2\xa7"),
            "gr\xc3\xb6\xc3\x9f"
            "e \xc2\xa7");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Printable, IsPrintableIsNeverWrongAboutAYes) {
  for (const char* text : {"plain", "", "with \"quotes\" and \\ and \xc3\xb6"}) {
    EXPECT_TRUE(is_printable(text));
    EXPECT_EQ(printable(text), text);
  }
  for (const char* text : {"\x01", "a\n", "\x7f", "\xc2\x85"}) EXPECT_FALSE(is_printable(text));
}

}  // namespace
}  // namespace plimsoll::verdict
