#include "server/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <string>
#include <thread>

#include "server/client.h"
#include "server/running.h"

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
using testing::kForever;

constexpr milliseconds kShort{100};

Clock::time_point in(std::chrono::milliseconds time) { return Clock::now() + time; }

/// A plain stream over one end of a socket pair.
class Plain {
 public:
  Plain() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    fcntl(ends_[0], F_SETFL, fcntl(ends_[0], F_GETFL) | O_NONBLOCK);
    stream_ = std::make_unique<BufferedStream>(ends_[0], nullptr);
    stream_->start_request(in(kForever));
  }
  ~Plain() {
    ::close(ends_[0]);
    hang_up();
  }
  Plain(const Plain&) = delete;
  Plain& operator=(const Plain&) = delete;

  BufferedStream* operator->() { return stream_.get(); }
  BufferedStream& operator*() { return *stream_; }
  void say(std::string_view text) const {
    EXPECT_EQ(::send(ends_[1], text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// What the stream sent, up to so many bytes or its end.
  [[nodiscard]] std::string hear(std::size_t most) const {
    std::string heard(most, '\0');
    std::size_t size = 0;
    while (size < most) {
      const ssize_t got = recv(ends_[1], heard.data() + size, most - size, 0);
      if (got <= 0) break;
      size += static_cast<std::size_t>(got);
    }
    heard.resize(size);
    return heard;
  }
  [[nodiscard]] bool silent() const {
    char byte = 0;
    return recv(ends_[1], &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
  }
  void hang_up() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  void half_close() const { ::shutdown(ends_[1], SHUT_WR); }

 private:
  int ends_[2]{};
  std::unique_ptr<BufferedStream> stream_;
};

std::string read_some(BufferedStream& stream, std::size_t most) {
  std::string text(most, '\0');
  const ssize_t got = stream.read(text.data(), most);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

TEST(BufferedStream, ReadsInPiecesOfAnySize) {
  Plain plain;
  plain.say("hello world");
  EXPECT_EQ(read_some(*plain, 1), "h");
  EXPECT_EQ(read_some(*plain, 4), "ello");
  EXPECT_EQ(read_some(*plain, 100), " world");
}

TEST(BufferedStream, ReadsNothingWhenNothingIsAskedFor) {
  Plain plain;
  char byte = 0;
  EXPECT_EQ(plain->read(&byte, 0), 0);
}

TEST(BufferedStream, SendsOnlyWhenItIsFlushed) {
  Plain plain;
  EXPECT_EQ(plain->write("head", 4), 4);
  EXPECT_EQ(plain->write("body", 4), 4);
  EXPECT_TRUE(plain.silent());
  EXPECT_TRUE(plain->flush());
  EXPECT_EQ(plain.hear(8), "headbody");
  EXPECT_TRUE(plain->flush());  // nothing left
  EXPECT_TRUE(plain.silent());
}

// A client that was told to go on waits for that word before it sends what is read next.
TEST(BufferedStream, SendsWhatIsWrittenBeforeItWaits) {
  Plain plain;
  plain->write("go on", 5);
  std::thread peer([&] {
    EXPECT_EQ(plain.hear(5), "go on");
    plain.say("body");
  });
  EXPECT_EQ(read_some(*plain, 4), "body");
  peer.join();
}

TEST(BufferedStream, KeepsWhatItWroteWhileInputIsThere) {
  Plain plain;
  plain.say("ab");
  EXPECT_EQ(read_some(*plain, 1), "a");
  plain->write("x", 1);
  EXPECT_EQ(read_some(*plain, 1), "b");
  EXPECT_TRUE(plain.silent());
}

TEST(BufferedStream, SendsMoreThanASocketHolds) {
  Plain plain;
  const std::string text(3'000'000, 'z');
  auto heard = std::async(std::launch::async, [&] { return plain.hear(text.size()); });
  EXPECT_EQ(plain->write(text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_TRUE(plain->flush());
  EXPECT_TRUE(heard.get() == text);
}

TEST(BufferedStream, EndsWithItsPeer) {
  Plain plain;
  plain.say("last");
  plain.half_close();
  EXPECT_EQ(read_some(*plain, 4), "last");
  char byte = 0;
  EXPECT_EQ(plain->read(&byte, 1), -1);
  EXPECT_FALSE(plain->is_writable());
  EXPECT_FALSE(plain->flush());
}

TEST(BufferedStream, WritingToAPeerThatIsGoneFailsQuietly) {
  Plain plain;
  plain.hang_up();
  plain->write("x", 1);
  EXPECT_FALSE(plain->flush());
  EXPECT_FALSE(plain->is_writable());
  EXPECT_FALSE(plain->flush());
}

TEST(BufferedStream, WaitsForTheFirstByteOnlySoLong) {
  Plain plain;
  EXPECT_FALSE(plain->wait_for_request(in(kShort)));
}

TEST(BufferedStream, SeesARequestThatIsInTheBufferAlready) {
  Plain plain;
  plain.say("one two");
  EXPECT_TRUE(plain->wait_for_request(in(kForever)));
  EXPECT_EQ(read_some(*plain, 3), "one");
  EXPECT_TRUE(plain->wait_for_request(Clock::now()));  // without a wait
  EXPECT_EQ(read_some(*plain, 4), " two");
}

TEST(BufferedStream, ReadsOnlyUntilTheDeadline) {
  Plain plain;
  plain->start_request(in(kShort));
  char byte = 0;
  EXPECT_EQ(plain->read(&byte, 1), -1);
  EXPECT_FALSE(plain->is_writable());
}

TEST(BufferedStream, ReadsNothingOnceTheDeadlineIsPast) {
  Plain plain;
  plain->start_request(Clock::now() - std::chrono::seconds(1));
  plain.say("late");
  char byte = 0;
  EXPECT_EQ(plain->read(&byte, 1), -1);
}

TEST(BufferedStream, WritesOnlyUntilTheDeadline) {
  Plain plain;
  plain->start_request(in(kShort));
  const std::string text(8'000'000, 'z');  // more than anybody reads
  const bool written = plain->write(text.data(), text.size()) > 0 && plain->flush();
  EXPECT_FALSE(written);
}

TEST(BufferedStream, BoundsAHead) {
  for (const std::size_t beyond : {std::size_t{0}, std::size_t{1}}) {
    Plain plain;
    const std::string head(BufferedStream::kMaxHeadBytes + beyond, 'h');
    std::thread peer([&] { plain.say(head); });
    std::string text;
    char byte = 0;
    while (text.size() < head.size() && plain->read(&byte, 1) == 1) text += byte;
    peer.join();
    EXPECT_EQ(text.size(), BufferedStream::kMaxHeadBytes);
    EXPECT_EQ(plain->is_writable(), beyond == 0);
  }
}

TEST(BufferedStream, BoundsNoBody) {
  Plain plain;
  const std::string text(3 * BufferedStream::kMaxHeadBytes, 'b');
  std::thread peer([&] { plain.say(text); });
  char byte = 0;
  EXPECT_EQ(plain->read(&byte, 1), 1);
  plain->head_read();
  std::size_t size = 1;
  while (size < text.size()) {
    const auto some = read_some(*plain, 4096);
    ASSERT_FALSE(some.empty());
    size += some.size();
  }
  peer.join();
  EXPECT_EQ(size, text.size());
}

TEST(BufferedStream, CountsEachHeadAfresh) {
  Plain plain;
  for (int i = 0; i < 3; ++i) {
    const std::string text(BufferedStream::kMaxHeadBytes - 1, 'h');
    std::thread peer([&] { plain.say(text); });
    plain->start_request(in(kForever));
    std::size_t size = 0;
    while (size < text.size()) {
      const auto some = read_some(*plain, 4096);
      ASSERT_FALSE(some.empty());
      size += some.size();
    }
    peer.join();
  }
}

TEST(BufferedStream, SaysGoodbye) {
  Plain plain;
  plain->write("bye", 3);
  EXPECT_TRUE(plain->flush());
  plain->close_gracefully(false);
  EXPECT_EQ(plain.hear(100), "bye");
}

TEST(BufferedStream, DropsWhatComesAfterGoodbye) {
  Plain plain;
  std::thread peer([&] {
    EXPECT_EQ(plain.hear(100), "");
    plain.say(std::string(100'000, 'x'));
    plain.half_close();
  });
  plain->close_gracefully(true);
  peer.join();
}

TEST(BufferedStream, DoesNotWaitForEverForAPeerThatGoesOnSending) {
  Plain plain;
  plain->close_gracefully(true);  // the peer says nothing and stays
}

/// Both ends of a TLS connection.
TEST(BufferedStream, SpeaksTls) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
  const auto context = testing::RunningServer::default_tls()->current();
  const std::unique_ptr<SSL, decltype(&SSL_free)> own(SSL_new(context.get()), SSL_free);
  SSL_set_fd(own.get(), ends[0]);
  const std::string text(400'000, 't');
  std::thread peer([&] {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> other(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(other.get()), SSL_free);
    SSL_set_fd(ssl.get(), ends[1]);
    ASSERT_EQ(SSL_connect(ssl.get()), 1);
    std::size_t sent = 0;
    ASSERT_EQ(SSL_write_ex(ssl.get(), text.data(), text.size(), &sent), 1);
    std::string heard;
    char buffer[4096];
    std::size_t got = 0;
    while (SSL_read_ex(ssl.get(), buffer, sizeof buffer, &got) == 1) heard.append(buffer, got);
    EXPECT_TRUE(heard == text);
    // The server says in TLS that it ends.
    EXPECT_EQ(SSL_get_shutdown(ssl.get()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    ::close(ends[1]);
  });
  BufferedStream stream(ends[0], own.get());
  ASSERT_TRUE(stream.handshake(in(kForever)));
  ASSERT_TRUE(stream.wait_for_request(in(kForever)));
  std::string heard;
  while (heard.size() < text.size()) {
    const auto some = read_some(stream, 100'000);
    ASSERT_FALSE(some.empty());
    heard += some;
  }
  EXPECT_TRUE(heard == text);
  EXPECT_EQ(stream.write(heard.data(), heard.size()), static_cast<ssize_t>(heard.size()));
  EXPECT_TRUE(stream.flush());
  stream.close_gracefully(false);
  peer.join();
  ::close(ends[0]);
}

TEST(BufferedStream, FailsAHandshakeThatIsNone) {
  for (const std::string_view said :
       {std::string_view("GET / HTTP/1.1\r\n\r\n"), std::string_view()}) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
    const auto context = testing::RunningServer::default_tls()->current();
    const std::unique_ptr<SSL, decltype(&SSL_free)> own(SSL_new(context.get()), SSL_free);
    SSL_set_fd(own.get(), ends[0]);
    ::send(ends[1], said.data(), said.size(), MSG_NOSIGNAL);
    BufferedStream stream(ends[0], own.get());
    EXPECT_FALSE(stream.handshake(in(kShort)));
    EXPECT_FALSE(stream.is_writable());
    ::close(ends[0]);
    ::close(ends[1]);
  }
}

}  // namespace
}  // namespace plimsoll::server
