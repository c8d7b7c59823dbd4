#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "cis/item.h"
#include "codec/docker.h"

namespace plimsoll::cis {
namespace {

using ::testing::HasSubstr;

const Item& item_of(std::string_view number) {
  for (const Item* item : items())
    if (item->number() == number) return *item;
  ADD_FAILURE() << "there is no item " << number;
  return *items().front();
}

Said of_host(std::string_view number, const Host& host) {
  Said said;
  item_of(number).of_host(host, said);
  return said;
}

/// With the parts that each container has.
std::string whole(std::string inspected) {
  for (const char* needed : {"HostConfig", "Config", "State"})
    if (inspected.find(fmt::format("\"{}\":", needed)) == std::string::npos)
      inspected.insert(1, fmt::format("\"{}\":{{}}{}", needed, inspected == "{}" ? "" : ","));
  return inspected;
}

/// What an item says of a container that `docker inspect` shows like that.
Said of_container(std::string_view number, const std::string& inspected, const Host& host = {}) {
  const auto container = codec::docker::decode_container(whole(inspected), {});
  EXPECT_TRUE(container) << container.error().to_string();
  Said said;
  item_of(number).of_container(*container, host, said);
  return said;
}
ItemStatus status_of(std::string_view number, const std::string& inspected) {
  return of_container(number, inspected).status;
}

Host known() {
  Host host;
  host.flags = Settings();
  host.file = Settings();
  return host;
}

constexpr auto kPass = ItemStatus::Pass, kWarn = ItemStatus::Warn, kInfo = ItemStatus::Info,
               kNote = ItemStatus::Note;

TEST(Items, AreThoseOfTheBenchmarkInItsOrder) {
  std::vector<std::string> wanted;
  for (int i = 1; i <= 18; ++i) wanted.push_back("1.1." + std::to_string(i));
  wanted.insert(wanted.end(), {"1.2.1", "1.2.2"});
  const std::pair<int, int> kSections[] = {{2, 18}, {3, 24}, {4, 12}, {5, 32}, {6, 2}, {7, 9}};
  for (const auto& [section, count] : kSections)
    for (int i = 1; i <= count; ++i)
      wanted.push_back(std::to_string(section) + "." + std::to_string(i));
  std::vector<std::string> numbers;
  for (const Item* item : items()) numbers.emplace_back(item->number());
  EXPECT_EQ(numbers, wanted);
}

TEST(Items, SayWhatTheyAreAndWhatToDo) {
  std::set<std::string_view> titles, ids;
  for (const Item* item : items()) {
    SCOPED_TRACE(item->number());
    EXPECT_EQ(item->check.id, "cis-docker-" + std::string(item->number()));
    ASSERT_EQ(item->check.references.size(), 1U);
    EXPECT_EQ(item->check.references[0].standard, "CIS Docker 1.6.0");
    EXPECT_EQ(item->check.references[0].section, item->number());
    EXPECT_TRUE(ids.insert(item->check.id).second);
    EXPECT_TRUE(titles.insert(item->check.title).second) << item->check.title;
    EXPECT_FALSE(item->check.title.ends_with('.'));
    EXPECT_TRUE(item->check.rationale.ends_with('.'));
    EXPECT_FALSE(item->check.remedy.empty());
    EXPECT_NE(item->of_host == nullptr, item->of_container == nullptr);
  }
}

TEST(Items, ArePickedByNumbersAndPatterns) {
  EXPECT_TRUE(matches("5", "5.5"));
  EXPECT_TRUE(matches("5.5", "5.5"));
  EXPECT_FALSE(matches("5.5", "5.15"));
  EXPECT_FALSE(matches("5.1", "5.10"));
  EXPECT_TRUE(matches("1.1", "1.1.18"));
  EXPECT_TRUE(matches("5.*", "5.32"));
  EXPECT_FALSE(matches("5.*", "4.5"));
  EXPECT_FALSE(matches("", "5.5"));
}

TEST(Items, SayNothingCertainOfAHostThatCouldNotBeSeen) {
  Host host;
  for (auto* seen : {&host.flags, &host.file}) *seen = Seen<Settings>::not_seen("hidden");
  host.watches = Seen<std::vector<Watch>>::not_seen("hidden");
  host.mount_points = Seen<std::vector<std::string>>::not_seen("hidden");
  host.docker_group = Seen<std::vector<std::string>>::not_seen("hidden");
  host.images = Seen<std::vector<Image>>::not_seen("hidden");
  host.networks = Seen<std::vector<Network>>::not_seen("hidden");
  host.registry_certificates = Seen<std::vector<File>>::not_seen("hidden");
  for (File& file : host.files) {
    file.state = File::State::Hidden;
    file.path = "/hidden";
    file.why = "hidden";
  }
  const std::set<std::string_view> certain{"2.9", "2.12", "2.15", "4.5"};  // the daemon says it
  for (const Item* item : items())
    if (item->of_host != nullptr) {
      const Said said = of_host(item->number(), host);
      EXPECT_EQ(said.status == kWarn, certain.contains(item->number())) << item->number();
      if (said.unseen) {
        EXPECT_THAT(said.detail, HasSubstr("could not be seen: ")) << item->number();
      }
    }
}

TEST(Items, RootHasManyNames) {
  const auto user = [](const std::string& name) {
    return status_of("4.1", R"({"Config":{"User":")" + name + R"("}})");
  };
  for (const char* root :
       {"", "0", "00", "0:0", "root", "root:app", "0:1000", ":5", "+0", "+0:0", "-0"})
    EXPECT_EQ(user(root), kWarn) << root;
  for (const char* other : {"1000", "1000:0", "+10", "10"}) EXPECT_EQ(user(other), kPass) << other;
  for (const char* unknown : {"app", "app:root", "rooty", " 0", "99999999999999999999"})
    EXPECT_EQ(user(unknown), kInfo) << unknown;
}

TEST(Items, MountsOfTheHostsOwnCountHoweverDeep) {
  const auto mount = [](const std::string& source, bool writable = false) {
    return status_of("5.6", R"({"Mounts":[{"Type":"bind","Destination":"/m","Source":")" + source +
                                R"(","RW":)" + (writable ? "true" : "false") + "}]}");
  };
  for (const char* sensitive : {"/", "/etc", "/etc/ssh", "/etc/", "//etc//ssh", "/srv/../etc",
                                "/usr/lib", "/proc", "/root"})
    EXPECT_EQ(mount(sensitive), kWarn) << sensitive;
  for (const char* other : {"/srv", "/etcetera", "/home/etc", "/var/lib/app", "/library"})
    EXPECT_EQ(mount(other, true), kPass) << other;
  EXPECT_EQ(
      status_of("5.6", R"({"Mounts":[{"Type":"volume","Source":"/etc","Destination":"/m"}]})"),
      kPass)
      << "a volume is none of the host's own";
  const Said said = of_container(
      "5.6",
      R"({"Mounts":[{"Type":"bind","Source":"/srv"},{"Type":"bind","Source":"/etc/ssh","RW":false}]})");
  ASSERT_EQ(said.hits.size(), 1U);
  EXPECT_EQ(said.hits[0].path, "/Mounts/1/Source");
  EXPECT_EQ(said.hits[0].message, "mounts /etc/ssh of the host, which is in /etc, to read");
}

