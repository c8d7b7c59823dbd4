// A Transport whose answers a test writes.
//
// Thread-safety: as a Transport; the script is called without a lock.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kube/transport.h"

namespace plimsoll::kube::testing {

class FakeTransport final : public Transport {
 public:
  using Take = std::function<bool(std::string_view bytes)>;
  /// `number` counts the requests from 1. What it gives to take() is the body of a stream; the body
  /// of an answer with status 200 to a request that is streamed goes there by itself.
  using Script = std::function<Result<Response>(std::size_t number, const Request& request,
                                                const std::stop_token& stop, const Take& take)>;
  explicit FakeTransport(Script script) : script_(std::move(script)) {}

  Result<Response> send(const Request& request) override {
    return script_(note(request), request, {}, [](std::string_view) { return true; });
  }
  Result<Response> stream(const Request& request, std::chrono::milliseconds,
                          const std::stop_token& stop, const Take& take) override {
    auto response = script_(note(request), request, stop, take);
    if (response && response->status == 200 && !response->body.empty() && take(""))
      take(std::exchange(response->body, ""));
    return response;
  }
  [[nodiscard]] std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::vector<std::string> paths() const {
    std::vector<std::string> out;
    for (const Request& request : requests()) out.push_back(request.path);
    return out;
  }

  /// What a server does that says no more.
  static Result<Response> hang(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait(lock, stop, [] { return false; });
    Error error;
    error.message = "stopped";
    return error;
  }
  static Error broken(std::string message = "the connection broke") {
    Error error;
    error.message = std::move(message);
    return error;
  }

 private:
  std::size_t note(const Request& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    return requests_.size();
  }

  const Script script_;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
};

}  // namespace plimsoll::kube::testing
