#include "kube/http_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "kube/api_server.h"
#include "kube/credentials.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::AnyOf;
using testing::ApiServer;
using testing::Call;
using testing::ConnectProxy;
using testing::eventually;
using testing::Folder;
using ::testing::HasSubstr;
using testing::Listener;
using ::testing::Not;

constexpr milliseconds kLong = std::chrono::duration_cast<milliseconds>(testing::kForever);
constexpr milliseconds kShort{50};  // of what never comes

Environment no_environment() {
  return [](const std::string&) { return std::string(); };
}
HttpOptions quiet_options() {
  HttpOptions options;
  options.user_agent = "plimsoll/test";
  options.environment = no_environment();
  return options;
}
ClusterConfig cluster_of(const std::string& url) {
  ClusterConfig cluster;
  cluster.server = url;
  cluster.origin = "test";
  cluster.ca_pem = testing::test_ca().certificate;
  return cluster;
}
std::unique_ptr<HttpTransport> transport_to(const ApiServer& server) {
  return HttpTransport::make(cluster_of(server.url()), quiet_options()).value();
}
Request get(std::string path, milliseconds timeout = kLong) {
  Request request;
  request.path = std::move(path);
  request.timeout = timeout;
  return request;
}
std::string error_of(const Result<Response>& response) {
  return response ? "status " + std::to_string(response->status) : response.error().to_string();
}

TEST(HttpTransport, SendsARequestAndReadsItsAnswer) {
  Call seen;
  ApiServer server([&](Call& call) {
    seen = call;
    call.answer(201, R"({"a":1})", "Retry-After: 7\r\n");
  });
  auto cluster = cluster_of(server.url() + "/base/");
  FileCredentialsSpec spec;
  spec.token.text = "abc";
  cluster.credentials = std::make_shared<FileCredentials>(spec);
  const auto transport = HttpTransport::make(cluster, quiet_options()).value();
  Request request = get("/api/v1/namespaces?limit=5&continue=a%2Bb");
  request.method = "PATCH";
  request.body = R"({"kind":"Secret"})";
  request.content_type = "application/apply-patch+yaml";
  request.accept = "application/json;as=Table";
  const auto response = transport->send(request);
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, R"({"a":1})");
  EXPECT_EQ(response->retry_after, seconds(7));
  EXPECT_EQ(seen.method, "PATCH");
  EXPECT_EQ(seen.target, "/base/api/v1/namespaces?limit=5&continue=a%2Bb");
  EXPECT_EQ(seen.body, request.body);
  EXPECT_EQ(seen.header("content-type"), "application/apply-patch+yaml");
  EXPECT_EQ(seen.header("accept"), "application/json;as=Table");
  EXPECT_EQ(seen.header("user-agent"), "plimsoll/test");
  EXPECT_EQ(seen.header("authorization"), "Bearer abc");
  EXPECT_EQ(seen.header("host"), "127.0.0.1:" + std::to_string(server.port()));
}

TEST(HttpTransport, WithoutCredentialsSaysNothingOfThem) {
  std::string authorization = "none yet";
  ApiServer server([&](Call& call) {
    authorization = call.header("authorization");
    call.answer(200, "");
  });
  EXPECT_TRUE(transport_to(server)->send(get("/")));
  EXPECT_EQ(authorization, "");
}

