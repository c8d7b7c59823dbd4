#include "kube/http_transport.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "kube/channel.h"
#include "kube/credentials.h"
#include "kube/proxy.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxProxyHead = 16 * 1024;

/// What is the same for all connections.
struct Server {
  Url url;
  std::optional<Url> proxy;
  std::string name;  ///< what the certificate must be for
  bool verify = true;
};

/// One exchange: its limits, and what became of it.
struct Exchange {
  Bound head;                        ///< to the end of the answer, or of a stream's head
  std::optional<milliseconds> idle;  ///< of a stream
  std::size_t max_body = 0;
  std::function<bool(std::string_view)> take;  ///< of a stream: gets the body of a 200

  bool answered = false;   ///< a byte of the answer came
  bool streaming = false;  ///< the head of a stream came, with 200
  bool refused = false;    ///< take() wants no more
  bool too_large = false;
  std::optional<Failure> failure;

  [[nodiscard]] Bound bound() const {
    return streaming ? Bound{steady_clock::now() + *idle, head.stop} : head;
  }
};

/// What httplib's client writes its request to and reads the answer from.
class ChannelStream final : public httplib::Stream {
 public:
  ChannelStream(Channel& channel, Exchange& exchange) : channel_(channel), exchange_(exchange) {}

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    // What is written is gathered until an answer is waited for: one packet in most cases.
    if (!output_.empty()) {
      exchange_.failure = channel_.send(std::exchange(output_, {}), exchange_.bound());
      if (exchange_.failure) return -1;
    }
    if (at_ == end_) {
      at_ = end_ = 0;
      exchange_.failure = channel_.receive(buffer_, sizeof buffer_, exchange_.bound(), end_);
      if (exchange_.failure) return -1;
      if (end_ == 0) {
        ended_ = true;
        return 0;
      }
      exchange_.answered = true;
    }
    const std::size_t count = std::min(size, end_ - at_);
    std::copy_n(buffer_ + at_, count, to);
    at_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, std::size_t size) override {
    output_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return channel_.socket(); }

  /// The peer ended in an orderly way.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Bytes that no answer accounts for.
  [[nodiscard]] bool left() const { return at_ != end_; }

 private:
  Channel& channel_;
  Exchange& exchange_;
  std::string output_;
  char buffer_[16 * 1024];
  std::size_t at_ = 0, end_ = 0;
  bool ended_ = false;
};

class Connection final : public httplib::ClientImpl {
 public:
  Connection(const Server& server, std::shared_ptr<SSL_CTX> context)
      : ClientImpl(server.url.host, server.url.port),
        server_(server),
        context_(std::move(context)) {
    set_keep_alive(true);
    set_url_encode(false);
    set_decompress(false);
    set_follow_location(false);
  }
  ~Connection() override { channel_.end_tls(); }

  /// False: no whole answer; the exchange says why.
  bool exchange(httplib::Request request, httplib::Response& response, Exchange& exchange) {
    exchange_ = &exchange;
    request.response_handler = [&](const httplib::Response& head) {
      exchange.streaming = exchange.idle.has_value() && head.status == 200;
      exchange.refused = exchange.streaming && !exchange.take({});
      return !exchange.refused;
    };
    request.content_receiver = [&](const char* bytes, std::size_t size, std::uint64_t,
                                   std::uint64_t) {
      if (exchange.streaming) {
        exchange.refused = !exchange.take({bytes, size});
        return !exchange.refused;
      }
      exchange.too_large = size > exchange.max_body - response.body.size();
      if (!exchange.too_large) response.body.append(bytes, size);
      return !exchange.too_large;
    };
    httplib::Error error = httplib::Error::Success;
    const bool done = send(request, response, error);
    exchange_ = nullptr;
    if (!done && !exchange.failure)
      exchange.failure =
          Failure{Failure::Kind::Other,
                  exchange.answered ? "the answer is not HTTP/1.1, or was cut short"
                                    : "the connection was closed before an answer came",
                  ""};
    return done;
  }

