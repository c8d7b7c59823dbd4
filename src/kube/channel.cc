#include "kube/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace plimsoll::kube {
namespace {

using std::chrono::steady_clock;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

std::string text_of(int problem) { return std::system_category().message(problem); }

Failure failed(std::string text, std::string remedy = "") {
  return {Failure::Kind::Other, std::move(text), std::move(remedy)};
}

/// Waits until the descriptor has what is asked for.
std::optional<Failure> wait_for(int descriptor, short events, const Bound& bound) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(bound.deadline - steady_clock::now());
    pollfd watched[] = {{descriptor, events, 0}, {bound.stop, POLLIN, 0}};
    const int ready = poll(
        watched, 2, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 24L * 3600 * 1000)));
    if (ready < 0 && errno != EINTR) return failed(text_of(errno));
    if (ready > 0 && watched[1].revents != 0) return Failure{Failure::Kind::Stopped, "stopped", ""};
    if (ready > 0) return std::nullopt;
    if (steady_clock::now() >= bound.deadline)
      return Failure{Failure::Kind::TimedOut, "no answer in time", ""};
  }
}

struct Endpoint {
  int family = AF_UNSPEC;
  sockaddr_storage address{};
  socklen_t size = 0;
};

/// What a thread of its own looks up: getaddrinfo() knows neither deadline nor stop.
struct Lookup {
  explicit Lookup(int descriptor) : done(descriptor) {}
  ~Lookup() { close(done); }
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  const int done;  ///< readable: the rest is written
  std::mutex mutex;
  std::vector<Endpoint> endpoints;
  std::string problem;
};

void look_up(const std::string& host, std::uint16_t port, int flags, Lookup& lookup) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int problem = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  const std::lock_guard lock(lookup.mutex);
  if (problem != 0)
    lookup.problem = problem == EAI_SYSTEM ? text_of(errno) : gai_strerror(problem);
  else
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
      Endpoint endpoint;
      endpoint.family = one->ai_family;
      std::memcpy(&endpoint.address, one->ai_addr, one->ai_addrlen);
      endpoint.size = one->ai_addrlen;
      lookup.endpoints.push_back(endpoint);
    }
  if (found != nullptr) freeaddrinfo(found);
  eventfd_write(lookup.done, 1);
}

std::optional<Failure> resolve(const std::string& host, std::uint16_t port, const Bound& bound,
                               std::vector<Endpoint>& endpoints) {
  const int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (done < 0) return failed(text_of(errno));
  const auto lookup = std::make_shared<Lookup>(done);
  unsigned char address[16];
  if (inet_pton(AF_INET, host.c_str(), address) == 1 || host.find(':') != std::string::npos) {
    look_up(host, port, AI_NUMERICHOST, *lookup);
  } else {
    try {
      std::thread([=] { look_up(host, port, AI_ADDRCONFIG, *lookup); }).detach();
    } catch (const std::system_error& error) {
      return failed(fmt::format("cannot look up {}: {}", host, error.what()));
    }
    if (auto failure = wait_for(done, POLLIN, bound)) {
      if (failure->kind == Failure::Kind::TimedOut)
        failure->text = fmt::format("the name {} was not looked up in time", host);
      return failure;
    }
  }
  const std::lock_guard lock(lookup->mutex);
  if (!lookup->problem.empty())
    return failed(fmt::format("cannot look up {}: {}", host, lookup->problem));
  endpoints = std::move(lookup->endpoints);
  return std::nullopt;
}

/// The socket, connected, or -1.
int connect_to(const Endpoint& endpoint, const Bound& bound, std::optional<Failure>& failure) {
  const int socket = ::socket(endpoint.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) {
    failure = failed(text_of(errno));
    return -1;
  }
  const int on = 1, idle = 15, interval = 15, probes = 3;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  failure.reset();
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.size) != 0) {
    int problem = errno;
    if (problem == EINPROGRESS) {
      problem = 0;
      socklen_t size = sizeof problem;
      failure = wait_for(socket, POLLOUT, bound);
      if (!failure) getsockopt(socket, SOL_SOCKET, SO_ERROR, &problem, &size);
    }
    if (!failure && problem != 0) failure = failed("cannot connect: " + text_of(problem));
    if (failure && failure->kind == Failure::Kind::TimedOut)
      failure->text = "no connection in time";
  }
  if (!failure) return socket;
  close(socket);
  return -1;
}