TEST(HttpTransport, KeepsAConnectionForTheNextRequest) {
  ApiServer server([](Call& call) { call.answer(200, call.target); });
  const auto transport = transport_to(server);
  for (const char* const path : {"/a", "/b", "/c"}) {
    const auto response = transport->send(get(path));
    ASSERT_TRUE(response) << error_of(response);
    EXPECT_EQ(response->body, path);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpTransport, ManyThreadsEachGetTheirOwnAnswer) {
  ApiServer server([](Call& call) { call.answer(200, call.target); });
  const auto transport = transport_to(server);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        const auto response = transport->send(get(path));
        if (!response || response->body != path) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(server.connections(), 60) << "connections are not kept";
}

TEST(HttpTransport, AKeptConnectionThatDiedIsReplaced) {
  // The second request on a connection finds it closed.
  std::vector<std::string> answered;
  ApiServer server([&](Call& call) {
    if (call.count > 1) return call.close();
    answered.push_back(call.method);
    call.answer(200, "");
  });
  const auto transport = transport_to(server);
  ASSERT_TRUE(transport->send(get("/")));
  const auto again = transport->send(get("/"));
  EXPECT_TRUE(again) << error_of(again);
  EXPECT_EQ(server.connections(), 2);

  // What may have been carried out is not sent again.
  Request change = get("/");
  change.method = "PATCH";
  change.body = "{}";
  const auto changed = transport->send(change);
  EXPECT_THAT(error_of(changed), HasSubstr("PATCH /: the connection was closed before an answer"));
  EXPECT_EQ(answered.size(), 2U);
}

TEST(HttpTransport, ACloseThatIsAnnouncedIsHonoured) {
  ApiServer server([](Call& call) {
    call.answer(200, "", "Connection: close\r\n");
    call.close();
  });
  const auto transport = transport_to(server);
  EXPECT_TRUE(transport->send(get("/")));
  EXPECT_TRUE(transport->send(get("/")));
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpTransport, RefusesACertificateOfAnotherCa) {
  ApiServer server([](Call& call) { call.answer(200, ""); });
  auto cluster = cluster_of(server.url());
  cluster.ca_pem = server::make_ca("Other", std::chrono::days(1)).value().certificate;
  const auto transport = HttpTransport::make(cluster, quiet_options()).value();
  EXPECT_THAT(error_of(transport->send(get("/"))),
              HasSubstr("the server's certificate is not trusted"));
  cluster.ca_pem = "";  // the system's CAs
  EXPECT_THAT(error_of(HttpTransport::make(cluster, quiet_options()).value()->send(get("/"))),
              HasSubstr("the server's certificate is not trusted"));
  cluster.insecure_skip_tls_verify = true;
  const auto response = HttpTransport::make(cluster, quiet_options()).value()->send(get("/"));
  EXPECT_TRUE(response) << error_of(response);
}

TEST(HttpTransport, RefusesACertificateForAnotherName) {
  const std::string hosts[] = {"api.example"};
  ApiServer::Options options;
  options.certificate = make_serving(testing::test_ca(), hosts, std::chrono::days(1)).value();
  ApiServer server([](Call& call) { call.answer(200, ""); }, options);
  EXPECT_THAT(error_of(transport_to(server)->send(get("/"))),
              HasSubstr("the server's certificate is not for 127.0.0.1"));
  auto cluster = cluster_of("https://localhost:" + std::to_string(server.port()));
  EXPECT_THAT(error_of(HttpTransport::make(cluster, quiet_options()).value()->send(get("/"))),
              HasSubstr("the server's certificate is not for localhost"));
  cluster.tls_server_name = "api.example";
  const auto response = HttpTransport::make(cluster, quiet_options()).value()->send(get("/"));
  EXPECT_TRUE(response) << error_of(response);
}

TEST(HttpTransport, ShowsItsClientCertificate) {
  const auto ca = server::make_ca("Clients", std::chrono::days(1)).value();
  ApiServer::Options options;
  options.client_ca = ca.certificate;
  std::string client;
  ApiServer server(
      [&](Call& call) {
        client = call.client;
        call.answer(200, "");
      },
      options);
  // The reset of a server that has not read the request may overtake its words.
  EXPECT_THAT(error_of(transport_to(server)->send(get("/"))),
              AnyOf(HasSubstr("certificate required"), HasSubstr("the connection broke")));
  EXPECT_EQ(client, "");
  auto cluster = cluster_of(server.url());
  const auto pair = testing::test_client(ca);
  FileCredentialsSpec spec;
  spec.client_certificate.text = pair.certificate;
  spec.client_key.text = pair.key;
  cluster.credentials = std::make_shared<FileCredentials>(spec);
  const auto response = HttpTransport::make(cluster, quiet_options()).value()->send(get("/"));
  EXPECT_TRUE(response) << error_of(response);
  EXPECT_EQ(client, "client");

  spec.client_key.text = testing::test_serving().key;
  cluster.credentials = std::make_shared<FileCredentials>(spec);
  EXPECT_THAT(error_of(HttpTransport::make(cluster, quiet_options()).value()->send(get("/"))),
              HasSubstr("the client key is not that of the client certificate"));
}

TEST(HttpTransport, AnotherClientCertificateGetsAnotherConnection) {
  const auto ca = server::make_ca("Clients", std::chrono::days(1)).value();
  ApiServer::Options options;
  options.client_ca = ca.certificate;
  ApiServer server([](Call& call) { call.answer(200, std::to_string(call.connection)); }, options);
  struct Rotating final : CredentialSource {
    std::vector<std::pair<std::string, std::string>> pairs;
    std::size_t at = 0;
    Result<Credentials> current() override {
      Credentials credentials;
      credentials.client_certificate = pairs[at].first;
      credentials.client_key = pairs[at].second;
      return credentials;
    }
    void refused(const Credentials&) override {}
  };
  const auto source = std::make_shared<Rotating>();
  for (int i = 0; i < 2; ++i) {
    const auto pair = testing::test_client(ca);
    source->pairs.emplace_back(pair.certificate, pair.key);
  }
  auto cluster = cluster_of(server.url());
  cluster.credentials = source;
  const auto transport = HttpTransport::make(cluster, quiet_options()).value();
  EXPECT_EQ(transport->send(get("/")).value().body, "1");
  EXPECT_EQ(transport->send(get("/")).value().body, "1");
  source->at = 1;
  EXPECT_EQ(transport->send(get("/")).value().body, "2");
}

TEST(HttpTransport, ACaFileIsReadAgainForTheNextConnection) {
  const Folder folder;
  const auto next = server::make_ca("Next", std::chrono::days(2)).value();
  ApiServer server([](Call& call) {
    call.answer(200, "", "Connection: close\r\n");
    call.close();
  });
  auto cluster = cluster_of(server.url());
  cluster.ca_pem = "";
  cluster.ca_file = folder.write("ca.crt", testing::test_ca().certificate);
  const auto transport = HttpTransport::make(cluster, quiet_options()).value();
  ASSERT_TRUE(transport->send(get("/")));
  server.use(testing::test_serving(next));
  EXPECT_THAT(error_of(transport->send(get("/"))), HasSubstr("not trusted"));
  folder.write("ca.crt", next.certificate + testing::test_ca().certificate);
  const auto response = transport->send(get("/"));
  EXPECT_TRUE(response) << error_of(response);
}

TEST(HttpTransport, ARotatedTokenIsSentAfterAMinute) {
  const Folder folder;
  std::string seen;
  ApiServer server([&](Call& call) {
    seen = call.header("authorization");
    call.answer(200, "");
  });
  FileCredentialsSpec spec;
  spec.token.file = folder.write("token", "one\n");
  std::chrono::steady_clock::time_point now;
  auto cluster = cluster_of(server.url());
  cluster.credentials = std::make_shared<FileCredentials>(spec, [&] { return now; });
  const auto transport = HttpTransport::make(cluster, quiet_options()).value();
  ASSERT_TRUE(transport->send(get("/")));
  EXPECT_EQ(seen, "Bearer one");
  folder.write("token", "two\n");
  now += seconds(59);
  ASSERT_TRUE(transport->send(get("/")));
  EXPECT_EQ(seen, "Bearer one");
  now += seconds(1);
  ASSERT_TRUE(transport->send(get("/")));
  EXPECT_EQ(seen, "Bearer two");
}

TEST(HttpTransport, A401ReadsTheTokenAnewAndSendsOnceMore) {
  const Folder folder;
  std::vector<std::string> seen;
  ApiServer server([&](Call& call) {
    seen.push_back(call.header("authorization"));
    call.answer(seen.back() == "Bearer good" ? 200 : 401, "{}");
  });
  FileCredentialsSpec spec;
  spec.token.file = folder.write("token", "old");
  auto cluster = cluster_of(server.url());
  cluster.credentials = std::make_shared<FileCredentials>(spec);
  const auto transport = HttpTransport::make(cluster, quiet_options()).value();
  // The same token again would not help.
  EXPECT_EQ(transport->send(get("/")).value().status, 401);
  EXPECT_EQ(seen, (std::vector<std::string>{"Bearer old"}));
  folder.write("token", "good");
  EXPECT_EQ(transport->send(get("/")).value().status, 200);
  EXPECT_EQ(seen, (std::vector<std::string>{"Bearer old", "Bearer old", "Bearer good"}));
  folder.write("token", "bad");
  EXPECT_EQ(transport->send(get("/")).value().status, 200) << "the token of before is known";
}

TEST(HttpTransport, WhatStallsEndsAtTheTimeout) {
  ApiServer silent([](Call& call) { call.hold(); });
  EXPECT_THAT(error_of(transport_to(silent)->send(get("/x?y=1", kShort))),
              HasSubstr("GET /x: no answer in time (50 ms)"));
  ApiServer half([](Call& call) {
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    call.hold();
  });
  EXPECT_THAT(error_of(transport_to(half)->send(get("/", kShort))),
              HasSubstr("no answer in time (50 ms)"));
  // One that drips is no better.
  ApiServer dripping([](Call& call) {
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (call.send("x")) std::this_thread::sleep_for(milliseconds(5));
  });
  EXPECT_THAT(error_of(transport_to(dripping)->send(get("/", kShort))),
              HasSubstr("no answer in time (50 ms)"));
  Listener mute([](int socket) {
    char dropped[256];
    while (::recv(socket, dropped, sizeof dropped, 0) > 0) {
    }
  });
  const auto transport =
      HttpTransport::make(cluster_of("https://127.0.0.1:" + std::to_string(mute.port())),
                          quiet_options())
          .value();
  EXPECT_THAT(error_of(transport->send(get("/", kShort))), HasSubstr("no TLS handshake in time"));
}

TEST(HttpTransport, SaysWhyThereIsNoConnection) {
  int port = 0;
  {
    const Listener gone([](int) {});
    port = gone.port();
  }
  const auto refused =
      HttpTransport::make(cluster_of("https://127.0.0.1:" + std::to_string(port)), quiet_options())
          .value();
  EXPECT_EQ(error_of(refused->send(get("/api"))),
            "127.0.0.1:" + std::to_string(port) + ": GET /api: cannot connect: Connection refused");
  const auto unknown =
      HttpTransport::make(cluster_of("https://no-such-host.invalid"), quiet_options()).value();
  EXPECT_THAT(error_of(unknown->send(get("/"))),
              HasSubstr("no-such-host.invalid:443: GET /: cannot look up no-such-host.invalid"));
}

TEST(HttpTransport, WhatIsNoHttpIsAnError) {
  ApiServer server([](Call& call) {
    if (call.target == "/text") call.send("hello, this is no HTTP\r\n\r\n");
    if (call.target == "/short") call.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    if (call.target == "/chunks") {
      call.begin_chunks();
      call.send("zz\r\n");
    }
    call.close();
  });
  const auto transport = transport_to(server);
  for (const char* const path : {"/text", "/short", "/chunks"})
    EXPECT_THAT(error_of(transport->send(get(path))),
                HasSubstr("the answer is not HTTP/1.1, or was cut short"))
        << path;
  EXPECT_THAT(error_of(transport->send(get("/none"))),
              HasSubstr("the connection was closed before an answer came"));
}

TEST(HttpTransport, AnAnswerHasALargestSize) {
  ApiServer server([](Call& call) {
    if (call.target == "/chunks") {
      call.begin_chunks();
      for (int i = 0; i < 3; ++i) call.chunk(std::string(500, 'x'));
      return call.end_chunks();
    }
    call.answer(200, std::string(std::stoul(call.target.substr(1)), 'x'));
  });
  HttpOptions options = quiet_options();
  options.max_response = 1000;
  const auto transport = HttpTransport::make(cluster_of(server.url()), options).value();
  EXPECT_EQ(transport->send(get("/1000")).value().body.size(), 1000U);
  EXPECT_THAT(error_of(transport->send(get("/1001"))), HasSubstr("the answer is larger than"));
  EXPECT_THAT(error_of(transport->send(get("/chunks"))), HasSubstr("the answer is larger than"));
  EXPECT_EQ(transport->send(get("/1")).value().body, "x");
}

TEST(HttpTransport, DoesNotFollowARedirect) {
  ApiServer server(
      [](Call& call) { call.answer(302, "", "Location: https://elsewhere.invalid/\r\n"); });
  EXPECT_EQ(transport_to(server)->send(get("/")).value().status, 302);
}

TEST(HttpTransport, SpeaksPlainHttpWhereTheUrlSaysSo) {
  ApiServer::Options options;
  options.tls = false;
  ApiServer server([](Call& call) { call.answer(200, "plain"); }, options);
  const auto transport = transport_to(server);
  EXPECT_EQ(transport->send(get("/")).value().body, "plain");
  EXPECT_EQ(transport->send(get("/")).value().body, "plain");
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpTransport, ReachesAnAddressOfIpv6) {
  const std::string hosts[] = {"::1"};
  ApiServer::Options options;
  options.v6 = true;
  options.certificate = make_serving(testing::test_ca(), hosts, std::chrono::days(1)).value();
  std::string host;
  ApiServer server(
      [&](Call& call) {
        host = call.header("host");
        call.answer(200, "six");
      },
      options);
  if (server.port() == 0) {
    // A machine without IPv6: the address is still understood.
    const auto transport = HttpTransport::make(cluster_of("https://[::1]:1"), quiet_options());
    EXPECT_THAT(error_of(transport.value()->send(get("/"))), HasSubstr("[::1]:1: GET /: "));
    return;
  }
  const auto response = transport_to(server)->send(get("/"));
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_EQ(response->body, "six");
  EXPECT_EQ(host, "[::1]:" + std::to_string(server.port()));
}

TEST(HttpTransport, MakeRefusesWhatCannotBeUsed) {
  const auto error = [](const ClusterConfig& cluster, const Environment& environment) {
    HttpOptions options = quiet_options();
    options.environment = environment;
    const auto transport = HttpTransport::make(cluster, options);
    return transport ? "made" : transport.error().to_string();
  };
  for (const char* const url : {"", "127.0.0.1:6443", "ftp://a", "https://", "https://a:0",
                                "https://a:65536", "https://a:b", "https://a/?q", "https://a b"})
    EXPECT_THAT(error(cluster_of(url), no_environment()), HasSubstr("test: server: ")) << url;
  auto cluster = cluster_of("https://a");
  cluster.proxy_url = "socks5://user:secret@b";
  EXPECT_THAT(error(cluster, no_environment()),
              AllOf(HasSubstr("proxy-url"), Not(HasSubstr("secret"))));
  cluster.proxy_url = "";
  EXPECT_THAT(
      error(cluster,
            [](const std::string& name) { return name == "HTTPS_PROXY" ? "https://b" : ""; }),
      HasSubstr("HTTPS_PROXY"));
  cluster.insecure_skip_tls_verify = true;
  EXPECT_THAT(error(cluster, no_environment()), HasSubstr("insecure-skip-tls-verify"));
  cluster.insecure_skip_tls_verify = false;
  cluster.ca_pem = "nothing";
  EXPECT_THAT(error(cluster, no_environment()), HasSubstr("no PEM certificate"));
  cluster.ca_pem = "";
  cluster.ca_file = "/no/such/file";
  EXPECT_THAT(error(cluster, no_environment()), HasSubstr("/no/such/file"));
}

// --- streams ------------------------------------------------------------------------------------

TEST(HttpTransportStream, GivesTheBytesAsTheyComeHoweverTheyAreSplit) {
  const std::string text = "{\"a\":1}\n{\"b\":\"\xC3\xA9\"}\n";
  ApiServer server([&](Call& call) {
    call.send("HTTP/1.1 200 OK\r\nTransfer-");
    call.send("Encoding: chunked\r\n\r");
    call.send("\n");
    // Each chunk in three writes: within its length, its bytes and its end.
    for (std::size_t at = 0; at < text.size(); at += 3) {
      const std::string piece = text.substr(at, 3);
      call.send(std::to_string(piece.size()));
      call.send(";name=value\r\n" + piece.substr(0, 1));
      call.send(piece.substr(1) + "\r");
      call.send("\n");
    }
    call.end_chunks();
  });
  std::string got;
  const auto transport = transport_to(server);
  for (int i = 0; i < 2; ++i) {
    got.clear();
    const auto response = transport->stream(get("/watch"), kLong, {}, [&](std::string_view bytes) {
      got += bytes;
      return true;
    });
    ASSERT_TRUE(response) << error_of(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "");
    EXPECT_EQ(got, text);
  }
  EXPECT_EQ(server.connections(), 1) << "a stream that ended whole leaves its connection";
}

TEST(HttpTransportStream, AnEventIsGivenBeforeTheNextOneComes) {
  std::promise<void> seen;
  ApiServer server([&](Call& call) {
    call.begin_chunks();
    call.chunk("first");
    seen.get_future().wait();
    call.chunk("second");
    call.end_chunks();
  });
  std::vector<std::string> got;
  const auto response =
      transport_to(server)->stream(get("/"), kLong, {}, [&](std::string_view bytes) {
        got.emplace_back(bytes);
        if (got.size() == 2) seen.set_value();
        return true;
      });
  EXPECT_TRUE(response) << error_of(response);
  EXPECT_EQ(got, (std::vector<std::string>{"", "first", "second"}));
}

TEST(HttpTransportStream, AStreamOutlivesTheRequestsTimeout) {
  ApiServer server([](Call& call) {
    call.begin_chunks();
    // More than the timeout, in pieces.
    for (int i = 0; i < 12; ++i) {
      std::this_thread::sleep_for(milliseconds(20));
      call.chunk("x");
    }
    call.end_chunks();
  });
  std::string got;
  const auto response =
      transport_to(server)->stream(get("/", milliseconds(200)), kLong, {}, [&](std::string_view b) {
        got += b;
        return true;
      });
  EXPECT_TRUE(response) << error_of(response);
  EXPECT_EQ(got, "xxxxxxxxxxxx");
}

TEST(HttpTransportStream, AnotherStatusHasItsBody) {
  ApiServer server([](Call& call) {
    call.begin_chunks(410);
    call.chunk(R"({"kind":"Status"})");
    call.end_chunks();
  });
  const auto response =
      transport_to(server)->stream(get("/"), kLong, {}, [](std::string_view) -> bool {
        ADD_FAILURE() << "the body of an error is no stream";
        return true;
      });
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_EQ(response->status, 410);
  EXPECT_EQ(response->body, R"({"kind":"Status"})");
}

TEST(HttpTransportStream, EndsWhenNoMoreIsWanted) {
  ApiServer server([](Call& call) {
    call.begin_chunks();
    call.chunk("x");
    call.hold();
  });
  // With the head already, or with the first bytes.
  for (int wanted : {1, 2}) {
    int calls = 0;
    const auto response = transport_to(server)->stream(
        get("/"), kLong, {}, [&](std::string_view) { return ++calls < wanted; });
    ASSERT_TRUE(response) << error_of(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(calls, wanted);
  }
}

TEST(HttpTransportStream, AStopEndsASilentStream) {
  std::promise<void> begun;
  ApiServer server([&](Call& call) {
    call.begin_chunks();
    call.chunk("x");
    call.hold();
  });
  std::stop_source stop;
  std::thread stopper([&] {
    begun.get_future().wait();
    stop.request_stop();
  });
  const auto response =
      transport_to(server)->stream(get("/"), kLong, stop.get_token(), [&](std::string_view bytes) {
        if (!bytes.empty()) begun.set_value();
        return true;
      });
  stopper.join();
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_EQ(response->status, 200);
}

TEST(HttpTransportStream, AStopEndsAStreamThatNeverPauses) {
  ApiServer server([&](Call& call) {
    call.begin_chunks();
    while (call.chunk(std::string(1000, 'x'))) {
    }
  });
  std::stop_source stop;
  const auto response =
      transport_to(server)->stream(get("/"), kLong, stop.get_token(), [&](std::string_view bytes) {
        if (!bytes.empty()) stop.request_stop();
        return true;
      });
  ASSERT_TRUE(response) << error_of(response);
}

TEST(HttpTransportStream, AStopEndsAHandshakeAndAHeadThatDoNotCome) {
  std::stop_source stop;
  stop.request_stop();
  const auto take = [](std::string_view) { return true; };
  ApiServer server([](Call& call) { call.hold(); });
  EXPECT_THAT(error_of(transport_to(server)->stream(get("/"), kLong, stop.get_token(), take)),
              HasSubstr("stopped"));

  std::stop_source later;
  std::promise<void> connected;
  Listener mute([&](int socket) {
    char dropped[1024];
    bool first = true;
    while (::recv(socket, dropped, sizeof dropped, 0) > 0)
      if (std::exchange(first, false)) connected.set_value();
  });
  std::thread stopper([&] {
    connected.get_future().wait();
    later.request_stop();
  });
  const auto transport =
      HttpTransport::make(cluster_of("https://127.0.0.1:" + std::to_string(mute.port())),
                          quiet_options())
          .value();
  EXPECT_THAT(error_of(transport->stream(get("/"), kLong, later.get_token(), take)),
              HasSubstr("stopped"));
  stopper.join();
}

TEST(HttpTransportStream, ASilenceThatIsTooLongIsAnError) {
  ApiServer server([](Call& call) {
    call.begin_chunks();
    call.chunk("x");
    call.hold();
  });
  std::string got;
  EXPECT_THAT(error_of(transport_to(server)->stream(get("/"), kShort, {},
                                                    [&](std::string_view bytes) {
                                                      got += bytes;
                                                      return true;
                                                    })),
              HasSubstr("no answer in time (nothing came for 50 ms)"));
  EXPECT_EQ(got, "x");
}

TEST(HttpTransportStream, AStreamThatBreaksIsAnError) {
  ApiServer server([](Call& call) {
    call.begin_chunks();
    call.chunk("x");
    call.send("10\r\nhalf");
    call.close();
  });
  std::string got;
  EXPECT_THAT(error_of(transport_to(server)->stream(get("/"), kLong, {},
                                                    [&](std::string_view bytes) {
                                                      got += bytes;
                                                      return true;
                                                    })),
              HasSubstr("was cut short"));
  EXPECT_EQ(got.substr(0, 1), "x");
}

// --- proxies ------------------------------------------------------------------------------------

TEST(HttpTransportProxy, GoesThroughAProxyThatIsConfigured) {
  std::string leaked;
  ApiServer server([&](Call& call) {
    leaked = call.header("proxy-authorization");
    call.answer(200, "through");
  });
  ConnectProxy proxy;
  auto cluster = cluster_of(server.url());
  cluster.proxy_url = "http://user:pass%20word@" + proxy.address();
  const auto transport = HttpTransport::make(cluster, quiet_options()).value();
  const auto response = transport->send(get("/"));
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_EQ(response->body, "through");
  EXPECT_THAT(proxy.head(),
              AllOf(HasSubstr("CONNECT 127.0.0.1:" + std::to_string(server.port()) + " HTTP/1.1"),
                    HasSubstr("Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n")));
  EXPECT_EQ(leaked, "");
}

TEST(HttpTransportProxy, TheEnvironmentNamesAProxyForWhatIsNotLoopback) {
  ApiServer server([&](Call& call) { call.answer(200, "through"); });
  ConnectProxy proxy;
  HttpOptions options = quiet_options();
  options.environment = [&](const std::string& name) {
    return name == "https_proxy" ? proxy.address() : "";
  };
  // The proxy leads any name to this machine.
  auto cluster = cluster_of("https://api.invalid:" + std::to_string(server.port()));
  cluster.tls_server_name = "localhost";
  const auto through = HttpTransport::make(cluster, options).value()->send(get("/"));
  ASSERT_TRUE(through) << error_of(through);
  EXPECT_THAT(proxy.head(), HasSubstr("CONNECT api.invalid:"));
  const std::string before = proxy.head();
  ASSERT_TRUE(HttpTransport::make(cluster_of(server.url()), options).value()->send(get("/")));
  EXPECT_EQ(proxy.head(), before) << "a loopback address went through the proxy";
}

TEST(HttpTransportProxy, SaysWhatTheProxyRefuses) {
  ConnectProxy proxy("HTTP/1.1 403 Forbidden\r\n\r\n");
  auto cluster = cluster_of("https://127.0.0.1:1");
  cluster.proxy_url = proxy.address();
  EXPECT_THAT(error_of(HttpTransport::make(cluster, quiet_options()).value()->send(get("/"))),
              AllOf(HasSubstr("proxy " + proxy.address()), HasSubstr("HTTP/1.1 403 Forbidden")));
}

}  // namespace
}  // namespace plimsoll::kube
