// docs/ is what the binary says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "app/command.h"
#include "plimsoll/check.h"
#include "plimsoll/verdict.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using server::testing::text_of;
using ::testing::HasSubstr;

const std::string kRoot = PLIMSOLL_SOURCE_DIR;

TEST(Docs, HaveThePageOfChecksThatTheBinaryWrites) {
  const auto page = run({"checks", "-o", "markdown"});
  EXPECT_EQ(page.status, 0) << page.errors;
  EXPECT_EQ(text_of(kRoot + "/docs/checks.md"), page.output)
      << "rewrite it: build/release/plimsoll checks -o markdown >docs/checks.md";
}

TEST(Docs, TellOfACheckAllThatTheCatalogueHas) {
  const std::string page = text_of(kRoot + "/docs/checks.md");
  const auto holds = [&](std::string_view text) {
    EXPECT_THAT(page, HasSubstr(std::string(text)));
  };
  for (const Check* check : catalogue()) {
    SCOPED_TRACE(check->id);
    holds("| [" + std::string(check->id) + "](#" + std::string(check->id) + ") | ");
    holds("\n## " + std::string(check->id) + "\n");
    holds("```yaml\n" + std::string(check->counterexample) + "```\n\n- `");
    holds("```yaml\n" + std::string(check->example) + "```\n");
    for (const auto text : {check->title, check->rationale, check->remedy, check->risk})
      holds(text);
    for (const ParamSpec& param : check->params) holds("| `" + std::string(param.name) + "` | ");
    for (const auto& [standard, section] : check->references)
      holds("- " + std::string(standard) + ": " + std::string(section) + "\n");
  }
  holds("\n## unreadable-field\n");
  holds("```yaml\n" + std::string(kUnreadableField.counterexample) + "```\n\n- `spec.hostNetwork`");
}

}  // namespace
}  // namespace plimsoll::app
