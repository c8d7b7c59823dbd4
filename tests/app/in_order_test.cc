#include "app/in_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

namespace plimsoll::app {
namespace {

TEST(InOrder, TakesEachOnceInOrder) {
  for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
    std::size_t next = 0;
    in_order(
        count, [](std::size_t i) { return std::make_unique<std::size_t>(i * i); },
        [&](std::size_t i, std::unique_ptr<std::size_t> made) {
          EXPECT_EQ(i, next++);
          EXPECT_EQ(*made, i * i);
        });
    EXPECT_EQ(next, count);
  }
}

// Memory stays flat: work does not run away from what takes its results.
TEST(InOrder, StaysCloseToWhatIsTaken) {
  std::atomic<std::size_t> begun{0};
  std::size_t taken = 0, most = 0;
  in_order(
      5000,
      [&](std::size_t i) {
        ++begun;
        return i;
      },
      [&](std::size_t, std::size_t) {
        most = std::max(most, begun.load() - taken);
        ++taken;
      });
  EXPECT_EQ(taken, 5000U);
  EXPECT_LE(most, 16 * std::max(1U, std::thread::hardware_concurrency()) + 1);
}

TEST(InOrderFrom, TakesWhatASourceGivesInItsOrder) {
  for (const std::size_t threads : {0, 1, 2, 7})
    for (const int count : {0, 1, 500}) {
      int given = 0;
      std::atomic<int> at_once = 0, most = 0;
      std::vector<int> taken;
      in_order_from([&] { return given < count ? std::optional(given++) : std::nullopt; },
                    [&](int i) {
                      // Those that were begun and are not taken yet wait somewhere.
                      const int now = ++at_once;
                      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);)
                        continue;
                      return i * i;
                    },
                    [&](int square) {
                      --at_once;
                      taken.push_back(square);
                    },
                    threads, 3);
      ASSERT_EQ(taken.size(), static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) EXPECT_EQ(taken[static_cast<std::size_t>(i)], i * i);
      EXPECT_LE(most, static_cast<int>(std::max<std::size_t>(threads, 1) * 3 + 1));
    }
}

}  // namespace
}  // namespace plimsoll::app
