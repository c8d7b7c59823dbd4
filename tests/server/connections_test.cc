#include "server/connections.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "server/client.h"

namespace plimsoll::server {
namespace {

/// A connected socket, and the peer that sees whether it was ended.
class Pair {
 public:
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0); }
  ~Pair() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  [[nodiscard]] int own() const { return ends_[0]; }
  [[nodiscard]] int peer() const { return ends_[1]; }
  /// Its own end reads the end of the input.
  [[nodiscard]] bool ended() const {
    char byte = 0;
    return recv(ends_[0], &byte, 1, MSG_DONTWAIT) == 0;
  }

 private:
  int ends_[2]{};
};

constexpr std::size_t kBytes = 1000;

TEST(Connections, HasSoManyPlaces) {
  const Pair sockets[3];
  Connections connections(2, kBytes);
  auto* const first = connections.acquire(sockets[0].own());
  auto* const second = connections.acquire(sockets[1].own());
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_NE(first, second);
  EXPECT_TRUE(first->busy());
  EXPECT_TRUE(second->busy());
  EXPECT_EQ(connections.acquire(sockets[2].own()), nullptr);
  EXPECT_EQ(connections.count(), 2U);
  connections.release(first);
  EXPECT_EQ(connections.count(), 1U);
  EXPECT_EQ(connections.acquire(sockets[2].own()), first);
  connections.release(first);
  connections.release(second);
  EXPECT_EQ(connections.count(), 0U);
  EXPECT_EQ(connections.evicted(), 0U);
}

// Whoever only connects must not take the place of those who have made requests.
TEST(Connections, MakeRoomFirstByThoseWithoutARequest) {
  const Pair sockets[5];
  Connections connections(3, kBytes);
  auto* const client = connections.acquire(sockets[0].own());
  client->busy();
  client->idle();
  auto* const early = connections.acquire(sockets[1].own());
  std::this_thread::sleep_for(std::chrono::microseconds(1));
  auto* const late = connections.acquire(sockets[2].own());
  Connections::Slot* newcomer = nullptr;
  EXPECT_EQ(connections.acquire(sockets[3].own()), nullptr) << "they have only just come";
  ASSERT_TRUE(testing::eventually(
      [&] { return (newcomer = connections.acquire(sockets[3].own())) != nullptr; }));
  EXPECT_TRUE(sockets[1].ended()) << "the one that connected first";
  EXPECT_FALSE(early->busy());
  Connections::Slot* next = nullptr;
  ASSERT_TRUE(testing::eventually(
      [&] { return (next = connections.acquire(sockets[4].own())) != nullptr; }));
  EXPECT_TRUE(sockets[2].ended());
  EXPECT_FALSE(sockets[0].ended());
  EXPECT_TRUE(client->busy());
  EXPECT_EQ(connections.evicted(), 2U);
  for (auto* slot : {client, early, late, newcomer, next}) connections.release(slot);
  EXPECT_EQ(connections.count(), 0U);
}

// A request that has begun to arrive goes on for as long as idle connections can go instead.
TEST(Connections, MakeRoomByTheIdleBeforeAFirstRequestThatIsArriving) {
  const Pair sockets[4];
  Connections connections(2, kBytes);
  auto* const sending = connections.acquire(sockets[0].own());
  sending->arriving();
  auto* const idle = connections.acquire(sockets[1].own());
  idle->busy();
  idle->idle();
  Connections::Slot *third = nullptr, *fourth = nullptr;
  ASSERT_TRUE(testing::eventually(
      [&] { return (third = connections.acquire(sockets[2].own())) != nullptr; }));
  EXPECT_TRUE(sockets[1].ended());
  EXPECT_FALSE(sockets[0].ended());
  connections.end_waiting();
  EXPECT_TRUE(sockets[2].ended());
  EXPECT_FALSE(sockets[0].ended()) << "a drain waits for it";
  connections.release(idle);
  connections.release(third);
  third = connections.acquire(sockets[2].own());
  third->busy();
  ASSERT_TRUE(testing::eventually(
      [&] { return (fourth = connections.acquire(sockets[3].own())) != nullptr; }));
  EXPECT_TRUE(sockets[0].ended()) << "there is no other";
  for (auto* slot : {sending, third, fourth}) connections.release(slot);
}

TEST(Connections, LeaveThoseInUseAndThenEndTheLongestIdle) {
  const Pair sockets[4];
  Connections connections(2, kBytes);
  auto* const first = connections.acquire(sockets[0].own());
  auto* const second = connections.acquire(sockets[1].own());
  for (auto* slot : {second, first}) {
    slot->busy();
    slot->idle();
  }
  EXPECT_EQ(connections.acquire(sockets[2].own()), nullptr) << "their next requests may be coming";
  Connections::Slot* third = nullptr;
  EXPECT_TRUE(testing::eventually(
      [&] { return (third = connections.acquire(sockets[2].own())) != nullptr; }));
  EXPECT_TRUE(sockets[1].ended());
  EXPECT_FALSE(sockets[0].ended());
  for (auto* slot : {first, second, third}) connections.release(slot);
}

