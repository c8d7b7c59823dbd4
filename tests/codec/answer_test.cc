#include "codec/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::codec {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::shared_ptr<const Template> policy(std::string name = "restricted") {
  return std::make_shared<const Template>(
      Template{std::move(name), "", 37, std::make_shared<const std::vector<Rule>>()});
}

Violation violation(std::string_view check, std::string path, std::string message,
                    Edits edits = {}) {
  std::vector<std::shared_ptr<const Edit>> shared;
  for (Edit& edit : edits) shared.push_back(std::make_shared<const Edit>(std::move(edit)));
  return {find_check(check), {std::move(path), std::move(message)}, std::move(shared)};
}

Review review() {
  Review review;
  review.facts.uid = "u\"1";
  review.facts.kind = "Pod";
  review.facts.resource = "pods";
  review.facts.name = "web";
  return review;
}

Verdict verdict_of(Mode mode, std::vector<Violation> violations) {
  Verdict verdict;
  verdict.allowed = mode != Mode::Enforce || violations.empty();
  verdict.judgements.push_back(
      {.mode = mode, .policy = policy(), .source = "", .violations = std::move(violations)});
  return verdict;
}

json response_of(const Verdict& verdict, const Review& of = review()) {
  const json answer = json::parse(encode_answer(of, verdict));
  EXPECT_EQ(answer["kind"], "AdmissionReview");
  EXPECT_EQ(answer["apiVersion"], "admission.k8s.io/v1");
  return answer["response"];
}

TEST(Answer, AllowsAndEchoesTheUid) {
  const json response = response_of({});
  EXPECT_EQ(response.dump(), R"({"allowed":true,"uid":"u\"1"})");
}

TEST(Answer, ADenialHasMessageAndCauses) {
  const json response = response_of(verdict_of(
      Mode::Enforce,
      {violation("privileged", "/spec/containers/0/securityContext/privileged",
                 "container \"app\" is privileged",
                 {{"/spec/containers/0/securityContext/privileged", false}}),
       violation("host-path", "/spec/volumes/1/hostPath", "volume \"v\" mounts \"/\"")}));
  EXPECT_EQ(response["allowed"], false);
  const json& status = response["status"];
  EXPECT_EQ(status["code"], 403);
  EXPECT_EQ(status["reason"], "Forbidden");
  EXPECT_EQ(status["status"], "Failure");
  EXPECT_THAT(
      status["message"].get<std::string>(),
      StartsWith("pod \"web\" has more privilege than restricted@v1.37 allows (2 findings)\n"
                 "- container \"app\" is privileged [privileged]: "
                 "set spec.containers[0].securityContext.privileged to false\n- volume"));
  ASSERT_EQ(status["details"]["causes"].size(), 2U);
  EXPECT_EQ(status["details"]["causes"][0],
            json({{"reason", "privileged"},
                  {"field", "spec.containers[0].securityContext.privileged"},
                  {"message", "container \"app\" is privileged: set "
                              "spec.containers[0].securityContext.privileged to false"}}));
  EXPECT_EQ(status["details"]["causes"][1]["field"], "spec.volumes[1].hostPath");
  EXPECT_EQ(response["auditAnnotations"], json({{"enforce-policy", "restricted@v1.37"}}));
  EXPECT_FALSE(response.contains("warnings"));
}

TEST(Answer, AFindingOfTwoTemplatesIsSaidOnce) {
  auto verdict = verdict_of(Mode::Enforce, {violation("privileged", "/a", "bad")});
  verdict.judgements.push_back(verdict.judgements[0]);
  verdict.judgements[1].policy = policy("mine");
  verdict.judgements.push_back(verdict.judgements[0]);
  verdict.judgements[2].mode = Mode::Warn;
  const json response = response_of(verdict);
  EXPECT_EQ(response["status"]["details"]["causes"].size(), 1U);
  EXPECT_THAT(response["status"]["message"].get<std::string>(),
              HasSubstr("restricted@v1.37, mine@v1.37"));
  EXPECT_FALSE(response.contains("warnings")) << "the denial says it";
}

TEST(Answer, NamesEveryTemplateThatDenies) {
  auto verdict = verdict_of(Mode::Enforce, {violation("privileged", "/a", "bad")});
  verdict.judgements[0].policy = policy("my-restricted");
  verdict.judgements.push_back(verdict.judgements[0]);
  verdict.judgements[1].policy = policy("restricted");
  const json response = response_of(verdict);
  EXPECT_EQ(response["auditAnnotations"]["enforce-policy"],
            "my-restricted@v1.37, restricted@v1.37");
}

TEST(Answer, WarningsComeMostSevereFirst) {
  const json response =
      response_of(verdict_of(Mode::Warn, {violation("drop-all", "/a", "medium one"),
                                          violation("privileged", "/b", "critical one")}));
  EXPECT_EQ(response["allowed"], true);
  ASSERT_EQ(response["warnings"].size(), 2U);
  EXPECT_THAT(response["warnings"][0].get<std::string>(),
              StartsWith("restricted@v1.37 privileged: critical one; "));
}

// Source: k8s.io/apiserver pkg/endpoints/filters/warning.go.
TEST(Answer, WarningsStayWithinTheBudgetAndSayWhatIsLeftOut) {
  std::vector<Violation> many;
  for (int i = 0; i < 200; ++i)
    many.push_back(violation("drop-all", "/spec/containers/" + std::to_string(i),
                             "container " + std::to_string(i) + std::string(i % 60, 'x')));
  const json response = response_of(verdict_of(Mode::Warn, many));
  std::size_t total = 0;
  for (const auto& warning : response["warnings"]) {
    const auto text = warning.get<std::string>();
    EXPECT_LE(text.size(), WarningBudget::kEach);
    total += text.size();
  }
  EXPECT_LE(total, WarningBudget::kTotal);
  const auto said = response["warnings"].size() - 1;
  EXPECT_GT(said, 10U);
  EXPECT_EQ(response["warnings"].back().get<std::string>(),
            "plimsoll: " + std::to_string(200 - said) +
                " further findings left out; plimsoll check lists them all");
}

