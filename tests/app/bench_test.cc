// `plimsoll bench` on an engine and a host that a test makes up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/commands.h"
#include "cis/item.h"
#include "docker/fake_engine.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using docker::testing::FakeEngine;
using nlohmann::json;
using server::testing::text_of;
using ::testing::HasSubstr;

/// An engine with two containers and an image, and a host beside it.
class Bench : public ::testing::Test {
 protected:
  Bench() {
    engine_.say("/info",
                json{{"Name", "host-1"},
                     {"Containers", 2},
                     {"ContainersRunning", 1},
                     {"Swarm", {{"LocalNodeState", "inactive"}}},
                     {"SecurityOptions", {"name=apparmor", "name=seccomp,profile=builtin"}}}
                    .dump());
    engine_.say("/version", R"({"Version":"26.1"})");
    engine_.say("/networks", "[]");
    engine_.say("/images/json", R"([{"Id":"sha256:i","RepoTags":["web:1"]}])");
    engine_.say("/images/sha256:i/json", R"({"Config":{}})");
    engine_.say("/images/sha256:i/history", "[]");
    engine_.say("/containers/json?all=1",
                R"([{"Id":"bbbbbbbbbbbbbbbb","Names":["/web"],"ImageID":"sha256:i"},
                    {"Id":"aaaaaaaaaaaaaaaa","Names":["/agent"],"ImageID":"sha256:i"}])");
    engine_.say("/containers/aaaaaaaaaaaaaaaa/json",
                R"({"Id":"aaaaaaaaaaaaaaaa","Name":"/agent","State":{"Status":"exited"},
                    "Config":{"Image":"web:1","User":"app"},"HostConfig":{"Privileged":true}})");
    engine_.say(
        "/containers/bbbbbbbbbbbbbbbb/json",
        R"({"Id":"bbbbbbbbbbbbbbbb","Name":"/web","State":{"Status":"running","Running":true},
                    "Config":{"Image":"web:1","User":"1000"},"HostConfig":{"CapAdd":["SYS_ADMIN"]}})");
    engine_.say("/containers/bbbbbbbbbbbbbbbb/top",
                R"({"Titles":["PID","CMD"],"Processes":[["1","/usr/sbin/sshd"]]})");
    host_.write("etc/group", "docker:x:999:ann\n");
    host_.write("proc/1/mountinfo", "1 0 8:1 / / rw\n");
    host_.write("proc/9/cmdline", std::string("dockerd\0--icc=false\0", 20));
  }

  Ran bench(std::vector<std::string> more) {
    if (!started_) engine_.start();
    started_ = true;
    std::vector<std::string> arguments{"bench", "--docker", engine_.address(), "--host-root",
                                       host_.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(std::move(arguments));
  }
  static std::vector<std::string> names(const json& report) {
    std::vector<std::string> all;
    for (const auto& resource : report.at("resources")) all.push_back(resource.at("name"));
    return all;
  }

  FakeEngine engine_;
  server::testing::Folder host_;
  bool started_ = false;
};

TEST_F(Bench, ReportsTheHostAndEachContainer) {
  const auto ran = bench({"-o", "json"});
  EXPECT_EQ(ran.status, kViolations) << ran.errors;
  const auto report = json::parse(ran.output);
  EXPECT_EQ(names(report), (std::vector<std::string>{"host-1", "agent", "web"}));
  const auto& agent = report.at("resources").at(1);
  EXPECT_EQ(agent.at("kind"), "Container");
  EXPECT_EQ(report.at("resources").at(0).at("kind"), "Host");
  const auto& findings = agent.at("findings");
  const auto at = std::ranges::find_if(
      findings, [](const json& finding) { return finding.at("check") == "cis-docker-5.5"; });
  ASSERT_NE(at, findings.end());
  EXPECT_EQ(at->at("references"),
            json::parse(R"([{"standard":"CIS Docker 1.6.0","section":"5.5"}])"));
  EXPECT_EQ(at->at("field"), "HostConfig.Privileged");
  EXPECT_EQ(at->at("path"), "/HostConfig/Privileged");
  EXPECT_EQ(at->at("severity"), "critical");
  EXPECT_EQ(at->at("message"), "is privileged");
  std::size_t items = 0;
  for (const auto& resource : report.at("resources")) items += resource.at("items").size();
  std::size_t host_items = 0;
  for (const auto* item : cis::items()) host_items += item->of_host != nullptr ? 1 : 0;
  EXPECT_EQ(items, host_items + 2 * (cis::items().size() - host_items));
}