TEST(Items, SElinuxIsOffInSeveralWays) {
  Host host = known();
  host.daemon.security_options = {"name=selinux"};
  const auto with = [&](const std::string& host_config) {
    return of_container("5.3", R"({"HostConfig":)" + host_config + "}", host).status;
  };
  for (const char* off :
       {R"({"SecurityOpt":["label=disable"]})", R"({"SecurityOpt":["label:disable"]})",
        R"({"SecurityOpt":["disable"]})", R"({"SecurityOpt":["label=type:spc_t"]})",
        R"({"Privileged":true,"SecurityOpt":["label=level:s0:c1,c2"]})"})
    EXPECT_EQ(with(off), kWarn) << off;
  for (const char* on : {"{}", R"({"SecurityOpt":["label=type:container_t"]})",
                         R"({"SecurityOpt":["label=level:s0:c1,c2"]})"})
    EXPECT_EQ(with(on), kPass) << on;
}

TEST(Items, SocketsAreReachedThroughFolders) {
  const auto mount = [](const std::string& source) {
    return status_of("5.32", R"({"Mounts":[{"Type":"bind","Source":")" + source + R"("}]})");
  };
  for (const char* reaching :
       {"/run/docker.sock", "/var/run/docker.sock", "/run", "/", "/run/containerd/containerd.sock"})
    EXPECT_EQ(mount(reaching), kWarn) << reaching;
  for (const char* named :
       {"/srv/docker.sock", "/srv/x/../docker.sock/", "/run/k3s/containerd/containerd.sock",
        "/run/cri-dockerd.sock", "/run/buildkit", "/srv/podman.sock", "/run/user", "/run/user/1000",
        "/run/user/1000/podman", "/var/run/user/1000/docker.sock", "/home/u/.docker/run",
        "/home/u/.docker"})
    EXPECT_EQ(mount(named), kWarn) << named;
  for (const char* other : {"/srv/docker.sock.d", "/run/user/1000/pulse", "/home/u/docker"})
    EXPECT_EQ(mount(other), kPass) << other;
  Host told = known();
  told.flags = Settings{{"host", {"unix:///srv/api", "fd://"}}};
  EXPECT_EQ(
      of_container("5.32", R"({"Mounts":[{"Type":"bind","Source":"/srv/api"}]})", told).status,
      kWarn)
      << "each socket that the daemon listens on";
  told.socket_unit = std::vector<std::string>{"/srv/of-systemd", "2375"};
  EXPECT_EQ(of_container("5.32", R"({"Mounts":[{"Type":"bind","Source":"/srv/of-systemd"}]})", told)
                .status,
            kWarn)
      << "or that systemd gives it";
  Host host;
  host.at(Place::DockerSocket).path = "/srv/engine/docker.sock";
  EXPECT_EQ(
      of_container("5.32", R"({"Mounts":[{"Type":"bind","Source":"/srv/engine"}]})", host).status,
      kWarn)
      << "wherever the engine that was asked listens";
}

