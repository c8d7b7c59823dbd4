// What the tests of the room share: a server of HTTPS (or HTTP) whose every byte a test chooses,
// and a proxy that knows CONNECT.
//
// Thread-safety: handlers run in the threads of their connections.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/client.h"

namespace plimsoll::kube::testing {

using server::KeyPair;
using server::testing::certificate_of;
using server::testing::eventually;
using server::testing::Folder;
using server::testing::kForever;
using server::testing::test_ca;
using server::testing::test_client;
using server::testing::test_serving;

/// A socket that listens on a port of the system's choice, and a thread for each connection.
class Listener {
 public:
  explicit Listener(std::function<void(int socket)> serve, bool v6 = false)
      : serve_(std::move(serve)) {
    std::signal(SIGPIPE, SIG_IGN);
    listening_ = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr* const address =
        v6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
    socklen_t size = v6 ? sizeof six : sizeof four;
    if (::bind(listening_, address, size) != 0 || ::listen(listening_, 64) != 0) return;
    getsockname(listening_, address, &size);
    port_ = ntohs(v6 ? six.sin6_port : four.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~Listener() { stop(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    }
    if (listening_ >= 0) ::shutdown(listening_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    for (std::thread& one : connections_) one.join();
    connections_.clear();
    if (listening_ >= 0) ::close(listening_);
    listening_ = -1;
  }
  /// 0: it could not be opened.
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (socket < 0 || stopping_) {
        if (socket >= 0) ::close(socket);
        return;
      }
      ++accepted_;
      open_.push_back(socket);
      connections_.emplace_back([this, socket] {
        serve_(socket);
        const std::lock_guard inner(mutex_);
        std::erase(open_, socket);
        ::close(socket);
      });
    }
  }

  const std::function<void(int)> serve_;
  int listening_ = -1, port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  bool stopping_ = false;
  std::vector<int> open_;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

/// One request, and the connection that it came on.
class Call {
 public:
  std::string method, target, body;
  std::map<std::string, std::string> headers;  ///< by name in small letters
  std::string client;                          ///< the common name of the client's certificate
  int connection = 0;                          ///< 1, 2, ... in the order of their coming
  int count = 0;                               ///< 1, 2, ... on this connection

  [[nodiscard]] std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
  }
  /// An answer of known length.
  void answer(int status, std::string_view text, std::string_view more_headers = "") {
    send("HTTP/1.1 " + std::to_string(status) + " Word\r\nContent-Type: application/json\r\n" +
         std::string(more_headers) + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
         std::string(text));
  }
  void begin_chunks(int status = 200) {
    send("HTTP/1.1 " + std::to_string(status) + " Word\r\nTransfer-Encoding: chunked\r\n\r\n");
  }
  bool chunk(std::string_view text) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return send(size + std::string(text) + "\r\n");
  }
  void end_chunks() { send("0\r\n\r\n"); }
  bool send(std::string_view bytes) { return send_(bytes); }
  /// Says no more until the client goes, or the server ends.
  void hold() { hold_(); }
  void close() { closed_ = true; }

 private:
  friend class ApiServer;
  std::function<bool(std::string_view)> send_;
  std::function<void()> hold_;
  bool closed_ = false;
};

class ApiServer {
 public:
  using Handler = std::function<void(Call&)>;
  struct Options {
    bool tls = true;
    KeyPair certificate = test_serving();
    std::string client_ca;  ///< PEM: clients must show a certificate of it
    bool v6 = false;
  };

  explicit ApiServer(Handler handler) : ApiServer(std::move(handler), Options()) {}
  ApiServer(Handler handler, Options options)
      : handler_(std::move(handler)), options_(std::move(options)) {
    if (options_.tls) context_ = make_context(options_);
    listener_ = std::make_unique<Listener>([this](int socket) { serve(socket); }, options_.v6);
  }

  [[nodiscard]] std::string url() const {
    return std::string(options_.tls ? "https" : "http") +
           (options_.v6 ? "://[::1]:" : "://127.0.0.1:") + std::to_string(port());
  }
  [[nodiscard]] int port() const { return listener_->port(); }
  [[nodiscard]] int connections() const { return listener_->accepted(); }
  /// Connections that come later see the new certificate.
  void use(const KeyPair& certificate) {
    Options options = options_;
    options.certificate = certificate;
    auto context = make_context(options);
    const std::lock_guard lock(mutex_);
    context_ = std::move(context);
  }
  void stop() { listener_->stop(); }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  static std::shared_ptr<SSL_CTX> make_context(const Options& options) {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    const auto own = certificate_of(options.certificate.certificate);
    SSL_CTX_use_certificate(context.get(), own.get());
    BIO* const text = BIO_new_mem_buf(options.certificate.key.data(),
                                      static_cast<int>(options.certificate.key.size()));
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(text, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(context.get(), key);
    EVP_PKEY_free(key);
    BIO_free_all(text);
    if (!options.client_ca.empty()) {
      const auto ca = certificate_of(options.client_ca);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), ca.get());
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    return context;
  }

