// Section 2: how the daemon is set up. What it says of itself comes before what it was told.
#include "cis/sections.h"

namespace plimsoll::cis {
namespace {

using enum Severity;

constexpr std::string_view kPodman = "podman runs without a daemon: there is no such setting";

/// A setting that is not there is at its default only if everything could be read.
bool not_sure(const Host& host, std::string_view name, Said& said) {
  if (host.setting(name) != nullptr) return false;
  if (host.daemon.podman) return said.say(ItemStatus::Info, std::string(kPodman)), true;
  const std::string why = host.unsure();
  if (why.empty()) return false;
  said.not_seen(why);
  return true;
}

void rootless(const Host& host, Said& said) {
  if (host.daemon.secures("rootless")) return said.say(ItemStatus::Pass, "the daemon is rootless");
  said.say(ItemStatus::Note, "the daemon runs as root");
}

void icc(const Host& host, Said& said) {
  constexpr std::string_view kOption = "com.docker.network.bridge.enable_icc";
  constexpr std::string_view kText =
      "containers on the default bridge reach each other's every port";
  if (host.networks)
    for (const Network& network : *host.networks)
      if (network.name == "bridge")
        if (const auto at = network.options.find(std::string(kOption));
            at != network.options.end()) {
          if (at->second != "false") said.warn(std::string(kText), "icc");
          return;
        }
  if (not_sure(host, "icc", said)) return;
  if (host.last("icc") != "false") said.warn(std::string(kText), "icc");
}

void log_level(const Host& host, Said& said) {
  if (not_sure(host, "log-level", said)) return;
  std::string level(host.last("log-level"));
  std::ranges::transform(level, level.begin(), [](unsigned char c) { return std::tolower(c); });
  if (host.daemon.debug)
    said.warn("the daemon logs at the level debug", "debug");
  else if (!level.empty() && level != "info")
    said.warn(fmt::format("the daemon logs at the level {}", level), "log-level");
}

void iptables(const Host& host, Said& said) {
  if (not_sure(host, "iptables", said)) return;
  if (host.last("iptables") == "false")
    said.warn("the daemon does not set up the packet filter", "iptables");
}

void insecure_registries(const Host& host, Said& said) {
  auto names = host.daemon.insecure_registries;
  if (const auto* told = host.setting("insecure-registry"))
    for (const std::string& name : *told)
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  for (const std::string& name : names)
    said.warn(fmt::format("the registry {} is talked to without a check of who it is", name),
              "insecure-registries", name);
}

void aufs(const Host& host, Said& said) {
  if (host.daemon.driver.empty())
    return said.not_seen("the daemon does not say its storage driver");
  if (host.daemon.driver == "aufs") said.warn("the storage driver is aufs", "storage-driver");
}

/// Where the daemon says itself that anybody may talk to it, such as `http://0.0.0.0:2375`.
/// Source: moby daemon/info.go, fillAPIInfo.
std::vector<std::string> confessed(const Daemon& daemon) {
  constexpr std::string_view kWords = "API is accessible on ";
  std::vector<std::string> open;
  for (const std::string_view warning : daemon.warnings)
    if (const auto at = warning.find(kWords); at != std::string_view::npos) {
      const auto address = warning.substr(at + kWords.size());
      open.emplace_back(address.substr(0, address.find(' ')));
    }
  return open;
}

void tls(const Host& host, Said& said) {
  const auto known = confessed(host.daemon);
  for (const std::string& at : known)
    said.warn(
        fmt::format("the daemon listens on {} {}", at,
                    at.starts_with("https:") ? "and asks nobody for a certificate" : "without TLS"),
        "hosts", at);
  if (!known.empty()) return;
  std::vector<std::string> open;
  const auto* const hosts = host.setting("host");
  for (const std::string& at : hosts == nullptr ? std::vector<std::string>() : *hosts)
    if (at.starts_with("fd://")) {
      // Where it listens is for systemd to know: `/run/docker.sock`, `2375`, `0.0.0.0:2375`.
      if (!host.socket_unit) {
        said.not_seen(host.socket_unit.why);
        continue;
      }
      std::ranges::copy_if(*host.socket_unit, std::back_inserter(open), [](std::string_view s) {
        return !s.starts_with('/') && !s.starts_with('@');
      });
    } else if (!at.starts_with("unix://") && !at.starts_with("npipe://")) {
      open.push_back(at);
    }
  if (open.empty()) {
    if (said.unseen || not_sure(host, "host", said)) return;
    return said.say(ItemStatus::Info, "the daemon does not listen on TCP");
  }
  said = {};
  // Source: moby daemon/command/daemon.go, loadDaemonCliConfig: whatever tlsverify says, there is
  // TLS where it is set; and where it is not, tls alone verifies as well.
  const bool set = host.setting("tlsverify") != nullptr;
  const bool encrypted = set || host.last("tls") == "true";
  if (set ? host.last("tlsverify") == "true" : encrypted) return;
  for (const std::string& at : open)
    said.warn(fmt::format("the daemon listens on {} {}", at,
                          encrypted ? "and asks nobody for a certificate" : "without TLS"),
              "hosts", at);
}

void default_ulimit(const Host& host, Said& said) {
  if (not_sure(host, "default-ulimit", said)) return;
  const auto* limits = host.setting("default-ulimit");
  if (limits == nullptr || limits->empty())
    said.say(ItemStatus::Info, "containers get no limits of the daemon's");
}

void user_namespaces(const Host& host, Said& said) {
  if (host.daemon.secures("userns") || host.daemon.secures("rootless")) return;
  if (host.daemon.podman)
    said.say(ItemStatus::Info, "podman gives each container its own by --userns");
  else
    said.warn("root in a container is root on the host", "userns-remap");
}

void cgroup_parent(const Host& host, Said& said) {
  if (not_sure(host, "cgroup-parent", said)) return;
  if (const auto parent = host.last("cgroup-parent"); !parent.empty())
    said.warn(fmt::format("containers are put into the cgroup {}", parent), "cgroup-parent");
}

void base_size(const Host& host, Said& said) {
  if (not_sure(host, "storage-opt", said)) return;
  if (const auto* options = host.setting("storage-opt"))
    for (const std::string& option : *options)
      if (option.find("dm.basesize") != std::string::npos)
        said.warn(fmt::format("the storage driver is told {}", option), "storage-opts");
}

void authorization(const Host& host, Said& said) {
  if (host.daemon.podman) return said.say(ItemStatus::Info, std::string(kPodman));
  if (host.daemon.authorization_plugins.empty())
    said.warn("whoever can talk to the daemon may do everything", "authorization-plugins");
}

void remote_logging(const Host& host, Said& said) {
  const std::string& driver = host.daemon.logging_driver;
  if (driver.empty() && host.daemon.podman)
    return said.say(ItemStatus::Info, "podman does not say its log driver");
  if (driver.empty()) return said.not_seen("the daemon does not say its log driver");
  if (driver == "json-file" || driver == "local" || driver == "none" || driver == "k8s-file")
    said.warn(fmt::format("the log driver {} keeps what containers say on this host, if anywhere",
                          driver),
              "log-driver");
}

void no_new_privileges(const Host& host, Said& said) {
  if (host.daemon.secures("no-new-privileges")) return;
  if (not_sure(host, "no-new-privileges", said)) return;
  if (host.last("no-new-privileges") != "true")
    said.warn("containers may gain privileges unless they say otherwise", "no-new-privileges");
}

void live_restore(const Host& host, Said& said) {
  if (host.daemon.podman) return said.say(ItemStatus::Info, std::string(kPodman));
  if (host.daemon.live_restore) return;
  if (host.daemon.swarm == "active") return said.say(ItemStatus::Pass, "a swarm cannot have it");
  said.warn("containers end when the daemon does", "live-restore");
}

void userland_proxy(const Host& host, Said& said) {
  if (not_sure(host, "userland-proxy", said)) return;
  if (host.last("userland-proxy") != "false")
    said.warn("published ports go through the userland proxy", "userland-proxy");
}

void seccomp_profile(const Host& host, Said& said) {
  const auto profile = host.daemon.seccomp_profile();
  if (profile.empty() || profile == "unconfined")
    return said.say(ItemStatus::Info, "containers get no seccomp profile");
  if (profile != "default" && profile != "builtin")
    said.say(ItemStatus::Info, fmt::format("a profile of the host's own: {}", profile));
}

void experimental(const Host& host, Said& said) {
  // podman says so of every build.
  if (host.daemon.podman) return said.say(ItemStatus::Info, std::string(kPodman));
  if (host.daemon.experimental) said.warn("experimental features are on", "experimental");
}

constexpr Item kItems[] = {
    item<"2.1">(Medium,
                {"The daemon runs as a user other than root, where it can",
                 "Whoever takes over a rootless daemon has one user, and not the host.",
                 "See whether the host can do with Docker's rootless mode."},
                rootless),
    item<"2.2">(Medium,
                {"Containers on the default bridge do not reach each other",
                 "One container that is taken over can otherwise attack all others from inside.",
                 "Set \"icc\": false in daemon.json (`dockerd --icc=false`), and give containers "
                 "that belong together a network of their own."},
                icc),
    item<"2.3">(Low,
                {"The daemon logs at the level info",
                 "With less, what happened is not in the log; with more, it cannot be found.",
                 "Set \"log-level\": \"info\" in daemon.json, or leave it out; and \"debug\" too."},
                log_level),
    item<"2.4">(Medium,
                {"The daemon sets up the packet filter",
                 "By hand the rules for networks of containers are easily made too wide.",
                 "Take \"iptables\": false out of daemon.json and the command line."},
                iptables),
    item<"2.5">(High,
                {"Every registry has to prove who it is",
                 "Otherwise whoever is in between puts images of his own on the host.",
                 "Give the registry a certificate, and take it out of \"insecure-registries\"."},
                insecure_registries),
    item<"2.6">(Low,
                {"The storage driver is not aufs",
                 "aufs is out of every kernel's tree and no longer looked after.",
                 "Use the storage driver overlay2."},
                aufs),
    item<"2.7">(Critical,
                {"Whoever reaches the daemon by TCP shows a certificate",
                 "The daemon does all that root can: an open port is a root shell for the network.",
                 "Set \"tlsverify\": true with \"tlscacert\", \"tlscert\" and \"tlskey\" in "
                 "daemon.json, or leave the TCP address out and use `DOCKER_HOST=ssh://`."},
                tls),
    item<"2.8">(Low,
                {"The daemon has limits for containers that set none",
                 "A container without limits can use up files and processes of the host.",
                 "Set \"default-ulimits\" in daemon.json."},
                default_ulimit),
    item<"2.9">(High,
                {"Containers have user namespaces",
                 "Root in a container is then nobody outside, so that a break-out gains little.",
                 "Set \"userns-remap\": \"default\" in daemon.json."},
                user_namespaces),
    item<"2.10">(Low,
                 {"Containers are in Docker's own cgroup",
                  "In another one the limits of the host's administrator may not hold for them.",
                  "Take \"cgroup-parent\" out of daemon.json and the command line, or note down "
                  "why it is there."},
                 cgroup_parent),
    item<"2.11">(Low,
                 {"The base device has its usual size",
                  "A larger one lets a single container fill the disk.",
                  "Take dm.basesize out of \"storage-opts\"."},
                 base_size),
    item<"2.12">(Medium,
                 {"An authorization plugin decides who may do what",
                  "Without one everybody in the group docker is root.",
                  "Install an authorization plugin and name it in \"authorization-plugins\" of "
                  "daemon.json."},
                 authorization),
    item<"2.13">(Low,
                 {"What containers say is kept elsewhere too",
                  "Whoever takes over the host can delete what is kept on it.",
                  "Set \"log-driver\" in daemon.json to one that sends it away, such as syslog, "
                  "journald with a collector, fluentd or gelf."},
                 remote_logging),
    item<"2.14">(High,
                 {"Containers gain no privileges unless they say so",
                  "A set-user-ID program in an image otherwise makes root of any user.",
                  "Set \"no-new-privileges\": true in daemon.json."},
                 no_new_privileges),
    item<"2.15">(Low,
                 {"Containers live on while the daemon restarts",
                  "Otherwise updates of Docker are put off, because they stop everything.",
                  "Set \"live-restore\": true in daemon.json."},
                 live_restore),
    item<"2.16">(Low,
                 {"Ports are published without the userland proxy",
                  "The kernel does it alone; the proxy is one more program that listens.",
                  "Set \"userland-proxy\": false in daemon.json."},
                 userland_proxy),
    item<"2.17">(Medium,
                 {"A seccomp profile holds for all containers",
                  "A profile with fewer system calls leaves an attacker less of the kernel.",
                  "Leave \"seccomp-profile\" out of daemon.json, or give a tighter one."},
                 seccomp_profile),
    item<"2.18">(
        Low,
        {"Experimental features are off", "They are neither finished nor looked at as the rest is.",
         "Take \"experimental\": true out of daemon.json."},
        experimental),
};

}  // namespace

std::span<const Item> daemon_items() { return kItems; }

}  // namespace plimsoll::cis