  /// The last exchange was not the first.
  [[nodiscard]] bool reused() const { return exchanges_ > 1; }
  /// May have another one.
  [[nodiscard]] bool reusable() const { return !spoilt_ && is_socket_open() != 0; }
  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }

 private:
  bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
    exchanges_ = 0;
    const Url& first = server_.proxy ? *server_.proxy : server_.url;
    auto failure = channel_.connect(first.host, first.port, exchange_->head);
    if (failure && server_.proxy) failure->text += fmt::format(" (proxy {})", first.authority());
    const int opened = channel_.socket();
    if (!failure && server_.proxy) failure = connect_through_proxy();
    if (!failure && server_.url.tls)
      failure = channel_.begin_tls(context_.get(), server_.name, server_.verify, exchange_->head);
    if (!failure) {
      socket.sock = opened;
      return true;
    }
    channel_.end_tls();
    if (opened >= 0) ::close(opened);
    exchange_->failure = std::move(failure);
    error = httplib::Error::Connection;
    return false;
  }

  std::optional<Failure> connect_through_proxy() {
    const std::string to = server_.url.authority();
    std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", to);
    if (!server_.proxy->user_info.empty())
      head +=
          fmt::format("Proxy-Authorization: Basic {}\r\n", encode_base64(server_.proxy->user_info));
    if (auto failure = channel_.send(head + "\r\n", exchange_->head)) return failure;
    std::string answer;
    // The server speaks only after the client, so nothing of it is read here.
    while (answer.find("\r\n\r\n") == std::string::npos) {
      char buffer[4096];
      std::size_t count = 0;
      auto failure = channel_.receive(buffer, sizeof buffer, exchange_->head, count);
      if (!failure && (count == 0 || answer.size() + count > kMaxProxyHead))
        failure = Failure{Failure::Kind::Other, "it does not answer CONNECT", ""};
      if (failure) {
        failure->text = fmt::format("proxy {}: {}", server_.proxy->authority(), failure->text);
        return failure;
      }
      answer.append(buffer, count);
    }
    const std::string line = answer.substr(0, answer.find("\r\n"));
    if (line.starts_with("HTTP/1.") && line.size() >= 12 && line.substr(8, 2) == " 2")
      return std::nullopt;
    return Failure{Failure::Kind::Other,
                   fmt::format("proxy {}: CONNECT {} is answered with \"{}\"",
                               server_.proxy->authority(), to, line.substr(0, 100)),
                   "name the server in NO_PROXY, or give the proxy that leads to it"};
  }

  void shutdown_ssl(Socket&, bool) override { channel_.end_tls(); }

  bool process_socket(const Socket&, std::function<bool(httplib::Stream&)> callback) override {
    ++exchanges_;
    ChannelStream stream(channel_, *exchange_);
    const bool done = callback(stream);
    spoilt_ = stream.ended() || stream.left();
    return done;
  }

  const Server& server_;
  const std::shared_ptr<SSL_CTX> context_;
  Channel channel_;
  Exchange* exchange_ = nullptr;
  unsigned exchanges_ = 0;  ///< on the socket of now
  bool spoilt_ = false;
};

/// Turns a stop request into something that poll() sees.
class StopSignal {
 public:
  StopSignal() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~StopSignal() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  void raise() const { eventfd_write(descriptor_, 1); }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

class HttpTransport::Impl {
 public:
  Impl(ClusterConfig cluster, HttpOptions options, Server server)
      : cluster_(std::move(cluster)), options_(std::move(options)), server_(std::move(server)) {}

  /// The request as whoever the credentials say at the time, and once more when they are refused.
  Result<Response> run(const Request& request, const Exchange& limits) {
    Credentials credentials;
    if (cluster_.credentials) {
      auto current = cluster_.credentials->current();
      if (!current) return current.error();
      credentials = std::move(*current);
    }
    Result<Response> response = attempt(request, limits, credentials);
    if (!response || response->status != 401 || !cluster_.credentials) return response;
    cluster_.credentials->refused(credentials);
    auto fresh = cluster_.credentials->current();
    if (!fresh) return fresh.error();
    // What was refused a moment ago would be again.
    return *fresh == credentials ? response : attempt(request, limits, *fresh);
  }

