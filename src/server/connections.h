// Every open connection, in a fixed number of slots, so that one can make room for a new one and
// all can be ended at shutdown; and how many bytes they have buffered together.
//
// A connection is proven once it has made a whole request. Whoever only connects is the first to
// go, then the idle, then whoever is still sending a first request. One that is ended may still be
// answered what it has sent already, for the last time.
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
  /// `capacity`: connections at once, not counting those that are being ended, of which there are a
  /// few at most. `max_buffered`: bytes.
  Connections(std::size_t capacity, std::size_t max_buffered);

  class Slot {
   public:
    Slot() = default;
    /// The connection has made a request, and waits for the next; it may be ended.
    void idle();
    /// It no longer does; false: it has been ended meanwhile.
    bool busy();
    /// Its first request is arriving: its head is there.
    void arriving();
    [[nodiscard]] bool proven() const { return stage() == Stage::Proven; }

   private:
    friend class Connections;
    enum class Stage : std::uint8_t { Silent, Proven, Arriving };  // the first go first
    [[nodiscard]] Stage stage() const { return stage_.load(std::memory_order_relaxed); }

    // free, busy, being ended, ended, or else waiting since this many nanoseconds
    std::atomic<std::int64_t> state_{0};
    std::atomic<Stage> stage_{Stage::Silent};
    std::atomic<int> socket_{-1};
  };

  /// A slot for a socket that waits, unproven; null: all are taken, and no connection can make
  /// room.
  Slot* acquire(int socket);
  /// Before the socket is closed.
  void release(Slot* slot);

  /// Ends the proven connections that wait, or all that wait but those whose request is arriving.
  void end_idle();
  void end_waiting();
  /// Ends every connection, in the midst of a request too, without an answer.
  void end_all();

  /// Counts bytes that are buffered, or no longer are; false: they are too many together.
  bool buffer(std::ptrdiff_t bytes);

  [[nodiscard]] std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  /// Connections that acquire() has ended to make room.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }

 private:
  Slot* take(int socket);
  bool make_room();
  bool end(Slot& slot, std::int64_t waiting_since);

  const std::size_t capacity_, max_buffered_;
  const std::unique_ptr<Slot[]> slots_;
  std::atomic<std::size_t> count_{0}, buffered_{0};
  std::atomic<std::uint64_t> evicted_{0};
};

}  // namespace plimsoll::server
