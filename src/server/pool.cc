#include "server/pool.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

namespace plimsoll::server {

ElasticPool::ElasticPool(std::size_t max_threads, std::chrono::milliseconds linger)
    : max_threads_(max_threads), linger_(linger) {}

ElasticPool::~ElasticPool() { shutdown(); }

bool ElasticPool::enqueue(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (ending_) return false;
  if (!waiting_.empty()) {
    Waiter* const last = waiting_.back();
    waiting_.pop_back();
    last->work = std::move(work);
    last->wake.notify_one();
    return true;
  }
  if (threads_ >= max_threads_) return false;
  try {
    // Detached, so that a thread can end by itself; shutdown() waits for the count.
    std::thread(&ElasticPool::run, this, std::move(work)).detach();
  } catch (const std::system_error&) {
    return false;  // the machine has no thread left: as good as the bound
  }
  ++threads_;
  return true;
}

void ElasticPool::run(std::function<void()> work) {
  for (;;) {
    work();
    work = nullptr;
    std::unique_lock lock(mutex_);
    Waiter self;
    if (!ending_) {
      waiting_.push_back(&self);
      self.wake.wait_for(lock, linger_, [&] { return ending_ || self.work; });
      // Whoever gives work takes the waiter off the list.
      if (!self.work) std::erase(waiting_, &self);
    }
    if (!self.work) {
      // Under the lock to the end: the pool may be gone once it is released.
      if (--threads_ == 0) all_gone_.notify_all();
      return;
    }
    work = std::move(self.work);
  }
}

void ElasticPool::shutdown() {
  std::unique_lock lock(mutex_);
  ending_ = true;
  for (Waiter* const waiter : waiting_) waiter->wake.notify_one();
  all_gone_.wait(lock, [this] { return threads_ == 0; });
}

}  // namespace plimsoll::server