/// What OpenSSL says last.
std::string tls_problem() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "TLS failed" : reason;
}

Error error_of(std::string message, std::string remedy) {
  Error error;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

Bio reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool is_address(const std::string& name) {
  unsigned char address[16];
  return inet_pton(AF_INET, name.c_str(), address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), address) == 1;
}

}  // namespace

Result<std::shared_ptr<SSL_CTX>> client_context(const std::string& ca, bool verify,
                                                const Credentials& credentials) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) return error_of("TLS cannot be set up: " + tls_problem(), "");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (ca.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    // As Go does, whatever stands in the bundle is trusted, also what is not self-signed.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    const Bio text = reader(ca);
    std::size_t count = 0;
    while (const Certificate one{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)})
      count += X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), one.get()) == 1 ? 1 : 0;
    ERR_clear_error();
    if (count == 0)
      return error_of("the certificate authority holds no PEM certificate",
                      "give the cluster's CA as -----BEGIN CERTIFICATE-----");
  }
  if (!credentials.client_certificate.empty()) {
    constexpr auto kRemedy = "give a PEM certificate and its key, without a passphrase";
    const Bio text = reader(credentials.client_certificate),
              key_text = reader(credentials.client_key);
    const Certificate own(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    const Key key(PEM_read_bio_PrivateKey(
        key_text.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
    ERR_clear_error();
    if (!own) return error_of("the client certificate is not PEM", kRemedy);
    if (!key) return error_of("the client certificate's key is not PEM", kRemedy);
    if (SSL_CTX_use_certificate(context.get(), own.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
      ERR_clear_error();
      return error_of("the client key is not that of the client certificate", kRemedy);
    }
    while (const Certificate one{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)})
      SSL_CTX_add1_chain_cert(context.get(), one.get());
    ERR_clear_error();
  }
  return context;
}

std::optional<Failure> Channel::connect(const std::string& host, std::uint16_t port,
                                        const Bound& bound) {
  std::vector<Endpoint> endpoints;
  if (auto failure = resolve(host, port, bound, endpoints)) return failure;
  std::optional<Failure> failure = failed(fmt::format("{} has no address", host));
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    // Each address gets its share of the time, so that one that is dead does not take all of it.
    Bound share = bound;
    const auto now = steady_clock::now();
    share.deadline = now + (bound.deadline - now) / static_cast<std::int64_t>(endpoints.size() - i);
    socket_ = connect_to(endpoints[i], share, failure);
    if (socket_ >= 0) return std::nullopt;
    if (failure->kind == Failure::Kind::Stopped) break;
  }
  return failure;
}

std::optional<Failure> Channel::begin_tls(SSL_CTX* context, const std::string& name, bool verify,
                                          const Bound& bound) {
  std::unique_ptr<SSL, Free> ssl(SSL_new(context));
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  if (!ssl || in == nullptr || out == nullptr) {
    BIO_free(in);
    BIO_free(out);
    return failed("TLS cannot be set up: " + tls_problem());
  }
  BIO_set_mem_eof_return(in, -1);  // empty: more may come
  BIO_set_mem_eof_return(out, -1);
  SSL_set_bio(ssl.get(), in, out);
  SSL_set_connect_state(ssl.get());
  constexpr unsigned char kProtocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_set_alpn_protos(ssl.get(), kProtocols, sizeof kProtocols);
  if (is_address(name)) {
    if (verify) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), name.c_str());
    if (verify) {
      SSL_set_hostflags(ssl.get(),
                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
      SSL_set1_host(ssl.get(), name.c_str());
    }
  }
  ssl_ = std::move(ssl);
  for (;;) {
    ERR_clear_error();
    const int done = SSL_connect(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), done);
    if (auto failure = flush(bound); failure && (done == 1 || error == SSL_ERROR_WANT_READ))
      return failure;
    if (done == 1) return std::nullopt;
    if (error != SSL_ERROR_WANT_READ) {
      const long verdict = SSL_get_verify_result(ssl_.get());
      if (verdict == X509_V_OK) return failed("TLS: " + tls_problem());
      ERR_clear_error();
      const bool other =
          verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
      return failed(
          other ? fmt::format("the server's certificate is not for {}", name)
                : fmt::format("the server's certificate is not trusted: {}",
                              X509_verify_cert_error_string(verdict)),
          other ? "set tls-server-name to a name that it has" : "give the CA that signed it");
    }
    bool ended = false;
    if (auto failure = feed(bound, ended)) {
      if (failure->kind == Failure::Kind::TimedOut) failure->text = "no TLS handshake in time";
      return failure;
    }
    if (ended) return failed("the connection was closed during the TLS handshake");
  }
}