TEST(Items, EveryAddressHasThreeNames) {
  const auto port = [](const std::string& number, const std::string& ip, const std::string& host) {
    return status_of(number, R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":")" + ip +
                                 R"(","HostPort":")" + host + R"("}]}}})");
  };
  for (const char* every : {"", "0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"})
    EXPECT_EQ(port("5.14", every, "8080"), kWarn);
  for (const char* one : {"127.0.0.1", "::1", "192.0.2.1"})
    EXPECT_EQ(port("5.14", one, "8080"), kPass) << one;
  EXPECT_EQ(port("5.14", "", ""), kWarn) << "a port that is still to be chosen";
  EXPECT_EQ(port("5.14", "", "0"), kWarn) << "a port that is still to be chosen";
  EXPECT_EQ(port("5.8", "::", "80"), kWarn);
  EXPECT_EQ(port("5.8", "127.0.0.1", "1023"), kWarn);
  EXPECT_EQ(port("5.8", "127.0.0.1", "1024"), kPass);
  EXPECT_EQ(port("5.8", "127.0.0.1", ""), kPass);
  EXPECT_EQ(port("5.9", "127.0.0.1", "8080"), kInfo);
  EXPECT_EQ(status_of("5.9", "{}"), kPass);
  EXPECT_EQ(status_of("5.14", R"({"State":{"Status":"restarting","Running":true},
                "HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"80"}]}},
                "NetworkSettings":{"Ports":{}}})"),
            kWarn)
      << "between two starts nothing is published, and then it is again";
}

TEST(Items, DevicesAreGivenInThreeWays) {
  const auto with = [](const std::string& host_config) {
    return of_container("5.18", R"({"HostConfig":)" + host_config + "}").detail;
  };
  EXPECT_EQ(with(R"({"Devices":[{"PathOnHost":"/dev/sda"}]})"),
            "has devices of the host: /dev/sda");
  EXPECT_EQ(with(R"({"DeviceCgroupRules":["b *:* rwm"]})"),
            "has devices of the host: all of b *:* rwm");
  EXPECT_EQ(with(R"({"DeviceRequests":[{"Driver":"","Count":-1,"Capabilities":[["gpu"]]}]})"),
            "has devices of the host: what is asked of any driver");
  EXPECT_EQ(with(R"({"Devices":null,"DeviceCgroupRules":null,"DeviceRequests":null})"), "");
}

