#include "server/connections.h"

#include <sys/socket.h>

#include <chrono>
#include <limits>
#include <thread>

namespace plimsoll::server {
namespace {

constexpr std::int64_t kFree = 0, kBusy = 1, kEnding = 2, kEnded = 3, kFirstTime = 4;

std::int64_t now() {
  return std::chrono::steady_clock::now().time_since_epoch().count() + kFirstTime;
}

}  // namespace

Connections::Connections(std::size_t capacity)
    : capacity_(capacity), slots_(std::make_unique<Slot[]>(capacity)) {}

void Connections::Slot::idle() {
  std::int64_t seen = kBusy;
  while (!state.compare_exchange_weak(seen, now()) && (seen == kBusy || seen == kEnding))
    seen = kBusy;
}

bool Connections::Slot::busy() {
  std::int64_t seen = state.load();
  while (seen >= kFirstTime)
    if (state.compare_exchange_weak(seen, kBusy)) return true;
  return false;
}

Connections::Slot* Connections::acquire(int socket) {
  for (std::size_t i = 0; i < capacity_; ++i) {
    Slot& slot = slots_[i];
    std::int64_t free = kFree;
    if (slot.state.load(std::memory_order_relaxed) != kFree ||
        !slot.state.compare_exchange_strong(free, kBusy))
      continue;
    slot.socket.store(socket);
    ++count_;
    return &slot;
  }
  return nullptr;
}

void Connections::release(Slot* slot) {
  // Whoever is ending the connection still uses the socket's number: it must not be closed, and
  // perhaps reused, before that is over.
  std::int64_t seen = slot->state.load();
  for (;;) {
    if (seen == kEnding) {
      std::this_thread::yield();
      seen = slot->state.load();
    } else if (slot->state.compare_exchange_weak(seen, kEnding)) {
      break;
    }
  }
  slot->socket.store(-1);
  --count_;
  slot->state.store(kFree);
}

bool Connections::end(Slot& slot, std::int64_t idle_since) {
  if (!slot.state.compare_exchange_strong(idle_since, kEnding)) return false;
  ::shutdown(slot.socket.load(), SHUT_RDWR);
  slot.state.store(kEnded);  // its thread reads the end of the input and leaves
  return true;
}

bool Connections::end_longest_idle() {
  for (;;) {
    Slot* longest = nullptr;
    std::int64_t since = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < capacity_; ++i)
      if (const auto state = slots_[i].state.load(); state >= kFirstTime && state < since) {
        longest = &slots_[i];
        since = state;
      }
    if (longest == nullptr) return false;
    if (end(*longest, since)) return true;
  }
}

void Connections::end_idle() {
  for (std::size_t i = 0; i < capacity_; ++i)
    if (const auto state = slots_[i].state.load(); state >= kFirstTime) end(slots_[i], state);
}

void Connections::end_all() {
  end_idle();
  for (std::size_t i = 0; i < capacity_; ++i) end(slots_[i], kBusy);
}

}  // namespace plimsoll::server
