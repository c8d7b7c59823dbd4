#include <gtest/gtest.h>

#include "plimsoll/template.h"

namespace plimsoll {
namespace {

TEST(TemplateRef, ReadsNameAndVersion) {
  const auto bare = TemplateRef::parse("restricted");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->name, "restricted");
  EXPECT_EQ(bare->version, std::nullopt);
  EXPECT_EQ(TemplateRef::parse("restricted@latest")->version, std::nullopt);
  EXPECT_EQ(TemplateRef::parse("restricted@v1.0")->version, 0);
  EXPECT_EQ(TemplateRef::parse("restricted@v1.29")->version, 29);
}

// Upstream's rule: ^v1\.([0-9]|[1-9][0-9]*)$
TEST(TemplateRef, RefusesWhatUpstreamRefuses) {
  for (const char* text :
       {"", "@v1.1", "restricted@", "restricted@1.29", "restricted@v1", "restricted@v1.",
        "restricted@v1.01", "restricted@v1.-1", "restricted@v1.+1", "restricted@v2.1",
        "restricted@v1.1.1", "restricted@V1.1", "restricted@Latest", "restricted@v1.1 ",
        "restricted@v1.1@v1.2", "restricted@ v1.1", "restricted@v1.1a"})
    EXPECT_FALSE(TemplateRef::parse(text)) << text;
}

TEST(TemplateRef, AVersionFromTheFarFutureIsAVersion) {
  EXPECT_GT(TemplateRef::parse("restricted@v1.99999999999999999999")->version, 1000);
}

}  // namespace
}  // namespace plimsoll
