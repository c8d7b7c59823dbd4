#include "kube/namespaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "kube/fake_transport.h"
#include "kube/objects.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeTransport;
using ::testing::HasSubstr;

std::string object(const std::string& name, int version, const std::string& value) {
  return R"({"kind":"PartialObjectMetadata","metadata":{"name":")" + name +
         R"(","resourceVersion":")" + std::to_string(version) + R"(","labels":{"l":")" + value +
         R"("},"managedFields":[{"manager":"m"}],"annotations":{"a":"b"}}})";
}
std::string event(const std::string& type, const std::string& text) {
  return R"({"type":")" + type + R"(","object":)" + text + "}\n";
}
std::string bookmark(int version) {
  return event("BOOKMARK",
               R"({"metadata":{"resourceVersion":")" + std::to_string(version) + R"("}})");
}
std::string list(int version, const std::vector<std::string>& items,
                 const std::string& token = "") {
  std::string out = R"({"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":")" +
                    std::to_string(version) + R"(","continue":")" + token + R"("},"items":[)";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i > 0 ? "," : "") + items[i];
  return out + "]}";
}
std::string status(int code, const std::string& reason, const std::string& message = "words") {
  return R"({"kind":"Status","apiVersion":"v1","metadata":{},"message":")" + message +
         R"(","reason":")" + reason + R"(","code":)" + std::to_string(code) + "}";
}
Result<Response> ok(std::string body) { return Response{200, std::move(body), {}}; }

/// A watcher whose server answers by the script, until the script is over: then the server says no
/// more, and the test looks at what happened.
class Watched {
 public:
  /// nullopt: the script is over.
  using Script = std::function<std::optional<Result<Response>>(
      std::size_t number, const Request& request, const FakeTransport::Take& take)>;

  /// `self`: for a script that lets time pass.
  explicit Watched(Script script, double chance = 0, Watched** self = nullptr)
      : transport_([this, script = std::move(script)](
                       std::size_t number, const Request& request, const std::stop_token& stop,
                       const FakeTransport::Take& take) -> Result<Response> {
          if (auto answer = script(number, request, take)) return *answer;
          over_.set_value();
          return FakeTransport::hang(stop);
        }) {
    if (self != nullptr) *self = this;
    WatchTiming timing;
    timing.now = [this] { return now_; };
    timing.random = [chance] { return chance; };
    timing.wait = [this](milliseconds pause, const std::stop_token&) { pauses.push_back(pause); };
    NamespaceCallbacks callbacks;
    callbacks.replaced = [this](const LabelsByNamespace& all) {
      std::string line = "all";
      for (const auto& [name, labels] : all) line += " " + name + "=" + text_of(labels);
      log.push_back(line);
    };
    callbacks.changed = [this](const std::string& name,
                               const std::shared_ptr<const Labels>& labels) {
      log.push_back(name + "=" + text_of(labels));
    };
    NamespaceWatcher watcher(transport_, callbacks, timing);
    over_.get_future().wait();
    synced = watcher.synced();
    stats = watcher.stats();
    paths = transport_.paths();
    requests = transport_.requests();
  }

  std::vector<std::string> log, paths;
  std::vector<Request> requests;
  std::vector<milliseconds> pauses;
  bool synced = false;
  WatchStats stats;

  static std::string text_of(const std::shared_ptr<const Labels>& labels) {
    if (!labels) return "gone";
    std::string out;
    for (const auto& [key, value] : *labels) out += key + ":" + value;
    return out;
  }
  /// For scripts: so much later.
  void advance(seconds by) { now_ += by; }

 private:
  std::chrono::steady_clock::time_point now_{};
  std::promise<void> over_;
  FakeTransport transport_;
};

constexpr auto kFirstList = "/api/v1/namespaces?resourceVersion=0&limit=500";
std::string list_from(int version) {
  return "/api/v1/namespaces?resourceVersion=" + std::to_string(version);
}
std::string watch_from(int version, int lasts = 300) {
  return "/api/v1/namespaces?watch=true&allowWatchBookmarks=true&resourceVersion=" +
         std::to_string(version) + "&timeoutSeconds=" + std::to_string(lasts);
}

