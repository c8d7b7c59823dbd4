#include "server/worker.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <system_error>
#include <utility>

namespace plimsoll::server {
namespace {

// How often deadlines are looked at while there are connections.
constexpr std::chrono::milliseconds kTick{100};
// A turn of ordinary reviews takes less.
constexpr std::chrono::milliseconds kLongTurn{5};

int or_throw(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

}  // namespace

Worker::Worker(std::function<void(const Connection&)> gone)
    : gone_(std::move(gone)),
      mailbox_(std::make_shared<Mailbox>()),
      epoll_(or_throw(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  or_throw(epoll_ctl(epoll_, EPOLL_CTL_ADD, mailbox_->event(), &event), "epoll_ctl");
  thread_ = std::thread(&Worker::run, this);
}

Worker::~Worker() {
  finish();
  thread_.join();
  connections_.clear();
  ::close(epoll_);
}

void Worker::give(std::unique_ptr<Connection> connection) {
  ++count_;
  {
    const std::lock_guard lock(mutex_);
    given_.push_back(std::move(connection));
  }
  mailbox_->wake();
}

void Worker::finish() {
  finishing_.store(true);
  mailbox_->wake();
}

void Worker::deliver() {
  for (auto& [waiting, response] : mailbox_->take())
    if (Connection* const connection = waiting->connection; connection != nullptr)
      step(*connection,
           [&] { return connection->resume(std::move(response), Clock::now(), scratch_); });
}

void Worker::adopt() {
  std::vector<std::unique_ptr<Connection>> given;
  {
    const std::lock_guard lock(mutex_);
    given.swap(given_);
  }
  for (auto& connection : given) {
    Connection& added = *connection;
    added.index = connections_.size();
    added.mailbox = mailbox_;
    connections_.push_back(std::move(connection));
    step(added, [&] { return added.advance(Clock::now(), scratch_); });
  }
}

bool Worker::stalled(Clock::time_point now) const {
  const auto since = turn_since_.load(std::memory_order_relaxed);
  return since != Clock::duration::zero() && now.time_since_epoch() - since > kLongTurn;
}

// Takes the connection a step on, and registers what it waits for, or lets it go.
template <class Step>
void Worker::step(Connection& connection, Step step) {
  std::uint32_t wanted = 0;
  try {
    wanted = step();
  } catch (const std::bad_alloc&) {
    // What there is of memory is left to the others.
  }
  if (wanted != 0 && wanted == connection.interest) return;
  epoll_event event{.events = wanted, .data = {.ptr = &connection}};
  const int operation = connection.interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  connection.interest = wanted;
  if (wanted != 0 && epoll_ctl(epoll_, operation, connection.socket(), &event) == 0) return;
  const std::size_t index = connection.index;
  const std::unique_ptr<Connection> over = std::exchange(connections_[index], nullptr);
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  gone_(*over);
  --count_;
}

void Worker::expire() {
  const auto now = Clock::now();
  // From the end: the one that takes the place of another has been looked at.
  for (std::size_t i = connections_.size(); i-- > 0;)
    if (connections_[i]->deadline() <= now)
      step(*connections_[i], [&] { return connections_[i]->expire(now, scratch_); });
}

void Worker::run() {
  std::array<epoll_event, 64> events;
  auto next_tick = Clock::now() + kTick;
  while (!finishing_.load()) {
    const int timeout = connections_.empty() ? -1 : static_cast<int>(kTick.count());
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
    const auto now = Clock::now();
    turn_since_.store(now.time_since_epoch(), std::memory_order_relaxed);
    bool mail = false;
    for (int i = 0; i < ready; ++i) {
      auto* const connection =
          static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (connection == nullptr)
        mail = true;
      else
        step(*connection, [&] { return connection->advance(now, scratch_); });
    }
    // Last: a connection that ends with what is delivered may be among the events.
    if (mail) {
      deliver();
      adopt();
    }
    if (now >= next_tick) {
      expire();
      next_tick = now + kTick;
    }
    turn_since_.store(Clock::duration::zero(), std::memory_order_relaxed);
  }
}

}  // namespace plimsoll::server
