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

}  // namespace
}  // namespace plimsoll::app
