// Every open connection, in a fixed number of slots, so that an idle one can make room for a new
// one and all can be ended at shutdown.
//
// Thread-safety: a slot is its connection's thread's; the rest may be called from any thread. No
// lock: a request only stores and exchanges one atomic.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace plimsoll::server {

class Connections {
 public:
  explicit Connections(std::size_t capacity);

  class Slot {
   public:
    Slot() = default;
    /// The connection waits for a request and may be ended to make room.
    void idle();
    /// It no longer does; false: it has been ended meanwhile.
    bool busy();

   private:
    friend class Connections;
    // free, busy, being ended, ended, or else idle since this many nanoseconds
    std::atomic<std::int64_t> state{0};
    std::atomic<int> socket{-1};
  };

  /// A slot for the socket, or null when all are taken.
  Slot* acquire(int socket);
  /// Before the socket is closed.
  void release(Slot* slot);

  /// Ends the connection that is idle for the longest time; false: none is idle.
  bool end_longest_idle();
  /// Ends every idle connection.
  void end_idle();
  /// Ends every connection, in the midst of a request too.
  void end_all();

  [[nodiscard]] std::size_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  bool end(Slot& slot, std::int64_t idle_since);

  const std::size_t capacity_;
  const std::unique_ptr<Slot[]> slots_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace plimsoll::server
