// Runs the real binary.
//
// Thread-safety: a Process is for one thread at a time; its errors() may be read from any.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/client.h"

namespace plimsoll::app::testing {

using server::testing::Client;
using server::testing::eventually;
using server::testing::Folder;

/// A process, whose output is read as it comes. It ends with the test.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments, std::string_view input = "",
                   const std::vector<std::string>& environment = {}) {
    int in[2], out[2], err[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC) + pipe2(out, O_CLOEXEC) + pipe2(err, O_CLOEXEC), 0);
    std::vector<std::string> variables = environment;  // of two the first counts
    variables.insert(variables.end(), {"PATH=/usr/bin:/bin", "TERM=xterm"});
    // The sanitizers' own.
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
      if (const char* const value = std::getenv(name))
        variables.push_back(std::string(name) + "=" + value);
    arguments.insert(arguments.begin(), PLIMSOLL_BINARY);
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      for (auto& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    const auto argv = pointers(arguments), envp = pointers(variables);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      execve(argv[0], argv.data(), envp.data());
      _exit(127);
    }
    for (const int end : {in[0], out[1], err[1]}) ::close(end);
    std::signal(SIGPIPE, SIG_IGN);
    reader_ = std::thread([this, from = out[0], also = err[0]] { read(from, also); });
    while (!input.empty()) {
      const ssize_t count = ::write(in[1], input.data(), input.size());
      if (count <= 0) break;
      input.remove_prefix(static_cast<std::size_t>(count));
    }
    ::close(in[1]);
  }
  ~Process() {
    if (pid_ > 0) {
      kill(SIGKILL);
      wait();
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void kill(int signal) const {
    if (pid_ > 0) ::kill(pid_, signal);
  }
  /// The exit status; 128 and the signal when one ended it.
  int wait() {
    if (pid_ > 0) {
      int status = 0;
      waitpid(pid_, &status, 0);
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      pid_ = -1;
      reader_.join();
    }
    return status_;
  }
  [[nodiscard]] bool running() const {
    siginfo_t info{};
    return pid_ > 0 &&
           waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
  }
  [[nodiscard]] std::string output() const {
    const std::lock_guard lock(mutex_);
    return out_;
  }
  [[nodiscard]] std::string errors() const {
    const std::lock_guard lock(mutex_);
    return err_;
  }

 private:
  void read(int from, int also) {
    pollfd items[] = {{from, POLLIN, 0}, {also, POLLIN, 0}};
    std::string* const texts[] = {&out_, &err_};
    for (int open = 2; open > 0;) {
      poll(items, 2, -1);
      for (int i = 0; i < 2; ++i) {
        if (items[i].fd < 0 || items[i].revents == 0) continue;
        char buffer[4096];
        const ssize_t got = ::read(items[i].fd, buffer, sizeof buffer);
        if (got > 0) {
          const std::lock_guard lock(mutex_);
          texts[i]->append(buffer, static_cast<std::size_t>(got));
        } else {
          ::close(items[i].fd);
          items[i].fd = -1;
          --open;
        }
      }
    }
  }

  pid_t pid_ = -1;
  int status_ = -1;
  std::thread reader_;
  mutable std::mutex mutex_;
  std::string out_, err_;
};

struct Ran {
  int status;
  std::string output, errors;
};

/// Runs a command to its end.
inline Ran run(std::vector<std::string> arguments, std::string_view input = "",
               const std::vector<std::string>& environment = {}) {
  Process process(std::move(arguments), input, environment);
  const int status = process.wait();
  return {status, process.output(), process.errors()};
}

/// What a person at a terminal would see; both streams are one there.
inline std::string run_on_terminal(std::vector<std::string> arguments,
                                   const std::vector<std::string>& environment = {}) {
  arguments.insert(arguments.begin(), PLIMSOLL_BINARY);
  std::vector<std::string> variables = environment;  // of two the first counts
  variables.insert(variables.end(), {"PATH=/usr/bin:/bin", "TERM=xterm"});
  std::vector<char*> argv, envp;
  for (auto& text : arguments) argv.push_back(text.data());
  for (auto& text : variables) envp.push_back(text.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid == 0) {
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  EXPECT_GT(pid, 0);
  std::string seen;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(terminal, buffer, sizeof buffer)) > 0;)
    seen.append(buffer, static_cast<std::size_t>(got));
  ::close(terminal);
  waitpid(pid, nullptr, 0);
  return seen;
}

/// `plimsoll serve` on free ports, once it listens.
class Serving {
 public:
  explicit Serving(std::vector<std::string> arguments)
      : process_([&] {
          arguments.insert(arguments.begin(),
                           {"serve", "--listen", "127.0.0.1:0", "--management", "127.0.0.1:0"});
          return std::move(arguments);
        }()) {
    eventually([&] {
      for (const auto& line : log())
        if (line.value("msg", "") == "listening") {
          listening_ = line;
          return true;
        }
      return !process_.running();
    });
    EXPECT_TRUE(listening_.is_object()) << process_.errors();
  }

  Process* operator->() { return &process_; }
  [[nodiscard]] const nlohmann::json& listening() const { return listening_; }

  /// The lines of the log, whole ones only.
  [[nodiscard]] std::vector<nlohmann::json> log() const {
    std::vector<nlohmann::json> lines;
    std::string text = process_.errors();
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;
         text.erase(0, end + 1)) {
      auto line = nlohmann::json::parse(text.substr(0, end), nullptr, false);
      EXPECT_TRUE(line.is_object()) << text.substr(0, end);
      if (line.is_object()) lines.push_back(std::move(line));
    }
    return lines;
  }
  [[nodiscard]] bool logged(const std::string& message) const {
    return std::ranges::any_of(
        log(), [&](const nlohmann::json& line) { return line.value("msg", "") == message; });
  }

  [[nodiscard]] std::unique_ptr<Client> webhook() const {
    return std::make_unique<Client>(listening_.value("address", "127.0.0.1:0"));
  }
  std::optional<server::testing::Answer> post(const std::string& path,
                                              std::string_view body) const {
    return webhook()->ask(server::testing::post(path, body));
  }
  /// Of the management port.
  std::optional<server::testing::Answer> get(const std::string& path) const {
    Client::Options plain;
    plain.tls = false;
    return Client(listening_.value("management", "127.0.0.1:0"), plain)
        .ask(server::testing::get(path));
  }
  bool allows(const std::string& path, std::string_view body) const {
    const auto answer = post(path, body);
    EXPECT_TRUE(answer && answer->status == 200);
    return answer && nlohmann::json::parse(answer->body).at("response").at("allowed");
  }
  int end(int signal = SIGINT) {
    process_.kill(signal);
    return process_.wait();
  }

 private:
  Process process_;
  nlohmann::json listening_;
};

}  // namespace plimsoll::app::testing