TEST_F(Bench, WhoJoinsAContainerHasTheNamespacesOfThat) {
  const auto settled = [](const std::string& id, const std::string& name, const json& settings) {
    return json{{"Id", id},
                {"Name", "/" + name},
                {"State", {{"Status", "exited"}}},
                {"Config", {{"Image", "web:1"}, {"User", "1000"}}},
                {"HostConfig", settings}}
        .dump();
  };
  engine_.say("/containers/aaaaaaaaaaaaaaaa/json",
              settled("aaaaaaaaaaaaaaaa", "agent",
                      {{"NetworkMode", "host"}, {"PidMode", "ns:/proc/1/ns/pid"}}));
  engine_.say("/containers/bbbbbbbbbbbbbbbb/json",
              settled("bbbbbbbbbbbbbbbb", "web",
                      {{"NetworkMode", "container:aaaaaaaaaaaaaaaa"},
                       {"PidMode", "container:aaaaaaaaaaaaaaaa"},
                       {"IpcMode", "container:bbbbbbbbbbbbbbbb"}}));
  const auto ran = bench({"--include", "5.10,5.16,5.17", "-o", "json"});
  const auto report = json::parse(ran.output);
  for (const auto& resource : report.at("resources")) {
    std::vector<std::string> statuses;
    for (const auto& item : resource.at("items")) statuses.push_back(item.at("status"));
    // Of one that joins itself nobody knows.
    const char* const ipc = resource.at("name") == "web" ? "INFO" : "PASS";
    EXPECT_EQ(statuses, (std::vector<std::string>{"WARN", "WARN", ipc})) << resource.at("name");
  }
}

TEST_F(Bench, WhoJoinsWhatCannotBeReadIsNotSaidToPass) {
  engine_.say("/containers/bbbbbbbbbbbbbbbb/json",
              R"({"Id":"bbbbbbbbbbbbbbbb","Name":"/web","State":{"Status":"exited"},
                  "Config":{"Image":"web:1"},"HostConfig":{"NetworkMode":"container:broken",
                  "PidMode":"container:gone","IpcMode":"container:bbbbbbbbbbbbbbbb"}})");
  engine_.say("/containers/broken/json", R"({"message":"busy"})", 500);
  const auto ran =
      bench({"--include", "5.10,5.16,5.17", "--include-containers", "web", "-o", "json"});
  EXPECT_EQ(ran.status, kFailed) << "what went wrong was to be seen; what is gone was not";
  EXPECT_THAT(ran.errors,
              HasSubstr("plimsoll: GET /containers/broken/json is answered with 500: busy\n"));
  const auto report = json::parse(ran.output);
  EXPECT_EQ(report.at("missing").size(), 1U);
  std::vector<std::string> said;
  for (const auto& item : report.at("resources").at(0).at("items"))
    said.push_back(item.at("status").get<std::string>() + " " +
                   item.at("detail").get<std::string>());
  EXPECT_THAT(said, ::testing::ElementsAre(
                        "INFO could not be seen: it shares that of container:broken: GET "
                        "/containers/broken/json is answered with 500: busy",
                        "INFO could not be seen: it shares that of container:gone: GET "
                        "/containers/gone/json is answered with 404: page not found",
                        "INFO could not be seen: it shares that of container:bbbbbbbbbbbbbbbb: one "
                        "leads to the next"));
}

