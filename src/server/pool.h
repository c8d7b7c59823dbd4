// Threads for connections: made when they are needed, gone when they are not, never more than a
// bound. httplib holds a thread for as long as a connection is open.
//
// Thread-safety: enqueue and shutdown are called by the thread that accepts connections.
#pragma once

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

namespace plimsoll::server {

class ElasticPool final : public httplib::TaskQueue {
 public:
  /// `max_threads`: at least 1. A thread without work ends after `linger`.
  explicit ElasticPool(std::size_t max_threads,
                       std::chrono::milliseconds linger = std::chrono::seconds(5));
  ~ElasticPool() override;

  /// False: every thread is taken. Nothing waits for a thread.
  bool enqueue(std::function<void()> work) override;

  /// Waits for the work that is under way.
  void shutdown() override;

 private:
  /// A thread that waits for work.
  struct Waiter {
    std::condition_variable wake;
    std::function<void()> work;
  };
  void run(std::function<void()> work);

  const std::size_t max_threads_;
  const std::chrono::milliseconds linger_;
  std::mutex mutex_;
  std::condition_variable all_gone_;
  /// The one that came last is woken first: the others may come to their end. In turn, a trickle of
  /// connections would keep for ever every thread that a burst once needed.
  std::vector<Waiter*> waiting_;
  std::size_t threads_ = 0;
  bool ending_ = false;
};

}  // namespace plimsoll::server