std::optional<Failure> Channel::send_raw(std::string_view bytes, const Bound& bound) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto failure = wait_for(socket_, POLLOUT, bound)) return failure;
    } else if (errno != EINTR) {
      return failed("the connection broke: " + text_of(errno));
    }
  }
  return std::nullopt;
}

std::optional<Failure> Channel::receive_raw(char* to, std::size_t size, const Bound& bound,
                                            std::size_t& count) {
  for (;;) {
    // Before each read, so that a stream that never pauses ends as well when it shall.
    if (auto failure = wait_for(socket_, POLLIN, bound)) return failure;
    const ssize_t got = recv(socket_, to, size, 0);
    if (got >= 0) {
      count = static_cast<std::size_t>(got);
      return std::nullopt;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      return failed("the connection broke: " + text_of(errno));
  }
}

std::optional<Failure> Channel::flush(const Bound& bound) {
  char* bytes = nullptr;
  BIO* const out = SSL_get_wbio(ssl_.get());
  const long size = BIO_get_mem_data(out, &bytes);
  if (size <= 0) return std::nullopt;
  auto failure = send_raw({bytes, static_cast<std::size_t>(size)}, bound);
  BIO_reset(out);
  return failure;
}

std::optional<Failure> Channel::feed(const Bound& bound, bool& ended) {
  char buffer[16 * 1024];
  std::size_t count = 0;
  if (auto failure = receive_raw(buffer, sizeof buffer, bound, count)) return failure;
  ended = count == 0;
  if (!ended && BIO_write(SSL_get_rbio(ssl_.get()), buffer, static_cast<int>(count)) !=
                    static_cast<int>(count))
    return failed("TLS: out of memory");
  return std::nullopt;
}

std::optional<Failure> Channel::send(std::string_view bytes, const Bound& bound) {
  if (!ssl_) return send_raw(bytes, bound);
  while (!bytes.empty()) {
    // A piece at a time, so that a large body is not held twice.
    const std::string_view piece = bytes.substr(0, 64 * 1024);
    std::size_t count = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &count) != 1)
      return failed("TLS: " + tls_problem());
    if (auto failure = flush(bound)) return failure;
    bytes.remove_prefix(count);
  }
  return std::nullopt;
}

std::optional<Failure> Channel::receive(char* to, std::size_t size, const Bound& bound,
                                        std::size_t& count) {
  count = 0;
  if (!ssl_) return receive_raw(to, size, bound, count);
  for (;;) {
    ERR_clear_error();
    const int done = SSL_read_ex(ssl_.get(), to, size, &count);
    if (done == 1) return std::nullopt;
    const int error = SSL_get_error(ssl_.get(), done);
    count = 0;
    if (error == SSL_ERROR_ZERO_RETURN) return std::nullopt;
    if (error != SSL_ERROR_WANT_READ) return failed("TLS: " + tls_problem());
    if (auto failure = flush(bound)) return failure;  // such as the answer to a key update
    bool ended = false;
    if (auto failure = feed(bound, ended)) return failure;
    if (ended) return failed("the connection was closed");
  }
}

void Channel::end_tls() {
  if (ssl_ && socket_ >= 0) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &bytes);
    if (size > 0) [[maybe_unused]]
      const ssize_t sent =
          ::send(socket_, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
    ERR_clear_error();
  }
  ssl_.reset();
  socket_ = -1;
}

}  // namespace plimsoll::kube