TEST(Items, AHealthCheckThatIsSetUpCountsBeforeTheFirstStart) {
  constexpr std::string_view kAsked = R"("Config":{"Healthcheck":{"Test":["CMD-SHELL","true"]}})";
  const auto with = [&](std::string_view config, std::string_view state) {
    return status_of("5.27", fmt::format("{{{},\"State\":{}}}", config, state));
  };
  EXPECT_EQ(with(kAsked, R"({"Status":"created"})"), kPass);
  EXPECT_EQ(with(R"("Config":{"Healthcheck":{"Test":["NONE"]}})", R"({"Status":"created"})"),
            kWarn);
  EXPECT_EQ(with(kAsked, R"({"Status":"running","Running":true})"), kWarn)
      << "it runs and has no health: it is switched off";
}

TEST(Items, ContainersAreHeldToWhatPodsAreHeldTo) {
  const auto with = [](std::string_view number, const std::string& host_config) {
    return of_container(number, R"({"HostConfig":{)" + host_config + "}}");
  };
  EXPECT_EQ(with("5.5", R"("Privileged":true)").hits.at(0).path, "/HostConfig/Privileged");
  EXPECT_EQ(with("5.5", R"("Privileged":false)").status, kPass);
  const Said added = with("5.4", R"("CapAdd":["CHOWN","CAP_SYS_ADMIN","ALL"])");
  ASSERT_EQ(added.hits.size(), 2U);
  EXPECT_EQ(added.hits[0].path, "/HostConfig/CapAdd/1");
  EXPECT_EQ(added.hits[0].message, "has the capability SYS_ADMIN");
  EXPECT_EQ(added.hits[1].element, "ALL");
  EXPECT_EQ(with("5.10", R"("NetworkMode":"host")").status, kWarn);
  EXPECT_EQ(with("5.10", R"("PidMode":"host")").status, kPass);
  EXPECT_EQ(with("5.16", R"("PidMode":"host")").status, kWarn);
  EXPECT_EQ(with("5.17", R"("IpcMode":"host")").status, kWarn);
  EXPECT_EQ(with("5.17", R"("IpcMode":"shareable")").status, kPass);
  EXPECT_EQ(with("5.21", R"("UTSMode":"host")").status, kWarn);
  EXPECT_EQ(with("5.31", R"("UsernsMode":"host")").status, kWarn);
  EXPECT_EQ(with("5.13", R"("ReadonlyRootfs":true)").status, kPass);
  EXPECT_EQ(with("5.13", "").status, kWarn);
  EXPECT_EQ(with("5.22", R"("Privileged":true)").hits.at(0).message,
            "may make any system call: privileged switches seccomp off");
  EXPECT_EQ(with("5.22", "").status, kPass);
  EXPECT_EQ(with("5.26", R"("SecurityOpt":["no-new-privileges:false"])").status, kWarn);
  EXPECT_EQ(with("5.26", R"("SecurityOpt":["no-new-privileges"])").status, kPass);
  EXPECT_EQ(with("5.2", R"("SecurityOpt":["apparmor=unconfined"])").status, kWarn);
}

