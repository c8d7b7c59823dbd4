#include "server/http_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>

#include "server/connection.h"
#include "server/worker.h"

namespace plimsoll::server {
namespace {

// Beyond max_connections this many are still taken, to be answered with 503 instead of silence.
constexpr std::size_t kReserve = 16;
constexpr int kBacklog = 512;
// How long to wait when the process has no descriptor left.
constexpr std::chrono::milliseconds kNoDescriptor{10};
// What is known of a request, in Request::local_port: httplib leaves -1 there when it cannot read
// the head.
constexpr int kTaken = 0, kRefused = 1;
// The bodies that are buffered at once are of this many times the largest one's size at most.
constexpr std::size_t kBodies = 8;
// When a drain begins, how long a client that has just connected may take over its request.
constexpr std::chrono::milliseconds kForNewcomers{1000};

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

/// Why the body of a request is not even looked at.
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
    case 431:
      return "the head is too large";
    case 503:
      return "every place is taken; try again";
    default:
      return "the request failed";
  }
}

bool says_close(std::string_view answer) {
  return answer.substr(0, answer.find("\r\n\r\n") + 2).find("\r\nConnection: close\r\n") !=
         std::string_view::npos;
}

}  // namespace

/// What httplib reads a request from and writes its answer to: memory.
class MemoryStream final : public httplib::Stream {
 public:
  MemoryStream(std::string_view input, std::string& output) : input_(input), output_(output) {}

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t count = input_.copy(to, size);
    input_.remove_prefix(count);
    return count > 0 || size == 0 ? static_cast<ssize_t>(count) : -1;
  }
  ssize_t write(const char* from, std::size_t size) override {
    output_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return 0; }
  /// What was not read yet.
  [[nodiscard]] std::string_view left() const { return input_; }

 private:
  std::string_view input_;
  std::string& output_;
};

class HttpServer::Impl final : public httplib::Server, private Exchange {
 public:
  Impl(const TlsContext* tls, Limits limits,
       std::function<std::string(std::string_view)> error_body)
      : tls_(tls),
        limits_(limits),
        error_body_(std::move(error_body)),
        connections_(limits.max_connections,
                     kBodies * (limits.max_body + Connection::kMaxHeadBytes)) {
    set_tcp_nodelay(true);
    set_payload_max_length(limits.max_body);
    // Only for the headers that httplib writes; the connections hold to the limits.
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(limits.idle).count());
    set_keep_alive_max_count(std::numeric_limits<int>::max());
    set_socket_options([](socket_t sock) {
      const int on = 1;
      setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    // httplib's own routing would match patterns, and copy the body once more.
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      if (request.local_port == kRefused)
        answer_refusal(*refuse_whole(request), request, response);
      else
        answer_by_route(request, response);
      return HandlerResponse::Handled;
    });
    // The last word on every answer. A request that was not taken may be followed by anything.
    set_post_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      const bool taken = request.local_port == kTaken && response.status != 416;
      if (taken && !closing_.load()) return;
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

