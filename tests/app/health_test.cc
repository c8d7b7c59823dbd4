// `plimsoll health`, as a process, beside a server or what stands in for one.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/command.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

void expect_failure(const Ran& ran, const std::vector<std::string>& says) {
  EXPECT_EQ(ran.status, 2) << ran.errors;
  EXPECT_EQ(ran.output, "");
  EXPECT_THAT(ran.errors, StartsWith("plimsoll: "));
  EXPECT_EQ(std::ranges::count(ran.errors, '\n'), 1) << ran.errors;
  for (const auto& part : says) EXPECT_THAT(ran.errors, HasSubstr(part));
}

/// Takes one connection, reads a request, says these words, and closes or, told so, waits for the
/// client to close.
class Listener {
 public:
  explicit Listener(std::string says, bool closes = true)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof own;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&own), size), 0);
    EXPECT_EQ(::listen(socket_, 1), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
    thread_ = std::thread([this, says = std::move(says), closes] {
      const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      char buffer[1024];
      while (request_.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(client, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request_.append(buffer, static_cast<std::size_t>(got));
      }
      ::send(client, says.data(), says.size(), MSG_NOSIGNAL);
      while (!closes && ::recv(client, buffer, sizeof buffer, 0) > 0) {
      }
      ::close(client);
    });
  }
  ~Listener() {
    ::shutdown(socket_, SHUT_RDWR);
    join();
    ::close(socket_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  /// What was asked, once it has been answered.
  const std::string& request() {
    join();
    return request_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  const int socket_;
  std::string address_, request_;
  std::thread thread_;
};

Ran health(const std::string& address) { return run({"health", "--management", address}); }

TEST(Health, PassesWhenTheServerIsAlive) {
  const Folder folder;
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  Serving serving({"--tls-cert", folder / "tls.crt", "--tls-key", folder / "tls.key"});
  const std::string address = serving.listening().at("management");
  for (const auto& name : {address, "localhost" + address.substr(address.rfind(':')),
                           address.substr(address.rfind(':'))}) {
    const auto ran = health(name);
    EXPECT_EQ(ran.status, 0) << name << ": " << ran.errors;
    EXPECT_EQ(ran.output + ran.errors, "");
  }
  // TLS, where a plain word is not understood.
  expect_failure(health(serving.listening().at("address")), {"/livez: "});
  EXPECT_EQ(serving.end(), 0);
  expect_failure(health(address), {address + "/livez: Connection refused", "--management"});
}

TEST(Health, AsksForLivez) {
  Listener listener("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(health(listener.address()).status, 0);
  EXPECT_THAT(listener.request(), StartsWith("GET /livez HTTP/1.1\r\n"));
}

TEST(Health, TellsWhatItWasAnswered) {
  for (const auto& [answer, says] : std::vector<std::pair<std::string, std::string>>{
           {"HTTP/1.1 503 Service Unavailable\r\n\r\n", "\"HTTP/1.1 503 Service Unavailable\""},
           {"HTTP/1.1 404\r\n\r\n", "\"HTTP/1.1 404\""},
           {"SSH-2.0-something\r\n", "does not speak HTTP"},
           {"HTTP/1.1 2", "\"HTTP/1.1 2\""},
           {std::string(100'000, 'x'), "does not speak HTTP"},
           {"", "does not speak HTTP"}}) {
    const Listener listener(answer);
    expect_failure(health(listener.address()), {listener.address() + "/livez: ", says});
  }
}

TEST(Health, WaitsForNobodyForever) {
  const Listener silent("", false);
  expect_failure(health(silent.address()), {"/livez: Connection timed out"});
  const Listener slow("HTTP/1.1 2", false);
  expect_failure(health(slow.address()), {"/livez: Connection timed out"});
}

TEST(Health, TellsWhatIsNoAddress) {
  for (const char* text : {"", "localhost", "127.0.0.1:", "127.0.0.1:http", "::1:8080", "a:b:1"})
    expect_failure(health(text), {"--management: \"" + std::string(text) + "\" is not an address"});
  expect_failure(health("no-such-host.invalid:1"), {"no-such-host.invalid:1/livez: "});
}

}  // namespace
}  // namespace plimsoll::app
