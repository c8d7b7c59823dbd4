#include "report/words.h"

#include <gtest/gtest.h>

namespace plimsoll::report {
namespace {

TEST(Words, ShowAnyTextInOneLine) {
  EXPECT_EQ(shown("a\nb\x1b[31m"), "a\\x0ab\\x1b[31m");
  EXPECT_EQ(shown("caf\xE9"), "caf\xEF\xBF\xBD");
  EXPECT_EQ(shown("\xE2\x80\xAE"), "\\u202e");
}

TEST(Words, NameThePlace) {
  EXPECT_EQ(place_of({"web.yaml"}, 17, 15), "web.yaml:17:15");
  EXPECT_EQ(place_of({"web.yaml"}, 17, 0), "web.yaml:17");
  EXPECT_EQ(place_of({"web.yaml"}, 0, 15), "web.yaml");
  EXPECT_EQ(place_of({"-"}, 1, 0), "<stdin>:1");
  EXPECT_EQ(place_of({}, 1, 2), "");
}

TEST(Words, ThePathIsAsShortAsItCanBe) {
  EXPECT_EQ(path_of({"./deploy/../web.yaml"}), "web.yaml");
  EXPECT_EQ(path_of({"../web.yaml"}), "../web.yaml");
  EXPECT_EQ(path_of({"/srv//web.yaml"}), "/srv/web.yaml");
  EXPECT_EQ(path_of({"caf\xE9.yaml"}), "caf\xE9.yaml");
  EXPECT_EQ(path_of({"-"}), "<stdin>");
  EXPECT_EQ(path_of({}), "");
}

TEST(Words, SumUp) {
  Summary sum;
  EXPECT_EQ(sum_of({"restricted@v1.37", ""}, sum),
            "0 resources against restricted@v1.37: 0 passed, 0 failed; 0 findings");
  sum = {.resources = 1, .failed = 1, .errors = 2, .skipped = 3, .findings = 1, .accepted = 4};
  EXPECT_EQ(
      sum_of({"own", ""}, sum),
      "1 resource against own: 0 passed, 1 failed, 2 errors, 3 skipped; 1 finding, 4 accepted");
}

TEST(Words, ColumnsOfLinesThatAreNotSeenAreNotKnown) {
  const Excerpt excerpt{7, {"\xC3\xBC: 1", "b: 2"}};
  EXPECT_EQ(utf16_column(excerpt, 7, 1), 1U);
  EXPECT_EQ(utf16_column(excerpt, 7, 5), 4U);
  EXPECT_EQ(utf16_column(excerpt, 8, 5), 5U);
  EXPECT_EQ(utf16_column(excerpt, 6, 5), std::nullopt);
  EXPECT_EQ(utf16_column(excerpt, 9, 5), std::nullopt);
  EXPECT_EQ(utf16_column(excerpt, 9, 1), 1U);  // nothing stands before it
  EXPECT_EQ(utf16_column(excerpt, 7, 0), std::nullopt);
  EXPECT_EQ(utf16_column(excerpt, 8, 99), 5U);
  EXPECT_EQ(utf16_column({}, 1, 2), std::nullopt);
}

}  // namespace
}  // namespace plimsoll::report