  [[nodiscard]] const HttpOptions& options() const { return options_; }

  Result<std::shared_ptr<SSL_CTX>> context_for(const Credentials& credentials) {
    if (!server_.url.tls) return {std::shared_ptr<SSL_CTX>()};
    std::string ca = cluster_.ca_pem;
    if (!cluster_.ca_file.empty()) {
      auto text = read_text(cluster_.ca_file);
      if (!text) {
        Error error = text.error();
        error.remedy = "give the CA of the API server";
        return error;
      }
      ca = std::move(*text);
    }
    const std::lock_guard lock(mutex_);
    if (!context_ || ca != context_ca_ ||
        credentials.client_certificate != context_credentials_.client_certificate ||
        credentials.client_key != context_credentials_.client_key) {
      auto context = client_context(ca, server_.verify, credentials);
      if (!context) {
        // Of a pair that is being replaced one half may have been read: the next one reads again.
        if (cluster_.credentials) cluster_.credentials->refused(credentials);
        Error error = context.error();
        error.file = cluster_.origin;
        return error;
      }
      context_ = std::move(*context);
      context_ca_ = std::move(ca);
      context_credentials_ = credentials;
    }
    return context_;
  }

 private:
  Result<Response> attempt(const Request& request, const Exchange& limits,
                           const Credentials& credentials) {
    auto context = context_for(credentials);
    if (!context) return context.error();
    httplib::Request asked;
    asked.method = request.method;
    asked.path = server_.url.path + request.path;
    asked.body = request.body;
    asked.set_header("Host", server_.url.authority());
    asked.set_header("User-Agent", options_.user_agent);
    asked.set_header("Accept", request.accept);
    if (!request.body.empty()) asked.set_header("Content-Type", request.content_type);
    // In clear text it would be everybody's.
    if (!credentials.authorization.empty() && server_.url.tls)
      asked.set_header("Authorization", credentials.authorization);

    Exchange exchange = limits;
    exchange.head.deadline = steady_clock::now() + request.timeout;
    for (;;) {
      std::unique_ptr<Connection> connection = take(*context);
      httplib::Response answer;
      exchange.failure.reset();
      exchange.answered = false;
      const bool done = connection->exchange(asked, answer, exchange);
      const bool reused = connection->reused();
      if (done) {
        give(std::move(connection));
        return response_of(answer);
      }
      // Stopped, or enough of it.
      if (exchange.refused) return Response{200, "", {}};
      if (exchange.too_large)
        return error_of(request, fmt::format("the answer is larger than {} MiB",
                                             exchange.max_body / 1024 / 1024));
      const Failure& failure = *exchange.failure;
      if (exchange.streaming && failure.kind == Failure::Kind::Stopped)
        return Response{200, "", {}};
      if (reused && !exchange.answered && failure.kind != Failure::Kind::Stopped) {
        // The others are as old.
        drop_idle();
        if (request.method == "GET" && failure.kind == Failure::Kind::Other) continue;
      }
      std::string text = failure.text;
      if (failure.kind == Failure::Kind::TimedOut)
        text += exchange.streaming
                    ? fmt::format(" (nothing came for {} ms)", exchange.idle->count())
                    : fmt::format(" ({} ms)", request.timeout.count());
      return error_of(request, text, failure.remedy);
    }
  }

  static Response response_of(httplib::Response& answer) {
    Response response;
    response.status = answer.status;
    response.body = std::move(answer.body);
    const std::string wait = answer.get_header_value("Retry-After");
    unsigned seconds = 0;
    // A date, which it may be as well, no API server sends.
    const auto [end, problem] = std::from_chars(wait.data(), wait.data() + wait.size(), seconds);
    if (problem == std::errc() && end == wait.data() + wait.size())
      response.retry_after = std::chrono::seconds(seconds);
    std::tm date{};
    const std::string text = answer.get_header_value("Date");
    if (const char* const rest = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
        rest != nullptr && *rest == '\0')
      response.date = std::chrono::sys_seconds(std::chrono::seconds(timegm(&date)));
    return response;
  }

