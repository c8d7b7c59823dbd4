// The server's self-test, beside an API server that a test changes.
#include "app/prefilter_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/fake_api.h"
#include "app/registered.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class PrefilterChecks : public ::testing::Test {
 protected:
  PrefilterChecks()
      : policy_([] {
          auto policy = std::make_shared<policy::Policy>();
          policy->library = *load_library({});
          return policy;
        }()),
        check_("plimsoll", api_, policy_, [this](const PrefilterNews& news) {
          news_.push_back(std::string(news.problem ? "problem: " : "fine: ") + news.message);
          lines_ = news.lines;
        }) {
    check_.add_metrics(registry_);
    api_.before = [this](const kube::Request&) -> std::optional<Result<kube::Response>> {
      return std::exchange(instead_, std::nullopt);
    };
  }

  void differ(std::size_t entry) {
    api_.edit_webhooks([&](json& object) {
      object["webhooks"][entry]["matchConditions"][1]["expression"] = "false";
    });
  }
  /// What was said since it was last asked for.
  std::vector<std::string> news() { return std::exchange(news_, {}); }
  void expect_metrics(const std::string& differences, const std::string& prefiltered,
                      const std::string& others, const std::string& errors) {
    const std::string text = registry_.render();
    EXPECT_THAT(text, HasSubstr("\nplimsoll_prefilter_differences " + differences + "\n"));
    EXPECT_THAT(text,
                HasSubstr("\nplimsoll_prefilter_entries{prefilter=\"true\"} " + prefiltered +
                          "\nplimsoll_prefilter_entries{prefilter=\"false\"} " + others + "\n"));
    EXPECT_THAT(text, HasSubstr("\nplimsoll_prefilter_check_errors_total " + errors + "\n"));
  }

  metrics::Registry registry_;
  FakeApi api_;
  std::optional<Result<kube::Response>> instead_;  ///< of the next answer
  std::shared_ptr<policy::Policy> policy_;
  std::vector<std::string> news_, lines_;
  PrefilterCheck check_;
};

TEST_F(PrefilterChecks, SaysNothingWhenAllIsWell) {
  expect_metrics("-1", "-1", "-1", "0");
  EXPECT_EQ(check_.detail(), "");
  api_.register_webhooks(sound());
  const auto pause = check_.round();
  EXPECT_GE(pause, std::chrono::seconds(48));
  EXPECT_LE(pause, std::chrono::seconds(72));
  EXPECT_THAT(api_.take_requests(), ElementsAre("GET " + std::string(FakeApi::kWebhooksPath)));
  EXPECT_EQ(check_.detail(), "");
  EXPECT_THAT(news(), IsEmpty());
  expect_metrics("0", "2", "1", "0");
}

TEST_F(PrefilterChecks, SaysWhatDiffersOnceAndWhenItIsOver) {
  api_.register_webhooks(sound());
  differ(0);
  check_.round();
  EXPECT_THAT(news(), ElementsAre(StartsWith("problem: the registered prefilter is not what")));
  EXPECT_THAT(lines_, ElementsAre(StartsWith("enforce.restricted.pods.plimsoll.dev: condition ")));
  EXPECT_THAT(check_.detail(),
              StartsWith("prefilter: 1 difference; first: enforce.restricted.pods.plimsoll.dev: "));
  expect_metrics("1", "2", "1", "0");
  check_.round();
  EXPECT_THAT(news(), IsEmpty());

  differ(1);
  check_.round();
  EXPECT_THAT(news(), SizeIs(1));
  EXPECT_THAT(lines_, SizeIs(2));
  EXPECT_THAT(check_.detail(), StartsWith("prefilter: 2 differences; first: enforce.restricted."));
  EXPECT_EQ(check_.detail().find('\n'), check_.detail().size() - 1);
  expect_metrics("2", "2", "1", "0");

  api_.register_webhooks(sound());
  check_.round();
  EXPECT_THAT(news(),
              ElementsAre("fine: the registered prefilter is what this server would write"));
  EXPECT_EQ(check_.detail(), "");
  expect_metrics("0", "2", "1", "0");
}

TEST_F(PrefilterChecks, SaysThatItCannotLookOnceAndLooksAgainSoon) {
  api_.register_webhooks(sound());
  check_.round();
  instead_ = FakeApi::refusal(403, "who are you");
  EXPECT_LE(check_.round(), std::chrono::milliseconds(1200));
  EXPECT_THAT(news(),
              ElementsAre(AllOf(StartsWith("problem: the registered prefilter is not known: "),
                                HasSubstr("who are you"),
                                HasSubstr("get validatingwebhookconfigurations"))));
  EXPECT_THAT(check_.detail(), AllOf(StartsWith("prefilter: not known: "), HasSubstr("403")));
  expect_metrics("-1", "-1", "-1", "1");
  instead_ = FakeApi::refusal(403, "who are you");
  EXPECT_GE(check_.round(), std::chrono::milliseconds(1600));
  EXPECT_THAT(news(), IsEmpty());
  expect_metrics("-1", "-1", "-1", "2");

  Error away;
  away.message = "connection refused";
  instead_ = away;
  check_.round();
  EXPECT_THAT(news(), ElementsAre(HasSubstr("not known: connection refused")));

  check_.round();
  EXPECT_THAT(news(), ElementsAre(StartsWith("fine: ")));
  EXPECT_EQ(check_.detail(), "");
  expect_metrics("0", "2", "1", "3");
}

TEST_F(PrefilterChecks, SaysAgainWhatDiffersOnceItCanLookAgain) {
  api_.register_webhooks(sound());
  differ(0);
  check_.round();
  instead_ = kube::Response{200, "nonsense"};
  check_.round();
  EXPECT_THAT(news(),
              ElementsAre(StartsWith("problem: "),
                          HasSubstr("ValidatingWebhookConfiguration plimsoll: is not JSON")));
  check_.round();
  EXPECT_THAT(news(), ElementsAre(StartsWith("problem: the registered prefilter is not what")));
}

TEST_F(PrefilterChecks, SaysThatThereIsNoRegistration) {
  check_.round();
  EXPECT_THAT(news(), ElementsAre(HasSubstr("not known: ")));
  EXPECT_THAT(check_.detail(), HasSubstr("404"));
}

TEST_F(PrefilterChecks, LooksNeverLessOftenThanEveryMinuteOrSo) {
  std::chrono::milliseconds pause{0};
  for (int i = 0; i < 20; ++i) pause = check_.round();
  EXPECT_GE(pause, std::chrono::seconds(48));
  EXPECT_LE(pause, std::chrono::seconds(72));
  EXPECT_THAT(news(), SizeIs(1));
}

TEST_F(PrefilterChecks, SaysNothingOfBeingStopped) {
  std::stop_source stop;
  stop.request_stop();
  Error error;
  error.message = "stopped";
  instead_ = error;
  check_.round(stop.get_token());
  EXPECT_THAT(news(), IsEmpty());
  expect_metrics("-1", "-1", "-1", "0");
}

TEST_F(PrefilterChecks, KnowsTheBindings) {
  json object = sound();
  object["webhooks"][0]["namespaceSelector"] = json::object();
  api_.register_webhooks(object);
  check_.round();
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("no binding of this server is enforce restricted")));
}

}  // namespace
}  // namespace plimsoll::app
