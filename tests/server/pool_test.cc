#include "server/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "server/running.h"

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
using testing::Door;
using testing::eventually;

TEST(ElasticPool, RunsWhatItIsGiven) {
  std::atomic<int> done{0};
  ElasticPool pool(4);
  for (int i = 0; i < 1000; ++i)
    while (!pool.enqueue([&] { ++done; })) std::this_thread::yield();
  pool.shutdown();
  EXPECT_EQ(done, 1000);
}

TEST(ElasticPool, RefusesBeyondItsBound) {
  Door door;
  ElasticPool pool(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.enqueue([&] { door.enter(); }));
  door.wait_for(3);
  EXPECT_FALSE(pool.enqueue([] {}));
  door.open();
  std::atomic<bool> ran{false};
  EXPECT_TRUE(eventually([&] { return pool.enqueue([&] { ran = true; }); }));
  pool.shutdown();
  EXPECT_TRUE(ran);
}

// What is taken must have a thread of its own: it may not wait behind work that does not end.
TEST(ElasticPool, NothingWaitsBehindOtherWork) {
  Door door;
  ElasticPool pool(64);
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(pool.enqueue([&] { door.enter(); })) << i;
  door.wait_for(64);  // would not come back
  door.open();
}

TEST(ElasticPool, NothingWaitsBehindOtherWorkOnceThreadsLinger) {
  ElasticPool pool(8, std::chrono::hours(1));
  for (int round = 0; round < 50; ++round) {
    const auto door = std::make_shared<Door>();
    for (int i = 0; i < 8; ++i)
      ASSERT_TRUE(eventually([&] { return pool.enqueue([door] { door->enter(); }); }));
    door->wait_for(8);
    door->open();
  }
}

TEST(ElasticPool, UsesALingeringThreadAgain) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  ElasticPool pool(1, std::chrono::hours(1));
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> done{false};
    ASSERT_TRUE(eventually([&] {
      return pool.enqueue([&] {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        done = true;
      });
    }));
    ASSERT_TRUE(eventually([&] { return done.load(); }));
  }
  pool.shutdown();
  EXPECT_EQ(threads.size(), 1U);
}

TEST(ElasticPool, GoesOnAfterItsThreadsHaveGone) {
  ElasticPool pool(2, milliseconds(0));
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> done{false};
    ASSERT_TRUE(eventually([&] { return pool.enqueue([&] { done = true; }); }));
    ASSERT_TRUE(eventually([&] { return done.load(); }));
  }
}

TEST(ElasticPool, ShutdownWaitsForWorkAndTakesNoMore) {
  std::atomic<int> done{0};
  ElasticPool pool(8);
  for (int i = 0; i < 8; ++i)
    ASSERT_TRUE(pool.enqueue([&] {
      std::this_thread::yield();
      ++done;
    }));
  pool.shutdown();
  EXPECT_EQ(done, 8);
  EXPECT_FALSE(pool.enqueue([&] { ++done; }));
  pool.shutdown();  // again
  EXPECT_EQ(done, 8);
}

TEST(ElasticPool, MayNeverBeUsed) {
  const ElasticPool pool(1);
  ElasticPool ended(1);
  ended.shutdown();
}

TEST(ElasticPool, ShutsDownWhileThreadsLeave) {
  for (int i = 0; i < 300; ++i) {
    ElasticPool pool(4, milliseconds(0));
    for (int k = 0; k < 4; ++k) pool.enqueue([] {});
  }
}

}  // namespace
}  // namespace plimsoll::server
