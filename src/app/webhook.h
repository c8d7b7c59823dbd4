// One review from bytes to bytes: decode, judge, count, log, encode.
//
// Ownership: holds a snapshot of the policy. Thread-safety: answer() may be called from any thread.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec/review.h"
#include "metrics/registry.h"
#include "plimsoll/verdict.h"
#include "server/http_server.h"
#include "templates/library.h"

namespace plimsoll::app {

/// What decides, as one value.
struct Policy {
  templates::Library library;
  std::vector<Binding> bindings;
  bool dry_run = false;
};

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

class Webhook {
 public:
  /// `log` takes one line of JSON.
  Webhook(std::shared_ptr<const Policy> policy, metrics::Registry& registry, DecisionLog decisions,
          std::function<void(std::string_view line)> log);
  ~Webhook();

  /// Answers a request at `/validate` or `/validate/{mode}/{template}`.
  server::Response answer(const server::Request& request);

 private:
  struct Metrics;
  server::Response answer(codec::ReviewDecoder& decoder, const server::Request& request);
  Result<std::vector<Binding>> fixed_binding(std::string_view path) const;
  void count(const Review& review, const Verdict& verdict);
  void log(const Review& review, const Verdict& verdict, double seconds);

  const std::shared_ptr<const Policy> policy_;
  const DecisionLog decisions_;
  const std::function<void(std::string_view)> log_;
  const std::unique_ptr<Metrics> metrics_;
  DecoderPool decoders_;
};

}  // namespace plimsoll::app