TEST(Connections, EndIdleLeavesTheBusyAndTheNew) {
  const Pair sockets[3];
  Connections connections(3, kBytes);
  auto* const idle = connections.acquire(sockets[0].own());
  auto* const busy = connections.acquire(sockets[1].own());
  auto* const fresh = connections.acquire(sockets[2].own());
  for (auto* slot : {idle, busy}) {
    slot->busy();
    slot->idle();
  }
  ASSERT_TRUE(busy->busy());
  connections.end_idle();
  EXPECT_TRUE(sockets[0].ended());
  EXPECT_FALSE(sockets[1].ended());
  EXPECT_FALSE(sockets[2].ended());
  EXPECT_FALSE(idle->busy());
  connections.end_waiting();
  EXPECT_TRUE(sockets[2].ended());
  EXPECT_FALSE(sockets[1].ended());
  busy->idle();
  EXPECT_TRUE(busy->busy());
  for (auto* slot : {idle, busy, fresh}) connections.release(slot);
}

// A request may cross with the end of its connection: it is answered all the same.
TEST(Connections, WhatAnEndedOneHasReceivedCanStillBeReadAndAnswered) {
  Pair sockets;
  Connections connections(1, kBytes);
  auto* const slot = connections.acquire(sockets.own());
  ASSERT_EQ(send(sockets.peer(), "ask", 3, 0), 3);
  connections.end_waiting();
  char buffer[8]{};
  EXPECT_EQ(recv(sockets.own(), buffer, sizeof buffer, 0), 3);
  EXPECT_EQ(send(sockets.own(), "answer", 6, MSG_NOSIGNAL), 6);
  EXPECT_EQ(recv(sockets.peer(), buffer, sizeof buffer, 0), 6);
  EXPECT_FALSE(slot->busy()) << "and it is the last";
  connections.release(slot);
}

TEST(Connections, EndAllEndsTheBusyToo) {
  const Pair sockets[2];
  Connections connections(3, kBytes);
  auto* const idle = connections.acquire(sockets[0].own());
  auto* const busy = connections.acquire(sockets[1].own());
  idle->busy();
  idle->idle();
  busy->busy();
  connections.end_all();
  EXPECT_TRUE(sockets[0].ended());
  EXPECT_TRUE(sockets[1].ended());
  busy->idle();  // its thread does not know yet
  EXPECT_FALSE(busy->busy());
  connections.end_all();
  connections.release(idle);
  connections.release(busy);
  EXPECT_EQ(connections.count(), 0U);
}

TEST(Connections, AnEndedPlaceIsNewForTheNext) {
  const Pair before, after;
  Connections connections(1, kBytes);
  auto* slot = connections.acquire(before.own());
  connections.end_waiting();
  connections.release(slot);
  slot = connections.acquire(after.own());
  ASSERT_NE(slot, nullptr);
  EXPECT_FALSE(slot->proven());
  EXPECT_TRUE(slot->busy());
  EXPECT_FALSE(after.ended());
  connections.release(slot);
}

TEST(Connections, EndsNothingWhenThereIsNothing) {
  Connections connections(4, kBytes);
  connections.end_idle();
  connections.end_waiting();
  connections.end_all();
  EXPECT_EQ(connections.count(), 0U);
}

TEST(Connections, BufferSoManyBytesTogether) {
  Connections connections(1, 10);
  EXPECT_TRUE(connections.buffer(6));
  EXPECT_TRUE(connections.buffer(4));
  EXPECT_FALSE(connections.buffer(1));
  EXPECT_TRUE(connections.buffer(-5));
  EXPECT_TRUE(connections.buffer(4));
}

// Each thread opens, uses and closes sockets while another ends connections: no socket is ended
// that is not its slot's any more. A descriptor's number is used again at once, so that one ended
// too late is another's.
TEST(Connections, EndsOnlyWhatIsThere) {
  constexpr int kThreads = 4, kRounds = 3000;
  Connections connections(kThreads + 1, kBytes);
  std::atomic<bool> stop{false};
  std::atomic<int> ended{0}, wrong{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        {
          // Not in a slot: nobody may end it.
          const Pair stranger;
          if (stranger.ended()) ++wrong;
        }
        const Pair sockets;
        auto* const slot = connections.acquire(sockets.own());
        if (slot == nullptr) {
          ++wrong;
          continue;
        }
        for (int request = 0; request < 3; ++request) {
          if (request > 0) slot->idle();
          if (!slot->busy()) {
            ++ended;
            // It was ended in the time in which it could be.
            if (!testing::eventually([&] { return sockets.ended(); })) ++wrong;
            break;
          }
          if (sockets.ended()) ++wrong;  // a busy one is never ended
        }
        connections.release(slot);
        if (connections.count() > kThreads) ++wrong;
      }
    });
  std::thread ender([&] {
    while (!stop) {
      connections.end_idle();
      connections.end_waiting();
    }
  });
  for (auto& thread : threads) thread.join();
  stop = true;
  ender.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(connections.count(), 0U);
  RecordProperty("ended", ended);
}

TEST(Connections, EndAllDuringUse) {
  constexpr int kThreads = 4, kRounds = 2000;
  Connections connections(kThreads, kBytes);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const Pair sockets;
        auto* const slot = connections.acquire(sockets.own());
        if (slot == nullptr) continue;
        slot->busy();
        slot->idle();
        slot->busy();
        connections.release(slot);
      }
    });
  std::thread ender([&] {
    while (!stop) connections.end_all();
  });
  for (auto& thread : threads) thread.join();
  stop = true;
  ender.join();
  EXPECT_EQ(connections.count(), 0U);
}

}  // namespace
}  // namespace plimsoll::server