TEST_F(Bench, LooksBehindLinksAndVolumes) {
  std::filesystem::create_directories(host_ / "srv");
  std::filesystem::create_symlink("/etc", host_ / "srv/settings");
  std::filesystem::create_symlink("/run/docker.sock", host_ / "srv/engine");
  engine_.say("/volumes", R"({"Volumes":[
    {"Name":"keys","Driver":"local","Options":{"type":"none","o":"ro,bind","device":"/srv/settings/ssh"}},
    {"Name":"disk","Driver":"local","Options":{"type":"ext4","device":"/dev/sda1"}},
    {"Name":"share","Driver":"local","Options":{"type":"cifs","o":"user=a","device":"//server/etc"}},
    {"Name":"memory","Driver":"local","Options":{"type":"tmpfs","device":"/dev/shm"}},
    {"Name":"plugin","Driver":"other","Options":{"o":"bind","device":"/etc"}},
    {"Name":"plain","Driver":"local","Options":null}]})");
  json mounts = json::array();
  for (const char* source : {"/srv/settings", "/srv/engine", "/srv/data", "/etc/ssl"})
    mounts.push_back({{"Type", "bind"}, {"Source", source}, {"Destination", "/m"}, {"RW", true}});
  for (const char* name : {"keys", "disk", "share", "memory", "plugin", "plain"})
    mounts.push_back({{"Type", "volume"},
                      {"Name", name},
                      {"Source", std::string("/var/lib/docker/volumes/") + name + "/_data"},
                      {"Destination", "/m"},
                      {"RW", name != std::string("keys")}});
  engine_.say("/containers/bbbbbbbbbbbbbbbb/json", json{{"Id", "bbbbbbbbbbbbbbbb"},
                                                        {"Name", "/web"},
                                                        {"State", {{"Status", "exited"}}},
                                                        {"Config", {{"Image", "web:1"}}},
                                                        {"HostConfig", json::object()},
                                                        {"Mounts", mounts}}
                                                       .dump());
  const auto ran = bench({"--include", "5.6,5.32", "--include-containers", "web", "-o", "json"});
  ASSERT_EQ(ran.errors, "");
  std::vector<std::string> said;
  const auto report = json::parse(ran.output);
  for (const auto& resource : report.at("resources"))
    for (const auto& finding : resource.at("findings"))
      said.push_back(finding.at("path").get<std::string>() + " " +
                     finding.at("message").get<std::string>());
  EXPECT_THAT(
      said,
      ::testing::ElementsAre(
          "/Mounts/0/Source mounts /srv/settings of the host, which leads to /etc",
          "/Mounts/3/Source mounts /etc/ssl of the host, which is in /etc",
          "/Mounts/4/Source mounts the volume keys, which is /etc/ssh of the host, which is in "
          "/etc, to read",
          "/Mounts/5/Source mounts the volume disk, which is /dev/sda1 of the host, which is in "
          "/dev",
          "/Mounts/1/Source reaches the socket of the container runtime through /srv/engine of the "
          "host, which leads to /run/docker.sock"));
}

TEST_F(Bench, SaysNothingOfVolumesThatItCannotLookBehind) {
  engine_.say("/volumes", R"({"message":"busy"})", 500);
  engine_.say("/containers/bbbbbbbbbbbbbbbb/json",
              R"({"Id":"bbbbbbbbbbbbbbbb","Name":"/web","State":{"Status":"exited"},
                  "Config":{"Image":"web:1"},"HostConfig":{},
                  "Mounts":[{"Type":"volume","Name":"v","Source":"/var/lib/docker/volumes/v/_data"}]})");
  const auto ran = bench({"--include", "5.6,5.32", "--include-containers", "web", "-o", "json"});
  EXPECT_EQ(ran.status, kFailed);
  const auto report = json::parse(ran.output);
  for (const auto& item : report.at("resources").at(0).at("items"))
    EXPECT_EQ(item.at("detail"), "could not be seen: GET /volumes is answered with 500: busy");
}

