#include "codec/docker.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace plimsoll::codec::docker {
namespace {

using nlohmann::json;

cis::Container decoded(json inspected, const cis::Defaults& defaults = {}) {
  for (const char* needed : {"HostConfig", "Config", "State"})
    if (inspected[needed].is_null()) inspected[needed] = json::object();
  auto container = decode_container(inspected.dump(), defaults);
  EXPECT_TRUE(container) << container.error().to_string();
  return container ? *container : cis::Container();
}

const auto& security(const cis::Container& container) {
  return container.pod.containers.at(0).security_context;
}

TEST(Docker, DecodesAContainerIntoAPod) {
  const auto container = decoded(
      {{"Id", "abc"},
       {"Name", "/web"},
       {"State", {{"Status", "running"}, {"Running", true}, {"Health", {{"Status", "healthy"}}}}},
       {"AppArmorProfile", "docker-default"},
       {"Config", {{"User", "1000:1000"}, {"Image", "web:1"}}},
       {"HostConfig",
        {{"Privileged", false},
         {"CapAdd", {"CAP_SYS_ADMIN", "net_admin"}},
         {"NetworkMode", "host"},
         {"PidMode", "host"},
         {"IpcMode", "private"},
         {"PidsLimit", nullptr},
         {"SecurityOpt", {"no-new-privileges"}},
         {"RestartPolicy", {{"Name", "on-failure"}, {"MaximumRetryCount", 5}}}}},
       {"Mounts",
        {{{"Type", "bind"},
          {"Source", "/etc"},
          {"Destination", "/e"},
          {"RW", false},
          {"Propagation", "rprivate"}},
         {{"Type", "volume"}, {"Source", "/var/lib/docker/volumes/x"}, {"Destination", "/v"}}}}});
  EXPECT_EQ(container.name, "web");
  EXPECT_TRUE(container.running);
  EXPECT_TRUE(container.health_check);
  EXPECT_EQ(container.restarts, 5);
  EXPECT_EQ(security(container).capabilities.add,
            (std::vector<std::string>{"SYS_ADMIN", "NET_ADMIN"}));
  EXPECT_EQ(security(container).seccomp_type, "RuntimeDefault");
  EXPECT_EQ(security(container).apparmor_type, "RuntimeDefault");
  EXPECT_EQ(security(container).allow_privilege_escalation, false);
  EXPECT_EQ(security(container).run_as_user, 1000);
  EXPECT_TRUE(container.pod.host_network);
  EXPECT_TRUE(container.pod.host_pid);
  EXPECT_FALSE(container.pod.host_ipc);
  EXPECT_TRUE(container.pod.volumes.at(0).has(VolumeKind::HostPath));
  EXPECT_FALSE(container.pod.volumes.at(1).has(VolumeKind::HostPath));
  const auto place = [&](const char* pointer) { return container.pod.place(pointer); };
  EXPECT_EQ(place("/spec/containers/0/securityContext/privileged"), "/HostConfig/Privileged");
  EXPECT_EQ(place("/spec/containers/0/securityContext/capabilities/add/1"), "/HostConfig/CapAdd/1");
  EXPECT_EQ(place("/spec/volumes/0/hostPath/path"), "/Mounts/0/Source");
  EXPECT_EQ(place("/spec/hostPID"), "/HostConfig/PidMode");
}

TEST(Docker, KnowsWhatSwitchesProtectionOff) {
  const auto with = [](const json& host_config, const cis::Defaults& defaults = {}) {
    return decoded({{"HostConfig", host_config}}, defaults);
  };
  EXPECT_EQ(security(with({{"Privileged", true}})).seccomp_type, "Unconfined");
  EXPECT_EQ(security(with({{"SecurityOpt", {"seccomp=unconfined"}}})).seccomp_type, "Unconfined");
  EXPECT_EQ(security(with({{"SecurityOpt", {"seccomp:unconfined"}}})).seccomp_type, "Unconfined");
  EXPECT_EQ(security(with({{"SecurityOpt", {"seccomp={}"}}})).seccomp_type, "Localhost");
  EXPECT_EQ(security(with({}, {.seccomp = false})).seccomp_type, "Unconfined");
  const auto gains = [&](const char* option, bool by_default = false) {
    return security(with({{"SecurityOpt", {option}}}, {.no_new_privileges = by_default}))
        .allow_privilege_escalation;
  };
  EXPECT_EQ(gains("no-new-privileges"), false);
  EXPECT_EQ(gains("no-new-privileges:true"), false);
  EXPECT_EQ(gains("no-new-privileges=true"), false);
  EXPECT_EQ(gains("no-new-privileges:false"), true);
  EXPECT_EQ(gains("no-new-privileges:false", true), true);
  EXPECT_EQ(gains("label=x"), true);
  EXPECT_EQ(gains("label=x", true), false);
  // Docker writes the AppArmor profile down when it starts a container.
  EXPECT_EQ(security(with({}, {.apparmor = true})).apparmor_type, "RuntimeDefault");
  EXPECT_EQ(security(with({}, {.apparmor = false})).apparmor_type, "Unconfined");
  EXPECT_EQ(security(with({{"Privileged", true}})).apparmor_type, "Unconfined");
  EXPECT_EQ(security(with({{"SecurityOpt", {"apparmor=mine"}}})).apparmor_type, "Localhost");
  // What is to be changed is what switches it off.
  const auto place = [](const cis::Container& container) {
    return container.pod.place("/spec/containers/0/securityContext/appArmorProfile/type");
  };
  EXPECT_EQ(place(with({{"Privileged", true}})), "/HostConfig/Privileged");
  EXPECT_EQ(place(with({})), "/AppArmorProfile");
  EXPECT_EQ(place(with({{"Privileged", true}, {"SecurityOpt", {"apparmor=unconfined"}}})),
            "/AppArmorProfile")
      << "which stays without privileged";
}

TEST(Docker, TakesThePortsThatArePublished) {
  const json asked = {{"80/tcp", {{{"HostIp", ""}, {"HostPort", "8080"}}}}};
  const json published = {
      {"80/tcp",
       {{{"HostIp", "0.0.0.0"}, {"HostPort", "8080"}}, {{"HostIp", "::"}, {"HostPort", "8080"}}}},
      {"90/tcp", nullptr}};
  const json running = {{"Status", "running"}, {"Running", true}};
  json container = {{"State", running},
                    {"HostConfig", {{"PortBindings", asked}}},
                    {"NetworkSettings", {{"Ports", published}}}};
  EXPECT_EQ(decoded(container).ports.size(), 2U);
  EXPECT_EQ(decoded(container).ports.at(1).host_ip, "::");
  container["State"]["Running"] = false;
  ASSERT_EQ(decoded(container).ports.size(), 1U);
  EXPECT_EQ(decoded(container).ports.at(0).host_ip, "");
  container["HostConfig"]["NetworkMode"] = "host";
  EXPECT_TRUE(decoded(container).ports.empty());
  container["HostConfig"] = {{"PortBindings", {{"80/tcp", {{{"HostPort", ""}}}}}}};
  EXPECT_EQ(decoded(container).pod.containers.at(0).host_ports, (std::vector<std::int32_t>{-1}))
      << "a port that is still to be chosen is one";
  container["HostConfig"] = {{"PortBindings", {{"80/tcp", {{{"HostPort", "0"}}}}}}};
  EXPECT_EQ(decoded(container).pod.containers.at(0).host_ports, (std::vector<std::int32_t>{-1}));
  container["HostConfig"] = {{"PublishAllPorts", true}};
  container["Config"] = {{"ExposedPorts", {{"80/tcp", json::object()}}}};
  ASSERT_EQ(decoded(container).ports.size(), 1U) << "what will be published";
  EXPECT_EQ(decoded(container).ports.at(0).port, "80/tcp");
}

TEST(Docker, SaysWhichFieldItCannotRead) {
  const auto why = [](const char* text) {
    const auto container = decode_container(text, {});
    return container ? "decoded" : container.error().to_string();
  };
  EXPECT_EQ(why(R"({"HostConfig":{"Privileged":"yes"}})"),
            "HostConfig.Privileged: must be a boolean, is a string");
  EXPECT_EQ(why(R"({"Mounts":[{"RW":1}]})"), "Mounts[0].RW: must be a boolean, is an integer");
  EXPECT_EQ(why("[]"), "must be an object, is an array");
  EXPECT_EQ(why(R"({"Config":{},"State":{}})"), "HostConfig: is not there");
  EXPECT_EQ(why(R"({"HostConfig":null,"Config":{},"State":{}})"), "HostConfig: is not there");
  EXPECT_EQ(why(R"({"HostConfig":{},"Config":null,"State":{}})"), "Config: is not there");
  EXPECT_EQ(why(R"({"HostConfig":{},"Config":{}})"), "State: is not there");
  for (const char* broken : {"{", "", "{\"HostConfig\":"})
    EXPECT_TRUE(why(broken).starts_with("is no JSON: ")) << broken;
  EXPECT_EQ(why(R"({"HostConfig":{"Privileged":false,"Privileged":true}})"),
            "HostConfig.Privileged: stands there twice");
}

TEST(Docker, DecodesTheDaemon) {
  const auto daemon = decode_daemon(
      R"({"Name":"h","SecurityOptions":["name=apparmor","name=seccomp,profile=builtin"],
          "Swarm":{"LocalNodeState":"active","Managers":3,"ControlAvailable":true,
                   "NodeID":"own","RemoteManagers":[{"NodeID":"own","Addr":"192.0.2.1:3377"},
                                                    {"NodeID":"n","Addr":"192.0.2.2:4477"}]},
          "Plugins":{"Authorization":["opa"]},"LoggingDriver":"journald",
          "RegistryConfig":{"IndexConfigs":{"docker.io":{"Name":"docker.io","Secure":true},
                                            "old:5000":{"Name":"old:5000","Secure":false}},
                            "InsecureRegistryCIDRs":["10.0.0.0/8","127.0.0.0/8","::1/128"]}})",
      R"({"Version":"26.1","Components":[{"Name":"Engine"}]})");
  ASSERT_TRUE(daemon) << daemon.error().to_string();
  EXPECT_TRUE(daemon->secures("apparmor"));
  EXPECT_FALSE(daemon->secures("selinux"));
  EXPECT_EQ(daemon->seccomp_profile(), "builtin");
  EXPECT_EQ(daemon->insecure_registries, (std::vector<std::string>{"old:5000", "10.0.0.0/8"}));
  EXPECT_EQ(daemon->swarm_port, 3377);
  EXPECT_EQ(daemon->managers, 3);
  EXPECT_FALSE(daemon->podman);
  EXPECT_TRUE(decode_daemon("{}", R"({"Components":[{"Name":"Podman Engine"}]})")->podman);
}

