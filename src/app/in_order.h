// Work on all cores whose results are taken in order.
//
// Thread-safety: `work` is called from several threads at once, `take` from the caller's alone.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace plimsoll::app {

/// Calls `take(i, work(i))` for each i below `count`, in their order. A result waits until those
/// before it are taken; no more than a few for each core ever do, so that memory stays flat.
template <class Work, class Take>
void in_order(std::size_t count, Work work, Take take) {
  using Made = decltype(work(std::size_t{}));
  const std::size_t threads = std::min<std::size_t>(std::thread::hardware_concurrency(), count);
  if (threads <= 1) {
    for (std::size_t i = 0; i < count; ++i) take(i, work(i));
    return;
  }
  constexpr std::size_t kAhead = 16;
  std::mutex mutex;
  std::condition_variable made, taken;
  std::map<std::size_t, Made> waiting;
  std::size_t next = 0, done = 0;  // the next to be worked on; those that are taken
  const auto worker = [&] {
    std::unique_lock lock(mutex);
    for (;;) {
      taken.wait(lock, [&] { return next == count || next < done + kAhead * threads; });
      if (next == count) return;
      const std::size_t i = next++;
      lock.unlock();
      Made result = work(i);
      lock.lock();
      waiting.emplace(i, std::move(result));
      if (i == done) made.notify_one();
    }
  };
  std::vector<std::jthread> workers;
  for (std::size_t i = 0; i < threads; ++i) workers.emplace_back(worker);
  std::unique_lock lock(mutex);
  while (done < count) {
    made.wait(lock, [&] { return waiting.contains(done); });
    auto node = waiting.extract(done);
    lock.unlock();
    take(node.key(), std::move(node.mapped()));
    lock.lock();
    ++done;
    taken.notify_all();
  }
}

}  // namespace plimsoll::app