TEST_F(Bench, LooksWhereTheDaemonHasItsFilesByItself) {
  host_.write("root/.docker/key.pem", "");
  ::chmod((host_ / "root/.docker/key.pem").c_str(), 0644);
  host_.write("proc/9/cmdline", std::string("dockerd\0--tlsverify\0", 20));
  const auto tls = bench({"--include", "3.14", "-o", "json"});
  EXPECT_THAT(tls.output, HasSubstr("/root/.docker/key.pem has the mode 0644, more than 0400"));
  const auto elsewhere = bench({"--include", "3.12", "-o", "json"});
  EXPECT_THAT(elsewhere.output, HasSubstr("could not be seen: /root/.docker/cert.pem: is not "
                                          "there, and no setting names another"));
  // A rootless daemon reads the file of its user, and none of root's.
  engine_.say("/info", R"({"Name":"host-1","SecurityOptions":["name=rootless"]})");
  const auto unknown = json::parse(bench({"--include", "2.3,2.4,3.17", "-o", "json"}).output);
  for (const auto& item : unknown.at("resources").at(0).at("items"))
    EXPECT_EQ(item.at("detail"), "could not be seen: who runs the rootless daemon is not known");
  const std::string process = "proc/" + std::to_string(::getpid());  // it has the engine's socket
  host_.write(process + "/cmdline", std::string("dockerd\0", 8));
  host_.write(process + "/environ", std::string("A=b\0HOME=/home/u\0", 17));
  host_.write("home/u/.config/docker/daemon.json", R"({"iptables":false})");
  const auto rootless = bench({"--include", "2.3,2.4,3.17", "-o", "json"});
  EXPECT_EQ(rootless.status, kViolations);
  EXPECT_THAT(rootless.output, HasSubstr("the daemon does not set up the packet filter"));
}

TEST_F(Bench, PicksItemsAndContainers) {
  const auto some = bench({"--include", "5.5,5.4", "--exclude", "5.4", "-o", "json"});
  EXPECT_EQ(some.status, kViolations);
  const auto report = json::parse(some.output);
  EXPECT_EQ(names(report), (std::vector<std::string>{"agent", "web"}));
  EXPECT_EQ(report.at("resources").at(0).at("items").size(), 1U);
  const auto web = bench({"--include", "5.5", "--include-containers", "w*", "-o", "json"});
  EXPECT_EQ(web.status, kPassed) << web.errors;
  EXPECT_EQ(names(json::parse(web.output)), (std::vector<std::string>{"web"}));
  const auto no_web =
      bench({"--include", "5.*", "--exclude-containers", "bbbbbbbbbbbb", "-o", "json"});
  EXPECT_EQ(names(json::parse(no_web.output)), (std::vector<std::string>{"host-1", "agent"}));
  const auto none = bench({"--include", "9.9"});
  EXPECT_EQ(none.status, kFailed);
  EXPECT_EQ(
      none.errors,
      "plimsoll: --include: \"9.9\" is no number of an item; use one such as 5.5, 5 or 5.*\n");
  const auto nobody = bench({"--include", "5.5", "--include-containers", "w*,webb", "-o", "json"});
  EXPECT_EQ(nobody.status, kFailed);
  EXPECT_EQ(nobody.errors,
            "plimsoll: --include-containers: there is no container \"webb\"; `docker ps --all` "
            "lists them\n");
  EXPECT_EQ(bench({"--include", "5.5", "--include-containers", "none-*", "-o", "json"}).status,
            kPassed)
      << "a glob may mean none: hosts differ";
}

TEST_F(Bench, AsksForNoContainerThatItDoesNotNeed) {
  engine_.say("/containers/json?all=1", "", 500);
  engine_.say("/images/json", "", 500);
  const auto ran = bench({"--include", "1.1.2", "-o", "json"});
  EXPECT_EQ(ran.status, kPassed) << ran.errors;
  EXPECT_EQ(json::parse(ran.output).at("resources").at(0).at("items").at(0).at("detail"),
            "as good as root through the group docker: ann");
}