TEST(Answer, ALongWarningIsCutBetweenCharacters) {
  std::string umlauts;
  for (int i = 0; i < 300; ++i) umlauts += "\xc3\xb6";
  for (const char* shift : {"", "x"}) {
    const json response =
        response_of(verdict_of(Mode::Warn, {violation("drop-all", "/a", shift + umlauts)}));
    const auto warning = response["warnings"][0].get<std::string>();
    EXPECT_LE(warning.size(), WarningBudget::kEach);
    EXPECT_THAT(warning, EndsWith("\xb6..."));
  }
}

TEST(Answer, ControlCharactersOfAManifestReachNobody) {
  auto of = review();
  of.facts.name = "a\x1b[2J";
  const std::string evil = "container \"\x1b[31m\r\n\t\x7f\" is bad";
  for (const Mode mode : {Mode::Enforce, Mode::Warn, Mode::Audit}) {
    const json response = response_of(verdict_of(mode, {violation("drop-all", "/a\n", evil)}), of);
    const auto check = [](const json& text) {
      for (const char c : text.get<std::string>())
        EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) << text;
    };
    if (mode == Mode::Enforce) {
      for (const auto& cause : response["status"]["details"]["causes"]) {
        check(cause["message"]);
        check(cause["field"]);
      }
      EXPECT_EQ(response["status"]["message"].get<std::string>().find('\x1b'), std::string::npos);
    }
    if (mode == Mode::Warn) check(response["warnings"][0]);
    if (mode == Mode::Audit) check(response["auditAnnotations"]["audit-violations"]);
  }
}

TEST(Answer, EscapesEveryByteWhereverItStands) {
  // Around the eight bytes that are looked at together.
  for (std::size_t length = 0; length < 20; ++length)
    for (const std::string_view special :
         {std::string_view("\""), std::string_view("\\"), std::string_view("\n"),
          std::string_view("\0", 1), std::string_view("\x1f"), std::string_view("\xc3\xb6"),
          std::string_view("\xe2\x82\xac"), std::string_view("\x7f")})
      for (std::size_t at = 0; at <= length; ++at) {
        Review of = review();
        of.facts.uid = std::string(at, 'a') + std::string(special) + std::string(length - at, 'b');
        EXPECT_EQ(response_of({}, of)["uid"].get<std::string>(), of.facts.uid);
      }
}

TEST(Answer, AManyFindingsDenialIsBoundedAndSaysHowMany) {
  std::vector<Violation> many(5000, violation("privileged", "/spec/containers/0", "bad"));
  const json response = response_of(verdict_of(Mode::Enforce, many));
  EXPECT_EQ(response["status"]["details"]["causes"].size(), kMaxCauses);
  EXPECT_THAT(response["status"]["message"].get<std::string>(), HasSubstr("(5000 findings)"));
  EXPECT_THAT(response["status"]["message"].get<std::string>(), EndsWith("\n- and 4950 more"));
}

// The values of a manifest are of any length, and its author must not be able to drown the others.
TEST(Answer, OneLongValuePushesNothingElseOut) {
  const std::string flood(1 << 20, 'A');
  const std::vector<Violation> found = {
      violation("capabilities-add", "/a", "container \"c\" adds the capability " + flood),
      violation("host-path", "/b", "volume \"v\" mounts /"),
      violation("privileged", "/c", "container \"c\" is privileged")};
  const json audit = response_of(verdict_of(Mode::Audit, found));
  const std::string text = audit["auditAnnotations"]["audit-violations"];
  for (const char* check : {"capabilities-add", "host-path", "privileged"})
    EXPECT_THAT(text, HasSubstr(check));
  EXPECT_LT(text.find("[privileged]"), text.find("[capabilities-add]")) << "most severe first";
  const json denial = response_of(verdict_of(Mode::Enforce, found));
  EXPECT_LT(denial.dump().size(), 16 * 1024U);
  EXPECT_EQ(denial["status"]["details"]["causes"].size(), 3U);
}

TEST(Answer, AuditAndDryRunAreAnnotated) {
  auto verdict = verdict_of(Mode::Audit, {violation("privileged", "/a", "bad")});
  verdict.judgements.push_back({.mode = Mode::Warn,
                                .dry_run = true,
                                .policy = policy("mine"),
                                .source = "",
                                .violations = {violation("host-path", "/b", "worse")}});
  const json response = response_of(verdict);
  EXPECT_EQ(response["auditAnnotations"],
            json({{"audit-violations", "restricted@v1.37: bad [privileged]"},
                  {"enforce-policy", "mine@v1.37"},
                  {"dry-run-violations", "mine@v1.37: worse [host-path]"}}));
  for (const auto& [key, value] : response["auditAnnotations"].items())
    EXPECT_EQ(key.find('/'), std::string::npos);
}

TEST(Error, IsOneLineOfJson) {
  const std::string line = encode_error("a \"b\"\nc");
  EXPECT_EQ(line, "{\"error\":\"a \\\"b\\\"\\\\x0ac\"}\n");
  EXPECT_EQ(json::parse(line)["error"], "a \"b\"\\x0ac");
}

}  // namespace
}  // namespace plimsoll::codec
