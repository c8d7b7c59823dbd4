// The README's transcripts and figures are what the binary says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "app/command.h"
#include "plimsoll/check.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using server::testing::text_of;
using ::testing::HasSubstr;

const std::string kRoot = PLIMSOLL_SOURCE_DIR;

/// What the README shows below a command.
std::string transcript(const std::string& command) {
  const std::string readme = text_of(kRoot + "/README.md"), from = "$ " + command + "\n";
  const auto at = readme.find(from);
  if (at == std::string::npos) return "the README shows no " + command;
  const auto begin = at + from.size();
  return readme.substr(begin, readme.find("```", begin) - begin);
}

TEST(Readme, ShowsWhatCheckPrints) {
  std::filesystem::current_path(kRoot);
  EXPECT_EQ(run({"check", "-t", "restricted", "examples/web.yaml"}).output,
            transcript("plimsoll check -t restricted examples/web.yaml"));
}

TEST(Readme, ShowsWhatFixPrints) {
  std::filesystem::current_path(kRoot);
  const auto ran = run({"fix", "examples/web.yaml"});
  EXPECT_EQ(ran.output + ran.errors, transcript("plimsoll fix examples/web.yaml"));
}

TEST(Readme, ShowsWhatReplayPrints) {
  std::filesystem::current_path(kRoot);
  const auto ran = run({"replay", "-t", "baseline", "examples/reviews"});
  EXPECT_EQ(ran.output + ran.errors, transcript("plimsoll replay -t baseline examples/reviews"));
}

// kubectl puts its own words before the message.
TEST(Readme, ShowsWhatADenialSays) {
  const Folder folder;
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  Serving serving({"--tls-cert", folder / "tls.crt", "--tls-key", folder / "tls.key"});
  // The API server's request for that very manifest.
  const auto review = nlohmann::json::parse(text_of(kRoot + "/examples/reviews/privileged.json"));
  const auto answer = serving.post("/validate/enforce/restricted", review.dump());
  ASSERT_TRUE(answer);
  const auto response = nlohmann::json::parse(answer->body).at("response");
  const std::string kubectl = "Error from server (Forbidden): admission webhook "
                              "\"validate.plimsoll.dev\" denied the request: ";
  EXPECT_EQ(kubectl + response.at("status").at("message").get<std::string>() + "\n",
            transcript("kubectl apply -f examples/debug.yaml"));

  const auto checked = run({"check", "-o", "json", kRoot + "/examples/debug.yaml"});
  const auto findings = nlohmann::json::parse(checked.output).at("resources")[0].at("findings");
  const auto& causes = response.at("status").at("details").at("causes");
  ASSERT_EQ(findings.size(), causes.size());
  for (std::size_t i = 0; i < causes.size(); ++i)
    EXPECT_EQ(findings[i].at("check"), causes[i].at("reason"));
}

TEST(Readme, CountsTheChecks) {
  const std::string count = std::to_string(catalogue().size()) + " checks";
  EXPECT_THAT(text_of(kRoot + "/README.md"), HasSubstr("# the " + count + "\n"));
  EXPECT_THAT(text_of(kRoot + "/CHANGELOG.md"), HasSubstr("- " + count + ": "));
}

}  // namespace
}  // namespace plimsoll::app
