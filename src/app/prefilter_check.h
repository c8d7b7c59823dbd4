// The server's self-test: is the prefilter that is registered the one that this server would write?
//
// The API server does not ask about pods that the registered conditions let pass. After an upgrade
// that was only half done they may be another version's, so the server reads its
// ValidatingWebhookConfiguration every minute and says what differs.
//
// Ownership: the transport must outlive it. Thread-safety: detail() and the metrics may be asked
// for from any thread, round() and run() are for one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "app/prefilter.h"
#include "kube/transport.h"
#include "metrics/registry.h"
#include "policy/policy.h"

namespace plimsoll::app {

/// What is worth a line in the log: only what has changed.
struct PrefilterNews {
  bool problem = false;
  std::string message;
  std::vector<std::string> lines;  ///< one for each difference
};

class PrefilterCheck {
 public:
  /// `name`: of the ValidatingWebhookConfiguration. `log` is called by round().
  PrefilterCheck(std::string name, kube::Transport& transport,
                 std::shared_ptr<const policy::Policy> policy,
                 std::function<void(const PrefilterNews&)> log);

  /// Looks once; gives how long to wait for the next time.
  std::chrono::milliseconds round(const std::stop_token& stop = {});

  /// round() at once, and again and again.
  void run(const std::stop_token& stop);

  /// What /readyz says, a line; empty: all is well, or nobody has looked yet.
  [[nodiscard]] std::string detail() const;

  /// plimsoll_prefilter_differences, plimsoll_prefilter_entries and
  /// plimsoll_prefilter_check_errors_total. It must outlive the registry's last reading.
  void add_metrics(metrics::Registry& registry) const;

 private:
  struct State {
    std::optional<Comparison> comparison;  ///< none: not known
    std::string detail;
    std::uint64_t errors = 0;
  };

  Result<Comparison> look(const std::stop_token& stop);
  void found(Comparison comparison);
  void failed(const std::string& error);
  [[nodiscard]] double asked(double (*of)(const Comparison&)) const;

  const std::string name_;
  kube::Transport& transport_;
  const std::shared_ptr<const policy::Policy> policy_;
  const std::function<void(const PrefilterNews&)> log_;
  std::mt19937 random_{std::random_device{}()};
  unsigned failures_ = 0;         ///< in a row
  std::string said_error_;        ///< that the log knows; empty: none
  std::vector<Difference> said_;  ///< differences that the log knows

  mutable std::mutex mutex_;  ///< of the state
  State state_;
};

}  // namespace plimsoll::app
