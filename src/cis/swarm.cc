// Section 7: a swarm, where there is one.
#include "cis/sections.h"

namespace plimsoll::cis {
namespace {

using enum Severity;

bool off(const Host& host, Said& said) {
  const std::string& state = host.daemon.swarm;
  if (state == "active") return false;
  if (state.empty() || state == "inactive")
    said.say(ItemStatus::Pass, "swarm mode is off");
  else
    said.say(ItemStatus::Info, fmt::format("swarm mode is {}: nothing can be asked", state));
  return true;
}

bool elsewhere(const Host& host, Said& said) {
  if (host.daemon.manager) return false;
  said.say(ItemStatus::Info, "only a manager of the swarm can say");
  return true;
}

// A majority has to agree: an even one more gains nothing, and more than seven are slow.
void managers(const Host& host, Said& said) {
  constexpr std::int64_t kMost = 7;
  if (off(host, said) || elsewhere(host, said)) return;
  const auto count = host.daemon.managers;
  if (count < 1) return said.not_seen("the daemon does not say how many managers there are");
  if (count > kMost || (count > 1 && count % 2 == 0))
    said.warn(fmt::format("the swarm has {} managers", count), "Swarm.Managers");
  else
    said.say(ItemStatus::Pass, fmt::format("managers: {}", count));
}

void own_interface(const Host& host, Said& said) {
  if (off(host, said)) return;
  if (!host.swarm_port_open) return said.not_seen(host.swarm_port_open.why);
  if (*host.swarm_port_open) said.warn("the swarm listens on every address of the host");
}

void encrypted_overlays(const Host& host, Said& said) {
  if (!host.networks) return said.not_seen(host.networks.why);
  for (const Network& network : *host.networks)
    if (network.driver == "overlay" && !network.options.contains("encrypted"))
      said.warn(
          fmt::format("the overlay network {} ({}) is not encrypted", network.name, network.scope),
          "Options", network.name);
}

void secrets(const Host& host, Said& said) {
  if (off(host, said) || elsewhere(host, said)) return;
  if (!host.secrets) return said.not_seen(host.secrets.why);
  if (*host.secrets == 0) said.say(ItemStatus::Info, "the swarm keeps no secrets");
}

void auto_lock(const Host& host, Said& said) {
  if (off(host, said) || elsewhere(host, said)) return;
  if (!host.swarm) return said.not_seen(host.swarm.why);
  if (!host.swarm->auto_lock)
    said.warn("the keys of the swarm lie open on the managers' disks",
              "Spec.EncryptionConfig.AutoLockManagers");
}

void key_rotation(const Host& host, Said& said) {
  if (!off(host, said)) said.say(ItemStatus::Note);
}

void node_certificates(const Host& host, Said& said) {
  constexpr std::int64_t kGood = 48;
  if (off(host, said) || elsewhere(host, said)) return;
  if (!host.swarm) return said.not_seen(host.swarm.why);
  const auto hours = host.swarm->certificate_hours;
  if (hours <= 0) return said.not_seen("the swarm does not say how long certificates are good");
  said.say(hours <= kGood ? ItemStatus::Pass : ItemStatus::Info,
           fmt::format("certificates of nodes are good for {} hours", hours));
}

void for_a_manager(const Host& host, Said& said) {
  if (!off(host, said)) said.say(ItemStatus::Info, "a person has to look");
}

constexpr Item kItems[] = {
    item<"7.1">(Low,
                {"A swarm has as many managers as it needs, and no more",
                 "Each manager can do everything in the swarm.",
                 "Keep three, five or seven: `docker node demote NODE`."},
                managers),
    item<"7.2">(Medium,
                {"The swarm listens on one address",
                 "On every address it can be reached from networks that it is not meant for.",
                 "Give it one: `docker swarm init --listen-addr ADDRESS:2377`."},
                own_interface),
    item<"7.3">(Medium,
                {"Overlay networks are encrypted",
                 "What containers on different hosts say to each other can otherwise be read.",
                 "Make the network anew with `docker network create --driver overlay --opt "
                 "encrypted`."},
                encrypted_overlays),
    item<"7.4">(
        Medium,
        {"Secrets are kept by the swarm", "In environments and images everybody can read them.",
         "Use `docker secret create` and `--secret`."},
        secrets),
    item<"7.5">(Medium,
                {"Managers are locked when they start",
                 "The keys on a manager's disk are otherwise those of the whole swarm.",
                 "`docker swarm update --autolock=true`, and keep the key elsewhere."},
                auto_lock),
    item<"7.6">(Low,
                {"The key that unlocks managers is changed now and then",
                 "A key that leaked once is good for ever otherwise.",
                 "`docker swarm unlock-key --rotate`."},
                key_rotation),
    item<"7.7">(
        Low,
        {"Certificates of nodes are short-lived", "A stolen certificate is good until it ends.",
         "`docker swarm update --cert-expiry 48h`."},
        node_certificates),
    item<"7.8">(Low,
                {"The swarm's CA is changed now and then",
                 "Whoever has the CA's key can add nodes for ever.", "`docker swarm ca --rotate`."},
                for_a_manager),
    item<"7.9">(Medium,
                {"The swarm's own traffic is kept from that of containers",
                 "Otherwise what floods the one stops the other.",
                 "Give them networks of their own: `docker swarm init --data-path-addr`."},
                for_a_manager),
};

}  // namespace

std::span<const Item> swarm_items() { return kItems; }

}  // namespace plimsoll::cis