TEST(Items, LimitsHaveToBeThere) {
  const auto with = [](std::string_view number, const std::string& host_config) {
    return of_container(number, R"({"HostConfig":{)" + host_config + "}}").status;
  };
  EXPECT_EQ(with("5.11", R"("Memory":0)"), kWarn);
  EXPECT_EQ(with("5.11", R"("Memory":1)"), kPass);
  EXPECT_EQ(with("5.12", ""), kWarn);
  for (const char* limit : {R"("CpuShares":2)", R"("NanoCpus":1)", R"("CpuQuota":1000)"})
    EXPECT_EQ(with("5.12", limit), kPass) << limit;
  EXPECT_EQ(with("5.12", R"("CpuQuota":-1)"), kWarn);
  for (const char* none : {"", R"("PidsLimit":null)", R"("PidsLimit":0)", R"("PidsLimit":-1)"})
    EXPECT_EQ(with("5.29", none), kWarn) << none;
  EXPECT_EQ(with("5.29", R"("PidsLimit":9)"), kPass);
  const auto restart = [&](const std::string& name, int most) {
    return with("5.15", R"("RestartPolicy":{"Name":")" + name + R"(","MaximumRetryCount":)" +
                            std::to_string(most) + "}");
  };
  EXPECT_EQ(restart("no", 0), kPass);
  EXPECT_EQ(restart("", 0), kPass);
  EXPECT_EQ(restart("on-failure", 5), kPass);
  EXPECT_EQ(restart("on-failure", 6), kWarn);
  EXPECT_EQ(restart("on-failure", 0), kWarn);
  EXPECT_EQ(restart("always", 0), kWarn);
  EXPECT_EQ(restart("unless-stopped", 0), kWarn);
  EXPECT_EQ(with("5.25", R"("CgroupParent":"/x")"), kWarn);
  EXPECT_EQ(with("5.18", R"("Devices":[{"PathOnHost":"/dev/sda"}])"), kInfo);
  EXPECT_EQ(with("5.19", R"("Ulimits":[{"Name":"nofile"}])"), kPass);
  EXPECT_EQ(with("5.19", ""), kInfo);
  EXPECT_EQ(with("5.23", ""), kNote);
}

TEST(Items, SharedMountsAppearOnTheHost) {
  const auto with = [](const std::string& propagation) {
    return status_of("5.20", R"({"Mounts":[{"Type":"bind","Source":"/srv","Propagation":")" +
                                 propagation + R"("}]})");
  };
  for (const char* bad : {"shared", "rshared"}) EXPECT_EQ(with(bad), kWarn) << bad;
  for (const char* good : {"", "private", "rprivate", "slave", "rslave"})
    EXPECT_EQ(with(good), kPass) << good;
}

TEST(Items, SshServersAreFoundByTheirNames) {
  auto container = *codec::docker::decode_container(whole(R"({"State":{"Running":true}})"), {});
  const auto said = [&](std::vector<std::string> commands) {
    container.processes = std::move(commands);
    Said what;
    item_of("5.7").of_container(container, {}, what);
    return what.status;
  };
  for (const char* server : {"sshd", "/usr/sbin/sshd -D", "sshd: root@pts/0", "/opt/sshd-session"})
    EXPECT_EQ(said({"sh", server}), kWarn) << server;
  for (const char* other : {"ssh-agent", "/bin/sshdx", "grep sshd", "/sshd/run", ""})
    EXPECT_EQ(said({other}), kPass) << other;
  container.processes = Seen<std::vector<std::string>>::not_seen("no ps");
  Said unseen;
  item_of("5.7").of_container(container, {}, unseen);
  EXPECT_EQ(unseen.detail, "could not be seen: no ps");
  EXPECT_EQ(of_container("5.7", "{}").status, kInfo) << "it does not run";
  EXPECT_EQ(of_container("5.7", R"({"State":{"Status":"restarting","Running":true}})").detail,
            "it does not run");
}

TEST(Items, FilesAreComparedBitByBit) {
  Host host;
  const auto set = [&](std::uint32_t mode, std::uint32_t uid = 0, std::uint32_t gid = 0) {
    host.at(Place::DaemonJson) = {.state = File::State::There,
                                  .path = "/etc/docker/daemon.json",
                                  .why = {},
                                  .mode = mode,
                                  .uid = uid,
                                  .gid = gid,
                                  .group = {}};
  };
  for (const std::uint32_t good : {0644U, 0600U, 0400U, 0U}) {
    set(good);
    EXPECT_EQ(of_host("3.18", host).status, kPass) << good;
  }
  for (const std::uint32_t bad : {0664U, 0626U, 0646U, 0755U, 04644U}) {
    set(bad);
    EXPECT_EQ(of_host("3.18", host).status, kWarn) << bad;
  }
  EXPECT_EQ(of_host("3.17", host).status, kPass);
  set(0644, 1000);
  EXPECT_EQ(of_host("3.17", host).status, kWarn);
  set(0644, 0, 5);
  EXPECT_EQ(of_host("3.17", host).hits.at(0).message,
            "/etc/docker/daemon.json belongs to user 0 and group 5, not to root");
  host.flags = Seen<Settings>::not_seen("no dockerd");
  EXPECT_EQ(of_host("3.13", host).detail, "could not be seen: no dockerd");
  host.flags = host.file = Settings();
  EXPECT_EQ(of_host("3.13", host).detail, "the daemon uses none");
  host.at(Place::DaemonJson).state = File::State::Missing;
  EXPECT_EQ(of_host("3.17", host).status, kInfo);
  File& socket = host.at(Place::DockerSocket);
  socket.state = File::State::There;
  socket.path = "/run/docker.sock";
  EXPECT_EQ(of_host("3.15", host).status, kPass);
  socket.gid = 999;
  EXPECT_EQ(of_host("3.15", host).status, kWarn);
  socket.group = "docker";
  EXPECT_EQ(of_host("3.15", host).status, kPass);
}

