#include "server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/client.h"
#include "server/running.h"

namespace plimsoll::server {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr milliseconds kShort{200};

std::string head(std::string_view first_line, std::string_view headers) {
  return std::string(first_line) + "\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}

/// An answer that no handler gave: JSON, in one line, with an error to read.
void expect_error(const std::optional<Answer>& answer, int status) {
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, status) << answer->raw;
  EXPECT_EQ(answer->header("content-type"), "application/json");
  EXPECT_TRUE(answer->body.starts_with(R"({"error":")")) << answer->body;
  EXPECT_TRUE(answer->body.ends_with("\"}\n")) << answer->body;
  EXPECT_EQ(std::ranges::count(answer->body, '\n'), 1) << answer->body;
}

// --- what is served ------------------------------------------------------------------------------

TEST(HttpServer, Answers) {
  const RunningServer server;
  const auto client = server.connect();
  const auto answer = client->ask(post("/echo", R"({"a":1})"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, R"({"a":1})");
  EXPECT_EQ(answer->header("content-type"), "application/json");
  EXPECT_EQ(answer->header("content-length"), "7");
  EXPECT_FALSE(answer->closes());
}

// --- answers that take time ----------------------------------------------------------------------

TEST(HttpServerLater, AnswersWhenTheAnswerIsThere) {
  RunningServer server;
  const auto client = server.connect();
  ASSERT_TRUE(client->send(post("/later?timeout=3s", "one")));
  const auto answer_one = server.next_later();
  const auto other = server.connect();
  ASSERT_TRUE(other->send(post("/later", "two")));
  const auto answer_two = server.next_later();
  server.expect_alive();  // no thread waits
  answer_two();
  auto answer = other->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "two");
  answer_one();
  answer = client->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "onetimeout=3s");
  EXPECT_FALSE(answer->closes());
  answer = client->ask(post("/echo", "and on it goes"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "and on it goes");
}

TEST(HttpServerLater, KeepsTheOrderOfAConnection) {
  RunningServer server;
  const auto client = server.connect();
  ASSERT_TRUE(client->send(post("/later", "first") + post("/echo", "second")));
  server.next_later()();
  for (const char* body : {"first", "second"}) {
    const auto answer = client->answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, body);
  }
}

TEST(HttpServerLater, AnswersAtOnceAsWell) {
  HttpServer server(nullptr, wide_limits(), test_error_body);
  server.post("/later", [](const Request&) -> Reply {
    return [](const Respond& respond) { respond({200, "now"}); };
  });
  ASSERT_FALSE(server.bind("127.0.0.1:0"));
  std::thread thread([&] { server.run(); });
  Client::Options plain;
  plain.tls = false;
  Client client(server.address(), plain);
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.ask(post("/later", "x"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "now");
  }
  server.drain(milliseconds(0));
  thread.join();
}

TEST(HttpServerLater, IsRefusedWhenItTakesTooLong) {
  Limits limits = wide_limits();
  limits.request = kShort;
  RunningServer server(limits);
  const auto client = server.connect();
  ASSERT_TRUE(client->send(post("/later", "x")));
  const auto too_late = server.next_later();
  expect_error(client->answer(), 503);
  too_late();
  server.expect_alive();
}

TEST(HttpServerLater, OutlivesItsConnectionAndItsServer) {
  std::function<void()> after_the_end;
  {
    RunningServer server;
    auto client = server.connect();
    ASSERT_TRUE(client->send(post("/later", "x")));
    const auto nobody_waits = server.next_later();
    client.reset();
    nobody_waits();
    server.expect_alive();
    const auto last = server.connect();
    ASSERT_TRUE(last->send(post("/later", "x")));
    after_the_end = server.next_later();
    server.drain(milliseconds(0));
  }
  after_the_end();
}

TEST(HttpServerLater, IsWaitedForByADrain) {
  RunningServer server;
  const auto client = server.connect();
  ASSERT_TRUE(client->send(post("/later", "x")));
  const auto respond = server.next_later();
  std::thread drain([&] { server.drain(std::chrono::seconds(30)); });
  respond();
  const auto answer = client->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "x");
  EXPECT_TRUE(answer->closes() || client->ended());
  drain.join();
}

TEST(HttpServer, AnswersAGet) {
  const RunningServer server;
  const auto answer = server.connect()->ask(get("/alive"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "yes\n");
  EXPECT_EQ(answer->header("content-type"), "text/plain; charset=utf-8");
}

TEST(HttpServer, IsPlainWithoutACertificate) {
  RunningServer server(wide_limits(), nullptr);
  const auto client = server.connect();
  for (int i = 0; i < 3; ++i) {
    const auto answer = client->ask(post("/echo", "plain"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "plain");
  }
  EXPECT_EQ(server->counts().handshake_failures, 0U);
}

TEST(HttpServer, KeepsAConnectionForManyRequests) {
  RunningServer server;
  const auto client = server.connect();
  for (int i = 0; i < 500; ++i) {
    const std::string body(static_cast<std::size_t>(i * 7), static_cast<char>('a' + i % 26));
    const auto answer = client->ask(post("/echo", body));
    ASSERT_TRUE(answer) << i;
    ASSERT_EQ(answer->body, body);
  }
  EXPECT_EQ(server->counts().accepted, 1U);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const RunningServer server;
  const auto client = server.connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += post("/echo", std::to_string(i));
  client->send(requests);
  for (int i = 0; i < 100; ++i) {
    const auto answer = client->answer();
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->body, std::to_string(i));
  }
}

TEST(HttpServer, TakesARequestByteByByte) {
  const RunningServer server;
  const auto client = server.connect();
  for (const char byte : post("/echo", "slow but steady")) ASSERT_TRUE(client->send({&byte, 1}));
  const auto answer = client->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "slow but steady");
}

