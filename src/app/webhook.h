// One review from bytes to bytes: decode, judge, count, log, encode.
//
// Ownership: shares the policy. Thread-safety: answer() may be called from any thread, and never
// waits: what the API server must be asked for is answered later.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/namespaces.h"
#include "app/running_pods.h"
#include "codec/review.h"
#include "metrics/registry.h"
#include "plimsoll/verdict.h"
#include "policy/policy.h"
#include "server/http_server.h"

namespace plimsoll::app {

/// Which reviews are logged as a line of JSON.
enum class DecisionLog { None, Denied, Findings, All };

/// Decoders that keep their buffers from one review to the next. There are as many as reviews were
/// ever decoded at once, not as many as connections. Thread-safety: any thread; without a lock.
class DecoderPool {
 public:
  DecoderPool() = default;
  ~DecoderPool();
  DecoderPool(const DecoderPool&) = delete;
  DecoderPool& operator=(const DecoderPool&) = delete;

  std::unique_ptr<codec::ReviewDecoder> take();
  void give_back(std::unique_ptr<codec::ReviewDecoder> decoder);

 private:
  std::array<std::atomic<codec::ReviewDecoder*>, 16> slots_{};
};

/// What the API server is asked for while a review waits; without an API server, nothing.
struct Cluster {
  Namespaces* namespaces = nullptr;     ///< null: the labels of namespaces do not count
  RunningPods* running_pods = nullptr;  ///< null: nobody looks at the pods that run
};

class Webhook {
 public:
  /// `log` takes one line of JSON. What `cluster` points to must live until every answer has been
  /// given.
  Webhook(std::shared_ptr<const policy::Policy> policy, Cluster cluster,
          metrics::Registry& registry, DecisionLog decisions,
          std::function<void(std::string_view line)> log);
  ~Webhook();

  /// Answers a request at `/validate`, `/validate/{mode}` or `/validate/{mode}/{template}`.
  server::Reply answer(const server::Request& request);

 private:
  struct Metrics;
  struct Arrival;
  server::Reply answer(codec::ReviewDecoder& decoder, const server::Request& request);
  server::Reply answer_by_labels(Review review, std::optional<Mode> mode, const Arrival& arrival);
  server::Reply answer_namespace(const Review& review, const Arrival& arrival);
  [[nodiscard]] Result<std::vector<Binding>> fixed_binding(std::string_view path) const;
  /// Those that hold whatever the labels of the namespace are.
  [[nodiscard]] std::vector<Binding> bindings_without_labels() const;
  /// By the bindings of that mode only, or by all.
  Verdict decide(const Review& review, std::span<const Binding> bindings,
                 std::optional<Mode> mode) const;
  server::Response respond(const Review& review, const Verdict& verdict, const Arrival& arrival);
  void count(const Review& review, const Verdict& verdict);
  void log(const Review& review, const Verdict& verdict, double seconds);

  const std::shared_ptr<const policy::Policy> policy_;
  const Cluster cluster_;
  const DecisionLog decisions_;
  const std::function<void(std::string_view)> log_;
  const std::unique_ptr<Metrics> metrics_;
  DecoderPool decoders_;
};

}  // namespace plimsoll::app