TEST(Items, ACertificateThatCannotBeLookedAtDoesNotPass) {
  Host host = known();
  File hidden{.state = File::State::Hidden, .path = "/c/a.crt", .why = "/c/a.crt: no"};
  host.registry_certificates = std::vector<File>{hidden};
  EXPECT_EQ(of_host("3.7", host).detail, "could not be seen: /c/a.crt: no");
  File open{.state = File::State::There, .path = "/c/b.crt", .why = {}, .mode = 0666};
  host.registry_certificates = std::vector<File>{hidden, open};
  EXPECT_EQ(of_host("3.8", host).status, kWarn);
}

TEST(Items, AuditRulesWatchFilesAndFolders) {
  Host host;
  File& file = host.at(Place::DaemonJson);
  file.path = "/etc/docker/daemon.json";
  EXPECT_EQ(of_host("1.1.11", host).status, kInfo) << "what is not there need not be watched";
  file.state = File::State::There;
  const auto with = [&](std::string path, bool below) {
    host.watches = std::vector<Watch>{{std::move(path), below}};
    return of_host("1.1.11", host).status;
  };
  EXPECT_EQ(with("/etc/docker/daemon.json", false), kPass);
  EXPECT_EQ(with("/etc/docker", true), kPass);
  EXPECT_EQ(with("/", true), kPass);
  EXPECT_EQ(with("/etc/docker", false), kWarn);
  EXPECT_EQ(with("/etc/dock", true), kWarn);
  EXPECT_EQ(with("/etc/docker/daemon.json.old", true), kWarn);
}

TEST(Items, TheDaemonIsHeldToWhatItWasTold) {
  const auto said = [](std::string_view number, Settings flags, Settings file = {}) {
    Host host = known();
    host.flags = std::move(flags);
    host.file = std::move(file);
    return of_host(number, host).status;
  };
  EXPECT_EQ(said("2.2", {}), kWarn);
  EXPECT_EQ(said("2.2", {{"icc", {"false"}}}), kPass);
  EXPECT_EQ(said("2.2", {}, {{"icc", {"false"}}}), kPass);
  EXPECT_EQ(said("2.2", {{"icc", {"true"}}}, {{"icc", {"false"}}}), kWarn);
  EXPECT_EQ(said("2.3", {}), kPass);
  EXPECT_EQ(said("2.3", {{"log-level", {"INFO"}}}), kPass);
  EXPECT_EQ(said("2.3", {{"log-level", {"info", "debug"}}}), kWarn);
  EXPECT_EQ(said("2.4", {{"iptables", {"false"}}}), kWarn);
  EXPECT_EQ(said("2.5", {{"insecure-registry", {"a", "b"}}}), kWarn);
  EXPECT_EQ(said("2.7", {{"host", {"unix:///x"}}}), kInfo);
  EXPECT_EQ(said("2.7", {{"host", {"tcp://0.0.0.0:2375"}}}), kWarn);
  EXPECT_EQ(said("2.7", {{"host", {"tcp://0:2376"}}, {"tls", {"true"}}}), kPass)
      << "tls alone verifies as well";
  EXPECT_EQ(said("2.7", {{"host", {"tcp://0:2376"}}, {"tlsverify", {"false"}}}), kWarn);
  EXPECT_EQ(said("2.7", {{"host", {"tcp://0:2376"}}, {"tlsverify", {"true"}}}), kPass);
  EXPECT_EQ(said("2.8", {}), kInfo);
  EXPECT_EQ(said("2.8", {}, {{"default-ulimit", {"nofile={}"}}}), kPass);
  EXPECT_EQ(said("2.10", {{"cgroup-parent", {"/x"}}}), kWarn);
  EXPECT_EQ(said("2.11", {{"storage-opt", {"a=b", "dm.basesize=20G"}}}), kWarn);
  EXPECT_EQ(said("2.14", {{"no-new-privileges", {"true"}}}), kPass);
  EXPECT_EQ(said("2.14", {{"no-new-privileges", {"false"}}}), kWarn);
  EXPECT_EQ(said("2.16", {}), kWarn);
  EXPECT_EQ(said("2.16", {}, {{"userland-proxy", {"false"}}}), kPass);
}

