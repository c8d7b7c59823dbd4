// What holds in each namespace, kept up to date from outside.
//
// Ownership: shares the policy. Thread-safety: any thread; nothing here waits for the network.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "plimsoll/result.h"
#include "policy/policy.h"

namespace plimsoll::app {

class Namespaces {
 public:
  using Clock = std::chrono::steady_clock;
  using Held = std::shared_ptr<const policy::NamespacePolicy>;
  using SharedLabels = std::shared_ptr<const Labels>;
  /// Asks the API server for one namespace; null labels: there is none of that name. `done` is
  /// called once, from any thread, at about the deadline at the latest.
  using Fetch = std::function<void(std::string name, Clock::time_point deadline,
                                   std::function<void(const Result<SharedLabels>&)> done)>;

  Namespaces(std::shared_ptr<const policy::Policy> policy, Fetch fetch,
             std::function<Clock::time_point()> now = Clock::now);

  /// Null: it is not known (yet).
  [[nodiscard]] Held find(const std::string& name) const;

  /// The namespaces that there are; others are forgotten.
  void replace(const std::map<std::string, SharedLabels>& all);
  /// A namespace is new or has other labels; null: it is gone.
  void change(const std::string& name, const SharedLabels& labels);

  /// For one that find() does not know. What is fetched is kept for a moment, until the watch has
  /// caught up. An error: it could not be had in time, or there is none.
  void fetch(const std::string& name, Clock::time_point deadline,
             std::function<void(Result<Held>)> done);

  [[nodiscard]] std::size_t count() const;

 private:
  struct Entry {
    Held held;
    /// Of what was fetched; the watch's own does not age.
    Clock::time_point end = Clock::time_point::max();
  };

  [[nodiscard]] Held resolve(const std::string& name, const Labels& labels) const;

  const std::shared_ptr<const policy::Policy> policy_;
  const Fetch fetch_;
  const std::function<Clock::time_point()> now_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace plimsoll::app
