#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::sample;
using testing::write;

TEST(Text, SaysWhereWhatAndHow) {
  const std::string written = write(text, sample());
  EXPECT_THAT(written,
              HasSubstr("web.yaml:17:15: container \"app\" is privileged [privileged, critical]\n"
                        "    set it to false\n"));
  EXPECT_THAT(written, HasSubstr("no pod template is known in Service of v1"));
  EXPECT_THAT(written, HasSubstr("error x.yaml:1:2: broken"));
  EXPECT_THAT(written,
              HasSubstr("4 resources against restricted@v1.37: 1 passed, 1 failed, 1 error, "
                        "1 skipped; 1 finding\n"));
}

TEST(Text, ColourOnlyWhenAskedForAndNeverFromAManifest) {
  EXPECT_THAT(write(text, sample()), Not(HasSubstr("\x1b")));
  const std::string coloured = write(text, sample(), {.colour = true});
  EXPECT_THAT(coloured, HasSubstr("\x1b[31mfail\x1b[0m"));
  EXPECT_THAT(coloured, HasSubstr("web\\x1b[31m"));
}

}  // namespace
}  // namespace plimsoll::report