TEST_F(Bench, SaysWhatWasLostOnTheWay) {
  engine_.say("/containers/aaaaaaaaaaaaaaaa/json", R"({"message":"No such container"})", 404);
  engine_.say("/containers/bbbbbbbbbbbbbbbb/top", R"({"message":"ps failed"})", 500);
  const auto ran = bench({"--include", "5", "-o", "json"});
  EXPECT_EQ(ran.status, kFailed);
  EXPECT_THAT(ran.errors, HasSubstr("plimsoll: container agent: it was listed and is gone\n"));
  EXPECT_THAT(ran.errors,
              HasSubstr("plimsoll: container web: GET /containers/bbbbbbbbbbbbbbbb/top is "
                        "answered with 500: ps failed\n"));
  const auto report = json::parse(ran.output);
  EXPECT_EQ(names(report), (std::vector<std::string>{"host-1", "web"})) << "the rest is there";
  EXPECT_EQ(report.at("missing").size(), 2U);
}

TEST_F(Bench, AContainerBetweenTwoStartsIsNotLost) {
  engine_.say("/containers/bbbbbbbbbbbbbbbb/top", R"({"message":"is restarting"})", 409);
  const auto ran = bench({"--include", "5.7", "-o", "json"});
  EXPECT_EQ(ran.status, kPassed) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("it does not run"));
}

TEST_F(Bench, TakesAContainerWithoutItsSettingsForLost) {
  engine_.say("/containers/bbbbbbbbbbbbbbbb/json",
              R"({"Id":"bbbbbbbbbbbbbbbb","HostConfig":null,"Config":{},"State":{}})");
  const auto ran = bench({"--include", "5.5", "-o", "json"});
  EXPECT_EQ(ran.status, kFailed);
  EXPECT_EQ(ran.errors, "plimsoll: container web: HostConfig: is not there\n");
}

TEST_F(Bench, GivesUpWhenTheEngineAnswersNoMore) {
  engine_.say("/containers/json?all=1",
              R"([{"Id":"aaaaaaaaaaaaaaaa","Names":["/agent"]},{"Id":"b","Names":["/b"]},
                  {"Id":"c","Names":["/c"]},{"Id":"d","Names":["/d"]}])");
  engine_.end_with("/containers/aaaaaaaaaaaaaaaa/json");
  const auto ran = bench({"--include", "5.5", "-o", "json"});
  EXPECT_EQ(ran.status, kFailed);
  const auto report = json::parse(ran.output);
  EXPECT_EQ(names(report), (std::vector<std::string>{"agent"}));
  EXPECT_EQ(report.at("missing"),
            json({"container b: " + engine_.path() +
                      ": GET /containers/b/json: the daemon cannot be reached any more",
                  "the engine answers no more: 2 containers were not looked at"}));
}

TEST_F(Bench, TakesWhatItCannotReadForLost) {
  engine_.say("/containers/aaaaaaaaaaaaaaaa/json", R"({"HostConfig":{"Privileged":"no"}})");
  engine_.say("/images/sha256:i/json", "{");
  const auto ran = bench({"-o", "json"});
  EXPECT_EQ(ran.status, kFailed);
  EXPECT_THAT(ran.errors, HasSubstr("plimsoll: container agent: HostConfig.Privileged: must be a "
                                    "boolean, is a string\n"));
  EXPECT_THAT(ran.errors, HasSubstr("plimsoll: GET /images/sha256:i/json: is no JSON"));
}

TEST_F(Bench, FailsWithoutAnEngineThatAnswers) {
  engine_.say("/info", R"({"message":"busy"})", 500);
  const auto busy = bench({"-o", "json"});
  EXPECT_EQ(busy.status, kFailed);
  EXPECT_EQ(busy.errors,
            "plimsoll: " + engine_.path() + ": GET /info is answered with 500: busy\n");
  EXPECT_EQ(busy.output, "");
  engine_.say("/info", R"({"Name":5})");
  EXPECT_EQ(bench({}).errors,
            "plimsoll: " + engine_.path() + ": GET /info: Name: must be a string, is an integer\n");
  const auto none = run({"bench", "--docker", "unix://" + host_.path() + "/none"});
  EXPECT_EQ(none.status, kFailed);
  EXPECT_EQ(none.errors,
            "plimsoll: " + host_.path() +
                "/none: there is no such socket; start Docker, or name its socket with "
                "--docker unix://PATH\n");
}