TEST(Items, ListenersOfSystemdAndOfTheDaemonsOwnWordsCount) {
  Host host = known();
  host.flags = Settings{{"host", {"fd://"}}};
  host.socket_unit = Seen<std::vector<std::string>>::not_seen("there is no unit docker.socket");
  EXPECT_EQ(of_host("2.7", host).detail, "could not be seen: there is no unit docker.socket");
  host.socket_unit = std::vector<std::string>{"/run/docker.sock"};
  EXPECT_EQ(of_host("2.7", host).detail, "the daemon does not listen on TCP");
  for (const char* tcp : {"2375", "0.0.0.0:2375", "[::]:2375"}) {
    host.socket_unit = std::vector<std::string>{"/run/docker.sock", tcp};
    EXPECT_EQ(of_host("2.7", host).status, kWarn) << tcp;
  }
  host = known();
  host.daemon.warnings = {
      "WARNING: No swap limit support",
      "[DEPRECATION NOTICE]: API is accessible on http://0.0.0.0:2375 without encryption.\n  x"};
  const Said said = of_host("2.7", host);
  ASSERT_EQ(said.hits.size(), 1U);
  EXPECT_EQ(said.hits[0].message, "the daemon listens on http://0.0.0.0:2375 without TLS");
}

TEST(Items, WhatTheDaemonSaysItselfCountsMore) {
  Host host = known();
  host.networks = std::vector<Network>{
      {"bridge", "bridge", "local", {{"com.docker.network.bridge.enable_icc", "false"}}}};
  EXPECT_EQ(of_host("2.2", host).status, kPass);
  host.daemon.security_options = {"name=userns", "name=seccomp,profile=builtin"};
  EXPECT_EQ(of_host("2.9", host).status, kPass);
  EXPECT_EQ(of_host("2.17", host).status, kPass);
  host.daemon.security_options = {"name=seccomp,profile=unconfined"};
  EXPECT_EQ(of_host("2.17", host).status, kInfo);
  for (const char* driver : {"json-file", "local", "none"}) {
    host.daemon.logging_driver = driver;
    EXPECT_EQ(of_host("2.13", host).status, kWarn) << driver;
  }
  host.daemon.logging_driver = "syslog";
  EXPECT_EQ(of_host("2.13", host).status, kPass);
  host.daemon.root_dir = "odd";
  host.daemon.security_options = {"name=userns"};
  host.mount_points = std::vector<std::string>{"/"};
  EXPECT_EQ(of_host("1.1.1", host).status, kWarn);
  host.daemon.root_dir = "/var/lib/docker/1.1";
  host.daemon.security_options = {"name=userns"};
  host.mount_points = std::vector<std::string>{"/var/lib/docker"};
  EXPECT_EQ(of_host("1.1.1", host).status, kPass);
}

TEST(Items, PodmanHasNoDaemonToSetUp) {
  Host host;
  host.daemon.podman = host.daemon.experimental = true;
  host.flags = Seen<Settings>::not_seen("no dockerd");
  for (const char* number : {"1.1.3", "2.3", "2.4", "2.8", "2.9", "2.10", "2.11", "2.12", "2.13",
                             "2.15", "2.16", "2.18", "4.5"}) {
    const Said said = of_host(number, host);
    EXPECT_EQ(said.status, kInfo) << number;
    EXPECT_FALSE(said.unseen) << number;
  }
  const auto in = [&](const char* cgroup) {
    return of_container("5.25", fmt::format(R"({{"HostConfig":{{"CgroupParent":"{}"}}}})", cgroup),
                        host)
        .status;
  };
  EXPECT_EQ(in("user.slice"), kPass) << "where podman puts all that are not root's";
  EXPECT_EQ(in("/other"), kWarn);
}

