#include "app/rotation.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <utility>

namespace plimsoll::app {
namespace {

using server::CertificateFacts;
using std::chrono::milliseconds;
using std::chrono::sys_seconds;

constexpr std::string_view kCaName = "Plimsoll self-managed CA";
// A forced rotation leaves a CA behind; a bundle must not grow without end.
constexpr std::size_t kMostAuthorities = 8;
constexpr std::size_t kMostHosts = 64;

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

std::string joined(const std::vector<std::string>& certificates) {
  return fmt::format("{}", fmt::join(certificates, ""));
}

bool expired(const CertificateFacts& facts, Moment now) { return facts.not_after <= now.wall; }

/// Made by a clock that is further ahead than clocks are: for everybody else it is not valid yet.
bool from_the_future(const CertificateFacts& facts, Moment now) {
  return facts.not_before > now.wall + server::backdate_of(facts.valid());
}

bool due(const CertificateFacts& facts, Moment now) {
  return now.wall >= facts.not_after - facts.valid() / 3;
}

/// Whether every API server has had the CA for long enough to trust what it signs. What was not
/// seen lately may have changed.
bool settled(const Replica& replica, const std::string& ca, const RotationRules& rules,
             Moment now) {
  const auto since = replica.trusted_since.find(ca);
  return since != replica.trusted_since.end() &&
         replica.observed - since->second >= rules.settle() &&
         now.steady - replica.observed <= rules.settle();
}

/// The CAs that every webhook trusts.
std::vector<std::string> trusted_by_all(const Registration& registration) {
  std::vector<std::string> common = server::split_certificates(registration.bundles.front());
  for (const std::string& bundle : registration.bundles) {
    const auto there = server::split_certificates(bundle);
    std::erase_if(common, [&](const std::string& ca) { return !contains(there, ca); });
  }
  return common;
}

/// What is wrong with the CA; empty: nothing.
std::string ca_fault(const SecretData& have, const std::optional<CertificateFacts>& facts,
                     Moment now) {
  if (have.ca_certificate.empty() && have.ca_key.empty()) return "there was none";
  if (!facts || !facts->ca) return "ca.crt is not one";
  if (!server::key_fits({have.ca_certificate, have.ca_key})) return "ca.key is not its key";
  if (expired(*facts, now)) return "the old one has expired";
  if (from_the_future(*facts, now)) return "the old one is not valid yet";
  return "";
}

/// What is wrong with the serving pair; empty: nothing.
std::string serving_fault(const SecretData& have, const std::optional<CertificateFacts>& facts,
                          const std::string& signer, const RotationRules& rules, Moment now) {
  if (have.certificate.empty() && have.key.empty()) return "there was none";
  if (!facts) return "tls.crt is not one";
  if (!server::key_fits({have.certificate, have.key})) return "tls.key is not its key";
  if (signer.empty()) return "no CA of the bundle has signed the old one";
  if (expired(*facts, now)) return "the old one has expired";
  if (from_the_future(*facts, now)) return "the old one is not valid yet";
  if (!server::names_hosts(*facts, rules.hosts)) return "the old one does not name every host";
  return "";
}

/// A CA that somebody may still serve under. `ours`: not every CA that the API server trusts is.
bool worth_keeping(const std::string& ca, Moment now, bool ours) {
  const auto facts = server::read_certificate(ca);
  // The clock of whoever serves with it may be behind.
  return facts && facts->ca && now.wall < facts->not_after + server::backdate_of(facts->valid()) &&
         (!ours || facts->common_name == kCaName);
}

/// The CAs to trust: the present one, and those before it. `whole`: the Secret's bundle says which;
/// else they are looked for everywhere.
std::vector<std::string> authorities(const SecretData& have, const std::string& present, bool whole,
                                     const Registration& registration, const Replica& replica,
                                     Moment now) {
  std::vector<std::string> all = {present};
  const auto add = [&](const std::string& pem, bool ours) {
    for (std::string& ca : server::split_certificates(pem))
      if (all.size() < kMostAuthorities && !contains(all, ca) && worth_keeping(ca, now, ours))
        all.push_back(std::move(ca));
  };
  add(have.bundle, false);
  if (whole) return all;
  add(have.ca_certificate, false);
  add(replica.signer, false);
  for (const std::string& bundle : registration.bundles) add(bundle, true);
  return all;
}

bool whole(const SecretData& secret) {
  const auto certificates = server::split_certificates(secret.bundle);
  const auto own = server::split_certificates(secret.ca_certificate);
  return own.size() == 1 && contains(certificates, own.front()) &&
         joined(certificates) == secret.bundle;
}

/// The hosts of a certificate that is to take the place of another: replicas of a new configuration
/// come while those of the old one are there, and neither may take the other's names away.
std::vector<std::string> hosts_with(const RotationRules& rules, const CertificateFacts& old) {
  std::vector<std::string> hosts = rules.hosts;
  for (const std::string& host : old.hosts)
    if (hosts.size() < kMostHosts && !contains(hosts, host) && server::is_host(host))
      hosts.push_back(host);
  return hosts;
}

}  // namespace

void observe(Replica& replica, const Registration& registration, const std::string& bundle,
             const RotationRules& rules, Moment now) {
  if (!registration.known) return;
  const auto trusted = registration.bundles.empty() ? server::split_certificates(bundle)
                                                    : trusted_by_all(registration);
  // Nobody knows what was there while it was not looked at.
  if (now.steady - replica.observed > rules.settle()) replica.trusted_since.clear();
  replica.observed = now.steady;
  std::erase_if(replica.trusted_since,
                [&](const auto& entry) { return !contains(trusted, entry.first); });
  for (const std::string& ca : trusted) replica.trusted_since.emplace(ca, now.steady);
}

Result<Plan> plan(const SecretData& have, const Registration& registration, const Replica& replica,
                  const RotationRules& rules, Moment now) {
  Plan next{have, {}};
  SecretData& secret = next.secret;

  const auto ca_facts = server::read_certificate(have.ca_certificate);
  std::string why = ca_fault(have, ca_facts, now);
  const bool sound = why.empty();
  if (sound && due(*ca_facts, now) &&
      settled(replica, server::split_certificates(have.ca_certificate).front(), rules, now) &&
      !server::signer_of(have.certificate, have.ca_certificate).empty())
    why = "two thirds of the old one's time are over";
  // A new CA could take the place of one that is only known from the registration.
  if (!sound && !registration.known) return next;
  if (!why.empty()) {
    auto made = server::make_ca(kCaName, rules.ca_validity, now.wall);
    if (!made) return made.error();
    secret.ca_certificate = std::move(made->certificate);
    secret.ca_key = std::move(made->key);
    next.reasons.push_back(fmt::format("new CA: {}", why));
  }

  const std::string present = server::split_certificates(secret.ca_certificate).front();
  secret.ca_certificate = present;  // without what stands around it
  const auto trusted = authorities(have, present, sound && whole(have), registration, replica, now);
  secret.bundle = joined(trusted);
  if (secret.bundle != have.bundle || (sound && secret.ca_certificate != have.ca_certificate))
    next.reasons.push_back(
        fmt::format("bundle of {} CA{}", trusted.size(), trusted.size() == 1 ? "" : "s"));

  const auto facts = server::read_certificate(have.certificate);
  const std::string signer = server::signer_of(have.certificate, secret.bundle);
  why = serving_fault(have, facts, signer, rules, now);
  std::vector<std::string> hosts = rules.hosts;
  if (!why.empty()) {
    if (facts && !server::names_hosts(*facts, rules.hosts)) hosts = hosts_with(rules, *facts);
  } else if (signer != present) {
    if (settled(replica, present, rules, now)) why = "there is a new CA";
  } else if (due(*facts, now)) {
    // By a CA that is at its end only the same end could be made, again and again.
    const auto end = server::read_certificate(present)->not_after;
    if (std::min(now.wall + rules.serving_validity, end) > facts->not_after)
      why = "two thirds of the old one's time are over";
  }
  if (!why.empty()) {
    auto made = server::make_serving({secret.ca_certificate, secret.ca_key}, hosts,
                                     rules.serving_validity, now.wall);
    if (!made) return made.error();
    secret.certificate = std::move(made->certificate);
    secret.key = std::move(made->key);
    next.reasons.push_back(fmt::format("new serving certificate: {}", why));
  }
  return next;
}

bool publishable(const SecretData& secret) {
  return whole(secret) && !server::signer_of(secret.certificate, secret.bundle).empty();
}

bool adopt(Replica& replica, const SecretData& secret, const RotationRules& rules, Moment now) {
  const server::KeyPair offered{secret.certificate, secret.key};
  if (offered.certificate == replica.serving.certificate && offered.key == replica.serving.key)
    return false;
  const auto facts = server::read_certificate(offered.certificate);
  std::string signer = server::signer_of(offered.certificate, secret.bundle);
  if (!facts || signer.empty() || expired(*facts, now) || !server::key_fits(offered) ||
      !server::names_hosts(*facts, rules.hosts))
    return false;
  const auto own = server::read_certificate(replica.serving.certificate);
  const bool own_is_good = own && !expired(*own, now) && !due(*own, now) &&
                           contains(server::split_certificates(secret.bundle), replica.signer);
  if (own_is_good && (facts->not_before > now.wall ||
                      (signer != replica.signer && !settled(replica, signer, rules, now))))
    return false;
  replica.serving = offered;
  replica.signer = std::move(signer);
  return true;
}

bool trusted(const Replica& replica, const Registration& registration, Moment now) {
  return registration.known && !replica.serving.certificate.empty() &&
         std::ranges::all_of(registration.bundles, [&](const std::string& bundle) {
           return server::verifies(replica.serving.certificate, bundle, now.wall);
         });
}

}  // namespace plimsoll::app
