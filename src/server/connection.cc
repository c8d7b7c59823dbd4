#include "server/connection.h"

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <limits>
#include <utility>

namespace plimsoll::server {
namespace {

// As httplib reads it; a line before it that ends otherwise is refused.
constexpr std::string_view kHeadEnd = "\n\r\n";
// A body of this size is waited for before its head is looked at, which costs more than the wait.
constexpr std::uint64_t kAwaited = 64 * 1024;
// After this many answers, or reads, the others have their turn.
constexpr int kMostAnswers = 16, kMostReads = 16;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// What an idle connection may keep of its buffers.
constexpr std::size_t kKeepBytes = 32 * 1024;
// Of a connection that waits for no event of its socket. An error is told in any case, once.
constexpr std::uint32_t kNothing = EPOLLET;
// After the last answer, how long and how much of what still comes is dropped.
constexpr std::chrono::milliseconds kLinger{500};
constexpr std::size_t kMostDropped = 16 * 1024 * 1024;

/// What matters of a head before httplib reads it.
struct Head {
  bool clear = true;       ///< no two readers could take it for different ones
  std::uint64_t body = 0;  ///< its Content-Length, if that is a number
  bool expects = false;    ///< the client may wait for 100 Continue
};

// Source: RFC 9110, 5.6.2, tchar.
constexpr auto kNameCharacters = [] {
  std::array<bool, 256> is{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    is[static_cast<unsigned char>(c)] = true;
  return is;
}();

bool same_name(std::string_view name, std::string_view lower) {
  return std::ranges::equal(
      name, lower, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

// Whether the request may have the body that it announces is not decided here.
Head read_head(std::string_view text) {
  Head head;
  bool request_line = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == 0 || text[end - 1] != '\r') return {.clear = false};
    const auto line = text.substr(0, end - 1);
    text.remove_prefix(end + 1);
    if (std::exchange(request_line, false) || line.empty()) continue;
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    if (name.empty() || colon == std::string_view::npos ||
        !std::ranges::all_of(name, [](unsigned char c) { return kNameCharacters[c]; }))
      return {.clear = false};
    head.expects = head.expects || same_name(name, "expect");
    if (!same_name(name, "content-length")) continue;
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    std::from_chars(value.data(), value.data() + value.size(), head.body);
  }
  return head;
}

bool more_has_come(int socket) {
  char byte = 0;
  return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace

Connection::Connection(int socket, SSL* ssl, Connections& connections, Connections::Slot* slot,
                       Exchange& exchange, const Limits& limits, Clock::time_point now)
    : socket_(socket),
      ssl_(ssl, SSL_free),
      connections_(connections),
      slot_(slot),
      exchange_(exchange),
      limits_(limits),
      deadline_(now + limits.handshake) {}

Connection::~Connection() {
  if (waiting_) waiting_->connection = nullptr;
  input_.clear();
  account();
  if (slot_ != nullptr) connections_.release(slot_);
  ::close(socket_);
}

Connection::Io Connection::receive(std::span<char> to) {
  if (!ssl_) {
    const ssize_t got = recv(socket_, to.data(), to.size(), 0);
    if (got > 0) return {static_cast<std::size_t>(got), 0};
    return {0, got < 0 && (errno == EAGAIN || errno == EINTR) ? EPOLLIN : 0U};
  }
  ERR_clear_error();
  std::size_t got = 0;
  if (SSL_read_ex(ssl_.get(), to.data(), to.size(), &got) == 1) return {got, 0};
  const int error = SSL_get_error(ssl_.get(), 0);
  return {0, error == SSL_ERROR_WANT_READ    ? EPOLLIN
             : error == SSL_ERROR_WANT_WRITE ? EPOLLOUT
                                             : 0U};
}

Connection::Io Connection::send(std::string_view from) {
  if (!ssl_) {
    const ssize_t sent = ::send(socket_, from.data(), from.size(), MSG_NOSIGNAL);
    if (sent > 0) return {static_cast<std::size_t>(sent), 0};
    return {0, errno == EAGAIN || errno == EINTR ? EPOLLOUT : 0U};
  }
  ERR_clear_error();
  std::size_t sent = 0;
  if (SSL_write_ex(ssl_.get(), from.data(), from.size(), &sent) == 1) return {sent, 0};
  const int error = SSL_get_error(ssl_.get(), 0);
  return {0, error == SSL_ERROR_WANT_WRITE  ? EPOLLOUT
             : error == SSL_ERROR_WANT_READ ? EPOLLIN
                                            : 0U};
}

void Connection::reply(std::string answer) {
  std::string().swap(input_);
  account();
  output_ = std::move(answer);
  sent_ = 0;
  last_ = unread_ = true;
  state_ = State::Sending;
}

void Connection::become_idle(Clock::time_point now) {
  state_ = State::Receiving;
  searched_ = needed_ = 0;
  if (!input_.empty()) {
    deadline_ = now + limits_.request;
    return;
  }
  if (input_.capacity() > kKeepBytes) std::string().swap(input_);
  if (output_.capacity() > kKeepBytes) std::string().swap(output_);
  deadline_ = now + limits_.idle;
  slot_->idle();
}

// Takes what was read.
void Connection::take(std::size_t bytes, std::span<const char> scratch, Clock::time_point now) {
  if (input_.empty()) {
    deadline_ = now + limits_.request;
    if (slot_->proven()) slot_->busy();
  }
  input_.append(scratch.data(), bytes);
  if (!account()) reply(exchange_.refusal(503));
}

// Counts what is buffered with the other connections; false: it is too much together.
bool Connection::account() {
  const std::size_t now = input_.size() > kKeepBytes ? input_.size() : 0;
  if (now == buffered_) return true;
  const auto change = static_cast<std::ptrdiff_t>(now) - static_cast<std::ptrdiff_t>(buffered_);
  buffered_ = now;
  return connections_.buffer(change) || change <= 0;
}

// Answers the first request of the input, which ends there.
void Connection::answer(std::size_t request, bool last) {
  const bool ended = !slot_->busy();
  request_ = request;
  last_ = last || ended;
  answer_with(nullptr);
}

void Connection::answer_with(Response* given) {
  output_.clear();
  sent_ = 0;
  Answered answered =
      exchange_.answer(std::string_view(input_).substr(0, request_), last_, given, output_);
  if (answered.later) {
    state_ = State::Waiting;
    waiting_ = std::make_shared<Waiting>(Waiting{this});
    answered.later([mailbox = mailbox, waiting = waiting_](Response response) {
      mailbox->post(waiting, std::move(response));
    });
    return;
  }
  last_ = answered.last;
  unread_ = answered.unread;
  input_.erase(0, request_);
  account();
  state_ = State::Sending;
}

std::uint32_t Connection::resume(Response response, Clock::time_point now,
                                 std::span<char> scratch) {
  waiting_.reset();
  answer_with(&response);
  return advance(now, scratch);
}

// What a head leads to whose body is still to come; false: the body is waited for.
bool Connection::turn_to_head(std::string_view head) {
  const HeadVerdict verdict = exchange_.look(head);
  if (verdict.answer_now) {
    answer(head.size());
    return true;
  }
  if (!verdict.invite) return false;
  output_ = kContinue;
  inviting_ = true;
  sent_ = 0;
  state_ = State::Sending;
  return true;
}

// Answers the request that is there; false: more of it must come first.
bool Connection::try_answer() {
  if (input_.size() < needed_) return false;
  const auto end = input_.find(kHeadEnd, searched_);
  if (end == std::string::npos) {
    searched_ = input_.size() - std::min(input_.size(), kHeadEnd.size() - 1);
    if (searched_ <= kMaxHeadBytes) return false;
    reply(exchange_.refusal(431));
    return true;
  }
  searched_ = end;
  const auto text = std::string_view(input_).substr(0, end + kHeadEnd.size());
  const Head head = read_head(text);
  if (!head.clear) {
    reply(exchange_.refusal(400));
    return true;
  }
  if (head.body > input_.size() - text.size()) {
    needed_ = text.size() + static_cast<std::size_t>(std::min<std::uint64_t>(
                                head.body, std::numeric_limits<std::size_t>::max() - text.size()));
    slot_->arriving();
    return (head.body > kAwaited || head.expects) && turn_to_head(text);
  }
  answer(text.size() + static_cast<std::size_t>(head.body));
  return true;
}

std::uint32_t Connection::advance(Clock::time_point now, std::span<char> scratch) {
  bool drained = false;  // what came was taken: to look for more is the worker's business
  for (int answers = 0, reads = 0;;) switch (state_) {
      case State::Handshake: {
        if (ssl_) {
          ERR_clear_error();
          if (const int done = SSL_accept(ssl_.get()); done != 1) {
            const int error = SSL_get_error(ssl_.get(), done);
            if (error == SSL_ERROR_WANT_READ) return EPOLLIN;
            if (error == SSL_ERROR_WANT_WRITE) return EPOLLOUT;
            exchange_.handshake_failed();
            return 0;
          }
        }
        if (slot_ == nullptr) {
          deadline_ = now + limits_.request;
          reply(exchange_.refusal(503));
          break;
        }
        state_ = State::Receiving;
        deadline_ = now + limits_.idle;
        break;
      }
      case State::Receiving: {
        if (!input_.empty() && try_answer()) break;
        if (std::exchange(drained, false)) return EPOLLIN;
        // What is read already wakes nobody; that the socket can be written to does.
        if (++reads > kMostReads) return EPOLLOUT;
        const Io io = receive(scratch);
        if (io.bytes > 0) {
          take(io.bytes, scratch, now);
          drained = ssl_ ? SSL_has_pending(ssl_.get()) == 0 : io.bytes < scratch.size();
          break;
        }
        if (io.wait != 0) return io.wait;
        // The end. A request that broke off in its body gets its answer: the peer may still read.
        if (input_.find(kHeadEnd) == std::string::npos) return 0;
        if (slot_->busy())
          answer(input_.size(), true);
        else  // it had to make room
          reply(exchange_.refusal(503));
        break;
      }
      case State::Waiting:
        return kNothing;
      case State::Sending: {
        while (sent_ < output_.size()) {
          const Io io = send(std::string_view(output_).substr(sent_));
          if (io.wait != 0) return io.wait;
          if (io.bytes == 0) return 0;
          sent_ += io.bytes;
        }
        output_.clear();
        if (std::exchange(inviting_, false)) {
          state_ = State::Receiving;
          break;
        }
        if (!last_) {
          become_idle(now);
          // Most often nothing is there yet: the worker will say when it is.
          if (input_.empty() && (!ssl_ || SSL_has_pending(ssl_.get()) == 0)) return EPOLLIN;
          if (++answers == kMostAnswers) return EPOLLOUT;
          break;
        }
        if (ssl_) {
          ERR_clear_error();
          SSL_shutdown(ssl_.get());
        }
        ::shutdown(socket_, SHUT_WR);
        if (!unread_ && input_.empty() && !more_has_come(socket_)) return 0;
        // Closing a socket that holds unread bytes resets it, and the answer may be lost.
        state_ = State::Lingering;
        deadline_ = now + kLinger;
        break;
      }
      case State::Lingering: {
        const ssize_t got = recv(socket_, scratch.data(), scratch.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return EPOLLIN;
        if (got <= 0) return 0;
        dropped_ += static_cast<std::size_t>(got);
        if (dropped_ > kMostDropped) return 0;
        break;
      }
    }
}

std::uint32_t Connection::expire(Clock::time_point now, std::span<char> scratch) {
  if (state_ == State::Handshake) exchange_.handshake_failed();
  const bool waiting = state_ == State::Waiting;
  if (!waiting && (state_ != State::Receiving || input_.empty())) return 0;
  if (waiting) std::exchange(waiting_, nullptr)->connection = nullptr;
  deadline_ = now + kLinger;
  reply(exchange_.refusal(waiting ? 503 : 408));
  return advance(now, scratch);
}

}  // namespace plimsoll::server
