#include "app/rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace plimsoll::app {
namespace {

using server::read_certificate;
using server::signer_of;
using server::split_certificates;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::sys_seconds kStart{seconds(1'900'000'000)};

/// One replica, a Secret and a registration that do as they are told.
class Rotation : public ::testing::Test {
 protected:
  [[nodiscard]] Moment now() const { return {kStart + elapsed_, elapsed_}; }
  void wait(seconds time) { elapsed_ += time; }

  const Inspected& inspected() {
    if (inspected_.text != secret_) inspected_ = inspect(secret_);
    return inspected_;
  }
  Plan planned() {
    observe(replica_, registration_, inspected(), rules_, now());
    return plan(inspected(), registration_, replica_, rules_, now()).value();
  }
  /// Does what is planned; gives why.
  std::vector<std::string> step() {
    Plan next = planned();
    secret_ = next.secret;
    adopt(replica_, inspected(), rules_, now());
    if (publishes_ && publishable(inspected()))
      for (std::string& bundle : registration_.bundles) bundle = secret_.bundle;
    return next.reasons;
  }
  /// Steps as often as it takes for a change to settle.
  void settle() {
    for (int i = 0; i < 8; ++i) {
      step();
      wait(seconds(30));
    }
    step();
  }
  [[nodiscard]] std::vector<std::string> bundle() const {
    return split_certificates(secret_.bundle);
  }
  [[nodiscard]] std::string signer() const {
    return signer_of(secret_.certificate, secret_.bundle);
  }
  [[nodiscard]] server::CertificateFacts serving() const {
    return read_certificate(secret_.certificate).value();
  }
  [[nodiscard]] server::CertificateFacts authority() const {
    return read_certificate(secret_.ca_certificate).value();
  }
  [[nodiscard]] bool good() const {
    return server::key_fits({secret_.ca_certificate, secret_.ca_key}) &&
           server::key_fits({secret_.certificate, secret_.key}) &&
           server::verifies(secret_.certificate, secret_.bundle, now().wall) &&
           server::names_hosts(serving(), rules_.hosts) && publishable(inspect(secret_));
  }
  void expect_served() const {
    EXPECT_EQ(replica_.serving.certificate, secret_.certificate);
    EXPECT_EQ(replica_.signer, signer());
  }

  RotationRules rules_{.hosts = {"plimsoll.plimsoll.svc", "10.0.0.1"}};
  SecretData secret_;
  Registration registration_{.known = true, .bundles = {"", ""}};
  Replica replica_;
  bool publishes_ = true;

 private:
  Inspected inspected_;
  seconds elapsed_{0};
};

// --- from nothing --------------------------------------------------------------------------------

TEST_F(Rotation, MakesEverythingFromNothingAndThenNothingMore) {
  EXPECT_THAT(step(), ElementsAre("new CA: there was none", "bundle of 1 CA",
                                  "new serving certificate: there was none"));
  EXPECT_TRUE(good());
  EXPECT_EQ(serving().not_after, kStart + days(90));
  EXPECT_EQ(authority().not_after, kStart + days(365));
  EXPECT_THAT(bundle(), ElementsAre(secret_.ca_certificate));
  // Nobody serves yet, so there is nothing to wait for.
  expect_served();
  EXPECT_TRUE(trusted(replica_, registration_, now()));
  for (int i = 0; i < 100; ++i) {
    wait(hours(6));
    EXPECT_THAT(step(), IsEmpty());
  }
}

TEST_F(Rotation, TrustIsThatOfEveryWebhook) {
  step();
  EXPECT_TRUE(trusted(replica_, registration_, now()));
  registration_.bundles[1] = "";
  EXPECT_FALSE(trusted(replica_, registration_, now()));
  registration_.bundles = {};  // nobody calls
  EXPECT_TRUE(trusted(replica_, registration_, now()));
  registration_.known = false;
  EXPECT_FALSE(trusted(replica_, registration_, now()));
  EXPECT_FALSE(trusted(Replica{}, {.known = true, .bundles = {}}, now()));
}

// --- in time -------------------------------------------------------------------------------------

TEST_F(Rotation, RenewsTheServingCertificateAfterTwoThirdsOfItsTime) {
  step();
  const SecretData before = secret_;
  wait(days(60) - seconds(1));
  EXPECT_THAT(step(), IsEmpty());
  wait(seconds(1));
  EXPECT_THAT(step(), ElementsAre(HasSubstr("new serving certificate: two thirds")));
  EXPECT_TRUE(good());
  EXPECT_NE(secret_.certificate, before.certificate);
  EXPECT_NE(secret_.key, before.key);
  EXPECT_EQ(secret_.ca_certificate, before.ca_certificate);
  EXPECT_EQ(secret_.bundle, before.bundle);
  EXPECT_EQ(serving().not_after, kStart + days(150));
  expect_served();  // at once: the same CA signed it
}

TEST_F(Rotation, ReplacesTheCaInTwoSteps) {
  rules_.serving_validity = days(100);  // so that it is not due at the same time
  step();
  const std::string old_ca = secret_.ca_certificate;
  for (int day = 0; day < 243; ++day) {
    wait(days(1));
    step();
    ASSERT_EQ(secret_.ca_certificate, old_ca) << day;
  }
  settle();  // looked at often, it is the same
  wait(hours(8));
  settle();
  // The new one has joined and then signed.
  EXPECT_NE(secret_.ca_certificate, old_ca);
  EXPECT_THAT(bundle(), ElementsAre(secret_.ca_certificate, old_ca));
  EXPECT_EQ(signer(), secret_.ca_certificate);
  expect_served();
}

/// To the moment at which the new CA has just joined.
class NewCa : public Rotation {
 protected:
  void SetUp() override {
    rules_.serving_validity = days(100);
    step();
    wait(days(200));
    step();  // a serving certificate that is good till the end of this
    settle();
    wait(hours(24 * 365 * 2 / 3) - days(200));
    step();
    wait(seconds(60));  // now the replica has looked for long enough
    before_ = secret_;
    joined_ = step();
  }
  SecretData before_;
  std::vector<std::string> joined_;
};

TEST_F(NewCa, JoinsTheBundleBeforeItSigns) {
  EXPECT_THAT(joined_,
              ElementsAre(HasSubstr("new CA: two thirds of the old one's"), "bundle of 2 CAs"));
  EXPECT_NE(secret_.ca_certificate, before_.ca_certificate);
  EXPECT_NE(secret_.ca_key, before_.ca_key);
  EXPECT_THAT(bundle(), ElementsAre(secret_.ca_certificate, before_.ca_certificate));
  EXPECT_EQ(secret_.certificate, before_.certificate);
  EXPECT_EQ(registration_.bundles[0], secret_.bundle);
  EXPECT_TRUE(good());
}

TEST_F(NewCa, SignsWhenTheBundleHasBeenInPlaceForTheSettleTime) {
  EXPECT_THAT(step(), IsEmpty());  // sees it for the first time
  for (int i = 0; i < 59; ++i) {
    wait(seconds(1));
    ASSERT_THAT(step(), IsEmpty()) << i;
  }
  wait(seconds(1));
  EXPECT_THAT(step(), ElementsAre("new serving certificate: there is a new CA"));
  EXPECT_EQ(signer(), secret_.ca_certificate);
  expect_served();
  EXPECT_THAT(bundle(), ElementsAre(secret_.ca_certificate, before_.ca_certificate));
}

TEST_F(NewCa, WaitsWhileOneWebhookDoesNotTrustIt) {
  publishes_ = false;
  registration_.bundles[1] = before_.bundle;
  for (int i = 0; i < 100; ++i) {
    wait(seconds(10));
    ASSERT_THAT(step(), IsEmpty());
  }
  registration_.bundles[1] = secret_.bundle;
  EXPECT_THAT(step(), IsEmpty());
  wait(seconds(59));
  EXPECT_THAT(step(), IsEmpty());
  wait(seconds(1));
  EXPECT_THAT(step(), SizeIs(1));
}

TEST_F(NewCa, WaitsAnewWhenTheBundleWasAway) {
  publishes_ = false;
  step();
  wait(seconds(50));
  step();
  const auto bundles = registration_.bundles;
  registration_.bundles = {"garbage", ""};
  step();
  registration_.bundles = bundles;
  wait(seconds(20));
  EXPECT_THAT(step(), IsEmpty());
  wait(seconds(59));
  EXPECT_THAT(step(), IsEmpty());
  wait(seconds(1));
  EXPECT_THAT(step(), SizeIs(1));
}

TEST_F(NewCa, WaitsAnewWhenNobodyHasLooked) {
  step();
  registration_.known = false;
  for (int i = 0; i < 20; ++i) {
    wait(seconds(10));
    EXPECT_THAT(step(), IsEmpty());
  }
  registration_.known = true;  // who knows what was there in the meantime
  EXPECT_THAT(step(), IsEmpty());
  wait(seconds(60));
  EXPECT_THAT(step(), SizeIs(1));
}

TEST_F(NewCa, DoesNotWaitForAWebhookThatIsNotThere) {
  registration_.bundles.clear();
  step();
  wait(seconds(60));
  EXPECT_THAT(step(), SizeIs(1));
}

// A clock that jumps makes nobody think that a minute has passed.
TEST_F(NewCa, IsNotHurriedByAClockThatIsSet) {
  step();
  Moment later = now();
  later.wall += hours(2);
  observe(replica_, registration_, inspect(secret_), rules_, later);
  EXPECT_THAT(plan(inspect(secret_), registration_, replica_, rules_, later)->reasons, IsEmpty());
}

TEST_F(NewCa, ASecondReplicaThatLooksLaterDoesNotDoItAgain) {
  settle();
  Replica other;
  observe(other, registration_, inspect(secret_), rules_, now());
  EXPECT_THAT(plan(inspect(secret_), registration_, other, rules_, now())->reasons, IsEmpty());
  EXPECT_TRUE(adopt(other, inspect(secret_), rules_, now()));
  EXPECT_EQ(other.serving.certificate, secret_.certificate);
}

TEST_F(NewCa, AReplicaThatServesWaitsForItself) {
  Replica other;  // serves under the old CA, and has not looked for some time
  ASSERT_TRUE(adopt(other, inspect(before_), rules_, now()));
  settle();
  observe(other, registration_, inspect(secret_), rules_, now());
  EXPECT_FALSE(adopt(other, inspect(secret_), rules_, now()));
  wait(seconds(60));
  observe(other, registration_, inspect(secret_), rules_, now());
  EXPECT_TRUE(adopt(other, inspect(secret_), rules_, now()));
}

// It cannot see that the new CA is trusted, but the others have seen it, and its own certificate is
// at its end.
TEST_F(NewCa, AReplicaThatSeesNoRegistrationChangesAtTheLastMoment) {
  Replica blind;
  ASSERT_TRUE(adopt(blind, inspect(before_), rules_, now()));
  settle();
  wait(std::chrono::duration_cast<seconds>(blind.facts.not_after - now().wall) - minutes(10) -
       seconds(1));
  step();  // as the others do, who serve with the next one by now
  EXPECT_FALSE(adopt(blind, inspect(secret_), rules_, now()));
  wait(seconds(1));
  EXPECT_TRUE(adopt(blind, inspect(secret_), rules_, now()));
}

TEST_F(NewCa, TheOldOneLeavesWhenItHasExpired) {
  settle();
  const auto end = read_certificate(before_.ca_certificate)->not_after;
  const std::string old_ca = before_.ca_certificate;
  while (now().wall + days(1) < end + hours(1)) {
    wait(days(1));
    step();
    ASSERT_THAT(bundle(), ElementsAre(secret_.ca_certificate, old_ca));
  }
  // An hour later even, for clocks that are behind.
  wait(std::chrono::duration_cast<seconds>(end + hours(1) - now().wall) - seconds(1));
  step();
  EXPECT_THAT(bundle(), SizeIs(2));
  wait(seconds(1));
  EXPECT_THAT(step(), ElementsAre("bundle of 1 CA"));
  EXPECT_THAT(bundle(), ElementsAre(secret_.ca_certificate));
  EXPECT_TRUE(good());
}

TEST_F(NewCa, TheOldOneMayBeTakenOutByHand) {
  settle();
  secret_.bundle = secret_.ca_certificate;
  EXPECT_THAT(step(), IsEmpty());
  EXPECT_EQ(registration_.bundles[0], secret_.ca_certificate);
}

TEST_F(Rotation, NoCaIsReplacedWhileTheRegistrationCannotBeSeen) {
  rules_.serving_validity = days(30);
  step();
  const std::string ca = secret_.ca_certificate;
  registration_.known = false;
  int renewals = 0;
  for (int day = 1; day < 365; ++day) {
    wait(days(1));
    const auto reasons = step();
    renewals += static_cast<int>(reasons.size());
    ASSERT_EQ(secret_.ca_certificate, ca) << day;
    ASSERT_TRUE(good()) << day;
    expect_served();
  }
  // At the end of the CA nothing longer can be made, and so nothing is.
  EXPECT_EQ(renewals, 340 / 20);
  wait(days(1));
  EXPECT_THAT(step(), IsEmpty());  // nobody would trust a new one
  registration_.known = true;
  EXPECT_THAT(step(), SizeIs(3));
  EXPECT_TRUE(good());
  expect_served();
}

TEST_F(Rotation, ShortValiditiesHaveAShortSettleTime) {
  EXPECT_EQ(rules_.settle(), seconds(60));
  rules_.serving_validity = seconds(10);
  EXPECT_EQ(rules_.settle(), seconds(1));
  rules_.serving_validity = minutes(5);
  EXPECT_EQ(rules_.settle(), seconds(30));
}

// --- it heals ------------------------------------------------------------------------------------

struct Damage {
  const char* name;
  std::function<void(SecretData&)> damage;
  bool new_ca, new_serving;
};

const server::KeyPair& stranger() {
  static const server::KeyPair pair = server::make_ca("Stranger", days(700), kStart).value();
  return pair;
}

std::vector<Damage> damages() {
  const auto foreign =
      server::make_serving(stranger(), std::vector<std::string>{"x.y"}, days(90), kStart).value();
  return {
      {"everything", [](SecretData& s) { s = {}; }, true, true},
      {"ca.crt gone", [](SecretData& s) { s.ca_certificate.clear(); }, true, false},
      {"ca.key gone", [](SecretData& s) { s.ca_key.clear(); }, true, false},
      {"tls.crt gone", [](SecretData& s) { s.certificate.clear(); }, false, true},
      {"tls.key gone", [](SecretData& s) { s.key.clear(); }, false, true},
      {"bundle gone", [](SecretData& s) { s.bundle.clear(); }, false, false},
      {"ca gone", [](SecretData& s) { s.ca_certificate = s.ca_key = ""; }, true, false},
      {"tls gone", [](SecretData& s) { s.certificate = s.key = ""; }, false, true},
      {"ca.crt garbage", [](SecretData& s) { s.ca_certificate = "\xff garbage"; }, true, false},
      {"ca.key garbage", [](SecretData& s) { s.ca_key = "garbage"; }, true, false},
      {"tls.crt garbage", [](SecretData& s) { s.certificate = "garbage"; }, false, true},
      {"tls.key garbage", [](SecretData& s) { s.key = "garbage"; }, false, true},
      {"bundle garbage", [](SecretData& s) { s.bundle = "garbage"; }, false, false},
      {"ca.crt by half",
       [](SecretData& s) { s.ca_certificate.resize(s.ca_certificate.size() / 2); }, true, false},
      {"tls.crt by half", [](SecretData& s) { s.certificate.resize(s.certificate.size() / 2); },
       false, true},
      {"bundle by half", [](SecretData& s) { s.bundle.resize(s.bundle.size() / 2); }, false, false},
      {"keys swapped", [](SecretData& s) { std::swap(s.ca_key, s.key); }, true, true},
      {"certificates swapped", [](SecretData& s) { std::swap(s.ca_certificate, s.certificate); },
       true, true},
      {"another's ca.key", [](SecretData& s) { s.ca_key = stranger().key; }, true, false},
      {"another's ca.crt", [](SecretData& s) { s.ca_certificate = stranger().certificate; }, true,
       false},
      {"another's pair",
       [foreign](SecretData& s) {
         s.certificate = foreign.certificate;
         s.key = foreign.key;
       },
       false, true},
      {"a serving pair as CA",
       [](SecretData& s) {
         s.ca_certificate = s.certificate;
         s.ca_key = s.key;
       },
       true, false},
      {"bundle with noise", [](SecretData& s) { s.bundle = "# ours\n" + s.bundle; }, false, false},
      {"bundle of another", [](SecretData& s) { s.bundle = stranger().certificate; }, false, false},
      {"bundle with what is no CA", [](SecretData& s) { s.bundle += s.certificate; }, false, false},
      {"bundle with one twice", [](SecretData& s) { s.bundle += s.bundle; }, false, false},
      {"ca.crt with noise", [](SecretData& s) { s.ca_certificate = "# CA\n" + s.ca_certificate; },
       false, false},
  };
}

TEST_F(Rotation, HealsWhatIsDamagedInOneStepAndGoesOnServing) {
  step();
  wait(days(10));
  settle();
  const SecretData sound = secret_;
  const Replica before = replica_;
  for (const Damage& row : damages()) {
    SCOPED_TRACE(row.name);
    secret_ = sound;
    replica_ = before;
    observe(replica_, registration_, inspect(secret_), rules_, now());
    wait(seconds(60));
    row.damage(secret_);
    EXPECT_FALSE(planned().reasons.empty());
    step();
    EXPECT_TRUE(good());
    EXPECT_EQ(secret_.ca_certificate != sound.ca_certificate, row.new_ca);
    EXPECT_EQ(secret_.certificate != sound.certificate, row.new_serving);
    EXPECT_THAT(planned().reasons, IsEmpty());  // and that was all
    // At every moment the API server trusts what is served with.
    for (int i = 0; i < 40; ++i) {
      EXPECT_TRUE(
          server::verifies(replica_.serving.certificate, registration_.bundles[0], now().wall));
      if (row.new_ca && i < 5) {
        EXPECT_EQ(replica_.serving.certificate, before.serving.certificate);
      }
      wait(seconds(5));
      step();
    }
    EXPECT_TRUE(good());
    EXPECT_EQ(signer(), secret_.ca_certificate);
    expect_served();
    registration_.bundles = {sound.bundle, sound.bundle};
  }
}

TEST_F(Rotation, HealsWithoutAReplicaThatKnewBetter) {
  step();
  const SecretData sound = secret_;
  for (const Damage& row : damages()) {
    SCOPED_TRACE(row.name);
    secret_ = sound;
    replica_ = {};
    registration_.bundles = {sound.bundle, sound.bundle};
    row.damage(secret_);
    EXPECT_FALSE(step().empty());
    EXPECT_TRUE(good());
    // Whoever still serves with the old one is trusted.
    EXPECT_TRUE(server::verifies(sound.certificate, registration_.bundles[1], now().wall));
    EXPECT_THAT(planned().reasons, IsEmpty());
    expect_served();
  }
}

TEST_F(Rotation, MakesNoCaUntilItHasSeenTheRegistration) {
  step();
  const SecretData sound = secret_;
  registration_.known = false;
  for (const Damage& row : damages()) {
    SCOPED_TRACE(row.name);
    secret_ = sound;
    replica_ = {};
    row.damage(secret_);
    const SecretData damaged = secret_;
    EXPECT_EQ(step().empty(), row.new_ca);
    EXPECT_EQ(secret_ == damaged, row.new_ca);
  }
}

TEST_F(NewCa, HealsInTheMiddleOfIt) {
  const SecretData middle = secret_;
  const Replica before = replica_;
  for (const Damage& row : damages()) {
    SCOPED_TRACE(row.name);
    secret_ = middle;
    replica_ = before;
    registration_.bundles = {middle.bundle, middle.bundle};
    row.damage(secret_);
    for (int i = 0; i < 40; ++i) {
      step();
      EXPECT_TRUE(
          server::verifies(replica_.serving.certificate, registration_.bundles[0], now().wall));
      wait(seconds(5));
    }
    EXPECT_TRUE(good());
    EXPECT_THAT(step(), IsEmpty());
    EXPECT_EQ(signer(), secret_.ca_certificate);
    expect_served();
  }
}

TEST_F(Rotation, HealsWhatHasExpired) {
  step();
  const SecretData before = secret_;
  wait(days(90));
  EXPECT_THAT(step(), ElementsAre("new serving certificate: the old one has expired"));
  EXPECT_EQ(secret_.ca_certificate, before.ca_certificate);
  EXPECT_TRUE(good());
  expect_served();
  wait(days(365));
  EXPECT_THAT(step(), ElementsAre("new CA: the old one has expired", "bundle of 1 CA",
                                  HasSubstr("new serving certificate: ")));
  EXPECT_TRUE(good());
  expect_served();
}

// A machine that woke with a wrong clock has made them.
TEST_F(Rotation, HealsWhatIsValidFromNextYearOn) {
  Moment wrong = now();
  wrong.wall += days(400);
  secret_ = plan(inspect({}), registration_, replica_, rules_, wrong)->secret;
  step();
  EXPECT_TRUE(good());
  EXPECT_LT(authority().not_before, now().wall);
}

TEST_F(Rotation, ClocksThatAreAheadOrBehindDoNotFight) {
  step();
  for (const minutes skew : {minutes(-50), minutes(50), minutes(-110), minutes(110)}) {
    Moment theirs = now();
    theirs.wall += skew;
    Replica other;
    observe(other, registration_, inspect(secret_), rules_, theirs);
    EXPECT_THAT(plan(inspect(secret_), registration_, other, rules_, theirs)->reasons, IsEmpty())
        << skew.count();
    const SecretData made = plan(inspect({}), registration_, other, rules_, theirs)->secret;
    EXPECT_THAT(plan(inspect(made), registration_, replica_, rules_, now())->reasons, IsEmpty())
        << skew.count();
  }
}

// Replicas of the old and of the new configuration are there at the same time.
TEST_F(Rotation, NamesTheHostsOfOldAndNewReplicas) {
  step();
  RotationRules renamed = rules_;
  renamed.hosts = {"other.svc"};
  Plan next = plan(inspect(secret_), registration_, replica_, renamed, now()).value();
  EXPECT_THAT(next.reasons, ElementsAre(HasSubstr("does not name every host")));
  EXPECT_THAT(read_certificate(next.secret.certificate)->hosts,
              UnorderedElementsAre("other.svc", "plimsoll.plimsoll.svc", "10.0.0.1"));
  secret_ = next.secret;
  EXPECT_THAT(planned().reasons, IsEmpty());
  EXPECT_THAT(plan(inspect(secret_), registration_, replica_, renamed, now())->reasons, IsEmpty());
  // What nobody asks for is gone with the next renewal.
  wait(days(60));
  rules_ = renamed;
  EXPECT_THAT(step(), SizeIs(1));
  EXPECT_THAT(serving().hosts, ElementsAre("other.svc"));
}

TEST_F(Rotation, AForcedRotationNeverFailsAndTheBundleStaysSmall) {
  step();
  for (int i = 0; i < 30; ++i) {
    secret_.ca_key.clear();
    settle();
    EXPECT_TRUE(good());
    expect_served();
    EXPECT_LE(bundle().size(), 8U);
    EXPECT_EQ(bundle().size(), std::min(std::size_t{8}, static_cast<std::size_t>(i) + 2));
  }
}

TEST_F(Rotation, ACaOfSomebodyElseIsUsedButOneThatOnlyTheRegistrationHasIsNot) {
  registration_.bundles = {stranger().certificate, stranger().certificate};
  step();
  EXPECT_THAT(bundle(), ElementsAre(secret_.ca_certificate));
  const std::string first = secret_.ca_certificate;
  secret_.ca_certificate = stranger().certificate;
  secret_.ca_key = stranger().key;
  settle();
  EXPECT_THAT(bundle(), ElementsAre(stranger().certificate, first));
  EXPECT_EQ(signer(), stranger().certificate);
  EXPECT_TRUE(good());
}

TEST_F(Rotation, HostsThatAreNoneAreAnError) {
  rules_.hosts = {"https://x"};
  EXPECT_FALSE(plan(inspect(secret_), registration_, replica_, rules_, now()));
}

// --- what a replica takes ------------------------------------------------------------------------

TEST_F(Rotation, AReplicaTakesNothingThatCannotBeServedWith) {
  step();
  const SecretData sound = secret_;
  for (const Damage& row : damages()) {
    SCOPED_TRACE(row.name);
    SecretData damaged = sound;
    row.damage(damaged);
    Replica fresh;
    observe(fresh, registration_, inspect(damaged), rules_, now());
    if (adopt(fresh, inspect(damaged), rules_, now())) {
      EXPECT_EQ(fresh.serving.certificate, sound.certificate);
      EXPECT_TRUE(server::key_fits(fresh.serving));
      EXPECT_FALSE(fresh.signer.empty());
    } else {
      EXPECT_TRUE(fresh.serving.certificate.empty());
    }
  }
  Replica fresh;
  wait(days(90));
  EXPECT_FALSE(adopt(fresh, inspect(sound), rules_, now())) << "it has expired";
}

TEST_F(Rotation, OnlyAWholeBundleIsPublished) {
  step();
  EXPECT_TRUE(publishable(inspect(secret_)));
  EXPECT_FALSE(publishable(inspect({})));
  for (const auto& spoil :
       {std::function<void(SecretData&)>([](SecretData& s) { s.bundle.clear(); }),
        std::function<void(SecretData&)>([](SecretData& s) { s.bundle += "x"; }),
        std::function<void(SecretData&)>([](SecretData& s) { s.certificate.clear(); }),
        std::function<void(SecretData&)>([](SecretData& s) { s.ca_certificate.clear(); }),
        std::function<void(SecretData&)>(
            [](SecretData& s) { s.bundle = stranger().certificate; })}) {
    SecretData spoilt = secret_;
    spoil(spoilt);
    EXPECT_FALSE(publishable(inspect(spoilt)));
  }
}

}  // namespace
}  // namespace plimsoll::app
