// A Docker Engine API that a test fills: answers by path, over a unix socket in a folder of its
// own.
//
// Thread-safety: all may be called while it answers.
#pragma once

#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "server/client.h"

namespace plimsoll::docker::testing {

class FakeEngine {
 public:
  struct Said {
    int status = 200;
    std::string body;
  };

  FakeEngine() : path_(folder_ / "docker.sock") {
    server_.set_address_family(AF_UNIX);
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      const auto at = answers_.find(request.target);
      response.status = at == answers_.end() ? 404 : at->second.status;
      response.set_content(
          at == answers_.end() ? R"({"message":"page not found"})" : at->second.body,
          "application/json");
      if (request.target == last_) {
        response.set_header("Connection", "close");
        server_.stop();
      }
    });
    say("/_ping", "OK");
  }
  ~FakeEngine() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  void say(const std::string& target, std::string body, int status = 200) {
    const std::lock_guard lock(mutex_);
    answers_[target] = {status, std::move(body)};
  }
  /// This is the last that it answers.
  void end_with(std::string target) {
    const std::lock_guard lock(mutex_);
    last_ = std::move(target);
  }
  /// From now on it answers.
  void start() {
    ASSERT_TRUE(server_.bind_to_port(path_, 80));
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    server_.wait_until_ready();
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string address() const { return "unix://" + path_; }

 private:
  server::testing::Folder folder_;
  std::string path_;
  std::mutex mutex_;  // what may be said while it answers
  std::string last_;
  std::map<std::string, Said> answers_;
  httplib::Server server_;
  std::thread thread_;
};

}  // namespace plimsoll::docker::testing
