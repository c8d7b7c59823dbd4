// A thread that serves connections, each when it is ready.
//
// Few threads that find work waiting serve many connections with fewer switches, less memory and
// warmer caches than a thread for each. A handler must not wait: the worker's other connections
// would. Ownership: owns the connections it is given. Thread-safety: give(), count() and finish()
// may be called from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/connection.h"

namespace plimsoll::server {

class Worker {
 public:
  /// `gone` is called, on the worker's thread, for each connection that is over.
  explicit Worker(std::function<void(const Connection&)> gone);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void give(std::unique_ptr<Connection> connection);
  [[nodiscard]] std::size_t count() const { return count_.load(std::memory_order_relaxed); }

  /// Ends the thread, and every connection that is still there. The destructor waits for it.
  void finish();

  /// Whether it has been at one turn for so long that a new connection had better go elsewhere.
  [[nodiscard]] bool stalled(Clock::time_point now) const;

 private:
  void run();
  void adopt();
  void deliver();
  template <class Step>
  void step(Connection& connection, Step step);
  void expire();

  const std::function<void(const Connection&)> gone_;
  const std::shared_ptr<Mailbox> mailbox_;
  int epoll_ = -1;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> given_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::atomic<std::size_t> count_{0};
  std::atomic<bool> finishing_{false};
  std::atomic<Clock::duration> turn_since_{Clock::duration::zero()};  ///< zero: it waits
  std::array<char, 16 * 1024> scratch_{};
  std::thread thread_;
};

}  // namespace plimsoll::server
