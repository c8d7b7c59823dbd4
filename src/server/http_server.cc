#include "server/http_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>

#include "server/pool.h"
#include "server/stream.h"

namespace plimsoll::server {
namespace {

// Beyond max_connections this many are still taken, to be answered with 503 instead of silence.
constexpr std::size_t kReserve = 16;
constexpr int kBacklog = 512;
// Stands in Request::local_port once httplib has read the head.
constexpr int kHeadRead = 0;
// How long a new connection waits for the place of an idle one that is being ended.
constexpr std::chrono::milliseconds kWaitForPlace{250};

struct Refusal {
  int status = 0;
  std::string message;
};

std::optional<std::uint64_t> parse_length(const std::string& text) {
  std::uint64_t length = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, length);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return length;
}

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return std::ranges::equal(type, std::string_view("application/json"), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
  });
}

/// Why the body of a request is not even read. httplib would read a chunked or a compressed one
/// without a bound on what it becomes.
std::optional<Refusal> refuse_body(const httplib::Request& request, std::size_t max_body) {
  if (request.has_header("Transfer-Encoding"))
    return Refusal{411, "the body is chunked; send it whole, with Content-Length"};
  if (!request.has_header("Content-Length")) return Refusal{411, "Content-Length is missing"};
  const auto length = parse_length(request.get_header_value("Content-Length"));
  if (!length || request.get_header_value_count("Content-Length") != 1)
    return Refusal{400, "Content-Length must be one number of bytes"};
  if (*length > max_body)
    return Refusal{413, fmt::format("the body has {} bytes, more than the {} that are taken",
                                    *length, max_body)};
  if (const auto encoding = request.get_header_value("Content-Encoding");
      !encoding.empty() && encoding != "identity")
    return Refusal{415, "Content-Encoding is not supported; send the body as it is"};
  if (!is_json(request.get_header_value("Content-Type")))
    return Refusal{415, "Content-Type must be application/json"};
  return std::nullopt;
}

std::string_view default_message(int status) {
  switch (status) {
    case 400:
      return "the request could not be read to its end";
    case 404:
      return "there is nothing at this path";
    case 408:
      return "the request took too long";
    case 413:
      return "the body is too large";
    case 414:
      return "the path is too long";
    default:
      return "the request failed";
  }
}

}  // namespace