  [[nodiscard]] Error error_of(const Request& request, std::string_view problem,
                               std::string remedy = "") const {
    Error error;
    error.message = fmt::format("{}: {} {}: {}", server_.url.authority(), request.method,
                                request.path.substr(0, request.path.find('?')), problem);
    error.remedy = std::move(remedy);
    return error;
  }

  std::unique_ptr<Connection> take(const std::shared_ptr<SSL_CTX>& context) {
    std::vector<std::unique_ptr<Connection>> old;  // says goodbye outside the lock
    {
      const std::lock_guard lock(mutex_);
      while (!idle_.empty()) {
        auto last = std::move(idle_.back());
        idle_.pop_back();
        if (last->context() == context.get()) return last;
        old.push_back(std::move(last));
      }
    }
    return std::make_unique<Connection>(server_, context);
  }

  void give(std::unique_ptr<Connection> connection) {
    if (!connection->reusable()) return;
    const std::lock_guard lock(mutex_);
    if (idle_.size() < options_.max_idle) idle_.push_back(std::move(connection));
  }

  void drop_idle() {
    std::vector<std::unique_ptr<Connection>> old;
    const std::lock_guard lock(mutex_);
    old.swap(idle_);
  }

  const ClusterConfig cluster_;
  const HttpOptions options_;
  const Server server_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<SSL_CTX> context_;
  std::string context_ca_;
  Credentials context_credentials_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

HttpTransport::HttpTransport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpTransport::~HttpTransport() = default;

Result<std::unique_ptr<HttpTransport>> HttpTransport::make(ClusterConfig cluster,
                                                           HttpOptions options) {
  const auto error_at = [&](Error error) {
    error.file = cluster.origin;
    if (error.field.empty()) error.field = "server";
    return error;
  };
  auto url = parse_url(cluster.server);
  if (!url) return error_at(url.error());
  auto proxy = proxy_for(*url, cluster.proxy_url, options.environment);
  if (!proxy) {
    Error error = proxy.error();
    error.field = "proxy";
    return error_at(std::move(error));
  }
  if (cluster.insecure_skip_tls_verify && !(cluster.ca_pem.empty() && cluster.ca_file.empty())) {
    Error error;
    error.field = "insecure-skip-tls-verify";
    error.message = "a certificate authority is given, and is not to be used";
    error.remedy = "remove one of the two";
    return error_at(std::move(error));
  }
  Server server;
  server.url = std::move(*url);
  server.proxy = std::move(*proxy);
  server.name = cluster.tls_server_name.empty() ? server.url.host : cluster.tls_server_name;
  server.verify = !cluster.insecure_skip_tls_verify;
  auto impl = std::make_unique<Impl>(std::move(cluster), std::move(options), std::move(server));
  // A CA that is none is known before the first request.
  if (auto context = impl->context_for({}); !context) return context.error();
  return std::unique_ptr<HttpTransport>(new HttpTransport(std::move(impl)));
}

Result<Response> HttpTransport::send(const Request& request) {
  Exchange limits;
  limits.max_body = impl_->options().max_response;
  return impl_->run(request, limits);
}

Result<Response> HttpTransport::stream(const Request& request, milliseconds idle,
                                       const std::stop_token& stop,
                                       const std::function<bool(std::string_view bytes)>& take) {
  const StopSignal signal;
  const std::stop_callback raise(stop, [&] { signal.raise(); });
  Exchange limits;
  limits.head.stop = signal.descriptor();
  limits.idle = idle;
  limits.max_body = impl_->options().max_response;
  limits.take = take;
  return impl_->run(request, limits);
}

}  // namespace plimsoll::kube
