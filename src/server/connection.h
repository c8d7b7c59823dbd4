// One connection: TLS handshake, requests, answers, goodbye. It never waits: it does what can be
// done now and says what it waits for, so that a slow client costs memory and no thread.
//
// Ownership: owns its socket and its TLS state. Thread-safety: its worker's thread only.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "server/connections.h"
#include "server/http_server.h"
#include "server/mailbox.h"

namespace plimsoll::server {

using Clock = std::chrono::steady_clock;

/// What became of a request.
struct Answered {
  bool last = false;    ///< the connection ends with this answer
  bool unread = false;  ///< its body, or what follows, was not read
  Later later;          ///< set: there is no answer yet
};

/// What is known of a request whose head is there and whose body is not.
struct HeadVerdict {
  bool answer_now = false;  ///< it is refused, or cannot be read: its body is not waited for
  bool invite = false;      ///< the client waits for 100 Continue
};

/// The server around a connection.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// Appends the answer to a request. `last`: the connection ends with it. `given`: what it is,
  /// from one who took time; null: a handler is asked.
  virtual Answered answer(std::string_view request, bool last, Response* given,
                          std::string& out) = 0;
  /// Looks at a head.
  virtual HeadVerdict look(std::string_view head) = 0;
  /// A whole answer without a request, after which the connection ends.
  virtual std::string refusal(int status) = 0;
  virtual void handshake_failed() = 0;
};

class Connection {
 public:
  /// `ssl` is null for a plain connection. `slot` is null for one that is only told that every
  /// place is taken. The socket does not block.
  Connection(int socket, SSL* ssl, Connections& connections, Connections::Slot* slot,
             Exchange& exchange, const Limits& limits, Clock::time_point now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Does what can be done. The result: the epoll events to wait for; 0: it is over. `scratch` is
  /// room to read into.
  std::uint32_t advance(Clock::time_point now, std::span<char> scratch);

  /// When it has waited for too long; expire() is then called in place of advance().
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
  std::uint32_t expire(Clock::time_point now, std::span<char> scratch);

  /// Goes on with the answer that it waits for, as advance() does.
  std::uint32_t resume(Response response, Clock::time_point now, std::span<char> scratch);

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] bool shed() const { return slot_ == nullptr; }

  std::size_t index = 0;             ///< its place with its worker
  std::uint32_t interest = 0;        ///< what its worker has registered
  std::shared_ptr<Mailbox> mailbox;  ///< its worker's

  static constexpr std::size_t kMaxHeadBytes = 64 * 1024;

 private:
  enum class State { Handshake, Receiving, Waiting, Sending, Lingering };
  /// What an input or output call came to: bytes, the events to wait for, or the end.
  struct Io {
    std::size_t bytes = 0;
    std::uint32_t wait = 0;
  };

  Io receive(std::span<char> to);
  Io send(std::string_view from);
  void take(std::size_t bytes, std::span<const char> scratch, Clock::time_point now);
  bool account();
  bool try_answer();
  bool turn_to_head(std::string_view head);
  void answer(std::size_t request, bool last = false);
  void answer_with(Response* given);
  void reply(std::string answer);
  void become_idle(Clock::time_point now);

  const int socket_;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  Connections& connections_;
  Connections::Slot* const slot_;
  Exchange& exchange_;
  const Limits& limits_;

  State state_ = State::Handshake;
  Clock::time_point deadline_;
  std::string input_, output_;
  std::size_t searched_ = 0;  ///< the end of the head is not before this
  std::size_t sent_ = 0, dropped_ = 0;
  std::size_t request_ = 0;  ///< bytes of the request that is being answered
  std::shared_ptr<Waiting> waiting_;
  std::size_t needed_ = 0;    ///< bytes of input that the request under way has at least
  std::size_t buffered_ = 0;  ///< bytes of input that are counted with the connections
  bool inviting_ = false;     ///< what is sent is 100 Continue
  bool last_ = false, unread_ = false;
};

}  // namespace plimsoll::server
