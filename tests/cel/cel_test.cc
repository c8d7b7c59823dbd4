// The text of expressions; what they mean is asked of kube-apiserver's own CEL in
// tests/conformance.
#include "cel/cel.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <regex>

#include "codec/files.h"
#include "templates/builtin.h"
#include "templates/library.h"

namespace plimsoll::cel {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

templates::Library library() {
  std::vector<TemplateSpec> specs;
  for (const auto& [name, text] : templates::builtin_files())
    std::ranges::move(codec::read_templates(text, std::string(name)).value(),
                      std::back_inserter(specs));
  return templates::Library::make(std::move(specs)).value();
}

std::shared_ptr<const Template> builtin(const std::string& ref) {
  return library().find(*TemplateRef::parse(ref));
}

Template made_of(const Check& check, std::string name = "t") {
  Template policy{.name = std::move(name), .description = {}, .version = 37, .rules = {}};
  policy.rules = std::make_shared<const std::vector<Rule>>(
      std::vector<Rule>{{.check = &check, .params = {}, .since = 0, .from = policy.name}});
  return policy;
}

TEST(CelText, IsOneOfCelYamlAndJson) {
  EXPECT_EQ(cel_text("a b"), R"("a b")");
  EXPECT_EQ(cel_text("\"\\\n\x7f"), R"("\"\\\u000a\u007f")");
  EXPECT_EQ(cel_text("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\xA2"), R"("\u00e9\u20ac\U0001f6a2")");
}

TEST(Controls, EveryCheckHasCel) {
  for (const Check* check : catalogue()) {
    SCOPED_TRACE(check->id);
    ASSERT_NE(check->cel, nullptr);
    EXPECT_FALSE(check->cel({}, {}).empty());
  }
}

TEST(Controls, ChecksThatAskTheSameAreOne) {
  const auto controls = controls_of(*builtin("least-privilege"), {});
  ASSERT_TRUE(controls);
  const auto at = std::ranges::find_if(controls.value(), [](const Control& control) {
    return control.checks.front()->id == "host-path";
  });
  ASSERT_NE(at, controls.value().end());
  ASSERT_EQ(at->checks.size(), 2U);
  EXPECT_EQ(at->checks[1]->id, "runtime-socket");
}

TEST(Controls, NamesTheChecksThatHaveNone) {
  Check mute = *find_check("privileged");
  mute.id = "mute";
  mute.cel = nullptr;
  for (const Kind kind : kKinds) {
    const auto condition = match_condition(made_of(mute), kind);
    ASSERT_FALSE(condition);
    EXPECT_EQ(condition.error().to_string(),
              "template t@v1.37 cannot be expressed in CEL: mute has none; its pods are always "
              "sent to Plimsoll");
  }
}

TEST(Controls, ATemplateThatAsksNothingHasNone) {
  for (const auto& text :
       {match_conditions_yaml(*builtin("privileged")),
        validating_admission_policy_yaml(*builtin("privileged"), Mode::Enforce, true)}) {
    ASSERT_FALSE(text);
    EXPECT_THAT(text.error().to_string(), HasSubstr("privileged@v1.37 asks nothing"));
  }
}

TEST(MatchCondition, IsNamedAfterItsTemplate) {
  EXPECT_EQ(condition_name(*builtin("restricted@v1.25")),
            "prefilter.plimsoll.dev/restricted.v1.25");
  const auto ref = template_of("prefilter.plimsoll.dev/my.own.v1.8");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->name, "my.own");
  EXPECT_EQ(ref->version, 8);
  for (const char* other : {"changed", "prefilter.plimsoll.dev/restricted",
                            "prefilter.plimsoll.dev/.v1.8", "prefilter.plimsoll.dev/a.v1.x"})
    EXPECT_FALSE(template_of(other)) << other;
}

TEST(MatchCondition, ANameThatIsTooLongIsRefused) {
  const Check& check = *find_check("privileged");
  EXPECT_TRUE(match_condition(made_of(check, std::string(57, 'a')), Kind::Pods));
  const auto condition = match_condition(made_of(check, std::string(58, 'a')), Kind::Pods);
  ASSERT_FALSE(condition);
  EXPECT_THAT(condition.error().to_string(), HasSubstr("too long"));
}