TEST(NamespaceWatcher, ListsThenWatches) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {object("a", 3, "1"), object("b", 4, "2")}));
        if (n == 2) {
          take(event("ADDED", object("c", 11, "3")));
          take(event("MODIFIED", object("a", 12, "4")) + event("DELETED", object("b", 13, "2")));
          take(bookmark(20));
          return ok("");
        }
        return std::nullopt;
      });
  EXPECT_THAT(watched.log, ElementsAre("all a=l:1 b=l:2", "c=l:3", "a=l:4", "b=gone"));
  EXPECT_THAT(watched.paths, ElementsAre(kFirstList, watch_from(10), watch_from(20)));
  EXPECT_EQ(watched.requests[0].accept, kMetadataList);
  EXPECT_EQ(watched.requests[1].accept, kMetadata);
  EXPECT_THAT(watched.pauses, ElementsAre()) << "a watch that ended by itself is not a failure";
  EXPECT_TRUE(watched.synced);
  EXPECT_EQ(watched.stats.lists, 1U);
  EXPECT_EQ(watched.stats.watches, 2U);
  EXPECT_EQ(watched.stats.failures, 0U);
  EXPECT_EQ(watched.stats.last_error, "");
  EXPECT_TRUE(watched.stats.last_contact.has_value());
}

TEST(NamespaceWatcher, AWatchLastsFiveToTenMinutes) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {}));
        return std::nullopt;
      },
      0.999);
  EXPECT_THAT(watched.paths, ElementsAre(kFirstList, watch_from(10, 599)));
}

TEST(NamespaceWatcher, ReadsAListPageByPage) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {object("a", 1, "1")}, "to+ken="));
        if (n == 2) return ok(list(10, {object("b", 2, "2")}));
        return std::nullopt;
      });
  EXPECT_THAT(watched.log, ElementsAre("all a=l:1 b=l:2"));
  EXPECT_THAT(
      watched.paths,
      ElementsAre(kFirstList, "/api/v1/namespaces?limit=500&continue=to%2Bken%3D", watch_from(10)));
}

TEST(NamespaceWatcher, PagesWhoseHistoryIsGoneAreReadInOne) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {object("a", 1, "1"), object("z", 1, "1")}, "token"));
        if (n == 2) return Response{410, status(410, "Expired"), {}};
        if (n == 3) return ok(list(30, {object("a", 1, "2"), object("b", 2, "2")}));
        return std::nullopt;
      });
  EXPECT_THAT(watched.log, ElementsAre("all a=l:2 b=l:2"));
  EXPECT_THAT(watched.paths, ElementsAre(kFirstList, "/api/v1/namespaces?limit=500&continue=token",
                                         "/api/v1/namespaces?resourceVersion=0", watch_from(30)));
}

TEST(NamespaceWatcher, EventsMayBeSplitAnywhere) {
  const std::string text = event("ADDED", object("c", 11, "\xC3\xA9\\n")) + "\r\n" +
                           event("ADDED", object("d", 12, "4")) + bookmark(13);
  for (std::size_t size : {1U, 2U, 7U, 64U, 1000U}) {
    const Watched watched(
        [&](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
          if (n == 1) return ok(list(10, {}));
          if (n > 2) return std::nullopt;
          for (std::size_t at = 0; at < text.size(); at += size)
            EXPECT_TRUE(take(std::string_view(text).substr(at, size)));
          return ok("");
        });
    EXPECT_THAT(watched.log, ElementsAre("all", "c=l:\xC3\xA9\n", "d=l:4")) << size;
    EXPECT_EQ(watched.paths.back(), watch_from(13));
  }
}

TEST(NamespaceWatcher, AnOldEventDoesNotReplaceANewerOne) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(100, {object("a", 99, "new")}));
        if (n > 2) return std::nullopt;
        take(event("MODIFIED", object("a", 98, "old")));
        take(event("DELETED", object("a", 100, "old")));
        take(event("MODIFIED", object("a", 102, "newer")));
        take(event("MODIFIED", object("a", 101, "old")));
        take(bookmark(50));
        return ok("");
      });
  EXPECT_THAT(watched.log, ElementsAre("all a=l:new", "a=l:newer"));
  EXPECT_EQ(watched.paths.back(), watch_from(102));
}

TEST(NamespaceWatcher, VersionsThatAreNoNumbersAreTakenAsTheyCome) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n == 1) return ok(R"({"metadata":{"resourceVersion":"x1"}})");
        if (n > 2) return std::nullopt;
        take(event("ADDED", R"({"metadata":{"name":"a","resourceVersion":"x 2"}})"));
        return ok("");
      });
  EXPECT_THAT(watched.log, ElementsAre("all", "a="));
  EXPECT_THAT(watched.paths.back(), HasSubstr("resourceVersion=x%202&"));
}

TEST(NamespaceWatcher, AWatchThatBreaksIsListedAnewForTheServerMayBeAnOlderOne) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {}));
        if (n == 2) {
          take(event("ADDED", object("a", 11, "1")));
          return FakeTransport::broken();
        }
        if (n == 3) return FakeTransport::broken("again");
        return std::nullopt;
      });
  EXPECT_THAT(watched.paths, ElementsAre(kFirstList, watch_from(10), list_from(11), list_from(11)));
  EXPECT_EQ(watched.stats.lists, 1U);
  EXPECT_EQ(watched.stats.failures, 2U);
  EXPECT_EQ(watched.stats.last_error, "again");
  EXPECT_THAT(watched.pauses, ElementsAre(milliseconds(800), milliseconds(1600)));
}

