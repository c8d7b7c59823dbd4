#include "server/pool.h"

#include <system_error>
#include <thread>

namespace plimsoll::server {

ElasticPool::ElasticPool(std::size_t max_threads, std::chrono::milliseconds linger)
    : max_threads_(max_threads), linger_(linger) {}

ElasticPool::~ElasticPool() { shutdown(); }

bool ElasticPool::enqueue(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (ending_) return false;
  if (work_.size() >= waiting_) {  // each waiting thread has its work already
    if (threads_ >= max_threads_) return false;
    try {
      // Detached, so that a thread can end by itself; shutdown() waits for the count.
      std::thread(&ElasticPool::run, this).detach();
    } catch (const std::system_error&) {
      return false;  // the machine has no thread left: as good as the bound
    }
    ++threads_;
    ++waiting_;  // it will take this work
  }
  work_.push_back(std::move(work));
  work_or_end_.notify_one();
  return true;
}

void ElasticPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    // Counted as waiting by whoever made it, or by itself below.
    const bool woken =
        work_or_end_.wait_for(lock, linger_, [this] { return ending_ || !work_.empty(); });
    --waiting_;
    if (!woken || work_.empty()) break;
    {
      const auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
    }
    lock.lock();
    ++waiting_;
  }
  --threads_;
  // Under the lock: the pool may be gone once it is released.
  if (threads_ == 0) all_gone_.notify_all();
}

void ElasticPool::shutdown() {
  std::unique_lock lock(mutex_);
  ending_ = true;
  work_or_end_.notify_all();
  all_gone_.wait(lock, [this] { return threads_ == 0; });
}

}  // namespace plimsoll::server
