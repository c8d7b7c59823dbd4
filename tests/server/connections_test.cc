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
  [[nodiscard]] bool ended() const {
    char byte = 0;
    return recv(ends_[1], &byte, 1, MSG_DONTWAIT) == 0;
  }

 private:
  int ends_[2]{};
};

TEST(Connections, HasSoManyPlaces) {
  const Pair sockets[3];
  Connections connections(2);
  auto* const first = connections.acquire(sockets[0].own());
  auto* const second = connections.acquire(sockets[1].own());
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_NE(first, second);
  EXPECT_EQ(connections.acquire(sockets[2].own()), nullptr);
  EXPECT_EQ(connections.count(), 2U);
  connections.release(first);
  EXPECT_EQ(connections.count(), 1U);
  EXPECT_EQ(connections.acquire(sockets[2].own()), first);
  connections.release(first);
  connections.release(second);
  EXPECT_EQ(connections.count(), 0U);
}

TEST(Connections, EndsTheLongestIdle) {
  const Pair sockets[3];
  Connections connections(3);
  Connections::Slot* slots[3];
  for (int i = 0; i < 3; ++i) slots[i] = connections.acquire(sockets[i].own());
  EXPECT_FALSE(connections.end_longest_idle());  // a connection begins busy
  for (const int i : {1, 2, 0}) {
    slots[i]->idle();
    std::this_thread::sleep_for(std::chrono::microseconds(1));
  }
  EXPECT_TRUE(slots[1]->busy());
  slots[1]->idle();  // now the youngest
  for (const int i : {2, 0, 1}) {
    EXPECT_TRUE(connections.end_longest_idle());
    EXPECT_TRUE(sockets[i].ended()) << i;
    EXPECT_FALSE(slots[i]->busy());
  }
  EXPECT_FALSE(connections.end_longest_idle());
  EXPECT_EQ(connections.count(), 3U);  // until their threads release them
  for (auto* slot : slots) connections.release(slot);
}

TEST(Connections, EndIdleLeavesTheBusy) {
  const Pair sockets[2];
  Connections connections(2);
  auto* const idle = connections.acquire(sockets[0].own());
  auto* const busy = connections.acquire(sockets[1].own());
  idle->idle();
  busy->idle();
  ASSERT_TRUE(busy->busy());
  connections.end_idle();
  EXPECT_TRUE(sockets[0].ended());
  EXPECT_FALSE(sockets[1].ended());
  EXPECT_FALSE(idle->busy());
  busy->idle();
  EXPECT_TRUE(busy->busy());
  connections.release(idle);
  connections.release(busy);
}

TEST(Connections, EndAllEndsTheBusyToo) {
  const Pair sockets[2];
  Connections connections(3);
  auto* const idle = connections.acquire(sockets[0].own());
  auto* const busy = connections.acquire(sockets[1].own());
  idle->idle();
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
  Connections connections(1);
  auto* slot = connections.acquire(before.own());
  slot->idle();
  ASSERT_TRUE(connections.end_longest_idle());
  EXPECT_EQ(connections.acquire(after.own()), nullptr);
  connections.release(slot);
  slot = connections.acquire(after.own());
  ASSERT_NE(slot, nullptr);
  slot->idle();
  EXPECT_TRUE(slot->busy());
  EXPECT_FALSE(after.ended());
  connections.release(slot);
}

TEST(Connections, EndsNothingWhenThereIsNothing) {
  Connections connections(4);
  EXPECT_FALSE(connections.end_longest_idle());
  connections.end_idle();
  connections.end_all();
  EXPECT_EQ(connections.count(), 0U);
}

// Each thread opens, uses and closes sockets while another ends connections: no socket is ended
// that is not its slot's any more. A descriptor's number is used again at once, so that one ended
// too late is another's.
TEST(Connections, EndsOnlyWhatIsThere) {
  constexpr int kThreads = 4, kRounds = 3000;
  Connections connections(kThreads + 1);
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
          slot->idle();
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
      connections.end_longest_idle();
      connections.end_idle();
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
  Connections connections(kThreads);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const Pair sockets;
        auto* const slot = connections.acquire(sockets.own());
        if (slot == nullptr) continue;
        slot->idle();
        slot->busy();
        slot->idle();
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