TEST(NamespaceWatcher, PausesDoubleUpToTenSecondsAndMoreByChance) {
  for (const double chance : {0.0, 0.5}) {
    const Watched watched(
        [](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
          if (n <= 8) return FakeTransport::broken();
          return std::nullopt;
        },
        chance);
    std::vector<milliseconds> wanted;
    for (const int pause : {800, 1600, 3200, 6400, 10000, 10000, 10000, 10000})
      wanted.emplace_back(static_cast<int>(pause * (1 + chance)));
    EXPECT_EQ(watched.pauses, wanted);
    EXPECT_FALSE(watched.synced);
    EXPECT_THAT(watched.log, ElementsAre());
    EXPECT_FALSE(watched.stats.last_contact.has_value());
  }
}

TEST(NamespaceWatcher, AnEventMakesThePauseSmallAgain) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n <= 3) return FakeTransport::broken();
        if (n == 4) return ok(list(10, {}));
        if (n == 5) return FakeTransport::broken();
        if (n == 6) return ok(list(10, {}));
        if (n > 7) return std::nullopt;
        take(bookmark(11));
        return FakeTransport::broken();
      });
  EXPECT_THAT(watched.pauses, ElementsAre(milliseconds(800), milliseconds(1600), milliseconds(3200),
                                          milliseconds(6400), milliseconds(800)));
}

TEST(NamespaceWatcher, AWatchThatStoodForAWhileMakesThePauseSmallAgain) {
  for (const bool stood : {true, false}) {
    Watched* self = nullptr;
    const Watched watched(
        [&](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
          if (n > 6) return std::nullopt;
          if (n % 2 == 1) return ok(list(10, {}));
          if (n == 6) {
            take("");
            if (stood) self->advance(seconds(1));
          }
          return FakeTransport::broken();
        },
        0, &self);
    EXPECT_THAT(watched.pauses, ElementsAre(milliseconds(800), milliseconds(1600),
                                            milliseconds(stood ? 800 : 3200)));
    EXPECT_EQ(watched.stats.last_error, "the connection broke");
  }
}

TEST(NamespaceWatcher, AWatchThatStandsIsAContact) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n == 1 || n == 3) return ok(list(10, {}));
        if (n == 2) return FakeTransport::broken();
        take("");
        return std::nullopt;
      });
  EXPECT_EQ(watched.stats.failures, 1U);
  EXPECT_EQ(watched.stats.last_error, "");
}

TEST(NamespaceWatcher, WatchesThatEndAtOnceWithNothingSaidAreSlowedDown) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {}));
        if (n <= 4) return ok("");
        return std::nullopt;
      });
  EXPECT_THAT(watched.pauses,
              ElementsAre(milliseconds(800), milliseconds(1600), milliseconds(3200)));
}

TEST(NamespaceWatcher, HistoryThatIsGoneIsListedAnewAtOnceButNotOverAndOver) {
  for (const bool as_event : {false, true}) {
    const Watched watched(
        [&](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
          if (n % 2 == 1 && n < 7) return ok(list(static_cast<int>(10 * n), {}));
          if (n > 6) return std::nullopt;
          if (!as_event) return Response{410, status(410, "Expired"), {}};
          EXPECT_FALSE(take(event("ERROR", status(410, "Expired"))));
          return ok("");
        });
    EXPECT_THAT(watched.paths,
                ElementsAre(kFirstList, watch_from(10), "/api/v1/namespaces?resourceVersion=10",
                            watch_from(30), "/api/v1/namespaces?resourceVersion=30", watch_from(50),
                            "/api/v1/namespaces?resourceVersion=50"));
    EXPECT_THAT(watched.pauses, ElementsAre(milliseconds(1600), milliseconds(3200)));
    EXPECT_THAT(watched.stats.last_error, HasSubstr("410 Expired: words"));
  }
}

TEST(NamespaceWatcher, AVersionThatTheServerCannotListIsReadFromEtcd) {
  for (const auto& answer :
       {Response{410, status(410, "Expired"), {}},
        Response{504, status(504, "Timeout", "Too large resource version: 10, current: 5"), {}}}) {
    const Watched watched(
        [&](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
          if (n == 1) return ok(list(10, {}));
          if (n == 2) return Response{410, status(410, "Gone"), {}};
          if (n == 3) return answer;
          if (n == 4) return ok(list(5, {object("a", 4, "1")}));
          return std::nullopt;
        });
    EXPECT_THAT(watched.paths,
                ElementsAre(kFirstList, watch_from(10), "/api/v1/namespaces?resourceVersion=10",
                            "/api/v1/namespaces?limit=500", watch_from(5)));
    EXPECT_THAT(watched.log, ElementsAre("all", "all a=l:1"));
    EXPECT_THAT(watched.pauses, ElementsAre());
  }
}

