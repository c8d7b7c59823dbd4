// Replicas with clocks of their own, over years, against an API server that is away, slow, loses
// answers, and on which things are deleted and spoilt. At every moment whatever a replica serves
// with is verified by OpenSSL against every caBundle that an API server may still use.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "app/fake_api.h"
#include "app/self_managed.h"

namespace plimsoll::app {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::FakeApi;
using testing::json;

constexpr std::chrono::sys_seconds kStart{seconds(1'900'000'000)};
constexpr std::size_t kReplicas = 3;

struct Faults {
  bool on = true;
  double lost = 0;  ///< of requests, and as many answers
};

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    rules_.hosts = {"plimsoll.plimsoll.svc"};
    rules_.ca_validity = days(60);
    rules_.serving_validity = days(20);
    api_.register_webhooks(2);
    for (std::size_t i = 0; i < kReplicas; ++i) replicas_.push_back(start(i));
  }

  void live(days time) {
    const milliseconds end = at_ + time;
    while (at_ < end && !::testing::Test::HasFailure()) {
      happen();
      look_often(12);
      pass(seconds(between(3600, 4 * 24 * 3600)));
    }
  }

  void expect_convergence() {
    faults_ = {.on = false};
    for (auto& replica : replicas_) replica->away_until = milliseconds(0);
    look_often(20);
    const auto secret_writes = api_.secret_writes(), webhook_writes = api_.webhook_writes();
    look_often(10);
    EXPECT_EQ(api_.secret_writes(), secret_writes) << "they fight";
    EXPECT_EQ(api_.webhook_writes(), webhook_writes) << "they fight";
    const SecretData data = api_.data();
    for (const auto& replica : replicas_) {
      EXPECT_EQ(replica->pair.certificate, data.certificate);
      EXPECT_EQ(replica->pair.key, data.key);
      EXPECT_TRUE(replica->loop->status().ready);
      EXPECT_EQ(replica->loop->status().detail, "");
    }
    EXPECT_THAT(api_.bundles(), ::testing::Each(data.bundle));
    EXPECT_FALSE(server::signer_of(data.certificate, data.ca_certificate).empty());
    const auto lived = static_cast<std::size_t>(at_ / days(1));
    // Nobody does what another one has done: a renewal in 13 days, a CA in 40 (it joins, it signs,
    // the old one leaves), and what heals.
    EXPECT_LE(secret_writes, lived / 12 + 3 * (lived / 38) + 4 * damages_ + 8);
    EXPECT_GT(checks_, lived / 2);
  }

 private:
  struct Replica;

  /// The API server as one replica reaches it.
  class Line : public kube::Transport {
   public:
    Line(World& world, Replica& replica) : world_(world), replica_(replica) {}
    Result<kube::Response> send(const kube::Request& request) override {
      return world_.send(replica_, request);
    }
    Result<kube::Response> stream(const kube::Request&, milliseconds, const std::stop_token&,
                                  const std::function<bool(std::string_view)>&) override {
      return World::error();
    }

   private:
    World& world_;
    Replica& replica_;
  };

  struct Replica {
    seconds skew{0};             ///< of its clock
    milliseconds steady{0};      ///< where its other clock began
    milliseconds away_until{0};  ///< it cannot reach the API server until then
    bool busy = false;
    server::KeyPair pair;
    milliseconds first_pair{0};
    milliseconds last_whole_round{0};
    std::size_t pairs = 0;
    std::unique_ptr<Line> line;
    std::unique_ptr<SelfManaged> loop;
  };

  /// What the API server trusted, and until when.
  struct Held {
    std::vector<std::string> bundles;
    milliseconds until;
    bool spoilt;  ///< by somebody else
  };

  static Error error() {
    Error error;
    error.message = "no answer";
    return error;
  }
  std::int64_t between(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }

  std::unique_ptr<Replica> start(std::size_t) {
    auto replica = std::make_unique<Replica>();
    Replica& it = *replica;
    it.skew = seconds(between(-240, 240));
    it.steady = seconds(between(0, 1'000'000));
    it.line = std::make_unique<Line>(*this, it);
    SelfManagedSettings settings;
    settings.secret_namespace = "plimsoll";
    settings.secret_name = "plimsoll-certificates";
    settings.webhook_configuration = "plimsoll";
    settings.rules = rules_;
    it.loop = std::make_unique<SelfManaged>(
        settings, *it.line,
        SelfManagedHooks{
            .serve = [this, &it](const server::KeyPair& pair) -> Status {
              // With what has ended nobody goes on: that is as if he had just begun.
              const auto old = server::read_certificate(it.pair.certificate);
              if (old && old->not_after - minutes(15) <= kStart + at_) it.pairs = 0;
              it.pair = pair;
              if (++it.pairs == 1) it.first_pair = at_;
              check();
              return {};
            },
            .log = [this, &it](bool, const std::string& message) { tell(it, message); },
            .clock =
                [this, &it] {
                  return Moment{kStart + std::chrono::floor<seconds>(at_) + it.skew,
                                it.steady + at_};
                }});
    return replica;
  }

  void advance(milliseconds time) {
    at_ += time;
    check();
  }

  /// Nobody looks for a long time: what they would see is the same. But not past the end of what
  /// somebody serves with, before and after which he would have looked.
  void pass(milliseconds time) {
    for (const auto& replica : replicas_) {
      const auto own = server::read_certificate(replica->pair.certificate);
      if (!own) continue;
      for (const minutes left : {minutes(30), minutes(5), minutes(-5)}) {
        const auto look = own->not_after - left - kStart - at_;
        if (look > milliseconds(0) && look < time) time = look;
      }
    }
    advance(time);
  }

  void round(Replica& replica) {
    if (replica.busy) return;
    replica.busy = true;
    const auto errors = replica.loop->status().errors;
    replica.loop->round();
    if (replica.loop->status().errors == errors) replica.last_whole_round = at_;
    replica.busy = false;
  }

  void look_often(int times) {
    for (int i = 0; i < times; ++i) {
      std::vector<std::size_t> order = {0, 1, 2};
      std::shuffle(order.begin(), order.end(), random_);
      for (const std::size_t each : order) {
        advance(milliseconds(between(0, 8'000)));
        round(*replicas_[each]);
      }
    }
  }

  Result<kube::Response> send(Replica& replica, const kube::Request& request) {
    if (at_ < replica.away_until || (faults_.on && chance(faults_.lost))) {
      advance(milliseconds(between(0, 5'000)));
      return error();
    }
    advance(milliseconds(between(0, 500)));
    // Others are in the middle of something at the same time.
    if (chance(0.05)) round(*replicas_[static_cast<std::size_t>(between(0, kReplicas - 1))]);
    const auto writes = api_.secret_writes();
    auto answer = api_.send(request);
    if (broken_ && api_.secret_writes() > writes) {
      broken_ = false;
      damaged_at_ = at_;  // it begins to heal
    }
    note(false);
    if (chance(0.05)) round(*replicas_[static_cast<std::size_t>(between(0, kReplicas - 1))]);
    advance(milliseconds(between(0, faults_.on && chance(0.02) ? 20'000 : 500)));
    if (faults_.on && chance(faults_.lost)) return error();
    return answer;
  }

  /// Something goes wrong, or nothing.
  void happen() {
    Replica& one = *replicas_[static_cast<std::size_t>(between(0, kReplicas - 1))];
    faults_.lost = chance(0.3) ? 0.2 : chance(0.1) ? 0.3 : 0;
    switch (between(0, 19)) {
      case 0:
        one.away_until = at_ + seconds(between(60, 6 * 24 * 3600));
        break;
      case 1: {
        const auto until = at_ + seconds(between(60, 4 * 24 * 3600));
        for (auto& each : replicas_) each->away_until = std::max(each->away_until, until);
        break;
      }
      case 2:
      case 3: {
        const auto at = static_cast<std::size_t>(between(0, kReplicas - 1));
        replicas_[at] = start(at);
        break;
      }
      case 4:  // all of them, one after the other
        for (std::size_t i = 0; i < kReplicas; ++i) {
          replicas_[i] = start(i);
          look_often(static_cast<int>(between(1, 3)));
        }
        break;
      case 5:
        one.skew = seconds(between(-240, 240));
        break;
      case 6:
        api_.delete_secret();
        damaged("deleted");
        break;
      case 7:
      case 8: {
        SecretData data = api_.data();
        static constexpr std::string SecretData::* kMembers[] = {
            &SecretData::ca_certificate, &SecretData::ca_key, &SecretData::certificate,
            &SecretData::key, &SecretData::bundle};
        std::string how;
        for (std::string SecretData::* const member : kMembers) {
          how += chance(0.4) ? '1' : '0';
          if (how.back() == '1') switch (between(0, 2)) {
              case 0:
                (data.*member).clear();
                break;
              case 1:
                (data.*member).resize((data.*member).size() / 2);
                break;
              default:
                data.*member = "garbage";
            }
        }
        api_.set_data(data);
        if (how.find('1') != std::string::npos) damaged(how);
        break;
      }
      case 9:
        api_.edit_webhooks([&](json& w) {
          w["webhooks"][chance(0.5) ? 0 : 1]["clientConfig"]["caBundle"] = "Z2FyYmFnZQ==";
        });
        note(true);
        break;
      case 10:
        api_.remove_webhooks();
        note(true);
        look_often(static_cast<int>(between(0, 2)));
        api_.register_webhooks(2);
        note(true);
        break;
      default:
        break;
    }
  }

  /// What happened lately, for whoever has to find out why.
  void tell(const Replica& replica, const std::string& message) {
    if (message.ends_with("no answer")) return;
    const auto own = server::read_certificate(replica.pair.certificate);
    story_.push_back(fmt::format("{} ms {}: {} [serves until {} s from now]\n", at_.count(),
                                 static_cast<const void*>(&replica), message,
                                 own ? (own->not_after - kStart - at_) / seconds(1) : 0));
    if (story_.size() > 40) story_.pop_front();
  }

  void damaged(const std::string& how) {
    tell(*replicas_[0], "damaged: " + how);
    ++damages_;
    damaged_at_ = at_;
    broken_ = true;
  }

  /// Keeps what the API server trusts.
  void note(bool spoilt) {
    auto bundles = api_.bundles();
    if (!held_.empty() && held_.back().bundles == bundles) return;
    if (!held_.empty()) held_.back().until = at_;
    held_.push_back({std::move(bundles), milliseconds::max(), spoilt || held_.empty()});
    check();
  }

  bool verified(const std::string& certificate, const std::string& bundle) {
    // By the hour: it is the same within.
    const auto hour = std::chrono::floor<hours>(at_);
    const auto [entry, fresh] = verified_.try_emplace({certificate, bundle, hour.count()}, false);
    if (fresh) {
      ++checks_;
      entry->second =
          server::verifies(certificate, bundle, kStart + std::chrono::floor<seconds>(at_));
    }
    return entry->second;
  }

  void check() {
    if (::testing::Test::HasFailure()) return;
    while (!held_.empty() && held_.front().until != milliseconds::max() &&
           held_.front().until + rules_.settle() < at_)
      held_.pop_front();
    if (verified_.size() > 10'000) verified_.clear();
    for (const auto& replica : replicas_) {
      if (!replica || replica->pair.certificate.empty()) continue;
      // Who starts with nothing while all is lost takes what there is.
      if (replica->pairs == 1 && damaged_at_ + minutes(30) > replica->first_pair &&
          at_ < replica->first_pair + minutes(30))
        continue;
      // Nor can anybody help who was cut off for longer than what is left of a certificate that is
      // due.
      if (replica->last_whole_round + days(3) < at_ &&
          server::read_certificate(replica->pair.certificate)->not_after <= kStart + at_)
        continue;
      for (const Held& held : held_) {
        if (held.spoilt) continue;
        for (const std::string& bundle : held.bundles)
          ASSERT_TRUE(verified(replica->pair.certificate, bundle))
              << "after " << std::chrono::duration<double, days::period>(at_).count()
              << " days; damaged " << (at_ - damaged_at_).count() << " ms ago; replica has "
              << replica->pairs << " pairs, the first " << (at_ - replica->first_pair).count()
              << " ms ago; held until "
              << (held.until == milliseconds::max() ? 0 : (at_ - held.until).count()) << " ms ago, "
              << server::split_certificates(bundle).size() << " CAs\n"
              << fmt::format("{}", fmt::join(story_, ""));
      }
    }
  }

  std::mt19937 random_;
  RotationRules rules_;
  FakeApi api_;
  milliseconds at_{0};
  Faults faults_;
  std::size_t damages_ = 0;
  milliseconds damaged_at_{0};
  bool broken_ = false;
  std::deque<Held> held_;
  std::map<std::tuple<std::string, std::string, std::int64_t>, bool> verified_;
  std::size_t checks_ = 0;
  std::deque<std::string> story_;
  std::vector<std::unique_ptr<Replica>> replicas_;
};

// A year of authorities of 60 days is six of the default ones. PLIMSOLL_SIMULATIONS=N
// PLIMSOLL_SIMULATION=FIRST for more, and other ones.
TEST(RotationSimulation, WhatIsServedIsTrustedWhateverHappens) {
  const auto number = [](const char* name, unsigned otherwise) {
    const char* const text = std::getenv(name);
    return text != nullptr ? static_cast<unsigned>(std::atoi(text)) : otherwise;
  };
  const unsigned first = number("PLIMSOLL_SIMULATION", 1);
  for (unsigned seed = first; seed < first + number("PLIMSOLL_SIMULATIONS", 1); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    world.live(days(365));
    if (!HasFailure()) world.expect_convergence();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace plimsoll::app
