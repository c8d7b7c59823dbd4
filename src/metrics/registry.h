// Counters, gauges and histograms, and their Prometheus text.
//
// Ownership: a Registry owns its metrics; references to them stay valid as long as it lives.
// Thread-safety: metrics may be changed and rendered from any thread, without a lock; metrics are
// added before the threads start.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t change) { value_.fetch_add(change, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// Durations, in buckets from 10 microseconds to 1 second.
class Histogram {
 public:
  static constexpr std::array<double, 11> kBounds = {1e-5, 2.5e-5, 5e-5,   1e-4, 2.5e-4, 5e-4,
                                                     1e-3, 5e-3,   2.5e-2, 0.1,  1.0};
  void observe(double seconds);

 private:
  friend class Registry;
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

class Registry {
 public:
  Counter& counter(std::string name, std::string help, Labels labels = {});
  Gauge& gauge(std::string name, std::string help, Labels labels = {});
  Histogram& histogram(std::string name, std::string help);
  /// A value that is asked for when the metrics are read. `type`: `gauge` or `counter`.
  void computed(std::string name, std::string help, std::string type, std::function<double()> value,
                Labels labels = {});

  /// Prometheus text format 0.0.4, in the order in which the metrics were added.
  [[nodiscard]] std::string render() const;

 private:
  struct Entry {
    std::string name, help, type, labels;
    std::function<void(const Entry&, std::string&)> append;
  };
  void add(Entry entry);

  std::deque<Counter> counters_;
  std::deque<Gauge> gauges_;
  std::deque<Histogram> histograms_;
  std::deque<Entry> entries_;
};

/// Adds what Prometheus clients say of every process: processor time, resident memory, open file
/// descriptors, start time. Source: /proc/self.
void add_process_metrics(Registry& registry);

}  // namespace plimsoll::metrics