TEST(HttpServer, TakesABodyWithNulAndEveryOtherByte) {
  const RunningServer server;
  std::string body;
  for (int i = 0; i < 1024; ++i) body += static_cast<char>(i % 256);
  const auto answer = server.connect()->ask(post("/echo", body));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, body);
}

TEST(HttpServer, TakesAnEmptyBody) {
  const RunningServer server;
  const auto client = server.connect();
  for (int i = 0; i < 2; ++i) {
    const auto answer = client->ask(post("/echo", ""));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "");
  }
}

TEST(HttpServer, TakesABodyUpToTheLimitAndNoByteMore) {
  RunningServer server;
  const std::string most(wide_limits().max_body, 'x');
  const auto client = server.connect();
  const auto taken = client->ask(post("/echo", most));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->status, 200);
  EXPECT_EQ(taken->body, most);
  expect_error(client->ask(post("/echo", most + "x")), 413);
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, SendsALargeAnswerWhole) {
  Limits limits = wide_limits();
  limits.max_body = 4 << 20;
  const RunningServer server(limits);
  const auto client = server.connect();
  const std::string body(limits.max_body, 'y');
  for (int i = 0; i < 2; ++i) {
    const auto answer = client->ask(post("/echo", body));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body.size(), body.size());
    EXPECT_TRUE(answer->body == body);
  }
}

TEST(HttpServer, SaysContinueToAClientThatAsks) {
  const RunningServer server;
  const auto client = server.connect();
  const std::string request = post("/echo", "after the word", "Expect: 100-continue\r\n");
  const auto body_at = request.find("after the word");
  ASSERT_TRUE(client->send(request.substr(0, body_at)));
  const auto go_on = client->any_answer();
  ASSERT_TRUE(go_on);
  EXPECT_EQ(go_on->status, 100);
  ASSERT_TRUE(client->send(request.substr(body_at)));
  const auto answer = client->any_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "after the word");
  const auto next = client->ask(post("/echo", "and again"));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, "and again");
}

TEST(HttpServer, DoesNotInviteABodyThatItRefuses) {
  const RunningServer server;
  const auto client = server.connect();
  client->send(head("POST /echo HTTP/1.1",
                    "Content-Type: application/json\r\nContent-Length: 99999999\r\n"
                    "Expect: 100-continue\r\n"));
  expect_error(client->any_answer(), 413);
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, HandsOverTheRestOfAPathDecodedAndWithoutItsQuery) {
  const RunningServer server;
  const auto client = server.connect();
  for (const auto& [path, seen] : std::vector<std::pair<std::string, std::string>>{
           {"/path/a", "/path/a"},
           {"/path/a/b", "/path/a/b"},
           {"/path/enforce/restricted@v1.31?timeout=10s", "/path/enforce/restricted@v1.31"},
           {"/path/enforce/restricted%40v1.31", "/path/enforce/restricted@v1.31"},
           {"/path/a#fragment", "/path/a"}}) {
    const auto answer = client->ask(post(path, "{}"));
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 200) << path;
    EXPECT_EQ(answer->body, seen);
  }
}

TEST(HttpServer, TakesTheContentTypeWithParametersAndAnyCase) {
  const RunningServer server;
  const auto client = server.connect();
  for (const char* type : {"application/json", "application/json; charset=utf-8",
                           "Application/JSON", "application/json;charset=UTF-8"}) {
    const auto answer =
        client->ask(head("POST /echo HTTP/1.1",
                         "Content-Length: 2\r\nContent-Type: " + std::string(type) + "\r\n") +
                    "{}");
    ASSERT_TRUE(answer) << type;
    EXPECT_EQ(answer->status, 200) << type;
  }
}

TEST(HttpServer, GivesTheWholeAnswerWhateverRangeOrEncodingIsAskedFor) {
  const RunningServer server;
  const auto client = server.connect();
  for (const char* header : {"Range: bytes=0-2\r\n", "Range: bytes=0-1,3-4\r\n",
                             "Accept-Encoding: gzip, deflate, br\r\n", "TE: trailers\r\n"}) {
    const auto answer = client->ask(post("/echo", "0123456789", header));
    ASSERT_TRUE(answer) << header;
    EXPECT_EQ(answer->status, 200) << header;
    EXPECT_EQ(answer->body, "0123456789") << header;
  }
}

