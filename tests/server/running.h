// An HttpServer that runs for a test, with handlers that show what reached them.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "server/client.h"
#include "server/http_server.h"
#include "server/tls.h"

namespace plimsoll::server::testing {

/// Limits that no test meets unless it sets out to.
inline Limits wide_limits() {
  Limits limits;
  limits.max_body = 64 * 1024;
  limits.handshake = limits.idle = limits.request = kForever;
  limits.threads = 12;  // /hold keeps one from its other connections
  limits.fill = 1;
  return limits;
}

inline std::string test_error_body(std::string_view message) {
  std::string text = R"({"error":")";
  for (const char c : message)
    if (c == '"' || c == '\\')
      (text += '\\') += c;
    else
      text += c;
  return text + "\"}\n";
}

/// A door that handlers stand at until the test opens it.
class Door {
 public:
  void enter() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  /// Waits until so many stand there.
  void wait_for(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

class RunningServer {
 public:
  explicit RunningServer(Limits limits = wide_limits(), const TlsContext* tls = default_tls())
      : tls_(tls), server_(tls, limits, test_error_body) {
    server_.post("/echo", [](const Request& r) { return Response{200, std::string(r.body)}; });
    server_.post("/path/*", [](const Request& r) { return Response{200, std::string(r.path)}; });
    server_.post("/malformed", [](const Request&) { return Response{400, "{}\n"}; });
    server_.post("/throw", [](const Request&) -> Response { throw std::runtime_error("secret"); });
    server_.post("/throw-int", [](const Request&) -> Response { throw 42; });
    server_.post("/hold", [this](const Request& r) {
      door.enter();
      return Response{200, std::string(r.body)};
    });
    server_.post("/later", [this](const Request& r) -> Reply {
      return [this, body = std::string(r.body), query = std::string(r.query)](Respond respond) {
        const std::lock_guard lock(later_mutex_);
        later_.push_back(
            [respond = std::move(respond), text = body + query] { respond({200, text}); });
        later_came_.notify_all();
      };
    });
    server_.get("/alive",
                [](const Request&) { return Response{200, "yes\n", "text/plain; charset=utf-8"}; });
    const auto problem = server_.bind("127.0.0.1:0");
    EXPECT_FALSE(problem) << problem->to_string();
    thread_ = std::thread([this] { ran_ = server_.run(); });
  }
  ~RunningServer() {
    door.open();
    drain(std::chrono::milliseconds(0));
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  /// Until run() has come back; gives what it said.
  bool drain(std::chrono::milliseconds grace) {
    if (!thread_.joinable()) return ran_;
    server_.drain(grace);
    // What a test still holds open at its end is not to be waited for.
    door.open();
    thread_.join();
    return ran_;
  }

  [[nodiscard]] const std::string& address() const { return server_.address(); }
  HttpServer& operator*() { return server_; }
  HttpServer* operator->() { return &server_; }

  [[nodiscard]] Client::Options options() const {
    Client::Options options;
    options.tls = tls_ != nullptr;
    if (options.tls) options.ca = test_ca().certificate;
    return options;
  }
  /// A connection, with its handshake done.
  [[nodiscard]] std::unique_ptr<Client> connect() const {
    auto client = std::make_unique<Client>(address(), options());
    EXPECT_TRUE(client->connected());
    return client;
  }
  /// That it still serves whoever comes.
  void expect_alive() const {
    const auto client = connect();
    const auto answer = client->ask(post("/echo", "still here"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "still here");
  }

  /// Waits for a request to /later, and takes what answers it.
  std::function<void()> next_later() {
    std::unique_lock lock(later_mutex_);
    later_came_.wait(lock, [this] { return !later_.empty(); });
    auto first = std::move(later_.front());
    later_.pop_front();
    return first;
  }

  static const TlsContext* default_tls() {
    static const std::unique_ptr<TlsContext> tls = [] {
      const Folder folder;
      const KeyPair pair = test_serving();
      return TlsContext::load(
                 {folder.write("tls.crt", pair.certificate), folder.write("tls.key", pair.key), ""})
          .value();
    }();
    return tls.get();
  }

  Door door;

 private:
  std::mutex later_mutex_;
  std::condition_variable later_came_;
  std::deque<std::function<void()>> later_;
  const TlsContext* const tls_;
  HttpServer server_;
  std::thread thread_;
  bool ran_ = false;
};

}  // namespace plimsoll::server::testing
