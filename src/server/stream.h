// A connection's bytes: TLS or plain, buffered, with deadlines.
//
// httplib reads a request line and its headers byte by byte, and writes head and body apart: the
// 16 KiB in front of the socket turn that into one read and one write a request.
// Ownership: the socket and the SSL object belong to the caller and outlive the stream.
// Thread-safety: one thread at a time.
#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace plimsoll::server {

using Clock = std::chrono::steady_clock;

class BufferedStream final : public httplib::Stream {
 public:
  /// `ssl` is null for a plain connection. The socket does not block.
  BufferedStream(int socket, SSL* ssl);

  /// The TLS handshake; false: it failed or took too long.
  bool handshake(Clock::time_point deadline);

  /// Waits until the first byte of a request is there; false: none came, or the peer is gone.
  bool wait_for_request(Clock::time_point deadline);

  /// Starts a request, which must be read and answered before `deadline`. Its head may take
  /// kMaxHeadBytes, until head_read().
  void start_request(Clock::time_point deadline);
  void head_read() { head_left_ = SIZE_MAX; }

  /// Sends what was written; false: the peer is gone or too slow.
  bool flush();

  /// Ends the connection so that the peer sees the last answer although it may still be sending:
  /// says goodbye, then reads and drops what comes for a moment.
  void close_gracefully(bool unread_input);

  static constexpr std::size_t kMaxHeadBytes = 64 * 1024;

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return !broken_; }
  ssize_t read(char* to, std::size_t size) override;
  ssize_t write(const char* from, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  [[nodiscard]] socket_t socket() const override { return socket_; }

 private:
  /// Fills the empty input buffer; false: end, error or deadline.
  bool fill();
  /// Sends bytes now.
  bool send(const char* from, std::size_t size);
  /// Waits for the socket; false: deadline.
  [[nodiscard]] bool wait(short events) const;

  int socket_;
  SSL* ssl_;
  Clock::time_point deadline_ = Clock::time_point::max();
  std::vector<char> input_;
  std::size_t input_at_ = 0, input_end_ = 0;
  std::string output_;
  std::size_t head_left_ = SIZE_MAX;
  bool broken_ = false;
};

}  // namespace plimsoll::server
