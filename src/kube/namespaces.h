// The labels of all namespaces, kept up to date: list, then watch.
//
// As client-go's reflector: the first list may come from the API server's cache, a later one must
// not be older than what is known, and only when that cannot be had is it read from etcd. A watch
// that ends is begun again from the last resourceVersion; one that breaks, and a history that is
// gone (410), are listed anew. What fails is tried again after a pause that doubles from 0.8 s to
// 10 s, plus as much again by chance; the server's Retry-After is kept to.
//
// Thread-safety: synced() and stats() from any thread. The callbacks are called from the watcher's
// own thread, one at a time, and must neither throw nor destroy the watcher.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "kube/transport.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

using Labels = std::map<std::string, std::string, std::less<>>;
using LabelsByNamespace = std::map<std::string, std::shared_ptr<const Labels>>;

struct NamespaceCallbacks {
  /// All there are; what is not among them is gone.
  std::function<void(LabelsByNamespace all)> replaced;
  /// One that came or changed; null: it was deleted.
  std::function<void(std::string name, std::shared_ptr<const Labels> labels)> changed;
};

struct WatchStats {
  std::uint64_t lists = 0;     ///< that were read whole
  std::uint64_t watches = 0;   ///< that were begun
  std::uint64_t failures = 0;  ///< of lists and watches; a watch that ends by itself is none
  std::string last_error;      ///< in one line; empty: the last contact was good
  /// When the server last said something right; none: not yet.
  std::optional<std::chrono::steady_clock::time_point> last_contact;
};

/// Time and chance, so that tests need neither.
struct WatchTiming {
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  std::function<double()> random;  ///< 0 <= x < 1; empty: a generator of its own
  /// Waits, or returns early when a stop is requested; empty: it really does.
  std::function<void(std::chrono::milliseconds pause, const std::stop_token& stop)> wait;
};

/// Reads one object of kind Namespace, or its metadata. Errors: not JSON, no name.
struct NamespaceObject {
  std::string name, resource_version;
  std::shared_ptr<const Labels> labels;
};
Result<NamespaceObject> read_namespace(std::string_view json);

class NamespaceWatcher {
 public:
  static constexpr std::size_t kPageSize = 500;
  static constexpr std::size_t kMaxLine = 16UL * 1024 * 1024;  ///< bytes of one event

  /// Begins at once. The transport must outlive it.
  NamespaceWatcher(Transport& transport, NamespaceCallbacks callbacks, WatchTiming timing = {});
  /// Ends what is under way, within moments.
  ~NamespaceWatcher();
  NamespaceWatcher(const NamespaceWatcher&) = delete;
  NamespaceWatcher& operator=(const NamespaceWatcher&) = delete;

  /// A first list was read whole and handed on.
  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] WatchStats stats() const;

 private:
  enum class Next { Watch, List };
  struct Ended {
    Next next = Next::Watch;
    bool failed = false;    ///< wait before what is next
    bool progress = false;  ///< an event came, so the pause starts small again
    std::chrono::seconds retry_after{0};
  };
  struct Attempt;

  void run(const std::stop_token& stop);
  Ended list(const std::stop_token& stop);
  Ended watch(const std::stop_token& stop);
  bool take_line(std::string_view line, Ended& ended);
  void contact();
  Ended failed(const Error& error, Next next, std::chrono::seconds retry_after = {});
  void pause(std::chrono::seconds retry_after, const std::stop_token& stop);

  Transport& transport_;
  const NamespaceCallbacks callbacks_;
  WatchTiming timing_;
  // Of the watcher's thread:
  std::string version_;      ///< the last resourceVersion seen; empty: none
  bool consistent_ = false;  ///< the next list comes from etcd
  unsigned in_a_row_ = 0;    ///< failures
  std::atomic<bool> synced_ = false;
  mutable std::mutex mutex_;
  WatchStats stats_;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace plimsoll::kube
