#include "server/stream.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace plimsoll::server {
namespace {

constexpr std::size_t kInputBytes = 16 * 1024;
constexpr std::size_t kFlushBytes = 256 * 1024;

}  // namespace

BufferedStream::BufferedStream(int socket, SSL* ssl)
    : socket_(socket), ssl_(ssl), input_(kInputBytes) {}

bool BufferedStream::wait(short events) const {
  for (;;) {
    int timeout = -1;
    if (deadline_ != Clock::time_point::max()) {
      // Rounded up, so that the last wait does not spin.
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0) return false;
      timeout = static_cast<int>(std::min<long long>(left, std::numeric_limits<int>::max()));
    }
    pollfd item{socket_, events, 0};
    const int ready = poll(&item, 1, timeout);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool BufferedStream::handshake(Clock::time_point deadline) {
  deadline_ = deadline;
  for (;;) {
    ERR_clear_error();
    const int done = SSL_accept(ssl_);
    if (done == 1) return true;
    const int error = SSL_get_error(ssl_, done);
    if (error == SSL_ERROR_WANT_READ ? !wait(POLLIN)
                                     : error != SSL_ERROR_WANT_WRITE || !wait(POLLOUT)) {
      broken_ = true;
      return false;
    }
  }
}

bool BufferedStream::wait_for_request(Clock::time_point deadline) {
  deadline_ = deadline;
  return input_at_ < input_end_ || fill();
}

void BufferedStream::start_request(Clock::time_point deadline) {
  deadline_ = deadline;
  head_left_ = kMaxHeadBytes;
}

bool BufferedStream::fill() {
  if (broken_) return false;
  input_at_ = input_end_ = 0;
  // Between requests nothing is there yet: to ask the socket first saves a read that finds nothing.
  bool ask = ssl_ == nullptr || SSL_has_pending(ssl_) == 0;
  for (;;) {
    if (ask && !wait(POLLIN)) break;
    if (ssl_ == nullptr) {
      const ssize_t got = recv(socket_, input_.data(), input_.size(), 0);
      if (got > 0) {
        input_end_ = static_cast<std::size_t>(got);
        return true;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) break;
      ask = true;
      continue;
    }
    ERR_clear_error();
    std::size_t got = 0;
    if (SSL_read_ex(ssl_, input_.data(), input_.size(), &got) == 1) {
      input_end_ = got;
      return true;
    }
    const int error = SSL_get_error(ssl_, 0);
    if (error == SSL_ERROR_WANT_WRITE) {
      if (!wait(POLLOUT)) break;
      ask = false;
    } else if (error == SSL_ERROR_WANT_READ) {
      ask = true;
    } else {
      break;
    }
  }
  broken_ = true;
  return false;
}

ssize_t BufferedStream::read(char* to, std::size_t size) {
  if (size == 0) return 0;
  if (input_at_ == input_end_) {
    // What is written so far (100 Continue) may be what the peer waits for.
    if (!output_.empty() && !flush()) return -1;
    if (!fill()) return -1;
  }
  const std::size_t count = std::min({size, input_end_ - input_at_, head_left_});
  if (count == 0) {  // the head is too long
    broken_ = true;
    return -1;
  }
  std::memcpy(to, input_.data() + input_at_, count);
  input_at_ += count;
  if (head_left_ != SIZE_MAX) head_left_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t BufferedStream::write(const char* from, std::size_t size) {
  output_.append(from, size);
  if (output_.size() >= kFlushBytes && !flush()) return -1;
  return static_cast<ssize_t>(size);
}

bool BufferedStream::send(const char* from, std::size_t size) {
  while (size > 0) {
    std::size_t sent = 0;
    short event = 0;
    if (ssl_ == nullptr) {
      const ssize_t count = ::send(socket_, from, size, MSG_NOSIGNAL);
      if (count > 0)
        sent = static_cast<std::size_t>(count);
      else if (errno == EAGAIN)
        event = POLLOUT;
      else if (errno != EINTR)
        return false;
    } else {
      ERR_clear_error();
      if (SSL_write_ex(ssl_, from, size, &sent) != 1) {
        sent = 0;
        const int error = SSL_get_error(ssl_, 0);
        if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return false;
        event = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
      }
    }
    if (event != 0 && !wait(event)) return false;
    from += sent;
    size -= sent;
  }
  return true;
}

bool BufferedStream::flush() {
  if (!broken_ && !output_.empty()) broken_ = !send(output_.data(), output_.size());
  output_.clear();
  // One large answer does not stay with the connection.
  if (output_.capacity() > kFlushBytes) output_.shrink_to_fit();
  return !broken_;
}

void BufferedStream::close_gracefully(bool unread_input) {
  constexpr std::chrono::milliseconds kLinger{500};
  constexpr std::size_t kMostDropped = 16 * 1024 * 1024;
  if (ssl_ != nullptr && !broken_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  ::shutdown(socket_, SHUT_WR);
  if (!unread_input) return;
  // Closing a socket that holds unread bytes resets the connection, and the answer may be lost.
  deadline_ = Clock::now() + kLinger;
  for (std::size_t dropped = 0; dropped < kMostDropped && wait(POLLIN);) {
    const ssize_t got = recv(socket_, input_.data(), input_.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return;
    if (got > 0) dropped += static_cast<std::size_t>(got);
  }
}

void BufferedStream::get_remote_ip_and_port(std::string&, int&) const {}
void BufferedStream::get_local_ip_and_port(std::string&, int&) const {}

}  // namespace plimsoll::server
