#include "kube/namespace_fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include "kube/fake_transport.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::FakeTransport;
using ::testing::HasSubstr;

steady_clock::time_point in(milliseconds time) { return steady_clock::now() + time; }
constexpr seconds kForever{60};

std::string object(const std::string& name) {
  return R"({"metadata":{"name":")" + name + R"(","labels":{"of":")" + name + R"("}}})";
}
std::string name_of(const Request& request) {
  return request.path.substr(request.path.rfind('/') + 1);
}

/// An answer to come.
class Awaited {
 public:
  NamespaceFetcher::Done done() {
    return [this](const NamespaceFetcher::Answer& answer) {
      ++calls;
      promise_.set_value(answer);  // throws when it is called twice
    };
  }
  std::string text() {
    const auto answer = promise_.get_future().get();
    if (!answer) return answer.error().to_string();
    return *answer == nullptr ? "none" : (*answer)->at("of");
  }
  std::atomic<int> calls = 0;

 private:
  std::promise<NamespaceFetcher::Answer> promise_;
};

/// Where requests stand until the test lets them go on, or they are stopped.
class Gate {
 public:
  bool pass(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    const bool passed = changed_.wait(lock, stop, [&] { return open_; });
    --inside_;
    ++left_;
    changed_.notify_all();
    return passed;
  }
  void wait_for(int inside, int left = 0) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= inside && left_ >= left; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int inside_ = 0, left_ = 0;
  bool open_ = false;
};

FakeTransport::Script behind(Gate& gate) {
  return [&gate](std::size_t, const Request& request, const std::stop_token& stop,
                 const auto&) -> Result<Response> {
    if (!gate.pass(stop)) return FakeTransport::broken("stopped");
    return Response{200, object(name_of(request)), {}};
  };
}

TEST(NamespaceFetcher, AnswersWithTheLabelsTheAbsenceOrTheError) {
  FakeTransport transport([](std::size_t, const Request& request, const std::stop_token&,
                             const auto&) -> Result<Response> {
    const std::string name = name_of(request);
    if (name == "none") return Response{404, "", {}};
    if (name == "secret") return Response{403, "", {}};
    if (name == "broken") return FakeTransport::broken();
    if (name == "html") return Response{200, "<html>", {}};
    if (name == "other") return Response{200, object("another"), {}};
    return Response{200, object(name), {}};
  });
  NamespaceFetcher fetcher(transport, 2);
  const auto ask = [&](const std::string& name) {
    Awaited awaited;
    fetcher.fetch(name, in(kForever), awaited.done());
    return awaited.text();
  };
  EXPECT_EQ(ask("web"), "web");
  EXPECT_EQ(transport.paths().back(), "/api/v1/namespaces/web");
  EXPECT_EQ(ask("none"), "none");
  EXPECT_THAT(ask("secret"), HasSubstr("allow it with a role: get namespaces named secret"));
  EXPECT_EQ(ask("broken"), "the connection broke");
  EXPECT_THAT(ask("html"), HasSubstr("not JSON"));
  EXPECT_THAT(ask("other"), HasSubstr("answers with \"another\""));
  EXPECT_THAT(ask("../pods"), HasSubstr("namespace ../pods"));
  EXPECT_EQ(transport.paths().back(), "/api/v1/namespaces/..%2Fpods");
  // What was asked for is not kept.
  EXPECT_EQ(ask("web"), "web");
  EXPECT_EQ(transport.requests().size(), 8U);
}

TEST(NamespaceFetcher, CallsForTheSameNamespaceShareARequest) {
  Gate gate;
  FakeTransport transport(behind(gate));
  NamespaceFetcher fetcher(transport, 2);
  std::vector<Awaited> all(50);
  fetcher.fetch("web", in(kForever), all[0].done());
  gate.wait_for(1);
  for (std::size_t i = 1; i < all.size(); ++i) fetcher.fetch("web", in(kForever), all[i].done());
  gate.open();
  for (Awaited& one : all) EXPECT_EQ(one.text(), "web");
  EXPECT_EQ(transport.requests().size(), 1U);
}

