// Asks the API server for one namespace, for reviews that come before the watch has told of it.
//
// Thread-safety: fetch() from any thread. `done` is called exactly once for each call of fetch(),
// with no lock held: from fetch() itself when nothing is to be waited for, else from one of the
// fetcher's threads, which it must not hold up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "kube/namespaces.h"
#include "kube/transport.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

class NamespaceFetcher {
 public:
  /// A null pointer: there is no such namespace.
  using Answer = Result<std::shared_ptr<const Labels>>;
  using Done = std::function<void(const Answer& answer)>;

  /// As many requests are under way at a time as there are threads; one more thread keeps the
  /// deadlines. `max_waiting` names wait for their turn. The transport must outlive it.
  NamespaceFetcher(Transport& transport, std::size_t threads, std::size_t max_waiting = 1024);
  /// Ends what is under way and answers all who wait, within moments.
  ~NamespaceFetcher();
  NamespaceFetcher(const NamespaceFetcher&) = delete;
  NamespaceFetcher& operator=(const NamespaceFetcher&) = delete;

  /// Answers by the deadline: with the labels as they are now, or an error: not answered in time,
  /// too many waiting, or what the API server or the way there says. Calls for the same namespace
  /// share one request; it ends when none of them waits any more.
  void fetch(std::string name, std::chrono::steady_clock::time_point deadline, Done done);

 private:
  struct Caller {
    std::chrono::steady_clock::time_point deadline;
    Done done;
  };
  /// One namespace that is asked for.
  struct Asked {
    std::vector<Caller> callers;
    std::stop_source stop;
    bool sent = false;
  };

  void work(const std::stop_token& stop);
  void keep_deadlines(const std::stop_token& stop);
  [[nodiscard]] Answer ask(const std::string& name, std::chrono::steady_clock::time_point until,
                           const std::stop_token& stop) const;

  Transport& transport_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable_any work_, deadlines_;
  bool ending_ = false;
  std::uint64_t calls_ = 0;  ///< that wait or have waited
  std::map<std::string, std::shared_ptr<Asked>> asked_;
  std::deque<std::string> waiting_;    ///< names of asked_ that were not sent
  std::vector<std::jthread> threads_;  // last: they use the rest
};

}  // namespace plimsoll::kube