TEST(Items, ASwarmIsLookedAtWhereThereIsOne) {
  Host host = known();
  host.daemon.swarm = "inactive";
  host.networks = std::vector<Network>{};
  for (const char* number : {"7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8", "7.9", "5.1"})
    EXPECT_EQ(of_host(number, host).status, kPass) << number;
  host.daemon.swarm = "active";
  EXPECT_EQ(of_host("5.1", host).status, kWarn);
  EXPECT_EQ(of_host("7.5", host).status, kInfo) << "only a manager knows";
  EXPECT_EQ(of_host("7.1", host).detail, "only a manager of the swarm can say");
  host.daemon.swarm = "locked";
  EXPECT_EQ(of_host("7.5", host).detail, "swarm mode is locked: nothing can be asked");
  host.daemon.swarm = "active";
  host.daemon.manager = true;
  for (const int good : {1, 3, 7}) {
    host.daemon.managers = good;
    EXPECT_EQ(of_host("7.1", host).status, kPass) << good;
  }
  for (const int bad : {2, 4, 9}) {
    host.daemon.managers = bad;
    EXPECT_EQ(of_host("7.1", host).status, kWarn) << bad;
  }
  host.swarm = Swarm{.auto_lock = false, .certificate_hours = 90 * 24};
  EXPECT_EQ(of_host("7.5", host).status, kWarn);
  EXPECT_EQ(of_host("7.7", host).status, kInfo);
  host.swarm = Swarm{.auto_lock = true, .certificate_hours = 48};
  EXPECT_EQ(of_host("7.5", host).status, kPass);
  EXPECT_EQ(of_host("7.7", host).status, kPass);
  host.swarm = Swarm{.auto_lock = true, .certificate_hours = 71};
  EXPECT_EQ(of_host("7.7", host).status, kInfo);
  host.swarm = Swarm{.auto_lock = true, .certificate_hours = 0};
  EXPECT_TRUE(of_host("7.7", host).unseen);
  host.swarm_port_open = true;
  EXPECT_EQ(of_host("7.2", host).status, kWarn);
  host.networks = std::vector<Network>{{"a", "overlay", "swarm", {{"encrypted", ""}}},
                                       {"b", "overlay", "swarm", {}},
                                       {"c", "bridge", "local", {}}};
  const Said said = of_host("7.3", host);
  ASSERT_EQ(said.hits.size(), 1U);
  EXPECT_EQ(said.hits[0].element, "b");
}

TEST(Items, ImagesAreNamed) {
  Host host = known();
  host.images = std::vector<Image>{
      {"sha256:a", "a:1", true, {"RUN apt-get update && apt-get install x", "ADD base"}},
      {"sha256:b", "b:1", false, {"RUN apt-get update", "ADD x /", "ADD base"}}};
  host.used_images = {"sha256:b", "sha256:b"};
  const Said health = of_host("4.6", host);
  ASSERT_EQ(health.hits.size(), 1U);
  EXPECT_EQ(health.hits[0].element, "b:1");
  EXPECT_EQ(of_host("4.7", host).detail, "updated in an instruction that installs nothing: b:1");
  EXPECT_EQ(of_host("4.9", host).detail, "made with ADD: b:1");
  EXPECT_EQ(of_host("6.1", host).detail, "2 images, 1 of them used by containers");
  EXPECT_EQ(of_host("4.5", host).status, kWarn);
  host.content_trust = true;
  EXPECT_EQ(of_host("4.5", host).status, kPass);
}

TEST(Items, HitsHaveAnEnd) {
  std::string mounts;
  for (int i = 0; i < 5000; ++i)
    mounts += std::string(i == 0 ? "" : ",") + R"({"Type":"bind","Source":"/etc"})";
  EXPECT_EQ(of_container("5.6", R"({"Mounts":[)" + mounts + "]}").hits.size(), Said::kMostHits);
}

}  // namespace
}  // namespace plimsoll::cis