TEST(MatchCondition, HasALineForEachControlBelowItsId) {
  const auto policy = builtin("least-privilege");
  for (const Kind kind : kKinds) {
    const auto condition = match_condition(*policy, kind);
    ASSERT_TRUE(condition);
    for (const Rule& rule : *policy->rules) {
      const std::string& text = condition.value().expression;
      const std::regex line("\n// ([a-z-]+, )*" + std::string(rule.check->id) +
                            "(, [a-z-]+)*\n\\(");
      EXPECT_TRUE(std::regex_search(text, line)) << rule.check->id;
    }
    EXPECT_EQ(std::ranges::count(condition.value().expression, '('),
              std::ranges::count(condition.value().expression, ')'));
  }
}

TEST(MatchCondition, KnowsWhatTheApiServerAddsToPodsOnly) {
  const auto policy = made_of(*find_check("service-account-token"));
  EXPECT_THAT(match_condition(policy, Kind::Pods).value().expression,
              HasSubstr("kube-api-access-"));
  EXPECT_THAT(match_condition(policy, Kind::Workloads).value().expression,
              Not(HasSubstr("kube-api-access-")));
}

TEST(AdmissionPolicy, FollowsTheMode) {
  const auto actions = [](Mode mode) {
    std::vector<std::string> found;
    const auto text = validating_admission_policy_yaml(*builtin("restricted"), mode, true).value();
    constexpr std::string_view kKey = "validationActions: ";
    for (auto at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1))
      found.push_back(text.substr(at + kKey.size(), text.find('\n', at) - at - kKey.size()));
    return found;
  };
  EXPECT_THAT(actions(Mode::Enforce), ::testing::ElementsAre("[Deny]", "[Warn]"));
  EXPECT_THAT(actions(Mode::Warn), ::testing::ElementsAre("[Warn]", "[Warn]"));
  EXPECT_THAT(actions(Mode::Audit), ::testing::ElementsAre("[Audit]", "[Audit]"));
}

TEST(AdmissionPolicy, IsOfTheNamespacesWhoseLabelMeansTheVersion) {
  const auto newest =
      validating_admission_policy_yaml(*builtin("restricted"), Mode::Warn, true).value();
  EXPECT_THAT(newest, HasSubstr("{key: plimsoll.dev/warn, operator: In, values: [restricted]}"));
  EXPECT_THAT(newest,
              HasSubstr("{key: plimsoll.dev/warn-version, operator: NotIn, values: [v1.0, "));
  EXPECT_THAT(newest, HasSubstr("v1.36]}"));
  EXPECT_THAT(newest, Not(HasSubstr("v1.37]}")));
  const auto pinned =
      validating_admission_policy_yaml(*builtin("restricted@v1.25"), Mode::Warn, false).value();
  EXPECT_THAT(pinned, HasSubstr("{key: plimsoll.dev/warn-version, operator: In, values: [v1.25]}"));
  EXPECT_THAT(pinned, HasSubstr("name: plimsoll-restricted-v1-25-warn-pods\n"));
}

TEST(AdmissionPolicy, IsNamedByItsModeUnlessItEnforces) {
  const auto name = [](Mode mode) {
    const auto text = validating_admission_policy_yaml(*builtin("restricted"), mode, true).value();
    const auto at = text.find("  name: ") + 8;
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_EQ(name(Mode::Enforce), "plimsoll-restricted-pods");
  EXPECT_EQ(name(Mode::Warn), "plimsoll-restricted-warn-pods");
  EXPECT_EQ(name(Mode::Audit), "plimsoll-restricted-audit-pods");
}

TEST(AdmissionPolicy, SaysOfEachControlWhatToDo) {
  const auto policy = builtin("baseline");
  const auto text = validating_admission_policy_yaml(*policy, Mode::Enforce, true).value();
  for (const Rule& rule : *policy->rules) {
    EXPECT_THAT(text, HasSubstr(std::string("[") + std::string(rule.check->id) + "]: "));
    EXPECT_THAT(text, HasSubstr(std::string(rule.check->title)));
  }
  EXPECT_THAT(text, StartsWith("# baseline@v1.37 without a webhook."));
}

}  // namespace
}  // namespace plimsoll::cel
