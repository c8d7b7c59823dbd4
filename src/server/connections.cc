#include "server/connections.h"

#include <sys/socket.h>

#include <chrono>
#include <thread>
#include <utility>

namespace plimsoll::server {
namespace {

constexpr std::int64_t kFree = 0, kBusy = 1, kEnding = 2, kEnded = 3, kFirstTime = 4;

// Slots for connections that come while those that made room for them are still on their way out.
constexpr std::size_t kSpare = 64;
// One that has waited for less is in use, in nanoseconds: its next request, or its first, may be on
// its way.
constexpr std::int64_t kInUse = 1'000'000'000, kArriving = 100'000'000;

std::int64_t now() {
  return std::chrono::steady_clock::now().time_since_epoch().count() + kFirstTime;
}

}  // namespace

Connections::Connections(std::size_t capacity, std::size_t max_buffered)
    : capacity_(capacity),
      max_buffered_(max_buffered),
      slots_(std::make_unique<Slot[]>(capacity + kSpare)) {}

void Connections::Slot::arriving() {
  if (stage() == Stage::Silent) stage_.store(Stage::Arriving, std::memory_order_relaxed);
}

void Connections::Slot::idle() {
  stage_.store(Stage::Proven, std::memory_order_relaxed);
  std::int64_t seen = kBusy;
  while (!state_.compare_exchange_weak(seen, now()) && (seen == kBusy || seen == kEnding))
    seen = kBusy;
}

bool Connections::Slot::busy() {
  std::int64_t seen = state_.load();
  while (seen >= kFirstTime)
    if (state_.compare_exchange_weak(seen, kBusy)) return true;
  return seen == kBusy;
}

Connections::Slot* Connections::take(int socket) {
  for (std::size_t i = 0; i < capacity_ + kSpare; ++i) {
    Slot& slot = slots_[i];
    std::int64_t free = kFree;
    // Ending: nobody ends it before its socket stands there.
    if (slot.state_.load(std::memory_order_relaxed) != kFree ||
        !slot.state_.compare_exchange_strong(free, kEnding))
      continue;
    slot.socket_.store(socket);
    slot.stage_.store(Slot::Stage::Silent);
    ++count_;
    slot.state_.store(now());
    return &slot;
  }
  return nullptr;
}

Connections::Slot* Connections::acquire(int socket) {
  if (count_.load() >= capacity_ && !make_room()) return nullptr;
  return take(socket);
}

void Connections::release(Slot* slot) {
  // Whoever is ending the connection still uses the socket's number: it must not be closed, and
  // perhaps reused, before that is over.
  std::int64_t seen = slot->state_.load();
  for (;;) {
    if (seen == kEnding) {
      std::this_thread::yield();
      seen = slot->state_.load();
    } else if (slot->state_.compare_exchange_weak(seen, kEnding)) {
      break;
    }
  }
  slot->socket_.store(-1);
  --count_;
  slot->state_.store(kFree);
}

// What the kernel has received already can still be read.
bool Connections::end(Slot& slot, std::int64_t waiting_since) {
  if (!slot.state_.compare_exchange_strong(waiting_since, kEnding)) return false;
  ::shutdown(slot.socket_.load(), SHUT_RD);
  slot.state_.store(kEnded);  // its thread reads the end of the input and leaves
  return true;
}

// Ends one connection: of those in the first stage there is, that which waits for the longest time.
bool Connections::make_room() {
  for (;;) {
    Slot* first = nullptr;
    std::pair<Slot::Stage, std::int64_t> order;
    const std::int64_t time = now();
    for (std::size_t i = 0; i < capacity_ + kSpare; ++i) {
      const std::int64_t state = slots_[i].state_.load();
      const Slot::Stage stage = slots_[i].stage();
      if (state < kFirstTime || state > time - (stage == Slot::Stage::Silent ? kArriving : kInUse))
        continue;
      if (first != nullptr && std::pair(stage, state) >= order) continue;
      first = &slots_[i];
      order = {stage, state};
    }
    if (first == nullptr) return false;
    if (!end(*first, order.second)) continue;
    ++evicted_;
    return true;
  }
}

void Connections::end_idle() {
  for (std::size_t i = 0; i < capacity_ + kSpare; ++i)
    if (const auto state = slots_[i].state_.load(); state >= kFirstTime && slots_[i].proven())
      end(slots_[i], state);
}

void Connections::end_waiting() {
  for (std::size_t i = 0; i < capacity_ + kSpare; ++i)
    if (const auto state = slots_[i].state_.load();
        state >= kFirstTime && slots_[i].stage() != Slot::Stage::Arriving)
      end(slots_[i], state);
}

void Connections::end_all() {
  for (std::size_t i = 0; i < capacity_ + kSpare; ++i) {
    std::int64_t seen = slots_[i].state_.load();
    while (seen == kBusy || seen == kEnded || seen >= kFirstTime) {
      if (!slots_[i].state_.compare_exchange_weak(seen, kEnding)) continue;
      ::shutdown(slots_[i].socket_.load(), SHUT_RDWR);
      slots_[i].state_.store(kEnded);
      break;
    }
  }
}

bool Connections::buffer(std::ptrdiff_t bytes) {
  const auto change = static_cast<std::size_t>(bytes);
  return buffered_.fetch_add(change, std::memory_order_relaxed) + change <= max_buffered_;
}

}  // namespace plimsoll::server