TEST(NamespaceFetcher, AHungRequestIsGivenUpAtTheDeadline) {
  Gate gate;
  FakeTransport transport(behind(gate));
  NamespaceFetcher fetcher(transport, 1);
  Awaited early, late, other;
  fetcher.fetch("web", in(milliseconds(20)), early.done());
  fetcher.fetch("web", in(kForever), late.done());
  EXPECT_THAT(early.text(), HasSubstr("namespace web: the API server has not answered in time"));
  EXPECT_EQ(late.calls, 0);
  // One thread only, and it is held up: the other one waits for its turn in vain.
  fetcher.fetch("other", in(milliseconds(20)), other.done());
  EXPECT_THAT(other.text(), HasSubstr("not answered in time"));
  EXPECT_EQ(transport.requests().size(), 1U);
  gate.open();
  EXPECT_EQ(late.text(), "web");
}

TEST(NamespaceFetcher, ARequestThatNobodyWaitsForMakesRoom) {
  Gate gate;
  FakeTransport transport([&](std::size_t number, const Request& request,
                              const std::stop_token& stop, const auto&) -> Result<Response> {
    if (number == 1) {
      gate.pass(stop);
      return FakeTransport::broken("stopped");
    }
    return Response{200, object(name_of(request)), {}};
  });
  NamespaceFetcher fetcher(transport, 1);
  Awaited gone, next, again;
  fetcher.fetch("web", in(milliseconds(20)), gone.done());
  EXPECT_THAT(gone.text(), HasSubstr("not answered in time"));
  gate.wait_for(0, 1);
  fetcher.fetch("other", in(kForever), next.done());
  fetcher.fetch("web", in(kForever), again.done());
  EXPECT_EQ(next.text(), "other");
  EXPECT_EQ(again.text(), "web");
}

TEST(NamespaceFetcher, ADeadlineThatIsOverIsAnsweredAtOnce) {
  FakeTransport transport([](std::size_t, const Request&, const std::stop_token&,
                             const auto&) -> Result<Response> { return Response{404, "", {}}; });
  NamespaceFetcher fetcher(transport, 1);
  Awaited awaited;
  fetcher.fetch("web", steady_clock::now(), awaited.done());
  EXPECT_EQ(awaited.calls, 1);
  EXPECT_THAT(awaited.text(), HasSubstr("not answered in time"));
}

TEST(NamespaceFetcher, TooManyWaitingNamesAreAnsweredAtOnce) {
  Gate gate;
  FakeTransport transport(behind(gate));
  NamespaceFetcher fetcher(transport, 1, 2);
  Awaited sent, first, second, third, joined;
  fetcher.fetch("0", in(kForever), sent.done());
  gate.wait_for(1);
  fetcher.fetch("1", in(kForever), first.done());
  fetcher.fetch("2", in(kForever), second.done());
  fetcher.fetch("3", in(kForever), third.done());
  EXPECT_EQ(third.calls, 1);
  EXPECT_THAT(third.text(), HasSubstr("namespace 3: 2 others are waited for already"));
  fetcher.fetch("2", in(kForever), joined.done());
  gate.open();
  EXPECT_EQ(sent.text() + first.text() + second.text() + joined.text(), "0122");
}

TEST(NamespaceFetcher, TheEndAnswersAll) {
  Gate gate;
  FakeTransport transport(behind(gate));
  std::vector<Awaited> all(6);
  {
    NamespaceFetcher fetcher(transport, 2);
    for (std::size_t i = 0; i < all.size(); ++i)
      fetcher.fetch(std::to_string(i % 5), in(kForever), all[i].done());
    gate.wait_for(2);
  }
  for (Awaited& one : all) {
    EXPECT_EQ(one.calls, 1);
    EXPECT_THAT(one.text(), HasSubstr("the server is ending"));
  }
}

TEST(NamespaceFetcher, ManyThreadsEachGetTheirOwnAnswer) {
  FakeTransport transport(
      [](std::size_t, const Request& request, const std::stop_token&,
         const auto&) -> Result<Response> { return Response{200, object(name_of(request)), {}}; });
  NamespaceFetcher fetcher(transport, 3);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string name = std::to_string((i + t) % 7);
        Awaited awaited;
        fetcher.fetch(name, in(kForever), awaited.done());
        if (awaited.text() != name) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace plimsoll::kube
