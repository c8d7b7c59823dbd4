// Work on all cores whose results are taken in order.
//
// Thread-safety: `work` is called from several threads at once, `next` by one at a time, `take`
// from the caller's alone.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace plimsoll::app {

/// Calls `take(work(item))` for each item that `next` gives, in their order, until it gives an
/// empty optional. A result waits until those before it are taken; no more than `ahead` for each
/// thread ever do, so that memory stays flat. `threads`: 0 or 1: the caller's alone.
template <class Next, class Work, class Take>
void in_order_from(Next next, Work work, Take take, std::size_t threads, std::size_t ahead) {
  using Made = decltype(work(*next()));
  if (threads <= 1) {
    while (auto item = next()) take(work(*std::move(item)));
    return;
  }
  std::mutex source;  // of `next`; locked before the other
  std::mutex mutex;
  std::condition_variable made, taken;
  std::map<std::size_t, Made> waiting;
  std::size_t begun = 0, done = 0;  // given by `next`; taken
  bool over = false;                // `next` gives nothing more
  const auto worker = [&] {
    for (;;) {
      std::unique_lock turn(source);
      std::unique_lock lock(mutex);
      taken.wait(lock, [&] { return over || begun < done + ahead * threads; });
      if (over) return;
      lock.unlock();
      auto item = next();
      lock.lock();
      if (!item) {
        over = true;
        made.notify_one();
        return;
      }
      const std::size_t i = begun++;
      lock.unlock();
      turn.unlock();
      Made result = work(*std::move(item));
      lock.lock();
      waiting.emplace(i, std::move(result));
      if (i == done) made.notify_one();
    }
  };
  std::vector<std::jthread> workers;
  for (std::size_t i = 0; i < threads; ++i) workers.emplace_back(worker);
  std::unique_lock lock(mutex);
  for (;;) {
    made.wait(lock, [&] { return waiting.contains(done) || (over && done == begun); });
    if (!waiting.contains(done)) return lock.unlock();
    auto node = waiting.extract(done);
    lock.unlock();
    take(std::move(node.mapped()));
    lock.lock();
    ++done;
    taken.notify_all();
  }
}

/// Calls `take(i, work(i))` for each i below `count`, in their order.
template <class Work, class Take>
void in_order(std::size_t count, Work work, Take take) {
  constexpr std::size_t kAhead = 16;
  std::size_t next = 0, taken = 0;
  in_order_from([&] { return next < count ? std::optional(next++) : std::nullopt; }, work,
                [&](auto made) { take(taken++, std::move(made)); },
                std::min<std::size_t>(std::thread::hardware_concurrency(), count), kAhead);
}

}  // namespace plimsoll::app