class HttpServer::Impl final : public httplib::Server {
 public:
  Impl(const TlsContext* tls, Limits limits,
       std::function<std::string(std::string_view)> error_body)
      : tls_(tls),
        limits_(limits),
        error_body_(std::move(error_body)),
        connections_(limits.max_connections) {
    new_task_queue = [this] { return new ElasticPool(limits_.max_connections + kReserve); };
    set_tcp_nodelay(true);
    set_payload_max_length(limits.max_body);
    // Only for the headers that httplib writes; process_and_close_socket holds to the limits.
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(limits.idle).count());
    set_keep_alive_max_count(std::numeric_limits<int>::max());
    set_socket_options([](socket_t sock) {
      const int on = 1;
      setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      const auto refusal = refuse(request);
      if (!refusal) return HandlerResponse::Unhandled;
      answer_refusal(*refusal, request, response);
      return HandlerResponse::Handled;
    });
    set_expect_100_continue_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          const auto refusal = refuse(request);
          if (!refusal) return 100;
          answer_refusal(*refusal, request, response);
          return refusal->status;
        });
    // The last word on every answer. A request whose head could not be read may be followed by
    // anything; httplib sets the port only once it is read.
    set_post_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      const bool head_read = request.local_port == kHeadRead && response.status != 416;
      if (head_read && response.status != 400 && !closing_.load()) return;
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
      response.set_header("Connection", "close");
    });
    set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty())
        response.set_content(error_body_(default_message(response.status)), "application/json");
    });
    set_exception_handler(
        [this](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
          response.status = 500;
          response.set_content(error_body_("an internal error"), "application/json");
        });
  }

  void add(std::string path, bool post, server::Handler handler) {
    const bool prefix = path.ends_with("/*");
    if (prefix) path.pop_back();
    routes_.push_back({std::move(path), prefix, post, std::move(handler)});
  }

  Status bind(const std::string& address) {
    Error error;
    error.field = "listen";
    error.remedy = "use HOST:PORT, such as 0.0.0.0:8443 or [::]:8443";
    const auto colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    int port = -1;
    if (colon != std::string::npos) {
      const char* const end = address.data() + address.size();
      const auto [stop, problem] = std::from_chars(address.data() + colon + 1, end, port);
      if (problem != std::errc{} || stop != end || port > 65535) port = -1;
    }
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (port < 0 || (!bracketed && host.find(':') != std::string::npos)) {
      error.message = fmt::format("\"{}\" is not an address", address);
      return error;
    }
    errno = 0;
    const std::string to_bind = host.empty() ? "0.0.0.0" : host;
    if (port == 0)
      port = bind_to_any_port(to_bind);
    else if (!bind_to_port(to_bind, port))
      port = -1;
    if (port < 0) {
      error.message = fmt::format("cannot listen on {}{}{}", address, errno != 0 ? ": " : "",
                                  errno != 0 ? std::strerror(errno) : "");
      error.remedy = "choose an address of this machine and a port that is free";
      return error;
    }
    // httplib asks for a queue of 5, which a burst of new connections overflows.
    ::listen(svr_sock_.load(), kBacklog);
    address_ = bracketed ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
    return {};
  }

  bool run() {
    install_routes();
    return listen_after_bind();
  }

  void start_closing() {
    closing_.store(true);
    connections_.end_idle();
  }

  void drain(std::chrono::milliseconds grace) {
    start_closing();
    wait_until_ready();
    stop();
    const auto deadline = Clock::now() + grace;
    while (connections_.count() > 0 && Clock::now() < deadline) {
      connections_.end_idle();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ending_.store(true);
    connections_.end_all();
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t connections() const { return connections_.count(); }

 private:
  struct Route {
    std::string path;
    bool prefix, post;
    server::Handler handler;  // httplib::Server has a Handler of its own
  };

  [[nodiscard]] const Route* find(std::string_view path) const {
    const auto at = std::ranges::find_if(routes_, [&](const Route& route) {
      return route.prefix ? path.starts_with(route.path) && path.size() > route.path.size()
                          : path == route.path;
    });
    return at == routes_.end() ? nullptr : &*at;
  }

  [[nodiscard]] std::optional<Refusal> refuse(const httplib::Request& request) const {
    const Route* const route = find(request.path);
    if (route == nullptr) return Refusal{404, fmt::format("there is nothing at {}", request.path)};
    if (request.method != (route->post ? "POST" : "GET"))
      return Refusal{405,
                     fmt::format("{} takes {} only", request.path, route->post ? "POST" : "GET")};
    if (route->post) return refuse_body(request, limits_.max_body);
    if (request.has_header("Transfer-Encoding") ||
        (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0"))
      return Refusal{400, "GET takes no body"};
    return std::nullopt;
  }

  void answer_refusal(const Refusal& refusal, const httplib::Request& request,
                      httplib::Response& response) const {
    if (refusal.status == 405)
      response.set_header("Allow", find(request.path)->post ? "POST" : "GET");
    response.status = refusal.status;
    response.set_content(error_body_(refusal.message), "application/json");
  }

  // httplib matches patterns with std::regex, which is slow and recurses on long paths, except
  // those of named segments: one such for each depth, and the route is found by find().
  void install_routes() {
    const auto dispatch = [this](const httplib::Request& request, httplib::Response& response) {
      server::Response answer =
          find(request.path)->handler(server::Request{request.path, request.body});
      response.status = answer.status;
      response.set_content(std::move(answer.body), std::string(answer.content_type));
    };
    for (const char* pattern : {"/:a", "/:a/:b", "/:a/:b/:c"}) {
      Post(pattern, dispatch);
      Get(pattern, dispatch);
    }
  }

  bool process_and_close_socket(socket_t socket) override {
    ++counts_.accepted;
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
    Connections::Slot* const slot = place_for(socket);
    serve(socket, slot);
    if (slot != nullptr) connections_.release(slot);
    ::close(socket);
    return true;
  }

  Connections::Slot* place_for(int socket) {
    if (auto* const slot = connections_.acquire(socket)) return slot;
    if (!connections_.end_longest_idle()) return nullptr;
    ++counts_.evicted;
    for (const auto deadline = Clock::now() + kWaitForPlace; Clock::now() < deadline;) {
      if (auto* const slot = connections_.acquire(socket)) return slot;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return nullptr;
  }

  void serve(int socket, Connections::Slot* slot) {
    const std::shared_ptr<SSL_CTX> context = tls_ != nullptr ? tls_->current() : nullptr;
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(context ? SSL_new(context.get()) : nullptr,
                                                        SSL_free);
    if (context) {
      if (!ssl) return;
      SSL_set_fd(ssl.get(), socket);
    }
    BufferedStream stream(socket, ssl.get());
    if (ssl && !stream.handshake(Clock::now() + limits_.handshake)) {
      ++counts_.handshake_failures;
      return;
    }
    if (slot == nullptr) {
      shed(stream);
      return;
    }
    bool trusted = true;
    while (trusted) {
      slot->idle();
      // Whoever comes after the last look at the connections ends by itself.
      if (ending_.load()) return;
      const bool readable = stream.wait_for_request(Clock::now() + limits_.idle);
      if (!slot->busy() || !readable) return;
      stream.start_request(Clock::now() + limits_.request);
      trusted = false;
      bool closed = false;
      const bool ok = process_request(stream, "", 0, "", kHeadRead, closing_.load(), closed,
                                      [&](httplib::Request& request) {
                                        stream.head_read();
                                        trusted = !refuse(request);
                                        if (trusted) return;
                                        ++counts_.refused;
                                        request.headers.erase("Connection");
                                        request.set_header("Connection", "close");
                                      });
      if (!stream.flush() || !ok) return;
      if (closed || closing_.load()) break;
    }
    stream.close_gracefully(!trusted);
  }

  void shed(BufferedStream& stream) {
    ++counts_.shed;
    const std::string body = error_body_("every connection is taken; try again");
    const std::string answer =
        fmt::format("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                    "Content-Length: {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{}",
                    body.size(), body);
    stream.write(answer.data(), answer.size());
    stream.flush();
    stream.close_gracefully(true);
  }

  const TlsContext* const tls_;
  const Limits limits_;
  const std::function<std::string(std::string_view)> error_body_;
  std::vector<Route> routes_;
  std::string address_;
  Connections connections_;
  Counts counts_;
  std::atomic<bool> closing_{false}, ending_{false};
};

HttpServer::HttpServer(const TlsContext* tls, Limits limits,
                       std::function<std::string(std::string_view)> error_body)
    : impl_(std::make_unique<Impl>(tls, limits, std::move(error_body))) {}
HttpServer::~HttpServer() = default;

void HttpServer::post(std::string path, Handler handler) {
  impl_->add(std::move(path), true, std::move(handler));
}
void HttpServer::get(std::string path, Handler handler) {
  impl_->add(std::move(path), false, std::move(handler));
}
Status HttpServer::bind(const std::string& address) { return impl_->bind(address); }
const std::string& HttpServer::address() const { return impl_->address(); }
bool HttpServer::run() { return impl_->run(); }
void HttpServer::start_closing() { impl_->start_closing(); }
void HttpServer::drain(std::chrono::milliseconds grace) { impl_->drain(grace); }
const Counts& HttpServer::counts() const { return impl_->counts(); }
std::size_t HttpServer::connections() const { return impl_->connections(); }

}  // namespace plimsoll::server