  ~Impl() override {
    if (svr_sock_ != INVALID_SOCKET) ::close(svr_sock_.exchange(INVALID_SOCKET));
    ::close(stop_event_);
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
    const std::size_t threads =
        limits_.threads > 0 ? limits_.threads : std::max(2U, std::thread::hardware_concurrency());
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::size_t i = 0; i < threads; ++i)
      workers.push_back(std::make_unique<Worker>([this](const Connection& connection) {
        if (connection.shed()) --shedding_;
      }));
    running_.store(true);
    running_.notify_all();
    const bool ok = accept_until_drained(workers);
    // Who still stands in its queue is turned away, and goes elsewhere.
    ::close(svr_sock_.exchange(INVALID_SOCKET));
    // Until drain() has ended what is under way; it may not even have begun.
    draining_done_.wait(false);
    return ok;
  }

  void start_closing() { closing_.store(true); }

  void drain(std::chrono::milliseconds grace) {
    start_closing();
    running_.wait(false);
    stop_accepting();
    const auto begin = Clock::now();
    for (auto now = begin; connections_.count() > 0 && now - begin < grace; now = Clock::now()) {
      if (now - begin < kForNewcomers)
        connections_.end_idle();
      else
        connections_.end_waiting();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    connections_.end_all();
    draining_done_.store(true);
    draining_done_.notify_all();
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t connections() const { return connections_.count(); }
  [[nodiscard]] std::uint64_t evicted() const { return connections_.evicted(); }

 private:
  struct Route {
    std::string path;
    bool prefix, post;
    server::Handler handler;  // httplib::Server has a Handler of its own
  };

  /// The request that this thread is at: httplib hands nothing of ours through to its handlers.
  struct Turn {
    server::Response* given;  // its answer, if it is there already
    Later later;              // who will give it, if it is not
  };
  static thread_local Turn* turn_;

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

  /// The same of a request with its body.
  [[nodiscard]] std::optional<Refusal> refuse_whole(const httplib::Request& request) const {
    auto refusal = refuse(request);
    // httplib decodes what stands in a head, so a length may not be the one that was waited for.
    if (!refusal && request.has_header("Content-Length") &&
        parse_length(request.get_header_value("Content-Length")) != request.body.size())
      refusal = Refusal{400, "the body is not as long as Content-Length says"};
    return refusal;
  }

  void answer_refusal(const Refusal& refusal, const httplib::Request& request,
                      httplib::Response& response) const {
    if (refusal.status == 405)
      response.set_header("Allow", find(request.path)->post ? "POST" : "GET");
    response.status = refusal.status;
    response.set_content(error_body_(refusal.message), "application/json");
  }

  void answer_by_route(const httplib::Request& request, httplib::Response& response) const {
    server::Response given;
    if (turn_->given != nullptr) {
      given = std::move(*turn_->given);
    } else {
      const std::string_view target = request.target;
      const auto query = std::min(target.find('?'), target.size() - 1);
      Reply answer =
          find(request.path)
              ->handler(server::Request{request.path, target.substr(query + 1), request.body});
      if (auto* const later = std::get_if<Later>(&answer)) {
        turn_->later = std::move(*later);
        return;
      }
      given = std::get<server::Response>(std::move(answer));
    }
    response.status = given.status;
    response.set_content(std::move(given.body), std::string(given.content_type));
  }

  // Ends when drain() wants no more connections; false: the socket cannot be listened to.
  bool accept_until_drained(const std::vector<std::unique_ptr<Worker>>& workers) {
    bool stopping = false;
    for (int late = 0;;) {
      std::array<pollfd, 2> items = {{{svr_sock_.load(), POLLIN, 0}, {stop_event_, POLLIN, 0}}};
      if (poll(items.data(), items.size(), stopping ? 0 : -1) < 0 && errno != EINTR) return false;
      // Those who stand in the queue already are still taken, but not whoever comes without end.
      stopping = items[1].revents != 0;
      if (stopping && (items[0].revents == 0 || ++late > kBacklog)) return true;
      if (items[0].revents == 0) continue;  // poll() was interrupted: accept4() would wait
      const int socket = accept4(svr_sock_.load(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket >= 0)
        place(socket, workers);
      else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        std::this_thread::sleep_for(kNoDescriptor);  // until a connection has gone
    }
  }

  void place(int socket, const std::vector<std::unique_ptr<Worker>>& workers) {
    ++counts_.accepted;
    const std::shared_ptr<SSL_CTX> context = tls_ != nullptr ? tls_->current() : nullptr;
    SSL* const ssl = context ? SSL_new(context.get()) : nullptr;
    if (tls_ != nullptr && (ssl == nullptr || SSL_set_fd(ssl, socket) != 1)) {
      SSL_free(ssl);
      ::close(socket);
      return;
    }
    Connections::Slot* const slot = connections_.acquire(socket);
    if (slot == nullptr) {
      ++counts_.shed;
      if (shedding_.load() >= kReserve) {
        SSL_free(ssl);
        ::close(socket);
        return;
      }
      ++shedding_;
    }
    Exchange& exchange = *this;
    choose(workers).give(std::make_unique<Connection>(socket, ssl, connections_, slot, exchange,
                                                      limits_, Clock::now()));
  }

  // The first worker that is neither full nor stalled, or else the one with the fewest connections.
  [[nodiscard]] Worker& choose(const std::vector<std::unique_ptr<Worker>>& workers) const {
    const auto now = Clock::now();
    for (const auto& worker : workers)
      if (worker->count() < limits_.fill && !worker->stalled(now)) return *worker;
    return **std::ranges::min_element(workers, {}, [](const auto& w) { return w->count(); });
  }

  // --- what a connection asks --------------------------------------------------------------------

  Answered answer(std::string_view request, bool last, server::Response* given,
                  std::string& out) override {
    MemoryStream stream(request, out);
    const std::size_t begin = out.size();
    Turn turn{.given = given, .later = {}};
    turn_ = &turn;
    bool taken = false, closed = false;
    const bool ok =
        process_request(stream, "", 0, "", kTaken, last, closed, [&](httplib::Request& read) {
          read.body = stream.left();
          read.headers.erase("Expect");  // what it asks for is here
          read.ranges.clear();           // of a part nobody could make sense
          taken = !refuse_whole(read);
          if (taken) return;
          ++counts_.refused;
          read.local_port = kRefused;
        });
    if (turn.later) {
      out.resize(begin);  // what httplib made of no answer
      return {.later = std::move(turn.later)};
    }
    return {.last = !ok || !taken || closed || says_close(std::string_view(out).substr(begin)),
            .unread = !taken,
            .later = {}};
  }

  HeadVerdict look(std::string_view head) override {
    struct Looked {};
    HeadVerdict verdict{.answer_now = true};
    std::string ignored;
    MemoryStream stream(head, ignored);
    bool closed = false;
    try {
      process_request(stream, "", 0, "", kTaken, true, closed, [&](httplib::Request& read) {
        verdict.answer_now = refuse(read).has_value();
        verdict.invite = !verdict.answer_now && read.get_header_value("Expect") == "100-continue";
        throw Looked{};  // httplib has no other way out before it answers
      });
    } catch (const Looked&) {
    }
    return verdict;
  }

  std::string refusal(int status) override {
    if (status != 503) ++counts_.refused;
    const std::string body = error_body_(default_message(status));
    return fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}"
        "Connection: close\r\n\r\n{}",
        status, httplib::status_message(status), body.size(),
        status == 503 ? "Retry-After: 1\r\n" : "", body);
  }

  void handshake_failed() override { ++counts_.handshake_failures; }

  void stop_accepting() {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(stop_event_, &one, sizeof one));
  }

  const TlsContext* const tls_;
  const Limits limits_;
  const std::function<std::string(std::string_view)> error_body_;
  std::vector<Route> routes_;
  std::string address_;
  Connections connections_;
  Counts counts_;
  std::atomic<std::size_t> shedding_{0};
  std::atomic<bool> closing_{false}, running_{false}, draining_done_{false};
  const int stop_event_ = eventfd(0, EFD_CLOEXEC);
};

thread_local HttpServer::Impl::Turn* HttpServer::Impl::turn_ = nullptr;

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
std::uint64_t HttpServer::evicted() const { return impl_->evicted(); }

}  // namespace plimsoll::server