TEST_F(Bench, TellsInOneLineWhatCouldNotBeSeen) {
  const server::testing::Folder empty;
  engine_.start();
  const auto ran = run({"bench", "--docker", engine_.address(), "--host-root", empty.path(),
                        "--include", "2.3,2.4", "-o", "json"});
  EXPECT_EQ(ran.status, kPassed) << "what cannot be seen is no finding, and was not lost";
  EXPECT_EQ(
      ran.errors,
      "plimsoll: 2 items: could not be seen: no process is called dockerd here, so its "
      "command line is not known" +
          std::string(::geteuid() == 0 ? "" : "; run it as root on the host, or with --host-root") +
          "\n")
      << "root with the host's files has nothing left to try";
}

TEST_F(Bench, GoesByTheEnvironment) {
  engine_.start();
  const auto ran = run({"bench", "--include", "5.5", "--include-containers", "web", "-o", "json"},
                       "", {"DOCKER_HOST=" + engine_.address()});
  EXPECT_EQ(ran.status, kPassed) << ran.errors;
  const auto remote = run({"bench"}, "", {"DOCKER_HOST=tcp://192.0.2.1:2376"});
  EXPECT_EQ(remote.status, kFailed);
  EXPECT_THAT(remote.errors, HasSubstr("DOCKER_HOST: \"tcp://192.0.2.1:2376\" is not unix://PATH"));
}

TEST_F(Bench, LooksUsersUpInTheContainer) {
  std::string archive(512, '\0');
  archive.replace(0, 6, "passwd");
  archive.replace(124, 11, "00000000017");  // 15 bytes
  archive[156] = '0';
  archive += "app:x:0:0::/:\n\n" + std::string(497, '\0');
  engine_.say("/containers/aaaaaaaaaaaaaaaa/archive?path=/etc/passwd", archive);
  const auto ran = bench({"--include", "4.1", "-o", "text"});
  EXPECT_EQ(ran.status, kViolations);
  EXPECT_THAT(ran.output, HasSubstr("runs as root: its user is app, which has the id 0"));
  std::string link(1024, '\0');
  link.replace(0, 6, "passwd");
  link[156] = '2';
  link.replace(157, 9, "../srv/us");
  engine_.say("/containers/aaaaaaaaaaaaaaaa/archive?path=/etc/../srv/us", archive);
  engine_.say("/containers/aaaaaaaaaaaaaaaa/archive?path=/etc/passwd", link);
  EXPECT_EQ(bench({"--include", "4.1"}).status, kViolations) << "a link is followed";
  engine_.say("/containers/aaaaaaaaaaaaaaaa/archive?path=/etc/passwd", "{}", 404);
  const auto unknown = bench({"--include", "4.1", "-o", "json"});
  EXPECT_EQ(unknown.status, kPassed);
  EXPECT_THAT(unknown.errors, HasSubstr("plimsoll: 1 item: could not be seen: GET /containers/"));
}

TEST(BenchDocs, ListEveryItem) {
  const std::string page = text_of(std::string(PLIMSOLL_SOURCE_DIR) + "/docs/bench.md");
  std::string rows;
  for (const auto* item : cis::items())
    rows += "| " + std::string(item->number()) + " | " +
            std::string(name_of(item->check.severity)) + " | " + std::string(item->check.title) +
            " |\n";
  EXPECT_THAT(page, HasSubstr(rows));
  const auto listed = run({"bench", "--list", "--include", "5.5"});
  EXPECT_EQ(listed.output, "5.5     critical  No container is privileged\n");
}

}  // namespace
}  // namespace plimsoll::app
