#include "docker/engine.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include "docker/fake_engine.h"

namespace plimsoll::docker {
namespace {

using testing::FakeEngine;

/// A socket whose every answer is this text, after which it is closed; `endless`: over and over.
class Crude {
 public:
  explicit Crude(std::string answer, bool endless = false) : answer_(std::move(answer)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path(), address.sun_path);
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_, 8), 0);
    thread_ = std::thread([this, endless] {
      for (int peer = 0; (peer = ::accept(listening_, nullptr, nullptr)) >= 0;) {
        char buffer[4096];
        while (endless && ::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL) > 0) {
        }
        if (!endless && ::read(peer, buffer, sizeof buffer) > 0) {
          EXPECT_EQ(::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL),
                    static_cast<ssize_t>(answer_.size()));
        }
        ::close(peer);
      }
    });
  }
  ~Crude() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  [[nodiscard]] std::string path() const { return folder_ / "docker.sock"; }

 private:
  server::testing::Folder folder_;
  std::string answer_;
  int listening_ = -1;
  std::thread thread_;
};

TEST(Engine, GivesWholeAnswersWhateverTheirStatus) {
  FakeEngine fake;
  fake.say("/info", R"({"Name":"host"})");
  fake.say("/containers/a/json", R"({"message":"No such container: a"})", 404);
  fake.start();
  auto engine = Engine::connect(fake.path());
  ASSERT_TRUE(engine) << engine.error().to_string();
  const auto info = engine->get("/info");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->status, 200);
  EXPECT_EQ(info->body, R"({"Name":"host"})");
  const auto gone = engine->get("/containers/a/json");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->status, 404);
  EXPECT_EQ(gone->body, R"({"message":"No such container: a"})");
}

TEST(Engine, SaysWhyItCannotBeReached) {
  const server::testing::Folder folder;
  const auto why = [](const std::string& path) {
    const auto engine = Engine::connect(path);
    return engine ? "connected" : engine.error().to_string();
  };
  const std::string none = folder / "none.sock";
  EXPECT_EQ(why(none), none + ": there is no such socket; start Docker, or name its socket with "
                              "--docker unix://PATH");
  EXPECT_EQ(why(folder / std::string(200, 'x')),
            (folder / std::string(200, 'x')) + ": is too long for the path of a socket");
  std::string left;
  {
    FakeEngine fake;
    fake.start();
    left = folder / "left.sock";
    EXPECT_EQ(::rename(fake.path().c_str(), left.c_str()), 0);
  }
  EXPECT_EQ(why(left), left + ": nobody answers there; start Docker");
}

TEST(Engine, TellsDockerFromOthers) {
  FakeEngine fake;
  fake.say("/_ping", "no", 403);
  fake.start();
  const auto engine = Engine::connect(fake.path());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().to_string(),
            fake.path() +
                ": GET /_ping is answered with 403: this is no Docker; name its socket with "
                "--docker unix://PATH");
  const Crude crude("no HTTP at all\n");
  const auto other = Engine::connect(crude.path());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().to_string(),
            crude.path() + ": GET /_ping: no answer came, or it was cut short");
}

TEST(Engine, HoldsAnswersToTheirLimit) {
  FakeEngine fake;
  fake.say("/large", std::string((1 << 20) + 1, 'x'));
  fake.say("/fits", std::string(1 << 20, 'x'));
  fake.start();
  auto engine = Engine::connect(fake.path(), {.body = 1 << 20});
  ASSERT_TRUE(engine);
  EXPECT_TRUE(engine->get("/fits"));
  const auto large = engine->get("/large");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().to_string(),
            fake.path() + ": GET /large: the answer is larger than 1 MiB");
  EXPECT_TRUE(engine->get("/fits")) << "and goes on afterwards";
}

TEST(Engine, DoesNotTakeAnAnswerThatIsCutShort) {
  const Crude crude("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
  const auto engine = Engine::connect(crude.path());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().to_string(),
            crude.path() + ": GET /_ping: no answer came, or it was cut short");
}

TEST(Engine, WaitsForNoAnswerThatNeverBegins) {
  const Crude crude("HTTP/1.1 100 Continue\r\n\r\n", true);
  const auto engine = Engine::connect(crude.path(), {.timeout = std::chrono::milliseconds(50)});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().to_string(),
            crude.path() + ": GET /_ping: the answer takes longer than 1 s");
}

TEST(Engine, FindsItsSocket) {
  const auto found = [](std::string_view given, std::string_view host, std::string_view runtime) {
    const auto path = Engine::find_socket(given, host, runtime);
    return path ? *path : path.error().to_string();
  };
  EXPECT_EQ(found("unix:///a.sock", "unix:///b.sock", ""), "/a.sock");
  EXPECT_EQ(found("", "unix:///b.sock", ""), "/b.sock");
  EXPECT_EQ(found("/a.sock", "", ""),
            "--docker: \"/a.sock\" is not unix://PATH; run it on the host, where the socket is");
  EXPECT_EQ(found("", "tcp://1.2.3.4:2376", ""),
            "DOCKER_HOST: \"tcp://1.2.3.4:2376\" is not unix://PATH; run it on the host, where the "
            "socket is");
  EXPECT_EQ(found("unix://", "", ""),
            "--docker: \"unix://\" is not unix://PATH; run it on the host, where the socket is");
}

TEST(Engine, LooksWhereDockerAndPodmanListen) {
  EXPECT_EQ(usual_sockets("/run/user/7"),
            (std::vector<std::string>{"/run/docker.sock", "/var/run/docker.sock",
                                      "/run/user/7/docker.sock", "/run/podman/podman.sock",
                                      "/run/user/7/podman/podman.sock"}));
  EXPECT_EQ(usual_sockets("").size(), 3U);
}

}  // namespace
}  // namespace plimsoll::docker