TEST(Docker, DecodesProcessesAndLists) {
  EXPECT_EQ(*decode_top(R"({"Titles":["UID","PID","CMD"],"Processes":[["0","1","sshd: x"]]})"),
            (std::vector<std::string>{"sshd: x"}));
  EXPECT_EQ(*decode_top(R"({"Titles":["USER","COMMAND"],"Processes":[["0","a b"]]})"),
            (std::vector<std::string>{"a b"}));
  EXPECT_FALSE(decode_top(R"({"Titles":["PID"],"Processes":[["1"]]})"));
  EXPECT_FALSE(decode_top(R"({"Titles":["CMD"],"Processes":[[]]})"));
  const auto images = decode_images(
      R"([{"Id":"sha256:0123456789abcdef","RepoTags":null},{"Id":"sha256:b","RepoTags":["a:1"]},
          {"Id":"sha256:0123456789abcdef","RepoTags":["<none>:<none>"]}])");
  EXPECT_EQ(images->at(0).name, "0123456789ab");
  EXPECT_EQ(images->at(1).name, "a:1");
  EXPECT_EQ(images->at(2).name, "0123456789ab");
  EXPECT_TRUE(*decode_health_check(R"({"Config":{"Healthcheck":{"Test":["CMD","true"]}}})"));
  EXPECT_FALSE(*decode_health_check(R"({"Config":{"Healthcheck":{"Test":["NONE"]}}})"));
  EXPECT_FALSE(*decode_health_check(R"({"Config":{"Healthcheck":{"Test":[]}}})"));
  EXPECT_FALSE(*decode_health_check(R"({"Config":{"Healthcheck":null}})"));
  const auto containers = decode_containers(
      R"([{"Id":"a","Names":["/app/db","/db"]},{"Id":"b","Names":["/web"]},{"Id":"c","Names":null}])");
  EXPECT_EQ(containers->at(0).name, "db") << "and not as those call it that are linked to it";
  EXPECT_EQ(containers->at(1).name, "web");
  EXPECT_EQ(containers->at(2).name, "");
  EXPECT_EQ(decode_swarm(R"({"Spec":{"CAConfig":{"NodeCertExpiry":7776000000000000},
                                     "EncryptionConfig":{"AutoLockManagers":true}}})")
                ->certificate_hours,
            90 * 24);
  EXPECT_EQ(decode_message(R"({"message":"no"})"), "no");
  EXPECT_EQ(decode_message("no JSON"), "");
}

