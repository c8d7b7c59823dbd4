#include "server/connection.h"

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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
// After this many answers the others have their turn.
constexpr int kMostAnswers = 16;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// What an idle connection may keep of its buffers.
constexpr std::size_t kKeepBytes = 32 * 1024;
// After the last answer, how long and how much of what still comes is dropped.
constexpr std::chrono::milliseconds kLinger{500};
constexpr std::size_t kMostDropped = 16 * 1024 * 1024;

// What follows a header's name (in small letters, with its colon) in a head; empty: it is not there.
std::string_view after_name(std::string_view head, std::string_view name) {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  for (auto at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at)) {
    head.remove_prefix(at + 1);
    if (head.size() > name.size() && std::ranges::equal(head.substr(0, name.size()), name, same))
      return head.substr(name.size());
    at = 0;
  }
  return {};
}

// The Content-Length of a head; none, or none that is a number: there is no body to wait for.
// Whether the request may have the body that it announces is not decided here.
std::uint64_t body_length(std::string_view head) {
  const std::string_view value = after_name(head, "content-length:");
  const char* from = value.data();
  const char* const end = from + value.size();
  while (from != end && (*from == ' ' || *from == '\t')) ++from;
  std::uint64_t length = 0;
  return std::from_chars(from, end, length).ec == std::errc{} ? length : 0;
}

// Two readers of such a head may not see the same lines.
bool bare_line_feed(std::string_view head) {
  for (auto at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1))
    if (at == 0 || head[at - 1] != '\r') return true;
  return false;
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

// Takes what was read; false: the connection has been ended meanwhile.
bool Connection::take(std::size_t bytes, std::span<const char> scratch, Clock::time_point now) {
  if (input_.empty()) {
    if (!slot_->busy()) return false;
    deadline_ = now + limits_.request;
  }
  input_.append(scratch.data(), bytes);
  return true;
}

// Answers the first request of the input.
void Connection::answer(std::size_t request, bool whole) {
  output_.clear();
  sent_ = 0;
  const Answered answered =
      exchange_.answer(std::string_view(input_).substr(0, request), whole, output_);
  last_ = answered.last || !whole;
  unread_ = answered.unread && whole;
  input_.erase(0, request);
  state_ = State::Sending;
}

// What a head whose body is still to come leads to; false: the body is waited for.
bool Connection::turn_to_head(std::size_t head, std::uint64_t body) {
  needed_ = head + static_cast<std::size_t>(
                       std::min<std::uint64_t>(body, std::numeric_limits<std::size_t>::max() - head));
  const auto text = std::string_view(input_).substr(0, head);
  if (body <= kAwaited && after_name(text, "expect:").empty()) return false;
  const HeadVerdict verdict = exchange_.look(text);
  if (verdict.answer_now) {
    answer(head, true);
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
    return false;
  }
  searched_ = end;
  const std::size_t head = end + kHeadEnd.size();
  const auto text = std::string_view(input_).substr(0, head);
  if (bare_line_feed(text)) {
    reply(exchange_.refusal(400));
    return true;
  }
  const std::uint64_t body = body_length(text);
  if (body > input_.size() - head) return turn_to_head(head, body);
  answer(head + static_cast<std::size_t>(body), true);
  return true;
}

std::uint32_t Connection::advance(Clock::time_point now, std::span<char> scratch) {
  bool drained = false;  // what came was taken: to look for more is the worker's business
  for (int answers = 0;;) switch (state_) {
      case State::Handshake: {
        // Whoever comes after the last look at the connections ends by itself.
        if (exchange_.ending()) return 0;
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
        become_idle(now);
        if (exchange_.ending()) return 0;
        break;
      }
      case State::Receiving: {
        if (!input_.empty() && try_answer()) break;
        if (searched_ > kMaxHeadBytes) return 0;
        if (std::exchange(drained, false)) return EPOLLIN;
        const Io io = receive(scratch);
        if (io.bytes > 0) {
          if (!take(io.bytes, scratch, now)) return 0;
          drained = ssl_ ? SSL_has_pending(ssl_.get()) == 0 : io.bytes < scratch.size();
          break;
        }
        if (io.wait != 0) return io.wait;
        // The end. A request that broke off in its body gets its answer: the peer may still read.
        if (input_.find(kHeadEnd) == std::string::npos) return 0;
        answer(input_.size(), false);
        break;
      }
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
          if (exchange_.ending()) return 0;
          // Most often nothing is there yet: the worker will say when it is.
          if (input_.empty() && (!ssl_ || SSL_has_pending(ssl_.get()) == 0)) return EPOLLIN;
          // What is read already wakes nobody; that the socket can be written to does.
          if (++answers == kMostAnswers) return EPOLLOUT;
          break;
        }
        if (ssl_) {
          ERR_clear_error();
          SSL_shutdown(ssl_.get());
        }
        ::shutdown(socket_, SHUT_WR);
        if (!unread_) return 0;
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
  if (state_ != State::Receiving || input_.empty()) return 0;
  deadline_ = now + kLinger;
  reply(exchange_.refusal(408));
  return advance(now, scratch);
}

}  // namespace plimsoll::server