  void serve(int socket) {
    std::unique_ptr<SSL, Free> ssl;
    Call call;
    call.connection = ++connections_;
    if (options_.tls) {
      const std::lock_guard lock(mutex_);
      ssl.reset(SSL_new(context_.get()));
    }
    if (ssl) {
      SSL_set_fd(ssl.get(), socket);
      if (SSL_accept(ssl.get()) != 1) {
        ERR_clear_error();
        return;
      }
      if (X509* const peer = SSL_get0_peer_certificate(ssl.get())) {
        char name[64] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof name);
        call.client = name;
      }
    }
    const auto receive = [&](char* to, int size) {
      ERR_clear_error();
      return ssl ? SSL_read(ssl.get(), to, size)
                 : static_cast<int>(::recv(socket, to, static_cast<std::size_t>(size), 0));
    };
    call.send_ = [&](std::string_view bytes) {
      ERR_clear_error();
      const int size = static_cast<int>(bytes.size());
      return (ssl ? SSL_write(ssl.get(), bytes.data(), size)
                  : static_cast<int>(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL))) ==
             size;
    };
    call.hold_ = [&] {
      char dropped[256];
      while (receive(dropped, sizeof dropped) > 0) {
      }
    };
    std::string input;
    while (!call.closed_ && read_request(receive, input, call)) {
      ++call.count;
      handler_(call);
    }
    if (ssl) SSL_shutdown(ssl.get());
    ERR_clear_error();
  }

  template <class Receive>
  static bool read_request(const Receive& receive, std::string& input, Call& call) {
    const auto more = [&] {
      char buffer[4096];
      const int count = receive(buffer, sizeof buffer);
      if (count > 0) input.append(buffer, static_cast<std::size_t>(count));
      return count > 0;
    };
    std::size_t end = 0;
    while ((end = input.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return false;
    const std::string head = input.substr(0, end + 2);
    const auto space = head.find(' ');
    call.method = head.substr(0, space);
    call.target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    call.headers.clear();
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const auto stop = head.find("\r\n", at), colon = head.find(':', at);
      std::string name = head.substr(at, colon - at);
      std::ranges::transform(name, name.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const auto value = head.find_first_not_of(' ', colon + 1);
      call.headers[name] = head.substr(value, stop - value);
      at = stop + 2;
    }
    const std::size_t length = std::strtoul(call.header("content-length").c_str(), nullptr, 10);
    while (input.size() < end + 4 + length)
      if (!more()) return false;
    call.body = input.substr(end + 4, length);
    input.erase(0, end + 4 + length);
    return true;
  }

  const Handler handler_;
  const Options options_;
  std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;
  std::atomic<int> connections_ = 0;
  std::unique_ptr<Listener> listener_;  // last: its threads use the rest
};

/// A proxy for CONNECT; what it was asked can be read after the connection stands.
class ConnectProxy {
 public:
  explicit ConnectProxy(std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n")
      : answer_(std::move(answer)) {
    listener_ = std::make_unique<Listener>([this](int socket) { serve(socket); });
  }
  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(listener_->port());
  }
  [[nodiscard]] std::string head() {
    const std::lock_guard lock(mutex_);
    return head_;
  }

 private:
  void serve(int socket) {
    std::string head;
    char byte = 0;
    while (head.find("\r\n\r\n") == std::string::npos && ::recv(socket, &byte, 1, 0) == 1)
      head += byte;
    {
      const std::lock_guard lock(mutex_);
      head_ = head;
    }
    const bool accepted = answer_.starts_with("HTTP/1.1 200");
    ::send(socket, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (!accepted) return;
    const auto colon = head.find(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(head.c_str() + colon + 1)));
    const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(other, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
      for (bool open = true; open;) {
        pollfd both[] = {{socket, POLLIN, 0}, {other, POLLIN, 0}};
        poll(both, 2, -1);
        for (int i = 0; i < 2 && open; ++i) {
          if (both[i].revents == 0) continue;
          char buffer[4096];
          const ssize_t count = ::recv(both[i].fd, buffer, sizeof buffer, 0);
          open = count > 0 && ::send(both[1 - i].fd, buffer, static_cast<std::size_t>(count),
                                     MSG_NOSIGNAL) == count;
        }
      }
    }
    ::close(other);
  }

  const std::string answer_;
  std::mutex mutex_;
  std::string head_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace plimsoll::kube::testing