TEST(Docker, TakesFlagsAndFileForTheSame) {
  const std::vector<std::string> arguments{"-H",
                                           "fd://",
                                           "-Htcp://0:1",
                                           "--icc=false",
                                           "--tls",
                                           "--insecure-registry",
                                           "a",
                                           "--log-level",
                                           "debug",
                                           "-D",
                                           "stray",
                                           "-l=warn",
                                           "--storage-opt=dm.basesize=20G",
                                           "--data-root"};
  const auto flags = settings_of(arguments);
  EXPECT_EQ(flags.at("host"), (std::vector<std::string>{"fd://", "tcp://0:1"}));
  EXPECT_EQ(flags.at("icc"), (std::vector<std::string>{"false"}));
  EXPECT_EQ(flags.at("tls"), (std::vector<std::string>{"true"}));
  EXPECT_EQ(flags.at("insecure-registry"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(flags.at("log-level"), (std::vector<std::string>{"debug", "warn"}));
  EXPECT_EQ(flags.at("storage-opt"), (std::vector<std::string>{"dm.basesize=20G"}));
  EXPECT_EQ(flags.at("debug"), (std::vector<std::string>{"true"}));
  const auto file = decode_daemon_file(
      R"({"icc":false,"hosts":["fd://"],"log-level":"info","default-ulimits":{"nofile":{"Hard":1}}})");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->at("icc"), (std::vector<std::string>{"false"}));
  EXPECT_EQ(file->at("host"), (std::vector<std::string>{"fd://"}));
  EXPECT_EQ(file->at("default-ulimit").size(), 1U);
  EXPECT_FALSE(decode_daemon_file("[]"));
}

TEST(Docker, NoFlagHidesTheNext) {
  using Arguments = std::vector<std::string>;
  const Arguments open{"tcp://0.0.0.0:2375"};
  const std::vector<Arguments> rows{{"--ip-forward-no-drop", "-H", "tcp://0.0.0.0:2375"},
                                    {"--allow-direct-routing", "--host", "tcp://0.0.0.0:2375"},
                                    {"--of-tomorrow", "--host=tcp://0.0.0.0:2375"},
                                    {"-DH", "tcp://0.0.0.0:2375"},
                                    {"-DHtcp://0.0.0.0:2375"},
                                    {"-DH=tcp://0.0.0.0:2375"}};
  for (const Arguments& row : rows) {
    const auto flags = settings_of(row);
    ASSERT_TRUE(flags.contains("host")) << row[0];
    EXPECT_EQ(flags.at("host"), open) << row[0];
  }
  EXPECT_EQ(settings_of(rows[3]).at("debug"), (Arguments{"true"}));
  EXPECT_EQ(settings_of(Arguments{"--of-tomorrow", "value"}).at("of-tomorrow"),
            (Arguments{"value"}));
}

TEST(Docker, SwitchesHaveAllTheNamesThatGoGivesThem) {
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"})
    EXPECT_EQ(settings_of(std::vector<std::string>{std::string("--iptables=") + no}).at("iptables"),
              (std::vector<std::string>{"false"}))
        << no;
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"})
    EXPECT_EQ(
        settings_of(std::vector<std::string>{std::string("--tlsverify=") + yes}).at("tlsverify"),
        (std::vector<std::string>{"true"}))
        << yes;
  EXPECT_EQ(settings_of(std::vector<std::string>{"-D=0"}).at("debug"),
            (std::vector<std::string>{"false"}));
  EXPECT_EQ(settings_of(std::vector<std::string>{"--mtu=1"}).at("mtu"),
            (std::vector<std::string>{"1"}));
}

TEST(Docker, LooksUsersUpInAnArchive) {
  const std::string list = "root:x:0:0::/:/bin/sh\ntoor:x:0:0:::\napp:x:1000:1000:::\nbad:x\n";
  std::string archive(512, '\0');
  archive.replace(0, 6, "passwd");
  archive.replace(124, 11, "00000000" + std::string("107").substr(0, 3));
  archive[156] = '0';
  char size[12];
  std::snprintf(size, sizeof size, "%011zo", list.size());
  archive.replace(124, 11, size);
  archive += list + std::string(512 - list.size(), '\0');
  ASSERT_TRUE(file_in(archive));
  EXPECT_EQ(file_in(archive)->bytes, list);
  EXPECT_FALSE(file_in(""));
  EXPECT_FALSE(file_in(std::string(600, 'x')));
  EXPECT_FALSE(file_in(std::string_view(archive).substr(0, 540))) << "cut short";
  for (std::size_t cut = 0; cut < archive.size(); cut += 7) file_in(archive.substr(0, cut));
  archive[156] = '2';
  archive.replace(157, 9, "users.txt");
  ASSERT_TRUE(file_in(archive));
  EXPECT_EQ(file_in(archive)->link, "users.txt");
  EXPECT_EQ(uid_in(list, "toor"), 0);
  EXPECT_EQ(uid_in(list, "app"), 1000);
  EXPECT_EQ(uid_in(list, "to"), std::nullopt);
  EXPECT_EQ(uid_in("", "app"), std::nullopt);
  for (const char* root :
       {"app:x:zz:0", "app:x", "app", "app:x::", " \tapp:x:0:0\r", "a:x:1\napp:x:+0:1"})
    EXPECT_EQ(uid_in(root, "app"), 0) << root;
}

}  // namespace
}  // namespace plimsoll::codec::docker