TEST(NamespaceWatcher, KeepsToRetryAfter) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n == 1) return Response{429, status(429, "TooManyRequests"), seconds(7)};
        if (n == 2) return ok(list(10, {}));
        if (n == 3) return Response{503, "", seconds(9)};
        if (n == 4) return Response{503, "", seconds(100000)};
        if (n == 5) {
          take(event("ERROR", status(429, "TooManyRequests")));
          return ok("");
        }
        return std::nullopt;
      });
  EXPECT_THAT(watched.pauses,
              ElementsAre(seconds(7), seconds(9), seconds(120), milliseconds(6400)));
  EXPECT_THAT(watched.paths, ElementsAre(kFirstList, kFirstList, watch_from(10), watch_from(10),
                                         watch_from(10), watch_from(10)));
}

TEST(NamespaceWatcher, ARefusedWatchIsListedAnewAfterAPause) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {}));
        if (n == 2) return Response{403, status(403, "Forbidden"), {}};
        return std::nullopt;
      });
  EXPECT_THAT(watched.paths,
              ElementsAre(kFirstList, watch_from(10), "/api/v1/namespaces?resourceVersion=10"));
  EXPECT_THAT(watched.stats.last_error, HasSubstr("allow it with a role: watch namespaces"));
  EXPECT_THAT(watched.pauses, ElementsAre(milliseconds(800)));
}

TEST(NamespaceWatcher, WhatIsNoEventBreaksTheWatch) {
  for (const char* const line :
       {"{", "[]", "null", R"({"type":"ADDED"})", R"({"type":"OTHER","object":{}})",
        R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"11"}}})",
        R"({"type":7,"object":7})"}) {
    const Watched watched(
        [&](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
          if (n == 1) return ok(list(10, {}));
          if (n > 2) return std::nullopt;
          EXPECT_FALSE(take(std::string(line) + "\n" + bookmark(20)));
          return ok("");
        });
    EXPECT_EQ(watched.paths.back(), list_from(10)) << line;
    EXPECT_EQ(watched.stats.failures, 1U) << line;
    EXPECT_THAT(watched.log, ElementsAre("all")) << line;
  }
}

TEST(NamespaceWatcher, AnEventWithoutEndIsGivenUp) {
  const Watched watched(
      [](std::size_t n, const Request&, const auto& take) -> std::optional<Result<Response>> {
        if (n == 1) return ok(list(10, {}));
        if (n > 2) return std::nullopt;
        const std::string part(1024 * 1024, ' ');
        std::size_t taken = 0;
        while (take(part)) taken += part.size();
        EXPECT_EQ(taken, NamespaceWatcher::kMaxLine);
        return ok("");
      });
  EXPECT_EQ(watched.paths.back(), "/api/v1/namespaces?resourceVersion=10");
  EXPECT_THAT(watched.stats.last_error, HasSubstr("an event is larger than"));
}

TEST(NamespaceWatcher, WhatIsNoListIsNotTaken) {
  for (const char* const body :
       {"", "<html>", "[]", "{}", R"({"metadata":{"resourceVersion":"1"},"items":{}})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{}}]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[7]})"}) {
    const Watched watched(
        [&](std::size_t n, const Request&, const auto&) -> std::optional<Result<Response>> {
          if (n == 1) return ok(body);
          return std::nullopt;
        });
    EXPECT_THAT(watched.log, ElementsAre()) << body;
    EXPECT_FALSE(watched.synced) << body;
    EXPECT_THAT(watched.paths, ElementsAre(kFirstList, kFirstList)) << body;
  }
}

TEST(NamespaceWatcher, EndsAHungListAndAPauseAtOnce) {
  for (const bool hangs : {true, false}) {
    std::promise<void> reached;
    FakeTransport transport([&](std::size_t, const Request&, const std::stop_token& stop,
                                const auto&) -> Result<Response> {
      if (hangs) {
        reached.set_value();
        return FakeTransport::hang(stop);
      }
      return FakeTransport::broken();
    });
    WatchTiming timing;
    if (!hangs)
      timing.random = [&] {
        reached.set_value();
        return 0.99;
      };
    // With the real pause; the test's own time limit is what fails if it is not cut short.
    NamespaceCallbacks callbacks{[](const LabelsByNamespace&) {},
                                 [](const std::string&, const std::shared_ptr<const Labels>&) {}};
    const NamespaceWatcher watcher(transport, callbacks, timing);
    reached.get_future().wait();
  }
}

}  // namespace
}  // namespace plimsoll::kube
