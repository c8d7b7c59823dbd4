#include "app/self_managed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/fake_api.h"

namespace plimsoll::app {
namespace {

using server::read_certificate;
using server::verifies;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeApi;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::json;
using ::testing::SizeIs;

constexpr std::chrono::sys_seconds kStart{seconds(1'900'000'000)};
const std::string kReadWebhooks = std::string("GET ") + FakeApi::kWebhooksPath;
const std::string kReadSecret = std::string("GET ") + FakeApi::kSecretPath;
const std::string kApplySecret =
    std::string("PATCH ") + FakeApi::kSecretPath + "?fieldManager=plimsoll&force=false";
const std::string kWriteSecret =
    std::string("PUT ") + FakeApi::kSecretPath + "?fieldManager=plimsoll";
const std::string kWriteWebhooks =
    std::string("PATCH ") + FakeApi::kWebhooksPath + "?fieldManager=plimsoll";

SelfManagedSettings settings() {
  SelfManagedSettings settings;
  settings.secret_namespace = "plimsoll";
  settings.secret_name = "plimsoll-certificates";
  settings.webhook_configuration = "plimsoll";
  settings.rules.hosts = {"plimsoll.plimsoll.svc"};
  return settings;
}

/// A loop and what comes of it.
class Managed {
 public:
  Managed(FakeApi& api, std::atomic<std::int64_t>& clock, SelfManagedSettings with = settings())
      : loop(std::move(with), api,
             {.serve = [this](const server::KeyPair& pair) -> Status {
                if (refuse) {
                  Error error;
                  error.message = "refused";
                  return error;
                }
                pairs.push_back(pair);
                return {};
              },
              .log =
                  [this](bool problem, const std::string& message) {
                    (problem ? problems : said).push_back(message);
                  },
              .clock =
                  [&clock] {
                    const seconds at(clock.load());
                    return Moment{kStart + at, at};
                  }}) {}

  std::vector<server::KeyPair> pairs;
  std::vector<std::string> said, problems;
  bool refuse = false;
  SelfManaged loop;
};

class SelfManagedLoop : public ::testing::Test {
 protected:
  void wait(seconds time) { clock_ += time.count(); }
  [[nodiscard]] std::chrono::sys_seconds now() const { return kStart + seconds(clock_.load()); }
  /// Rounds until a change has settled.
  void settle(Managed& managed) {
    for (int i = 0; i < 10; ++i) {
      managed.loop.round();
      wait(seconds(20));
    }
  }
  void expect_trusted(const Managed& managed) const {
    ASSERT_FALSE(managed.pairs.empty());
    for (const std::string& bundle : api_.bundles())
      EXPECT_TRUE(verifies(managed.pairs.back().certificate, bundle, now()));
  }

  FakeApi api_;
  std::atomic<std::int64_t> clock_{0};
};

// --- at first ------------------------------------------------------------------------------------

TEST_F(SelfManagedLoop, CreatesFillsPublishesAndServes) {
  api_.register_webhooks(3);
  Managed one(api_, clock_);
  EXPECT_FALSE(one.loop.status().ready);
  one.loop.round();
  EXPECT_THAT(api_.take_requests(),
              ElementsAre(kReadWebhooks, kReadSecret, kApplySecret, kWriteSecret, kWriteWebhooks,
                          kReadWebhooks, kReadSecret));
  ASSERT_THAT(one.pairs, SizeIs(1));
  EXPECT_EQ(one.pairs[0].certificate, api_.data().certificate);
  EXPECT_EQ(one.pairs[0].key, api_.data().key);
  EXPECT_THAT(api_.bundles(), AllOf(SizeIs(3), Each(api_.data().bundle)));
  expect_trusted(one);
  const auto status = one.loop.status();
  EXPECT_TRUE(status.ready);
  EXPECT_EQ(status.detail, "");
  EXPECT_EQ(status.rotations, 0U);
  EXPECT_EQ(status.errors, 0U);
  EXPECT_EQ(status.ca_not_after, kStart + days(365));
  EXPECT_THAT(one.problems, IsEmpty());
  EXPECT_THAT(one.said,
              ElementsAre("ValidatingWebhookConfiguration plimsoll found",
                          "Secret plimsoll/plimsoll-certificates created",
                          HasSubstr("Secret plimsoll/plimsoll-certificates written: new CA: there "
                                    "was none; bundle of 1 CA; new serving certificate"),
                          HasSubstr("serving with a certificate, until 2030-06-15T"),
                          "ValidatingWebhookConfiguration plimsoll: caBundle written to 3 "
                          "webhooks"));
}

TEST_F(SelfManagedLoop, DoesNothingWhenNothingIsToBeDone) {
  api_.register_webhooks(1);
  Managed one(api_, clock_);
  one.loop.round();
  api_.take_requests();
  for (int i = 0; i < 10; ++i) {
    wait(seconds(5));
    const milliseconds pause = one.loop.round();
    EXPECT_GE(pause, milliseconds(4000));
    EXPECT_LE(pause, milliseconds(6000));
    EXPECT_THAT(api_.take_requests(), ElementsAre(kReadWebhooks, kReadSecret));
  }
  EXPECT_THAT(one.pairs, SizeIs(1));
  EXPECT_THAT(one.said, SizeIs(5));
}

TEST_F(SelfManagedLoop, MarksTheSecretThatItCreates) {
  Managed one(api_, clock_);
  one.loop.round();
  const json secret = api_.secret().value();
  EXPECT_EQ(secret["metadata"]["labels"]["app.kubernetes.io/name"], "plimsoll");
  EXPECT_EQ(secret["metadata"]["labels"]["app.kubernetes.io/managed-by"], "plimsoll");
  EXPECT_FALSE(secret["metadata"].contains("managedFields"));
}

TEST_F(SelfManagedLoop, KeepsWhatIsNotItsOwn) {
  api_.create_secret(json::parse(R"({"kind": "Secret", "type": "Opaque",
      "metadata": {"name": "plimsoll-certificates",
                   "labels": {"app.kubernetes.io/name": "other", "team": "x"},
                   "annotations": {"a": "b"}, "ownerReferences": [{"name": "o"}]},
      "data": {"theirs": "YQ==", "tls.crt": "bm9uZQ=="}})"));
  Managed one(api_, clock_);
  one.loop.round();
  const json secret = api_.secret().value();
  EXPECT_EQ(secret["type"], "Opaque");
  EXPECT_EQ(secret["metadata"]["labels"],
            json::parse(R"({"app.kubernetes.io/name": "other", "team": "x"})"));
  EXPECT_EQ(secret["metadata"]["annotations"]["a"], "b");
  EXPECT_EQ(secret["metadata"]["ownerReferences"][0]["name"], "o");
  EXPECT_EQ(secret["data"]["theirs"], "YQ==");
  EXPECT_THAT(secret["data"], SizeIs(6));
  ASSERT_THAT(one.pairs, SizeIs(1));
}

TEST_F(SelfManagedLoop, TakesWhatIsThere) {
  api_.register_webhooks(1);
  Managed one(api_, clock_), two(api_, clock_);
  one.loop.round();
  api_.take_requests();
  two.loop.round();
  EXPECT_THAT(api_.take_requests(), ElementsAre(kReadWebhooks, kReadSecret));
  ASSERT_THAT(two.pairs, SizeIs(1));
  EXPECT_EQ(two.pairs[0].certificate, one.pairs[0].certificate);
  EXPECT_TRUE(two.loop.status().ready);
}

// --- the registration ----------------------------------------------------------------------------

TEST_F(SelfManagedLoop, ServesBeforeThereIsARegistrationAndFillsItWhenItComes) {
  Managed one(api_, clock_);
  one.loop.round();
  EXPECT_THAT(one.pairs, SizeIs(1));
  EXPECT_TRUE(one.loop.status().ready) << "nobody calls yet";
  EXPECT_EQ(one.loop.status().errors, 0U);
  EXPECT_THAT(one.said, Contains("ValidatingWebhookConfiguration plimsoll is not there yet"));
  api_.register_webhooks(2);
  one.loop.round();
  expect_trusted(one);
  EXPECT_THAT(one.said, Contains("ValidatingWebhookConfiguration plimsoll found"));
}

TEST_F(SelfManagedLoop, WritesOnlyTheWebhooksThatNeedIt) {
  api_.register_webhooks(3);
  Managed one(api_, clock_);
  one.loop.round();
  api_.edit_webhooks([](json& w) {
    w["webhooks"][1]["clientConfig"]["caBundle"] = "Z2FyYmFnZQ==";
    w["webhooks"][0]["timeoutSeconds"] = 7;
  });
  one.loop.round();
  EXPECT_EQ(one.said.back(),
            "ValidatingWebhookConfiguration plimsoll: caBundle written to 1 webhook");
  expect_trusted(one);
  EXPECT_EQ(api_.webhooks().value()["webhooks"][0]["timeoutSeconds"], 7);
  EXPECT_EQ(api_.webhooks().value()["webhooks"][1]["clientConfig"]["service"]["name"], "plimsoll");
}

TEST_F(SelfManagedLoop, HealsARegistrationThatWasMadeAnew) {
  api_.register_webhooks(1);
  Managed one(api_, clock_);
  one.loop.round();
  api_.remove_webhooks();
  one.loop.round();
  api_.register_webhooks(4);
  one.loop.round();
  expect_trusted(one);
  EXPECT_TRUE(one.loop.status().ready);
}

// Being unready would take away what serves, and help nobody.
TEST_F(SelfManagedLoop, StaysReadyWhileItCannotPutTheRegistrationRight) {
  api_.register_webhooks(1);
  Managed one(api_, clock_), late(api_, clock_);
  one.loop.round();
  api_.edit_webhooks([](json& w) { w["webhooks"][0]["clientConfig"].erase("caBundle"); });
  api_.before = [](const kube::Request& r) -> std::optional<Result<kube::Response>> {
    if (r.method == "PATCH") return Result(FakeApi::refusal(403, "not allowed"));
    return std::nullopt;
  };
  for (Managed* each : {&one, &late}) {
    each->loop.round();
    const auto status = each->loop.status();
    EXPECT_EQ(status.ready, each == &one);
    EXPECT_THAT(status.detail,
                AllOf(HasSubstr("ValidatingWebhookConfiguration plimsoll cannot be written: status "
                                "403: not allowed\n"),
                      HasSubstr("does not trust the serving certificate\n")));
    EXPECT_THAT(each->pairs, SizeIs(1));
  }
  api_.before = nullptr;
  late.loop.round();
  EXPECT_TRUE(late.loop.status().ready);
  EXPECT_EQ(late.loop.status().detail, "");
}

TEST_F(SelfManagedLoop, AStaleViewNeverTakesBackABundle) {
  // It is stopped in the middle of its round, and in the meantime another one replaces the CA.
  api_.register_webhooks(1);
  Managed slow(api_, clock_), quick(api_, clock_);
  slow.loop.round();
  bool once = true;
  api_.before = [&](const kube::Request& r) -> std::optional<Result<kube::Response>> {
    if (!once || r.method != "GET" || r.path != FakeApi::kSecretPath) return std::nullopt;
    once = false;
    auto view = api_.send(r);  // what it will go by
    SecretData data = api_.data();
    data.ca_key.clear();
    api_.set_data(data);
    quick.loop.round();
    return view;
  };
  slow.loop.round();
  EXPECT_FALSE(once);
  EXPECT_THAT(api_.bundles(), Each(api_.data().bundle));
  EXPECT_THAT(server::split_certificates(api_.bundles()[0]), SizeIs(2));
  expect_trusted(slow);
}

TEST_F(SelfManagedLoop, SaysThatSomebodyElseWritesTheBundleToo) {
  api_.register_webhooks(1);
  Managed one(api_, clock_);
  api_.after = [&](const kube::Request& r) -> std::optional<Error> {
    if (r.path.starts_with(FakeApi::kWebhooksPath) && r.method == "PATCH")
      api_.edit_webhooks([](json& w) { w["webhooks"][0]["clientConfig"]["caBundle"] = ""; });
    return std::nullopt;
  };
  one.loop.round();
  one.loop.round();
  EXPECT_THAT(
      one.problems,
      ElementsAre("ValidatingWebhookConfiguration plimsoll: what is written does not stay"));
  EXPECT_FALSE(one.loop.status().ready);
  api_.after = nullptr;
  one.loop.round();
  EXPECT_TRUE(one.loop.status().ready);
}

// --- in time -------------------------------------------------------------------------------------

TEST_F(SelfManagedLoop, RotatesForYears) {
  api_.register_webhooks(2);
  Managed one(api_, clock_);
  settle(one);
  for (int day = 0; day < 3 * 365; day += 15) {
    wait(days(15));
    settle(one);
    expect_trusted(one);
    EXPECT_TRUE(one.loop.status().ready);
  }
  const auto status = one.loop.status();
  EXPECT_EQ(status.rotations + 1, one.pairs.size());
  EXPECT_GE(status.rotations, 3 * 365 / 75U);
  EXPECT_LE(status.rotations, 3 * 365 / 60 + 6U);
  EXPECT_EQ(status.errors, 0U);
  EXPECT_GT(status.ca_not_after, now() + days(100));
  EXPECT_THAT(one.problems, IsEmpty());
  EXPECT_THAT(server::split_certificates(api_.data().bundle), SizeIs(::testing::Le(2U)));
}

TEST_F(SelfManagedLoop, LooksMoreOftenWhenValiditiesAreShort) {
  auto brief = settings();
  brief.rules.serving_validity = seconds(10);
  brief.rules.ca_validity = seconds(60);
  Managed one(api_, clock_, brief);
  EXPECT_LE(one.loop.round(), milliseconds(300));
}

// --- what goes wrong -----------------------------------------------------------------------------

TEST_F(SelfManagedLoop, GoesOnServingAndTriesAgainLaterAndLater) {
  api_.register_webhooks(1);
  Managed one(api_, clock_);
  one.loop.round();
  api_.before = [](const kube::Request&) -> std::optional<Result<kube::Response>> {
    Error error;
    error.message = "https://10.0.0.1: connection refused";
    return Result<kube::Response>(error);
  };
  milliseconds last{0};
  for (int i = 0; i < 20; ++i) {
    const milliseconds pause = one.loop.round();
    EXPECT_LE(pause, seconds(72));
    if (i < 4) {
      EXPECT_GT(pause, last);
    } else {
      EXPECT_GE(pause, seconds(48));
    }
    last = pause;
  }
  EXPECT_THAT(one.pairs, SizeIs(1));
  const auto status = one.loop.status();
  EXPECT_TRUE(status.ready);
  EXPECT_EQ(status.errors, 40U);
  // Each once.
  EXPECT_THAT(one.problems,
              ElementsAre(HasSubstr("ValidatingWebhookConfiguration plimsoll cannot be read: "
                                    "https://10.0.0.1: connection refused"),
                          HasSubstr("Secret plimsoll/plimsoll-certificates cannot be read: ")));
  api_.before = nullptr;
  EXPECT_LE(one.loop.round(), seconds(6));
  EXPECT_EQ(one.loop.status().detail, "");
  EXPECT_THAT(one.said, Contains(HasSubstr("no longer: Secret plimsoll")));
}

TEST_F(SelfManagedLoop, IsUnreadyWhenItsCertificateHasExpired) {
  Managed one(api_, clock_);
  one.loop.round();
  api_.before = [](const kube::Request&) -> std::optional<Result<kube::Response>> {
    return Result(FakeApi::refusal(500, "away"));
  };
  wait(days(90));
  one.loop.round();
  EXPECT_FALSE(one.loop.status().ready);
  EXPECT_THAT(one.loop.status().detail, HasSubstr("the serving certificate has expired\n"));
  api_.before = nullptr;
  one.loop.round();
  EXPECT_TRUE(one.loop.status().ready);
  EXPECT_THAT(one.pairs, SizeIs(2));
}

TEST_F(SelfManagedLoop, ServesWhatIsThereThoughItMayNotWrite) {
  Managed one(api_, clock_);
  one.loop.round();
  wait(days(70));  // it is due
  api_.before = [](const kube::Request& r) -> std::optional<Result<kube::Response>> {
    if (r.method == "PUT") return Result(FakeApi::refusal(403, "secrets is forbidden"));
    return std::nullopt;
  };
  Managed two(api_, clock_);
  two.loop.round();
  EXPECT_THAT(two.pairs, SizeIs(1));
  EXPECT_TRUE(two.loop.status().ready);
  EXPECT_THAT(two.problems, ElementsAre("Secret plimsoll/plimsoll-certificates cannot be written: "
                                        "status 403: secrets is forbidden"));
}

TEST_F(SelfManagedLoop, WhatSomebodyElseHasDoneIsNoProblemAnyMore) {
  api_.register_webhooks(1);
  Managed one(api_, clock_), two(api_, clock_);
  api_.before = [](const kube::Request& r) -> std::optional<Result<kube::Response>> {
    if (r.method != "GET") return Result(FakeApi::refusal(500, "away"));
    return std::nullopt;
  };
  one.loop.round();
  EXPECT_NE(one.loop.status().detail, "");
  api_.before = nullptr;
  two.loop.round();
  one.loop.round();
  EXPECT_EQ(one.loop.status().detail, "");
  api_.edit_webhooks([](json& w) { w["webhooks"][0]["clientConfig"]["caBundle"] = ""; });
  api_.before = [](const kube::Request& r) -> std::optional<Result<kube::Response>> {
    if (r.method != "GET") return Result(FakeApi::refusal(500, "away"));
    return std::nullopt;
  };
  one.loop.round();
  EXPECT_NE(one.loop.status().detail, "");
  api_.before = nullptr;
  two.loop.round();
  one.loop.round();
  EXPECT_EQ(one.loop.status().detail, "");
}

TEST_F(SelfManagedLoop, IsNotReadyWithoutTheRightToAnything) {
  api_.register_webhooks(1);
  api_.before = [](const kube::Request&) -> std::optional<Result<kube::Response>> {
    return Result(FakeApi::refusal(403, "forbidden"));
  };
  Managed one(api_, clock_);
  one.loop.round();
  EXPECT_FALSE(one.loop.status().ready);
  EXPECT_THAT(one.loop.status().detail, HasSubstr("there is no serving certificate yet\n"));
  EXPECT_THAT(one.pairs, IsEmpty());
  EXPECT_EQ(api_.secret_writes(), 0U);
}

TEST_F(SelfManagedLoop, AWriteWhoseAnswerIsLostIsFoundAgain) {
  api_.register_webhooks(1);
  Managed one(api_, clock_);
  int lost = 0;
  api_.after = [&](const kube::Request& r) -> std::optional<Error> {
    if (r.method == "GET" || lost > 2) return std::nullopt;
    ++lost;
    Error error;
    error.message = "timed out";
    return error;
  };
  for (int i = 0; i < 4; ++i) one.loop.round();
  EXPECT_EQ(lost, 3);
  EXPECT_EQ(api_.secret_writes(), 1U);
  EXPECT_EQ(api_.webhook_writes(), 1U);
  ASSERT_THAT(one.pairs, SizeIs(1));
  expect_trusted(one);
  EXPECT_TRUE(one.loop.status().ready);
}

TEST_F(SelfManagedLoop, IsNotUpsetByAnswersThatAreNone) {
  Managed one(api_, clock_);
  for (const char* body :
       {"", "{", "null", "[]", "7", "{}", R"({"metadata": 1})", R"({"metadata": {}, "data": []})",
        R"({"metadata": {}, "data": {"tls.crt": 5, "ca.crt": "*"}, "webhooks": 5})",
        R"({"metadata": {}, "webhooks": [1, {"clientConfig": 2}, {"clientConfig": {}}]})"}) {
    api_.before = [&](const kube::Request& r) -> std::optional<Result<kube::Response>> {
      if (r.method != "GET") return Result(FakeApi::refusal(409, "conflict"));
      return Result(kube::Response{200, body});
    };
    one.loop.round();
    EXPECT_FALSE(one.loop.status().ready) << body;
    EXPECT_THAT(one.pairs, IsEmpty()) << body;
  }
  api_.before = nullptr;
  one.loop.round();
  EXPECT_TRUE(one.loop.status().ready);
}

TEST_F(SelfManagedLoop, SaysWhyASecretThatCannotBeChangedDoesNotHeal) {
  api_.create_secret(json::parse(
      R"({"kind": "Secret", "metadata": {"name": "plimsoll-certificates"}, "immutable": true})"));
  Managed one(api_, clock_);
  one.loop.round();
  EXPECT_THAT(one.problems, ElementsAre(HasSubstr("field is immutable")));
}

TEST_F(SelfManagedLoop, APairThatCannotBeServedWithLeavesTheOldOne) {
  Managed one(api_, clock_);
  one.loop.round();
  one.refuse = true;
  wait(days(60));
  one.loop.round();
  EXPECT_THAT(one.pairs, SizeIs(1));
  EXPECT_THAT(one.problems, ElementsAre(HasSubstr("cannot be served with: refused")));
  one.refuse = false;
  one.loop.round();
  EXPECT_THAT(one.pairs, SizeIs(2));
  EXPECT_EQ(one.loop.status().rotations, 1U);
}

TEST_F(SelfManagedLoop, HealsADeletedSecretWhileItGoesOnServing) {
  api_.register_webhooks(2);
  Managed one(api_, clock_), two(api_, clock_);
  one.loop.round();
  two.loop.round();
  for (int times = 0; times < 3; ++times) {
    api_.delete_secret();
    for (int i = 0; i < 20; ++i) {
      one.loop.round();
      two.loop.round();
      expect_trusted(one);
      expect_trusted(two);
      wait(seconds(5));
    }
    EXPECT_EQ(one.pairs.back().certificate, api_.data().certificate);
    EXPECT_EQ(two.pairs.back().certificate, api_.data().certificate);
  }
  EXPECT_EQ(api_.secret_writes(), 4U);
}

TEST_F(SelfManagedLoop, RotationsCanBeForced) {
  api_.register_webhooks(1);
  Managed one(api_, clock_);
  settle(one);
  for (const bool ca : {false, true}) {
    SecretData data = api_.data();
    const SecretData before = data;
    (ca ? data.ca_key : data.certificate).clear();
    api_.set_data(data);
    for (int i = 0; i < 20; ++i) {
      one.loop.round();
      expect_trusted(one);
      wait(seconds(5));
    }
    EXPECT_EQ(api_.data().ca_certificate != before.ca_certificate, ca);
    EXPECT_NE(api_.data().certificate, before.certificate);
    EXPECT_EQ(one.pairs.back().certificate, api_.data().certificate);
  }
}

// --- several -------------------------------------------------------------------------------------

// Another one does all of it between any two requests of the first.
TEST_F(SelfManagedLoop, ExactlyOneOfSeveralWins) {
  for (int at = 0; at < 8; ++at) {
    FakeApi api;
    api.register_webhooks(1);
    Managed one(api, clock_), two(api, clock_);
    int count = 0;
    api.before = [&](const kube::Request&) -> std::optional<Result<kube::Response>> {
      if (count++ == at) two.loop.round();
      return std::nullopt;
    };
    one.loop.round();
    api.before = nullptr;
    two.loop.round();
    EXPECT_EQ(api.secret_writes(), 1U) << at;
    EXPECT_EQ(api.webhook_writes(), 1U) << at;
    ASSERT_THAT(one.pairs, SizeIs(1)) << at;
    ASSERT_THAT(two.pairs, SizeIs(1)) << at;
    EXPECT_EQ(one.pairs[0].certificate, two.pairs[0].certificate);
    EXPECT_TRUE(one.loop.status().ready);
    EXPECT_TRUE(two.loop.status().ready);
    EXPECT_EQ(one.loop.status().errors + two.loop.status().errors, 0U);
  }
}

TEST_F(SelfManagedLoop, SeveralAtOnceAgree) {
  auto brief = settings();
  brief.rules.ca_validity = hours(30);
  brief.rules.serving_validity = hours(10);
  api_.register_webhooks(2);
  std::vector<std::unique_ptr<Managed>> all;
  for (int i = 0; i < 3; ++i) all.push_back(std::make_unique<Managed>(api_, clock_, brief));
  std::vector<std::thread> threads;
  for (const auto& managed : all)
    threads.emplace_back([&] {
      for (int i = 0; i < 150; ++i) {
        managed->loop.round();
        clock_ += i % 30 == 0 ? 3600 : 10;
        EXPECT_LE(managed->loop.status().rotations, 200U);
      }
    });
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 10; ++i) {
    for (const auto& managed : all) managed->loop.round();
    wait(seconds(20));
  }
  for (const auto& managed : all) {
    EXPECT_EQ(managed->pairs.back().certificate, api_.data().certificate);
    expect_trusted(*managed);
    EXPECT_TRUE(managed->loop.status().ready);
    EXPECT_THAT(managed->problems, IsEmpty());
  }
  // In 15 hours or a little more: at first, renewed twice, maybe a new CA.
  EXPECT_LE(api_.secret_writes(), 8U);
}

TEST_F(SelfManagedLoop, RunsUntilItIsStopped) {
  api_.register_webhooks(1);
  Managed one(api_, clock_);
  std::jthread thread([&](const std::stop_token& stop) { one.loop.run(stop); });
  while (!one.loop.status().ready) std::this_thread::yield();
  thread.request_stop();  // it waits for the next round: that must not take its time
  thread.join();
  EXPECT_THAT(one.pairs, SizeIs(1));
}

TEST_F(SelfManagedLoop, TellsMetrics) {
  Managed one(api_, clock_);
  metrics::Registry registry;
  one.loop.add_metrics(registry);
  one.loop.round();
  wait(days(60));
  one.loop.round();
  api_.before = [](const kube::Request&) -> std::optional<Result<kube::Response>> {
    return Result(FakeApi::refusal(500, "away"));
  };
  one.loop.round();
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("\nplimsoll_ca_expiry_seconds 1931536000\n"));
  EXPECT_THAT(text, HasSubstr("\nplimsoll_certificate_rotations_total 1\n"));
  EXPECT_THAT(text, HasSubstr("\nplimsoll_certificate_errors_total 2\n"));
}

}  // namespace
}  // namespace plimsoll::app