TEST(HttpServer, ClosesWhenTheClientAsks) {
  const RunningServer server;
  const auto client = server.connect();
  const auto answer = client->ask(post("/echo", "bye", "Connection: close\r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "bye");
  EXPECT_TRUE(answer->closes());
  EXPECT_EQ(client->ending(), Ending::Closed);
}

TEST(HttpServer, AnswersHttp10AndCloses) {
  const RunningServer server;
  const auto client = server.connect();
  client->send(
      head("POST /echo HTTP/1.0", "Content-Type: application/json\r\nContent-Length: 3\r\n") +
      "old");
  const auto answer = client->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "old");
  EXPECT_EQ(client->ending(), Ending::Closed);
}

TEST(HttpServer, ServesManyClientsAtOnce) {
  RunningServer server;
  constexpr int kClients = 12, kRequests = 30;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < kClients; ++i)
    threads.emplace_back([&, i] {
      Client client(server.address(), server.options());
      for (int k = 0; k < kRequests; ++k) {
        const std::string body = std::to_string(i) + ":" + std::to_string(k);
        const auto answer = client.ask(post("/echo", body));
        if (answer && answer->status == 200 && answer->body == body) ++right;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, kClients * kRequests);
  EXPECT_EQ(server->counts().accepted, static_cast<std::uint64_t>(kClients));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

// --- what is refused -----------------------------------------------------------------------------

struct Refused {
  const char* name;
  std::string request;
  int status;
  const char* says;
};

void PrintTo(const Refused& row, std::ostream* out) { *out << row.name; }

std::string echo_with(std::string_view headers, std::string_view body = "") {
  return head("POST /echo HTTP/1.1", "Content-Type: application/json\r\n" + std::string(headers)) +
         std::string(body);
}

std::vector<Refused> refused() {
  return {
      {"Chunked", echo_with("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), 411,
       "chunked"},
      {"ChunkedInCapitals", echo_with("transfer-encoding: Chunked\r\n", "0\r\n\r\n"), 411,
       "chunked"},
      {"ChunkedWithLength",
       echo_with("Content-Length: 15\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
       411, "chunked"},
      {"NoLength", echo_with(""), 411, "Content-Length"},
      {"TwoLengths", echo_with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400,
       "Content-Length"},
      {"TheSameLengthTwice", echo_with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400,
       "Content-Length"},
      {"ListOfLengths", echo_with("Content-Length: 5, 5\r\n", "hello"), 400, "Content-Length"},
      {"LengthWithPlus", echo_with("Content-Length: +5\r\n", "hello"), 400, "Content-Length"},
      {"LengthWithLetter", echo_with("Content-Length: 5x\r\n", "hello"), 400, "Content-Length"},
      {"LengthInHexadecimal", echo_with("Content-Length: 0x5\r\n", "hello"), 400, "Content-Length"},
      {"NegativeLength", echo_with("Content-Length: -5\r\n", "hello"), 400, "Content-Length"},
      {"EmptyLength", echo_with("Content-Length: \r\n", "hello"), 400, "Content-Length"},
      {"LengthBeyond64Bits", echo_with("Content-Length: 99999999999999999999999\r\n", "hello"), 400,
       "Content-Length"},
      {"LengthOf64Bits", echo_with("Content-Length: 18446744073709551615\r\n", "hello"), 413,
       "18446744073709551615"},
      {"OneByteTooMany", echo_with("Content-Length: 65537\r\n"), 413, "65536"},
      {"Gzip", echo_with("Content-Length: 5\r\nContent-Encoding: gzip\r\n", "hello"), 415,
       "Content-Encoding"},
      {"Deflate", echo_with("Content-Length: 5\r\nContent-Encoding: deflate\r\n", "hello"), 415,
       "Content-Encoding"},
      {"UnknownEncoding", echo_with("Content-Length: 5\r\nContent-Encoding: none\r\n", "hello"),
       415, "Content-Encoding"},
      {"NoType", head("POST /echo HTTP/1.1", "Content-Length: 5\r\n") + "hello", 415,
       "application/json"},
      {"AnotherType",
       head("POST /echo HTTP/1.1", "Content-Length: 5\r\nContent-Type: text/plain\r\n") + "hello",
       415, "application/json"},
      {"Yaml",
       head("POST /echo HTTP/1.1", "Content-Length: 5\r\nContent-Type: application/yaml\r\n") +
           "hello",
       415, "application/json"},
      {"TypeThatOnlyBeginsRight",
       head("POST /echo HTTP/1.1", "Content-Length: 5\r\nContent-Type: application/jsonp\r\n") +
           "hello",
       415, "application/json"},
      {"Multipart",
       head("POST /echo HTTP/1.1",
            "Content-Length: 5\r\nContent-Type: multipart/form-data; boundary=x\r\n") +
           "hello",
       415, "application/json"},
      {"Get", get("/echo"), 405, "POST"},
      {"Put", head("PUT /echo HTTP/1.1", "Content-Length: 5\r\n") + "hello", 405, "POST"},
      {"Delete", head("DELETE /echo HTTP/1.1", ""), 405, "POST"},
      {"Options", head("OPTIONS /echo HTTP/1.1", ""), 405, "POST"},
      {"PostToAGet", post("/alive", "{}"), 405, "GET"},
      {"UnknownPath", post("/nowhere", "{}"), 404, "/nowhere"},
      {"Root", get("/"), 404, "/"},
      {"PrefixAlone", post("/path/", "{}"), 404, "/path/"},
      {"PrefixWithoutSlash", post("/pathology", "{}"), 404, "/pathology"},
      {"GetWithABody", head("GET /alive HTTP/1.1", "Content-Length: 5\r\n") + "hello", 400,
       "no body"},
      {"GetWithAChunkedBody",
       head("GET /alive HTTP/1.1", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400, "no body"},
  };
}

class HttpServerRefuses : public ::testing::TestWithParam<Refused> {};

TEST_P(HttpServerRefuses, AndCloses) {
  RunningServer server;
  const auto client = server.connect();
  const auto answer = client->ask(GetParam().request);
  expect_error(answer, GetParam().status);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->body, HasSubstr(GetParam().says));
  EXPECT_TRUE(answer->closes()) << answer->raw;
  EXPECT_TRUE(client->ended());
  server.expect_alive();
}
INSTANTIATE_TEST_SUITE_P(, HttpServerRefuses, ::testing::ValuesIn(refused()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HttpServer, SaysWhichMethodIsAllowed) {
  const RunningServer server;
  EXPECT_EQ(server.connect()->ask(get("/echo")).value().header("allow"), "POST");
  EXPECT_EQ(server.connect()->ask(post("/alive", "{}")).value().header("allow"), "GET");
}

TEST(HttpServer, AnswersAHeadWithoutABody) {
  const RunningServer server;
  const auto client = server.connect();
  client->send(head("HEAD /alive HTTP/1.1", ""));
  const Ending ending = client->ending();
  EXPECT_NE(ending, Ending::StillOpen);
  server.expect_alive();
}

TEST(HttpServer, CountsWhatItRefuses) {
  RunningServer server;
  server.connect()->ask(get("/echo"));
  server.connect()->ask(post("/nowhere", "{}"));
  server.connect()->ask(post("/echo", "{}"));
  EXPECT_EQ(server->counts().refused, 2U);
}

// The answer must reach a client that is still sending the body which nobody reads.
TEST(HttpServer, AnswersAClientThatIsStillSending) {
  const RunningServer server;
  const auto client = server.connect();
  const std::string body(1 << 20, 'x');
  client->send(echo_with("Content-Length: 1048576\r\n"));
  client->send(body);
  expect_error(client->answer(), 413);
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, AnswersBeforeTheBodyThatItRefusesHasCome) {
  const RunningServer server;
  const auto client = server.connect();
  client->send(echo_with("Content-Length: 1048576\r\n"));
  expect_error(client->answer(), 413);
  EXPECT_TRUE(client->ended());
}

TEST(HttpServer, FindsNothingAtADeepPathAndGoesOn) {
  const RunningServer server;
  const auto client = server.connect();
  for (const char* path :
       {"/path/a/b/c/d/e/f", "/path/a/b/", "/path//", "/path/a//b", "/path/../echo/.."}) {
    const auto answer = client->ask(post(path, "{}"));
    ASSERT_TRUE(answer) << path;
    EXPECT_TRUE(answer->status == 404 || answer->status == 200) << path << answer->raw;
    if (answer->status == 404) expect_error(answer, 404);
  }
}

// --- what cannot be understood -------------------------------------------------------------------

// Where a request cannot be made out, what follows it must not be taken for another.
struct Unclear {
  const char* name;
  std::string request;
  int status;  ///< 0: closed without an answer
};

void PrintTo(const Unclear& row, std::ostream* out) { *out << row.name; }

std::vector<Unclear> unclear() {
  std::string many;
  for (int i = 0; i < 150; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  return {
      {"Nonsense", "what is this\r\n\r\n", 400},
      {"NoVersion", "POST /echo\r\nHost: x\r\n\r\n", 400},
      {"AnotherVersion", "POST /echo HTTP/3.0\r\nHost: x\r\n\r\n", 400},
      {"UnknownMethod", "BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"MethodInSmallLetters", "post /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"HeaderWithoutColon", echo_with("Content-Length: 2\r\nno colon here\r\n", "{}"), 400},
      {"HeaderWithoutName", echo_with("Content-Length: 2\r\n: value\r\n", "{}"), 400},
      {"HeaderWithAControlByte", echo_with("Content-Length: 2\r\nX: a\x01z\r\n", "{}"), 400},
      {"TooManyHeaders", echo_with(many + "Content-Length: 2\r\n", "{}"), 400},
      {"HeaderTooLong",
       echo_with("X: " + std::string(9000, 'x') + "\r\nContent-Length: 2\r\n", "{}"), 400},
      {"RangeThatIsNone", post("/echo", "{}", "Range: nonsense\r\n"), 416},
      {"PathTooLong", post("/" + std::string(9000, 'a'), "{}"), 414},
      {"QueryTooLong", post("/echo?" + std::string(9000, 'a'), "{}"), 414},
      // Lengths on which two readers of the same head could differ.
      {"LengthPercentEncoded", echo_with("Content-Length: %35\r\n", "hello"), 400},
      {"LengthPartlyPercentEncoded", echo_with("Content-Length: 5%30\r\n", "hello"), 400},
      {"LengthAfterABareLineFeed", echo_with("X: y\nContent-Length: 5\r\n", "hello"), 400},
      {"HeadThatEndsAfterABareLineFeed",
       "POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\nX: y\n\r\n{}",
       400},
      // Names that one reader takes for a header and another does not. RFC 9112, 5.1, 5.2.
      {"SpaceAfterAName", echo_with("Content-Length: 2\r\nTransfer-Encoding : chunked\r\n", "{}"),
       400},
      {"TabAfterAName", echo_with("Content-Length: 2\r\nTransfer-Encoding\t: chunked\r\n", "{}"),
       400},
      {"FoldedLine", echo_with("X: y\r\n Content-Length: 9\r\nContent-Length: 2\r\n", "{}"), 400},
      {"ReturnInAName", echo_with("Content-Length: 2\r\nX\rContent-Length: 5\r\n", "{}"), 400},
      {"NulInAName", echo_with(std::string("Content-Length: 2\r\nX\0Y: z\r\n", 27), "{}"), 400},
      {"SecondLengthWithASpace", echo_with("Content-Length : 5\r\nContent-Length: 2\r\n", "{}"),
       400},
      {"PrefaceOfHttp2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"NulInTheRequestLine", std::string("POST /ec\0ho HTTP/1.1\r\nHost: x\r\n\r\n", 34), 400},
  };
}

class HttpServerDoesNotTrust : public ::testing::TestWithParam<Unclear> {};

TEST_P(HttpServerDoesNotTrust, WhatFollows) {
  RunningServer server;
  const auto client = server.connect();
  client->send(GetParam().request);
  client->send(post("/path/smuggled", "{}"));
  const auto answer = client->answer();
  expect_error(answer, GetParam().status);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->closes()) << answer->raw;
  // Were the connection kept, there would be another.
  const auto second = client->answer();
  ASSERT_FALSE(second) << second->raw;
  EXPECT_TRUE(client->ended());
  server.expect_alive();
}
INSTANTIATE_TEST_SUITE_P(, HttpServerDoesNotTrust, ::testing::ValuesIn(unclear()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HttpServer, EndsAHeadThatDoesNotEnd) {
  const RunningServer server;
  const auto client = server.connect();
  // One line, and many lines that are none: neither may grow without bound.
  client->send("POST /echo HTTP/1.1\r\nX: " + std::string(80 * 1024, 'x'));
  EXPECT_TRUE(client->ended());
  const auto other = server.connect();
  std::string lines = "POST /echo HTTP/1.1\r\n";
  while (lines.size() < 80 * 1024) lines += "no line end here\n";
  other->send(lines);
  EXPECT_TRUE(other->ended());
  server.expect_alive();
}

TEST(HttpServer, SurvivesOddRanges) {
  const RunningServer server;
  for (const std::string& range :
       {std::string("bytes=99999999999999999999999999-"), std::string("bytes=-"),
        std::string("bytes=5-2"), "bytes=" + std::string(7000, '9'), "bytes=" + [] {
          std::string ranges;
          for (int i = 0; i < 1500; ++i) ranges += "0-1,";
          return ranges;
        }()}) {
    const auto client = server.connect();
    const auto answer = client->ask(post("/echo", "{}", "Range: " + range + "\r\n"));
    EXPECT_TRUE(answer) << range.substr(0, 40);
  }
  server.expect_alive();
}

TEST(HttpServer, SurvivesAPathOfEveryByte) {
  const RunningServer server;
  for (int byte = 0; byte < 256; ++byte) {
    constexpr char kHex[] = "0123456789ABCDEF";
    const std::string path =
        std::string("/path/a%") + kHex[byte / 16] + kHex[byte % 16] + "%u12%zz%";
    const auto client = server.connect();
    EXPECT_TRUE(client->ask(post(path, "{}"))) << byte;
  }
}

TEST(HttpServer, EndsTruncatedRequests) {
  RunningServer server;
  const std::string request = post("/hold", "never whole");
  for (const std::size_t part : {std::size_t{1}, std::size_t{20}, request.size() - 1}) {
    const auto client = server.connect();
    client->send(request.substr(0, part));
    SSL_shutdown(client->ssl());
    ::shutdown(client->socket(), SHUT_WR);
    EXPECT_TRUE(client->ended());
  }
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST(HttpServer, SurvivesClientsThatVanish) {
  RunningServer server;
  const std::string request = post("/echo", std::string(60'000, 'x'));
  for (std::size_t part = 0; part <= request.size(); part += request.size() / 8) {
    const auto client = server.connect();
    client->send(request.substr(0, part));
    const linger abrupt{1, 0};
    setsockopt(client->socket(), SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
    client->close();
  }
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
  server.expect_alive();
}

TEST(HttpServer, EndsWhatIsNotTls) {
  RunningServer server;
  Client::Options raw;
  raw.tls = false;
  for (const std::string& bytes :
       {get("/alive"), std::string(4096, '\xff'), std::string("\x16\x03\x01\x00\x05hello", 10),
        std::string("\0\0\0\0\0\0\0\0", 8)}) {
    Client client(server.address(), raw);
    ASSERT_TRUE(client.connected());
    client.send(bytes);
    ::shutdown(client.socket(), SHUT_WR);
    EXPECT_TRUE(client.ended());
  }
  EXPECT_TRUE(eventually([&] { return server->counts().handshake_failures == 4; }));
  server.expect_alive();
}

// --- deadlines -----------------------------------------------------------------------------------

TEST(HttpServer, EndsAHandshakeThatStalls) {
  Limits limits = wide_limits();
  limits.handshake = kShort;
  RunningServer server(limits);
  Client::Options raw;
  raw.tls = false;
  Client silent(server.address(), raw);
  EXPECT_TRUE(silent.ended());
  Client half(server.address(), raw);
  half.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));  // a ClientHello's first bytes
  EXPECT_TRUE(half.ended());
  EXPECT_TRUE(eventually([&] { return server->counts().handshake_failures >= 2; }));
}

TEST(HttpServer, EndsARequestThatTakesTooLong) {
  Limits limits = wide_limits();
  limits.request = kShort;
  const RunningServer server(limits);
  const std::string request = post("/echo", "never whole");
  for (const std::size_t part : {std::size_t{3}, std::size_t{40}, request.size() - 1}) {
    const auto client = server.connect();
    client->send(request.substr(0, part));
    EXPECT_TRUE(client->ended()) << part;
  }
}

// A byte now and then must not prolong it.
TEST(HttpServer, EndsARequestThatDrips) {
  Limits limits = wide_limits();
  limits.request = kShort;
  const RunningServer server(limits);
  const auto client = server.connect();
  client->send(echo_with("Content-Length: 65536\r\n"));
  EXPECT_TRUE(eventually([&] { return !client->send("x"); }));
}

TEST(HttpServer, EndsAClientThatDoesNotReadItsAnswers) {
  Limits limits = wide_limits();
  limits.max_body = 8 << 20;
  limits.request = std::chrono::milliseconds(1000);
  RunningServer server(limits);
  const auto client = server.connect();
  const int small = 4096;
  setsockopt(client->socket(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  const timeval bound{1, 0};
  setsockopt(client->socket(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  client->send(post("/echo", std::string(limits.max_body, 'x')));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST(HttpServer, EndsAnIdleConnection) {
  Limits limits = wide_limits();
  limits.idle = kShort;
  RunningServer server(limits);
  const auto fresh = server.connect();
  EXPECT_TRUE(fresh->ended());
  // One whose idle time is up only after it has served.
  EXPECT_TRUE(eventually([&] {
    Client used(server.address(), server.options());
    const auto answer = used.ask(post("/echo", "once"));
    return answer && answer->status == 200 && used.ended();
  }));
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

// Requests without end on one connection must not keep the others from being served.
TEST(HttpServer, ServesOthersBesideAClientThatNeverStops) {
  Limits limits = wide_limits();
  limits.threads = 1;
  const RunningServer server(limits, nullptr);
  const auto greedy = server.connect();
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += post("/echo", "more");
  std::atomic<bool> stop{false};
  std::atomic<int> heard{0};
  std::thread sender([&] {
    while (!stop && greedy->send(requests)) {
    }
  });
  std::thread hearer([&] {
    char buffer[64 * 1024];
    while (!stop && recv(greedy->socket(), buffer, sizeof buffer, 0) > 0) ++heard;
  });
  EXPECT_TRUE(eventually([&] { return heard > 20; }));
  for (int i = 0; i < 3; ++i) {
    const auto answer = server.connect()->ask(post("/echo", "my turn"));
    EXPECT_TRUE(answer);
    if (!answer) break;
    EXPECT_EQ(answer->body, "my turn");
  }
  stop = true;
  ::shutdown(greedy->socket(), SHUT_RDWR);
  sender.join();
  hearer.join();
}

// --- more connections than places ----------------------------------------------------------------

TEST(HttpServer, EndsTheLongestIdleConnectionForANewOne) {
  Limits limits = wide_limits();
  limits.max_connections = 3;
  RunningServer server(limits);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(server.connect());
    ASSERT_TRUE(clients.back()->ask(post("/echo", "hello")));
  }
  // The first now is the one that was used last.
  for (int i = 0; i < 20; ++i) {
    const auto answer = clients[0]->ask(post("/echo", "again"));
    ASSERT_TRUE(answer);
  }
  // One that has just been used is left alone: its next request may be coming.
  EXPECT_TRUE(eventually([&] {
    Client fourth(server.address(), server.options());
    const auto answer = fourth.ask(post("/echo", "me too"));
    return answer && answer->status == 200;
  }));
  EXPECT_TRUE(clients[1]->ended());
  for (const int kept : {0, 2}) {
    const auto still = clients[static_cast<std::size_t>(kept)]->ask(post("/echo", "still"));
    ASSERT_TRUE(still) << kept;
    EXPECT_EQ(still->status, 200);
  }
  EXPECT_EQ(server->evicted(), 1U);
  EXPECT_TRUE(eventually([&] { return server->connections() == 2; }));
}

// Whoever connects and says nothing costs nobody his place.
TEST(HttpServer, ServesItsClientsBesideThoseWhoOnlyConnect) {
  Limits limits = wide_limits();
  limits.max_connections = 4;
  RunningServer server(limits);
  const auto client = server.connect();
  ASSERT_TRUE(client->ask(post("/echo", "hello")));
  Client::Options bare;
  bare.shake_hands = false;
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 40; ++i) {
    silent.push_back(std::make_unique<Client>(server.address(), bare));
    // Half of a request is none.
    silent.push_back(std::make_unique<Client>(server.address(), server.options()));
    silent.back()->send(post("/echo", "half").substr(0, 20));
    const auto answer = client->ask(post("/echo", "still"));
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->status, 200);
  }
  EXPECT_TRUE(eventually([&] {
    Client newcomer(server.address(), server.options());
    const auto answer = newcomer.ask(post("/echo", "me too"));
    return answer && answer->status == 200;
  }));
}

// Many clients that send large bodies slowly must not take more memory than a few of them.
TEST(HttpServer, BuffersAFewBodiesAtOnce) {
  Limits limits = wide_limits();
  limits.max_body = 1 << 20;
  RunningServer server(limits);
  const std::string most = post("/echo", std::string(limits.max_body, 'x'));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(server.connect());
    clients.back()->send(most.substr(0, most.size() - 1));
  }
  const auto has_answer = [](const auto& client) {
    pollfd item{client->socket(), POLLIN, 0};
    return poll(&item, 1, 0) == 1;
  };
  EXPECT_TRUE(eventually([&] { return std::ranges::count_if(clients, has_answer) == 4; }));
  // Those who came in time are served.
  for (const auto& client : clients) {
    const bool refused = has_answer(client);
    if (!refused) client->send("x");
    const auto answer = client->answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, refused ? 503 : 200);
  }
  EXPECT_TRUE(server.connect()->ask(most)) << "and leave room for others";
}

TEST(HttpServer, ShedsWhenNoConnectionIsIdle) {
  Limits limits = wide_limits();
  limits.max_connections = 2;
  RunningServer server(limits);
  const auto first = server.connect(), second = server.connect();
  first->send(post("/hold", "first"));
  second->send(post("/hold", "second"));
  server.door.wait_for(2);
  const auto third = server.connect();
  const auto shed = third->ask(post("/echo", "me too"));
  expect_error(shed, 503);
  ASSERT_TRUE(shed);
  EXPECT_EQ(shed->header("retry-after"), "1");
  EXPECT_TRUE(shed->closes());
  EXPECT_TRUE(third->ended());
  EXPECT_EQ(server->counts().shed, 1U);
  server.door.open();
  for (const auto& [client, body] : {std::pair{first.get(), "first"}, {second.get(), "second"}}) {
    const auto answer = client->answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, body);
  }
  EXPECT_TRUE(eventually([&] {
    const auto answer = Client(server.address(), server.options()).ask(post("/echo", "now"));
    return answer && answer->status == 200;
  }));
}

TEST(HttpServer, SurvivesMoreClientsThanItHasPlacesFor) {
  Limits limits = wide_limits();
  limits.max_connections = 2;
  limits.handshake = std::chrono::seconds(1);
  RunningServer server(limits);
  std::vector<std::thread> threads;
  std::atomic<int> served{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) {
        Client client(server.address(), server.options());
        const auto answer = client.ask(post("/echo", "hello"));
        if (answer && answer->status == 200) ++served;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GT(served, 0);
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
  server.expect_alive();
}

// --- handlers ------------------------------------------------------------------------------------

TEST(HttpServer, AnswersForAHandlerThatThrows) {
  const RunningServer server;
  const auto client = server.connect();
  for (const char* path : {"/throw", "/throw-int"}) {
    const auto answer = client->ask(post(path, "{}"));
    expect_error(answer, 500);
    ASSERT_TRUE(answer);
    EXPECT_THAT(answer->raw, Not(HasSubstr("secret")));
  }
  const auto after = client->ask(post("/echo", "fine"));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->body, "fine");
}

// Whatever the answer says of the connection, the server does.
TEST(HttpServer, DoesWhatItsAnswerSays) {
  const RunningServer server;
  const auto client = server.connect();
  const auto answer = client->ask(post("/malformed", "{"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 400);
  if (answer->closes()) {
    EXPECT_TRUE(client->ended());
  } else {
    EXPECT_TRUE(client->ask(post("/echo", "next")));
  }
}

// --- the end -------------------------------------------------------------------------------------

TEST(HttpServer, DrainLetsARequestFinishAndTakesNoMore) {
  RunningServer server;
  const auto idle = server.connect();
  ASSERT_TRUE(idle->ask(post("/echo", "hello")));
  const auto never_used = server.connect();
  const auto busy = server.connect();
  busy->send(post("/hold", "under way"));
  server.door.wait_for(1);

  auto drained = std::async(std::launch::async, [&] { return server.drain(kForever); });
  EXPECT_EQ(idle->ending(), Ending::Closed);
  EXPECT_TRUE(never_used->ended()) << "after a while";
  EXPECT_TRUE(eventually([&] {
    const Client late(server.address(), server.options());
    return !late.connected();
  }));
  server.door.open();
  const auto answer = busy->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "under way");
  EXPECT_TRUE(busy->ended());
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(server->connections(), 0U);
}

// The answer of a request that was under way when the drain began says that it is the last.
TEST(HttpServer, DrainSaysThatTheAnswerIsTheLast) {
  RunningServer server;
  const auto busy = server.connect();
  busy->send(post("/hold", "under way"));
  server.door.wait_for(1);
  server->start_closing();
  server.door.open();
  const auto answer = busy->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(answer->closes()) << answer->raw;
  EXPECT_EQ(busy->ending(), Ending::Closed);
}

// A client's next request may be on its way when the server is told to end.
TEST(HttpServer, StillServesIdleConnectionsOnceItIsClosing) {
  RunningServer server;
  const auto idle = server.connect();
  ASSERT_TRUE(idle->ask(post("/echo", "before")));
  server->start_closing();
  const auto answer = idle->ask(post("/echo", "after"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "after");
  EXPECT_TRUE(answer->closes());
  EXPECT_EQ(idle->ending(), Ending::Closed);
}

// The last answers must not be lost: a client asks until it is told that the connection ends.
TEST(HttpServer, DrainAnswersWhateverWasSent) {
  for (int round = 0; round < 10; ++round) {
    RunningServer server;
    constexpr int kClients = 8;
    std::atomic<int> lost{0}, asked{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kClients; ++i)
      threads.emplace_back([&] {
        Client client(server.address(), server.options());
        for (;;) {
          if (!client.send(post("/echo", "hello"))) break;
          const auto answer = client.answer();
          ++asked;
          if (!answer) ++lost;
          if (!answer || answer->closes()) break;
        }
      });
    eventually([&] { return asked > 100; });
    server->start_closing();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(lost, 0);
    EXPECT_TRUE(server.drain(kForever));
  }
}

TEST(HttpServer, StillServesNewcomersOnceItIsClosing) {
  RunningServer server;
  server->start_closing();
  for (int i = 0; i < 2; ++i) {
    const auto client = server.connect();
    const auto answer = client->ask(post("/echo", "late"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "late");
    EXPECT_TRUE(answer->closes());
    EXPECT_EQ(client->ending(), Ending::Closed);
  }
}

TEST(HttpServer, DrainEndsWhatTakesLongerThanItsGrace) {
  RunningServer server;
  const auto half = server.connect();
  half->send(post("/echo", "half").substr(0, 30));
  const auto busy = server.connect();
  busy->send(post("/hold", "for ever"));
  server.door.wait_for(1);
  EXPECT_TRUE(server.drain(milliseconds(50)));
  EXPECT_TRUE(half->ended());
  EXPECT_FALSE(busy->answer());
  EXPECT_TRUE(busy->ended());
}

// Whoever connects in the moment of the drain must not hold it up until the idle limit.
TEST(HttpServer, DrainEndsWhoComesAtTheLastMoment) {
  Limits limits = wide_limits();
  limits.idle = std::chrono::hours(1);
  for (int round = 0; round < 15; ++round) {
    RunningServer server(limits);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    std::mutex mutex;
    std::vector<std::unique_ptr<Client>> held;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] {
        while (!stop) {
          auto client = std::make_unique<Client>(server.address(), server.options());
          if (!client->connected()) continue;
          const std::lock_guard lock(mutex);
          held.push_back(std::move(client));
        }
      });
    eventually([&] { return server->connections() >= 3; });
    auto drained =
        std::async(std::launch::async, [&] { return server.drain(milliseconds(round % 3)); });
    const auto outcome = drained.wait_for(std::chrono::seconds(20));
    stop = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(outcome, std::future_status::ready) << "round " << round;
    held.clear();  // which lets a server go that waits for them
    drained.wait();
    if (outcome != std::future_status::ready) break;
  }
}

// --- addresses -----------------------------------------------------------------------------------

std::function<std::string(std::string_view)> error_body() { return test_error_body; }

TEST(HttpServer, SaysWhatIsWrongWithAnAddress) {
  for (const char* address :
       {"", "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:-1",
        "127.0.0.1:65536", "127.0.0.1:80x", "::1:443", "[::1]"}) {
    HttpServer server(nullptr, wide_limits(), error_body());
    const auto problem = server.bind(address);
    ASSERT_TRUE(problem) << address;
    EXPECT_FALSE(problem->message.empty());
    EXPECT_FALSE(problem->remedy.empty()) << address;
    EXPECT_THAT(problem->message, HasSubstr(address));
  }
}

TEST(HttpServer, SaysThatAPortIsTaken) {
  const RunningServer first;
  HttpServer second(nullptr, wide_limits(), error_body());
  const auto problem = second.bind(first.address());
  ASSERT_TRUE(problem);
  EXPECT_THAT(problem->to_string(), HasSubstr(first.address()));
}

TEST(HttpServer, NamesThePortThatItWasGiven) {
  HttpServer server(nullptr, wide_limits(), error_body());
  ASSERT_FALSE(server.bind("127.0.0.1:0"));
  EXPECT_TRUE(server.address().starts_with("127.0.0.1:"));
  EXPECT_FALSE(server.address().ends_with(":0"));
}

}  // namespace
}  // namespace plimsoll::server
