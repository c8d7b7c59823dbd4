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
  const auto edits = [](std::vector<Edit> all) {
    std::vector<std::shared_ptr<const Edit>> shared;
    for (Edit& edit : all) shared.push_back(std::make_shared<const Edit>(std::move(edit)));
    return shared;
  };
  violation.edits = edits({{"/spec/hostPID", false}});
  EXPECT_EQ(advice(violation), "set spec.hostPID to false");
  violation.edits = edits({{"/spec/containers/0/ports/1/hostPort", {}}});
  EXPECT_EQ(advice(violation), "remove spec.containers[0].ports[1].hostPort");
  violation.edits = edits({{"/a", std::vector<std::string>{"ALL", "X"}},
                           {"/b", std::int64_t{-5}},
                           {"/c", std::string("text")}});
  EXPECT_EQ(advice(violation), "set a to [ALL, X]; set b to -5; set c to text");
  violation.edits = edits({{"/a", std::vector<std::string>(100'000, "KILL")}});
  EXPECT_LT(advice(violation).size(), 2 * kMostWords) << "nobody reads such a list to its end";
}

TEST(Cut, EndsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(cut("abcdef", 6), "abcdef");
  EXPECT_EQ(cut("abcdefg", 6), "abc...");
  EXPECT_EQ(cut("ab\xc3\xb6xxxx", 6), "ab...");
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

TEST(Printable, WhatCannotBeSeenOrTurnsTheLineIsWritten) {
  EXPECT_EQ(printable("a\u202etxt.exe"), "a\\u202etxt.exe");
  EXPECT_EQ(printable("a\u200bb\u2028c\u2066d\ufeffe\u00adf"),
            "a\\u200bb\\u2028c\\u2066d\\ufeffe\\u00adf");
  for (const char* seen : {"\u2010", "\u20ac", "\u2191", "\uff41", "\U0001f6a2"})
    EXPECT_EQ(printable(seen), seen);
}

TEST(Printable, IsPrintableIsNeverWrongAboutAYes) {
  for (const char* text : {"plain", "", "with \"quotes\" and \\ and \xc3\xb6"}) {
    EXPECT_TRUE(is_printable(text));
    EXPECT_EQ(printable(text), text);
  }
  for (const char* text : {"\x01", "a\n", "\x7f", "\xc2\x85", "\u202e", "\ufeff"})
    EXPECT_FALSE(is_printable(text));
}

}  // namespace
}  // namespace plimsoll::verdict
